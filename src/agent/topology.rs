//! Which datapath port belongs to which bridge: what the kernel has, seen through what is remembered.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::{IfName, Mac};

use crate::dp::Vport;
use crate::model::{self, Interface, Kind, PortRules};
use crate::plan::Memory;
use crate::rtnl::Link;
use crate::switch::{Bridge, Bundle, Port, Topology, Way};

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

/// Whether a port that is remembered is more than one device or speaks LACP.
pub(super) fn has_bundles(memory: &Memory) -> bool {
    ports(memory).any(|port| port.is_bundle())
}

fn ports(memory: &Memory) -> impl Iterator<Item = &model::Port> {
    memory.bridges.values().flat_map(|remembered| remembered.intent.ports.values())
}

/// The switch's view. A bridge without its local port is not there; a vport without a place is somebody else's. A tunnel port
/// is there while its device is. `links` need hold only bundles' devices and their bridges.
///
/// A device that was a member of a bundle and is asked for no more is no port by itself while it waits to be taken off: with
/// the cable it has in common with other members it would be a loop. `bundled` keeps which devices are members.
pub(super) fn topology(places: &Places, memory: &Memory, vports: &[Vport], links: &[Link], bundled: &mut BTreeSet<IfName>) -> Topology {
    let place = |vport: &Vport| places.get(&vport.name).copied();
    let devices = |of_bundles: bool| -> BTreeSet<IfName> {
        let ports = ports(memory).filter(|port| port.is_bundle() == of_bundles);
        ports.flat_map(|port| &port.interfaces).map(|interface| interface.name).collect()
    };
    let (members, alone) = (devices(true), devices(false));
    bundled.retain(|name| !alone.contains(name) && vports.iter().any(|vport| vport.name == *name));
    let leaving: BTreeSet<IfName> = bundled.difference(&members).copied().collect();
    let locals = vports.iter().filter(|vport| place(vport) == Some(vport.name));
    let bridges = locals.map(|local| {
        let ports = vports.iter().filter(|vport| vport.name != local.name && place(vport) == Some(local.name));
        let ports = ports.filter(|vport| !members.contains(&vport.name) && !leaving.contains(&vport.name));
        let bridge = Bridge::new(local.name, local.number);
        let Some(remembered) = memory.bridges.get(&local.name) else {
            return ports.fold(bridge, |bridge, vport| bridge.port(vport.name, vport.number));
        };
        let model::Bridge { rules, local_rules, ports: asked, .. } = &remembered.intent;
        let of_device: BTreeMap<IfName, &PortRules> =
            asked.values().flat_map(|port| port.interfaces.iter().map(|interface| (interface.name, &port.rules))).collect();
        let bridge = ports.fold(bridge.rules(rules, local_rules), |bridge, vport| {
            bridge.port_with(vport.name, vport.number, of_device.get(&vport.name).copied().cloned().unwrap_or_default())
        });
        asked.iter().filter_map(|(name, port)| of_several(local.name, *name, port, vports, links)).fold(bridge, Bridge::with)
    });
    let topology = Topology { bridges: bridges.collect() };
    bundled.extend(members);
    topology
}

/// A port that is no device of its own: a bundle, a tunnel or patch port.
fn of_several(bridge: IfName, name: IfName, port: &model::Port, vports: &[Vport], links: &[Link]) -> Option<Port> {
    let vport = |name: IfName| vports.iter().find(|vport| vport.name == name);
    let link = |name: IfName| links.iter().find(|link| link.name == name);
    let way = if port.is_bundle() {
        let system = link(bridge).and_then(|link| link.mac).unwrap_or(Mac::ZERO);
        let attached = |name: IfName| {
            let (vport, link) = (vport(name)?, link(name)?);
            Some((vport.number, link.mac.unwrap_or(Mac::ZERO), link.running))
        };
        Way::Bundle(Bundle::of(port, system, attached)?)
    } else {
        without_device(port.interfaces.first()?, vport)?
    };
    Some(Port { name, way, rules: port.rules.clone() })
}

