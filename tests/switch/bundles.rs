//! Bonds in the pipeline, in virtual time: two switches joined by the members of a bond, with hosts at both, and what goes over
//! the cables as bytes.

use std::collections::BTreeSet;
use std::time::Duration;

use ovsdp::model::{self, BondMode};
use ovsdp::switch::bond::Refused;
use ovsdp::switch::{Bridge, Bundle, Bundled, Found, Moment, Reason, Topology, Verdict, Why, lacp};
use ovsdp_proto::Mac;

use super::datapath::{Agent, frame, key_of};
use super::{mac, name, seconds};

/// The members' ports on both sides, and the cables between them.
const MEMBERS: [u32; 2] = [11, 12];

fn bundled(number: u32, side: u8) -> Bundled {
    let mac = Mac([0x02, 0, 0, 0, side, number.to_be_bytes()[3]]);
    Bundled { name: name(&format!("m{number}")), dp_port: number, mac, carrier: true, lacp: model::LacpMember::default() }
}

fn speaks(side: u8) -> lacp::Settings {
    lacp::Settings { system: Mac([0x02, 0, 0, 0, 0, side]), system_priority: 65534, active: true, fast: true, fallback_ab: false }
}

fn bundle(side: u8, mode: BondMode, lacp: bool) -> Bundle {
    let bond = model::Bond { mode, ..model::Bond::default() };
    Bundle { bond: Some(bond), lacp: lacp.then(|| speaks(side)), members: MEMBERS.map(|number| bundled(number, side)).into() }
}

/// `br0` with its local port 1, hosts at `p2` to `p4`, and the bond.
fn topology(bundle: Bundle) -> Topology {
    let bridge = (2..5).fold(Bridge::new(name("br0"), 1), |bridge, port| bridge.port(name(&format!("p{port}")), port));
    Topology { bridges: vec![bridge.bundle(name("bond0"), bundle)] }
}

/// A frame, the port it came out by.
type Out = (u32, Vec<u8>);

/// Two switches joined by two cables, member to member.
struct Pair {
    agents: [Agent; 2],
    /// Which cables are plugged in.
    cables: BTreeSet<u32>,
}

impl Pair {
    fn new(mode: BondMode, lacp: bool) -> Self {
        let agents = [0, 1].map(|side| Agent::new(topology(bundle(side, mode, lacp))));
        let mut pair = Self { agents, cables: MEMBERS.into() };
        pair.run();
        pair
    }

    /// Runs what is due on both sides until all is quiet. Returns what each sent that was not LACP.
    fn run(&mut self) -> Vec<(usize, Out)> {
        let mut sent = Vec::new();
        for _ in 0..50 {
            let mut quiet = true;
            for at in 0..2 {
                let mut frames: Vec<Out> = Vec::new();
                let agent = &mut self.agents[at];
                agent.switch.run_bundles(agent.now, &mut |port, bytes| frames.push((port, bytes.to_vec())));
                for (port, bytes) in frames {
                    if bytes[12..14] != lacp::SLOW_PROTOCOLS.to_be_bytes() {
                        sent.push((at, (port, bytes)));
                        continue;
                    }
                    quiet = false;
                    if self.cables.contains(&port) {
                        let far = &mut self.agents[1 - at];
                        assert_eq!(far.packet(port, &bytes), [0; 0], "LACP goes no further");
                        assert_eq!(far.decision.reason, Reason::Lacp);
                    }
                }
            }
            if quiet {
                return sent;
            }
        }
        panic!("never quiet");
    }

    fn wait(&mut self, time: Duration) {
        let end = self.agents[0].now + time;
        while self.agents[0].now < end {
            let step = (self.agents[0].now + Duration::from_millis(100)).min(end);
            self.agents.iter_mut().for_each(|agent| agent.now = step);
            self.run();
        }
        for agent in &mut self.agents {
            agent.revalidate();
        }
    }

