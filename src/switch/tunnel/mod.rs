//! Tunnels: which port a packet that was unwrapped came in by, and what a packet is to be wrapped in.
//!
//! Many ports of bridges share a datapath port, the tunnel device's. What tells them apart is in the packet's outer header
//! ([`Outer`]), which the kernel took off and put into the key.

mod egress;
mod ingress;
mod outer;

pub(super) use egress::{DSCP, IPV4, IPV6, Inner, set};
pub(super) use ingress::{Ports, Select};
pub(super) use outer::{ECN, Outer};
