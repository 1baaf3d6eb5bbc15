//! How a bridge and its ports switch, as far as it can be set: the columns of Open vSwitch's Bridge and Port tables that mean
//! something to a packet.
//!
//! It must not know packets, nor where a setting was written.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::is_default;
use super::vlan::{VlanSet, Vlans};

/// Whether a packet that leaves without a VLAN keeps its priority in a tag of VLAN 0 (`priority-tags`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriorityTags {
    /// No.
    #[default]
    Never,
    /// When its tag had a priority other than 0.
    IfNonzero,
    /// When it had a tag.
    Always,
}

/// How a port switches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PortRules {
    /// Its VLANs.
    pub vlans: Vlans,
    /// What becomes of priorities.
    pub priority_tags: PriorityTags,
    /// Whether it exchanges no packets with other protected ports (`protected`).
    pub protected: bool,
}

/// How a bridge switches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BridgeRules {
    /// How long a MAC address stays unseen (`mac-aging-time`), 15 s to an hour, else the nearer of these; `None`: 300 s.
    pub mac_aging: Option<Duration>,
    /// How many MAC addresses there may be (`mac-table-size`), 10 to 1,000,000, else the nearer of these; `None`: 8192.
    pub mac_table_size: Option<u32>,
    /// The VLANs in which nothing is learned and everything flooded (`flood-vlans`).
    #[serde(skip_serializing_if = "is_default")]
    pub flood_vlans: VlanSet,
    /// Whether packets to reserved groups are forwarded as others (`forward-bpdu`).
    #[serde(skip_serializing_if = "is_default")]
    pub forward_bpdu: bool,
}
