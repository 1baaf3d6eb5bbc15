//! The tunnel devices that ports of all bridges share: made and attached for the first port that needs one, detached and
//! deleted after the last. One that was there before stays when its last port goes.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use super::error::PlanError;
use super::memory::Memory;
use super::observed::Observed;
use super::step::Step;
use crate::model::{Bridge, Device, Interface, Kind, Tunnel};

/// The tunnel ports of `bridge`.
fn tunnels(bridge: &Bridge) -> impl Iterator<Item = (IfName, &Tunnel)> {
    bridge.interfaces().filter_map(|interface| if let Kind::Tunnel(tunnel) = &interface.kind { Some((interface.name, tunnel)) } else { None })
}

/// The devices that the bridges of `memory` need.
pub(super) fn needed(memory: &Memory) -> BTreeSet<Device> {
    memory.bridges.values().flat_map(|bridge| tunnels(&bridge.intent)).map(|(_, tunnel)| tunnel.encap.device()).collect()
}

/// The steps that take away what no bridge needs any longer once the memory is `after`.
pub(super) fn retire(observed: &Observed, after: &Memory) -> Vec<Step> {
    let (before, after) = (needed(&observed.memory), needed(after));
    let ours = &observed.memory.tunnels;
    let mut steps = Vec::new();
    for device in before.union(ours).copied().filter(|device| !after.contains(device)) {
        let name = device.name();
        // Of the same name: one that another device takes the place of.
        if let Some(vport) = observed.vports.get(&name) {
            steps.push(Step::DetachTunnel { device, port_no: vport.port_no });
        }
        if ours.contains(&device) {
            steps.push(Step::DeleteTunnel { device });
        }
    }
    steps
}

/// The steps that make and attach what is missing once the memory is `after`; `retired` is what is taken away first.
pub(super) fn provide(observed: &Observed, after: &Memory, retired: &[Step]) -> Vec<Step> {
    let detached = |name: IfName| retired.iter().any(|step| matches!(step, Step::DetachTunnel { device, .. } if device.name() == name));
    let deleted = |name: IfName| retired.iter().any(|step| matches!(step, Step::DeleteTunnel { device } if device.name() == name));
    let mut steps = Vec::new();
    for device in needed(after) {
        let name = device.name();
        match observed.links.get(&name).filter(|_| !deleted(name)) {
            None => steps.push(Step::CreateTunnel { device }),
            Some(link) if !link.up => steps.push(Step::SetUp { name }),
            Some(_) => {}
        }
        if detached(name) || !observed.vports.contains_key(&name) {
            steps.push(Step::AttachTunnel { device, port_no: None });
        }
    }
    steps
}

/// Checks a tunnel port of `bridge` against the device of its name and against the tunnel ports of `others`, every bridge
/// there will be.
pub(super) fn check(observed: &Observed, bridge: &Bridge, interface: &Interface, others: &[&Bridge]) -> Result<(), PlanError> {
    let Kind::Tunnel(tunnel) = &interface.kind else { return Ok(()) };
    let (device, name) = (tunnel.encap.device(), tunnel.encap.device().name());
    for (other, theirs) in others.iter().flat_map(|bridge| tunnels(bridge)).filter(|(other, _)| *other != interface.name) {
        if theirs.encap.device() != device && theirs.encap.device().name() == name {
            return Err(PlanError::TunnelsDiffer { name: interface.name, bridge: bridge.name(), other, device: name });
        }
        if theirs.takes_what(tunnel) {
            return Err(PlanError::SameTunnel { name: interface.name, bridge: bridge.name(), other });
        }
    }
    device_is_free(observed, device)
}

/// Whether the device's name is free, or its, or that of one of ours that will be gone.
fn device_is_free(observed: &Observed, device: Device) -> Result<(), PlanError> {
    let name = device.name();
    let Some(link) = observed.links.get(&name) else { return Ok(()) };
    let replaced = || observed.memory.tunnels.iter().any(|ours| *ours != device && ours.name() == name);
    if link.tunnel != Some(device) && !replaced() {
        let what = match &link.kind {
            Some(kind) if kind == device.kind() => format!("of kind `{kind}`, but set up otherwise than the tunnels of a datapath are"),
            Some(kind) => format!("of kind `{kind}`"),
            None => "hardware".to_owned(),
        };
        return Err(PlanError::NameTaken { name, what });
    }
    match (observed.vports.get(&name), link.master) {
        (None, Some(master)) => Err(PlanError::TunnelEnslaved { name, master }),
        _ => Ok(()),
    }
}

/// How the ports of a bridge that have no device of their own differ from what they were, in words; `None` when they do not.
pub(super) fn difference(from: Option<&Bridge>, to: &Bridge) -> Option<String> {
    let list = |bridge: &Bridge| -> BTreeMap<IfName, Kind> {
        let interfaces = bridge.interfaces().filter(|interface| !interface.kind.has_device());
        interfaces.map(|interface| (interface.name, interface.kind)).collect()
    };
    let (from, to) = (from.map(list).unwrap_or_default(), list(to));
    let added = to.iter().filter(|(name, _)| !from.contains_key(*name)).map(|(name, kind)| format!("+{name} ({})", words(*kind)));
    let changed = to.iter().filter(|(name, kind)| from.get(*name).is_some_and(|old| old != *kind));
    let changed = changed.map(|(name, kind)| format!("~{name} ({})", words(*kind)));
    let gone = from.keys().filter(|name| !to.contains_key(*name)).map(|name| format!("-{name}"));
    let all: Vec<String> = added.chain(changed).chain(gone).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn words(kind: Kind) -> String {
    match kind {
        Kind::System => "system".to_owned(),
        Kind::Internal => "internal".to_owned(),
        Kind::Tunnel(tunnel) => {
            let options: Vec<String> = tunnel.options().iter().map(|(option, value)| format!(" {option}={value}")).collect();
            format!("{}{}", tunnel.encap.type_name(), options.concat())
        }
        Kind::Patch { peer } => format!("patch peer={peer}"),
    }
}

/// Every bridge there will be: those of `targets` as they will be, the others as they are.
pub(super) fn all<'a>(observed: &'a Observed, targets: &'a [(IfName, Option<Bridge>)]) -> Vec<&'a Bridge> {
    let named: BTreeSet<IfName> = targets.iter().map(|(name, _)| *name).collect();
    let others = observed.memory.bridges.iter().filter(|(name, _)| !named.contains(*name));
    targets.iter().filter_map(|(_, target)| target.as_ref()).chain(others.map(|(_, bridge)| &bridge.intent)).collect()
}

/// What people should be told of a bridge's patch ports: `others` is every bridge there will be.
pub(super) fn notes(bridge: &Bridge, others: &[&Bridge]) -> Vec<String> {
    let mut notes = Vec::new();
    for interface in bridge.interfaces() {
        let Kind::Patch { peer } = interface.kind else { continue };
        let theirs = others.iter().flat_map(|bridge| bridge.interfaces().map(move |interface| (bridge.name(), interface)));
        match theirs.into_iter().find(|(_, other)| other.name == peer) {
            None => notes.push(format!("patch port {} of {} leads nowhere: its peer {peer} is not up", interface.name, bridge.name())),
            Some((_, other)) if other.kind == (Kind::Patch { peer: interface.name }) => {}
            Some((of, _)) => {
                notes.push(format!("patch port {} of {} leads nowhere: {peer} of {of} does not name it as its peer", interface.name, bridge.name()));
            }
        }
    }
    notes
}
