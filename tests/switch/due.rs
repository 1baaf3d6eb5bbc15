//! When the flows are looked at: seldom while nothing goes on, and yet nothing stays longer than it should.

use ovsdp::switch::{Decision, FlowTable, Insert, Moment, Policy, Revalidator, Seed, Topology};
use ovsdp_proto::Mac;

use super::datapath::{Agent, frame, key_of};
use super::{mac, one_bridge, seconds, switch};

fn plain(dst: u32, src: u32) -> Vec<u8> {
    frame(mac(dst), mac(src), &[], 0x0800, &[0; 20])
}

/// An agent whose revalidator wakes up by itself, as the one with threads does.
struct Clock {
    agent: Agent,
    /// When it looked at the flows.
    looks: Vec<Moment>,
    /// How often it woke up.
    wakes: usize,
}

impl Clock {
    fn new(topology: Topology) -> Self {
        Self { agent: Agent::new(topology), looks: Vec::new(), wakes: 0 }
    }

    fn due(&self) -> Option<Moment> {
        let Agent { switch, flows, revalidator, .. } = &self.agent;
        [revalidator.due(flows, switch), revalidator.expiry_due(flows, switch)].into_iter().flatten().min()
    }

    /// Lets time pass, with all that is due meanwhile.
    fn until(&mut self, then: Moment) {
        while let Some(due) = self.due().filter(|due| *due <= then) {
            self.agent.now = self.agent.now.max(due);
            self.wakes += 1;
            let Agent { now, switch, flows, revalidator, .. } = &mut self.agent;
            if revalidator.expiry_due(flows, switch).is_some_and(|due| due <= *now) {
                revalidator.sweep(*now, flows, switch);
            }
            if revalidator.due(flows, switch).is_some_and(|due| due <= *now) {
                self.looks.push(*now);
                self.agent.revalidate();
            }
            assert!(self.due().is_none_or(|due| due > self.agent.now), "it spins");
        }
        self.agent.now = then;
    }

    fn pass(&mut self, milliseconds: u64) {
        self.until(Moment(self.agent.now.0 + milliseconds));
    }
}

#[test]
fn idle_flows_are_looked_at_when_their_time_is_over_and_not_before() {
    let mut clock = Clock::new(one_bridge(3));
    clock.pass(100_000);
    assert_eq!((clock.due(), clock.wakes), (None, 0));
    for number in 0..500 {
        clock.pass(2);
        clock.agent.packet(2, &plain(1000 + number, 1));
    }
    // The flow of the first packet is the first whose time is over.
    clock.until(Moment(110_001));
    assert_eq!((clock.agent.kernel.len(), clock.wakes), (500, 0));
    clock.until(Moment(112_100));
    assert_eq!((clock.agent.kernel.len(), clock.looks.as_slice()), (0, &[Moment(110_002), Moment(111_003)][..]));
    clock.pass(1_000_000);
    assert_eq!(clock.wakes, 2, "nobody wakes up for addresses alone");
}

#[test]
fn whatever_is_used_when_a_flow_stays_no_longer_than_a_second_too_long() {
    let mut clock = Clock::new(one_bridge(3));
    let mut used = std::collections::BTreeMap::new();
    for step in 0..4_000_u32 {
        clock.pass(25);
        // Each flow in a rhythm of its own, some of them slower than flows live.
        for number in (0..60).filter(|number| step % (number * 8 + 1) == 0) {
            clock.agent.packet(2, &plain(5000, 100 + number));
            used.insert(mac(100 + number), clock.agent.now);
        }
        for flow in clock.agent.kernel.values() {
            let from = ovsdp_proto::key::L2::parse(&flow.key).unwrap().eth_src;
            let idle = clock.agent.now.since(used[&from]);
            assert!(idle <= seconds(11), "{from} idle for {idle:?}");
        }
    }
    assert!(clock.looks.is_sorted_by(|a, b| b.since(*a) >= seconds(1)), "{:?}", clock.looks);
}

