//! A lease: what a server granted, and for how long.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// What a DHCP server granted. Everything in it has been checked: the addresses can be given to the kernel and the
/// names written to a resolver's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address with its prefix length. A server that sends no mask means the address's class, as dhclient has it.
    pub address: Ipv4Net,
    /// The broadcast address: the server's, else the network's last; `None` where there is none (/31, /32).
    pub broadcast: Option<Ipv4Addr>,
    /// Default gateways, the best first. Empty when the server sent classless routes, which replace them (RFC 3442).
    pub routers: Vec<Ipv4Addr>,
    /// Classless routes in the server's order: destination and gateway, where 0.0.0.0 means "on this link". The
    /// default route is among them when there is one.
    pub routes: Vec<(Ipv4Net, Ipv4Addr)>,
    /// Resolvers, the best first.
    pub dns: Vec<Ipv4Addr>,
    /// The domain's name, only letters, digits, `-`, `_` and `.`.
    pub domain: Option<String>,
    /// The resolver's search list, names as in `domain`.
    pub search: Vec<String>,
    /// The interface's MTU in bytes, 576 or more: dhclient's scripts ignore less too.
    pub mtu: Option<u16>,
    /// The server that granted it.
    pub server: Ipv4Addr,
    /// When it was asked for, in seconds since 1970: the time it counts from.
    pub obtained: u64,
    /// How long it holds, in seconds from `obtained`; [`Lease::FOREVER`] has no end.
    pub lease_secs: u32,
    /// When to renew it (T1), in seconds from `obtained`.
    pub renew_secs: u32,
    /// When to ask any server (T2), in seconds from `obtained`.
    pub rebind_secs: u32,
}

impl Lease {
    /// The `lease_secs` of a lease without an end.
    pub const FOREVER: u32 = u32::MAX;

    /// Whether it has no end.
    pub const fn is_forever(&self) -> bool {
        self.lease_secs == Self::FOREVER
    }
}
