//! The leases of a bridge or plain device, as people are shown them.

use std::net::IpAddr;

use ipnet::IpNet;
use ovsdp_proto::IfName;
use serde::Serialize;

use super::memory::Remembered;
use crate::model::Interface;

/// A lease that is held, and how long it is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldLease {
    /// The interface the address is on.
    pub interface: IfName,
    /// The address with its prefix length.
    pub address: IpNet,
    /// The server it is from.
    pub server: IpAddr,
    /// Seconds until it ends.
    pub remaining: u64,
}

impl Remembered {
    /// The leases held for its interfaces, of both families, at `now` of the clock that [`Lease::obtained`](super::Lease::obtained) is of. One of
    /// IPv6 without an address is not among them.
    pub fn held(&self, now: u64) -> Vec<HeldLease> {
        let left = |obtained: u64, secs: u32| obtained.saturating_add(secs.into()).saturating_sub(now);
        let v4 = self.leases.iter().map(|(interface, lease)| HeldLease {
            interface: *interface,
            address: IpNet::V4(lease.address),
            server: lease.server.into(),
            remaining: left(lease.obtained, lease.lease_secs),
        });
        let v6 = self.leases6.iter().filter_map(|(interface, lease)| {
            let (address, server) = (IpAddr::V6(lease.address?), lease.server.into());
            Some(HeldLease { interface: *interface, address: address.into(), server, remaining: left(lease.obtained, lease.valid_secs) })
        });
        v4.chain(v6).collect()
    }

    /// The interfaces that are to have a lease and have none: a server is looked for.
    pub fn asking(&self) -> Vec<IfName> {
        self.named(|one| one.addressing.dhcp().is_some() && !self.leases.contains_key(&one.name))
    }

    /// The same, of a DHCPv6 server.
    pub fn asking6(&self) -> Vec<IfName> {
        self.named(|one| one.ipv6.dhcp.is_some() && !self.leases6.contains_key(&one.name))
    }

    fn named(&self, which: impl Fn(&Interface) -> bool) -> Vec<IfName> {
        self.intent.interfaces().filter(|one| which(one)).map(|one| one.name).collect()
    }
}
