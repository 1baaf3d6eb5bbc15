//! The property that matters most: whatever happened before, a flow in the kernel does with every packet it matches what
//! the switch would do with that packet now; and both do what a naive switch does.

use std::time::Duration;

use ovsdp::model::{self, BondMode, BridgeRules, LacpMember, Vid};
use ovsdp::switch::{Bridge, Bundle, Bundled, Port, Topology, Way};
use ovsdp_proto::Mac;
use proptest::prelude::*;

use super::datapath::{Agent, covers, fields, frame, kernel_mask, key_of};
use super::naive::{Naive, RULES, rules};
use super::{mac, name};

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Packet {
        port: u32,
        dst: u32,
        src: u32,
        tags: Vec<(u16, u16)>,
        eth_type: u16,
        payload: [u8; 5],
    },
    Wait(u64),
    Revalidate,
    Rewire(Wiring),
    Pin {
        bridge: u32,
        port: u32,
        vlan: u16,
        station: u32,
    },
    Unlearn {
        bridge: u32,
        vlan: u16,
        station: u32,
    },
    Flush(u32),
    /// Of a bond's member.
    Carrier {
        member: u32,
        up: bool,
    },
}

/// Addresses: a few stations, and groups of every kind.
pub(super) fn address(number: u32) -> Mac {
    match number {
        0 => Mac::BROADCAST,
        1 => Mac([1, 0x80, 0xc2, 0, 0, 0]),
        2 => Mac([0x33, 0x33, 0, 0, 0, 1]),
        number => mac(number),
    }
}

fn packet() -> impl Strategy<Value = Event> {
    let tag = (prop_oneof![Just(0x8100u16), Just(0x88a8)], prop_oneof![Just(0u16), Just(5), Just(6)], 0..3u16);
    let tags = proptest::collection::vec(tag.prop_map(|(tpid, vid, pcp)| (tpid, vid | pcp << 13)), 0..=3);
    let eth_type = prop_oneof![Just(0x0800u16), Just(0x0806), Just(0x86dd), Just(0x0040)];
    let payload = proptest::array::uniform5(0..2u8);
    (0..8u32, 0..10u32, 0..10u32, prop_oneof![3 => Just(Vec::new()), 2 => tags], eth_type, payload)
        .prop_map(|(port, dst, src, tags, eth_type, payload)| Event::Packet { port, dst, src, tags, eth_type, payload })
}

/// Anything.
pub(super) fn event() -> impl Strategy<Value = Event> {
    let vlan = || prop_oneof![Just(0u16), Just(5), Just(6)];
    prop_oneof![
        60 => packet(),
        6 => (0..20_000u64).prop_map(Event::Wait),
        4 => Just(Event::Revalidate),
        2 => wiring().prop_map(Event::Rewire),
        4 => (0..2u32, 2..8u32, vlan(), 2..10u32).prop_map(|(bridge, port, vlan, station)| Event::Pin { bridge, port, vlan, station }),
        2 => (0..2u32, vlan(), 2..10u32).prop_map(|(bridge, vlan, station)| Event::Unlearn { bridge, vlan, station }),
        1 => (0..2u32).prop_map(Event::Flush),
        4 => (6..8u32, any::<bool>()).prop_map(|(member, up)| Event::Carrier { member, up }),
    ]
}

/// Two bridges whose local ports are 0 and 1: on which of them the ports 2 to 7 are, if they are, and what rules hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Wiring {
    /// Of each port from 2: whether on the second bridge, whether at all, its rules' number.
    pub(super) ports: Vec<(bool, bool, usize)>,
    locals: [usize; 2],
    flood_vlan: Option<u16>,
    forward_bpdu: bool,
    /// The rules' numbers of the two ends of a patch between the bridges, when there is one.
    patch: Option<[usize; 2]>,
    /// A bond of the ports 6 and 7, which then are no ports of their own.
    bond: Option<Bond>,
}

/// How it shares the load, which of the bridges it is a port of, its rules' number.
#[derive(Debug, Clone)]
struct Bond {
    mode: BondMode,
    second: bool,
    rules: usize,
}

impl Wiring {
    /// The same without a bond.
    fn without_bond(self) -> Self {
        Self { bond: None, ..self }
    }
}

pub(super) fn wiring() -> impl Strategy<Value = Wiring> {
    let rules = || prop_oneof![1 => Just(0), 2 => 0..RULES];
    let port = (any::<bool>(), prop_oneof![1 => Just(false), 2 => Just(true)], rules());
    let locals = proptest::array::uniform2(rules());
    let flood_vlan = prop_oneof![3 => Just(None), 1 => Just(Some(5)), 1 => Just(Some(0))];
    let patch = proptest::option::of(proptest::array::uniform2(rules()));
    let mode = proptest::sample::select(&BondMode::ALL[..]);
    let bond = proptest::option::of((mode, any::<bool>(), rules()).prop_map(|(mode, second, rules)| Bond { mode, second, rules }));
    let mixed = (proptest::collection::vec(port, 6), locals, flood_vlan, any::<bool>(), patch, bond)
        .prop_map(|(ports, locals, flood_vlan, forward_bpdu, patch, bond)| Wiring { ports, locals, flood_vlan, forward_bpdu, patch, bond });
    // Bridges of nothing but plain ports go a shorter way.
    let plain = |wiring: Wiring| {
        let ports = wiring.ports.into_iter().map(|(second, present, _)| (second, present, 0)).collect();
        let bond = wiring.bond.map(|bond| Bond { rules: 0, ..bond });
        Wiring { ports, locals: [0, 0], patch: wiring.patch.map(|_| [0, 0]), bond, ..wiring }
    };
    (mixed, prop_oneof![3 => Just(false), 1 => Just(true)]).prop_map(move |(wiring, all_plain)| if all_plain { plain(wiring) } else { wiring })
}

