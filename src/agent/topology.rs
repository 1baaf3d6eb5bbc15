//! Which datapath port belongs to which bridge: what the kernel has, seen through what is remembered.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use crate::dp::Vport;
use crate::model;
use crate::plan::Memory;
use crate::switch::{Bridge, Topology};

/// The bridge each vport belongs to, by name; a bridge's local port belongs to itself.
pub(super) type Places = BTreeMap<IfName, IfName>;

/// The places of everything remembered.
pub(super) fn places(memory: &Memory) -> Places {
    let mut places = Places::new();
    for (name, remembered) in &memory.bridges {
        places.insert(*name, *name);
        let ports = remembered.intent.ports.values().flat_map(|port| &port.interfaces).map(|interface| interface.name);
        places.extend(ports.chain(remembered.members.keys().copied()).map(|port| (port, *name)));
    }
    places
}

/// The switch's view, with the rules remembered. A bridge without its local port is not there; a vport without a place is
/// somebody else's.
pub(super) fn topology(places: &Places, memory: &Memory, vports: &[Vport]) -> Topology {
    let place = |vport: &Vport| places.get(&vport.name).copied();
    let locals = vports.iter().filter(|vport| place(vport) == Some(vport.name));
    let bridges = locals.map(|local| {
        let ports = vports.iter().filter(|vport| vport.name != local.name && place(vport) == Some(local.name));
        let bridge = Bridge::new(local.name, local.number);
        let Some(remembered) = memory.bridges.get(&local.name) else {
            return ports.fold(bridge, |bridge, vport| bridge.port(vport.name, vport.number));
        };
        let model::Bridge { rules, local_rules, ports: intended, .. } = &remembered.intent;
        ports.fold(bridge.rules(rules, local_rules), |bridge, vport| {
            let port = intended.values().find(|port| port.interfaces.iter().any(|interface| interface.name == vport.name));
            bridge.port_with(vport.name, vport.number, port.map(|port| port.rules.clone()).unwrap_or_default())
        })
    });
    Topology { bridges: bridges.collect() }
}
