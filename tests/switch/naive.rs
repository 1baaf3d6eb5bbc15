//! A switch as a child would write it: whole frames, every rule by itself, nothing remembered but who was heard where.
//!
//! In the bridge a frame has all its tags in a list with the one of its VLAN in front, made if it had none: that is Open
//! vSwitch's own picture of it, and not the one the product has.

use std::collections::HashMap;
use std::net::IpAddr;

use ovsdp::model::{Field, PortRules, PriorityTags, ServiceTag, Tunnel, Vid, VlanSet, Vlans};
use ovsdp::switch::{Bridge, Topology, Way};
use ovsdp_proto::{IfName, Mac};

use super::datapath::{DEVICE, OUTERS, wrapped};
use super::property::address;

/// A tag: TPID, VLAN, priority bits.
type Tag = (u16, u16, u16);

/// A frame inside a bridge.
struct Inside {
    vlan: u16,
    tags: Vec<Tag>,
    /// The tag it came with, outermost.
    came_with: Option<Tag>,
}

fn set(vids: &[u16]) -> Option<VlanSet> {
    Some(vids.iter().map(|vid| Vid::try_from(*vid).unwrap()).collect())
}

/// How many [`rules`] there are.
pub(super) const RULES: usize = 15;

/// Port rules of every kind.
pub(super) fn rules(number: usize) -> PortRules {
    use PriorityTags::{Always, IfNonzero, Never};
    let five = Vid::try_from(5).unwrap();
    let six = Vid::try_from(6).unwrap();
    let zero = Vid::default();
    let native = |vlan, tagged, carried| Vlans::Native { vlan, tagged, carried };
    let tunnel = |vlan, tag, customers| Vlans::Tunnel { vlan, tag, customers };
    let (vlans, priority_tags, protected) = match number {
        1 => (Vlans::Access { vlan: five }, Never, false),
        2 => (Vlans::Access { vlan: five }, IfNonzero, false),
        3 => (Vlans::Access { vlan: six }, Always, true),
        4 => (Vlans::Trunk { carried: set(&[0, 5]) }, Never, false),
        5 => (Vlans::Trunk { carried: set(&[6]) }, Never, true),
        6 => (native(five, true, None), Never, false),
        7 => (native(five, false, set(&[0, 6])), IfNonzero, false),
        8 => (native(six, false, None), Always, false),
        9 => (tunnel(five, ServiceTag::Ad, None), Never, false),
        10 => (tunnel(five, ServiceTag::Q, set(&[6])), Never, true),
        11 => (tunnel(six, ServiceTag::Ad, set(&[0, 5])), Always, false),
        12 => (Vlans::Access { vlan: zero }, Always, false),
        13 => (Vlans::Trunk { carried: None }, IfNonzero, false),
        14 => (native(zero, false, None), Never, false),
        _ => return PortRules::default(),
    };
    PortRules { vlans, priority_tags, protected }
}

fn takes(set: &Option<VlanSet>, vid: u16) -> bool {
    set.as_ref().is_none_or(|set| set.contains(vid))
}

/// Whether a native port, or a trunk, carries a VLAN.
fn trunks(vlans: &Vlans, vid: u16) -> bool {
    match vlans {
        Vlans::Trunk { carried } => takes(carried, vid),
        Vlans::Native { vlan, carried, .. } if u16::from(*vlan) != 0 => vid == u16::from(*vlan) || (vid != 0 && takes(carried, vid)),
        Vlans::Native { carried, .. } => takes(carried, vid),
        Vlans::Access { .. } | Vlans::Tunnel { .. } => unreachable!(),
    }
}

