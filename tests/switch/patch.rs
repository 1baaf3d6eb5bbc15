//! Bridges joined by patch ports.

use std::collections::BTreeSet;

use ovsdp::model::{self, BondMode};
use ovsdp::switch::{Bridge, Bundle, Bundled, Decision, Install, LeftOut, Moment, Port, Reason, Step, Topology, Way};
use ovsdp_proto::Mac;
use proptest::prelude::*;

use super::datapath::{Agent, frame, key_of, outputs};
use super::{mac, name, seconds, switch};

/// The same bridge with a patch port.
fn patch(bridge: Bridge, port: &str, peer: &str) -> Bridge {
    bridge.with(Port::new(name(port), Way::Patch(name(peer))))
}

/// `br0` with the ports 2 and 3, `br1` with 12 and 13 (1 and 11 are their own), joined as `a`–`b`.
fn two() -> [Bridge; 2] {
    let bridge = |text: &str, first: u32| {
        let ports = [first + 1, first + 2];
        ports.iter().fold(Bridge::new(name(text), first), |bridge, port| bridge.port(name(&format!("p{port}")), *port))
    };
    [patch(bridge("br0", 1), "a", "b"), patch(bridge("br1", 11), "b", "a")]
}

fn plain(dst: Mac, src: Mac) -> Vec<u8> {
    frame(dst, src, &[], 0x0800, &[])
}

fn locations(agent: &Agent, bridge: &str, station: Mac) -> Option<String> {
    let (_, found) = agent.switch.fdb(bridge).unwrap().iter().find(|((_, mac), _)| *mac == station)?;
    agent.switch.port_name(found.port).map(|name| name.to_string())
}

#[test]
fn both_bridges_learn_and_then_nobody_else_hears() {
    let mut agent = Agent::new(Topology { bridges: two().into() });
    agent.strict = true;
    assert_eq!(agent.packet(2, &plain(Mac::BROADCAST, mac(1))), [1, 3, 11, 12, 13]);
    assert_eq!(locations(&agent, "br0", mac(1)).as_deref(), Some("p2"));
    assert_eq!(locations(&agent, "br1", mac(1)).as_deref(), Some("b"));
    assert_eq!(agent.packet(12, &plain(mac(1), mac(2))), [2]);
    assert_eq!(agent.packet(2, &plain(mac(2), mac(1))), [12]);
    let upcalls = agent.upcalls;
    assert_eq!(agent.packet(2, &plain(mac(2), mac(1))), [12]);
    assert_eq!(agent.upcalls, upcalls, "one flow goes the whole way");

    // It moves behind the far bridge, which alone sees it; the flow from the near one must follow at once.
    assert_eq!(agent.packet(13, &plain(mac(9), mac(2))), [11, 12, 1, 2, 3]);
    assert_eq!(agent.packet(2, &plain(mac(2), mac(1))), [13]);
    // And to the near one.
    assert_eq!(agent.packet(3, &plain(mac(1), mac(2))), [2]);
    assert_eq!(agent.packet(2, &plain(mac(2), mac(1))), [3]);
    assert_eq!(locations(&agent, "br1", mac(2)).as_deref(), Some("p13"), "which sees nothing of that");
    assert_eq!(agent.packet(3, &plain(Mac::BROADCAST, mac(2))), [1, 2, 11, 12, 13]);
    assert_eq!(locations(&agent, "br1", mac(2)).as_deref(), Some("b"));
}

#[test]
fn flows_keep_the_sender_learned_in_both() {
    let mut agent = Agent::new(Topology { bridges: two().into() });
    agent.packet(12, &plain(Mac::BROADCAST, mac(2)));
    agent.packet(2, &plain(mac(2), mac(1)));
    for _ in 0..200 {
        agent.now = agent.now + seconds(2);
        assert_eq!(agent.packet(2, &plain(mac(2), mac(1))), [12]);
        agent.packet(12, &plain(mac(1), mac(2)));
        agent.revalidate();
    }
    assert!(agent.upcalls < 10, "{}", agent.upcalls);
    for bridge in ["br0", "br1"] {
        assert!(locations(&agent, bridge, mac(1)).is_some() && locations(&agent, bridge, mac(2)).is_some());
    }
    agent.switch.flush(agent.now, "br1", None).unwrap();
    agent.revalidate();
    assert_eq!(agent.packet(2, &plain(mac(2), mac(1))), [11, 12, 13], "the far bridge knows no longer where");
}

