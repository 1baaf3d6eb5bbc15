//! How long things took, counted by ranges: recording costs two additions, from any thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ctl::metrics;

/// Upper bounds of the ranges: from what a batch of one upcall takes to what nobody should ever wait for.
const BOUNDS_NS: [u64; 12] =
    [10_000, 25_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000, 25_000_000, 100_000_000, 250_000_000, 1_000_000_000, 5_000_000_000];

/// How long something took, over all times.
#[derive(Debug, Default)]
pub(super) struct Timing {
    counts: [AtomicU64; BOUNDS_NS.len() + 1],
    sum_ns: AtomicU64,
}

impl Timing {
    /// Counts one time.
    pub(super) fn record(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let range = BOUNDS_NS.partition_point(|bound| *bound < ns);
        if let Some(count) = self.counts.get(range) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub(super) fn get(&self) -> metrics::Timing {
        metrics::Timing {
            bounds_ns: BOUNDS_NS.to_vec(),
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_falls_in_one_range() {
        let timing = Timing::default();
        for ns in [0, 10_000, 10_001, 5_000_000_000, 5_000_000_001] {
            timing.record(Duration::from_nanos(ns));
        }
        let metrics::Timing { bounds_ns, counts, sum_ns } = timing.get();
        assert_eq!(counts.len(), bounds_ns.len() + 1);
        assert_eq!((counts[0], counts[1], counts[11], counts[12]), (2, 1, 1, 1));
        assert_eq!((counts.iter().sum::<u64>(), sum_ns), (5, 10_000_020_002));
        assert!(bounds_ns.is_sorted());
    }
}
