//! Floods to more ports than one flow or one execution can send to.

use ovsdp::model::Tunnel;
use ovsdp::switch::{Bridge, Decision, Install, Moment, Port, Reason, Topology, Way};
use ovsdp_proto::Mac;
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::uapi::action;

use super::datapath::{Done, deliver, frame, key_of};
use super::naive::{RULES, rules};
use super::{mac, name, one_bridge, switch};

/// The kernel's queue for devices without one of their own (`net.core.netdev_max_backlog`).
const COPIES: usize = 1000;
/// An attribute's longest payload.
const ATTRIBUTE: usize = 0xffff - 4;

fn broadcast(topology: Topology, tags: &[(u16, u16)]) -> (Vec<u8>, Decision) {
    let frame = frame(Mac::BROADCAST, mac(1), tags, 0x0800, &[1; 8]);
    let mut decision = Decision::new();
    switch(topology).upcall(Moment(0), &key_of(2, &frame), &mut decision);
    (frame, decision)
}

fn pieces(decision: &Decision) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    decision.pieces(&mut |piece| pieces.push(piece.to_vec()));
    pieces
}

/// Where each copy goes, as what, and in what tunnel header: the last one set before it.
fn wrapped(actions: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut header = Vec::new();
    let mut out = Vec::new();
    for attr in Attrs::new(actions) {
        match attr.kind() {
            action::SET => header = attr.payload().to_vec(),
            action::OUTPUT => out.push((attr.u32().unwrap(), header.clone())),
            kind => panic!("action {kind}"),
        }
    }
    out
}

#[test]
fn as_many_copies_as_a_flow_makes_are_installed_and_one_more_is_not() {
    let (_, decision) = broadcast(one_bridge(1000), &[]);
    assert_eq!((decision.copies, decision.install, decision.is_oversized()), (1000, Install::Yes, false));
    let (frame, decision) = broadcast(one_bridge(1001), &[]);
    assert_eq!((decision.copies, decision.install, decision.is_oversized()), (1001, Install::No, true));
    assert_eq!(decision.reason, Reason::Group);
    let pieces = pieces(&decision);
    assert_eq!(pieces.len(), 2);
    assert_eq!(pieces.iter().flat_map(|piece| deliver(piece, &frame)).collect::<Vec<_>>(), deliver(&decision.actions, &frame));
}

#[test]
fn each_piece_leaves_its_copies_as_the_whole_would() {
    let ports = |bridge: Bridge, first: u32| {
        (first..first + 1600).fold(bridge, |bridge, port| bridge.port_with(name(&format!("p{port}")), port, rules((port as usize + 11) % RULES)))
    };
    let patch = |bridge: Bridge, port: &str, peer: &str| bridge.with(Port::new(name(port), Way::Patch(name(peer))));
    let near = patch(patch(ports(Bridge::new(name("br0"), 1), 2), "a", "b"), "c", "d");
    let far = patch(ports(Bridge::new(name("br1"), 5001), 5002), "b", "a");
    let third = patch(ports(Bridge::new(name("br2"), 8001), 8002), "d", "c");
    let mut cut = 0;
    for tags in [&[][..], &[(0x8100, 5)], &[(0x8100, 6), (0x8100, 5)], &[(0x8100, 0x6000)]] {
        let (frame, decision) = broadcast(Topology { bridges: vec![near.clone(), far.clone(), third.clone()] }, tags);
        let whole = deliver(&decision.actions, &frame);
        assert_eq!(whole.len(), decision.copies as usize);
        let pieces = pieces(&decision);
        assert!(pieces.iter().all(|piece| (1..=COPIES).contains(&deliver(piece, &frame).len()) && piece.len() <= ATTRIBUTE));
        assert_eq!(pieces.iter().flat_map(|piece| deliver(piece, &frame)).collect::<Vec<(Done, Vec<u8>)>>(), whole);
        cut += usize::from(pieces.len() > 1);
    }
    assert!(cut > 1);
}

#[test]
fn many_tunnels_are_more_than_an_attribute_holds() {
    let tunnel = |number: u32| {
        let remote = format!("10.0.{}.{}", number / 256, number % 256);
        let tunnel = Tunnel::parse("vxlan", [("remote_ip", remote.as_str()), ("local_ip", "10.1.0.1"), ("key", "7"), ("tos", "4")]).unwrap();
        Port::new(name(&format!("v{number}")), Way::Tunnel(9, tunnel))
    };
    let bridge = (1..=990).fold(Bridge::new(name("br0"), 1).port(name("p2"), 2), |bridge, number| bridge.with(tunnel(number)));
    let (_, decision) = broadcast(Topology { bridges: vec![bridge] }, &[]);
    assert!(decision.copies as usize <= COPIES && decision.actions.len() > ATTRIBUTE, "{}", decision.actions.len());
    assert_eq!((decision.is_oversized(), decision.install), (true, Install::No));
    let pieces = pieces(&decision);
    assert!(pieces.iter().all(|piece| piece.len() <= ATTRIBUTE));
    assert_eq!(pieces.iter().flat_map(|piece| wrapped(piece)).collect::<Vec<_>>(), wrapped(&decision.actions));
    assert_eq!(pieces.iter().map(Vec::len).sum::<usize>() / 1024, decision.actions.len() / 1024, "what a tunnel set is not said again");
}
