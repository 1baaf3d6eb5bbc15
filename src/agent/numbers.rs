//! The numbers of the datapath's ports: the next is found here, because the kernel tries one after the other from 1 for each port it is to
//! number itself.

use std::collections::BTreeSet;

/// A datapath has no port of this number or a higher one (`DP_MAX_PORTS`).
const END: u32 = 65535;

/// The numbers that are taken.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    taken: BTreeSet<u32>,
    /// Every number below is taken, but for 0, which is the datapath's own.
    from: u32,
}

impl Numbers {
    /// Those of the ports there are.
    pub(super) fn of(taken: impl IntoIterator<Item = u32>) -> Self {
        Self { taken: taken.into_iter().collect(), from: 1 }
    }

    /// The lowest that is free, which the kernel would choose too; `None` when there is none.
    pub(super) fn free(&mut self) -> Option<u32> {
        self.from = self.from.max(1);
        while self.taken.contains(&self.from) {
            self.from += 1;
        }
        Some(self.from).filter(|number| *number < END)
    }

    /// Takes note of a port with this number.
    pub(super) fn take(&mut self, number: u32) {
        self.taken.insert(number);
    }

    /// Takes note that no port has this number any longer.
    pub(super) fn give_back(&mut self, number: u32) {
        self.taken.remove(&number);
        self.from = self.from.min(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_next() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.free(), Some(1));
        numbers = Numbers::of([0, 1, 3]);
        assert_eq!(numbers.free(), Some(2));
        numbers.take(2);
        assert_eq!(numbers.free(), Some(4));
        numbers.take(4);
        numbers.give_back(1);
        assert_eq!(numbers.free(), Some(1));
        assert_eq!(Numbers::of(0..END).free(), None);
    }
}
