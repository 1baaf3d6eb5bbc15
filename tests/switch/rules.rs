//! Each rule of the pipeline by itself.

use ovsdp::switch::{Bridge, Decision, Install, Learned, Moment, Reason, Refused, Station, Switch, Topology};
use ovsdp_proto::Mac;
use ovsdp_proto::key::KeyBuf;
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::uapi::key;

use super::datapath::{frame, kernel_mask, key_of, outputs};
use super::{mac, name, one_bridge, switch};

fn ask(switch: &mut Switch, port: u32, frame: &[u8]) -> Decision {
    let mut decision = Decision::new();
    let key = key_of(port, frame);
    switch.upcall(Moment(1000), &key, &mut decision);
    if decision.install != Install::No {
        kernel_mask(&key, &decision.mask).unwrap();
    }
    decision
}

fn plain(dst: Mac, src: Mac) -> Vec<u8> {
    frame(dst, src, &[], 0x0800, &[1, 2, 3, 4, 5])
}

/// A mask's attributes that match something, ENCAP's among them, as "number:hex".
fn leaves(mask: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for attr in Attrs::new(mask) {
        if attr.kind() == key::ENCAP {
            all.extend(leaves(attr.payload()).into_iter().map(|leaf| format!("encap/{leaf}")));
        } else if attr.payload().iter().any(|byte| *byte != 0) {
            all.push(format!("{}:{}", attr.kind(), attr.payload().iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
        }
    }
    all
}

const PORT: &str = "3:ffffffff";
const RECIRC: &str = "20:ffffffff";
const BOTH: &str = "4:ffffffffffffffffffffffff";
const TYPE: &str = "6:ffff";

#[test]
fn an_unknown_port_is_dropped_by_a_flow_that_lives_briefly() {
    let mut switch = switch(one_bridge(3));
    let decision = ask(&mut switch, 99, &plain(mac(2), mac(1)));
    assert_eq!((decision.reason, decision.install, decision.is_drop()), (Reason::UnknownPort, Install::Briefly, true));
    assert_eq!((decision.bridge, decision.learned.len()), (None, 0));
    assert_eq!(leaves(&decision.mask), [RECIRC, PORT, TYPE], "one flow for all that comes in there");
}

#[test]
fn a_packet_without_port_ethernet_or_sense_is_dropped_and_not_installed() {
    let mut switch = switch(one_bridge(3));
    let mut decision = Decision::new();
    let mut no_port = KeyBuf::new();
    no_port.ethernet(mac(1), mac(2)).eth_type(0x0800);
    let mut no_ethernet = KeyBuf::new();
    no_ethernet.in_port(2).eth_type(0x0800);
    let cases: [(&[u8], Reason); 4] = [
        (no_port.as_bytes(), Reason::NoPort),
        (no_ethernet.as_bytes(), Reason::NoEthernet),
        (&[9, 0, 3, 0, 1], Reason::Malformed),
        (&[6, 0, 3, 0, 1, 0, 0, 0], Reason::Malformed),
    ];
    for (key, reason) in cases {
        switch.upcall(Moment(0), key, &mut decision);
        assert_eq!((decision.reason, decision.install), (reason, Install::No));
        assert!(decision.is_drop() && decision.mask.is_empty() && decision.learned.is_empty());
    }
    let mut recirculated = KeyBuf::new();
    recirculated.recirc_id(7).in_port(2).ethernet(mac(1), mac(2)).eth_type(0x0800);
    switch.upcall(Moment(0), recirculated.as_bytes(), &mut decision);
    assert_eq!((decision.reason, decision.install), (Reason::Recirculated, Install::Briefly));
}

#[test]
fn reserved_groups_are_dropped_and_teach_nothing() {
    let mut switch = switch(one_bridge(3));
    for reserved in ["01:80:c2:00:00:00", "01:80:c2:00:00:0e", "01:00:0c:cc:cc:cc", "00:e0:2b:00:00:04"] {
        let decision = ask(&mut switch, 2, &plain(reserved.parse().unwrap(), mac(1)));
        assert_eq!((decision.reason, decision.install), (Reason::Reserved, Install::Yes));
        assert!(decision.is_drop() && decision.learned.is_empty());
        assert_eq!(leaves(&decision.mask), [RECIRC, PORT, "4:000000000000ffffffffffff", TYPE], "whoever sends it");
    }
    assert!(switch.fdb("br0").unwrap().is_empty());
}

#[test]
fn a_flood_goes_to_every_other_port_and_the_local_one() {
    let mut switch = switch(one_bridge(3));
    let decision = ask(&mut switch, 3, &plain(Mac::BROADCAST, mac(1)));
    assert_eq!((decision.reason, outputs(&decision.actions)), (Reason::Group, vec![1, 2, 4]));
    let decision = ask(&mut switch, 1, &plain(mac(77), mac(2)));
    assert_eq!((decision.reason, outputs(&decision.actions)), (Reason::Unknown, vec![2, 3, 4]));
}

#[test]
fn what_is_learned_is_used() {
    let mut switch = switch(one_bridge(3));
    let bridge = switch.bridge_id("br0").unwrap();
    let first = ask(&mut switch, 2, &plain(mac(2), mac(1)));
    let [Learned { station, moved: false, port }] = first.learned[..] else { panic!("{first:?}") };
    assert_eq!(station, Station { bridge, vlan: 0, mac: mac(1) });
    assert_eq!(switch.port_name(port), Some(name("p2")));
    let answer = ask(&mut switch, 3, &plain(mac(1), mac(2)));
    assert_eq!((answer.reason, outputs(&answer.actions)), (Reason::Forwarded, vec![2]));
    let again = ask(&mut switch, 2, &plain(mac(2), mac(1)));
    assert_eq!((again.learned.len(), outputs(&again.actions)), (0, vec![3]));
    let moved = ask(&mut switch, 4, &plain(mac(2), mac(1)));
    assert!(moved.learned[0].moved);
    assert_eq!(outputs(&ask(&mut switch, 3, &plain(mac(1), mac(2))).actions), [4]);
}

#[test]
fn a_destination_behind_the_same_port_is_dropped() {
    let mut switch = switch(one_bridge(3));
    ask(&mut switch, 2, &plain(mac(9), mac(1)));
    let decision = ask(&mut switch, 2, &plain(mac(1), mac(2)));
    assert_eq!((decision.reason, decision.is_drop(), decision.install), (Reason::SamePort, true, Install::Yes));
}

#[test]
fn a_group_sender_is_forwarded_and_not_learned() {
    let mut switch = switch(one_bridge(3));
    let decision = ask(&mut switch, 2, &plain(mac(2), Mac([1, 0, 0, 0, 0, 1])));
    assert_eq!((decision.learned.len(), decision.from, decision.reason), (0, None, Reason::Unknown));
}

#[test]
fn vlans_are_separate_and_the_tag_is_left_alone() {
    let mut switch = switch(one_bridge(3));
    let tagged = |dst, src, tci| frame(dst, src, &[(0x8100, tci)], 0x0800, &[]);
    assert_eq!(ask(&mut switch, 2, &tagged(mac(2), mac(1), 10)).learned[0].station.vlan, 10);
    assert_eq!(outputs(&ask(&mut switch, 3, &tagged(mac(1), mac(2), 10)).actions), [2]);
    assert_eq!(ask(&mut switch, 3, &tagged(mac(1), mac(2), 11)).reason, Reason::Unknown);
    assert_eq!(ask(&mut switch, 3, &plain(mac(1), mac(2))).reason, Reason::Unknown);
    // A priority tag (VLAN 0) is as good as none.
    assert_eq!(ask(&mut switch, 4, &plain(mac(7), mac(8))).learned[0].station.vlan, 0);
    assert_eq!(outputs(&ask(&mut switch, 3, &tagged(mac(8), mac(2), 0xe000)).actions), [4]);
    let service = frame(mac(1), mac(2), &[(0x88a8, 10), (0x8100, 77)], 0x0800, &[]);
    assert_eq!(outputs(&ask(&mut switch, 3, &service).actions), [2], "the outer tag's VLAN counts");
}

#[test]
fn a_tag_cut_short_is_dropped_and_not_installed() {
    let mut switch = switch(one_bridge(3));
    let short = [&plain(mac(2), mac(1))[..12], &[0x81, 0, 0]].concat();
    let decision = ask(&mut switch, 2, &short);
    assert_eq!((decision.reason, decision.install, decision.learned.len()), (Reason::PartialTag, Install::No, 0));
    // Cut short behind a whole outer tag: forwarded by that, but no flow could match it.
    let inner = [&plain(mac(2), mac(1))[..12], &[0x81, 0, 0, 5, 0x81, 0, 0]].concat();
    let decision = ask(&mut switch, 2, &inner);
    assert_eq!((decision.reason, decision.install), (Reason::Unknown, Install::No));
}

#[test]
fn only_what_was_read_is_in_the_mask() {
    let mut switch = switch(one_bridge(3));
    for (eth_type, payload) in [(0x0800, [1u8; 8]), (0x0806, [2; 8]), (0x86dd, [3; 8]), (0x05dc, [4; 8])] {
        let decision = ask(&mut switch, 2, &frame(mac(2), mac(1), &[], eth_type, &payload));
        assert_eq!(leaves(&decision.mask), [RECIRC, PORT, BOTH, TYPE]);
    }
    let one = ask(&mut switch, 2, &frame(mac(2), mac(1), &[(0x8100, 0x6005)], 0x0800, &[]));
    assert_eq!(leaves(&one.mask), [RECIRC, PORT, BOTH, TYPE, "5:1fff", "encap/6:ffff"]);
    let two = ask(&mut switch, 2, &frame(mac(2), mac(1), &[(0x88a8, 5), (0x8100, 6)], 0x0800, &[]));
    assert_eq!(leaves(&two.mask), [RECIRC, PORT, BOTH, TYPE, "5:1fff", "encap/6:ffff", "encap/5:1000", "encap/encap/6:ffff"]);
    let three = ask(&mut switch, 2, &frame(mac(2), mac(1), &[(0x88a8, 5), (0x8100, 6), (0x8100, 7)], 0x0800, &[]));
    assert_eq!(leaves(&three.mask), leaves(&two.mask));
    let unknown = ask(&mut switch, 99, &frame(mac(2), mac(1), &[(0x8100, 5)], 0x0800, &[]));
    assert_eq!(leaves(&unknown.mask), [RECIRC, PORT, TYPE, "5:1000", "encap/6:ffff"]);
}

#[test]
fn bridges_do_not_hear_each_other() {
    let bridges =
        vec![Bridge::new(name("br0"), 1).port(name("a"), 2).port(name("b"), 3), Bridge::new(name("br1"), 4).port(name("a"), 5).port(name("b"), 6)];
    let mut switch = switch(Topology { bridges });
    assert_eq!(outputs(&ask(&mut switch, 2, &plain(mac(2), mac(1))).actions), [1, 3]);
    assert_eq!(outputs(&ask(&mut switch, 5, &plain(mac(1), mac(2))).actions), [4, 6], "known to br0 only");
    assert!(ask(&mut switch, 5, &plain(mac(9), mac(1))).learned.iter().any(|learned| !learned.moved));
}

#[test]
fn a_topology_keeps_what_stays_and_forgets_what_goes() {
    let mut switch = switch(one_bridge(3));
    ask(&mut switch, 2, &plain(mac(9), mac(1)));
    ask(&mut switch, 3, &plain(mac(9), mac(2)));
    let generation = switch.generation();
    assert_eq!(switch.set_topology(Moment(0), one_bridge(3)), Ok(false));
    assert_eq!(switch.generation(), generation);
    // p2 goes away, p3 has another number.
    let bridge = Bridge::new(name("br0"), 1).port(name("p3"), 7).port(name("p4"), 4);
    assert_eq!(switch.set_topology(Moment(0), Topology { bridges: vec![bridge] }), Ok(true));
    assert!(switch.generation() > generation);
    assert_eq!(outputs(&ask(&mut switch, 4, &plain(mac(2), mac(5))).actions), [7], "by its name, not its number");
    assert_eq!(ask(&mut switch, 4, &plain(mac(1), mac(5))).reason, Reason::Unknown);
    let twice = Topology { bridges: vec![Bridge::new(name("br0"), 1).port(name("x"), 1)] };
    assert!(switch.set_topology(Moment(0), twice).is_err());
    assert_eq!(outputs(&ask(&mut switch, 4, &plain(mac(2), mac(5))).actions), [7], "the one before stays");
}

#[test]
fn flushing_by_name() {
    let mut switch = switch(one_bridge(3));
    ask(&mut switch, 2, &plain(mac(9), mac(1)));
    ask(&mut switch, 3, &plain(mac(9), mac(2)));
    assert_eq!(switch.flush(Moment(0), "br1", None), Err(Refused::NoBridge));
    assert_eq!(switch.flush(Moment(0), "br0", Some("nope")), Err(Refused::NoPort));
    assert_eq!(switch.flush(Moment(0), "br0", Some("p2")), Ok(1));
    assert_eq!(switch.fdb_stats("br0").unwrap().current, 1);
    assert_eq!(switch.flush(Moment(0), "br0", None), Ok(1));
    assert_eq!(switch.fdb_stats("br0").unwrap().current, 0);
    assert_eq!(switch.forgotten().count(), 2);
}
