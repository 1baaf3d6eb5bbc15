//! Moving load from the member that has most to the one that has least, a bucket at a time, with Open vSwitch's thresholds.

use core::time::Duration;

use super::super::time::Moment;
use super::buckets::{BUCKETS, Buckets};
use super::machine::{Bond, LacpStatus};

/// A member with this many bytes more than another is not busy enough to be relieved.
const LEAST: u64 = 100_000;

/// What a member carries.
struct Load {
    member: usize,
    bytes: u64,
    /// The buckets it had at first and still has, of those that carry anything.
    buckets: Vec<usize>,
}

impl Load {
    /// A bucket that makes things more even when it is moved to a member with `to` bytes: by a tenth of the difference from
    /// the middle at least.
    fn movable(&self, to: u64, bytes: impl Fn(usize) -> u64) -> Option<usize> {
        if self.buckets.len() < 2 {
            return None;
        }
        let middle = (self.bytes + to) / 2;
        self.buckets.iter().position(|bucket| {
            let moved = bytes(*bucket);
            let lower = (self.bytes - moved).min(to + moved);
            lower > to && lower - to >= (middle - to) / 10
        })
    }
}

impl Bond {
    /// Time between two looks at the load; `None` when nobody looks.
    pub(in crate::switch) fn rebalances(&self) -> Option<Duration> {
        let waits = self.settings.fallback_ab && self.lacp == LacpStatus::Configured;
        self.settings.bond.rebalance().filter(|_| self.buckets.is_some() && !waits)
    }

    /// When the load is looked at next; `None` when there is none.
    pub(super) fn rebalance_due(&self) -> Option<Moment> {
        self.rebalances()?;
        let Buckets(buckets) = self.buckets.as_ref()?;
        buckets.iter().any(|bucket| bucket.bytes > 0).then_some(self.next_rebalance)
    }

    /// Looks at the load if it is time.
    pub(super) fn rebalance(&mut self, now: Moment) {
        let Some(interval) = self.rebalances().filter(|_| self.rebalance_due().is_some_and(|due| now >= due)) else { return };
        self.next_rebalance = now + interval;
        let Self { buckets: Some(Buckets(buckets)), links, changed, .. } = self else { return };
        let enabled = links.iter().enumerate().filter(|(_, link)| link.enabled);
        let mut loads: Vec<Load> = enabled
            .map(|(member, _)| {
                let mine = |at: &usize| buckets[*at].member == Some(member) && buckets[*at].bytes > 0;
                let mine: Vec<usize> = (0..BUCKETS).filter(mine).collect();
                Load { member, bytes: mine.iter().map(|at| buckets[*at].bytes).sum(), buckets: mine }
            })
            .collect();
        loop {
            loads.sort_by_key(|load| core::cmp::Reverse(load.bytes));
            let [from, .., to] = &mut loads[..] else { break };
            let overload = from.bytes - to.bytes;
            if overload < to.bytes >> 5 || overload < LEAST {
                break;
            }
            let Some(place) = from.movable(to.bytes, |at| buckets[at].bytes) else {
                loads.remove(0);
                continue;
            };
            // It is not among the buckets of its new member: moving it on in the same look would be pointless.
            let bucket = &mut buckets[from.buckets.remove(place)];
            bucket.member = Some(to.member);
            from.bytes -= bucket.bytes;
            to.bytes += bucket.bytes;
            *changed = true;
        }
        for bucket in buckets.iter_mut() {
            bucket.bytes /= 2;
        }
    }
}
