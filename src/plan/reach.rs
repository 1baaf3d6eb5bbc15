//! An interface's own IPv4 addresses as the kernel is to be told of them: scope, peer and broadcast address with them.
//!
//! It must not know leases or what is there already.

use std::net::IpAddr;

use ipnet::IpNet;

use super::observed::Address;
use crate::model::{Addressing, Interface, Reach};

/// The addresses that `interface` has by its file, aliases not among them.
pub(super) fn fixed(interface: &Interface) -> impl Iterator<Item = Address> {
    let fixed = if let Addressing::Static(fixed) = &interface.addressing { fixed.addresses.as_slice() } else { &[] };
    fixed.iter().map(|net| {
        let plain = Address::lasting(interface.name, *net);
        let opposite = match (net, interface.reach.peer) {
            (IpNet::V4(own), Some(peer)) => IpNet::new(own.addr().into(), peer.prefix_len()).map(|own| (own, peer)).ok(),
            _ => None,
        };
        let asked = match opposite {
            Some((own, peer)) => {
                let broadcast = Address::lasting(interface.name, IpNet::V4(peer)).broadcast;
                Address { address: own, peer: Some(IpAddr::V4(peer.addr())), broadcast, ..plain }
            }
            None => plain,
        };
        reaching(asked, &interface.reach)
    })
}

/// The addresses that `interface` has by its aliases.
pub(super) fn aliases(interface: &Interface) -> impl Iterator<Item = Address> {
    interface.aliases.iter().map(|alias| {
        let plain = Address::lasting(interface.name, IpNet::V4(alias.address));
        reaching(Address { label: Some(alias.label.clone()), ..plain }, &interface.reach)
    })
}

fn reaching(address: Address, reach: &Reach) -> Address {
    let IpAddr::V4(ip) = address.address.addr() else { return address };
    let broadcast = reach.broadcasts.get(&ip).copied().or(address.broadcast);
    Address { scope: reach.scope, broadcast, ..address }
}
