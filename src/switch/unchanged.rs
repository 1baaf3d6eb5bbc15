//! What nearly every entry of a dump comes to: a flow that is decided as the switch would decide it now, whose sender, if it spoke, is where it
//! was. Its counters are taken down, its sender has been heard, and that is all. With a hundred thousand flows this is what a look takes its time
//! for, so it is one way through, without a decision and nearly without a search.
//!
//! It must come to the same as the long way ([`Revalidator::weigh`]), or say that it is not for it and have changed nothing.

use super::decision::Station;
use super::flows::FlowTable;
use super::revalidate::{Counters, Revalidator};
use super::state::{Seat, Switch};
use super::time::Moment;
use super::topology::PortId;

impl Revalidator {
    /// Takes note of what a dump shows of the flow at a place, if that is all there is to do; says whether it was.
    #[inline]
    pub(super) fn is_unchanged(&mut self, now: Moment, switch: &mut Switch, flows: &mut FlowTable, index: u32, counters: Counters) -> bool {
        if self.all || !flows.is_settled(switch) {
            return false;
        }
        let (max_idle, pass) = (flows.max_idle, flows.pass);
        let Some(flow) = flows.at(index) else { return false };
        let used = counters.used.map_or(flow.used, |used| flow.used.max(used));
        let over = used + max_idle;
        let is_ordinary = flow.generation == Some(switch.generation()) && !flow.brief;
        // Fewer packets than before: the kernel made the flow anew under the same name.
        if !is_ordinary || counters.packets < flow.packets || over <= now {
            return false;
        }
        if counters.packets > flow.packets
            && let Some(station) = flow.from()
        {
            let Some(port) = flow.port() else { return false };
            if !switch.refresh(now, self.begun, station, port, &mut flow.seat) {
                return false;
            }
            self.credited = true;
        }
        let is_loaded = !flow.loads.is_empty() && switch.account(now, &flow.loads, counters.bytes.saturating_sub(flow.bytes));
        (flow.packets, flow.bytes, flow.used) = (counters.packets, counters.bytes, used);
        let is_first = core::mem::replace(&mut flow.pass, pass) != pass;
        flows.note(is_first, over);
        if is_loaded {
            flows.doubt();
        }
        true
    }
}

impl Switch {
    /// Notes that a station still speaks behind a port, unless that was noted since `since`. Says whether it was known to be there; if not,
    /// or if that concerns other bridges too, nothing was noted. `seat` is where it was found the last time, and is brought up to date. The
    /// port is one that the state of this generation has.
    pub(super) fn refresh(&mut self, now: Moment, since: Moment, station: Station, port: PortId, seat: &mut Seat) -> bool {
        if self.bridges.get(seat.bridge as usize).is_none_or(|bridge| bridge.id != station.bridge) {
            let Some(place) = self.by_id.get(&port) else { return false };
            seat.bridge = u32::try_from(place.bridge).unwrap_or(u32::MAX);
        }
        let Some(bridge) = self.bridges.get_mut(seat.bridge as usize) else { return false };
        let address = (station.vlan, station.mac);
        bridge.group.is_none() && bridge.id == station.bridge && bridge.fdb.refresh(now, since, address, port, &mut seat.entry)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use ovsdp_proto::key::KeyBuf;
    use ovsdp_proto::{IfName, Mac};
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Bond, BondMode};
    use crate::switch::topology::Port;
    use crate::switch::{Bridge, Bundle, Bundled, Decision, Insert, Policy, Seed, Topology, Ufid, Verdict, Way};

    /// A bridge of three ports and a bond, a second one, and a MAC table that is soon full.
    fn topology(ports: u32) -> Topology {
        let name = |text: &str| IfName::new(text).unwrap();
        let member =
            |number: u32| Bundled { name: name(&format!("m{number}")), dp_port: number, mac: Mac([4; 6]), carrier: true, lacp: Default::default() };
        let bond = Some(Bond { mode: BondMode::BalanceSlb, ..Bond::default() });
        let bundle = Bundle { bond, lacp: None, members: vec![member(20), member(21)] };
        let bridge = (2..2 + ports).fold(Bridge::new(name("br0"), 1), |bridge, port| bridge.port(name(&format!("p{port}")), port));
        let bond = Port { name: name("bond0"), way: Way::Bundle(bundle), rules: Default::default() };
        Topology { bridges: vec![bridge.with(bond).table_size(10), Bridge::new(name("br1"), 10).port(name("q"), 11)] }
    }

    /// One of two that are told the same.
    struct Twin {
        switch: Switch,
        flows: FlowTable,
        revalidator: Revalidator,
        decision: Decision,
        /// What the kernel has, in its order.
        kernel: Vec<(Ufid, Counters)>,
        /// Whether it has the short way.
        short: bool,
        kept: u32,
    }

    impl Twin {
        fn new(short: bool) -> Self {
            let mut switch = Switch::new();
            switch.set_topology(Moment(0), topology(3)).unwrap();
            let (flows, revalidator) = (FlowTable::new(Seed([3; 16]), 1000), Revalidator::new(Policy::default()));
            Self { switch, flows, revalidator, decision: Decision::new(), kernel: Vec::new(), short, kept: 0 }
        }

        fn upcall(&mut self, now: Moment, port: u32, from: u8, to: u8) {
            let mut key = KeyBuf::new();
            key.recirc_id(0).in_port(port).ethernet(Mac([2, 0, 0, 0, 0, from]), Mac([2, 0, 0, 0, 0, to])).eth_type(0x0800);
            self.switch.upcall(now, key.as_bytes(), &mut self.decision);
            for learned in &self.decision.learned {
                self.flows.outdated(learned, &mut |gone| self.kernel.retain(|(ufid, _)| *ufid != gone));
            }
            if let Insert::New(ufid) = self.flows.insert(now, key.as_bytes(), &self.decision, self.switch.generation()) {
                self.kernel.push((ufid, Counters::default()));
            }
            self.flows.settle(&mut self.switch);
        }