    /// Pulls a cable or plugs it in, seen at both ends. Returns the frames that announce stations.
    fn plug(&mut self, port: u32, up: bool) -> Vec<(usize, Out)> {
        if up {
            self.cables.insert(port)
        } else {
            self.cables.remove(&port)
        };
        for agent in &mut self.agents {
            assert!(agent.switch.set_carrier(agent.now, &format!("m{port}"), up));
        }
        let sent = self.run();
        for agent in &mut self.agents {
            agent.revalidate();
        }
        sent
    }

    /// A host at a port of a switch sends. Returns where it comes out, as (switch, port), and the member it went by.
    fn send(&mut self, (at, port): (usize, u32), bytes: &[u8]) -> (Vec<(usize, u32)>, Option<u32>) {
        let (mut heard, mut by) = (Vec::new(), None);
        for out in self.agents[at].packet(port, bytes) {
            if !MEMBERS.contains(&out) {
                heard.push((at, out));
                continue;
            }
            assert_eq!(by.replace(out), None, "by one member only");
            if self.cables.contains(&out) {
                let far = self.agents[1 - at].packet(out, bytes);
                assert!(!far.iter().any(|port| MEMBERS.contains(port)), "sent back where it came from");
                heard.extend(far.into_iter().map(|out| (1 - at, out)));
            }
        }
        heard.sort_unstable();
        (heard, by)
    }
}

fn ip(dst: Mac, src: Mac, flow: u8) -> Vec<u8> {
    frame(dst, src, &[], 0x0800, &[flow, flow, 0, flow, 1])
}

#[test]
fn an_active_backup_pair_talks_over_one_member_and_fails_over() {
    let mut net = Pair::new(BondMode::ActiveBackup, false);
    let (a, b) = ((0, 2), (1, 3));
    let everywhere = [(0, 1), (0, 3), (0, 4), (1, 1), (1, 2), (1, 3), (1, 4)];
    assert_eq!(net.send(a, &ip(Mac::BROADCAST, mac(1), 0)), (everywhere.into(), Some(11)));
    assert_eq!(net.send(b, &ip(mac(1), mac(2), 0)), (vec![a], Some(11)));
    assert_eq!(net.send(a, &ip(mac(2), mac(1), 0)), (vec![b], Some(11)));
    net.agents.iter_mut().for_each(|agent| agent.strict = true);
    let announced = net.plug(11, false);
    // Each side announces the hosts behind its own ports, by the member that took over.
    let who: Vec<(usize, u32, Mac)> = announced.iter().map(|(at, (port, bytes))| (*at, *port, Mac(bytes[6..12].try_into().unwrap()))).collect();
    assert_eq!(who, [(0, 12, mac(1)), (1, 12, mac(2))]);
    assert_eq!(net.send(a, &ip(mac(2), mac(1), 0)), (vec![b], Some(12)), "the flow follows");
    assert_eq!(net.send(b, &ip(mac(1), mac(2), 0)), (vec![a], Some(12)));
    assert_eq!(net.plug(11, true), []);
    assert_eq!(net.send(b, &ip(mac(1), mac(2), 0)), (vec![a], Some(12)), "and stays");
    net.plug(11, false);
    net.plug(12, false);
    assert_eq!(net.send(a, &ip(mac(2), mac(1), 0)), (vec![], None));
}

#[test]
fn a_backup_member_takes_nothing() {
    let mut net = Pair::new(BondMode::ActiveBackup, false);
    let agent = &mut net.agents[0];
    assert_eq!(agent.packet(12, &ip(Mac::BROADCAST, mac(9), 0)), [0; 0]);
    assert_eq!(agent.decision.reason, Reason::BondClosed);
    assert!(agent.switch.fdb("br0").unwrap().is_empty(), "nor learns from it");
    // The flow that drops does so for any sender, and ends when the member is the active one.
    assert_eq!(agent.packet(12, &ip(Mac::BROADCAST, mac(10), 0)), [0; 0]);
    assert_eq!(agent.upcalls, 1);
    assert_eq!(agent.switch.change_bond("bond0", |bond| bond.set_active("m12")), Ok(true));
    agent.switch.run_bundles(agent.now, &mut |_, _| {});
    agent.revalidate();
    assert_eq!(agent.packet(12, &ip(Mac::BROADCAST, mac(9), 0)), [1, 2, 3, 4]);
    assert_eq!(agent.packet(11, &ip(Mac::BROADCAST, mac(9), 0)), [0; 0]);
}

