//! How long flows live, and what becomes of them when the world changes.

use ovsdp::model::{PortRules, VlanSet, Vlans};
use ovsdp::switch::{Bridge, Counters, Decision, FlowTable, Insert, Moment, Policy, Revalidator, Seed, Topology, Verdict, Why};
use ovsdp_proto::Mac;

use super::datapath::{Agent, frame, key_of, outputs};
use super::{mac, name, one_bridge, seconds, switch};

fn plain(dst: u32, src: u32) -> Vec<u8> {
    frame(mac(dst), mac(src), &[], 0x0800, &[0; 20])
}

fn talking() -> Agent {
    let mut agent = Agent::new(one_bridge(3));
    agent.packet(2, &plain(2, 1));
    agent.packet(3, &plain(1, 2));
    agent.packet(2, &plain(2, 1));
    assert_eq!(agent.kernel.len(), 2);
    agent
}

#[test]
fn an_idle_flow_goes_after_ten_seconds_and_a_used_one_stays() {
    let mut agent = talking();
    agent.now = agent.now + seconds(9);
    agent.packet(2, &plain(2, 1));
    assert_eq!(agent.revalidate().deleted, 0);
    agent.now = agent.now + seconds(1);
    assert_eq!(agent.revalidate().deleted, 1);
    agent.now = agent.now + seconds(9);
    assert_eq!(agent.revalidate().deleted, 1);
    assert!(agent.kernel.is_empty());
}

#[test]
fn nothing_is_decided_again_while_nothing_changes() {
    let mut agent = talking();
    agent.packet(2, &plain(2, 1));
    assert_eq!(agent.revalidate().retranslated, 0);
}

#[test]
fn a_new_port_joins_floods_and_a_gone_one_leaves_them() {
    let mut agent = Agent::new(one_bridge(3));
    let shout = frame(Mac::BROADCAST, mac(1), &[], 0x0806, &[]);
    assert_eq!(agent.packet(2, &shout), [1, 3, 4]);
    agent.switch.set_topology(agent.now, one_bridge(4)).unwrap();
    let pass = agent.revalidate();
    assert_eq!((pass.retranslated, pass.modified, pass.deleted), (1, 1, 0));
    assert_eq!(agent.packet(2, &shout), [1, 3, 4, 5]);
    agent.switch.set_topology(agent.now, one_bridge(2)).unwrap();
    agent.revalidate();
    assert_eq!(agent.packet(2, &shout), [1, 3]);
    assert_eq!(agent.upcalls, 1, "the flow was changed in place");
}

#[test]
fn a_flow_of_a_port_that_left_is_deleted() {
    let mut agent = talking();
    let bridge = Bridge::new(name("br0"), 1).port(name("p3"), 3).port(name("p4"), 4);
    agent.switch.set_topology(agent.now, Topology { bridges: vec![bridge] }).unwrap();
    agent.revalidate();
    assert_eq!(agent.kernel.len(), 1, "what came in by p2 is gone");
    assert_eq!(agent.packet(3, &plain(1, 2)), [1, 4], "its station is forgotten");
}

#[test]
fn a_drop_for_an_unknown_port_ends_by_itself_and_at_once_when_it_is_known() {
    let mut agent = Agent::new(one_bridge(3));
    assert!(agent.packet(9, &plain(2, 1)).is_empty());
    assert!(agent.packet(9, &plain(7, 8)).is_empty());
    assert_eq!(agent.upcalls, 1, "one flow for the port");
    agent.now = agent.now + seconds(1);
    agent.packet(9, &plain(2, 1));
    assert_eq!(agent.revalidate().deleted, 0);
    assert!(agent.switch.fdb("br0").unwrap().is_empty());
    agent.now = agent.now + seconds(1);
    assert_eq!(agent.revalidate().deleted, 1);
    agent.packet(9, &plain(2, 1));
    let bridge = Bridge::new(name("br0"), 1).port(name("p9"), 9);
    agent.switch.set_topology(agent.now, Topology { bridges: vec![bridge] }).unwrap();
    agent.packet(9, &plain(2, 1));
    assert_eq!(agent.revalidate().deleted, 1);
    assert!(agent.switch.fdb("br0").unwrap().is_empty(), "its counters say nothing about who sent");
    assert_eq!(agent.packet(9, &plain(2, 1)), [1]);
}

#[test]
fn a_forgotten_sender_is_learned_again_from_its_flow_or_by_an_upcall() {
    let mut agent = talking();
    agent.switch.flush(agent.now, "br0", None).unwrap();
    agent.packet(2, &plain(2, 1));
    agent.now = agent.now + seconds(1);
    let pass = agent.revalidate();
    assert_eq!(agent.switch.fdb("br0").unwrap().len(), 1, "1 spoke, 2 did not");
    assert_eq!((pass.deleted, pass.modified), (1, 1));
    assert_eq!(agent.packet(2, &plain(2, 1)), [1, 3, 4]);
    assert_eq!(agent.packet(3, &plain(1, 2)), [2]);
    assert_eq!(agent.packet(2, &plain(2, 1)), [3]);
}

