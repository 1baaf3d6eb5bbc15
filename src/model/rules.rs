//! How a bridge switches, as far as it can be set: the columns of Open vSwitch's Bridge table that mean something to a packet.
//!
//! It must not know packets, nor where a setting was written.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a bridge switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BridgeRules {
    /// How long a MAC address stays unseen (`mac-aging-time`), 15 s to an hour, else the nearer of these; `None`: 300 s.
    pub mac_aging: Option<Duration>,
    /// How many MAC addresses there may be (`mac-table-size`), 10 to 1,000,000, else the nearer of these; `None`: 8192.
    pub mac_table_size: Option<u32>,
}
