//! What of a bridge no object of the kernel shows: ports without a device, its rules, what is only remembered. Two plans are told apart
//! by it where links, addresses and vports are the same.
//!
//! It must not know steps.

use std::collections::BTreeMap;
use std::time::Duration;

use ovsdp_proto::IfName;

use super::tunnels;
use crate::model::{Bond, Bridge, BridgeRules, Interface, Lacp, LacpMember, Port, PortRules, VlanSet};

/// How a bridge that is remembered as `from` and is to be `to` differs so, in words; `None` when it does not. A new one's rules come with it.
pub(super) fn difference(from: Option<&Bridge>, to: &Bridge) -> Option<String> {
    let mut all: Vec<String> = tunnels::difference(from, to).into_iter().map(|ports| format!("ports {ports}")).collect();
    if let Some(from) = from {
        all.extend((table(from) != table(to)).then(|| "MAC table".to_owned()));
        all.extend((switching(from) != switching(to)).then(|| "VLANs and rules".to_owned()));
        all.extend((bonding(from) != bonding(to)).then(|| "bonds and LACP".to_owned()));
        all.extend((ids(from) != ids(to)).then(|| "external_ids".to_owned()));
        all.extend(asking_differs(from, to).then(|| "how a lease is asked for".to_owned()));
        all.extend((from.records != to.records).then(|| "what is only kept".to_owned()));
    }
    (!all.is_empty()).then(|| all.join("; "))
}

fn table(bridge: &Bridge) -> (Option<Duration>, Option<u32>) {
    (bridge.rules.mac_aging, bridge.rules.mac_table_size)
}

/// How the bridge switches beyond its MAC table, and each of its ports, where that is not the usual.
fn switching(bridge: &Bridge) -> (&VlanSet, bool, BTreeMap<IfName, &PortRules>) {
    let BridgeRules { flood_vlans, forward_bpdu, .. } = &bridge.rules;
    let ports = bridge.ports.iter().map(|(name, port)| (*name, &port.rules)).chain([(bridge.name(), &bridge.local_rules)]);
    (flood_vlans, *forward_bpdu, ports.filter(|(_, rules)| **rules != PortRules::default()).collect())
}

/// What is asked of a bundle, and the devices it is made of.
#[derive(PartialEq)]
struct Asked<'a> {
    name: IfName,
    bond: Option<&'a Bond>,
    lacp: Option<Lacp>,
    members: Vec<(IfName, LacpMember)>,
}

/// The bridge's bonds, and its ports that speak LACP.
fn bonding(bridge: &Bridge) -> Vec<Asked<'_>> {
    let bundles = bridge.ports.iter().filter(|(_, port)| port.is_bundle());
    let members = |port: &Port| port.interfaces.iter().map(|interface| (interface.name, interface.lacp)).collect();
    bundles.map(|(name, port)| Asked { name: *name, bond: port.bond.as_ref(), lacp: port.lacp, members: members(port) }).collect()
}

/// Whether an interface that has a lease asked for, before and after, has it asked for differently.
fn asking_differs(from: &Bridge, to: &Bridge) -> bool {
    let asking = |interface: &Interface| interface.addressing.dhcp().map(|dhcp| dhcp.asking.clone());
    let mut before = BTreeMap::new();
    for interface in from.interfaces() {
        before.entry(interface.name).or_insert(interface);
    }
    to.interfaces().any(|one| {
        let Some(before) = before.get(&one.name) else { return false };
        let differs = matches!((asking(before), asking(one)), (Some(from), Some(to)) if from != to);
        differs || matches!((&before.ipv6.dhcp, &one.ipv6.dhcp), (Some(from), Some(to)) if !from.asks_as(to))
    })
}

/// The external ids of the bridge and of every port and interface it still has, by table and name.
fn ids(bridge: &Bridge) -> BTreeMap<(&'static str, String), &BTreeMap<String, String>> {
    let ports = bridge.ports.iter().map(|(name, port)| (("port", name.to_string()), &port.external_ids));
    let interfaces = bridge.interfaces().map(|one| (("interface", one.name.to_string()), &one.external_ids));
    let all = ports.chain(interfaces).chain([(("bridge", bridge.name().to_string()), &bridge.external_ids)]);
    all.filter(|(_, ids)| !ids.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Vid, Vlans};

    #[test]
    fn rules_and_ids_are_told() {
        let name = IfName::new("br0").unwrap();
        let plain = Bridge::new(name);
        let mut other = plain.clone();
        other.rules.mac_table_size = Some(100);
        assert_eq!(difference(Some(&plain), &other).as_deref(), Some("MAC table"));
        assert_eq!(difference(None, &other), None);
        assert_eq!(difference(Some(&other), &other), None);
        other.local_rules.vlans = Vlans::Access { vlan: Vid::try_from(5).unwrap() };
        assert_eq!(difference(Some(&plain), &other).as_deref(), Some("MAC table; VLANs and rules"));
        other.local_rules = PortRules::default();
        let port = IfName::new("p1").unwrap();
        other.ports.insert(port, Port::new(Interface::new(port, Kind::System)));
        let with_port = other.clone();
        other.ports.get_mut(&port).unwrap().interfaces[0].external_ids.insert("iface-id".to_owned(), "vm".to_owned());
        assert_eq!(difference(Some(&with_port), &other).as_deref(), Some("external_ids"));
        assert_eq!(difference(Some(&plain), &with_port).as_deref(), Some("MAC table"), "a port with a device has steps of its own");
        other.ports.get_mut(&port).unwrap().lacp = Some(Lacp::default());
        assert_eq!(difference(Some(&with_port), &other).as_deref(), Some("bonds and LACP; external_ids"));
    }
}
