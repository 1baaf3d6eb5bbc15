//! What the agent counts of itself. Relaxed: each number is right by itself, no two are of the same instant.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::timing::Timing;
use crate::nl;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds `more`.
    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The number now.
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the agent's threads count.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Upcalls answered.
    pub(super) upcalls: Counter,
    /// Times a socket was full: the kernel dropped upcalls.
    pub(super) overruns: Counter,
    /// Upcalls thrown away because too many of the same port waited.
    pub(super) dropped: Counter,
    /// Flows installed or changed.
    pub(super) installed: Counter,
    /// Flows and packets the kernel refused.
    pub(super) refused: Counter,
    /// How long batches of upcalls took.
    pub(super) handling: Timing,
    /// How long passes over the flows took.
    pub(super) revalidating: Timing,
    /// What the threads' netlink sockets lost.
    pub(super) losses: Losses,
}

/// What netlink sockets lost, by whose they are. A thread owns its sockets, so it says what they lost; it does so only when that
/// changed, which is almost never.
#[derive(Debug, Default)]
pub(super) struct Losses(Mutex<Vec<nl::Counters>>);

/// One owner's place among [`Losses`], and what it said last.
#[derive(Debug)]
pub(super) struct Place {
    at: usize,
    said: nl::Counters,
}

impl Losses {
    /// A place for one more owner.
    pub(super) fn place(&self) -> Place {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(nl::Counters::default());
        Place { at: all.len() - 1, said: nl::Counters::default() }
    }

    /// Says what the owner's sockets lost so far.
    pub(super) fn say(&self, place: &mut Place, now: nl::Counters) {
        if now == place.said {
            return;
        }
        place.said = now;
        if let Some(counters) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place.at) {
            *counters = now;
        }
    }

    /// What all sockets lost so far.
    pub(super) fn sum(&self) -> nl::Counters {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().fold(nl::Counters::default(), |sum, one| sum.plus(*one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_counts_once_however_often_it_says_so() {
        let losses = Losses::default();
        let (mut one, mut other) = (losses.place(), losses.place());
        let lost = |enobufs| nl::Counters { enobufs, ..nl::Counters::default() };
        losses.say(&mut one, lost(2));
        losses.say(&mut one, lost(2));
        losses.say(&mut other, lost(5));
        losses.say(&mut one, lost(3));
        assert_eq!(losses.sum(), lost(8));
    }
}