#[test]
fn slb_spreads_hosts_and_drops_what_the_network_sends_back() {
    let mut net = Pair::new(BondMode::BalanceSlb, false);
    net.agents.iter_mut().for_each(|agent| agent.strict = true);
    let mut members = BTreeSet::new();
    for host in 0..50 {
        let (_, by) = net.send((0, 2), &ip(mac(1000), mac(host), 0));
        members.insert(by);
        assert_eq!(net.send((0, 2), &ip(mac(1001), mac(host), 0)).1, by, "a host stays with its member");
    }
    assert_eq!(members, [Some(11), Some(12)].into());
    // The network floods a host's own packet back by a member: dropped, not learned, and the flow says so to the next.
    let agent = &mut net.agents[0];
    let back = ip(mac(3), mac(5), 0);
    let upcalls = agent.upcalls;
    for _ in 0..3 {
        assert_eq!(agent.packet(11, &back), [0; 0]);
    }
    assert_eq!((agent.decision.reason, agent.upcalls), (Reason::SentBack, upcalls + 1));
    agent.revalidate();
    let port = |agent: &Agent| {
        let found = agent.switch.fdb("br0").unwrap().find((0, mac(5)));
        found.and_then(|found| agent.switch.port_name(found.port)).map(|name| name.to_string())
    };
    assert_eq!(port(agent).as_deref(), Some("p2"));
    // To a group it comes by the active member only, and is dropped too; by the other one whoever sends it.
    assert_eq!(agent.packet(11, &ip(Mac::BROADCAST, mac(5), 0)), [0; 0]);
    assert_eq!(agent.decision.reason, Reason::SentBack);
    assert_eq!(agent.packet(12, &ip(Mac::BROADCAST, mac(77), 0)), [0; 0]);
    assert_eq!(agent.decision.reason, Reason::BondClosed);
    assert_eq!(agent.packet(11, &ip(Mac::BROADCAST, mac(77), 0)), [1, 2, 3, 4]);
    // Once forgotten here, the host may come from there.
    let mut agent = net.agents.into_iter().next().unwrap();
    agent.now = agent.now + seconds(301);
    agent.revalidate();
    assert_eq!(agent.packet(11, &ip(mac(3), mac(5), 0)), [1, 2, 3, 4]);
    assert_eq!(port(&agent).as_deref(), Some("bond0"));
}

/// The kernel's flows are in no order: that by which a host's packet came back from the network may be looked at before the host's own.
#[test]
fn what_the_network_sent_back_does_not_say_where_a_host_is() {
    let mut agent = Pair::new(BondMode::BalanceSlb, false).agents.into_iter().next().unwrap();
    let shout = ip(Mac::BROADCAST, mac(5), 0);
    let behind = |agent: &Agent| {
        let found = agent.switch.fdb("br0").unwrap().find((0, mac(5)));
        found.and_then(|found| agent.switch.port_name(found.port)).map(|name| name.to_string())
    };
    for _ in 0..3 {
        assert_eq!(agent.packet(2, &shout).len(), 4, "1, 3, 4 and a member");
        assert_eq!(agent.packet(11, &shout), [0; 0]);
    }
    assert_eq!((agent.kernel.len(), agent.upcalls), (2, 2));
    // Behind another agent, to which the host is new.
    for back_first in [true, false] {
        let mut next = Agent::new(topology(bundle(0, BondMode::BalanceSlb, false)));
        next.now = agent.now + seconds(1);
        let mut flows: Vec<_> = agent.kernel.iter().collect();
        flows.sort_by_key(|(_, flow)| flow.actions.is_empty() != back_first);
        for (ufid, flow) in flows {
            let found = Found { ufid: *ufid, key: &flow.key, mask: &flow.mask, actions: &flow.actions, counters: flow.counters };
            let Agent { now, switch, flows, revalidator, decision, .. } = &mut next;
            let verdict = revalidator.adopt(*now, switch, flows, &found, decision, &mut |_| {});
            let early = flow.actions.is_empty() && back_first;
            assert_eq!(verdict, if early { Verdict::Delete(Why::Unlearned) } else { Verdict::Keep });
        }
        assert_eq!(behind(&next).as_deref(), Some("p2"));
        next.switch.upcall(next.now, &key_of(11, &shout), &mut next.decision);
        assert_eq!(next.decision.reason, Reason::SentBack);
    }
    // After a flush, whichever comes first.
    agent.switch.flush(agent.now, "br0", None).unwrap();
    agent.packet(2, &shout);
    agent.packet(11, &shout);
    agent.now = agent.now + seconds(1);
    agent.revalidate();
    assert_eq!(behind(&agent).as_deref(), Some("p2"));
    assert_eq!(agent.packet(11, &shout), [0; 0]);
}

