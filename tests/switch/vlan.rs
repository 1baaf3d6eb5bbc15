//! The VLAN modes by example: what each takes, how it sends, and how little of a packet that reads.

use ovsdp::model::{BridgeRules, PortRules, PriorityTags, ServiceTag, Vid, VlanSet, Vlans};
use ovsdp::switch::{Bridge, Decision, Install, Moment, Reason, Switch, Topology};
use ovsdp_proto::Mac;
use ovsdp_proto::action::append_actions;
use ovsdp_proto::text::Style;

use super::datapath::{Fields, frame, kernel_mask, key_of};
use super::{mac, name, switch};

/// Parts of what [`kernel_mask`] makes of a mask.
const SRC: usize = 2;
const DST: usize = 3;
const TCI: usize = 6;
const INNER_TCI: usize = 8;

fn vid(number: u16) -> Vid {
    Vid::try_from(number).unwrap()
}

fn set(vids: &[u16]) -> VlanSet {
    vids.iter().map(|number| vid(*number)).collect()
}

fn in_mode(vlans: Vlans) -> PortRules {
    PortRules { vlans, ..PortRules::default() }
}

fn access(number: u16) -> PortRules {
    in_mode(Vlans::Access { vlan: vid(number) })
}

fn native(number: u16, tagged: bool) -> PortRules {
    in_mode(Vlans::Native { vlan: vid(number), tagged, carried: None })
}

fn tunnel(number: u16, customers: Option<VlanSet>) -> PortRules {
    in_mode(Vlans::Tunnel { vlan: vid(number), tag: ServiceTag::Ad, customers })
}

/// A bridge whose local port is an access port of a VLAN nobody uses, with these ports from 2.
fn bridge(ports: &[PortRules]) -> Bridge {
    let empty = Bridge::new(name("br0"), 1).rules(&BridgeRules::default(), &access(4000));
    (2..).zip(ports).fold(empty, |bridge, (number, rules)| bridge.port_with(name(&format!("p{number}")), number, rules.clone()))
}

fn with(ports: &[PortRules]) -> Switch {
    switch(Topology { bridges: vec![bridge(ports)] })
}

/// Decides about a packet from station 1 to `dst`; returns the decision, its actions as text, and what the kernel makes of the mask.
fn ask(switch: &mut Switch, port: u32, dst: Mac, tags: &[(u16, u16)]) -> (Decision, String, Fields) {
    let key = key_of(port, &frame(dst, mac(1), tags, 0x0800, &[]));
    let mut decision = Decision::new();
    switch.upcall(Moment(1000), &key, &mut decision);
    let mut text = Vec::new();
    append_actions(&mut text, &decision.actions, &Style { names: None, verbose: false });
    assert_eq!(decision.install, Install::Yes);
    let made = kernel_mask(&key, &decision.mask).unwrap();
    (decision, String::from_utf8(text).unwrap(), made)
}

/// The same, of a broadcast: only what is done with it.
fn sent(switch: &mut Switch, port: u32, tags: &[(u16, u16)]) -> String {
    ask(switch, port, Mac::BROADCAST, tags).1
}

#[test]
fn access_ports_have_no_tags_and_trunks_do() {
    let mut switch = with(&[access(10), access(10), PortRules::default(), access(20)]);
    assert_eq!(sent(&mut switch, 2, &[]), "3,push_vlan(vid=10,pcp=0),4");
    assert_eq!(sent(&mut switch, 4, &[(0x8100, 10)]), "pop_vlan,2,3");
    assert_eq!(sent(&mut switch, 5, &[]), "push_vlan(vid=20,pcp=0),4");
    // A priority goes with it, and is read only where it is written.
    assert_eq!(sent(&mut switch, 2, &[(0x8100, 0x6000)]), "pop_vlan,3,push_vlan(vid=10,pcp=3),4");
    let (decision, text, made) = ask(&mut switch, 2, Mac::BROADCAST, &[(0x8100, 10)]);
    assert_eq!((decision.reason, text.as_str(), decision.learned.len()), (Reason::NotAdmitted, "drop", 0));
    assert_eq!((made[SRC], made[DST], made[TCI]), (0, 0, 0x1fff), "one flow drops all of the VLAN");
    let two = [(0x8100, 10), (0x8100, 5)];
    assert_eq!(sent(&mut switch, 4, &two), "drop", "under the tag is another: no access port's packet");
    let hidden = [(0x8100, 0), (0x8100, 20)];
    assert_eq!(ask(&mut switch, 2, Mac::BROADCAST, &hidden).0.reason, Reason::NotAdmitted);
}

