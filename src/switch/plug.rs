//! One device more or less, put in force without a look at every other port: so that bringing up many costs each of them the same.
//!
//! It comes to the same as [`Switch::set_topology`] with the whole topology. What it cannot do it says, and changes nothing.

use ovsdp_proto::IfName;

use super::state::{Bridge, Exit, Place, Port, Switch};
use super::topology::{self, BridgeId, PortId, Way};
use super::vlan::Rules;
use crate::model::PortRules;

impl Switch {
    /// Adds a bridge that has no port but its local one. Returns whether it is in force: not when the name or the number is taken already.
    pub fn plug_bridge(&mut self, spec: topology::Bridge) -> bool {
        let Way::Device(number) = spec.local else { return false };
        if !spec.ports.is_empty() || self.is_taken(number) || self.index_of(&spec.name).is_some() {
            return false;
        }
        let id = BridgeId(self.fresh_id());
        let mut bridge = Bridge::new(id, spec.name, spec.macs);
        bridge.set_flood_vlans(&spec.flood_vlans);
        bridge.forward_bpdu = spec.forward_bpdu;
        let (at, name, rules) = (self.bridges.len(), spec.name, spec.local_rules.clone());
        self.bridges.push(bridge);
        self.add_to_topology(spec);
        self.insert(at, name, number, &rules);
        true
    }

    /// Adds a port to `bridge`: the device with this number in the datapath, which switches so. Returns whether it is in force: not when
    /// there is no such bridge, or the name or the number is taken already.
    pub fn plug(&mut self, bridge: IfName, name: IfName, number: u32, rules: &PortRules) -> bool {
        let Some(at) = self.index_of(&bridge) else { return false };
        if self.is_taken(number) || self.bridges[at].ports.iter().any(|port| port.name == name) {
            return false;
        }
        self.port_added(at, topology::Port { name, way: Way::Device(number), rules: rules.clone() });
        self.insert(at, name, number, rules);
        true
    }

    /// Removes the port that is the device with this number in the datapath, and has every bridge forget the stations behind it. Returns whether it is
    /// gone: not when that is no port, a bridge's local one, or a bundle's member.
    pub fn unplug(&mut self, number: u32) -> bool {
        let Some(Place { bridge: at, index, port, slot: None }) = self.by_dp_port.get(&number).copied() else { return false };
        let bridge = &mut self.bridges[at];
        if bridge.ports[index].name == bridge.name {
            return false;
        }
        let gone = bridge.ports.remove(index);
        // Every flow is decided again anyway.
        let mut homeless = Vec::new();
        bridge.fdb.forget_port(port, &mut |station| homeless.push(station));
        bridge.plain = bridge.plain || bridge.ports.iter().all(|port| port.rules.is_plain());
        self.by_dp_port.remove(&number);
        self.by_id.remove(&port);
        self.forget_homeless(&homeless);
        self.port_removed(at, gone.name);
        self.settle_from(at, index);
        self.outdate_all();
        true
    }

    fn is_taken(&self, number: u32) -> bool {
        self.by_dp_port.contains_key(&number) || self.tunnels.has_device(number)
    }

    fn insert(&mut self, at: usize, name: IfName, number: u32, rules: &PortRules) {
        let port = Port { id: PortId(self.fresh_id()), name, exit: Exit::Device(number), rules: Rules::from(rules) };
        let bridge = &mut self.bridges[at];
        bridge.plain &= port.rules.is_plain();
        let index = bridge.ports.partition_point(|there| (there.exit.order(), there.name) < (port.exit.order(), name));
        bridge.ports.insert(index, port);
        self.settle_from(at, index);
        self.outdate_all();
    }