/// What was sent before a port got another VLAN, or the table was flushed, comes back afterwards: the host is known no more, and must not be
/// taken to be beyond the bond, nor be heard a second time.
#[test]
fn what_comes_back_of_a_host_that_was_just_forgotten_is_dropped() {
    let in_vlan = |vlan: u16| {
        let mut topology = topology(bundle(0, BondMode::BalanceSlb, false));
        topology.bridges[0].ports[0].rules.vlans = model::Vlans::Access { vlan: model::Vid::try_from(vlan).unwrap() };
        topology
    };
    let untagged = ip(Mac::BROADCAST, mac(5), 0);
    let tagged = frame(Mac::BROADCAST, mac(5), &[(0x8100, 6)], 0x0800, &[0; 5]);
    for flushed in [true, false] {
        let mut agent = Agent::new(in_vlan(6));
        agent.switch.run_bundles(agent.now, &mut |_, _| {});
        assert_eq!(agent.packet(2, &untagged).len(), 4, "1, 3, 4 and a member");
        assert_eq!(agent.packet(11, &tagged), [0; 0]);
        if flushed {
            assert_eq!(agent.switch.flush(agent.now, "br0", None), Ok(1));
        } else {
            assert_eq!(agent.switch.set_topology(agent.now, in_vlan(5)), Ok(true));
        }
        agent.revalidate();
        let flows = agent.kernel.len();
        agent.now = Moment(agent.now.0 + 4_999);
        assert_eq!(agent.packet(11, &tagged), [0; 0]);
        assert_eq!(agent.decision.reason, Reason::SentBack);
        assert!(agent.kernel.len() <= flows, "that is known for a moment, and nothing the kernel is told");
        assert!(agent.switch.fdb("br0").unwrap().is_empty());
        // Other hosts are taken as ever, and this one too when nothing of it can be on its way any more.
        assert_eq!(agent.packet(11, &frame(Mac::BROADCAST, mac(6), &[(0x8100, 6)], 0x0800, &[0; 5])).first(), Some(&1));
        agent.now = Moment(agent.now.0 + 1);
        assert_eq!(agent.packet(11, &tagged).first(), Some(&1));
        // Who was beyond the bond may still be there.
        assert_eq!(agent.switch.flush(agent.now, "br0", None), Ok(2));
        agent.revalidate();
        assert_eq!(agent.packet(11, &tagged).first(), Some(&1));
    }
}

