//! Tunnel ports: many on one port of the datapath.

use ovsdp::model::Tunnel;
use ovsdp::switch::{Bridge, Decision, Install, Moment, Port, Reason, Topology, Way};
use ovsdp_proto::Mac;
use ovsdp_proto::action::append_actions;
use ovsdp_proto::key::TunnelField;
use ovsdp_proto::nla;
use ovsdp_proto::text::Style;
use ovsdp_proto::uapi::key;

use super::datapath::{Agent, frame, key_of};
use super::{mac, name, switch};

/// The tunnel device's number in the datapath.
const VXLAN: u32 = 9;

fn with(bridge: Bridge, port: &str, options: &str) -> Bridge {
    let tunnel = Tunnel::parse("vxlan", options.split(' ').map(|word| word.split_once('=').unwrap())).unwrap();
    bridge.with(Port::new(name(port), Way::Tunnel(VXLAN, tunnel)))
}

/// `br0` with the port 2 and two tunnels, `br1` with the port 12 and one.
fn topology() -> Topology {
    let br0 = Bridge::new(name("br0"), 1).port(name("p2"), 2);
    let br0 = with(with(br0, "vx1", "remote_ip=10.0.0.2 key=1"), "vx2", "remote_ip=10.0.0.3 key=1 tos=inherit");
    let br1 = with(Bridge::new(name("br1"), 11).port(name("p12"), 12), "vx3", "remote_ip=10.0.0.2 key=2");
    Topology { bridges: vec![br0, br1] }
}

/// The key of a frame that came out of the tunnel device, from `src` to 10.0.0.1.
fn tunnelled(id: u64, src: u8, tos: u8, frame: &[u8]) -> Vec<u8> {
    let mut key = Vec::new();
    let fields = [
        TunnelField::Id(id),
        TunnelField::Ipv4Src([10, 0, 0, src].into()),
        TunnelField::Ipv4Dst([10, 0, 0, 1].into()),
        TunnelField::Tos(tos),
        TunnelField::Ttl(64),
        TunnelField::TpSrc(40000),
        TunnelField::TpDst(4789),
    ];
    nla::put_nested::<nla::TooLong>(&mut key, key::TUNNEL, |out| fields.iter().try_for_each(|field| field.put(out))).unwrap();
    key.extend(key_of(VXLAN, frame));
    key
}

fn text(actions: &[u8]) -> String {
    let mut out = Vec::new();
    append_actions(&mut out, actions, &Style { names: None, verbose: false });
    String::from_utf8(out).unwrap()
}

fn plain(dst: Mac, src: Mac) -> Vec<u8> {
    frame(dst, src, &[], 0x0806, &[])
}

const TO_2: &str = "set(tunnel(tun_id=0x1,dst=10.0.0.2,ttl=64,tp_dst=4789,flags(df|key))),9";
const TO_3: &str = "set(tunnel(tun_id=0x1,dst=10.0.0.3,ttl=64,tp_dst=4789,flags(df|key))),9";

#[test]
fn one_device_is_many_ports() {
    let mut agent = Agent::new(topology());
    agent.strict = true;
    let flood = plain(Mac::BROADCAST, mac(1));
    assert_eq!(text(&agent.keyed(&key_of(2, &flood), &flood)), format!("1,2,{TO_2},{TO_3}").replace(",2,", ","));
    // Out of one tunnel, into the other of the same bridge, and never into another bridge's.
    let from_2 = plain(Mac::BROADCAST, mac(2));
    assert_eq!(text(&agent.keyed(&tunnelled(1, 2, 0, &from_2), &from_2)), format!("1,2,{TO_3}"));
    assert_eq!(text(&agent.keyed(&tunnelled(2, 2, 0, &from_2), &from_2)), "11,12");
    // Stations are behind tunnels as they are behind ports.
    let reply = plain(mac(2), mac(1));
    assert_eq!(text(&agent.keyed(&key_of(2, &reply), &reply)), TO_2);
    let moved = plain(mac(1), mac(2));
    assert_eq!(text(&agent.keyed(&tunnelled(1, 3, 0, &moved), &moved)), "2");
    assert_eq!(text(&agent.keyed(&key_of(2, &reply), &reply)), TO_3);
    // A flow of one sender and key says nothing of others.
    let upcalls = agent.upcalls;
    agent.keyed(&tunnelled(1, 3, 0x40, &moved), &moved);
    assert_eq!(agent.upcalls, upcalls, "the type of service is not read");
    agent.keyed(&tunnelled(1, 2, 0, &moved), &moved);
    assert_eq!(agent.upcalls, upcalls + 1);
}

#[test]
fn what_is_no_ports_is_dropped_narrowly() {
    let mut agent = Agent::new(topology());
    agent.strict = true;
    let bytes = plain(Mac::BROADCAST, mac(5));
    for (id, src) in [(7, 2), (1, 9)] {
        assert!(agent.keyed(&tunnelled(id, src, 0, &bytes), &bytes).is_empty());
        assert_eq!((agent.decision.reason, agent.decision.install), (Reason::UnknownTunnel, Install::Briefly));
    }
    assert!(!agent.keyed(&tunnelled(1, 2, 0, &bytes), &bytes).is_empty(), "the drops do not cover it");
    // Without an outer header nothing can be installed: it would cover packets with one.
    let mut decision = Decision::new();
    agent.switch.upcall(Moment(0), &key_of(VXLAN, &bytes), &mut decision);
    assert_eq!((decision.reason, decision.install), (Reason::UnknownPort, Install::No));
}