#[test]
fn senders_the_table_has_no_room_for_keep_their_flows() {
    let mut topology = one_bridge(3);
    topology.bridges[0] = topology.bridges[0].clone().table_size(10);
    let mut agent = Agent::new(topology);
    let server = mac(1);
    let senders = |silent: u32| (0..60).filter(move |number| number % 3 != silent).map(|number| frame(server, mac(100 + number), &[], 0x0800, &[]));
    agent.packet(3, &frame(Mac::BROADCAST, server, &[], 0x0806, &[]));
    // A third of them is silent each time: their flows show nothing new, and they are not in the table.
    senders(3).for_each(|packet| assert_eq!(agent.packet(2, &packet), [3]));
    let upcalls = agent.upcalls;
    for round in 0..9 {
        agent.now = agent.now + seconds(1);
        senders(round % 3).for_each(|packet| assert_eq!(agent.packet(2, &packet), [3]));
        assert_eq!(agent.revalidate().deleted, 0, "round {round}");
    }
    assert_eq!((agent.upcalls, agent.switch.fdb("br0").unwrap().len()), (upcalls, 10));
    assert!(agent.switch.fdb_stats("br0").unwrap().evicted > 200, "they push each other out all the while");
}

#[test]
fn late_counters_do_not_move_a_station_back() {
    let mut switch = switch(one_bridge(3));
    let mut decision = Decision::new();
    let (old, new) = (key_of(2, &plain(9, 1)), key_of(3, &plain(9, 1)));
    switch.upcall(Moment(1_000), &old, &mut decision);
    switch.upcall(Moment(5_000), &new, &mut decision);
    for (now, key, used, moved) in [(6_000, &old, 4_999, None), (6_000, &new, 5_500, None), (7_000, &old, 6_500, Some(true))] {
        switch.credit(Moment(now), key, Moment(used), &mut decision);
        assert_eq!(decision.learned.first().map(|learned| learned.moved), moved);
    }
}

#[test]
fn a_crowd_is_thinned_and_twice_a_crowd_is_dispersed() {
    let mut agent = Agent::new(one_bridge(3));
    agent.revalidator = Revalidator::new(Policy { flow_limit: 1_000, ..Policy::default() });
    for number in 0..600 {
        agent.packet(2, &plain(1, 10 + number));
    }
    agent.now = agent.now + seconds(1);
    assert_eq!(agent.revalidate().deleted, 0);
    for number in 0..600 {
        agent.packet(2, &plain(2, 10 + number));
    }
    // The table's own limit keeps it below; flows of others can still crowd the kernel.
    assert_eq!((agent.kernel.len(), agent.flows.stats().refused), (1_000, 200));
    let ufid = agent.flows.iter().find(|flow| flow.born == Moment(0)).unwrap().ufid;
    let young = agent.flows.iter().find(|flow| flow.born == agent.now).unwrap().ufid;
    let mut judge = |kernel: u32, ufid| {
        let Agent { now, switch, flows, revalidator, decision, .. } = &mut agent;
        revalidator.begin(*now, flows, kernel);
        revalidator.check(*now, switch, flows, &ufid, Counters::default(), decision, &mut |_| {})
    };
    assert_eq!(judge(1_000, ufid), Verdict::Keep);
    assert_eq!(judge(1_001, ufid), Verdict::Delete(Why::Idle));
    assert_eq!(judge(2_000, young), Verdict::Keep);
    assert_eq!(judge(2_001, young), Verdict::Delete(Why::Crowded));
    assert_eq!(judge(0, ufid), Verdict::Stranger);
}

#[test]
fn the_flow_limit_follows_how_fast_dumps_are() {
    let mut revalidator = Revalidator::new(Policy::default());
    let mut table = FlowTable::new(Seed([0; 16]), 1);
    let mut end = |flows, ms| {
        revalidator.begin(Moment(0), &mut table, flows);
        revalidator.end(&mut table, flows, std::time::Duration::from_millis(ms));
        assert_eq!(table.limit(), revalidator.limit());
        revalidator.limit()
    };
    assert_eq!(end(5, 10), 10_000, "a few flows prove nothing");
    assert_eq!(end(9_000, 100), 11_000);
    assert_eq!(end(9_000, 1_100), 11_000);
    assert_eq!(end(9_000, 1_400), 8_250);
    assert_eq!(end(9_000, 4_000), 2_062);
    assert_eq!(end(9_000, 9_000), 1_000);
    for _ in 0..300 {
        end(200_000, 1);
    }
    assert_eq!(end(200_000, 1), 200_000);
}