/// A host's broadcast left by the member that was active, and comes back by the one that is now.
#[test]
fn what_left_by_the_active_member_before_is_dropped_where_it_comes_back() {
    let mut agent = Pair::new(BondMode::ActiveBackup, false).agents.into_iter().next().unwrap();
    let shout = ip(Mac::BROADCAST, mac(5), 0);
    let fail_over = |agent: &mut Agent, to: &str| {
        assert_eq!(agent.switch.change_bond("bond0", |bond| bond.set_active(to)), Ok(true));
        agent.switch.run_bundles(agent.now, &mut |_, _| {});
        agent.revalidate();
    };
    assert_eq!(agent.packet(2, &shout), [1, 3, 4, 11]);
    fail_over(&mut agent, "m12");
    let flows = agent.kernel.len();
    assert_eq!(agent.packet(12, &shout), [0; 0]);
    assert_eq!((agent.decision.reason, agent.kernel.len()), (Reason::SentBack, flows), "for a moment, so no flow says so");
    assert_eq!(agent.packet(12, &ip(Mac::BROADCAST, mac(6), 0)), [1, 2, 3, 4], "others are heard at once");
    // Later that is where the host is.
    agent.now = agent.now + seconds(5);
    assert_eq!(agent.packet(12, &shout), [1, 2, 3, 4]);
}

/// ARP to everyone as the test datapath reads it: its 24 bytes are all the payload's first byte, which makes sender and
/// target the same and the operation `op op`; so the key is made here.
fn arp_key(port: u32, src: Mac, sender: u8, target: u8, op: u8) -> Vec<u8> {
    use ovsdp_proto::{key::KeyBuf, nla, uapi::key};
    let mut buf = KeyBuf::new();
    buf.recirc_id(0).in_port(port).ethernet(src, Mac::BROADCAST).eth_type(0x0806);
    let mut arp = vec![10, 0, 0, sender, 10, 0, 0, target, 0, op];
    arp.resize(24, 0);
    let mut bytes = buf.as_bytes().to_vec();
    nla::put(&mut bytes, key::ARP, &arp).unwrap();
    bytes
}

#[test]
fn a_host_that_moved_beyond_an_slb_bond_says_so_by_gratuitous_arp() {
    use ovsdp::switch::{Decision, Install};
    let mut net = Pair::new(BondMode::BalanceSlb, false);
    let agent = &mut net.agents[0];
    let mut decision = Decision::new();
    let mut ask = |at: u64, port, sender, target, op| {
        agent.switch.upcall(Moment(at), &arp_key(port, mac(5), sender, target, op), &mut decision);
        assert_eq!(decision.install, Install::No, "each of them is looked at");
        (decision.reason, decision.learned.first().map(|learned| learned.moved))
    };
    assert_eq!(ask(1_000, 2, 5, 6, 1), (Reason::Group, Some(false)), "it asks for another");
    assert_eq!(ask(1_001, 11, 5, 6, 1), (Reason::SentBack, None), "and hears itself");
    assert_eq!(ask(1_002, 11, 5, 5, 1), (Reason::Group, Some(true)), "it says it is there");
    assert_eq!(ask(1_003, 2, 5, 5, 1), (Reason::Group, Some(true)), "and here again");
    assert_eq!(ask(1_004, 11, 5, 5, 1), (Reason::SentBack, None), "which the network sends back");
    assert_eq!(ask(6_002, 11, 5, 6, 2), (Reason::SentBack, None));
    assert_eq!(ask(6_003, 11, 5, 6, 2), (Reason::Group, Some(true)), "five seconds later it is believed");
}

#[test]
fn a_balanced_tcp_pair_agrees_by_lacp_and_spreads_connections() {
    let mut net = Pair::new(BondMode::BalanceTcp, true);
    net.wait(seconds(2));
    let (a, b) = ((0, 2), (1, 3));
    net.send(a, &ip(Mac::BROADCAST, mac(1), 0));
    net.send(b, &ip(mac(1), mac(2), 0));
    net.agents.iter_mut().for_each(|agent| agent.strict = true);
    let mut members = BTreeSet::new();
    for flow in 0..100 {
        let (heard, by) = net.send(a, &ip(mac(2), mac(1), flow));
        assert_eq!(heard, [b]);
        assert_eq!(net.send(a, &ip(mac(2), mac(1), flow)), (heard, by), "a connection stays with its member");
        members.insert(by);
    }
    assert_eq!(members, [Some(11), Some(12)].into());
    // A flood goes round too, and out by one member.
    let (heard, by) = net.send(a, &ip(Mac::BROADCAST, mac(1), 7));
    assert!(heard.len() == 7 && by.is_some());
    // All of it is in the kernel.
    let upcalls = net.agents[0].upcalls;
    for flow in 0..100 {
        net.send(a, &ip(mac(2), mac(1), flow));
    }
    assert_eq!(net.agents[0].upcalls, upcalls);
    let packets: u64 = net.agents[0].kernel.values().map(|flow| flow.counters.packets).sum();
    assert!(packets > 200);
    // A member fails.
    net.plug(11, false);
    for flow in 0..100 {
        assert_eq!(net.send(a, &ip(mac(2), mac(1), flow)), (vec![b], Some(12)));
    }
    net.plug(11, true);
    net.wait(seconds(2));
    assert!(net.agents.iter().all(|agent| {
        let text = agent.switch.show_lacp(Some("bond0"), false).unwrap();
        text.contains("member: m11: current attached") && text.contains("member: m12: current attached")
    }));
}