#[test]
fn a_trunk_takes_and_carries_what_is_listed() {
    let listed = in_mode(Vlans::Trunk { carried: Some(set(&[10, 20])) });
    let mut switch = with(&[listed.clone(), listed, PortRules::default()]);
    assert_eq!(sent(&mut switch, 2, &[(0x8100, 10)]), "3,4");
    assert_eq!(ask(&mut switch, 2, Mac::BROADCAST, &[(0x8100, 30)]).0.reason, Reason::NotAdmitted);
    assert_eq!(ask(&mut switch, 2, Mac::BROADCAST, &[]).0.reason, Reason::NotAdmitted);
    assert_eq!(sent(&mut switch, 4, &[(0x8100, 30)]), "drop");
    assert_eq!(ask(&mut switch, 4, Mac::BROADCAST, &[(0x8100, 0xe00a)]).2[TCI], 0x1fff, "the priority is nobody's concern");
}

#[test]
fn native_ports_put_packets_without_a_tag_into_their_vlan() {
    let mut switch = with(&[native(10, true), native(10, false), access(10), PortRules::default()]);
    assert_eq!(sent(&mut switch, 2, &[]), "3,4,push_vlan(vid=10,pcp=0),5");
    assert_eq!(sent(&mut switch, 3, &[]), "4,push_vlan(vid=10,pcp=0),2,5");
    assert_eq!(sent(&mut switch, 5, &[(0x8100, 10)]), "2,pop_vlan,3,4");
    assert_eq!(sent(&mut switch, 5, &[(0x8100, 11)]), "2,3");
    assert_eq!(sent(&mut switch, 5, &[]), "drop", "VLAN 0 is not theirs");
}

#[test]
fn a_tunnel_port_carries_its_customers_tags_under_a_tag_of_its_own() {
    let customers = tunnel(100, Some(set(&[5, 6])));
    let mut switch = with(&[tunnel(100, None), customers, PortRules::default(), access(100)]);
    let c5 = [(0x8100, 0x6005)];
    let (decision, text, made) = ask(&mut switch, 2, Mac::BROADCAST, &c5);
    assert_eq!((decision.from.unwrap().vlan, text.as_str()), (100, "3,push_vlan(tpid=0x88a8,vid=100,pcp=0),4"));
    assert_eq!(made[TCI], 0x1fff, "port 3 wants to know the customer's VLAN");
    assert_eq!(sent(&mut switch, 2, &[(0x8100, 7)]), "push_vlan(tpid=0x88a8,vid=100,pcp=0),4");
    assert_eq!(sent(&mut switch, 2, &[]), "5,push_vlan(tpid=0x88a8,vid=100,pcp=0),4");
    assert_eq!(ask(&mut switch, 3, Mac::BROADCAST, &[(0x8100, 7)]).0.reason, Reason::NotAdmitted);
    let (_, text, made) = ask(&mut switch, 4, Mac::BROADCAST, &[(0x88a8, 100), (0x8100, 5)]);
    assert_eq!((text.as_str(), made[INNER_TCI]), ("pop_vlan,2,3", 0x1fff));
    assert_eq!(sent(&mut switch, 4, &[(0x88a8, 100), (0x8100, 7)]), "pop_vlan,2");
    assert_eq!(sent(&mut switch, 4, &[(0x88a8, 100)]), "pop_vlan,2,5", "without a tag of the customer's it is in VLAN 0 of theirs");
    let mut alone = with(&[tunnel(100, None), PortRules::default()]);
    assert_eq!(ask(&mut alone, 2, Mac::BROADCAST, &c5).2[TCI], 0x1000, "whatever the customer's tag says");
}

#[test]
fn priority_tags_keep_a_priority_without_a_vlan() {
    let keep = |priority_tags| PortRules { priority_tags, ..access(10) };
    let mut switch = with(&[keep(PriorityTags::Never), keep(PriorityTags::IfNonzero), keep(PriorityTags::Always), PortRules::default()]);
    assert_eq!(sent(&mut switch, 5, &[(0x8100, 0x600a)]), "pop_vlan,2,push_vlan(vid=0,pcp=3),3,4");
    assert_eq!(sent(&mut switch, 5, &[(0x8100, 10)]), "pop_vlan,2,3,push_vlan(vid=0,pcp=0),4");
    assert_eq!(sent(&mut switch, 2, &[(0x8100, 0x6000)]), "3,4,pop_vlan,push_vlan(vid=10,pcp=3),5");
    assert_eq!(sent(&mut switch, 2, &[(0x8100, 0)]), "4,pop_vlan,3,push_vlan(vid=10,pcp=0),5");
    assert_eq!(sent(&mut switch, 2, &[]), "3,4,push_vlan(vid=10,pcp=0),5");
}

