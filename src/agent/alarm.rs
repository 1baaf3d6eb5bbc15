//! The alarm that ends the wait for `ovsdp confirm`, on the clock that nobody can set and that goes on during suspend.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::log;
use crate::error::{Error, Kind};
use crate::nl;
use crate::plan::Unconfirmed;

/// Milliseconds since the boot (`CLOCK_BOOTTIME`).
pub(super) fn now_ms() -> u64 {
    nl::milliseconds(nix::time::ClockId::CLOCK_BOOTTIME)
}

/// When a change that was given `seconds` now is taken back.
pub(super) fn deadline_ms(seconds: u32) -> u64 {
    now_ms().saturating_add(u64::from(seconds) * 1000)
}

/// How many milliseconds a change still has. None when it never had that many: then it is of another boot, whose clock began
/// anew.
pub(super) fn left_ms(unconfirmed: &Unconfirmed, now_ms: u64) -> u64 {
    let left = unconfirmed.deadline_ms.saturating_sub(now_ms);
    if left > u64::from(unconfirmed.seconds) * 1000 { 0 } else { left }
}

/// How many whole seconds a change still has now, for people.
pub(super) fn seconds_left(unconfirmed: &Unconfirmed) -> u32 {
    u32::try_from(left_ms(unconfirmed, now_ms()).div_ceil(1000)).unwrap_or(u32::MAX)
}

/// How many whole seconds have passed since a change was done.
pub(super) fn seconds_passed(unconfirmed: &Unconfirmed) -> u32 {
    let done_ms = unconfirmed.deadline_ms.saturating_sub(u64::from(unconfirmed.seconds) * 1000);
    u32::try_from(now_ms().saturating_sub(done_ms) / 1000).unwrap_or(u32::MAX)
}

/// Wakes the worker when the time is up.
#[derive(Debug)]
pub(super) struct Alarm(TimerFd);

impl Alarm {
    /// One that is not set.
    ///
    /// # Errors
    /// There is no room for a descriptor.
    pub(super) fn new() -> Result<Self, Error> {
        TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)
            .map(Self)
            .map_err(|errno| Error::new(Kind::Failed, format!("cannot make a timer: {}", errno.desc())))
    }

    /// Sets it to `deadline_ms`, or stops it.
    pub(super) fn set(&self, deadline_ms: Option<u64>) {
        let result = match deadline_ms {
            // All zeros would stop it.
            Some(at) => self.0.set(Expiration::OneShot(Duration::from_millis(at.max(1)).into()), TimerSetTimeFlags::TFD_TIMER_ABSTIME),
            None => self.0.unset(),
        };
        if let Err(errno) = result {
            log::say(format_args!("the timer for `ovsdp confirm` cannot be set: {}", errno.desc()));
        }
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    #[test]
    fn it_rings_when_it_is_time_and_not_when_it_is_stopped() {
        let alarm = Alarm::new().unwrap();
        let rings = |timeout: PollTimeout| poll(&mut [PollFd::new(alarm.as_fd(), PollFlags::POLLIN)], timeout).unwrap() == 1;
        alarm.set(Some(deadline_ms(3600)));
        assert!(!rings(PollTimeout::ZERO));
        alarm.set(Some(now_ms()));
        assert!(rings(PollTimeout::NONE));
        alarm.set(None);
        assert!(!rings(PollTimeout::ZERO));
    }

    #[test]
    fn a_deadline_of_another_boot_has_passed() {
        let unconfirmed = Unconfirmed { whole: 1, deadline_ms: 100_000, seconds: 60, by: String::new() };
        assert_eq!(left_ms(&unconfirmed, 70_000), 30_000);
        assert_eq!(left_ms(&unconfirmed, 100_001), 0);
        assert_eq!(left_ms(&unconfirmed, 10_000), 0);
    }
}