#[test]
fn stations_of_a_port_that_is_gone_are_known_to_no_bridge() {
    let mut agent = Agent::new(Topology { bridges: two().into() });
    agent.packet(2, &plain(Mac::BROADCAST, mac(1)));
    agent.packet(3, &plain(Mac::BROADCAST, mac(2)));
    agent.switch.pin(agent.now, "br1", "b", (0, mac(3))).unwrap();
    agent.switch.pin(agent.now, "br0", "p2", (0, mac(3))).unwrap();
    let [near, far] = two();
    let without = patch(Bridge::new(name("br0"), 1).port(name("p3"), 3), "a", "b");
    agent.switch.set_topology(agent.now, Topology { bridges: vec![without, far.clone()] }).unwrap();
    assert_eq!(locations(&agent, "br1", mac(1)), None, "it went with p2");
    assert_eq!(locations(&agent, "br1", mac(2)).as_deref(), Some("b"), "p3 is still there");
    assert_eq!(locations(&agent, "br1", mac(3)).as_deref(), Some("b"), "a person said so");
    // A device taken off by itself is a port that is gone, too.
    agent.packet(3, &plain(Mac::BROADCAST, mac(4)));
    assert_eq!(locations(&agent, "br1", mac(4)).as_deref(), Some("b"));
    assert!(agent.switch.unplug(3));
    assert_eq!(locations(&agent, "br1", mac(4)), None);
    agent.switch.set_topology(agent.now, Topology { bridges: vec![near, far.clone()] }).unwrap();
    agent.revalidate();
    agent.packet(3, &plain(Mac::BROADCAST, mac(2)));
    // Nor of a bridge that is gone.
    assert_eq!(locations(&agent, "br1", mac(2)).as_deref(), Some("b"));
    agent.switch.set_topology(agent.now, Topology { bridges: vec![far] }).unwrap();
    assert_eq!(locations(&agent, "br1", mac(2)), None);
}

/// A patch port that is gone tells nothing of where stations are: those behind it are in another bridge still, and what of them is on its way
/// through a switch that knows nothing of a bond, and sends it back, is not news.
#[test]
fn stations_behind_a_patch_port_that_is_gone_are_where_they_were() {
    let [near, far] = two();
    let member = |number: u32| Bundled {
        name: name(&format!("m{number}")),
        dp_port: number,
        mac: mac(number),
        carrier: true,
        lacp: model::LacpMember::default(),
    };
    let bond = Some(model::Bond { mode: BondMode::BalanceSlb, ..model::Bond::default() });
    let near = near.bundle(name("bond0"), Bundle { bond, lacp: None, members: vec![member(6), member(7)] });
    let (here, there) = (plain(Mac::BROADCAST, mac(1)), plain(Mac::BROADCAST, mac(2)));
    let renamed = patch(Bridge { ports: far.ports.iter().filter(|port| port.name != name("b")).cloned().collect(), ..far.clone() }, "c", "a");
    let without = Bridge { ports: near.ports.iter().filter(|port| port.name != name("a")).cloned().collect(), ..near.clone() };
    // The peer has another name; its bridge is gone, and with it who was there; the near end is gone.
    for (after, known) in [(vec![near.clone(), renamed], true), (vec![near.clone()], false), (vec![without, far.clone()], false)] {
        let mut agent = Agent::new(Topology { bridges: vec![near.clone(), far.clone()] });
        agent.packet(2, &here);
        agent.packet(12, &there);
        agent.switch.set_topology(agent.now, Topology { bridges: after.clone() }).unwrap();
        agent.revalidate();
        assert_eq!(locations(&agent, "br0", mac(1)).as_deref(), Some("p2"));
        assert_eq!(locations(&agent, "br0", mac(2)).is_some(), known, "{after:?}");
        for sent_back in [Some(&here), (after.len() == 2).then_some(&there)].into_iter().flatten() {
            let members = [6, 7].map(|number| agent.packet(number, sent_back));
            assert_eq!(members, [[0; 0], [0; 0]], "{after:?}");
        }
    }
}

