//! The property that matters most: whatever happened before, a flow in the kernel does with every packet it matches what
//! the switch would do with that packet now; and both do what a naive switch does.

use std::time::Duration;

use ovsdp::switch::lacp::{self, Info, Pdu, State};
use ovsdp::switch::{Install, Pass, Way};
use ovsdp_proto::Mac;
use proptest::prelude::*;

use super::datapath::{Agent, DEVICE, OUTERS, covers, fields, frame, kernel_mask, key_of};
use super::mac;
use super::naive::Naive;
use super::wiring::{MEMBERS, Wiring, topology, wiring};

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
        port: &'static str,
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
    /// What a bond's member hears by LACP: which partner it has, and whether that agrees.
    Partner {
        member: u32,
        system: u8,
        agrees: bool,
    },
    /// Another agent takes over, with what was written down of the MAC tables or without.
    Succeeded {
        with_macs: bool,
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

/// Where a packet comes in: by a port, or out of the tunnels' device in one of [`OUTERS`].
fn port() -> impl Strategy<Value = u32> {
    let outers = u32::try_from(OUTERS.len()).unwrap();
    prop_oneof![3 => 0..8u32, 1 => DEVICE..DEVICE + outers]
}

fn packet() -> impl Strategy<Value = Event> {
    let tag = (prop_oneof![Just(0x8100u16), Just(0x88a8)], prop_oneof![Just(0u16), Just(5), Just(6)], 0..3u16);
    let tags = proptest::collection::vec(tag.prop_map(|(tpid, vid, pcp)| (tpid, vid | pcp << 13)), 0..=3);
    let eth_type = prop_oneof![Just(0x0800u16), Just(0x0806), Just(0x86dd), Just(0x0040)];
    let payload = proptest::array::uniform5(0..2u8);
    (port(), 0..10u32, 0..10u32, prop_oneof![3 => Just(Vec::new()), 2 => tags], eth_type, payload)
        .prop_map(|(port, dst, src, tags, eth_type, payload)| Event::Packet { port, dst, src, tags, eth_type, payload })
}

/// Anything.
pub(super) fn event() -> impl Strategy<Value = Event> {
    let vlan = || prop_oneof![Just(0u16), Just(5), Just(6)];
    let pinned = proptest::sample::select(&["p2", "p3", "p4", "p5", "p6", "bond0", "a", "b", "t0", "t3"][..]);
    let member = || proptest::sample::select(&MEMBERS[..]);
    let agrees = prop_oneof![1 => Just(false), 5 => Just(true)];
    prop_oneof![
        60 => packet(),
        // A bond is wary for five seconds.
        6 => prop_oneof![0..6_000u64, 0..20_000u64].prop_map(Event::Wait),
        4 => Just(Event::Revalidate),
        2 => wiring().prop_map(Event::Rewire),
        4 => (0..2u32, pinned, vlan(), 2..10u32).prop_map(|(bridge, port, vlan, station)| Event::Pin { bridge, port, vlan, station }),
        2 => (0..2u32, vlan(), 2..10u32).prop_map(|(bridge, vlan, station)| Event::Unlearn { bridge, vlan, station }),
        1 => (0..2u32).prop_map(Event::Flush),
        4 => (member(), any::<bool>()).prop_map(|(member, up)| Event::Carrier { member, up }),
        6 => (member(), prop_oneof![6 => Just(2u8), 1 => Just(3)], agrees).prop_map(|(member, system, agrees)| Event::Partner { member, system, agrees }),
        1 => any::<bool>().prop_map(|with_macs| Event::Succeeded { with_macs }),
    ]
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
            Event::Partner { member, system, agrees } => {
                let agreed = if *agrees { State::SYNCHRONIZED.0 | State::COLLECTING.0 | State::DISTRIBUTING.0 } else { 0 };
                let state = State(State::ACTIVITY.0 | State::AGGREGATION.0 | agreed);
                let port = u16::try_from(*member).unwrap();
                let actor = Info { system_priority: 65534, system: Mac([2, 0, 0, 0, 0, *system]), key: 1, port_priority: 65535, port, state };
                self.packet(*member, &lacp::frame(mac(20 + member), &Pdu { actor, partner: Info::default() }));
                self.switch.run_bundles(self.now, &mut |_, _| {});
            }
            Event::Succeeded { with_macs } => self.is_succeeded(*with_macs),
            Event::Revalidate => {
                self.revalidate();
            }
            Event::Rewire(wiring) => {
                self.switch.set_topology(self.now, topology(wiring)).unwrap();
            }
            Event::Pin { bridge, port, vlan, station } => {
                let _ = self.switch.pin(self.now, &format!("br{bridge}"), port, (*vlan, address(*station)));
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

/// Looks at every flow until there must be nothing left to do; says what was left. A second pass finds what the first one made wrong: in a
/// full table the senders it learned took the places of stations whose flows it had looked at already.
fn settle(agent: &mut Agent) -> (u32, u32, u32) {
    agent.revalidate();
    agent.revalidate();
    let Pass { retranslated, deleted, modified, .. } = agent.revalidate();
    (retranslated, deleted, modified)
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

/// The same packet with other headers above layer 2, within a tag and without; of one that came in by a tunnel, in every outer header.
fn every_header(port: u32, dst: Mac, src: Mac) -> impl Iterator<Item = (u32, Vec<u8>)> {
    let ports = if port < DEVICE { vec![port] } else { (DEVICE..).take(OUTERS.len()).collect() };
    let types = [0x0800, 0x86dd, 0x0806].into_iter();
    let headers = types.flat_map(|eth_type| (0..8u8).map(move |bits| (eth_type, [0, 0, bits & 1, bits >> 1 & 1, bits >> 2])));
    let bytes =
        headers.flat_map(move |(eth_type, payload)| [&[][..], &[(0x8100, 5)]].map(|tags: &[(u16, u16)]| frame(dst, src, tags, eth_type, &payload)));
    bytes.flat_map(move |bytes| ports.clone().into_iter().map(move |port| (port, bytes.clone())))
}

/// How many cases each property is tried with: as the environment says, for a long search.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(100, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

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
            let Event::Packet { port, dst, src, tags, eth_type, payload } = event else { unreachable!() };
            let tags = &tags[..visible(&agent, tags)];
            // A third tag hides what is behind.
            let tos = (matches!(eth_type, 0x0800 | 0x86dd) && tags.len() < 3).then_some(payload[2]);
            prop_assert_eq!(send(&mut agent, event), naive.packet(*port, (address(*dst), address(*src)), tags, tos));
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
            // Not eager: flows may lag behind until after the last event.
            if eager {
                settle(&mut agent);
            }
        }
        prop_assert_eq!(settle(&mut agent), (0, 0, 0));
        // Of those that pushed each other out of a full table some wait for their next look when time has made room.
        let may_wait = agent.switch.all_fdb_stats().any(|stats| stats.evicted > 0 && stats.expired > 0);
        for flow in agent.kernel.clone().into_values() {
            agent.switch.translate(agent.now, &flow.key, &mut agent.decision);
            prop_assert_eq!(&flow.actions, &agent.decision.actions);
            prop_assert_eq!(&flow.mask, &agent.decision.mask);
            prop_assert!(!agent.decision.unlearned || may_wait);
        }
    }

    /// A flow decides every packet it covers as the switch would: of two packets that are one flow's, the decisions are one.
    #[test]
    fn what_one_mask_covers_is_decided_alike(
        wiring in wiring(),
        before in proptest::collection::vec(packet(), 0..40),
        agreed in proptest::collection::vec(any::<bool>(), MEMBERS.len()),
        packets in proptest::collection::vec((port(), 0..10u32, 0..10u32, any::<bool>()), 1..6),
    ) {
        let mut agent = Agent::new(topology(&wiring));
        MEMBERS.into_iter().zip(agreed).for_each(|(member, agrees)| agent.happens(&Event::Partner { member, system: 2, agrees }));
        before.iter().for_each(|event| drop(send(&mut agent, event)));
        for (port, dst, src, service) in packets {
            let mut decided = Vec::new();
            let tagged = every_tag(service).into_iter().flat_map(|tags| [(tags.clone(), src), (tags, 5)]);
            let tagged = tagged.map(|(tags, sender)| (port, frame(address(dst), address(sender), &tags, 0x0800, &[])));
            for (port, bytes) in tagged.chain(every_header(port, address(dst), address(src))) {
                let key = key_of(port, &bytes);
                agent.switch.translate(agent.now, &key, &mut agent.decision);
                let made = kernel_mask(&key, &agent.decision.mask).unwrap();
                decided.push((fields(&key), made, agent.decision.clone()));
            }
            for (flow, made, decision) in decided.iter().filter(|(.., decision)| decision.install != Install::No) {
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
        let mut agent = Agent::new(topology(&Wiring::of_ports((0..6).map(|rules| rules * 2))));
        for key in &keys {
            agent.switch.upcall(agent.now, key, &mut agent.decision);
            agent.flows.insert(agent.now, key, &agent.decision, agent.switch.generation());
            agent.switch.translate(agent.now, key, &mut agent.decision);
            agent.switch.credit(agent.now, key, agent.now, &mut agent.decision);
        }
    }
}