pub(super) fn topology(wiring: &Wiring) -> Topology {
    let bridge_rules = BridgeRules {
        mac_aging: None,
        mac_table_size: Some(10),
        flood_vlans: wiring.flood_vlan.into_iter().map(|vid| Vid::try_from(vid).unwrap()).collect(),
        forward_bpdu: wiring.forward_bpdu,
    };
    let bridge = |text: &str, number: u32, local: usize| Bridge::new(name(text), number).rules(&bridge_rules, &rules(local));
    let mut bridges = [bridge("br0", 0, wiring.locals[0]), bridge("br1", 1, wiring.locals[1])];
    for (number, (second, present, with)) in (2..).zip(&wiring.ports) {
        if *present && (number < 6 || wiring.bond.is_none()) {
            let bridge = &mut bridges[usize::from(*second)];
            *bridge = bridge.clone().port_with(name(&format!("p{number}")), number, rules(*with));
        }
    }
    if let Some(Bond { mode, second, rules: number }) = &wiring.bond {
        let member = |number: u32| Bundled {
            name: name(&format!("p{number}")),
            dp_port: number,
            mac: mac(number),
            carrier: true,
            lacp: LacpMember::default(),
        };
        let bond = Some(model::Bond { mode: *mode, ..model::Bond::default() });
        let way = Way::Bundle(Bundle { bond, lacp: None, members: vec![member(6), member(7)] });
        let bridge = &mut bridges[usize::from(*second)];
        *bridge = bridge.clone().with(Port { name: name("bond0"), way, rules: rules(*number) });
    }
    if let Some(ends) = wiring.patch {
        for (at, (port, peer)) in [("a", "b"), ("b", "a")].into_iter().enumerate() {
            let port = Port { name: name(port), way: Way::Patch(name(peer)), rules: rules(ends[at]) };
            bridges[at] = bridges[at].clone().with(port);
        }
    }
    Topology { bridges: bridges.into() }
}

impl Agent {
    /// Lets something happen that is no packet. A person may ask for what is not there.
    pub(super) fn happens(&mut self, event: &Event) {
        match event {
            Event::Packet { .. } => {}
            Event::Wait(time) => {
                self.now = self.now + Duration::from_millis(*time);
                self.switch.run_bundles(self.now, &mut |_, _| {});
            }
            Event::Carrier { member, up } => {
                self.switch.set_carrier(self.now, &format!("p{member}"), *up);
                self.switch.run_bundles(self.now, &mut |_, _| {});
            }
            Event::Revalidate => {
                self.revalidate();
            }
            Event::Rewire(wiring) => {
                self.switch.set_topology(self.now, topology(wiring)).unwrap();
            }
            Event::Pin { bridge, port, vlan, station } => {
                let _ = self.switch.pin(self.now, &format!("br{bridge}"), &format!("p{port}"), (*vlan, address(*station)));
            }
            Event::Unlearn { bridge, vlan, station } => {
                let _ = self.switch.unlearn(&format!("br{bridge}"), *vlan, address(*station));
            }
            Event::Flush(bridge) => {
                self.switch.flush(self.now, &format!("br{bridge}"), None).unwrap();
            }
        }
    }
}

/// How many of a packet's tags are sent. Of three the innermost is not seen, and not followed through a patch: none there.
fn visible(agent: &Agent, tags: &[(u16, u16)]) -> usize {
    let patched = agent.switch.topology().bridges.iter().any(|bridge| bridge.ports.iter().any(|port| matches!(port.way, Way::Patch(_))));
    if patched { tags.len().min(2) } else { tags.len() }
}

/// Sends a packet and returns the ports it came out of with the tags it had there, sorted.
fn send(agent: &mut Agent, event: &Event) -> Vec<(u32, Vec<(u16, u16)>)> {
    let Event::Packet { port, dst, src, tags, eth_type, payload } = event else { return Vec::new() };
    let sent = frame(address(*dst), address(*src), &tags[..visible(agent, tags)], *eth_type, payload);
    agent.packet(*port, &sent);
    let tail = [&eth_type.to_be_bytes()[..], payload].concat();
    let tags = |got: &[u8]| {
        let (head, rest) = got.split_at(12);
        assert_eq!((head, &rest[rest.len() - tail.len()..]), (&sent[..12], &tail[..]), "the rest is as it was");
        let be16 = |two: &[u8]| u16::from_be_bytes(two.try_into().unwrap());
        rest[..rest.len() - tail.len()].chunks_exact(4).map(|tag| (be16(&tag[..2]), be16(&tag[2..]))).collect()
    };
    let mut out: Vec<_> = agent.delivered.iter().map(|(port, got)| (*port, tags(got))).collect();
    out.sort();
    out
}

