//! The Open vSwitch generic-netlink families: bytes in, values out, and back.
//!
//! **Contract.** Nothing here does I/O, reads a clock, allocates while reading or panics on any input: reading goes
//! through borrowed views whose accessors return `Option` or `Result<_, DecodeError>`; writing appends to a `Vec<u8>` the
//! caller owns and may reuse. Attributes a view does not know are carried through untouched. Numbers are host byte order
//! unless an item says network order.
//!
//! It must not know sockets, errno texts or the switch: those live in the crates above.
#![forbid(unsafe_code)]

pub mod ack;
pub mod action;
pub mod conntrack;
pub mod ct_limit;
pub mod datapath;
pub mod error;
mod family;
pub mod flow;
pub mod genl;
pub mod ifname;
pub mod key;
pub mod mac;
pub mod meter;
pub mod nla;
pub mod nlctrl;
pub mod nlmsg;
pub mod packet;
pub mod text;
pub mod uapi;
pub mod vport;

pub use error::{DecodeError, Reason};
pub use family::Request;
pub use ifname::IfName;
pub use mac::Mac;
