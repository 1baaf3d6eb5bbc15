//! Time as the switch sees it: a number the caller read from a clock.

use core::ops::{Add, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds of a clock that never goes back. The kernel's own stamps on flows are of `CLOCK_MONOTONIC`; an agent that
/// uses that clock can compare with them, and a moment written to a file means the same after the agent's restart (not
/// after the machine's). Arithmetic saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// The time since `earlier`; nothing when that is later than this.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// How long what was sent by a bond may take to come back from a network that knows nothing of it, and then to be looked at. As long as a
/// gratuitous ARP is taken for a reflection.
pub(super) const RETURN: Duration = Duration::from_secs(5);

/// A duration in whole milliseconds, as many as fit.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(Moment(500) - second, Moment(0));
        assert_eq!(Moment(u64::MAX) + second, Moment(u64::MAX));
        assert_eq!(Moment(1) + Duration::MAX, Moment(u64::MAX));
        assert_eq!(Moment(1) - Moment(5), Duration::ZERO);
        assert_eq!(Moment(2500) - Moment(500), Duration::from_secs(2));
    }

    #[test]
    fn a_moment_is_written_as_a_plain_number() {
        assert_eq!(serde_json::to_string(&Moment(42)).unwrap(), "42");
        assert_eq!(serde_json::from_str::<Moment>("42").unwrap(), Moment(42));
    }
}
