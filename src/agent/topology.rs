//! Which datapath port belongs to which bridge: what the kernel has, seen through what is remembered.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::{IfName, Mac};

use crate::dp::Vport;
use crate::model;
use crate::plan::Memory;
use crate::rtnl::Link;
use crate::switch::{Bridge, Bundle, Bundled, Topology, lacp};

/// The bridge each vport belongs to, by name; a bridge's local port belongs to itself.
pub(super) type Places = BTreeMap<IfName, IfName>;

/// What is asked for, as far as bundles are concerned.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The ports that are more than one device or speak LACP: bridge, name and what they are made of.
    pub(super) bundles: Vec<(IfName, IfName, model::Port)>,
    /// The devices that are ports by themselves.
    plain: BTreeSet<IfName>,
}

/// The priority of a system that nobody gave one: of one with a bond, and of one with a single link (Open vSwitch's).
const BOND_PRIORITY: u16 = 65534;
const LINK_PRIORITY: u16 = 65535;

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

/// What everything remembered asks for.
pub(super) fn asked(memory: &Memory) -> Asked {
    let mut asked = Asked::default();
    for (bridge, remembered) in &memory.bridges {
        for (name, port) in &remembered.intent.ports {
            if port.bond.is_some() || port.lacp.is_some() || port.interfaces.len() > 1 {
                asked.bundles.push((*bridge, *name, port.clone()));
            } else {
                asked.plain.extend(port.interfaces.iter().map(|interface| interface.name));
            }
        }
    }
    asked
}

/// The switch's view. A bridge without its local port is not there; a vport without a place is somebody else's. `links` need
/// hold only bundles' devices and their bridges.
///
/// A device that was a member of a bundle and is asked for no more is no port by itself while it waits to be taken off: with
/// the cable it has in common with other members it would be a loop. `bundled` keeps which devices are members.
pub(super) fn topology(places: &Places, asked: &Asked, vports: &[Vport], links: &[Link], bundled: &mut BTreeSet<IfName>) -> Topology {
    let Asked { bundles, plain } = asked;
    let place = |vport: &Vport| places.get(&vport.name).copied();
    let members: BTreeSet<IfName> = bundles.iter().flat_map(|(_, _, port)| &port.interfaces).map(|interface| interface.name).collect();
    bundled.retain(|name| !plain.contains(name) && vports.iter().any(|vport| vport.name == *name));
    let leaving: BTreeSet<IfName> = bundled.difference(&members).copied().collect();
    let locals = vports.iter().filter(|vport| place(vport) == Some(vport.name));
    let bridges = locals.map(|local| {
        let ports = vports.iter().filter(|vport| vport.name != local.name && place(vport) == Some(local.name));
        let alone = ports.filter(|vport| !members.contains(&vport.name) && !leaving.contains(&vport.name));
        let bridge = alone.fold(Bridge::new(local.name, local.number), |bridge, vport| bridge.port(vport.name, vport.number));
        let mine = bundles.iter().filter(|(of, ..)| *of == local.name);
        mine.fold(bridge, |bridge, (_, name, port)| bridge.bundle(*name, bundle(local.name, port, vports, links)))
    });
    let topology = Topology { bridges: bridges.collect() };
    bundled.extend(members);
    topology
}

/// One bundle, with the members that are attached.
fn bundle(bridge: IfName, port: &model::Port, vports: &[Vport], links: &[Link]) -> Bundle {
    let link = |name: IfName| links.iter().find(|link| link.name == name);
    let several = port.interfaces.len() > 1 || port.bond.is_some();
    let members = port.interfaces.iter().filter_map(|interface| {
        let (vport, link) = (vports.iter().find(|vport| vport.name == interface.name)?, link(interface.name)?);
        let mac = link.mac.unwrap_or(Mac::ZERO);
        Some(Bundled { name: interface.name, dp_port: vport.number, mac, carrier: link.running, lacp: interface.lacp })
    });
    let lacp = port.lacp.map(|lacp| lacp::Settings {
        system: lacp.system.or_else(|| link(bridge)?.mac).unwrap_or(Mac::ZERO),
        system_priority: lacp.system_priority.unwrap_or(if several { BOND_PRIORITY } else { LINK_PRIORITY }),
        active: lacp.active,
        fast: lacp.fast,
        fallback_ab: lacp.fallback_ab,
    });
    let bond = several.then(|| port.bond.clone().unwrap_or_default());
    Bundle { bond, lacp, members: members.collect() }
}