    /// Notes anew where the ports of a bridge are from one on.
    fn settle_from(&mut self, at: usize, first: usize) {
        let mut is_joined = false;
        for index in first..self.bridges[at].ports.len() {
            let Port { id, exit, .. } = self.bridges[at].ports[index];
            self.settle(Place { bridge: at, index, port: id, slot: None }, &exit);
            is_joined |= matches!(exit, Exit::Patch(_));
        }
        if is_joined {
            self.rejoin();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Tunnel, Vid, Vlans};
    use crate::switch::time::Moment;
    use crate::switch::topology::Topology;

    fn name(text: &str) -> IfName {
        IfName::new(text).unwrap()
    }

    /// Two bridges joined by patch ports, the first with a tunnel too.
    fn base() -> Topology {
        let tunnel = Tunnel::parse("vxlan", [("remote_ip", "10.0.0.2"), ("key", "1")]).unwrap();
        let patch = |port: &str, peer: &str| topology::Port::new(name(port), Way::Patch(name(peer)));
        let a = topology::Bridge::new(name("a"), 10).with(patch("ab", "ba")).with(topology::Port::new(name("vx"), Way::Tunnel(11, tunnel)));
        let b = topology::Bridge::new(name("b"), 12).with(patch("ba", "ab"));
        Topology { bridges: vec![a, b] }
    }

    /// Everything about the switch but its handles.
    fn view(switch: &Switch) -> Vec<String> {
        let place = |place: &Place| format!("{}/{}/{:?}", place.bridge, place.index, switch.port_name(place.port));
        let mut all = Vec::new();
        for bridge in &switch.bridges {
            all.push(format!("{} {} {} {:?}", bridge.name, bridge.plain, bridge.forward_bpdu, bridge.group.map(|id| switch.bridge_name(id))));
            for port in &bridge.ports {
                let peer = if let Exit::Patch(Some(peer)) = &port.exit { place(peer) } else { format!("{:?}", port.exit) };
                all.push(format!("{} {peer} {:?} {:?}", port.name, port.rules, switch.by_id.get(&port.id).map(place)));
            }
        }
        let mut numbers: Vec<_> = switch.by_dp_port.iter().map(|(number, at)| format!("{number} {}", place(at))).collect();
        numbers.sort();
        all.extend(numbers);
        all.push(format!("{} ports", switch.by_id.len()));
        all
    }

    proptest! {
        #[test]
        fn comes_to_the_same_as_the_whole(steps in proptest::collection::vec((0_u8..4, 0_u8..3, 0_u32..14, 0_u16..3), 1..40)) {
            let mut switch = Switch::new();
            switch.set_topology(Moment(0), base()).unwrap();
            for (what, bridge, number, tag) in steps {
                let (of, port, before) = (name(["a", "b", "c"][usize::from(bridge)]), name(&format!("p{number}")), switch.generation());
                let mut rules = PortRules::default();
                if tag > 0 {
                    rules.vlans = Vlans::Access { vlan: Vid::try_from(tag).unwrap() };
                }
                let done = match what {
                    0 => switch.plug_bridge(topology::Bridge::new(of, number)),
                    1 => switch.unplug(number),
                    _ => switch.plug(of, port, number, &rules),
                };
                prop_assert_eq!(switch.generation() > before, done);
                let mut whole = Switch::new();
                whole.set_topology(Moment(0), switch.topology().clone()).unwrap();
                prop_assert_eq!(view(&switch), view(&whole));
                let same = switch.topology().clone();
                prop_assert_eq!(switch.set_topology(Moment(0), same), Ok(false));
            }
        }
    }

    #[test]
    fn the_other_ports_keep_their_addresses() {
        let mut switch = Switch::new();
        assert!(switch.plug_bridge(topology::Bridge::new(name("a"), 1)));
        for number in 2..5 {
            assert!(switch.plug(name("a"), name(&format!("p{number}")), number, &PortRules::default()));
        }
        for number in 2..5 {
            let mac = ovsdp_proto::Mac([2, 0, 0, 0, 0, u8::try_from(number).unwrap()]);
            switch.pin(Moment(0), "a", &format!("p{number}"), (0, mac)).unwrap();
        }
        assert!(switch.unplug(3));
        let left: Vec<_> = switch.snapshot(Moment(0)).iter().map(|entry| entry.port.to_string()).collect();
        assert_eq!(left, ["p2", "p4"]);
        assert!(!switch.unplug(3) && !switch.unplug(1), "no port, and the local one");
    }
}