#[test]
fn flows_in_use_are_looked_at_every_ten_seconds_and_their_senders_stay_known() {
    let mut clock = Clock::new(one_bridge(3));
    clock.agent.packet(2, &plain(2, 1));
    clock.agent.packet(3, &plain(1, 2));
    let learned = clock.agent.switch.fdb_stats("br0").unwrap().learned;
    for _ in 0..400 * 5 {
        clock.pass(200);
        clock.agent.packet(2, &plain(2, 1));
    }
    let Agent { switch, upcalls, .. } = &clock.agent;
    let stats = switch.fdb_stats("br0").unwrap();
    assert_eq!((stats.learned, stats.expired), (learned, 1), "1 speaks, 2 fell silent");
    assert!(*upcalls <= 4, "{upcalls}");
    assert!((38..50).contains(&clock.looks.len()), "{:?}", clock.looks);
    // It falls silent.
    clock.pass(330_000);
    assert!(clock.agent.kernel.is_empty());
    clock.agent.switch.expire(clock.agent.now);
    assert!(clock.agent.switch.fdb("br0").unwrap().is_empty());
}

#[test]
fn a_short_aging_time_is_kept_to_a_tenth() {
    let mut topology = one_bridge(3);
    topology.bridges = topology.bridges.into_iter().map(|bridge| bridge.aging(seconds(15))).collect();
    let mut clock = Clock::new(topology);
    clock.agent.packet(2, &plain(2, 1));
    for _ in 0..100 {
        clock.pass(300);
        clock.agent.packet(2, &plain(2, 1));
        assert!(!clock.agent.switch.fdb("br0").unwrap().is_empty());
    }
    let silent = clock.agent.now;
    clock.until(silent + seconds(14));
    clock.agent.switch.expire(clock.agent.now);
    assert!(!clock.agent.switch.fdb("br0").unwrap().is_empty());
    clock.until(silent + seconds(17));
    clock.agent.switch.expire(clock.agent.now);
    assert!(clock.agent.switch.fdb("br0").unwrap().is_empty());
}

#[test]
fn flows_to_a_station_that_fell_silent_flood_soon() {
    let mut clock = Clock::new(one_bridge(3));
    clock.agent.packet(3, &plain(1, 2));
    clock.agent.packet(2, &plain(2, 1));
    let mut flooded = None;
    for _ in 0..320 * 10 {
        clock.pass(100);
        if clock.agent.packet(2, &plain(2, 1)).len() == 3 {
            flooded.get_or_insert(clock.agent.now);
        }
    }
    let flooded = flooded.unwrap();
    assert!((Moment(300_000)..=Moment(301_600)).contains(&flooded), "{flooded:?}");
}

#[test]
fn what_was_forgotten_is_looked_at_soon() {
    let mut clock = Clock::new(one_bridge(3));
    clock.agent.packet(3, &plain(1, 2));
    clock.agent.packet(2, &plain(2, 1));
    clock.pass(1_000);
    assert!(clock.due() > Some(Moment(10_000 - 1)));
    clock.agent.switch.flush(clock.agent.now, "br0", None).unwrap();
    let Agent { switch, flows, .. } = &mut clock.agent;
    flows.settle(switch);
    assert!(clock.due() <= Some(clock.agent.now), "the last look is long ago");
    clock.pass(1);
    assert_eq!(clock.looks.len(), 1);
    // Twice in a row it is soon, not at once.
    clock.agent.packet(3, &plain(1, 2));
    clock.agent.switch.flush(clock.agent.now, "br0", None).unwrap();
    let Agent { switch, flows, .. } = &mut clock.agent;
    flows.settle(switch);
    let ended = clock.agent.now;
    assert!(clock.due().is_some_and(|due| due > ended && due <= ended + seconds(1) / 2), "{:?}", clock.due());
}

#[test]
fn a_brief_flow_ends_in_time() {
    let mut clock = Clock::new(one_bridge(3));
    clock.agent.packet(9, &plain(2, 1));
    clock.pass(1_900);
    assert_eq!((clock.agent.kernel.len(), clock.wakes), (1, 0));
    clock.pass(200);
    assert_eq!((clock.agent.kernel.len(), clock.wakes), (0, 1));
}

