//! The kernel's clocks, as the numbers its messages and files count in.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Milliseconds on one of the kernel's clocks; 0 where the kernel has no such clock.
pub fn milliseconds(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, |now| u64::try_from(Duration::from(now).as_millis()).unwrap_or(u64::MAX))
}