/// Every way to be tagged, up to two tags: each VLAN with a priority and without.
fn every_tag(service: bool) -> Vec<Vec<(u16, u16)>> {
    let tcis = [0, 5, 6, 0x6000, 0x6005, 0x6006];
    let outer = if service { 0x88a8 } else { 0x8100 };
    let one = tcis.into_iter().map(|tci| vec![(outer, tci)]);
    let two = tcis.into_iter().flat_map(|tci| tcis.into_iter().map(move |inner| vec![(outer, tci), (0x8100, inner)]));
    std::iter::once(Vec::new()).chain(one).chain(two).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Without time, eviction or rewiring the flows are never even revalidated, and are right with every packet.
    #[test]
    fn flows_decide_as_the_switch_and_as_a_naive_one(
        wiring in wiring().prop_map(Wiring::without_bond),
        packets in proptest::collection::vec(packet(), 1..250),
    ) {
        let mut topology = topology(&wiring);
        for bridge in &mut topology.bridges {
            bridge.macs = Default::default();
        }
        let (mut agent, mut naive) = (Agent::new(topology.clone()), Naive::new(&topology));
        agent.strict = true;
        for event in &packets {
            let Event::Packet { port, dst, src, tags, .. } = event else { unreachable!() };
            prop_assert_eq!(send(&mut agent, event), naive.packet(*port, address(*dst), address(*src), &tags[..visible(&agent, tags)]));
        }
    }

    /// With everything that can happen, the flows are right after each pass of the revalidator.
    #[test]
    fn revalidated_flows_decide_as_the_switch(
        first in wiring(),
        events in proptest::collection::vec(event(), 1..250),
        eager: bool,
    ) {
        let mut agent = Agent::new(topology(&first));
        agent.strict = eager;
        for event in &events {
            send(&mut agent, event);
            agent.happens(event);
            // Not eager: flows may lag behind; a second pass after the last event must leave nothing to do.
            if eager {
                agent.revalidate();
            }
        }
        agent.revalidate();
        let again = agent.revalidate();
        prop_assert_eq!((again.retranslated, again.deleted, again.modified), (0, 0, 0));
        for flow in agent.kernel.clone().into_values() {
            agent.switch.translate(agent.now, &flow.key, &mut agent.decision);
            prop_assert_eq!(&flow.actions, &agent.decision.actions);
            prop_assert_eq!(&flow.mask, &agent.decision.mask);
            prop_assert!(!agent.decision.unlearned);
        }
    }

    /// A flow decides every packet it covers as the switch would: of two packets that are one flow's, the decisions are one.
    #[test]
    fn what_one_mask_covers_is_decided_alike(
        wiring in wiring(),
        before in proptest::collection::vec(packet(), 0..40),
        packets in proptest::collection::vec((0..8u32, 0..10u32, 0..10u32, any::<bool>()), 1..6),
    ) {
        let mut agent = Agent::new(topology(&wiring));
        before.iter().for_each(|event| drop(send(&mut agent, event)));
        for (port, dst, src, service) in packets {
            let mut decided = Vec::new();
            for (tags, sender) in every_tag(service).into_iter().flat_map(|tags| [(tags.clone(), src), (tags, 5)]) {
                let key = key_of(port, &frame(address(dst), address(sender), &tags, 0x0800, &[]));
                agent.switch.translate(agent.now, &key, &mut agent.decision);
                let made = kernel_mask(&key, &agent.decision.mask).unwrap();
                decided.push((fields(&key), made, agent.decision.clone()));
            }
            for (flow, made, decision) in &decided {
                for (packet, _, other) in &decided {
                    if covers(flow, made, packet) {
                        prop_assert_eq!((&decision.actions, &decision.mask), (&other.actions, &other.mask));
                        prop_assert_eq!((decision.reason, decision.unlearned), (other.reason, other.unlearned));
                    }
                }
            }
        }
    }

    /// Bytes from anyone: no panic, nothing learned from what cannot be read, nothing the kernel would refuse.
    #[test]
    fn any_bytes_are_survived(keys in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..20)) {
        let mut agent = Agent::new(topology(&Wiring { ports: (0..6).map(|rules| (false, true, rules * 2)).collect(), ..Wiring::default() }));
        for key in &keys {
            agent.switch.upcall(agent.now, key, &mut agent.decision);
            agent.flows.insert(agent.now, key, &agent.decision, agent.switch.generation());
            agent.switch.translate(agent.now, key, &mut agent.decision);
            agent.switch.credit(agent.now, key, agent.now, &mut agent.decision);
        }
    }
}