fn come_in(rules: &PortRules, tags: &[Tag]) -> Option<Inside> {
    let came_with = tags.first().copied();
    let inside = |vlan, tags| Some(Inside { vlan, tags, came_with });
    let in_ports_vlan = |vid: u16| match tags {
        [] => inside(vid, vec![(0x8100, vid, 0)]),
        [(tpid, 0, pcp)] => inside(vid, vec![(*tpid, vid, *pcp)]),
        _ => None,
    };
    let said = came_with.map_or(0, |(_, vid, _)| vid);
    match &rules.vlans {
        Vlans::Access { vlan } => in_ports_vlan((*vlan).into()),
        Vlans::Native { vlan, .. } if said == 0 => in_ports_vlan((*vlan).into()),
        Vlans::Trunk { .. } | Vlans::Native { .. } => inside(said, tags.to_vec()).filter(|_| trunks(&rules.vlans, said)),
        Vlans::Tunnel { vlan, tag, customers } => {
            let service = (tag.tpid(), u16::from(*vlan), 0);
            inside(service.1, [&[service], tags].concat()).filter(|_| takes(customers, said))
        }
    }
}

fn go_out(rules: &PortRules, inside: &Inside) -> Option<Vec<Tag>> {
    let Inside { vlan, tags, came_with } = inside;
    let without = || match came_with {
        Some((tpid, vid, pcp)) if rules.priority_tags == PriorityTags::Always || (rules.priority_tags == PriorityTags::IfNonzero && *pcp != 0) => {
            vec![(if *vid == 0 { *tpid } else { 0x8100 }, 0, *pcp)]
        }
        _ => Vec::new(),
    };
    let under = tags.get(1..).unwrap_or(&[]);
    match &rules.vlans {
        Vlans::Access { vlan: own } => (*vlan == u16::from(*own) && under.is_empty()).then(without),
        Vlans::Tunnel { vlan: own, customers, .. } => {
            let customer = under.first().map_or(0, |(_, vid, _)| *vid);
            (*vlan == u16::from(*own) && takes(customers, customer)).then(|| under.to_vec())
        }
        mode if !trunks(mode, *vlan) => None,
        _ if *vlan == 0 => Some(if under.is_empty() { without() } else { tags.clone() }),
        Vlans::Native { vlan: own, tagged: false, .. } if *vlan == u16::from(*own) => Some(if under.is_empty() { without() } else { under.to_vec() }),
        _ => Some(tags.clone()),
    }
}

/// A port: what it leads to, its rules.
struct Port {
    name: IfName,
    way: Way,
    rules: PortRules,
}

/// The numbers of an address 10.0.0.x, and of a key.
fn host(address: IpAddr) -> u8 {
    let IpAddr::V4(address) = address else { unreachable!() };
    address.octets()[3]
}

impl Port {
    /// How much of a wrapped frame's key and sender it asks for, if it takes the frame.
    fn takes(&self, (id, from): (u64, u8)) -> Option<[bool; 2]> {
        let Way::Tunnel(_, Tunnel { in_key, remote, .. }) = &self.way else { return None };
        let key = match in_key {
            None => Some(0),
            Some(Field::Is(key)) => Some(u64::from(*key)),
            Some(Field::Flow) => None,
        };
        let remote = remote.value().map(host);
        let takes = key.is_none_or(|key| key == id) && remote.is_none_or(|remote| remote == from);
        takes.then_some([key.is_some(), remote.is_some()])
    }
}

/// The switch.
pub(super) struct Naive {
    bridges: Vec<(Bridge, Vec<Port>)>,
    seen: HashMap<(usize, u16, Mac), IfName>,
}

impl Naive {
    pub(super) fn new(topology: &Topology) -> Self {
        let port = |name, way: &Way, rules: &PortRules| Port { name, way: way.clone(), rules: rules.clone() };
        let bridge = |bridge: &Bridge| {
            let others = bridge.ports.iter().map(|one| port(one.name, &one.way, &one.rules));
            (bridge.clone(), std::iter::once(port(bridge.name, &bridge.local, &bridge.local_rules)).chain(others).collect())
        };
        Self { bridges: topology.bridges.iter().map(bridge).collect(), seen: HashMap::new() }
    }

