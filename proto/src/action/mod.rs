//! What a flow does with a packet, `OVS_ACTION_ATTR_*`: a list of attributes, carried out in order. No action at all drops
//! the packet.
//!
//! The free functions append one action each; [`actions`] reads a list back as [`Action`]s.

mod build;

pub use build::*;
