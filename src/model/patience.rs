//! How long is waited for what an interface needs before it can be used.
//!
//! It must not know clocks or devices.

use serde::{Deserialize, Serialize};

/// The longest of all waits that a file can ask for, in seconds: whoever started the command hears nothing meanwhile.
pub const LONGEST_WAIT: u16 = 100;

/// How long a device is waited for, in seconds, 0 to [`LONGEST_WAIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Patience {
    /// Until a port's device is there (`DEVTIMEOUT`).
    #[serde(default)]
    pub device_secs: u16,
    /// Until it has carrier (`LINKDELAY`), once it is up and before anybody is asked through it. On a bridge: for each of its
    /// ports that has no time of its own.
    #[serde(default)]
    pub carrier_secs: u16,
}
