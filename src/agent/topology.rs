//! Which datapath port belongs to which bridge: what the kernel has, seen through what is remembered.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::{IfName, Mac};

use crate::dp::Vport;
use crate::model;
use crate::plan::Memory;
use crate::rtnl::Link;
use crate::switch::{Bridge, Bundle, Topology};

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
            if port.is_bundle() {
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
    let link = |name: IfName| links.iter().find(|link| link.name == name);
    let attached = |name: IfName| {
        let (vport, link) = (vports.iter().find(|vport| vport.name == name)?, link(name)?);
        Some((vport.number, link.mac.unwrap_or(Mac::ZERO), link.running))
    };
    let locals = vports.iter().filter(|vport| place(vport) == Some(vport.name));
    let bridges = locals.map(|local| {
        let ports = vports.iter().filter(|vport| vport.name != local.name && place(vport) == Some(local.name));
        let alone = ports.filter(|vport| !members.contains(&vport.name) && !leaving.contains(&vport.name));
        let bridge = alone.fold(Bridge::new(local.name, local.number), |bridge, vport| bridge.port(vport.name, vport.number));
        let mine = bundles.iter().filter(|(of, ..)| *of == local.name);
        let system = link(local.name).and_then(|link| link.mac).unwrap_or(Mac::ZERO);
        let made_of = mine.filter_map(|(_, name, port)| Some((*name, Bundle::of(port, system, attached)?)));
        made_of.fold(bridge, |bridge, (name, bundle)| bridge.bundle(name, bundle))
    });
    let topology = Topology { bridges: bridges.collect() };
    bundled.extend(members);
    topology
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
            intent.ports.insert(name("bond0"), model::Port { onboot: true, interfaces, bond: Some(model::Bond::default()), lacp });
        }
        let remembered = Remembered {
            intent,
            members: BTreeMap::new(),
            owed: BTreeMap::new(),
            addresses: Vec::new(),
            routes: Vec::new(),
            resolver_before: None,
            leases: BTreeMap::new(),
            applied: BTreeMap::new(),
        };
        Memory { bridges: [(name("br0"), remembered)].into() }
    }

    /// The bridge's ports by name, and of bundles the members with whether they have a carrier.
    fn ports(topology: &Topology) -> Vec<String> {
        let member = |member: &Bundled| format!("{}={}{}", member.name, member.dp_port, if member.carrier { "" } else { " down" });
        let text = |port: &crate::switch::Port| match &port.bundle {
            None => format!("{}={}", port.name, port.dp_port),
            Some(bundle) => format!("{}({})", port.name, bundle.members.iter().map(member).collect::<Vec<_>>().join(" ")),
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
        let mut see = |memory: &Memory, vports: &[Vport]| topology(&places, &asked(memory), vports, &links, &mut bundled);
        let topology = see(&both, &vports);
        assert_eq!(ports(&topology), ["p1=2", "bond0(m1=3 m2=4 down)"]);
        let lacp = topology.bridges[0].ports[1].bundle.as_ref().unwrap().lacp.unwrap();
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
        let topology = topology(&places(&memory), &asked(&memory), &vports, &[link("p1", 1, true)], &mut BTreeSet::new());
        let bundle = topology.bridges[0].ports[0].bundle.as_ref().unwrap();
        let lacp = bundle.lacp.unwrap();
        assert_eq!((bundle.bond.is_none(), lacp.system, lacp.system_priority), (true, Mac([2; 6]), 65535));
    }
}
