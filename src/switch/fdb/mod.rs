//! A bridge's MAC table: which station was last seen behind which port.
//!
//! Keyed by (VLAN, address), least recently used first, capped, and fair: when it is full, the port with most addresses
//! loses its least recently used one, so that a port flooding made-up addresses evicts its own. Every operation takes the
//! same time whatever the size (finding the fullest port: its logarithm in the number of ports), and none allocates once
//! the table has been full. Addresses are chosen by strangers: the hash is seeded at random.
//!
//! An address that a person put in is static: it does not age, traffic does not move it and flushing leaves it. It counts
//! as its port's like any other, and goes when its port must give one up and has no learned one left.
//!
//! It must not know ports' names, packets or flows.

mod ports;
mod snapshot;
#[cfg(test)]
mod tests;

use core::hash::BuildHasher;
use core::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;
use ovsdp_proto::Mac;
use serde::{Deserialize, Serialize};

use super::chain::{Chain, Links};
use super::time::Moment;
use super::topology::PortId;
use ports::Ports;

pub use snapshot::FdbEntry;
pub(crate) use snapshot::{Restored, seen};

/// How long an address stays without being seen, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    aging: Duration,
    size: u32,
}

impl Limits {
    /// Limits within the bounds Open vSwitch has: 15 to 3600 seconds, 10 to 1,000,000 addresses. What lies outside is
    /// brought to the nearer bound.
    pub fn new(aging: Duration, size: u32) -> Self {
        Self { aging: aging.clamp(Duration::from_secs(15), Duration::from_secs(3600)), size: size.clamp(10, 1_000_000) }
    }

    /// How long an address stays without being seen.
    pub const fn aging(self) -> Duration {
        self.aging
    }

    /// How many addresses there may be.
    pub const fn size(self) -> u32 {
        self.size
    }
}

impl Default for Limits {
    /// 300 seconds, 8192 addresses.
    fn default() -> Self {
        Self { aging: Duration::from_secs(300), size: 8192 }
    }
}

/// What happened to a table since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Addresses in the table now.
    pub current: u32,
    /// Addresses it can have.
    pub max: u32,
    /// Of the addresses in the table, those that are static.
    pub statics: u32,
    /// Addresses added because a station spoke.
    pub learned: u64,
    /// Addresses removed because a station was silent for the aging time.
    pub expired: u64,
    /// Addresses removed to make room.
    pub evicted: u64,
    /// Addresses found behind another port than before.
    pub moved: u64,
}

/// An address within a bridge: its VLAN (0 when untagged) and the address itself.
pub type Address = (u16, Mac);

/// What learning did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learn {
    /// The station was there already; it is now the most recently used.
    Known,
    /// The station is static: it stays where it is, wherever it speaks.
    Static {
        /// The port it is behind.
        port: PortId,
    },
    /// The station is new; the address that made room for it, if one had to.
    New {
        /// What was evicted.
        evicted: Option<Address>,
    },
    /// The station was behind another port.
    Moved {
        /// The port it was behind.
        from: PortId,
    },
    /// A group address cannot be a station's.
    Refused,
}

/// Where a station is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The port it was last seen behind.
    pub port: PortId,
    /// When that was; of a static one, when it was put there.
    pub used: Moment,
    /// Whether it is static.
    pub is_static: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// VLAN in the upper 16 bits, address in the lower 48.
    key: u64,
    used: Moment,
    slot: u32,
    is_static: bool,
    /// Until when a bond may not move it.
    locked: Moment,
}

/// The key of an entry that is no address's: there is no VLAN of that number.
const FREE: u64 = u64::MAX;

fn pack((vlan, mac): Address) -> u64 {
    (u64::from(vlan) << 48) | mac.as_u64()
}

fn unpack(key: u64) -> Address {
    let [v0, v1, mac @ ..] = key.to_be_bytes();
    (u16::from_be_bytes([v0, v1]), Mac(mac))
}

