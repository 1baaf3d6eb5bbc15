//! What is asked of a DHCPv6 server, and what becomes of the lease in the end.
//!
//! It must not know messages or servers.

use serde::{Deserialize, Serialize};

use super::asking::HostName;

/// What is asked of a DHCPv6 server (`DHCPV6C`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dhcp6 {
    /// Whether for an address; otherwise only for what the resolver needs (`DHCPV6C_OPTIONS=-S`).
    pub address: bool,
    /// Whether the name servers that are told of are asked (`PEERDNS`).
    pub peer_dns: bool,
    /// The name to give.
    pub name: HostName,
    /// How long the first lease is waited for, in seconds, 1 to [`super::LONGEST_WAIT`] (`IPV6_DHCP_TIMEOUT`); `None` leaves it to the agent.
    pub timeout_secs: Option<u16>,
    /// Whether to go on asking when that time is up, instead of failing (`PERSISTENT_DHCLIENT_IPV6`).
    pub persistent: bool,
    /// Whether a lease that nobody needs any longer is given back to the server (`DHCPRELEASE`).
    pub release: bool,
}

impl Default for Dhcp6 {
    fn default() -> Self {
        Self { address: true, peer_dns: true, name: HostName::System, timeout_secs: None, persistent: false, release: true }
    }
}

impl Dhcp6 {
    /// Whether servers are asked in the same way, whatever is taken of what they say.
    pub fn asks_as(&self, other: &Self) -> bool {
        Self { peer_dns: other.peer_dns, ..self.clone() } == *other
    }
}