#[test]
fn both_ends_must_name_each_other() {
    let [near, far] = two();
    for (far, why) in [(None, "there is none"), (Some(patch(Bridge::new(name("br1"), 11), "b", "c")), "it names another")] {
        let mut switch = switch(Topology { bridges: std::iter::once(near.clone()).chain(far).collect() });
        let mut decision = Decision::new();
        let steps = switch.trace(Moment(0), &key_of(2, &plain(Mac::BROADCAST, mac(1))), &mut decision);
        assert_eq!(outputs(&decision.actions), [1, 3], "{why}");
        assert!(steps.iter().any(|step| matches!(step, Step::LeftOut { why: LeftOut::NoPeer, .. })), "{why}");
    }
    // One that comes is used, one that goes is forgotten with what was learned behind it.
    let mut agent = Agent::new(Topology { bridges: vec![near.clone()] });
    assert_eq!(agent.packet(2, &plain(Mac::BROADCAST, mac(1))), [1, 3]);
    agent.switch.set_topology(agent.now, Topology { bridges: vec![near.clone(), far.clone()] }).unwrap();
    agent.revalidate();
    assert_eq!(agent.packet(2, &plain(Mac::BROADCAST, mac(1))), [1, 3, 11, 12, 13]);
    agent.packet(12, &plain(Mac::BROADCAST, mac(2)));
    let alone = Bridge { ports: near.ports.iter().filter(|port| port.name != *"a").cloned().collect(), ..near };
    agent.switch.set_topology(agent.now, Topology { bridges: vec![alone, far] }).unwrap();
    agent.revalidate();
    assert_eq!(agent.packet(2, &plain(mac(2), mac(1))), [1, 3]);
}

#[test]
fn a_ring_is_cut() {
    let ends = |bridge: Bridge, from: char, to: char| {
        (0..3).fold(bridge, |bridge, number| patch(bridge, &format!("{from}{number}"), &format!("{to}{number}")))
    };
    let bridges = vec![ends(Bridge::new(name("br0"), 1), 'a', 'b').port(name("p2"), 2), ends(Bridge::new(name("br1"), 11), 'b', 'a')];
    let mut switch = switch(Topology { bridges });
    let mut decision = Decision::new();
    switch.upcall(Moment(0), &key_of(2, &plain(Mac::BROADCAST, mac(1))), &mut decision);
    assert_eq!((decision.reason, decision.install, decision.is_drop()), (Reason::Ring, Install::Briefly, true));
}

#[test]
fn a_long_chain_is_not_a_ring() {
    let count = 60;
    let bridges = (0..count).map(|number: u32| {
        let bridge = Bridge::new(name(&format!("br{number}")), number + 1);
        let bridge = patch(bridge, &format!("up{number}"), &format!("down{}", number + 1));
        patch(bridge, &format!("down{number}"), &format!("up{}", number.wrapping_sub(1)))
    });
    let mut agent = Agent::new(Topology { bridges: bridges.collect() });
    let heard: BTreeSet<u32> = agent.packet(1, &plain(Mac::BROADCAST, mac(1))).into_iter().collect();
    assert_eq!(heard, (2..=count).collect());
    assert_eq!(agent.packet(count, &plain(mac(1), mac(2))), [1]);
}

#[test]
fn a_trace_goes_all_the_way() {
    let mut switch = switch(Topology { bridges: two().into() });
    let told = switch.explain(Moment(0), "br0", "in_port(p2),eth(src=52:54:00:00:00:01,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806)", true).unwrap();
    let text: Vec<String> = told.steps.iter().map(|step| format!("{}: {}", step.rule, step.text)).collect();
    let at = text.iter().position(|step| step == "output: to a").unwrap();
    assert_eq!(text[at + 1], "admission: it comes in by b of br1");
    assert!(text.contains(&"left-out: not to b: the packet came in by it".to_owned()));
    assert_eq!(text.last().unwrap(), "patch: br1: flooded: its destination is a group");
    assert_eq!(told.actions, "br0,p3,br1,p12,p13");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever stations say and wherever they move, a flow does with each packet what the switches would, and would teach
    /// none of them anything.
    #[test]
    fn flows_through_joined_bridges_decide_as_the_switch(
        packets in proptest::collection::vec((0..6usize, 0..6u32, 1..6u32, 0..40u32), 1..200),
    ) {
        let mut agent = Agent::new(Topology { bridges: two().into() });
        agent.strict = true;
        for (port, dst, src, wait) in packets {
            let dst = if dst == 0 { Mac::BROADCAST } else { mac(dst) };
            agent.packet([1, 2, 3, 11, 12, 13][port], &plain(dst, mac(src)));
            agent.now = agent.now + seconds(u64::from(wait));
            agent.revalidate();
        }
    }
}
