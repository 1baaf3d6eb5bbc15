//! Which new addresses are asked about before they are used, and what waits for the answer.
//!
//! An address the host has already is its own: it moves without being asked about, and nothing it needs waits.

use std::net::Ipv6Addr;

use ipnet::IpNet;
use ovsdp_proto::IfName;

use super::before::carried_by;
use super::diff::Change;
use super::observed::{ADDRESS_NODAD, Address, Observed, Route};
use super::reach;
use super::step::{Claim, Step};
use crate::model::Interface;

/// A change divided at the point where nothing more may be done before the neighbours have answered.
#[derive(Debug, Default)]
pub(super) struct Divided {
    /// What is asked about.
    pub(super) claims: Vec<Claim>,
    /// What comes before the answers.
    pub(super) before: Vec<Step>,
    /// What comes after.
    pub(super) after: Vec<Step>,
}

/// Divides what is added to `interface`. `alone`: nothing is behind the bridge that could answer.
pub(super) fn divide(observed: &Observed, interface: &Interface, change: &mut Change, alone: bool) -> Divided {
    let first = std::mem::take(&mut change.first);
    let add = std::mem::take(&mut change.add);
    let claims: Vec<Claim> = if alone { Vec::new() } else { add.iter().filter_map(|step| claim(observed, interface, step)).collect() };
    if claims.is_empty() {
        return Divided { claims, before: first.into_iter().chain(add).collect(), after: Vec::new() };
    }
    // Where old addresses must go first, they stay until the new ones are known to be free.
    if !first.is_empty() {
        return Divided { claims, before: Vec::new(), after: first.into_iter().chain(add).collect() };
    }
    // What moves is there at once; the others follow in the file's order, whichever of them are asked about.
    let is_new =
        |step: &Step| matches!(step, Step::AddAddress { address, .. } if matches!(address.address, IpNet::V4(_)) && !is_own(observed, address));
    let arriving = add.iter().filter(|step| !is_new(step)).filter_map(|step| match step {
        Step::AddAddress { address, .. } => Some(address.clone()),
        _ => None,
    });
    let addresses: Vec<Address> = observed.addresses_on(interface.name).cloned().chain(arriving).collect();
    let route = |step: &Step| match step {
        Step::AddRoute { route, .. } | Step::ChangeRoute { to: route, .. } => Some(route.clone()),
        _ => None,
    };
    let routes: Vec<Route> = add.iter().filter_map(route).collect();
    let carried = carried_by(&routes, &addresses);
    let waits = |step: &Step| match step {
        Step::AddRoute { route, .. } | Step::ChangeRoute { to: route, .. } => !carried.contains(route),
        // What it leads to is not there yet.
        Step::AddRule { .. } => true,
        other => is_new(other),
    };
    let (after, before) = add.into_iter().partition(waits);
    Divided { claims, before, after }
}

/// Whether the host has the address already, on whichever device.
fn is_own(observed: &Observed, address: &Address) -> bool {
    observed.addresses.iter().any(|there| there.address.addr() == address.address.addr())
}

fn claim(observed: &Observed, interface: &Interface, step: &Step) -> Option<Claim> {
    let Step::AddAddress { address, .. } = step else { return None };
    let IpNet::V4(net) = address.address else { return None };
    let fixed = reach::fixed(interface).any(|fixed| fixed.address == address.address);
    let written = fixed || interface.has_alias(address.address);
    let asked = written && !interface.arp.unchecked.contains(&net.addr());
    let (tries, wait_secs) = (interface.arp.tries, interface.arp.wait_secs);
    (asked && !is_own(observed, address)).then_some(Claim { ifname: interface.name, address: net.addr(), tries, wait_secs })
}

/// The addresses among those that `steps` add to `interface` which a file asks for and the kernel makes sure of.
pub(super) fn awaited<'a>(interface: &'a Interface, steps: impl Iterator<Item = &'a Step>) -> Vec<(IfName, Ipv6Addr)> {
    steps
        .filter_map(|step| match step {
            Step::AddAddress { address: Address { ifname, address: IpNet::V6(net), flags, .. }, .. } => {
                (interface.ipv6.addresses.contains(net) && flags & ADDRESS_NODAD == 0).then_some((*ifname, net.addr()))
            }
            _ => None,
        })
        .collect()
}
