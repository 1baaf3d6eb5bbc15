//! What a flow does with a packet, `OVS_ACTION_ATTR_*`: a list of attributes, carried out in order. No action at all drops
//! the packet.
//!
//! The free functions append one action each; [`actions`] reads a list back as [`Action`]s.

mod build;
pub(crate) mod fmt;
mod view;

pub use build::*;
pub use fmt::fmt_actions;
pub use view::{Action, Actions, CheckPktLen, Ct, DecTtl, Nat, Psample, Sample, Userspace, actions};

/// The name errors carry for an action.
const FAMILY: &str = "ovs_action";