#[test]
fn a_repeated_upcall_is_answered_once_and_a_full_table_installs_nothing() {
    let mut switch = switch(one_bridge(3));
    let mut flows = FlowTable::new(Seed([1; 16]), 1);
    let mut decision = Decision::new();
    let key = key_of(2, &plain(2, 1));
    switch.upcall(Moment(0), &key, &mut decision);
    let Insert::New(ufid) = flows.insert(Moment(0), &key, &decision, switch.generation()) else { panic!() };
    switch.upcall(Moment(0), &key, &mut decision);
    assert_eq!(flows.insert(Moment(0), &key, &decision, switch.generation()), Insert::Same(ufid));
    switch.upcall(Moment(0), &key_of(3, &plain(9, 2)), &mut decision);
    assert_eq!(flows.insert(Moment(0), &key_of(3, &plain(9, 2)), &decision, 1), Insert::NotInstalled);
    assert!(!decision.is_drop(), "but it is executed");
    // The flood to 2 is there; told of 2 in no other way, the same name now does something else.
    switch.upcall(Moment(0), &key, &mut decision);
    assert_eq!(outputs(&decision.actions), [3]);
    assert_eq!(flows.insert(Moment(0), &key, &decision, switch.generation()), Insert::Replaced(ufid));
    let stats = flows.stats();
    assert_eq!((stats.current, stats.installed, stats.repeated, stats.refused), (1, 1, 1, 1));
    let fields = |key: &[u8]| ovsdp_proto::key::L2::parse(key).unwrap();
    assert_eq!(fields(&flows.get(&ufid).unwrap().key), fields(&key));
}

#[test]
fn a_flow_the_kernel_lost_is_forgotten_after_two_dumps() {
    let mut agent = talking();
    let (ufid, _) = agent.kernel.pop_first().unwrap();
    let Agent { now, flows, revalidator, .. } = &mut agent;
    let mut pass = || {
        revalidator.begin(*now, flows, 1);
        let lost = revalidator.end(flows, 1, seconds(0)).lost;
        (lost, flows.get(&ufid).is_some())
    };
    assert_eq!(pass(), (0, true));
    assert_eq!(pass(), (2, false));
}

#[test]
fn memory_is_given_back_and_what_stays_still_works() {
    let mut agent = Agent::new(one_bridge(3));
    for number in 0..2_000 {
        agent.packet(2, &plain(1, 10 + number));
    }
    let keep: Vec<u32> = (0..20).collect();
    agent.now = agent.now + seconds(9);
    for number in &keep {
        agent.packet(2, &plain(1, 10 + number));
    }
    agent.now = agent.now + seconds(1);
    agent.revalidate();
    assert_eq!(agent.kernel.len(), 20);
    agent.strict = true;
    agent.packet(4, &plain(10, 1));
    assert!(agent.kernel.len() == 1, "every flood to 1 went when 1 spoke");
    for number in &keep {
        assert_eq!(agent.packet(2, &plain(1, 10 + number)), [4]);
    }
}

#[test]
fn a_drop_of_what_a_port_does_not_take_ends_at_once_when_the_port_is_no_bridges() {
    let rules = PortRules { vlans: Vlans::Trunk { carried: Some(VlanSet::none()) }, ..PortRules::default() };
    let mut agent = Agent::new(Topology { bridges: vec![Bridge::new(name("br0"), 1).port_with(name("p2"), 2, rules)] });
    agent.packet(2, &frame(mac(1), mac(2), &[], 0x0800, &[]));
    assert_eq!(agent.kernel.len(), 1);
    agent.now = agent.now + seconds(3);
    agent.switch.set_topology(agent.now, Topology { bridges: vec![Bridge::new(name("br0"), 1)] }).unwrap();
    // Both drop with the same mask; the one of a port that is no bridge's lives for two seconds, which are over.
    assert_eq!(agent.revalidate().deleted, 1);
}

/// Its flow stays when a station gives up its place in a full table; when a person makes room, the next packet is to come up again.
#[test]
fn who_gave_up_its_place_has_one_again_when_a_person_makes_room() {
    for by_hand in [false, true] {
        let mut agent = Agent::new(Topology { bridges: vec![Bridge::new(name("br0"), 1).port(name("p2"), 2).port(name("p3"), 3).table_size(10)] });
        (1..=11).for_each(|station| drop(agent.packet(2, &plain(99, station))));
        agent.revalidate();
        let has = |agent: &Agent, station| agent.switch.snapshot(agent.now).iter().any(|entry| entry.mac == mac(station));
        let (known, without): (Vec<u32>, Vec<u32>) = (1..=11).partition(|station| has(&agent, *station));
        assert_eq!((agent.kernel.len(), without.len()), (11, 1), "its flow is there");
        if by_hand {
            agent.switch.unlearn("br0", 0, mac(known[0])).unwrap();
        } else {
            agent.switch.flush(agent.now, "br0", None).unwrap();
        }
        agent.revalidate();
        let upcalls = agent.upcalls;
        agent.packet(2, &plain(99, without[0]));
        assert_eq!(agent.upcalls, upcalls + 1);
        assert!(has(&agent, without[0]));
    }
}
