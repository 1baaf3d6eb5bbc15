//! The leases the agent keeps: a client for each interface on the main thread's runtime, started, stopped and listened to
//! by the worker.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use ovsdp_proto::{IfName, Mac};
use tokio::runtime::Handle;

use super::clients::Clients;
use super::inbox::{Order, Queue};
use crate::dhcp::{self, Ask};
use crate::host::{clock, machine};
use crate::model::{Asking, ClientId, HostName, Iaid};
use crate::plan;

/// How long a first lease may take when the file does not say. dhclient's own patience is 60 s; a server that is there answers within two tries.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Every lease client of the agent.
#[derive(Debug)]
pub(super) struct Leases {
    pub(super) clients: Clients<dhcp::Command, dhcp::Lease, dhcp::Error>,
    /// When each lease that was ever held ends, in seconds since 1970: what `down` gives back is valid until then.
    ends: BTreeMap<Ipv4Addr, u64>,
}

/// Who asks for a lease, and how.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) ifname: IfName,
    pub(super) ifindex: u32,
    pub(super) mac: Mac,
    /// The Ethernet address of the hardware, or `mac` where nobody needs to know.
    pub(super) permanent: Mac,
    pub(super) asking: Asking,
}

impl Asker {
    /// How long the first lease is waited for.
    pub(super) fn patience(&self) -> Duration {
        self.asking.timeout_secs.map_or(TIMEOUT, |secs| Duration::from_secs(secs.into()))
    }

    fn identity(&self) -> dhcp::Identity {
        let (hostname, fqdn) = match &self.asking.name {
            HostName::System => (dhcp::host_name(&machine::host_name()), None),
            HostName::Silent => (None, None),
            HostName::Host(name) => (Some(name.clone()), None),
            HostName::Full(name) => (None, Some(name.clone())),
        };
        let client_id = self.asking.client_id.as_ref().map(|id| match id {
            // The number stands for Ethernet, as in a frame of ARP.
            ClientId::Mac => std::iter::once(1).chain(self.mac.0).collect(),
            ClientId::PermanentMac => std::iter::once(1).chain(self.permanent.0).collect(),
            ClientId::Bytes(bytes) => bytes.clone(),
            ClientId::Duid(iaid) => {
                let number = |Mac([_, _, a, b, c, d])| u32::from_be_bytes([a, b, c, d]);
                let iaid = match iaid {
                    Iaid::Name => dhcp::v6::iaid(&self.ifname),
                    Iaid::Mac => number(self.mac),
                    Iaid::PermanentMac => number(self.permanent),
                    Iaid::Number(number) => *number,
                };
                dhcp::of_duid(iaid, &dhcp::v6::duid(&machine::id()))
            }
        });
        dhcp::Identity { hostname, fqdn, client_id, vendor_class: self.asking.vendor_class.clone() }
    }
}

impl Leases {
    /// None yet. What becomes of leases is put into `queue`.
    pub(super) fn new(runtime: Handle, queue: Queue) -> Self {
        Self { clients: Clients::new(runtime, queue, Order::Lease), ends: BTreeMap::new() }
    }

    /// Asks for a lease, of `request` if that can be had. The answer comes as an order.
    pub(super) fn ask(&mut self, asker: Asker, request: Option<Ipv4Addr>) {
        self.start(asker, request, None);
    }

    /// Goes on with a lease that was held before.
    pub(super) fn resume(&mut self, asker: Asker, lease: &plan::Lease) {
        self.note(lease);
        self.start(asker, Some(lease.address.addr()), Some(to_dhcp(lease)));
    }

    fn start(&mut self, asker: Asker, request: Option<Ipv4Addr>, resume: Option<dhcp::Lease>) {
        // A lease that was held goes on being asked for, however long it takes.
        let timeout = (!asker.asking.persistent && resume.is_none()).then(|| asker.patience());
        let identity = asker.identity();
        let Asker { ifname, ifindex, mac, .. } = asker;
        let ask = Ask { ifname, ifindex, mac, identity, request, resume, timeout };
        self.clients.start(ifname, dhcp::start, ask);
    }

    /// Takes note of when a lease ends.
    pub(super) fn note(&mut self, lease: &plan::Lease) {
        self.ends.insert(lease.address.addr(), lease.obtained.saturating_add(lease.lease_secs.into()));
    }

    /// Seconds a lease's address is still valid; `None` when it is not one of a lease with an end.
    pub(super) fn remaining(&self, address: Ipv4Addr) -> Option<u32> {
        let end = *self.ends.get(&address)?;
        let now = clock::unix_secs();
        Some(u32::try_from(end.saturating_sub(now)).unwrap_or(u32::MAX))
    }
}

/// A lease as the plan knows it.
pub(super) fn to_plan(lease: &dhcp::Lease) -> plan::Lease {
    plan::Lease {
        address: lease.address,
        routers: lease.routers.clone(),
        classless: lease.routes.iter().map(|(dst, via)| plan::ClasslessRoute { dst: *dst, via: *via }).collect(),
        dns: lease.dns.clone(),
        domain: lease.domain.clone(),
        search: lease.search.clone(),
        mtu: lease.mtu,
        server: lease.server,
        lease_secs: lease.lease_secs,
        renew_secs: Some(lease.renew_secs),
        rebind_secs: Some(lease.rebind_secs),
        obtained: lease.obtained,
    }
}

fn to_dhcp(lease: &plan::Lease) -> dhcp::Lease {
    let net = lease.address;
    dhcp::Lease {
        address: net,
        broadcast: (net.prefix_len() < 31).then(|| net.broadcast()),
        routers: lease.routers.clone(),
        routes: lease.classless.iter().map(|route| (route.dst, route.via)).collect(),
        dns: lease.dns.clone(),
        domain: lease.domain.clone(),
        search: lease.search.clone(),
        mtu: lease.mtu,
        server: lease.server,
        obtained: lease.obtained,
        lease_secs: lease.lease_secs,
        // RFC 2131 4.4.5: half and seven eighths of the lease where the server did not say.
        renew_secs: lease.renew_secs.unwrap_or(lease.lease_secs / 2),
        rebind_secs: lease.rebind_secs.unwrap_or(lease.lease_secs / 8 * 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hardware's address tells the client, whatever address the interface has.
    #[test]
    fn the_hardwares_address_is_an_identifier() {
        let asker = |client_id| Asker {
            ifname: IfName::new("ovsbr0").unwrap(),
            ifindex: 7,
            mac: Mac([2, 0, 0, 0, 0, 1]),
            permanent: Mac([2, 0, 0xa, 0xb, 0xc, 0xd]),
            asking: Asking { client_id: Some(client_id), ..Asking::default() },
        };
        assert_eq!(asker(ClientId::Mac).identity().client_id.unwrap(), [1, 2, 0, 0, 0, 0, 1]);
        assert_eq!(asker(ClientId::PermanentMac).identity().client_id.unwrap(), [1, 2, 0, 0xa, 0xb, 0xc, 0xd]);
        let duid = asker(ClientId::Duid(Iaid::PermanentMac)).identity().client_id.unwrap();
        assert_eq!(duid[..5], [255, 0xa, 0xb, 0xc, 0xd]);
    }
}
