//! The agent goes and another comes: MAC tables and flows are taken over.

use ovsdp::switch::{Counters, Decision, FLOW_LIMIT, FdbEntry, FlowTable, Found, Moment, Policy, Revalidator, Seed, Switch, Verdict, Why};
use ovsdp_proto::Mac;
use ovsdp_proto::key::KeyBuf;
use ovsdp_proto::nla::{self, Attrs};
use ovsdp_proto::uapi::key;

use super::datapath::{Agent, frame, key_of};
use super::{mac, one_bridge, seconds};

impl Agent {
    /// Another agent takes this one's place: what was written down of bonds and, unless that is lost, of the MAC tables, and the kernel's flows.
    pub(super) fn is_succeeded(&mut self, with_macs: bool) {
        let (bonds, macs, topology) = (self.switch.remember_bundles(), self.switch.snapshot(self.now), self.switch.topology().clone());
        self.switch = Switch::new();
        self.switch.restore_bundles(bonds);
        self.switch.set_topology(self.now, topology).unwrap();
        if with_macs {
            self.switch.restore(self.now, &macs);
        }
        self.flows = FlowTable::new(Seed([3; 16]), FLOW_LIMIT);
        self.revalidator = Revalidator::new(Policy::default());
        for (ufid, flow) in self.kernel.clone() {
            let mut key = Vec::new();
            put_masked(&flow.key, &flow.mask, NESTS, &mut key);
            let found = Found { ufid, key: &key, mask: &flow.mask, actions: &flow.actions, counters: flow.counters };
            let mut also = Vec::new();
            let Self { now, switch, flows, revalidator, decision, .. } = self;
            match revalidator.adopt(*now, switch, flows, &found, decision, &mut |other| also.push(other)) {
                Verdict::Keep => {}
                Verdict::Modify => self.kernel.get_mut(&ufid).unwrap().actions.clone_from(&self.decision.actions),
                Verdict::Delete(_) | Verdict::Stranger => drop(self.kernel.remove(&ufid)),
            }
            also.into_iter().for_each(|other| drop(self.kernel.remove(&other)));
            if let Some(flow) = self.kernel.get_mut(&ufid) {
                flow.key = key;
            }
        }
    }
}

/// The attributes that hold others: of a key, and of the outer header in one.
const NESTS: &[u16] = &[key::ENCAP, key::TUNNEL];

/// A key as the kernel gives it back: what is not under the mask is zero.
fn put_masked(whole: &[u8], mask: &[u8], nests: &[u16], out: &mut Vec<u8>) {
    for attr in Attrs::new(whole) {
        let (kind, bits) = (attr.kind(), Attrs::new(mask).find(attr.kind()).map(|attr| attr.payload()).unwrap_or_default());
        if nests.contains(&kind) {
            let below = if kind == key::ENCAP { nests } else { &[] };
            nla::put_nested::<nla::TooLong>(out, kind, |out| {
                put_masked(attr.payload(), bits, below, out);
                Ok(())
            })
            .unwrap();
        } else {
            let value: Vec<u8> = attr.payload().iter().zip(bits.iter().chain(std::iter::repeat(&0))).map(|(value, bits)| value & bits).collect();
            nla::put(out, kind, &value).unwrap();
        }
    }
}

fn plain(dst: u32, src: u32) -> Vec<u8> {
    frame(mac(dst), mac(src), &[(0x8100, 5)], 0x0800, &[0; 20])
}

/// An agent that has heard 1 at p2 and 2 at p3, at 100 s.
fn before() -> Agent {
    let mut agent = Agent::new(one_bridge(3));
    agent.now = Moment(100_000);
    agent.packet(2, &plain(2, 1));
    agent.packet(3, &plain(1, 2));
    agent.packet(2, &plain(2, 1));
    agent
}

#[test]
fn a_snapshot_survives_as_text_and_keeps_ages() {
    let agent = before();
    let text = serde_json::to_string(&agent.switch.snapshot(Moment(160_000))).unwrap();
    assert_eq!(
        text,
        r#"[{"bridge":"br0","vlan":5,"mac":"52:54:00:00:00:02","port":"p3","age_ms":60000},{"bridge":"br0","vlan":5,"mac":"52:54:00:00:00:01","port":"p2","age_ms":60000}]"#
    );
    let entries: Vec<FdbEntry> = serde_json::from_str(&text).unwrap();
    let mut after = Agent::new(one_bridge(3));
    assert_eq!(after.switch.restore(Moment(160_000), &entries), 2);
    assert_eq!(after.switch.snapshot(Moment(160_000)), entries);
    assert_eq!(after.switch.next_expiry(), Some(Moment(400_000)));
    let mut elsewhere = Agent::new(one_bridge(1));
    assert_eq!(elsewhere.switch.restore(Moment(160_000), &entries), 1, "p3 is no more");
}

fn adopt(agent: &mut Agent, found: &Found<'_>) -> Verdict {
    let Agent { now, switch, flows, revalidator, decision, .. } = agent;
    revalidator.adopt(*now, switch, flows, found, decision, &mut |_| {})
}

