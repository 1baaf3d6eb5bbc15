//! A traced decision is the decision, told: the same flow and actions, and nothing is different afterwards.

use std::time::Duration;

use ovsdp::switch::bond::Exit;
use ovsdp::switch::{Bridge, Decision, LeftOut, Moment, Reason, Step, Switch, Topology, Untraceable, Way};
use proptest::prelude::*;

use super::datapath::{Agent, DEVICE, Done, deliver, frame, key_of, outputs};
use super::property::{Event, address, event};
use super::wiring::{topology, wiring};
use super::{mac, name, one_bridge, switch};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_trace_is_the_decision(first in wiring(), events in proptest::collection::vec(event(), 1..150)) {
        let mut agent = Agent::new(topology(&first));
        let (mut traced, mut decided) = (Decision::new(), Decision::new());
        for event in &events {
            let Event::Packet { port, dst, src, tags, eth_type, payload } = event else {
                agent.happens(event);
                continue;
            };
            let key = key_of(*port, &frame(address(*dst), address(*src), tags, *eth_type, payload));
            agent.switch.expire(agent.now);
            let before = (agent.switch.snapshot(agent.now), agent.switch.fdb_stats("br0"), agent.switch.fdb_stats("br1"));
            let steps = agent.switch.trace(agent.now, &key, &mut traced);
            let after = (agent.switch.snapshot(agent.now), agent.switch.fdb_stats("br0"), agent.switch.fdb_stats("br1"));
            prop_assert_eq!(&before, &after, "a trace changes nothing");
            agent.switch.upcall(agent.now, &key, &mut decided);
            prop_assert_eq!(&traced.actions, &decided.actions, "{:?}", steps);
            prop_assert_eq!(&traced.mask, &decided.mask);
            prop_assert_eq!((traced.reason, traced.install), (decided.reason, decided.install));
            prop_assert_eq!((traced.bridge, traced.port, traced.from, traced.to), (decided.bridge, decided.port, decided.from, decided.to));
            let now = [agent.switch.fdb_stats("br0"), agent.switch.fdb_stats("br1")];
            let evicted = now.iter().zip([before.1, before.2]).any(|(now, before)| now.map(|now| now.evicted) != before.map(|before| before.evicted));
            // A sender that pushes another out is learned, and is not waited for.
            if !evicted {
                prop_assert_eq!(traced.unlearned, !decided.learned.is_empty());
            }
            // What is told is what is done: each output is an action, and a flood says why it leaves a port out.
            let told: Vec<u32> = steps.iter().filter_map(|step| match step {
                Step::Output { port, .. } => agent.switch.dp_port(*port),
                Step::Member { exit: Exit::Port { dp_port } | Exit::Bucket { dp_port, .. }, .. } => Some(*dp_port),
                _ => None,
            }).collect();
            let sent = |(done, _)| match done {
                Done::Output(port) => Some(port),
                Done::Wrapped { .. } => Some(DEVICE),
                Done::Recirculate { .. } => None,
            };
            let sent: Vec<u32> = deliver(&decided.actions, &[0; 64]).into_iter().filter_map(sent).collect();
            prop_assert_eq!(told, sent);
            let left: Vec<_> = steps.iter().filter_map(|step| match step {
                Step::LeftOut { port, why } => Some((agent.switch.dp_port(*port)?, *why)),
                _ => None,
            }).collect();
            let mut others = agent.switch.topology().bridges.iter().flat_map(|bridge| &bridge.ports);
            if others.all(|port| matches!(port.way, Way::Device(_))) && matches!(decided.reason, Reason::Group | Reason::Unknown | Reason::FloodVlan) {
                prop_assert!(left.iter().all(|(out, why)| (out == port) == (*why == LeftOut::CameFrom)));
                let mut all: Vec<u32> = outputs(&decided.actions).into_iter().chain(left.iter().map(|(port, _)| *port)).collect();
                all.sort_unstable();
                let bridges = &agent.switch.topology().bridges;
                let ports = |bridge: &Bridge| {
                    std::iter::once(&bridge.local).chain(bridge.ports.iter().map(|port| &port.way)).filter_map(Way::dp_port).collect()
                };
                let wanted: Vec<u32> = bridges.iter().map(ports).find(|ports: &Vec<u32>| ports.contains(port)).unwrap();
                prop_assert_eq!(all, wanted);
            }
        }
    }
}

fn steps(switch: &mut Switch, flow: &str) -> (Vec<String>, Option<String>, String) {
    let told = switch.explain(Moment(1000), "br0", flow, false).unwrap();
    (told.steps.iter().map(|step| format!("{}: {}", step.rule, step.text)).collect(), told.megaflow, told.actions)
}

