//! Deciding allocates nothing once the switch has seen its load.

use ovsdp::model::{Bond, BondMode};
use ovsdp::switch::{Bridge, Bundle, Bundled, Counters, Decision, FlowTable, Insert, Moment, Policy, Port, Revalidator, Seed, Topology, Way};
use ovsdp_proto::Mac;
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::uapi::action;

use super::datapath::{frame, key_of};
use super::naive::{RULES, rules};
use super::{mac, name, switch};

#[test]
fn a_decision_allocates_nothing() {
    let bridge = (2..34).fold(Bridge::new(name("br0"), 1), |bridge, port| bridge.port(name(&format!("p{port}")), port));
    let mut switch = switch(Topology { bridges: vec![bridge.table_size(1000)] });
    let mut decision = Decision::new();
    // Twice as many stations as fit, wandering about: learning, moving and evicting all the time.
    let key = |round: u32, number: u32| key_of(2 + (number + round) % 32, &frame(mac(number % 7), mac(number), &[(0x8100, 5)], 0x0800, &[1; 8]));
    let keys: Vec<Vec<u8>> = (0..4).flat_map(|round| (0..2000).map(move |number| key(round, number))).collect();
    let round = |switch: &mut ovsdp::switch::Switch, decision: &mut Decision| {
        for (at, key) in keys.iter().enumerate() {
            switch.upcall(Moment(at as u64), key, decision);
            switch.credit(Moment(at as u64), key, Moment(at as u64), decision);
            switch.translate(Moment(at as u64), key, decision);
            if at % 64 == 0 {
                switch.forgotten().for_each(drop);
            }
        }
    };
    round(&mut switch, &mut decision);
    let stats = switch.fdb_stats("br0").unwrap();
    let counted = allocation_counter::measure(|| round(&mut switch, &mut decision));
    let after = switch.fdb_stats("br0").unwrap();
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    assert!(after.learned > stats.learned + 1000 && after.evicted > stats.evicted + 1000 && after.current == 1000);
}

/// Two bridges joined by a patch, with ports of every kind of rules and a bond: what changes tags within other bridges' included.
#[test]
fn neither_do_tags_patches_and_bonds() {
    let port = |text: &str, way: Way, number: usize| Port { name: name(text), way, rules: rules(number) };
    let member =
        |number: u32| Bundled { name: name(&format!("m{number}")), dp_port: number, mac: mac(number), carrier: true, lacp: Default::default() };
    let bond = Some(Bond { mode: BondMode::BalanceSlb, ..Bond::default() });
    let bundle = Bundle { bond, lacp: None, members: vec![member(90), member(91)] };
    let with_ports = |bridge: Bridge, first: u32| {
        (0..RULES).zip(first..).fold(bridge, |bridge, (at, number)| bridge.port_with(name(&format!("p{number}")), number, rules(at)))
    };
    let near = with_ports(Bridge::new(name("br0"), 1), 10).with(port("a", Way::Patch(name("b")), 0)).with(port("bond0", Way::Bundle(bundle), 0));
    let far = with_ports(Bridge::new(name("br1"), 2), 50).with(port("b", Way::Patch(name("a")), 0));
    let mut switch = switch(Topology { bridges: vec![near, far] });
    let mut decision = Decision::new();
    let frames = |at: u32| {
        let tags: &[(u16, u16)] = [&[][..], &[(0x8100, 5)], &[(0x8100, 6), (0x8100, 5)], &[(0x8100, 0x6000)]][at as usize % 4];
        let dst = if at.is_multiple_of(3) { Mac::BROADCAST } else { mac(at * 5 % 200) };
        key_of([10, 50][at as usize % 2] + at % 15, &frame(dst, mac(at % 200), tags, 0x0800, &[1; 8]))
    };
    let keys: Vec<Vec<u8>> = (0..3000).map(frames).collect();
    let (mut clones, mut buckets) = (0, 0);
    let mut round = |switch: &mut ovsdp::switch::Switch| {
        for (at, key) in keys.iter().enumerate() {
            switch.upcall(Moment(at as u64), key, &mut decision);
            clones += u32::from(Attrs::new(&decision.actions).any(|action| action.kind() == action::CLONE));
            buckets += decision.loads.len();
            switch.translate(Moment(at as u64), key, &mut decision);
            switch.forgotten().for_each(drop);
        }
    };
    round(&mut switch);
    round(&mut switch);
    let counted = allocation_counter::measure(|| round(&mut switch));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    assert!(clones > 100 && buckets > 1000, "{clones} {buckets}");
}

