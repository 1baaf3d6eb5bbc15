//! Which datapath port belongs to which bridge: what the kernel has, seen through what is remembered.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::{IfName, Mac};

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

/// The devices of ports that are more than one or speak LACP, and their bridges': the links that [`topology`] looks at.
pub(super) fn of_bundles(memory: &Memory) -> BTreeSet<IfName> {
    let mut names = BTreeSet::new();
    for (bridge, remembered) in &memory.bridges {
        let bundles = remembered.intent.ports.values().filter(|port| port.is_bundle());
        let devices: Vec<IfName> = bundles.flat_map(|port| &port.interfaces).map(|interface| interface.name).collect();
        names.extend(Some(*bridge).filter(|_| !devices.is_empty()));
        names.extend(devices);
    }
    names
}

/// The datapath's ports: their numbers by name.
pub(super) type Attached = BTreeMap<IfName, u32>;

/// The switch's view. A bridge without its local port is not there; a vport without a place is somebody else's. A tunnel port
/// is there while its device is. `links` need hold only those of [`of_bundles`].
///
/// A device is a port only while its bridge's intent asks for it. One that waits to be taken off is none, though the datapath has it still: how it is
/// to switch nobody knows any more. With no settings it would be a trunk and let its VLAN out without a tag; a bond's device by itself would make a loop
/// with the others.
pub(super) fn topology(places: &Places, memory: &Memory, attached: &Attached, links: &[Link]) -> Topology {
    let links: BTreeMap<IfName, &Link> = links.iter().map(|link| (link.name, link)).collect();
    let mut of_bridge: BTreeMap<IfName, Vec<(IfName, u32)>> = BTreeMap::new();
    for (name, number) in attached {
        if let Some(bridge) = places.get(name).filter(|bridge| *bridge != name) {
            of_bridge.entry(*bridge).or_default().push((*name, *number));
        }
    }
    let locals = attached.iter().filter(|(name, _)| places.get(*name) == Some(*name));
    let bridges = locals.map(|(local, number)| {
        let Some(remembered) = memory.bridges.get(local) else { return Bridge::new(*local, *number) };
        let asked = &remembered.intent.ports;
        let alone = asked.values().filter(|port| !port.is_bundle());
        let rules: BTreeMap<IfName, &PortRules> =
            alone.flat_map(|port| port.interfaces.iter().map(|interface| (interface.name, &port.rules))).collect();
        let devices = of_bridge.remove(local).unwrap_or_default().into_iter();
        let ports = devices.filter_map(|(name, number)| Some((name, number, (*rules.get(&name)?).clone())));
        let bridge = ports.fold(alone_as_asked(&remembered.intent, *number), |bridge, (name, number, rules)| bridge.port_with(name, number, rules));
        asked.iter().filter_map(|(name, port)| of_several(*local, *name, port, attached, &links)).fold(bridge, Bridge::with)
    });
    Topology { bridges: bridges.collect() }
}

/// A bridge with nothing but its local port, which has this number in the datapath.
fn alone_as_asked(asked: &model::Bridge, number: u32) -> Bridge {
    Bridge::new(asked.name(), number).rules(&asked.rules, &asked.local_rules)
}

/// What a device that was just attached adds to the topology in force.
#[derive(Debug)]
pub(super) enum Added {
    /// A bridge without ports.
    Bridge(Box<Bridge>),
    /// A port of this bridge that switches so.
    Port(IfName, PortRules),
}

/// What the device `name`, just attached with this number, adds; `None` when more may have changed with it: then it takes the whole
/// [`topology`]. `attached` are the others.
pub(super) fn added(places: &Places, memory: &Memory, attached: &Attached, (name, number): (IfName, u32)) -> Option<Added> {
    let bridge = *places.get(&name)?;
    let asked = &memory.bridges.get(&bridge)?.intent;
    if bridge == name {
        let one =
            |port: &model::Port| !port.is_bundle() && port.interfaces.iter().all(|one| one.kind.has_device() && !attached.contains_key(&one.name));
        return asked.ports.values().all(one).then(|| Added::Bridge(Box::new(alone_as_asked(asked, number))));
    }
    let port = asked.ports.get(&name).filter(|port| !port.is_bundle())?;
    let is_its_own = matches!(port.interfaces.as_slice(), [one] if one.name == name && one.kind.has_device());
    is_its_own.then(|| Added::Port(bridge, port.rules.clone()))
}

/// A port that is no device of its own: a bundle, a tunnel or patch port.
fn of_several(bridge: IfName, name: IfName, port: &model::Port, attached: &Attached, links: &BTreeMap<IfName, &Link>) -> Option<Port> {
    let way = if port.is_bundle() {
        let system = links.get(&bridge).and_then(|link| link.mac).unwrap_or(Mac::ZERO);
        let member = |name: IfName| {
            let (number, link) = (attached.get(&name)?, links.get(&name)?);
            Some((*number, link.mac.unwrap_or(Mac::ZERO), link.running))
        };
        Way::Bundle(Bundle::of(port, system, member)?)
    } else {
        without_device(port.interfaces.first()?, attached)?
    };
    Some(Port { name, way, rules: port.rules.clone() })
}