fn teach(switch: &mut Switch, port: u32, station: u32) {
    switch.upcall(Moment(0), &key_of(port, &frame(mac(99), mac(station), &[], 0x0800, &[])), &mut Decision::new());
}

#[test]
fn each_step_in_words() {
    let mut switch = switch(one_bridge(2));
    teach(&mut switch, 3, 2);
    let flow = "in_port(p2),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:02),eth_type(0x8100),vlan(vid=0,pcp=3),encap(eth_type(0x0800))";
    let (told, megaflow, actions) = steps(&mut switch, flow);
    assert_eq!(
        told,
        [
            "admission: it comes in by p2 (port 2) of br0",
            "vlan: its tag says VLAN 0",
            "reserved: 52:54:00:00:00:02 is none of the groups that no bridge forwards",
            "learning: 52:54:00:00:00:01 would be learned behind this port",
            "lookup: 52:54:00:00:00:02 is behind p3 (port 3)",
            "output: to p3 (port 3), without its outer tag",
        ]
    );
    assert_eq!(
        megaflow.as_deref(),
        Some("recirc_id(0),in_port(2),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:02),eth_type(0x8100),vlan(vid=0),encap(eth_type(0x0800))")
    );
    assert_eq!(actions, "pop_vlan,3");

    // A line of a dump, with a port by number.
    let (told, _, actions) = steps(
        &mut switch,
        "recirc_id(0),in_port(1),eth(src=52:54:00:00:00:02,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806), packets:2, bytes:84, used:1.000s, actions:2",
    );
    assert_eq!(
        told[3..],
        [
            "learning: 52:54:00:00:00:02 would be learned to have moved here from p3 (port 3)",
            "lookup: ff:ff:ff:ff:ff:ff is a group's address: to every other port",
            "left-out: not to br0 (port 1): the packet came in by it",
            "output: to p2 (port 2)",
            "output: to p3 (port 3)",
        ]
    );
    assert_eq!(actions, "2,3");

    let (told, megaflow, actions) = steps(&mut switch, "in_port(LOCAL),eth(src=52:54:00:00:00:01,dst=01:80:c2:00:00:00),eth_type(0x88cc)");
    assert_eq!((told.len(), actions.as_str()), (2, "drop"));
    assert_eq!(megaflow.as_deref(), Some("recirc_id(0),in_port(1),eth(dst=01:80:c2:00:00:00),eth_type(0x88cc)"));
}

#[test]
fn a_full_table_and_a_static_address_are_told() {
    let mut switch = switch(Topology { bridges: vec![Bridge::new(name("br0"), 1).port(name("p2"), 2).port(name("p3"), 3).table_size(10)] });
    (10..20).for_each(|station| teach(&mut switch, 3, station));
    let flow = "in_port(p2),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:0a),eth_type(0x0800)";
    let (told, _, actions) = steps(&mut switch, flow);
    assert_eq!(
        told[3..5],
        [
            "learning: 52:54:00:00:00:01 would be learned behind this port, and 52:54:00:00:00:0a in VLAN 0 be forgotten: the table is full",
            "lookup: 52:54:00:00:00:0a is not in the MAC table: to every other port",
        ]
    );
    assert_eq!(actions, "1,3");
    switch.pin(Moment(0), "br0", "p3", (0, mac(1))).unwrap();
    let (told, ..) = steps(&mut switch, flow);
    assert_eq!(told[3], "learning: 52:54:00:00:00:01 is static, behind p3 (port 3): nothing would be learned");
}

#[test]
fn what_cannot_be_traced_says_why() {
    let mut switch = switch(one_bridge(2));
    let mut fails = |bridge: &str, flow: &str| switch.explain(Moment(0), bridge, flow, false).unwrap_err();
    assert_eq!(fails("br9", "in_port(2),eth()"), Untraceable::NoBridge);
    assert_eq!(fails("br0", "in_port(9),eth()"), Untraceable::NoPort("9".to_owned()));
    assert_eq!(fails("br0", "in_port(p9),eth()"), Untraceable::NoPort("p9".to_owned()));
    assert_eq!(fails("br0", "eth()"), Untraceable::NoInPort);
    assert!(matches!(fails("br0", "in_port(2),nonsense()"), Untraceable::Text(_)));
}

#[test]
fn time_goes_on_under_a_trace() {
    let mut switch = switch(one_bridge(2));
    teach(&mut switch, 3, 2);
    let mut decision = Decision::new();
    let key = key_of(2, &frame(mac(2), mac(1), &[], 0x0800, &[]));
    switch.trace(Moment(0) + Duration::from_secs(299), &key, &mut decision);
    assert_eq!(outputs(&decision.actions), [3]);
    switch.trace(Moment(0) + Duration::from_secs(300), &key, &mut decision);
    assert_eq!(outputs(&decision.actions), [1, 3]);
}