        /// A look, and what came of it.
        fn look(&mut self, now: Moment) -> Vec<(Ufid, Verdict)> {
            let count = self.flows.len();
            self.revalidator.begin(now, &mut self.flows, count);
            let (mut verdicts, mut gone) = (Vec::new(), Vec::new());
            for (ufid, counters) in self.kernel.clone() {
                let Self { switch, flows, revalidator, decision, .. } = self;
                let also = &mut |other| gone.push(other);
                let verdict = match flows.next_position(&ufid) {
                    None => Verdict::Stranger,
                    Some(index) if self.short && revalidator.is_unchanged(now, switch, flows, index, counters) => {
                        self.kept += 1;
                        Verdict::Keep
                    }
                    Some(index) => revalidator.weigh(now, switch, flows, index, counters, decision, also),
                };
                if matches!(verdict, Verdict::Delete(_) | Verdict::Stranger) {
                    gone.push(ufid);
                }
                verdicts.push((ufid, verdict));
            }
            self.kernel.retain(|(ufid, _)| !gone.contains(ufid));
            self.revalidator.end(&mut self.flows, count, Duration::from_millis(1));
            verdicts
        }

        /// Everything a look may change.
        fn view(&self, now: Moment) -> impl PartialEq + core::fmt::Debug {
            let mut flows: Vec<String> = (self.flows.iter())
                .map(|flow| format!("{} {} {} {:?} {:?} {}", flow.ufid, flow.packets, flow.bytes, flow.used, flow.generation, flow.pass))
                .collect();
            flows.sort();
            let due = (self.revalidator.due(&self.flows, &self.switch), self.revalidator.expiry_due(&self.flows, &self.switch));
            let stations = format!("{:?}", self.switch.snapshot(now));
            (flows, due, stations, self.switch.generation(), self.switch.show_bonds(now, None))
        }
    }

    /// What happens to both.
    #[derive(Debug, Clone)]
    enum Event {
        /// A packet comes up.
        Upcall {
            port: u32,
            from: u8,
            to: u8,
        },
        /// Packets of some of the flows pass, all of them from the first of these on.
        Use {
            first: usize,
            packets: u64,
        },
        /// The kernel has a flow made anew by somebody.
        Anew(usize),
        /// Its order of flows changes.
        Reorder(usize),
        Pass(u64),
        Flush,
        Ports(u32),
    }

    fn event() -> impl Strategy<Value = Event> {
        let port = prop_oneof![2..5_u32, Just(11), Just(20), Just(21), Just(9)];
        prop_oneof![
            6 => (port, 0..14_u8, 0..14_u8).prop_map(|(port, from, to)| Event::Upcall { port, from, to }),
            4 => (0..20_usize, 0..3_u64).prop_map(|(first, packets)| Event::Use { first, packets }),
            1 => (0..20_usize).prop_map(Event::Anew),
            1 => (0..20_usize).prop_map(Event::Reorder),
            3 => (0..9_000_u64).prop_map(Event::Pass),
            1 => Just(Event::Flush),
            1 => (1..4_u32).prop_map(Event::Ports),
        ]
    }

    impl Twin {
        fn happens(&mut self, now: Moment, event: &Event) {
            match *event {
                Event::Upcall { port, from, to } => self.upcall(now, port, from, to),
                Event::Use { first, packets } => {
                    for (_, counters) in self.kernel.iter_mut().skip(first).filter(|_| packets > 0) {
                        *counters = Counters { packets: counters.packets + packets, bytes: counters.bytes + 5_000 * packets, used: Some(now) };
                    }
                }
                Event::Anew(at) => self.kernel.iter_mut().skip(at).take(1).for_each(|(_, counters)| *counters = Counters::default()),
                Event::Reorder(at) => {
                    let at = at % self.kernel.len().max(1);
                    self.kernel.rotate_left(at);
                }
                Event::Flush => drop(self.switch.flush(now, "br0", None)),
                Event::Ports(ports) => drop(self.switch.set_topology(now, topology(ports))),
                Event::Pass(_) => {}
            }
            self.flows.settle(&mut self.switch);
        }
    }

    proptest! {
        #[test]
        fn the_short_way_comes_to_the_same_as_the_long_one(events in proptest::collection::vec(event(), 1..80)) {
            let (mut short, mut long, mut now) = (Twin::new(true), Twin::new(false), Moment(1_000));
            for event in &events {
                if let Event::Pass(ms) = event {
                    now = now + Duration::from_millis(*ms);
                }
                short.happens(now, event);
                long.happens(now, event);
                prop_assert_eq!(short.look(now), long.look(now));
                prop_assert_eq!(short.view(now), long.view(now));
            }
        }
    }

    #[test]
    fn nearly_all_go_the_short_way() {
        let mut twin = Twin::new(true);
        for round in 0..3 {
            (1..4).for_each(|from| (1..4).for_each(|to| twin.upcall(Moment(round), 1 + u32::from(from), from, to)));
            (1..4).for_each(|to| twin.upcall(Moment(round), 20, 9, to));
        }
        twin.look(Moment(10));
        let all = twin.kernel.len();
        assert!(all >= 12, "{all} flows, some by a bond");
        for at in [2_000, 4_000] {
            twin.kept = 0;
            twin.happens(Moment(at), &Event::Use { first: 0, packets: 1 });
            assert!(twin.look(Moment(at)).iter().all(|(_, verdict)| *verdict == Verdict::Keep));
            assert_eq!(twin.kept as usize, all);
        }
    }
}
