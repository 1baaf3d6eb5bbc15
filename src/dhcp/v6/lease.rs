//! A lease: what a server granted, and for how long.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

/// What a DHCPv6 server granted. Everything in it has been checked: the address can be given to the kernel and the names written to a
/// resolver's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address, for this host alone (/128: which of its neighbours are on the link is for routers to say). `None` when only the rest
    /// was asked for.
    pub address: Option<Ipv6Addr>,
    /// How long the address is to be preferred, in seconds from `obtained`; [`Lease::FOREVER`] has no end, 0 is not at all.
    pub preferred_secs: u32,
    /// How long it holds, in seconds from `obtained`; [`Lease::FOREVER`] has no end. Without an address: when to ask again.
    pub valid_secs: u32,
    /// Resolvers, the best first.
    pub dns: Vec<Ipv6Addr>,
    /// The resolver's search list, only letters, digits, `-`, `_` and `.`.
    pub search: Vec<String>,
    /// The address the server answered from.
    pub server: Ipv6Addr,
    /// Who the server is (its DUID, RFC 8415 11), 1 to 130 bytes.
    pub server_duid: Vec<u8>,
    /// When it was asked for, in seconds since 1970: the time it counts from.
    pub obtained: u64,
    /// When to renew it (T1), in seconds from `obtained`; [`Lease::FOREVER`] is never.
    pub renew_secs: u32,
    /// When to ask any server (T2), in seconds from `obtained`; [`Lease::FOREVER`] is never.
    pub rebind_secs: u32,
}

impl Lease {
    /// The number of seconds that is no end.
    pub const FOREVER: u32 = u32::MAX;

    /// Whether it has no end.
    pub const fn is_forever(&self) -> bool {
        self.valid_secs == Self::FOREVER
    }
}
