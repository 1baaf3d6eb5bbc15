//! Deciding allocates nothing once the switch has seen its load.

use ovsdp::switch::{Bridge, Decision, FlowTable, Insert, Moment, Seed, Topology};

use super::datapath::{frame, key_of};
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
