//! What the agent counts of itself. Relaxed: each number is right by itself, no two are of the same instant.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// What the handlers count.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Upcalls answered.
    pub(super) upcalls: Counter,
    /// Times a socket was full: the kernel dropped upcalls.
    pub(super) overruns: Counter,
    /// Flows installed or changed.
    pub(super) installed: Counter,
    /// Flows and packets the kernel refused.
    pub(super) refused: Counter,
}