#[test]
fn a_flow_allocates_its_key_and_nothing_else() {
    let mut switch = switch(super::one_bridge(8));
    let mut flows = FlowTable::new(Seed([1; 16]), 10_000);
    let mut decision = Decision::new();
    let keys: Vec<Vec<u8>> = (0..1000).map(|number| key_of(2, &frame(mac(number), mac(9_999), &[], 0x0800, &[]))).collect();
    let mut names = Vec::with_capacity(keys.len());
    let mut round = || {
        for key in &keys {
            switch.upcall(Moment(0), key, &mut decision);
            if let Insert::New(ufid) = flows.insert(Moment(0), key, &decision, switch.generation()) {
                names.push(ufid);
            }
        }
        assert_eq!(names.len(), keys.len());
        names.drain(..).for_each(|ufid| drop(flows.remove(&ufid)));
    };
    round();
    round();
    let counted = allocation_counter::measure(round);
    assert_eq!(counted.count_total, 1000);
    assert_eq!(counted.count_current, 0);
}

/// Addresses are learned before: their table keeps its memory.
#[test]
fn memory_of_many_flows_goes_with_them() {
    const STATIONS: u32 = 100;
    const LEFT: usize = 3;
    let bridge = (2..6).fold(Bridge::new(name("br0"), 1), |bridge, port| bridge.port(name(&format!("p{port}")), port));
    let mut switch = switch(Topology { bridges: vec![bridge] });
    let mut decision = Decision::new();
    let key = |to: u32, from: u32| key_of(2 + from % 4, &frame(mac(to), mac(from), &[], 0x0800, &[1; 8]));
    let keys: Vec<Vec<u8>> = (0..STATIONS).flat_map(|to| (0..STATIONS).map(move |from| key(to, from))).collect();
    keys.iter().for_each(|key| switch.upcall(Moment(0), key, &mut decision));
    let mut flows = FlowTable::new(Seed([7; 16]), 20_000);
    let full = allocation_counter::measure(|| {
        for key in &keys {
            switch.upcall(Moment(1), key, &mut decision);
            flows.insert(Moment(1), key, &decision, switch.generation());
        }
    });
    assert!(flows.len() > 9_000 && full.bytes_current > 2_000_000, "{} flows in {} bytes", flows.len(), full.bytes_current);
    let names: Vec<_> = flows.iter().map(|flow| flow.ufid).collect();
    let mut revalidator = Revalidator::new(Policy::default());
    let gone = allocation_counter::measure(|| {
        revalidator.begin(Moment(11_000), &mut flows, 0);
        for (at, ufid) in names.iter().enumerate() {
            let counters = Counters { packets: 1, bytes: 1, used: (at < LEFT).then_some(Moment(10_000)) };
            revalidator.check(Moment(11_000), &mut switch, &mut flows, ufid, counters, &mut decision, &mut |_| {});
        }
        assert!(revalidator.end(&mut flows, 0, std::time::Duration::from_millis(1)).shrunk);
    });
    let stays = full.bytes_current + gone.bytes_current;
    assert_eq!(flows.len() as usize, LEFT);
    assert!(stays < 16 * 1024, "{stays} bytes stay of {LEFT} flows");
}
