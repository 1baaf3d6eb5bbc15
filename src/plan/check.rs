//! What must hold before anything is changed.

use std::collections::BTreeMap;

use ovsdp_proto::{IfName, Mac};

use super::away::is_away;
use super::error::PlanError;
use super::observed::{Link, Observed};
use super::{plain, tunnels, zones};
use crate::model::{Bridge, Intent, Interface, Kind};

/// What the devices that are there have against becoming what `intent` wants of them: one for each device that stands in the way.
pub fn obstacles(intent: &Intent, observed: &Observed) -> Vec<(IfName, PlanError)> {
    let mut found = Vec::new();
    let others: Vec<&Bridge> = intent.bridges.values().collect();
    for bridge in intent.bridges.values() {
        for interface in bridge.interfaces() {
            found.extend(tunnels::check(observed, bridge, interface, &others).err().map(|error| (interface.name, error)));
            let alone = alone(observed, interface, bridge.name()).err();
            // The linter compares addresses itself, and shows where in the file.
            let alone = alone.filter(|error| !matches!(error, PlanError::OtherHardware { .. }));
            found.extend(alone.map(|error| (interface.name, error)));
            found.extend(zones::check(observed, interface).err().map(|error| (interface.name, error)));
        }
    }
    found
}

/// Checks one interface against the device of its name.
fn alone(observed: &Observed, interface: &Interface, bridge: IfName) -> Result<(), PlanError> {
    match interface.kind {
        Kind::Internal => internal(observed, interface),
        Kind::System => system(observed, interface, bridge),
        Kind::Tunnel(_) | Kind::Patch { .. } => Ok(()),
    }
}

/// Checks every interface of `bridge`, and names those that another one of `targets` has to give up first. `places`: the bridge that each
/// port there is belongs to ([`Memory::bridges_of_ports`](super::memory::Memory::bridges_of_ports)); `others`: every bridge there will be.
pub(super) fn bridge(
    observed: &Observed,
    bridge: &Bridge,
    targets: &[(IfName, Option<Bridge>)],
    places: &BTreeMap<IfName, IfName>,
    others: &[&Bridge],
) -> Result<Vec<IfName>, PlanError> {
    let mut awaited = Vec::new();
    if bridge.is_plain() {
        zones::check(observed, &bridge.local)?;
        awaited.extend(plain::check(observed, &bridge.local, targets)?.then_some(bridge.name()));
        return Ok(awaited);
    }
    for interface in bridge.interfaces() {
        zones::check(observed, interface)?;
        if is_away(observed, bridge, interface.name) {
            continue;
        }
        alone(observed, interface, bridge.name())?;
        tunnels::check(observed, bridge, interface, others)?;
        let (name, bridge) = (interface.name, bridge.name());
        if let Some(other) = places.get(&name).copied().filter(|other| *other != bridge) {
            let gives_up = |target: &Bridge| !target.interfaces().any(|interface| interface.name == name);
            if !targets.iter().any(|(known, target)| *known == other && target.as_ref().is_none_or(gives_up)) {
                return Err(PlanError::InOtherBridge { name, bridge, other });
            }
            awaited.push(name);
        }
    }
    Ok(awaited)
}

fn internal(observed: &Observed, interface: &Interface) -> Result<(), PlanError> {
    let name = interface.name;
    match (observed.vports.get(&name), observed.links.get(&name)) {
        (Some(vport), _) if vport.kind == Kind::Internal && vport.port_no != 0 => Ok(()),
        (Some(vport), _) if vport.port_no == 0 => Err(PlanError::NameTaken { name, what: "the datapath's own".to_owned() }),
        (Some(_), _) => Err(PlanError::NameTaken { name, what: "a system device attached as a port".to_owned() }),
        (None, Some(link)) => {
            Err(PlanError::NameTaken { name, what: link.kind.as_deref().map_or_else(|| "hardware".to_owned(), |kind| format!("of kind `{kind}`")) })
        }
        (None, None) => Ok(()),
    }
}

fn system(observed: &Observed, interface: &Interface, bridge: IfName) -> Result<(), PlanError> {
    let name = interface.name;
    let link = observed.links.get(&name).ok_or(PlanError::NoDevice { name, bridge })?;
    if link.loopback {
        return Err(PlanError::Loopback { name, bridge });
    }
    if !link.ethernet {
        return Err(PlanError::NotEthernet { name, bridge });
    }
    hardware(observed, interface, bridge)?;
    match observed.vports.get(&name) {
        Some(vport) if vport.kind == Kind::Internal => Err(PlanError::NameTaken { name, what: "an internal port of the datapath".to_owned() }),
        Some(_) => Ok(()),
        None => link.master.map_or(Ok(()), |master| Err(PlanError::Enslaved { name, bridge, master })),
    }
}

/// The addresses a device may be known by: the one it has, the one it was made with, and the one it had before it was given
/// another one here.
pub fn known_by(observed: &Observed, name: IfName) -> Vec<Mac> {
    let link = observed.links.get(&name);
    let before = observed.memory.bridges.values().find_map(|bridge| bridge.members.get(&name)).and_then(|before| before.mac);
    let mut known: Vec<Mac> = Vec::new();
    for mac in [link.and_then(|link| link.mac), link.and_then(|link| link.permanent_mac), before].into_iter().flatten() {
        if !known.contains(&mac) {
            known.push(mac);
        }
    }
    known
}

/// `HWADDR`: the device is known by this address, or has the one its own file gives it.
fn hardware(observed: &Observed, interface: &Interface, bridge: IfName) -> Result<(), PlanError> {
    let (Some(wanted), Some(link)) = (interface.hwaddr, observed.links.get(&interface.name)) else { return Ok(()) };
    let name = interface.name;
    if known_by(observed, name).contains(&wanted) || (interface.mac.is_some() && link.mac == interface.mac) {
        return Ok(());
    }
    let has = |link: &Link| link.mac == Some(wanted) && link.kind.as_deref() != Some("openvswitch");
    let holder = observed.links.iter().find(|(_, link)| has(link)).map(|(name, _)| *name);
    Err(PlanError::OtherHardware { name, bridge, mac: link.mac, wanted, holder })
}
