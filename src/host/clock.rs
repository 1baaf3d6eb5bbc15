//! The host's wall clock, by which leases are remembered beyond the agent that got them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970; 0 when the clock is set before that.
pub fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}
