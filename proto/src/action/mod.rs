//! What a flow does with a packet, `OVS_ACTION_ATTR_*`: a list of attributes, carried out in order. No action at all drops
//! the packet.
//!
//! The free functions append one action each; [`actions`] reads a list back as [`Action`]s. [`append_actions`] and
//! [`parse_actions`] are their text.

mod build;
mod cookie;
pub(crate) mod fmt;
pub(crate) mod parse;
mod view;

pub use build::*;
pub use cookie::{COOKIE_LEN, Cookie};
pub use fmt::append_actions;
pub use parse::parse_actions;
pub use view::{Action, Actions, CheckPktLen, Ct, DecTtl, Nat, Psample, Sample, Userspace, actions};

/// The name errors carry for an action.
const FAMILY: &str = "ovs_action";