#[test]
fn an_upcall_of_a_flow_that_is_thought_to_be_there_is_cause_to_look() {
    let mut switch = switch(one_bridge(3));
    let mut flows = FlowTable::new(Seed([1; 16]), 100);
    let mut decision = Decision::new();
    let revalidator = Revalidator::new(Policy::default());
    let key = key_of(2, &plain(2, 1));
    let mut again = |now| {
        switch.upcall(now, &key, &mut decision);
        let insert = flows.insert(now, &key, &decision, switch.generation());
        (matches!(insert, Insert::Same(_)), revalidator.due(&flows, &switch).unwrap())
    };
    assert_eq!(again(Moment(10_000)), (false, Moment(20_000)));
    assert_eq!(again(Moment(10_900)), (true, Moment(20_000)), "packets of one burst");
    assert!(again(Moment(11_001)).1 < Moment(11_000));
}

#[test]
fn a_full_table_is_looked_at_soon_and_the_limit_grows_with_time() {
    let mut clock = Clock::new(one_bridge(3));
    clock.agent.revalidator = Revalidator::new(Policy { flow_limit: 4_000, ..Policy::default() });
    clock.agent.flows.set_limit(100);
    for number in 0..101 {
        clock.agent.packet(2, &plain(1, 10 + number));
    }
    assert_eq!(clock.agent.flows.stats().refused, 1);
    assert!(clock.due() <= Some(Moment(500)));
    // As much as it would have grown by with a look each half second; it is not proven for more.
    let mut table = FlowTable::new(Seed([0; 16]), 1);
    let mut revalidator = Revalidator::new(Policy::default());
    let mut end = |now, flows, ms| {
        revalidator.begin(now, &mut table, flows);
        revalidator.end(&mut table, flows, std::time::Duration::from_millis(ms));
        revalidator.limit()
    };
    assert_eq!(end(Moment(500), 1_000, 10), 11_000);
    assert_eq!(end(Moment(3_000), 1_000, 10), 16_000);
    assert_eq!(end(Moment(60_000), 1_000, 10), 100_000);
}

#[test]
fn what_a_look_has_proven_needs_no_other_look() {
    let mut switch = switch(one_bridge(3));
    let (mut flows, mut revalidator) = (FlowTable::new(Seed([0; 16]), 1), Revalidator::new(Policy { flow_limit: 11_600, ..Policy::default() }));
    revalidator.begin(Moment(500), &mut flows, 1_000);
    revalidator.end(&mut flows, 1_000, std::time::Duration::from_millis(10));
    assert_eq!(flows.limit(), 11_000);
    let mut decision = Decision::new();
    let mut fill = |now, flows: &mut FlowTable| {
        for number in 0..13_000 {
            let key = key_of(2, &plain(1, 10 + number));
            switch.translate(now, &key, &mut decision);
            flows.insert(now, &key, &decision, switch.generation());
        }
        let due = revalidator.due(flows, &switch).unwrap();
        (flows.len(), flows.limit(), due <= now + seconds(1))
    };
    assert_eq!(fill(Moment(900), &mut flows), (11_000, 11_000, false), "it is not time to grow");
    assert_eq!(fill(Moment(1_100), &mut flows), (11_600, 11_600, true), "no further without a look");
    revalidator.begin(Moment(2_100), &mut flows, 11_600);
    revalidator.end(&mut flows, 11_600, std::time::Duration::from_millis(10));
    assert_eq!(flows.limit(), 11_600);
}

#[test]
fn looks_that_take_long_are_a_tenth_of_the_time_unless_a_flow_is_over() {
    // Half a second is followed by nine halves; of a look of 2 s the flow has been idle for 10 s before.
    for (took, due) in [(seconds(1) / 2, 6_000), (seconds(2), 10_900)] {
        let mut clock = Clock::new(one_bridge(3));
        clock.agent.now = Moment(900);
        clock.agent.packet(2, &plain(2, 1));
        let Agent { switch, flows, revalidator, .. } = &mut clock.agent;
        revalidator.begin(Moment(1_000), flows, 1);
        revalidator.end(flows, 1, took);
        flows.doubt();
        assert_eq!(revalidator.due(flows, switch), Some(Moment(due)));
    }
}

#[test]
fn a_group_address_as_sender_or_none_at_all_makes_no_difference() {
    let mut clock = Clock::new(one_bridge(3));
    clock.agent.packet(2, &frame(Mac::BROADCAST, Mac::BROADCAST, &[], 0x0800, &[0; 20]));
    clock.pass(10_000);
    assert_eq!((clock.agent.kernel.len(), clock.wakes), (0, 1));
    clock.agent.flows.clear();
    assert_eq!(clock.due(), None);
}