#[test]
fn without_a_partner_a_balanced_tcp_bond_is_shut() {
    let mut net = Pair::new(BondMode::BalanceTcp, true);
    net.cables.clear();
    net.wait(seconds(10));
    let agent = &mut net.agents[0];
    assert_eq!(agent.packet(2, &ip(Mac::BROADCAST, mac(1), 0)), [1, 3, 4]);
    assert_eq!(agent.packet(11, &ip(Mac::BROADCAST, mac(2), 0)), [0; 0]);
    assert_eq!(agent.decision.reason, Reason::BondClosed);
}

#[test]
fn bytes_of_flows_are_the_load_that_moves() {
    let mut net = Pair::new(BondMode::BalanceTcp, true);
    net.wait(seconds(2));
    let (a, b) = ((0, 2), (1, 3));
    net.send(a, &ip(Mac::BROADCAST, mac(1), 0));
    net.send(b, &ip(mac(1), mac(2), 0));
    // Connections that all go by one member.
    let by_11: Vec<u8> = (0..100).filter(|flow| net.send(a, &ip(mac(2), mac(1), *flow)).1 == Some(11)).take(8).collect();
    assert_eq!(by_11.len(), 8);
    let agent = &mut net.agents[0];
    agent.revalidate();
    let busy: BTreeSet<_> = by_11
        .iter()
        .map(|flow| {
            let before: Vec<_> = agent.kernel.iter().map(|(ufid, flow)| (*ufid, flow.counters.packets)).collect();
            agent.packet(2, &ip(mac(2), mac(1), *flow));
            let moved = before.iter().filter(|(ufid, packets)| agent.kernel[ufid].counters.packets > *packets).map(|(ufid, _)| *ufid);
            moved.max_by_key(|ufid| ovsdp_proto::key::L2::parse(&agent.kernel[ufid].key).unwrap().recirc_id).unwrap()
        })
        .collect();
    for ufid in &busy {
        agent.kernel.get_mut(ufid).unwrap().counters.bytes += 1_000_000;
    }
    agent.revalidate();
    let text = agent.switch.show_bonds(agent.now, Some("bond0")).unwrap();
    assert!(text.contains(" kB load"), "{text}");
    net.wait(seconds(11));
    let now: Vec<_> = by_11.iter().map(|flow| net.send(a, &ip(mac(2), mac(1), *flow)).1).collect();
    let left = now.iter().filter(|by| **by == Some(11)).count();
    assert!((2..=6).contains(&left), "{now:?}");
}

#[test]
fn a_port_with_one_device_may_speak_lacp() {
    let one = |side: u8| Bundle { bond: None, lacp: Some(speaks(side)), members: vec![bundled(11, side)] };
    let mut net = Pair { agents: [0, 1].map(|side| Agent::new(topology(one(side)))), cables: MEMBERS.into() };
    net.wait(seconds(2));
    assert!(net.agents[0].switch.show_lacp(None, false).unwrap().contains("status: active negotiated"));
    assert_eq!(net.agents[0].switch.list_bonds(), "bond\ttype\trecircID\tmembers\n");
    assert_eq!(net.send((0, 2), &ip(Mac::BROADCAST, mac(1), 0)).1, Some(11));
    // A port that does not speak it drops what it is sent, as any reserved group.
    let pdu = frame("01:80:c2:00:00:02".parse().unwrap(), mac(9), &[], lacp::SLOW_PROTOCOLS, &[1; 110]);
    assert_eq!(net.agents[0].packet(2, &pdu), [0; 0]);
    assert_eq!(net.agents[0].decision.reason, Reason::Reserved);
}

