//! A lease of IPv6, and what an interface carries of it.

use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv6Net};
use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::observed::{ADDRESS_NODAD, Address};

/// A lease held from a DHCPv6 server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease6 {
    /// The address, for this host alone; `None` when only the rest was asked for.
    pub address: Option<Ipv6Addr>,
    /// How long it is to be preferred, in seconds after `obtained`; `u32::MAX` for ever.
    pub preferred_secs: u32,
    /// How long it was given for, in seconds after `obtained`; `u32::MAX` for ever.
    pub valid_secs: u32,
    /// The resolver's servers (option 23).
    pub dns: Vec<Ipv6Addr>,
    /// The resolver's search list (option 24).
    pub search: Vec<String>,
    /// The address of the server that gave it.
    pub server: Ipv6Addr,
    /// Who that server is.
    pub server_duid: Vec<u8>,
    /// When to renew, in seconds after `obtained`; `u32::MAX` is never.
    pub renew_secs: u32,
    /// When to ask any server, in seconds after `obtained`; `u32::MAX` is never.
    pub rebind_secs: u32,
    /// When it was given, in seconds of the agent's clock. This room only tells equal from different.
    pub obtained: u64,
}

impl Lease6 {
    /// The address as it stands on an interface.
    pub(super) fn net(&self) -> Option<IpNet> {
        self.address.map(|address| IpNet::V6(Ipv6Net::from(address)))
    }

    /// The address as `ifname` is to carry it. Whoever obtained the lease has made sure that nobody else has it.
    pub(super) fn carried_by(&self, ifname: IfName) -> Option<Address> {
        let secs = |secs: u32| (secs != u32::MAX).then_some(secs);
        let (valid_lft, preferred_lft) = (secs(self.valid_secs), secs(self.preferred_secs));
        self.net().map(|net| Address { valid_lft, preferred_lft, flags: ADDRESS_NODAD, ..Address::lasting(ifname, net) })
    }
}
