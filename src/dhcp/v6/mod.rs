//! Leases of IPv6: a DHCPv6 client for one interface (RFC 8415), on the agent's runtime and without a thread of its own.
//!
//! [`start`] gives a [`Client`]; what becomes of the lease comes as [`Event`]s. It only speaks with servers: addresses and the
//! resolver are the caller's. It must not know bridges, plans or files.
//!
//! From the outside in: `run` (the task), `socket` (the socket, and the link-local address it needs), `machine` (RFC 8415 as bytes and
//! time in, bytes and events out), `backoff` (when a message is sent again), `grant` (a reply made a [`Lease`]), `wire` (the bytes).
//!
//! # Why not mozim
//! mozim 0.3.4's second client was read for this. It takes the first advertisement whatever its server's preference, knows no Confirm, no
//! Decline and no Information-request, a refusal (`NoBinding`, `NotOnLink`) is one more invalid reply to it, and it takes the time itself, so
//! that a lease's life cannot be gone through in a test.
//!
//! # Not done
//! One address an interface (IA_NA with one IAADDR), no prefix delegation, no temporary addresses, no rapid commit, no reconfiguration by the
//! server, no authentication. The first message is not delayed by a random time: the kernel has just done so with the link-local address's
//! detection of duplicates.

mod backoff;
mod error;
mod grant;
mod identity;
mod lease;
mod machine;
mod run;
mod socket;
#[cfg(test)]
mod tests;
mod wire;

use std::net::Ipv6Addr;
use std::time::Duration;

use ovsdp_proto::IfName;

pub use super::{Became, Loss};
pub use error::{Cause, Error};
pub use identity::{Identity, duid, iaid};
pub use lease::Lease;
pub use run::{Client, Command, start};

/// What to ask for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The interface's name.
    pub ifname: IfName,
    /// The interface's index.
    pub ifindex: u32,
    /// Who the client says to be.
    pub identity: Identity,
    /// Whether to ask for an address; otherwise only for what the resolver needs (Information-request).
    pub address: bool,
    /// An address from before, as a wish.
    pub request: Option<Ipv6Addr>,
    /// A lease from before a restart of the agent, to go on with while it holds. Servers are asked whether it fits the link (Confirm). One that
    /// has ended is told to be lost.
    pub resume: Option<Lease>,
    /// How long to try for the first lease; 5 s at least leaves time for a lost message or two. `None`, as for later leases: until the
    /// client is stopped.
    pub timeout: Option<Duration>,
}

/// What became of a lease of IPv6.
pub type Event = Became<Lease, Error>;