#[test]
fn a_bond_survives_another_topology_and_a_restart() {
    let mut net = Pair::new(BondMode::ActiveBackup, false);
    net.plug(11, false);
    net.plug(11, true);
    let agent = &mut net.agents[0];
    let active = |agent: &Agent| {
        agent.switch.show_bonds(Moment(0), None).unwrap().lines().find(|line| line.starts_with("active member mac")).unwrap().to_owned()
    };
    assert_eq!(active(agent), "active member mac: 02:00:00:00:00:0c(m12)");
    let same = topology(bundle(0, BondMode::ActiveBackup, false));
    assert_eq!(agent.switch.set_topology(agent.now, same.clone()), Ok(false), "carriers are where they were");
    let mut more = same.clone();
    more.bridges[0] = more.bridges[0].clone().port(name("p9"), 9);
    assert_eq!(agent.switch.set_topology(agent.now, more), Ok(true));
    agent.switch.run_bundles(agent.now, &mut |_, _| {});
    assert_eq!(active(agent), "active member mac: 02:00:00:00:00:0c(m12)");
    // The next agent begins with the same member.
    let mut next = ovsdp::switch::Switch::new();
    next.restore_bundles(agent.switch.remember_bundles());
    next.set_topology(Moment(0), same).unwrap();
    next.run_bundles(Moment(0), &mut |_, _| {});
    assert!(next.show_bonds(Moment(0), None).unwrap().contains("active member mac: 02:00:00:00:00:0c(m12)\n"));
    assert_eq!(next.show_bonds(Moment(0), Some("bond9")), Err(Refused::NoBond));
    assert_eq!(next.change_bond("bond9", |bond| bond.set_active("m11")), Err(Refused::NoBond));
}

#[test]
fn a_restart_does_not_shut_a_bond_that_speaks_lacp() {
    let mut net = Pair::new(BondMode::BalanceTcp, true);
    net.wait(seconds(2));
    let before = &net.agents[0];
    let (now, remembered) = (before.now, serde_json::to_string(&before.switch.remember_bundles()).unwrap());
    let mut next = Agent::new(super::one_bridge(0));
    next.now = now;
    next.switch.restore_bundles(serde_json::from_str(&remembered).unwrap());
    next.switch.set_topology(now, topology(bundle(0, BondMode::BalanceTcp, true))).unwrap();
    let outs: BTreeSet<u32> = (0..50).flat_map(|flow| next.packet(2, &ip(Mac::BROADCAST, mac(1), flow))).collect();
    assert_eq!(outs, [1, 3, 4, 11, 12].into());
    // And its flows are the ones of before: packets come round by the same number.
    let round = |agent: &Agent| agent.switch.list_bonds();
    assert_eq!(round(&next), round(&net.agents[0]));
    // The partner is not believed for ever.
    let later = now + seconds(4);
    next.now = later;
    next.switch.run_bundles(later, &mut |_, _| {});
    next.revalidate();
    assert_eq!(next.packet(2, &ip(Mac::BROADCAST, mac(1), 0)), [1, 3, 4]);
}

