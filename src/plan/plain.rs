//! Devices that are no port of any bridge and come up because bridges need them.
//!
//! How they come up is `bridge`'s, which takes them for bridges without a datapath. They are never taken down: what others have them for
//! is not known.

use ipnet::IpNet;
use ovsdp_proto::IfName;

use super::error::PlanError;
use super::observed::Observed;
use super::step::Step;
use crate::model::{Bridge, Interface};

/// What people are told of a plain device that another program has a lease for already: it is left to that program.
pub(super) fn left(observed: &Observed, bridge: &Bridge) -> Option<String> {
    let name = bridge.name();
    let (v4, v6) = (bridge.local.addressing.dhcp().is_some(), bridge.local.ipv6.dhcp.is_some());
    if !bridge.is_plain() || !(v4 || v6) || observed.memory.plain.contains_key(&name) {
        return None;
    }
    if let Some(client) = observed.dhcp_clients.iter().find(|client| client.ifname == name && !client.paused) {
        return Some(format!("{name} is left to {} (process {}), which keeps its lease", client.name, client.pid));
    }
    let is_leased = |address: &IpNet| match address {
        IpNet::V4(_) => v4,
        // Only a lease is of a host alone: what routers advertise is of a network.
        IpNet::V6(net) => v6 && net.prefix_len() == 128,
    };
    let leased = observed.addresses_on(name).find(|address| is_leased(&address.address) && address.valid_lft.is_some())?;
    Some(format!("{name} has {} from a lease: it is left to whoever keeps that", leased.address))
}

/// What must hold before a plain device is touched. Says whether another one of `targets` has it for a port, and gives it up in this very plan.
pub(super) fn check(observed: &Observed, interface: &Interface, targets: &[(IfName, Option<Bridge>)]) -> Result<bool, PlanError> {
    let name = interface.name;
    let link = observed.links.get(&name).ok_or(PlanError::NoPlainDevice { name })?;
    if link.loopback {
        return Err(PlanError::PlainLoopback { name });
    }
    if let Some(bridge) = observed.memory.bridge_of(name) {
        let gives_up = |target: &Bridge| !target.interfaces().any(|interface| interface.name == name);
        if targets.iter().any(|(known, target)| *known == bridge && target.as_ref().is_none_or(gives_up)) {
            return Ok(true);
        }
    }
    match link.master {
        Some(master) => Err(PlanError::PlainEnslaved { name, master }),
        None => Ok(false),
    }
}

/// The steps that let go of plain devices which become ports: the bridge takes over what they have, a lease's address too.
pub(super) fn given_up(observed: &Observed, targets: &[(IfName, Option<Bridge>)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let bridges = targets.iter().filter_map(|(_, target)| target.as_ref()).filter(|target| !target.is_plain());
    for (name, old) in bridges.flat_map(Bridge::interfaces).filter_map(|member| observed.memory.plain.get_key_value(&member.name)) {
        steps.extend(old.leases.values().map(|lease| Step::ReleaseLease {
            bridge: *name,
            ifname: *name,
            lease: Some(lease.clone()),
            unless: Some(lease.address.addr()),
        }));
        steps.extend(old.leases6.values().map(|lease| Step::ReleaseLease6 {
            bridge: *name,
            ifname: *name,
            lease: Some(lease.clone()),
            unless: lease.address,
        }));
        steps.push(Step::Forget { bridge: *name, from: Box::new(old.clone()) });
    }
    steps
}
