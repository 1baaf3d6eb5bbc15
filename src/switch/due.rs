//! When the flows are to be looked at next. A look is a dump of them all, so it is worth its price when one of them may have been idle for
//! too long, or when something happened that only a dump can answer; between the two nobody needs to wake up.
//!
//! What is kept by looking, a sender's age in the MAC table, is right all the same: a flow in use is looked at before it could have
//! been idle for too long, and that is shorter than any address stays.

use core::time::Duration;

use super::flows::FlowTable;
use super::revalidate::Revalidator;
use super::state::Switch;
use super::time::Moment;

/// Time between two looks while something is going on (Open vSwitch's `max-revalidator`).
const SOON: Duration = Duration::from_millis(500);
/// Time between two looks when it is only flows whose time may be over: they stay so much too long at most.
const CALM: Duration = Duration::from_secs(1);
/// A station that speaks is noted to have spoken after this part of the time an address stays, at the latest.
const PART_OF_AGING: u32 = 10;

/// How many flows more there may be after each look, or the time of one, while looks are fast.
pub(super) const STEP: u32 = 1_000;
/// No more than one part in this many of the time goes into looks that something asked for.
const SHARE: u32 = 10;

/// How the limit of flows grows between two looks, as it would with one each half second: a look that was fast enough for more flows than there
/// may be now is as good as those.
#[derive(Debug, Default)]
pub(super) struct Growth {
    /// When it grew last.
    at: Moment,
    /// How far the last look lets it grow; nothing is known before the first.
    most: u32,
    /// By how much it has grown since.
    by: u32,
}

impl Growth {
    /// A look has set the limit, and has shown that there may be as many flows as `most`.
    pub(super) const fn looked(&mut self, at: Moment, most: u32) {
        *self = Self { at, most, by: 0 };
    }

    /// By how much the limit has grown since the last look; the next begins.
    pub(super) const fn take(&mut self) -> u32 {
        core::mem::replace(&mut self.by, 0)
    }

    /// Lets the limit grow if it is time; says whether it did.
    pub(super) fn grow(&mut self, now: Moment, limit: &mut u32) -> bool {
        let steps = u32::try_from(now.since(self.at).as_millis() / SOON.as_millis()).unwrap_or(u32::MAX);
        let more = self.most.saturating_sub(*limit).min(steps.saturating_mul(STEP));
        if more > 0 {
            (self.at, self.by, *limit) = (now, self.by + more, *limit + more);
        }
        more > 0
    }

    /// Whether it takes another look for the limit to grow.
    pub(super) const fn is_exhausted(&self, limit: u32) -> bool {
        limit >= self.most
    }
}

/// What there is to look at, noted since the last look began.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    soon: bool,
    over: Option<Moment>,
}

impl Reasons {
    /// Something happened that a look must answer.
    pub(super) const fn soon(&mut self) {
        self.soon = true;
    }

    /// A flow's time may be over then.
    pub(super) fn over(&mut self, at: Moment) {
        self.over = Some(self.over.map_or(at, |over| over.min(at)));
    }
}

impl Revalidator {
    /// When the next look is due; `None` while there is nothing to look at. What packets, time and people do to table and switch may bring
    /// it forward.
    pub fn due(&self, table: &FlowTable, switch: &Switch) -> Option<Moment> {
        if table.is_empty() {
            return None;
        }
        let Reasons { soon, over } = table.reasons;
        let over = over.unwrap_or_default();
        let over = if self.credited { over.min(self.ended + switch.shortest_aging() / PART_OF_AGING) } else { over };
        let over = over.max(self.ended + CALM);
        if soon || table.len() > table.limit() {
            let gap = SOON.max(self.ended.since(self.begun) * (SHARE - 1));
            return Some(over.min(self.ended + gap));
        }
        Some(over)
    }

    /// When silent stations are to be let go, for the flows that lead to them; `None` while there are no such flows. Many fall silent one
    /// after the other: they go together.
    pub fn expiry_due(&self, table: &FlowTable, switch: &Switch) -> Option<Moment> {
        let next = switch.next_expiry().filter(|_| !table.is_empty())?;
        Some(next.max(self.swept + CALM))
    }

    /// Lets silent stations go, and notes which flows are to be decided again for that.
    pub fn sweep(&mut self, now: Moment, table: &mut FlowTable, switch: &mut Switch) {
        self.swept = now;
        switch.expire(now);
        table.settle(switch);
    }

    /// By how much the limit may grow with this look: as if there had been one each half second since the one `before`.
    pub(super) fn step(&self, before: Moment) -> u64 {
        let passed = u64::try_from(self.begun.since(before).as_millis() / SOON.as_millis()).unwrap_or(u64::MAX);
        passed.max(1).saturating_mul(STEP.into())
    }
}