#[test]
fn flows_are_adopted_as_they_are() {
    let old = before();
    let mut new = Agent::new(one_bridge(3));
    new.now = Moment(101_000);
    new.switch.restore(new.now, &old.switch.snapshot(Moment(101_000)));
    let mut scratch = Decision::new();
    for (ufid, flow) in &old.kernel {
        let counters = Counters { packets: 7, bytes: 700, used: Some(Moment(100_500)) };
        let Agent { now, switch, flows, revalidator, .. } = &mut new;
        assert_eq!(revalidator.check(*now, switch, flows, ufid, counters, &mut scratch, &mut |_| {}), Verdict::Stranger);
        let found = Found { ufid: *ufid, key: &flow.key, mask: &flow.mask, actions: &flow.actions, counters };
        assert_eq!(adopt(&mut new, &found), Verdict::Keep);
        assert_eq!(new.flows.get(ufid).unwrap().packets, 7);
    }
    new.kernel = old.kernel;
    new.strict = true;
    assert_eq!(new.packet(2, &plain(2, 1)), [3]);
    assert_eq!(new.upcalls, 0);
    // 2 moves: the adopted flows to and from it go with its first packet.
    assert_eq!(new.packet(4, &plain(1, 2)), [2]);
    assert_eq!(new.packet(2, &plain(2, 1)), [4]);
    assert_eq!(new.revalidate().retranslated, 0);
}

#[test]
fn without_a_snapshot_flows_in_use_teach_where_their_senders_are() {
    let old = before();
    let mut new = Agent::new(one_bridge(3));
    new.now = Moment(101_000);
    let mut flows: Vec<_> = old.kernel.iter().collect();
    flows.sort_by_key(|(_, flow)| flow.key.clone());
    let found = |at: usize, packets| {
        let (ufid, flow) = flows[at];
        let counters = Counters { packets, bytes: 0, used: Some(Moment(100_000)) };
        Found { ufid: *ufid, key: &flow.key, mask: &flow.mask, actions: &flow.actions, counters }
    };
    assert_eq!(adopt(&mut new, &found(0, 3)), Verdict::Modify, "its destination is not known yet");
    assert_eq!(adopt(&mut new, &found(1, 0)), Verdict::Delete(Why::Unlearned), "it was never used: its sender must come up");
    assert_eq!(new.switch.fdb("br0").unwrap().len(), 1);
}

#[test]
fn what_the_kernel_gives_back_of_a_mask_is_recognised() {
    let mut agent = Agent::new(one_bridge(3));
    // As the kernel writes it: every attribute, a masked key, IPv4 wildcarded, in its own order.
    let untagged = frame(Mac::BROADCAST, mac(1), &[], 0x0800, &[]);
    let key = key_of(2, &untagged);
    let mut mask = KeyBuf::new();
    mask.recirc_id(u32::MAX).dp_hash(0).priority(0).in_port(u32::MAX).skb_mark(0);
    mask.ethernet(Mac::BROADCAST, Mac::BROADCAST).eth_type(0xffff);
    let mut mask = mask.as_bytes().to_vec();
    ovsdp_proto::nla::put_array(&mut mask, ovsdp_proto::uapi::key::IPV4, [0; 12]);
    let mut actions = Vec::new();
    for port in [1, 3, 4] {
        ovsdp_proto::action::output(&mut actions, port);
    }
    let counters = Counters { packets: 1, bytes: 60, used: Some(Moment(0)) };
    let found = Found { ufid: ovsdp::switch::Ufid([9; 16]), key: &key, mask: &mask, actions: &actions, counters };
    assert_eq!(adopt(&mut agent, &found), Verdict::Keep);
    assert!(agent.switch.snapshot(agent.now + seconds(1)).iter().any(|entry| entry.mac == mac(1)));
    // With IPv4 matched too it is narrower than ours: gone.
    let len = mask.len();
    let mut narrower = mask.clone();
    narrower[len - 12..].fill(0xff);
    assert_eq!(adopt(&mut agent, &Found { mask: &narrower, ufid: ovsdp::switch::Ufid([8; 16]), ..found }), Verdict::Delete(Why::Mask));
}

/// More than twice what the limit begins with: the next look must not take them for a crowd.
#[test]
fn many_flows_are_adopted_and_stay() {
    let mut agent = Agent::new(one_bridge(3));
    agent.now = Moment(100_000);
    for sender in 0..100 {
        agent.packet(2, &plain(1000, sender));
    }
    agent.flows = FlowTable::new(Seed([3; 16]), 200_000);
    let keys: Vec<Vec<u8>> = (0..21_000).map(|number| key_of(2, &plain(1000 + number / 100, number % 100))).collect();
    let mut names = Vec::new();
    for key in &keys {
        agent.switch.translate(agent.now, key, &mut agent.decision);
        let Decision { mask, actions, .. } = agent.decision.clone();
        let counters = Counters { packets: 1, bytes: 60, used: Some(agent.now) };
        let Agent { now, switch, flows, revalidator, decision, .. } = &mut agent;
        names.push(Seed([3; 16]).ufid(key, &mask));
        let found = Found { ufid: *names.last().unwrap(), key, mask: &mask, actions: &actions, counters };
        assert_eq!(revalidator.adopt(*now, switch, flows, &found, decision, &mut |_| {}), Verdict::Keep);
    }
    let Agent { now, switch, flows, revalidator, decision, .. } = &mut agent;
    revalidator.begin(*now, flows, 21_000);
    for ufid in &names {
        let counters = Counters { packets: 1, bytes: 60, used: Some(*now) };
        assert_eq!(revalidator.check(*now, switch, flows, ufid, counters, decision, &mut |_| {}), Verdict::Keep);
    }
    assert_eq!(flows.stats().current, 21_000);
}