/// The flows of the agent before are right as they are, and each bucket's member is the one they have.
#[test]
fn a_restart_moves_no_connection() {
    for (mode, lacp) in [(BondMode::BalanceTcp, true), (BondMode::BalanceSlb, false)] {
        let mut net = Pair::new(mode, lacp);
        net.wait(seconds(2));
        net.send((1, 3), &ip(Mac::BROADCAST, mac(100), 0));
        for host in 0..30_u8 {
            net.send((0, 2), &ip(Mac::BROADCAST, mac(host.into()), 0));
            net.send((0, 2), &ip(mac(100), mac(host.into()), host));
        }
        let before = &mut net.agents[0];
        before.revalidate();
        let mut next = Agent::new(super::one_bridge(0));
        next.now = before.now;
        next.switch.restore_bundles(before.switch.remember_bundles());
        next.switch.set_topology(next.now, topology(bundle(0, mode, lacp))).unwrap();
        next.switch.restore(next.now, &before.switch.snapshot(next.now));
        // In the order of their names, which is none.
        for (ufid, flow) in &before.kernel {
            let found = Found { ufid: *ufid, key: &flow.key, mask: &flow.mask, actions: &flow.actions, counters: flow.counters };
            let Agent { now, switch, flows, revalidator, decision, .. } = &mut next;
            assert_eq!(revalidator.adopt(*now, switch, flows, &found, decision, &mut |_| {}), Verdict::Keep, "{mode:?}");
        }
        assert!(before.kernel.len() > 30);
    }
}

#[test]
fn a_trace_says_which_member_a_packet_goes_out_by() {
    let mut net = Pair::new(BondMode::BalanceSlb, false);
    let flow = |port: &str| format!("in_port({port}),eth(src=52:54:00:00:00:01,dst=52:54:00:00:00:02),eth_type(0x0800)");
    let agent = &mut net.agents[0];
    let told = agent.switch.explain(Moment(0), "br0", &flow("p2"), false).unwrap();
    let bond = told.steps.iter().find(|step| step.text.contains("bond0")).unwrap();
    assert!(bond.text.starts_with("to bond0, by m1") && bond.text.contains(", which has bucket "), "{}", bond.text);
    let told = agent.switch.explain(Moment(0), "br0", &flow("m12"), true).unwrap();
    assert!(told.flow.contains("in_port(m12)"), "{}", told.flow);
    assert_eq!(told.steps[0].text, "it comes in by bond0 of br0");
}

#[test]
fn a_bond_that_asks_goes_by_what_transceivers_answer() {
    let asking = |running: bool| {
        let bond = model::Bond { detect: model::Detect::Miimon { interval: 150 }, ..model::Bond::default() };
        let mut bundle = Bundle { bond: Some(bond), ..bundle(0, BondMode::ActiveBackup, false) };
        bundle.members.iter_mut().for_each(|member| member.carrier = running);
        topology(bundle)
    };
    let mut agent = Agent::new(asking(true));
    let asked: Vec<_> = agent.switch.asked().collect();
    assert_eq!(asked, MEMBERS.map(|number| (name(&format!("m{number}")), Duration::from_millis(150))));
    let enabled = |agent: &mut Agent| {
        agent.switch.run_bundles(agent.now, &mut |_, _| {});
        let text = agent.switch.show_bonds(agent.now, None).unwrap();
        MEMBERS.map(|number| text.contains(&format!("member m{number}: enabled")))
    };
    assert_eq!(enabled(&mut agent), [true, true], "the kernel's word, until there is an answer");
    assert!(!agent.switch.set_carrier(agent.now, "m11", false), "from then on it is not heard");
    assert_eq!(enabled(&mut agent), [true, true]);
    assert!(agent.switch.set_transceiver(agent.now, "m11", false) && !agent.switch.set_transceiver(agent.now, "m11", false));
    assert_eq!(enabled(&mut agent), [false, true]);
    // Another topology asks the kernel again, and changes nothing.
    agent.switch.set_topology(agent.now, asking(false)).unwrap();
    assert_eq!(enabled(&mut agent), [false, true]);
    agent.switch.set_topology(agent.now, topology(bundle(0, BondMode::ActiveBackup, false))).unwrap();
    assert_eq!((enabled(&mut agent), agent.switch.asked().count()), ([true, true], 0));
    assert!(!agent.switch.set_transceiver(agent.now, "m11", false) && agent.switch.set_carrier(agent.now, "m11", false));
}