fn without_device<'a>(interface: &Interface, vport: impl Fn(IfName) -> Option<&'a Vport>) -> Option<Way> {
    match interface.kind {
        Kind::System | Kind::Internal => None,
        Kind::Tunnel(tunnel) => Some(Way::Tunnel(vport(tunnel.encap.device().name())?.number, tunnel)),
        Kind::Patch { peer } => Some(Way::Patch(peer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dp::VportKind;
    use crate::plan::Remembered;
    use crate::switch::Bundled;

    fn name(text: &str) -> IfName {
        IfName::new(text).unwrap()
    }

    fn vport(number: u32, of: &str) -> Vport {
        Vport {
            datapath: 1,
            number,
            kind: VportKind::Netdev,
            name: name(of),
            ifindex: None,
            netnsid: None,
            stats: None,
            upcall_stats: None,
            upcall_pids: Vec::new(),
            tunnel: None,
        }
    }

    fn link(of: &str, mac: u8, running: bool) -> Link {
        Link {
            index: 1,
            name: name(of),
            mac: Some(Mac([2, 0, 0, 0, 0, mac])),
            permanent_mac: None,
            mtu: 1500,
            up: true,
            running,
            carrier: running,
            master: None,
            port_kind: None,
            kind: None,
            inet6: None,
            tunnel: None,
            lower: None,
            loopback: false,
            ethernet: true,
        }
    }

    fn system(of: &str) -> model::Interface {
        model::Interface::new(name(of), model::Kind::System)
    }

    /// `br0` with the ports `p1` and, if asked for, `bond0` of these members.
    fn memory(members: &[&str]) -> Memory {
        let mut intent = model::Bridge::new(name("br0"));
        intent.ports.insert(name("p1"), model::Port::new(system("p1")));
        if !members.is_empty() {
            let interfaces = members.iter().map(|member| system(member)).collect();
            let lacp = Some(model::Lacp::default());
            let port = model::Port { interfaces, bond: Some(model::Bond::default()), lacp, ..model::Port::new(system("m1")) };
            intent.ports.insert(name("bond0"), port);
        }
        let remembered = Remembered {
            intent,
            members: BTreeMap::new(),
            owed: BTreeMap::new(),
            addresses: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            tuned: BTreeMap::new(),
            resolver_before: None,
            leases: BTreeMap::new(),
            applied: BTreeMap::new(),
        };
        Memory { bridges: [(name("br0"), remembered)].into(), ..Memory::default() }
    }

    fn bundle(topology: &Topology, port: usize) -> &Bundle {
        let Way::Bundle(bundle) = &topology.bridges[0].ports[port].way else { panic!("no bundle") };
        bundle
    }

    /// The bridge's ports by name, and of bundles the members with whether they have a carrier.
    fn ports(topology: &Topology) -> Vec<String> {
        let member = |member: &Bundled| format!("{}={}{}", member.name, member.dp_port, if member.carrier { "" } else { " down" });
        let text = |port: &Port| match &port.way {
            Way::Bundle(bundle) => format!("{}({})", port.name, bundle.members.iter().map(member).collect::<Vec<_>>().join(" ")),
            way => format!("{}={}", port.name, way.dp_port().unwrap()),
        };
        topology.bridges[0].ports.iter().map(text).collect()
    }

    #[test]
    fn a_bundle_s_devices_are_one_port_and_never_ports_by_themselves() {
        let vports = [vport(1, "br0"), vport(2, "p1"), vport(3, "m1"), vport(4, "m2")];
        let links = [link("br0", 9, true), link("m1", 1, true), link("m2", 2, false)];
        let mut bundled = BTreeSet::new();
        let both = memory(&["m1", "m2"]);
        let places = places(&both);
        let mut see = |memory: &Memory, vports: &[Vport]| topology(&places, memory, vports, &links, &mut bundled);
        let topology = see(&both, &vports);
        assert_eq!(ports(&topology), ["p1=2", "bond0(m1=3 m2=4 down)"]);
        let lacp = bundle(&topology, 1).lacp.unwrap();
        assert_eq!((lacp.system, lacp.system_priority), (Mac([2, 0, 0, 0, 0, 9]), 65534), "the bridge's address");
        // Asked for no more, but still attached, in the bridge's place: left out, until it is asked for by itself or leaves.
        assert_eq!(ports(&see(&memory(&["m1"]), &vports)), ["p1=2", "bond0(m1=3)"]);
        assert_eq!(ports(&see(&memory(&[]), &vports)), ["p1=2"]);
        let mut alone = memory(&[]);
        alone.bridges.get_mut("br0").unwrap().intent.ports.insert(name("m2"), model::Port::new(system("m2")));
        assert_eq!(ports(&see(&alone, &vports)), ["p1=2", "m2=4"]);
        see(&memory(&[]), &vports[..2]);
        assert_eq!(ports(&see(&memory(&[]), &vports)), ["p1=2", "m1=3", "m2=4"], "attached anew by somebody else");
        // Attached, but its link is not to be seen: neither a member nor a port.
        assert_eq!(ports(&see(&memory(&["m1", "p9"]), &[vports[0].clone(), vports[2].clone(), vport(5, "p9")])), ["bond0(m1=3)"]);
    }

    #[test]
    fn a_port_with_one_device_and_lacp_is_a_bundle_without_a_bond() {
        let mut memory = memory(&[]);
        let ports = &mut memory.bridges.get_mut("br0").unwrap().intent.ports;
        ports.get_mut("p1").unwrap().lacp = Some(model::Lacp { system: Some(Mac([2; 6])), ..model::Lacp::default() });
        let vports = [vport(1, "br0"), vport(2, "p1")];
        let topology = topology(&places(&memory), &memory, &vports, &[link("p1", 1, true)], &mut BTreeSet::new());
        let bundle = bundle(&topology, 0);
        let lacp = bundle.lacp.unwrap();
        assert_eq!((bundle.bond.is_none(), lacp.system, lacp.system_priority), (true, Mac([2; 6]), 65535));
    }
}