fn without_device(interface: &Interface, attached: &Attached) -> Option<Way> {
    match interface.kind {
        Kind::System | Kind::Internal => None,
        Kind::Tunnel(tunnel) => Some(Way::Tunnel(*attached.get(&tunnel.encap.device().name())?, tunnel)),
        Kind::Patch { peer } => Some(Way::Patch(peer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Remembered;
    use crate::switch::Bundled;

    fn name(text: &str) -> IfName {
        IfName::new(text).unwrap()
    }

    fn vports(all: &[(u32, &str)]) -> Attached {
        all.iter().map(|(number, of)| (name(of), *number)).collect()
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
        Memory { bridges: [(name("br0"), Remembered::new(intent))].into(), ..Memory::default() }
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
        let all = [(1, "br0"), (2, "p1"), (3, "m1"), (4, "m2")];
        let attached = vports(&all);
        let links = [link("br0", 9, true), link("m1", 1, true), link("m2", 2, false)];
        let both = memory(&["m1", "m2"]);
        let places = places(&both);
        assert_eq!(of_bundles(&both), ["br0", "m1", "m2"].map(name).into());
        assert_eq!(of_bundles(&memory(&[])), BTreeSet::new());
        let see = |memory: &Memory, attached: &Attached| topology(&places, memory, attached, &links);
        let topology = see(&both, &attached);
        assert_eq!(ports(&topology), ["p1=2", "bond0(m1=3 m2=4 down)"]);
        let lacp = bundle(&topology, 1).lacp.unwrap();
        assert_eq!((lacp.system, lacp.system_priority), (Mac([2, 0, 0, 0, 0, 9]), 65534), "the bridge's address");
        // Asked for no more, but still attached, in the bridge's place: left out, until it is asked for by itself or leaves.
        assert_eq!(ports(&see(&memory(&["m1"]), &attached)), ["p1=2", "bond0(m1=3)"]);
        assert_eq!(ports(&see(&memory(&[]), &attached)), ["p1=2"]);
        let mut alone = memory(&[]);
        alone.bridges.get_mut("br0").unwrap().intent.ports.insert(name("m2"), model::Port::new(system("m2")));
        assert_eq!(ports(&see(&alone, &attached)), ["m2=4", "p1=2"]);
        // Attached, but its link is not to be seen: neither a member nor a port.
        assert_eq!(ports(&see(&memory(&["m1", "p9"]), &vports(&[all[0], all[2], (5, "p9")]))), ["bond0(m1=3)"]);
    }

    /// Two ports of one VLAN are to go, and the first is gone already.
    #[test]
    fn what_is_asked_for_no_more_lets_no_vlan_out_until_it_is_taken_off() {
        let before = {
            let mut memory = memory(&[]);
            let ports = &mut memory.bridges.get_mut("br0").unwrap().intent.ports;
            for port in ["p2", "p3"] {
                let rules = PortRules { protected: true, ..PortRules::default() };
                ports.insert(name(port), model::Port { rules, ..model::Port::new(system(port)) });
            }
            memory
        };
        let (mut places, after) = (places(&before), memory(&[]));
        let attached = vports(&[(1, "br0"), (2, "p1"), (4, "p3")]);
        assert_eq!(ports(&topology(&places, &before, &attached, &[])), ["p1=2", "p3=4"]);
        assert_eq!(ports(&topology(&places, &after, &attached, &[])), ["p1=2"]);
        // Nor those of a bridge that is forgotten.
        assert!(ports(&topology(&places, &Memory::default(), &attached, &[])).is_empty());
        // One that is in another bridge by now is not that one's either, while it is attached as this one's.
        let mut moved = memory(&[]);
        let mut other = model::Bridge::new(name("br1"));
        other.ports.insert(name("p3"), model::Port::new(system("p3")));
        moved.bridges.insert(name("br1"), Remembered::new(other));
        places.insert(name("br1"), name("br1"));
        let topology = topology(&places, &moved, &vports(&[(1, "br0"), (2, "p1"), (4, "p3"), (5, "br1")]), &[]);
        assert_eq!(ports(&topology), ["p1=2"]);
        assert!(topology.bridges[1].ports.is_empty());
    }

    #[test]
    fn a_port_with_one_device_and_lacp_is_a_bundle_without_a_bond() {
        let mut memory = memory(&[]);
        let ports = &mut memory.bridges.get_mut("br0").unwrap().intent.ports;
        ports.get_mut("p1").unwrap().lacp = Some(model::Lacp { system: Some(Mac([2; 6])), ..model::Lacp::default() });
        let attached = vports(&[(1, "br0"), (2, "p1")]);
        let topology = topology(&places(&memory), &memory, &attached, &[link("p1", 1, true)]);
        let bundle = bundle(&topology, 0);
        let lacp = bundle.lacp.unwrap();
        assert_eq!((bundle.bond.is_none(), lacp.system, lacp.system_priority), (true, Mac([2; 6]), 65535));
    }

    #[test]
    fn what_is_added_comes_to_the_same_as_the_whole() {
        let both = memory(&["m1", "m2"]);
        let plain = memory(&[]);
        let all = vports(&[(1, "br0"), (2, "p1"), (3, "m1"), (4, "p3")]);
        let add =
            |memory: &Memory, attached: &[(u32, &str)], what: &str| added(&places(memory), memory, &vports(attached), (name(what), all[&name(what)]));
        let Some(Added::Bridge(bridge)) = add(&plain, &[], "br0") else { panic!("no bridge") };
        let Some(Added::Port(of, rules)) = add(&plain, &[(1, "br0")], "p1") else { panic!("no port") };
        let whole = topology(&places(&plain), &plain, &vports(&[(1, "br0"), (2, "p1")]), &[]);
        assert_eq!((of, whole.bridges), (name("br0"), vec![bridge.port_with(name("p1"), 2, rules)]));
        for (memory, attached, what) in [
            // A bundle or a port that is attached already comes with the bridge.
            (&both, &[][..], "br0"),
            (&plain, &[(2, "p1")][..], "br0"),
            (&both, &[(1, "br0")][..], "m1"),
            (&plain, &[(1, "br0")][..], "p3"),
        ] {
            assert!(add(memory, attached, what).is_none(), "{what}");
        }
    }
}
