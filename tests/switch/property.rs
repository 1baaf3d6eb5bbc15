//! The property that matters most: whatever happened before, a flow in the kernel does with every packet it matches what
//! the switch would do with that packet now; and both do what a naive switch does.

use std::collections::HashMap;
use std::time::Duration;

use ovsdp::switch::{Bridge, Topology};
use ovsdp_proto::Mac;
use proptest::prelude::*;

use super::datapath::{Agent, frame};
use super::{mac, name};

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Packet { port: u32, dst: u32, src: u32, tags: Vec<(u16, u16)>, eth_type: u16, payload: [u8; 5] },
    Wait(u64),
    Revalidate,
    Rewire(Vec<(bool, u32)>),
    Pin { bridge: u32, port: u32, vlan: u16, station: u32 },
    Unlearn { bridge: u32, vlan: u16, station: u32 },
    Flush(u32),
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
    ]
}

/// Which of the ports 2 to 7 exist, and on which of two bridges (whose local ports are 0 and 1).
pub(super) fn wiring() -> impl Strategy<Value = Vec<(bool, u32)>> {
    proptest::collection::vec((any::<bool>(), 0..3u32), 6)
}

pub(super) fn topology(wiring: &[(bool, u32)]) -> Topology {
    let mut bridges = [Bridge::new(name("br0"), 0).table_size(10), Bridge::new(name("br1"), 1).table_size(10)];
    for (number, (second, present)) in (2..).zip(wiring) {
        if *present > 0 {
            let bridge = &mut bridges[usize::from(*second)];
            *bridge = bridge.clone().port(name(&format!("p{number}")), number);
        }
    }
    Topology { bridges: bridges.into() }
}

/// A switch as a child would write it.
struct Naive {
    bridges: Vec<Vec<u32>>,
    seen: HashMap<(usize, u16, Mac), u32>,
}

impl Naive {
    fn new(topology: &Topology) -> Self {
        let ports = |bridge: &Bridge| std::iter::once(bridge.local).chain(bridge.ports.iter().filter_map(|port| port.way.dp_port())).collect();
        Self { bridges: topology.bridges.iter().map(ports).collect(), seen: HashMap::new() }
    }

    fn packet(&mut self, port: u32, dst: Mac, src: Mac, tags: &[(u16, u16)]) -> Vec<u32> {
        let Some(bridge) = self.bridges.iter().position(|ports| ports.contains(&port)) else { return Vec::new() };
        if dst == address(1) {
            return Vec::new();
        }
        let vlan = tags.first().map_or(0, |(_, tci)| tci & 0xfff);
        if !src.is_multicast() {
            self.seen.insert((bridge, vlan, src), port);
        }
        let mut out = match self.seen.get(&(bridge, vlan, dst)) {
            Some(to) => vec![*to],
            None => self.bridges[bridge].clone(),
        };
        out.retain(|to| *to != port);
        out.sort_unstable();
        out
    }
}

impl Agent {
    /// Lets something happen that is no packet. A person may ask for what is not there.
    pub(super) fn happens(&mut self, event: &Event) {
        match event {
            Event::Packet { .. } => {}
            Event::Wait(time) => self.now = self.now + Duration::from_millis(*time),
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
                self.switch.flush(&format!("br{bridge}"), None).unwrap();
            }
        }
    }
}

/// Sends a packet and returns the ports it came out of, sorted.
fn send(agent: &mut Agent, event: &Event) -> Vec<u32> {
    let Event::Packet { port, dst, src, tags, eth_type, payload } = event else { return Vec::new() };
    let mut out = agent.packet(*port, &frame(address(*dst), address(*src), tags, *eth_type, payload));
    out.sort_unstable();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Without time, eviction or rewiring the flows are never even revalidated, and are right with every packet.
    #[test]
    fn flows_decide_as_the_switch_and_as_a_naive_one(
        wiring in wiring(),
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
            prop_assert_eq!(send(&mut agent, event), naive.packet(*port, address(*dst), address(*src), tags));
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

    /// Bytes from anyone: no panic, nothing learned from what cannot be read, nothing the kernel would refuse.
    #[test]
    fn any_bytes_are_survived(keys in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..20)) {
        let mut agent = Agent::new(topology(&[(false, 1); 6]));
        for key in &keys {
            agent.switch.upcall(agent.now, key, &mut agent.decision);
            agent.flows.insert(agent.now, key, &agent.decision, agent.switch.generation());
            agent.switch.translate(agent.now, key, &mut agent.decision);
            agent.switch.credit(agent.now, key, agent.now, &mut agent.decision);
        }
    }
}
