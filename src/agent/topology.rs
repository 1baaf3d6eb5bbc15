//! Which datapath port belongs to which bridge: what the kernel has, seen through what is remembered.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use crate::dp::Vport;
use crate::model::{Interface, Kind};
use crate::plan::Memory;
use crate::switch::{Bridge, Port, Topology, Way};

/// The bridge each vport belongs to, by name; a bridge's local port belongs to itself. Tunnel and patch ports are none.
pub(super) type Places = BTreeMap<IfName, IfName>;

/// The places of everything remembered.
pub(super) fn places(memory: &Memory) -> Places {
    let mut places = Places::new();
    for (name, remembered) in &memory.bridges {
        places.insert(*name, *name);
        let ports = remembered.intent.interfaces().filter(|interface| interface.kind.has_device()).map(|interface| interface.name);
        places.extend(ports.chain(remembered.members.keys().copied()).map(|port| (port, *name)));
    }
    places
}

/// The switch's view. A bridge without its local port is not there; a vport without a place is somebody else's. A tunnel port
/// is there while its device is.
pub(super) fn topology(places: &Places, memory: &Memory, vports: &[Vport]) -> Topology {
    let place = |vport: &Vport| places.get(&vport.name).copied();
    let locals = vports.iter().filter(|vport| place(vport) == Some(vport.name));
    let bridges = locals.map(|local| {
        let ports = vports.iter().filter(|vport| vport.name != local.name && place(vport) == Some(local.name));
        let bridge = ports.fold(Bridge::new(local.name, local.number), |bridge, vport| bridge.port(vport.name, vport.number));
        let Some(remembered) = memory.bridges.get(&local.name) else { return bridge };
        let bridge = bridge.rules(&remembered.intent.rules);
        remembered.intent.interfaces().filter_map(|interface| without_device(interface, vports)).fold(bridge, Bridge::with)
    });
    Topology { bridges: bridges.collect() }
}

/// A port that is no device of its own.
fn without_device(interface: &Interface, vports: &[Vport]) -> Option<Port> {
    let way = match interface.kind {
        Kind::System | Kind::Internal => return None,
        Kind::Tunnel(tunnel) => {
            let device = tunnel.encap.device().name();
            Way::Tunnel(vports.iter().find(|vport| vport.name == device)?.number, tunnel)
        }
        Kind::Patch { peer } => Way::Patch(peer),
    };
    Some(Port { name: interface.name, way })
}