#[test]
fn congestion_that_cannot_be_told_is_a_drop() {
    let mut agent = Agent::new(topology());
    agent.strict = true;
    let ip = |tos| frame(Mac::BROADCAST, mac(5), &[(0x8100, 7)], 0x0800, &[0, 0, tos]);
    for (outer, inner, dropped) in [(3, 0, true), (3, 1, false), (2, 0, false), (3, 2, false), (0xb8, 0, false), (3, 0xb8, true)] {
        let bytes = ip(inner);
        let actions = agent.keyed(&tunnelled(1, 2, outer, &bytes), &bytes);
        assert_eq!(actions.is_empty(), dropped, "outer {outer:#x}, inner {inner:#x}");
    }
    let arp = plain(Mac::BROADCAST, mac(5));
    assert!(!agent.keyed(&tunnelled(1, 2, 3, &arp), &arp).is_empty(), "what is not IP has nothing to tell");
}

#[test]
fn what_is_inherited_is_in_the_mask() {
    let mut agent = Agent::new(topology());
    agent.strict = true;
    let bytes = |tos| frame(mac(7), mac(1), &[], 0x0800, &[0, 0, tos]);
    let teach = plain(Mac::BROADCAST, mac(7));
    agent.keyed(&tunnelled(1, 3, 0, &teach), &teach);
    for (tos, set) in [(0x28, "tos=0x28,"), (0xb8, "tos=0xb8,"), (0xbb, "tos=0xb8,"), (0x01, "")] {
        let bytes = bytes(tos);
        let expected = format!("set(tunnel(tun_id=0x1,dst=10.0.0.3,{set}ttl=64,tp_dst=4789,flags(df|key))),9");
        assert_eq!(text(&agent.keyed(&key_of(2, &bytes), &bytes)), expected);
    }
    assert_eq!(agent.upcalls, 4, "one for each class of service, whatever its congestion");
}

#[test]
fn a_tunnel_that_says_nothing_of_its_end_only_receives() {
    let br0 = with(Bridge::new(name("br0"), 1).port(name("p2"), 2), "any", "remote_ip=flow key=flow");
    let mut switch = switch(Topology { bridges: vec![br0] });
    let mut decision = Decision::new();
    let bytes = plain(Mac::BROADCAST, mac(7));
    switch.upcall(Moment(0), &tunnelled(77, 8, 0, &bytes), &mut decision);
    assert_eq!(text(&decision.actions), "1,2");
    let bytes = plain(mac(7), mac(1));
    switch.upcall(Moment(0), &key_of(2, &bytes), &mut decision);
    assert_eq!((decision.reason, decision.is_drop(), decision.install), (Reason::Nowhere, true, Install::Yes));
}

#[test]
fn behind_a_patch_port_a_packet_has_no_key() {
    let patch = |bridge: Bridge, port: &str, peer: &str| bridge.with(Port::new(name(port), Way::Patch(name(peer))));
    let br0 = patch(with(Bridge::new(name("br0"), 1), "in", "remote_ip=10.0.0.2 in_key=flow"), "a", "b");
    let br1 = with(Bridge::new(name("br1"), 11), "out", "remote_ip=10.0.0.3 in_key=5 out_key=flow");
    let relay = with(br0.clone(), "out0", "remote_ip=10.0.0.4 in_key=6 out_key=flow");
    let mut switch = switch(Topology { bridges: vec![relay, patch(br1, "b", "a")] });
    let mut decision = Decision::new();
    let bytes = plain(Mac::BROADCAST, mac(7));
    switch.upcall(Moment(0), &tunnelled(8, 2, 0, &bytes), &mut decision);
    assert_eq!(
        text(&decision.actions),
        "1,set(tunnel(tun_id=0x8,dst=10.0.0.4,ttl=64,tp_dst=4789,flags(df|key))),9,\
         11,set(tunnel(tun_id=0x0,dst=10.0.0.3,ttl=64,tp_dst=4789,flags(df|key))),9"
    );
}

#[test]
fn a_mark_is_the_tunnel_s_alone() {
    let br0 = with(Bridge::new(name("br0"), 1).port(name("p2"), 2), "vx1", "remote_ip=10.0.0.2 key=1 egress_pkt_mark=5");
    let mut agent = Agent::new(Topology { bridges: vec![with(br0, "vx2", "remote_ip=10.0.0.3 key=1")] });
    agent.strict = true;
    let flood = plain(Mac::BROADCAST, mac(1));
    assert_eq!(text(&agent.keyed(&key_of(2, &flood), &flood)), format!("1,clone(set(skb_mark(0x5)),{TO_2}),{TO_3}"));
    let from_2 = plain(Mac::BROADCAST, mac(2));
    agent.keyed(&tunnelled(1, 2, 0, &from_2), &from_2);
    let reply = plain(mac(2), mac(1));
    assert_eq!(text(&agent.keyed(&key_of(2, &reply), &reply)), format!("clone(set(skb_mark(0x5)),{TO_2})"));
    // What mark a packet comes with is not read: it gets another, or keeps it.
    let mut marked = key_of(2, &reply);
    nla::put_u32(&mut marked, key::SKB_MARK, 7);
    let upcalls = agent.upcalls;
    agent.keyed(&marked, &reply);
    assert_eq!(agent.upcalls, upcalls);
}

#[test]
fn a_trace_says_what_of_the_outer_header_is_matched() {
    let mut switch = switch(topology());
    // In whatever order, and without what says nothing.
    let flow = "tunnel(dst=10.0.0.1,src=10.0.0.2,tun_id=0x1,flags(key)),in_port(9),eth(src=52:54:00:00:00:01,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806)";
    let told = switch.explain(Moment(0), "br0", flow, false).unwrap();
    let megaflow = told.megaflow.unwrap();
    assert!(megaflow.contains("tunnel(dst=10.0.0.1,src=10.0.0.2,tun_id=0x1"), "{megaflow}");
}
