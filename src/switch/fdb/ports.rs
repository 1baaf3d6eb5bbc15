//! How many addresses each port has in the table, and which port has most: what fair eviction asks.
//!
//! A heap of ports, the one with most addresses at its root. It breaks ties as Open vSwitch's heap does (`lib/heap.c`): a
//! port that merely reaches another's count does not overtake it.

use hashbrown::HashMap;

use crate::switch::chain::{Chain, Links};
use crate::switch::topology::PortId;

/// One port that has at least one address.
#[derive(Debug)]
struct Slot {
    port: PortId,
    /// Its learned addresses, the least recently used first.
    chain: Chain,
    /// Its static addresses.
    statics: Chain,
    /// Where in the heap it stands.
    place: u32,
}

/// The ports that have addresses. A port's slot number is stable until its last address is gone.
#[derive(Debug, Default)]
pub(super) struct Ports {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_port: HashMap<PortId, u32, foldhash::quality::RandomState>,
    heap: Vec<u32>,
}

impl Slot {
    fn chain(&mut self, is_static: bool) -> &mut Chain {
        if is_static { &mut self.statics } else { &mut self.chain }
    }
}

impl Ports {
    /// The slot of a port that has addresses.
    pub(super) fn slot_of(&self, port: PortId) -> Option<u32> {
        self.by_port.get(&port).copied()
    }

    /// The port in a slot.
    pub(super) fn port(&self, slot: u32) -> PortId {
        self.slots[slot as usize].port
    }

    /// The address of a slot that goes first: the least recently used one, a static one when there is no other.
    pub(super) fn oldest(&self, slot: u32) -> Option<u32> {
        let Slot { chain, statics, .. } = &self.slots[slot as usize];
        chain.front().or_else(|| statics.front())
    }

    /// How many addresses a slot has.
    #[inline]
    pub(super) fn count(&self, slot: u32) -> u32 {
        let Slot { chain, statics, .. } = &self.slots[slot as usize];
        chain.len() + statics.len()
    }

    /// How many of them were learned.
    pub(super) fn learned(&self, slot: u32) -> u32 {
        self.slots[slot as usize].chain.len()
    }

    /// The slot with most addresses.
    pub(super) fn fullest(&self) -> Option<u32> {
        self.heap.first().copied()
    }

    /// Gives address `index` to `port` as its most recently used one and returns the port's slot.
    pub(super) fn add(&mut self, links: &mut Links, port: PortId, index: u32, is_static: bool) -> u32 {
        let slot = match self.by_port.get(&port) {
            Some(slot) => *slot,
            None => self.open(port),
        };
        self.slots[slot as usize].chain(is_static).push_back(links, index);
        self.up(self.slots[slot as usize].place);
        slot
    }

    /// Takes address `index` from its slot, and closes the slot with its last address.
    pub(super) fn remove(&mut self, links: &mut Links, slot: u32, index: u32, is_static: bool) {
        let place = {
            let slot = &mut self.slots[slot as usize];
            slot.chain(is_static).remove(links, index);
            slot.place
        };
        if self.count(slot) > 0 {
            self.down(place);
            return;
        }
        self.by_port.remove(&self.port(slot));
        self.free.push(slot);
        if let Some(last) = self.heap.pop()
            && last != slot
        {
            self.put(place, last);
            if !self.up(place) {
                self.down(place);
            }
        }
    }

    /// Makes learned address `index` the most recently used of its slot.
    pub(super) fn touch(&mut self, links: &mut Links, slot: u32, index: u32) {
        self.slots[slot as usize].chain.move_back(links, index);
    }

    fn open(&mut self, port: PortId) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "a table has at most a million addresses, so as many ports with one")]
        let (place, fresh) = (self.heap.len() as u32, self.slots.len() as u32);
        let new = Slot { port, chain: Chain::EMPTY, statics: Chain::EMPTY, place };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = new;
                slot
            }
            None => {
                self.slots.push(new);
                fresh
            }
        };
        self.by_port.insert(port, slot);
        self.heap.push(slot);
        slot
    }

    fn put(&mut self, place: u32, slot: u32) {
        self.heap[place as usize] = slot;
        self.slots[slot as usize].place = place;
    }

    fn at(&self, place: u32) -> u32 {
        self.count(self.heap[place as usize])
    }

    fn swap(&mut self, a: u32, b: u32) {
        let (at_a, at_b) = (self.heap[a as usize], self.heap[b as usize]);
        self.put(a, at_b);
        self.put(b, at_a);
    }

    fn up(&mut self, mut place: u32) -> bool {
        let start = place;
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.at(parent) >= self.at(place) {
                break;
            }
            self.swap(parent, place);
            place = parent;
        }
        place != start
    }

    fn down(&mut self, mut place: u32) {
        loop {
            let mut most = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if (child as usize) < self.heap.len() && self.at(child) > self.at(most) {
                    most = child;
                }
            }
            if most == place {
                return;
            }
            self.swap(most, place);
            place = most;
        }
    }
}
