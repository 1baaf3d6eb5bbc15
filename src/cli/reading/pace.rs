//! How long to rest between readings, so that watching costs a bounded share of one core however much there is to read.

use std::time::Duration;

/// Watching is busy for at most one part in this many of the time.
const SHARE: u32 = 4;

/// How long to rest after having been busy for `busy` since the last rest, when a reading every `interval` is asked for: what
/// is left of the interval, and never less than what keeps the share.
pub(in crate::cli) fn pause(interval: Duration, busy: Duration) -> Duration {
    interval.saturating_sub(busy).max(busy.saturating_mul(SHARE - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_interval_holds_until_reading_takes_a_quarter_of_it() {
        let ms = Duration::from_millis;
        assert_eq!(pause(ms(1000), ms(10)), ms(990));
        assert_eq!(pause(ms(1000), ms(250)), ms(750));
        assert_eq!(pause(ms(1000), ms(300)), ms(900));
        assert_eq!(pause(ms(100), ms(2000)), ms(6000));
    }

    proptest! {
        #[test]
        fn the_share_is_kept_and_the_interval_never_shortened(interval in 0u64..86_400_000, busy in 0u64..86_400_000) {
            let (interval, busy) = (Duration::from_millis(interval), Duration::from_millis(busy));
            let period = busy + pause(interval, busy);
            prop_assert!(period >= interval && period >= busy * SHARE);
            prop_assert!(period == interval || period == busy * SHARE);
        }
    }
}
