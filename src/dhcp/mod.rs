//! Leases: a DHCP client for one interface (RFC 2131), on the agent's runtime and without a thread of its own.
//!
//! [`start`] gives a [`Client`]; what becomes of the lease comes as [`Event`]s. It only speaks with the server: addresses,
//! routes and the resolver are the caller's, who is told what was granted. It must not know bridges, plans or files.
//!
//! From the outside in: `run` (the task, with what both families have of it in `task`), `socket` (the two sockets), `machine` (RFC 2131 as bytes and time in, bytes and
//! events out), `grant` (a reply's options made a [`Lease`]), `wire` and `frame` (the bytes).
//!
//! # Why not mozim
//! mozim 0.3.4 was tried first, against dnsmasq 2.90 in a network namespace. It never panicked or went promiscuous, and it
//! can be cancelled; but four things cannot be had from outside it, each of which costs a lease that is being carried over:
//! * Every message carries option 61, with no bytes in it when no client identifier is set (`DhcpV4Message::new`). RFC 2132
//!   wants two at least, and dhclient sends none on Ethernet, so to a strict server the bridge is another client.
//! * A refusal is only understood while verifying an old lease (`recv_dhcp_reply` has that one caller). Seen: the server
//!   refuses at T2, and the address stays in use until the lease ends; a refused request after an offer is repeated until
//!   the time is up.
//! * Renewing and rebinding name the server and the address as options (`new_renew` is `new_request`), which RFC 2131
//!   forbids (table 5). Seen: every unicast renewal went unanswered by dnsmasq, every rebinding is for one server alone.
//! * A discover cannot name the address wanted, and the exchange's number never changes in the client's life.
//!
//! # Why not dhcproto
//! dhcproto 0.15 stops at the first option it cannot decode and drops the rest in silence, asserts lengths from the wire in
//! debug builds, knows no option overload, and brings forty crates (hickory-proto, idna, ICU's tables) for what
//! `wire` does in a page. The server in the tests is dnsmasq, so the bytes are still judged by somebody else's code.
//!
//! # Not done
//! No user's own options, no rapid commit. IPv6 is [`v6`]'s. Whether somebody else has an address is asked by whoever started the client,
//! who knows which addresses are the machine's already, and tells with [`Client::decline`].

mod error;
mod frame;
mod grant;
mod hostname;
mod identity;
mod lease;
mod machine;
mod run;
mod socket;
mod task;
#[cfg(test)]
mod tests;
pub mod v6;
mod wire;

use std::net::Ipv4Addr;
use std::time::Duration;

use ovsdp_proto::{IfName, Mac};

pub use error::{Cause, Error};
pub use hostname::host_name;
pub use identity::{Identity, of_duid};
pub use lease::Lease;
pub use run::{Client, Command, start};
pub use task::{Order, Task};

/// What to ask for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The interface's name.
    pub ifname: IfName,
    /// The interface's index.
    pub ifindex: u32,
    /// The interface's Ethernet address: who the client is to the server.
    pub mac: Mac,
    /// Who the client says to be besides.
    pub identity: Identity,
    /// An address from before. It is asked for by itself first (INIT-REBOOT), which a server that knows it grants without
    /// probing for a host that has it, and then with the discover.
    pub request: Option<Ipv4Addr>,
    /// A lease from before a restart of the agent, to go on with: as it is while it holds, else as `request`.
    pub resume: Option<Lease>,
    /// How long to try for the first lease; 5 s at least leaves time for a lost message or two. `None`, as for later leases: until the
    /// client is stopped.
    pub timeout: Option<Duration>,
}

/// What became of a lease of IPv4.
pub type Event = Became<Lease, Error>;

/// What became of a lease `L`, `E` being why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became<L, E> {
    /// There is a lease: the first, one resumed, one of another address, or a new one after [`Became::Lost`].
    Bound(L),
    /// The lease holds for longer, its address the same; anything else in it may have changed.
    Renewed(L),
    /// The address must not be used any longer. The client looks for another lease.
    Lost {
        /// Why.
        reason: Loss,
    },
    /// No first lease in time; the client has ended.
    Failed(E),
}

/// Why a lease was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// No server renewed it in its time.
    Expired,
    /// A server refused to renew it.
    Refused,
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Expired => "no DHCP server renewed it in its time",
            Self::Refused => "the DHCP server refused to renew it",
        })
    }
}
