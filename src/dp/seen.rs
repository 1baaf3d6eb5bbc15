//! Which flows were seen already: a set that only grows, of 16 bytes a flow and little more, in one piece of memory that grows
//! by a quarter in place. A set that doubles would have three times the flows' size for a moment.
//!
//! The words in it are identifiers, scrambled by a random one-to-one function, and lie in ascending order with gaps: each at
//! the place its value says, or behind it where others are in the way. Looking for one that is not there ends at the first
//! that is larger. It must not know where flows come from.

use std::hash::{BuildHasher, RandomState};

use ovsdp_proto::flow::{Flow, Ufid};

/// Places behind the last one a word can belong to, for those that are pushed behind it.
const BEHIND: usize = 64;
/// As many flows as a hint is believed; the rest grows when it comes.
const MOST_AT_ONCE: u64 = 1 << 22;

/// The flows seen so far.
#[derive(Debug)]
pub(super) struct Seen {
    /// 0 is a gap.
    slots: Vec<u128>,
    /// How many places there are that a word can belong to.
    homes: usize,
    len: usize,
    /// Whether the word 0 is in it, which the slots cannot hold.
    zero: bool,
    odd: [u128; 2],
    keys: [RandomState; 2],
}

impl Seen {
    /// A set with room for `flows`; it takes more.
    pub(super) fn with_room_for(flows: u64) -> Self {
        let keys = [RandomState::new(), RandomState::new()];
        let random = |n: u8| (u128::from(keys[0].hash_one(n)) << 64 | u128::from(keys[1].hash_one(n))) | 1;
        let odd = [random(0), random(1)];
        let flows = usize::try_from(flows.min(MOST_AT_ONCE)).unwrap_or(0);
        let homes = flows + flows / 6 + 64;
        Self { slots: vec![0; homes + BEHIND], homes, len: 0, zero: false, odd, keys }
    }

    /// Notes a flow. Returns whether it is the first time. A flow is known by its identifier; one without by its key, of which
    /// 128 bits of a keyed hash are kept.
    pub(super) fn first(&mut self, flow: &Flow<'_>) -> bool {
        let word = match flow.ufid {
            Some(Ufid(ufid)) => u128::from_ne_bytes(ufid),
            None => {
                let [high, low] = self.keys.each_ref().map(|keys| u128::from(keys.hash_one(flow.key.unwrap_or_default())));
                high << 64 | low
            }
        };
        self.insert(word)
    }

    /// How many were seen.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// What it holds of memory, in bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u128>()
    }

    fn insert(&mut self, word: u128) -> bool {
        let word = scramble(word, self.odd);
        if word == 0 {
            let first = !std::mem::replace(&mut self.zero, true);
            self.len += usize::from(first);
            return first;
        }
        // Seven eighths full a search passes five words on average.
        if self.len >= self.homes / 8 * 7 {
            self.grow();
        }
        loop {
            let tail = self.slots.get_mut(home(word, self.homes)..).unwrap_or_default();
            let place = tail.iter().position(|slot| *slot == 0 || *slot >= word);
            let Some(tail) = place.and_then(|place| tail.get_mut(place..)) else {
                self.extend();
                continue;
            };
            if tail.first() == Some(&word) {
                return false;
            }
            let gap = tail.iter().position(|slot| *slot == 0);
            let Some(run) = gap.and_then(|gap| tail.get_mut(..=gap)) else {
                self.extend();
                continue;
            };
            run.rotate_right(1);
            if let Some(slot) = run.first_mut() {
                *slot = word;
            }
            self.len += 1;
            return true;
        }
    }

    /// Makes room for those that are pushed behind the last place.
    fn extend(&mut self) {
        self.slots.reserve_exact(BEHIND);
        self.slots.resize(self.slots.len() + BEHIND, 0);
    }

    /// Makes room for a quarter more, and puts every word where it belongs then.
    fn grow(&mut self) {
        let homes = self.homes + self.homes / 4;
        // Words that belong near the end may need more places than there are behind it.
        let (mut words, mut end) = (0, homes + BEHIND);
        for word in self.slots.iter().rev().filter(|word| **word != 0) {
            words += 1;
            end = end.max(home(*word, homes) + words);
        }
        let old = self.slots.len();
        self.slots.reserve_exact(end.saturating_sub(old));
        self.slots.resize(end.max(old), 0);
        // All to the end, from the last one on; then each to its place, from the first one on: none is written over.
        let mut first = self.slots.len();
        for from in (0..old).rev() {
            if self.slots[from] != 0 {
                first -= 1;
                self.slots.swap(from, first);
            }
        }
        let mut next = 0;
        for from in first..self.slots.len() {
            let to = home(self.slots[from], homes).max(next);
            self.slots.swap(from, to);
            next = to + 1;
        }
        self.homes = homes;
    }
}

/// Where a word belongs among `homes` places: they are in the words' order.
fn home(word: u128, homes: usize) -> usize {
    usize::try_from(((word >> 64) * (homes as u128)) >> 64).unwrap_or(0)
}

/// Spreads words over all values, one to one: identifiers may be a counter.
const fn scramble(word: u128, [one, two]: [u128; 2]) -> u128 {
    let word = word.wrapping_mul(one);
    (word ^ word >> 67).wrapping_mul(two)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_is_new_once_whatever_its_pattern() {
        for (pattern, n) in [(1u128, 50_000u128), (1 << 96, 50_000), (0x0001_0000_0000_0001, 50_000), (u128::MAX / 7, 7)] {
            let mut seen = Seen::with_room_for(0);
            for i in 0..n {
                assert!(seen.insert(i.wrapping_mul(pattern)), "{pattern:x} {i}");
            }
            for i in 0..n {
                assert!(!seen.insert(i.wrapping_mul(pattern)), "{pattern:x} {i}");
            }
            assert_eq!(seen.len() as u128, n);
        }
    }

    /// Growth included: the memory of each moment is counted, so a table that is copied would count twice.
    #[test]
    fn it_grows_by_at_most_24_bytes_a_flow() {
        for room in [0, 60_000, 200_000] {
            let mut worst = 0;
            let memory = allocation_counter::measure(|| {
                let mut seen = Seen::with_room_for(room);
                for i in 0..200_000u128 {
                    seen.insert(i << 3);
                    if u64::try_from(i).unwrap() >= room.max(1000) {
                        worst = worst.max(seen.bytes() / (seen.len() + 64));
                    }
                }
            });
            assert!(worst <= 24, "{worst} bytes a flow");
            assert!(memory.count_total < 60, "{} allocations", memory.count_total);
        }
    }

    proptest! {
        /// Words that all belong to a few places, which the random function never gives.
        #[test]
        fn crowds_are_kept_apart(words in proptest::collection::vec((prop_oneof![Just(0u128), Just(u128::MAX >> 64), any::<u64>().prop_map(u128::from)], 0..40u128), 0..200)) {
            let mut seen = Seen::with_room_for(0);
            // As good as no scrambling.
            seen.odd = [1, 1];
            let mut known = HashSet::new();
            for (high, low) in words {
                let word = high << 64 | low;
                prop_assert_eq!(seen.insert(word), known.insert(word));
                prop_assert_eq!(seen.len(), known.len());
            }
            let kept: Vec<_> = seen.slots.iter().copied().filter(|word| *word != 0).collect();
            prop_assert!(kept.is_sorted());
        }
    }
}