    /// What comes out where, sorted. `tos` is an IP packet's type of service.
    pub(super) fn packet(&mut self, port: u32, addresses: (Mac, Mac), tags: &[(u16, u16)], tos: Option<u8>) -> Vec<(u32, Vec<(u16, u16)>)> {
        let tags: Vec<Tag> = tags.iter().map(|(tpid, tci)| (*tpid, tci & 0xfff, tci & 0xe000)).collect();
        let outer = port.checked_sub(DEVICE).map(|at| OUTERS[at as usize]);
        let ports = self.bridges.iter().enumerate().flat_map(|(index, (_, ports))| ports.iter().enumerate().map(move |(at, port)| (index, at, port)));
        let found = match outer {
            None => ports.filter(|(.., one)| matches!(one.way, Way::Device(number) if number == port)).map(|(index, at, _)| (index, at)).next(),
            // The one that asks for most.
            Some((id, from, _)) => {
                let taking = ports.filter_map(|(index, at, port)| Some((port.takes((id, from))?, index, at)));
                taking.max().map(|(_, index, at)| (index, at))
            }
        };
        let congested = outer.is_some_and(|(.., outer)| outer & 3 == 3) && tos.is_some_and(|tos| tos & 3 == 0);
        let found = found.filter(|_| !congested);
        let mut out = found.map_or_else(Vec::new, |place| self.pass(place, addresses, &tags, outer.map(|(id, ..)| id)));
        out.sort();
        out
    }

    /// `unwrapped`: the key of a frame that came in by a tunnel, 0 in another bridge than it came in to.
    fn pass(&mut self, (index, at): (usize, usize), (dst, src): (Mac, Mac), tags: &[Tag], unwrapped: Option<u64>) -> Vec<(u32, Vec<(u16, u16)>)> {
        let (bridge, all) = &self.bridges[index];
        let from = &all[at];
        let Some(inside) = come_in(&from.rules, tags) else { return Vec::new() };
        if dst == address(1) && !bridge.forward_bpdu {
            return Vec::new();
        }
        let known = if bridge.flood_vlans.contains(inside.vlan) {
            None
        } else {
            if !src.is_multicast() {
                self.seen.insert((index, inside.vlan, src), from.name);
            }
            self.seen.get(&(index, inside.vlan, dst)).copied()
        };
        let goes = |(to, port): (usize, &Port)| {
            let there = to != at && known.is_none_or(|known| known == port.name) && !(port.rules.protected && from.rules.protected);
            Some((to, there.then(|| go_out(&port.rules, &inside)).flatten()?))
        };
        let leaves: Vec<(usize, Vec<Tag>)> = all.iter().enumerate().filter_map(goes).collect();
        let mut out = Vec::new();
        for (to, tags) in leaves {
            let sent = || tags.iter().map(|(tpid, vid, pcp)| (*tpid, vid | pcp)).collect();
            match self.bridges[index].1[to].way.clone() {
                Way::Device(number) => out.push((number, sent())),
                Way::Tunnel(_, Tunnel { remote, out_key, .. }) => {
                    let id = match out_key {
                        None => 0,
                        Some(Field::Is(key)) => u64::from(key),
                        Some(Field::Flow) => unwrapped.unwrap_or(0),
                    };
                    // What was sent to 10.0.0.1 is not sent there.
                    let to = remote.value().map(host).filter(|to| unwrapped.is_none() || *to != 1);
                    out.extend(to.map(|to| (wrapped(to, id), sent())));
                }
                Way::Patch(peer) => out.extend(self.pass(self.end(peer), (dst, src), &tags, unwrapped.map(|_| 0))),
                Way::Bundle(_) => unreachable!(),
            }
        }
        out
    }

    /// Where the port of this name is; there is one, as patches are made in pairs here.
    fn end(&self, name: IfName) -> (usize, usize) {
        let has = |(_, ports): &(Bridge, Vec<Port>)| ports.iter().position(|one| one.name == name);
        self.bridges.iter().enumerate().find_map(|(index, bridge)| Some((index, has(bridge)?))).unwrap()
    }
}
