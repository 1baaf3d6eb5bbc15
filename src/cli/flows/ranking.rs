//! The first lines in an order, of many that come in another: no more of them are kept than are wanted.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::num::NonZeroUsize;

/// A line and its place: a higher rank comes first, and of the same rank the one that came first.
#[derive(Debug)]
struct Ranked {
    rank: u64,
    came: Reverse<u64>,
    line: Vec<u8>,
}

impl Ranked {
    const fn place(&self) -> (u64, Reverse<u64>) {
        (self.rank, self.came)
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// The highest ranks so far; the lowest of them on top, because it goes next.
#[derive(Debug)]
pub(super) struct Ranking {
    most: Option<NonZeroUsize>,
    came: u64,
    kept: BinaryHeap<Reverse<Ranked>>,
}

impl Ranking {
    /// Keeps `most` lines, or all.
    pub(super) const fn new(most: Option<NonZeroUsize>) -> Self {
        Self { most, came: 0, kept: BinaryHeap::new() }
    }

    /// Offers a line, which is written only when it is kept, into the memory of one that goes.
    pub(super) fn offer(&mut self, rank: u64, write: impl FnOnce(&mut Vec<u8>)) {
        self.came += 1;
        let mut line = Vec::new();
        if self.most.is_some_and(|most| self.kept.len() >= most.get()) {
            // Of the same rank the earlier one stays.
            if self.kept.peek().is_some_and(|Reverse(last)| last.rank >= rank) {
                return;
            }
            line = self.kept.pop().map(|Reverse(last)| last.line).unwrap_or_default();
            line.clear();
        }
        write(&mut line);
        self.kept.push(Reverse(Ranked { rank, came: Reverse(self.came), line }));
    }

    /// The lines, highest rank first.
    pub(super) fn into_lines(self) -> impl Iterator<Item = Vec<u8>> {
        self.kept.into_sorted_vec().into_iter().map(|Reverse(ranked)| ranked.line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_beginning_of_the_sorted_whole(ranks in proptest::collection::vec(0..20u64, 0..60), most in 0..70usize) {
            let most = NonZeroUsize::new(most);
            let mut ranking = Ranking::new(most);
            let mut all: Vec<_> = ranks.iter().copied().enumerate().collect();
            for (came, rank) in &all {
                ranking.offer(*rank, |line| line.extend_from_slice(format!("{came}:{rank}").as_bytes()));
                prop_assert!(most.is_none_or(|most| ranking.kept.len() <= most.get()));
            }
            // A stable sort keeps the earlier one first.
            all.sort_by_key(|(_, rank)| Reverse(*rank));
            all.truncate(most.map_or(usize::MAX, NonZeroUsize::get));
            let lines: Vec<_> = ranking.into_lines().map(|line| String::from_utf8(line).unwrap()).collect();
            prop_assert_eq!(lines, all.iter().map(|(came, rank)| format!("{came}:{rank}")).collect::<Vec<_>>());
        }
    }
}
