//! The leases of IPv6 the agent keeps: a client for each interface on the main thread's runtime, started, stopped and listened to by the
//! worker.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use ovsdp_proto::IfName;
use tokio::runtime::Handle;

use super::clients::Clients;
use super::inbox::{Order, Queue};
use super::leases::TIMEOUT;
use crate::dhcp::host_name;
use crate::dhcp::v6::{self, Ask};
use crate::host::{clock, machine};
use crate::model::{Dhcp6, HostName};
use crate::plan::Lease6;

/// Every DHCPv6 client of the agent.
#[derive(Debug)]
pub(super) struct Leases6 {
    pub(super) clients: Clients<v6::Command, v6::Lease, v6::Error>,
    /// When each lease that was ever held ends to be valid and to be preferred, in seconds since 1970; `None` is never.
    ends: BTreeMap<Ipv6Addr, (Option<u64>, Option<u64>)>,
}

/// Who asks for a lease, and how.
#[derive(Debug, Clone)]
pub(super) struct Asker6 {
    pub(super) ifname: IfName,
    pub(super) ifindex: u32,
    pub(super) dhcp: Dhcp6,
}

impl Asker6 {
    /// How long the first lease is waited for.
    pub(super) fn patience(&self) -> Duration {
        self.dhcp.timeout_secs.map_or(TIMEOUT, |secs| Duration::from_secs(secs.into()))
    }

    fn identity(&self) -> v6::Identity {
        let name = match &self.dhcp.name {
            HostName::System => host_name(&machine::host_name()),
            HostName::Silent => None,
            HostName::Host(name) | HostName::Full(name) => Some(name.clone()),
        };
        v6::Identity { duid: v6::duid(&machine::id()), iaid: v6::iaid(&self.ifname), name }
    }
}

impl Leases6 {
    /// None yet. What becomes of leases is put into `queue`.
    pub(super) fn new(runtime: Handle, queue: Queue) -> Self {
        Self { clients: Clients::new(runtime, queue, Order::Lease6), ends: BTreeMap::new() }
    }

    /// Asks for a lease, of `request` if that can be had. The answer comes as an order.
    pub(super) fn ask(&mut self, asker: Asker6, request: Option<Ipv6Addr>) {
        self.start(asker, request, None);
    }

    /// Goes on with a lease that was held before.
    pub(super) fn resume(&mut self, asker: Asker6, lease: &Lease6) {
        self.note(lease);
        self.start(asker, lease.address, Some(to_dhcp(lease)));
    }

    fn start(&mut self, asker: Asker6, request: Option<Ipv6Addr>, resume: Option<v6::Lease>) {
        // Who had a lease once wants another when it has ended.
        let timeout = (!asker.dhcp.persistent && resume.is_none()).then(|| asker.patience());
        let identity = asker.identity();
        let Asker6 { ifname, ifindex, dhcp } = asker;
        let ask = Ask { ifname, ifindex, identity, address: dhcp.address, request, resume, timeout };
        self.clients.start(ifname, v6::start, ask);
    }

    /// Takes note of when a lease ends.
    pub(super) fn note(&mut self, lease: &Lease6) {
        let end = |secs: u32| (secs != u32::MAX).then(|| lease.obtained.saturating_add(secs.into()));
        if let Some(address) = lease.address {
            self.ends.insert(address, (end(lease.valid_secs), end(lease.preferred_secs)));
        }
    }

    /// Seconds a lease's address is still valid, and preferred, `None` being for ever; nothing when it is not a lease's.
    pub(super) fn remaining(&self, address: Ipv6Addr) -> Option<(Option<u32>, Option<u32>)> {
        let now = clock::unix_secs();
        let left = |end: u64| u32::try_from(end.saturating_sub(now)).unwrap_or(u32::MAX);
        let (valid, preferred) = self.ends.get(&address)?;
        Some((valid.map(left), preferred.map(left)))
    }

    /// Asks whether the lease of `ifname` fits the link still.
    pub(super) fn confirm(&self, ifname: IfName) {
        if let Some(client) = self.clients.get(ifname) {
            client.confirm();
        }
    }
}

/// A lease as the plan knows it.
pub(super) fn to_plan(lease: &v6::Lease) -> Lease6 {
    let v6::Lease { address, preferred_secs, valid_secs, dns, search, server, server_duid, obtained, renew_secs, rebind_secs } = lease.clone();
    Lease6 { address, preferred_secs, valid_secs, dns, search, server, server_duid, renew_secs, rebind_secs, obtained }
}

fn to_dhcp(lease: &Lease6) -> v6::Lease {
    let Lease6 { address, preferred_secs, valid_secs, dns, search, server, server_duid, renew_secs, rebind_secs, obtained } = lease.clone();
    v6::Lease { address, preferred_secs, valid_secs, dns, search, server, server_duid, obtained, renew_secs, rebind_secs }
}
