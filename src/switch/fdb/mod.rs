//! A bridge's MAC table: which station was last seen behind which port.
//!
//! Keyed by (VLAN, address), least recently used first, capped, and fair: when it is full, the port with most addresses
//! loses its least recently used one, so that a port flooding made-up addresses evicts its own. Every operation takes the
//! same time whatever the size (finding the fullest port: its logarithm in the number of ports), and none allocates once
//! the table has been full. Addresses are chosen by strangers: the hash is seeded at random.
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

/// What learning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learn {
    /// The station was there already; it is now the most recently used.
    Known,
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
    /// When that was.
    pub used: Moment,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// VLAN in the upper 16 bits, address in the lower 48.
    key: u64,
    used: Moment,
    slot: u32,
}

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
    /// Every entry, the least recently used first; sorted by `used`, because `latest` never goes back.
    lru: Chain,
    lru_links: Links,
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
            lru_links: Links::default(),
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
        while self.lru.len() > limits.size {
            let Some(address) = self.evict() else { break };
            gone(address);
        }
    }

    /// How many addresses there are.
    pub const fn len(&self) -> u32 {
        self.lru.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What happened so far.
    pub const fn stats(&self) -> Stats {
        Stats { current: self.lru.len(), max: self.limits.size, ..self.stats }
    }

    /// Notes that a station spoke behind `port`.
    pub fn learn(&mut self, now: Moment, address: Address, port: PortId) -> Learn {
        if address.1.is_multicast() {
            return Learn::Refused;
        }
        let now = self.clock(now);
        let key = pack(address);
        if let Some(index) = self.position(key) {
            let entry = &mut self.entries[index as usize];
            entry.used = now;
            let slot = entry.slot;
            self.lru.move_back(&mut self.lru_links, index);
            let from = self.ports.port(slot);
            if from == port {
                self.ports.touch(&mut self.port_links, slot, index);
                return Learn::Known;
            }
            self.ports.remove(&mut self.port_links, slot, index);
            self.entries[index as usize].slot = self.ports.add(&mut self.port_links, port, index);
            self.stats.moved += 1;
            return Learn::Moved { from };
        }
        let evicted = if self.lru.len() >= self.limits.size { self.evict() } else { None };
        self.insert(key, now, port);
        self.stats.learned += 1;
        Learn::New { evicted }
    }

    /// Where a station is. Does not make it more recently used: only its own packets do.
    pub fn find(&self, address: Address) -> Option<Found> {
        let entry = self.entries[self.position(pack(address))? as usize];
        Some(Found { port: self.ports.port(entry.slot), used: entry.used })
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

    /// Removes every address and hands it to `gone`.
    pub fn flush(&mut self, gone: &mut dyn FnMut(Address)) {
        while let Some(index) = self.lru.front() {
            let key = self.entries[index as usize].key;
            self.remove(index);
            gone(unpack(key));
        }
    }

    /// Removes every address behind `port` and hands it to `gone`.
    pub fn flush_port(&mut self, port: PortId, gone: &mut dyn FnMut(Address)) {
        let Some(slot) = self.ports.slot_of(port) else { return };
        // The slot is closed with its last address and nothing reopens it meanwhile.
        for _ in 0..self.ports.count(slot) {
            let Some(index) = self.ports.oldest(slot) else { return };
            let key = self.entries[index as usize].key;
            self.remove(index);
            gone(unpack(key));
        }
    }

    /// Every address with where it is, the least recently used first.
    pub fn iter(&self) -> impl Iterator<Item = (Address, Found)> {
        self.lru.iter(&self.lru_links).map(|index| {
            let entry = self.entries[index as usize];
            (unpack(entry.key), Found { port: self.ports.port(entry.slot), used: entry.used })
        })
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

    /// Adds an address that is not there, as the most recently used one.
    fn insert(&mut self, key: u64, used: Moment, port: PortId) {
        #[expect(clippy::cast_possible_truncation, reason = "Limits has at most a million entries")]
        let index = self.free.pop().unwrap_or(self.entries.len() as u32);
        self.lru_links.cover(index);
        self.port_links.cover(index);
        let entry = Entry { key, used, slot: self.ports.add(&mut self.port_links, port, index) };
        match self.entries.get_mut(index as usize) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        self.lru.push_back(&mut self.lru_links, index);
        let entries = &self.entries;
        let rehash = |index: &u32| self.hasher.hash_one(entries[*index as usize].key);
        self.index.insert_unique(self.hasher.hash_one(key), index, rehash);
    }

    fn remove(&mut self, index: u32) {
        let Entry { key, slot, .. } = self.entries[index as usize];
        let entries = &self.entries;
        let rehash = |index: &u32| self.hasher.hash_one(entries[*index as usize].key);
        if let Place::Occupied(place) = self.index.entry(self.hasher.hash_one(key), |other| *other == index, rehash) {
            place.remove();
        }
        self.lru.remove(&mut self.lru_links, index);
        self.ports.remove(&mut self.port_links, slot, index);
        self.free.push(index);
    }

    /// Removes the least recently used address of the port that has most.
    fn evict(&mut self) -> Option<Address> {
        let index = self.ports.oldest(self.ports.fullest()?)?;
        let key = self.entries[index as usize].key;
        self.remove(index);
        self.stats.evicted += 1;
        Some(unpack(key))
    }
}