#[test]
fn a_priority_tag_alone_does_not_leave_a_trunk_and_over_another_tag_it_stays() {
    let mut switch = with(&[PortRules::default(), PortRules::default()]);
    assert_eq!(sent(&mut switch, 2, &[(0x8100, 0x6000)]), "pop_vlan,3");
    assert_eq!(sent(&mut switch, 2, &[(0x8100, 0x6000), (0x8100, 5)]), "3");
}

#[test]
fn protected_ports_do_not_talk_to_each_other() {
    let protected = PortRules { protected: true, ..PortRules::default() };
    let mut switch = with(&[protected.clone(), protected, PortRules::default()]);
    assert_eq!(sent(&mut switch, 2, &[]), "4");
    assert_eq!(sent(&mut switch, 4, &[]), "2,3");
    let mut teach = Decision::new();
    switch.upcall(Moment(1000), &key_of(3, &frame(mac(9), mac(2), &[], 0x0800, &[])), &mut teach);
    let (decision, text, _) = ask(&mut switch, 2, mac(2), &[]);
    assert_eq!((decision.reason, text.as_str()), (Reason::Protected, "drop"));
    assert_eq!(ask(&mut switch, 4, mac(2), &[]).1, "3");
}

#[test]
fn in_a_flood_vlan_nothing_is_learned_and_the_sender_not_even_read() {
    let rules = BridgeRules { flood_vlans: set(&[10]), ..BridgeRules::default() };
    let flooding = bridge(&[access(10), access(10), access(20)]).rules(&rules, &access(10));
    let mut switch = switch(Topology { bridges: vec![flooding] });
    let (decision, text, made) = ask(&mut switch, 2, mac(2), &[]);
    assert_eq!((decision.reason, text.as_str(), decision.learned.len(), made[SRC]), (Reason::FloodVlan, "1,3", 0, 0));
    switch.pin(Moment(0), "br0", "p3", (10, mac(2))).unwrap();
    assert_eq!(ask(&mut switch, 2, mac(2), &[]).1, "1,3", "a static address is not heeded either");
    assert_eq!(ask(&mut switch, 4, mac(2), &[]).0.learned[0].station.vlan, 20);
}

#[test]
fn reserved_groups_are_forwarded_where_that_is_asked_for() {
    let bpdu = Mac([1, 0x80, 0xc2, 0, 0, 0]);
    let rules = BridgeRules { forward_bpdu: true, ..BridgeRules::default() };
    let open = bridge(&[PortRules::default(), PortRules::default()]).rules(&rules, &PortRules::default());
    let (decision, text, _) = ask(&mut switch(Topology { bridges: vec![open] }), 2, bpdu, &[]);
    assert_eq!((decision.reason, text.as_str(), decision.learned.len()), (Reason::Group, "1,3", 1));
}

#[test]
fn a_known_station_is_not_sent_what_its_port_does_not_carry() {
    let mut switch = with(&[tunnel(100, Some(set(&[5]))), PortRules::default()]);
    switch.upcall(Moment(1000), &key_of(2, &frame(mac(9), mac(2), &[(0x8100, 5)], 0x0800, &[])), &mut Decision::new());
    assert_eq!(ask(&mut switch, 3, mac(2), &[(0x88a8, 100), (0x8100, 5)]).1, "pop_vlan,2");
    let (decision, text, _) = ask(&mut switch, 3, mac(2), &[(0x88a8, 100), (0x8100, 6)]);
    assert_eq!((decision.reason, text.as_str()), (Reason::NotCarried, "drop"));
}

#[test]
fn other_rules_in_place_forget_what_was_learned_there_and_decide_anew() {
    let mut switch = with(&[access(10), access(10)]);
    ask(&mut switch, 2, mac(9), &[]);
    switch.upcall(Moment(1000), &key_of(3, &frame(mac(1), mac(2), &[], 0x0800, &[])), &mut Decision::new());
    let generation = switch.generation();
    assert_eq!(switch.set_topology(Moment(1000), Topology { bridges: vec![bridge(&[access(20), access(10)])] }), Ok(true));
    assert!(switch.generation() > generation);
    let left: Vec<_> = switch.snapshot(Moment(1000)).into_iter().map(|entry| (entry.vlan, entry.mac)).collect();
    assert_eq!(left, [(10, mac(2))]);
    assert_eq!(ask(&mut switch, 2, mac(2), &[]).1, "drop", "nobody else is in its VLAN");
}
