//! When a message that nobody answered is sent again (RFC 8415, 15). Pure.

use std::time::Duration;

/// How a kind of message is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    /// The pause after the first (IRT).
    pub(super) first: Duration,
    /// The longest pause (MRT); zero is none.
    pub(super) longest: Duration,
}

const fn timing(first: u64, longest: u64) -> Timing {
    Timing { first: Duration::from_secs(first), longest: Duration::from_secs(longest) }
}

/// Solicit, and Information-request. The longest pause is the server's to change.
pub(super) const LOOKING: Timing = timing(1, 3600);
/// Request.
pub(super) const REQUEST: Timing = timing(1, 30);
/// Confirm.
pub(super) const CONFIRM: Timing = timing(1, 4);
/// Renew and Rebind.
pub(super) const EXTEND: Timing = timing(10, 600);
/// Release and Decline.
pub(super) const GIVE_UP: Timing = timing(1, 0);

/// The pause after the one that was `last`. `random`: any number; the pause is up to a tenth longer or shorter by it, and never shorter
/// where `longer_only`.
pub(super) fn pause(timing: Timing, last: Option<Duration>, random: u64, longer_only: bool) -> Duration {
    let part = u32::try_from(random % 2001).unwrap_or(0);
    // From 900 to 1100 thousandths.
    let thousandths = if longer_only { 1000 + part / 20 + 1 } else { 900 + part / 10 };
    let varied = |base: Duration| base / 1000 * thousandths;
    let next = match last {
        None => varied(timing.first),
        Some(last) => last.saturating_add(varied(last)),
    };
    if !timing.longest.is_zero() && next > timing.longest { varied(timing.longest) } else { next }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_the_rfc_has_it(random: u64, last in 1_u64..5_000_000) {
            let secs = |pause: Duration| pause.as_secs_f64();
            let first = secs(pause(LOOKING, None, random, true));
            prop_assert!(first > 1.0 && first <= 1.1011, "{}", first);
            let first = secs(pause(EXTEND, None, random, false));
            prop_assert!((9.0..=11.0).contains(&first), "{}", first);
            let last = Duration::from_millis(last);
            let next = secs(pause(EXTEND, Some(last), random, false));
            let doubled = (1.9 * secs(last) - 0.001, 2.1 * secs(last) + 0.001);
            prop_assert!((doubled.0..=doubled.1).contains(&next) || (540.0..=660.0).contains(&next), "{} {}", secs(last), next);
            prop_assert!(next <= 660.0);
            prop_assert!(secs(pause(GIVE_UP, Some(last), random, false)) >= doubled.0, "without a longest one it goes on");
        }
    }
}
