//! A flow's key and mask, `OVS_KEY_ATTR_*`: which packets a flow matches. Key and mask have the same attributes; in a mask
//! a bit that is set must match.
//!
//! [`L2`] is what a learning switch reads, in one pass. [`Key`] gives any single field, [`fields`] all of them, and
//! [`KeyBuf`] makes a key or a mask, [`concise`] shortens a key. [`append_key`] and [`parse_key`] are its text. [`Level`] says which attributes
//! hold others.

mod build;
mod concise;
mod field;
pub(crate) mod fmt;
mod l2;
mod level;
pub(crate) mod parse;
mod tunnel;
mod view;

pub use build::KeyBuf;
pub use concise::{beside_the_packet, concise};
pub use field::{Arp, CtTuple4, CtTuple6, Ethernet, Field, Icmp, Ipv4, Ipv6, Lse, Nd, NdExtensions, Ports};
pub use fmt::append_key;
pub use l2::{ETH_P_802_2, L2, VLAN_PRESENT, Vlan};
pub use level::Level;
pub use parse::parse_key;
pub use tunnel::{GeneveOpt, GeneveOpts, NshBase, NshField, TunnelField, nsh_fields, tunnel_fields};
pub use view::{Fields, Key, fields};

/// The name errors carry for a key or mask.
const FAMILY: &str = "ovs_key";