/// A bridge's MAC table.
#[derive(Debug)]
pub struct Fdb {
    limits: Limits,
    hasher: RandomState,
    index: HashTable<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Every learned entry, the least recently used first; sorted by `used`, because `latest` never goes back.
    lru: Chain,
    /// Every static entry, in the order they were put in.
    statics: Chain,
    /// Of both.
    links: Links,
    ports: Ports,
    port_links: Links,
    latest: Moment,
    stats: Stats,
}

impl Fdb {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            hasher: RandomState::default(),
            index: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            lru: Chain::EMPTY,
            statics: Chain::EMPTY,
            links: Links::default(),
            ports: Ports::default(),
            port_links: Links::default(),
            latest: Moment(0),
            stats: Stats::default(),
        }
    }

    /// The limits in force.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Puts other limits in force and hands `gone` what no longer has room. A shorter aging time takes effect with the
    /// next [`expire`](Self::expire).
    pub fn set_limits(&mut self, limits: Limits, gone: &mut dyn FnMut(Address)) {
        self.limits = limits;
        while self.len() > limits.size {
            let Some(index) = self.victim() else { break };
            gone(self.evict(index));
        }
    }

    /// How many addresses there are.
    pub const fn len(&self) -> u32 {
        self.lru.len() + self.statics.len()
    }

    /// Whether a new one takes the place of another.
    pub(in crate::switch) const fn is_full(&self) -> bool {
        self.len() >= self.limits.size()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What happened so far.
    pub const fn stats(&self) -> Stats {
        Stats { current: self.len(), max: self.limits.size, statics: self.statics.len(), ..self.stats }
    }

    /// Notes that a station spoke behind `port`.
    pub fn learn(&mut self, now: Moment, address: Address, port: PortId) -> Learn {
        let (learn, index) = self.outcome(address, port);
        let now = self.clock(now);
        match (learn, index) {
            (Learn::Known, Some(index)) => {
                let slot = self.touch(now, index);
                self.ports.touch(&mut self.port_links, slot, index);
            }
            (Learn::Moved { .. }, Some(index)) => {
                let slot = self.touch(now, index);
                self.ports.remove(&mut self.port_links, slot, index, false);
                self.entries[index as usize].slot = self.ports.add(&mut self.port_links, port, index, false);
                self.stats.moved += 1;
            }
            (Learn::New { .. }, victim) => {
                if let Some(index) = victim {
                    self.evict(index);
                }
                self.insert(pack(address), now, port, false);
                self.stats.learned += 1;
            }
            _ => {}
        }
        learn
    }

    /// Does as [`learn`](Self::learn) for a station that is known behind `port`, unless it was seen since `since`; says whether it is. `place`
    /// is where it was the last time, and becomes where it is.
    pub(in crate::switch) fn refresh(&mut self, now: Moment, since: Moment, address: Address, port: PortId, place: &mut u32) -> bool {
        let key = pack(address);
        if self.entries.get(*place as usize).is_none_or(|entry| entry.key != key) {
            let Some(index) = self.position(key) else { return false };
            *place = index;
        }
        let index = *place;
        let Entry { slot, is_static, used, .. } = self.entries[index as usize];
        if !is_static && self.ports.port(slot) != port {
            return false;
        }
        if !is_static && used < since {
            let now = self.clock(now);
            self.touch(now, index);
            self.ports.touch(&mut self.port_links, slot, index);
        }
        true
    }

    /// What [`learn`](Self::learn) would do. Changes nothing.
    pub fn foresee(&self, address: Address, port: PortId) -> Learn {
        self.outcome(address, port).0
    }

    /// Puts a static station behind `port`: it stays there until it is forgotten, evicted or the port goes. Says what became
    /// of it: [`Learn::Known`] of a station that was learned there, [`Learn::Static`] when it was so already.
    pub fn pin(&mut self, now: Moment, address: Address, port: PortId) -> Learn {
        let now = self.clock(now);
        let (learn, index) = self.outcome(address, port);
        match (learn, index) {
            (Learn::Refused, _) => return Learn::Refused,
            (Learn::Static { port: at }, _) if at == port => return learn,
            (Learn::New { .. }, Some(index)) => {
                self.evict(index);
            }
            (_, Some(index)) => self.remove(index),
            (_, None) => {}
        }
        let learn = match learn {
            Learn::Static { port: from } => Learn::Moved { from },
            learn => learn,
        };
        self.insert(pack(address), now, port, true);
        learn
    }

    /// Says that until `until` a station that is found behind a bond has not moved there: it has just said where it is, and
    /// what comes by the bond is what the network sent back. An address that is not there is let be.
    pub fn lock(&mut self, address: Address, until: Moment) {
        if let Some(index) = self.position(pack(address)) {
            self.entries[index as usize].locked = until;
        }
    }

    /// Whether [`lock`](Self::lock) holds for an address.
    pub fn is_locked(&self, now: Moment, address: Address) -> bool {
        self.position(pack(address)).is_some_and(|index| now < self.entries[index as usize].locked)
    }

    /// Where a station is. Does not make it more recently used: only its own packets do.
    pub fn find(&self, address: Address) -> Option<Found> {
        Some(self.found(self.position(pack(address))?))
    }

    /// Removes what was not seen for the aging time and hands it to `gone`.
    pub fn expire(&mut self, now: Moment, gone: &mut dyn FnMut(Address)) {
        let now = self.clock(now);
        while let Some(index) = self.lru.front() {
            let Entry { key, used, .. } = self.entries[index as usize];
            if now.since(used) < self.limits.aging {
                return;
            }
            self.remove(index);
            self.stats.expired += 1;
            gone(unpack(key));
        }
    }

    /// When the next address is due to expire; `None` when there is none.
    pub fn next_expiry(&self) -> Option<Moment> {
        self.lru.front().map(|index| self.entries[index as usize].used + self.limits.aging)
    }

    /// Removes one address. Returns whether it was there.
    pub fn forget(&mut self, address: Address) -> bool {
        let index = self.position(pack(address));
        if let Some(index) = index {
            self.remove(index);
        }
        index.is_some()
    }

    /// Removes one address unless it is static.
    pub fn forget_learned(&mut self, address: Address) {
        if let Some(index) = self.position(pack(address)).filter(|index| !self.entries[*index as usize].is_static) {
            self.remove(index);
        }
    }

    /// Removes every learned address and hands it to `gone`.
    pub fn flush(&mut self, gone: &mut dyn FnMut(Address)) {
        while let Some(index) = self.lru.front() {
            let key = self.entries[index as usize].key;
            self.remove(index);
            gone(unpack(key));
        }
    }

    /// Removes every learned address behind `port` and hands it to `gone`.
    pub fn flush_port(&mut self, port: PortId, gone: &mut dyn FnMut(Address)) {
        let learned = self.ports.slot_of(port).map_or(0, |slot| self.ports.learned(slot));
        self.take(port, learned, gone);
    }

    /// Removes every address behind `port`, which is no more, and hands it to `gone`.
    pub fn forget_port(&mut self, port: PortId, gone: &mut dyn FnMut(Address)) {
        let all = self.ports.slot_of(port).map_or(0, |slot| self.ports.count(slot));
        self.take(port, all, gone);
    }

    /// Removes the first `count` addresses behind `port`: the learned ones before the static ones.
    fn take(&mut self, port: PortId, count: u32, gone: &mut dyn FnMut(Address)) {
        let Some(slot) = self.ports.slot_of(port) else { return };
        // The slot is closed with its last address and nothing reopens it meanwhile.
        for _ in 0..count {
            let Some(index) = self.ports.oldest(slot) else { return };
            let key = self.entries[index as usize].key;
            self.remove(index);
            gone(unpack(key));
        }
    }

    /// Every address with where it is: the static ones, then the learned ones, the least recently used first.
    pub fn iter(&self) -> impl Iterator<Item = (Address, Found)> {
        let all = self.statics.iter(&self.links).chain(self.lru.iter(&self.links));
        all.map(|index| (unpack(self.entries[index as usize].key), self.found(index)))
    }

    /// What learning would do, and the entry it would do it to: the station's, or of a new one that which makes room.
    #[inline]
    fn outcome(&self, address: Address, port: PortId) -> (Learn, Option<u32>) {
        if address.1.is_multicast() {
            return (Learn::Refused, None);
        }
        let Some(index) = self.position(pack(address)) else {
            let victim = if self.len() >= self.limits.size { self.victim() } else { None };
            return (Learn::New { evicted: victim.map(|index| unpack(self.entries[index as usize].key)) }, victim);
        };
        let Entry { slot, is_static, .. } = self.entries[index as usize];
        let from = self.ports.port(slot);
        let learn = if is_static {
            Learn::Static { port: from }
        } else if from == port {
            Learn::Known
        } else {
            Learn::Moved { from }
        };
        (learn, Some(index))
    }

    /// Makes a learned entry the most recently used one; returns its slot.
    fn touch(&mut self, now: Moment, index: u32) -> u32 {
        let entry = &mut self.entries[index as usize];
        entry.used = now;
        self.lru.move_back(&mut self.links, index);
        entry.slot
    }

    fn found(&self, index: u32) -> Found {
        let Entry { used, slot, is_static, .. } = self.entries[index as usize];
        Found { port: self.ports.port(slot), used, is_static }
    }

    /// `now`, or the latest moment this table was told when `now` is before it: two callers read the clock one after the
    /// other and may come here in the other order.
    fn clock(&mut self, now: Moment) -> Moment {
        self.latest = self.latest.max(now);
        self.latest
    }

    fn position(&self, key: u64) -> Option<u32> {
        self.index.find(self.hasher.hash_one(key), |index| self.entries[*index as usize].key == key).copied()
    }

    /// Adds an address that is not there, as the last one of its kind.
    fn insert(&mut self, key: u64, used: Moment, port: PortId, is_static: bool) {
        #[expect(clippy::cast_possible_truncation, reason = "Limits has at most a million entries")]
        let index = self.free.pop().unwrap_or(self.entries.len() as u32);
        self.links.cover(index);
        self.port_links.cover(index);
        let entry = Entry { key, used, slot: self.ports.add(&mut self.port_links, port, index, is_static), is_static, locked: Moment(0) };
        match self.entries.get_mut(index as usize) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        let chain = if is_static { &mut self.statics } else { &mut self.lru };
        chain.push_back(&mut self.links, index);
        let entries = &self.entries;
        let rehash = |index: &u32| self.hasher.hash_one(entries[*index as usize].key);
        self.index.insert_unique(self.hasher.hash_one(key), index, rehash);
    }

    fn remove(&mut self, index: u32) {
        let Entry { key, slot, is_static, .. } = self.entries[index as usize];
        let entries = &self.entries;
        let rehash = |index: &u32| self.hasher.hash_one(entries[*index as usize].key);
        if let Place::Occupied(place) = self.index.entry(self.hasher.hash_one(key), |other| *other == index, rehash) {
            place.remove();
        }
        let chain = if is_static { &mut self.statics } else { &mut self.lru };
        chain.remove(&mut self.links, index);
        self.ports.remove(&mut self.port_links, slot, index, is_static);
        self.entries[index as usize].key = FREE;
        self.free.push(index);
    }

    /// The least recently used address of the port that has most.
    fn victim(&self) -> Option<u32> {
        self.ports.oldest(self.ports.fullest()?)
    }

    /// Removes an address to make room.
    fn evict(&mut self, index: u32) -> Address {
        let key = self.entries[index as usize].key;
        self.remove(index);
        self.stats.evicted += 1;
        unpack(key)
    }
}
