//! A bridge's leases of IPv6: kept, asked for, let go of.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use ovsdp_proto::IfName;

use super::Work;
use crate::model::{Bridge, Dhcp6, Interface};
use crate::plan::lease6::Lease6;
use crate::plan::step::Step;

impl Work<'_> {
    /// A lease goes on where the interface still wants one of its kind, unless a port takes its address along.
    pub(super) fn kept_leases6(&self) -> BTreeMap<IfName, Lease6> {
        let wanted = |name: IfName| {
            let mut interfaces = self.target.into_iter().flat_map(Bridge::interfaces);
            interfaces.find(|interface| interface.name == name)?.ipv6.dhcp.as_ref()
        };
        let taken = |address: Ipv6Addr| self.released.iter().any(|(port, before)| self.is_present(*port) && before.had(IpAddr::V6(address)));
        let goes_on = |name: IfName, lease: &Lease6| {
            wanted(name).is_some_and(|dhcp| dhcp.address == lease.address.is_some()) && !lease.address.is_some_and(taken)
        };
        let leases = self.old.into_iter().flat_map(|old| &old.leases6);
        leases.filter(|(name, lease)| goes_on(**name, lease)).map(|(name, lease)| (*name, lease.clone())).collect()
    }

    /// The address whose lifetimes the kernel does not know yet, its lease being newer.
    pub(super) fn renewed6(&self, interface: IfName) -> Option<IpNet> {
        let lease = self.leases6.get(&interface)?;
        let applied = self.old.and_then(|old| old.applied6.get(&interface));
        lease.net().filter(|_| applied != Some(&lease.obtained))
    }

    /// Lets go of leases. Their addresses must be gone by then (RFC 8415, 18.2.7), and the interfaces still be there.
    pub(super) fn release_leases6(&self) -> Vec<Step> {
        let leases = self.old.into_iter().flat_map(|old| &old.leases6).filter(|(name, _)| !self.leases6.contains_key(*name));
        leases
            .map(|(name, lease)| {
                let goes_back = |address| self.creditors().any(|(_, before)| before.had(IpAddr::V6(address)));
                let stays =
                    |address| self.goals.iter().any(|(_, goal)| goal.addresses.iter().any(|wanted| wanted.address.addr() == IpAddr::V6(address)));
                // Unasked is what the file said while the lease was held (`DHCPRELEASE`).
                let unasked = self.pinned(*name).and_then(|old| old.ipv6.dhcp.as_ref()).is_some_and(|dhcp| !dhcp.release);
                let unless = lease.address.filter(|address| unasked || goes_back(*address) || stays(*address));
                Step::ReleaseLease6 { bridge: self.name, ifname: *name, lease: Some(lease.clone()), unless }
            })
            .collect()
    }

    pub(super) fn obtain6(&self) -> Vec<Step> {
        let asks = |interface: &Interface| {
            let through = interface.addressing.dhcp().is_none() || self.can_ask(interface);
            interface.ipv6.dhcp.is_some() && through && !self.leases6.contains_key(&interface.name) && !self.is_asking6(interface)
        };
        let wanting = self.goals.iter().map(|(interface, _)| *interface).filter(|interface| asks(interface));
        wanting.map(|interface| Step::ObtainLease6 { bridge: self.name, ifname: interface.name, request: self.request6(interface) }).collect()
    }

    /// Whether a lease is being asked for all the time since the interface was last brought up (`PERSISTENT_DHCLIENT_IPV6`).
    fn is_asking6(&self, interface: &Interface) -> bool {
        let persistent = |interface: &Interface| interface.ipv6.dhcp.as_ref().is_some_and(|dhcp| dhcp.persistent);
        let asked = self.pinned(interface.name).and_then(|old| old.ipv6.dhcp.as_ref());
        persistent(interface)
            && self.pinned(interface.name).is_some_and(persistent)
            && asked.map(of_an_address) == interface.ipv6.dhcp.as_ref().map(of_an_address)
    }

    /// The address to ask for: one of a host alone with an end, which only another DHCPv6 client can have put there.
    fn request6(&self, interface: &Interface) -> Option<Ipv6Addr> {
        let ports = self.befores_of(interface.name).values().flat_map(|before| &before.addresses);
        let there = self.observed.addresses_on(interface.name).chain(ports);
        let mut leased = there.filter_map(|address| match address.address {
            IpNet::V6(net) if net.prefix_len() == 128 && address.valid_lft.is_some() => Some(net.addr()),
            _ => None,
        });
        leased.next().filter(|_| interface.ipv6.dhcp.as_ref().is_some_and(of_an_address))
    }
}

fn of_an_address(dhcp: &Dhcp6) -> bool {
    dhcp.address
}
