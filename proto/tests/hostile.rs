//! Bytes from anyone: nothing panics, what is read comes out again as it went in, what is built reads back.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail it")]

use ovsdp_proto::ack::{self, Ack, AttrPath};
use ovsdp_proto::action::{self, Action};
use ovsdp_proto::conntrack::{self, Connection};
use ovsdp_proto::ct_limit;
use ovsdp_proto::datapath::{self, Datapath};
use ovsdp_proto::flow::{self, Flow, Line, Ufid};
use ovsdp_proto::key::{self, Field, GeneveOpts, Key, KeyBuf, L2};
use ovsdp_proto::meter::{self, Meter};
use ovsdp_proto::nla::{self, Attrs, TooLong};
use ovsdp_proto::nlctrl::Family;
use ovsdp_proto::nlmsg::{Messages, kind};
use ovsdp_proto::packet::{self, Upcall};
use ovsdp_proto::text::Style;
use ovsdp_proto::vport::{self, Vport};
use ovsdp_proto::{IfName, Mac, Request, uapi};
use proptest::collection::vec;
use proptest::prelude::*;

/// Everything that reads, over the same bytes.
fn read_all(bytes: &[u8]) {
    let _ = L2::parse(bytes);
    let _ = Key::new(bytes).check();
    let _ = action::actions(bytes).check();
    key::tunnel_fields(bytes).for_each(drop);
    key::nsh_fields(bytes).for_each(drop);
    GeneveOpts(bytes).for_each(drop);
    if let Ok(family) = Family::parse(bytes) {
        family.groups().for_each(drop);
        family.ops().for_each(drop);
    }
    if let Ok(dp) = Datapath::parse(bytes) {
        dp.per_cpu_pids().for_each(drop);
    }
    if let Ok(vport) = Vport::parse(bytes) {
        vport.upcall_pids().for_each(drop);
        vport.tunnel();
    }
    let _ = Upcall::parse(bytes).map(|upcall| upcall.l2());
    if let Ok(limits) = ct_limit::parse(bytes) {
        limits.for_each(drop);
    }
    if let Ok(meter) = Meter::parse(bytes) {
        meter.bands().for_each(drop);
    }
    if let Ok(features) = meter::Features::parse(bytes) {
        features.band_types().for_each(drop);
    }
    // The address family decides how a tuple is read.
    for family in [2, 10] {
        let message = [&[family, 0, 0, 0], bytes].concat();
        if let Ok(connection) = Connection::parse(&message) {
            let mut out = Vec::new();
            conntrack::append_connection(&mut out, &connection, conntrack::Style { verbose: true, statistics: true });
            assert!(String::from_utf8(out).is_ok());
            let mut request = Vec::new();
            conntrack::delete(&mut request, &connection).unwrap();
            assert!(conntrack::Select::default().matches(&connection));
        }
    }
    for verbose in [false, true] {
        let style = Style { names: Some(&|port| (port == 1).then_some("br0")), verbose };
        let mut out = Vec::new();
        key::append_key(&mut out, bytes, None, &style);
        key::append_key(&mut out, bytes, Some(bytes), &style);
        key::append_key(&mut out, bytes, bytes.get(bytes.len() / 2..), &style);
        action::append_actions(&mut out, bytes, &style);
        assert!(String::from_utf8(out).is_ok());
        if let Ok(flow) = Flow::parse(bytes) {
            assert!(!Line { flow: &flow, now_ms: 5, style }.to_string().is_empty());
        }
    }
    for message in Messages::new(bytes).flatten() {
        if let Ok(ack) = Ack::parse(&message) {
            for family in [&ack::VPORT, &ack::FLOW, &ack::CTRL] {
                let _ = ack.ext.path(bytes, family).map(|path| path.to_string());
            }
        }
    }
    for offset in [0, 16, 24, 28, bytes.len()] {
        let _ = AttrPath::resolve(bytes, offset, &ack::FLOW).map(|path| path.to_string());
    }
}

/// A list of attributes with the numbers and lengths that are of interest, nested up to three deep.
fn attrs() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![Just(0usize), Just(1), Just(2), Just(4), Just(8), Just(12), Just(16), Just(24), Just(28), Just(40), 0..64usize];
    let leaf = length.prop_flat_map(|len| vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], len));
    let list = leaf.prop_recursive(3, 64, 8, |inner| {
        vec((prop_oneof![0u16..34, Just(99u16), Just(nla::NLA_F_NESTED | 1)], inner), 0..8).prop_map(|attrs| {
            let mut out = Vec::new();
            for (kind, payload) in attrs {
                nla::put(&mut out, kind, &payload).unwrap();
            }
            out
        })
    });
    list.boxed()
}

/// Where a structure of this attribute ends in padding, the padding is not carried.
fn padding(kind: u16) -> Option<usize> {
    match kind {
        uapi::key::ARP => Some(22),
        uapi::key::CT_ORIG_TUPLE_IPV4 => Some(13),
        uapi::key::CT_ORIG_TUPLE_IPV6 => Some(37),
        uapi::key::ND_EXTENSIONS => Some(5),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..256)) {
        read_all(&bytes);
    }

    #[test]
    fn attributes_and_their_beginnings_never_panic(list in attrs(), cut in any::<proptest::sample::Index>(), kind in 0u16..40, error in any::<i32>()) {
        read_all(&list);
        read_all(&list[..cut.index(list.len() + 1)]);
        let mut message = Vec::new();
        ovsdp_proto::nlmsg::put::<()>(&mut message, if kind % 2 == 0 { kind::ERROR } else { kind::DONE }, kind << 8, 1, |out| {
            out.extend_from_slice(&error.to_ne_bytes());
            out.extend_from_slice(&list);
            Ok(())
        }).unwrap();
        read_all(&message);
        read_all(&message[..cut.index(message.len() + 1)]);
    }

    #[test]
    fn a_field_comes_out_as_it_went_in(kind in 0u16..40, payload in vec(any::<u8>(), 0..64)) {
        let mut bytes = Vec::new();
        let mut payload = payload;
        if let Some(end) = padding(kind) && payload.len() > end {
            payload[end..].fill(0);
        }
        nla::put(&mut bytes, kind, &payload).unwrap();
        let attr = Attrs::new(&bytes).next().unwrap();
        let mut out = Vec::new();
        if let Ok(field) = Field::read(attr) {
            field.put(&mut out).unwrap();
            prop_assert_eq!(&out, &bytes);
        }
        if kind != uapi::action::PUSH_MPLS && let Ok(action) = Action::read(attr) {
            out.clear();
            action.put(&mut out).unwrap();
            prop_assert_eq!(&out, &bytes);
        }
        if let Ok(field) = key::TunnelField::read(attr) {
            out.clear();
            field.put(&mut out).unwrap();
            prop_assert_eq!(&out, &bytes);
        }
        if let Ok(field) = key::NshField::read(attr) {
            out.clear();
            field.put(&mut out).unwrap();
            prop_assert_eq!(&out, &bytes);
        }
    }

    #[test]
    fn every_length_of_every_field(kind in 0u16..34, flags in prop_oneof![Just(0u16), Just(nla::NLA_F_NESTED), Just(nla::NLA_F_NET_BYTEORDER)], len in 0usize..48) {
        let mut bytes = Vec::new();
        nla::put(&mut bytes, kind | flags, &vec![0; len]).unwrap();
        let attr = Attrs::new(&bytes).next().unwrap();
        let mut out = Vec::new();
        if let Ok(field) = Field::read(attr) {
            field.put(&mut out).unwrap();
            prop_assert_eq!(&out, &bytes);
        }
        out.clear();
        if let Ok(action) = Action::read(attr) {
            action.put(&mut out).unwrap();
            prop_assert_eq!(&out, &bytes);
        }
    }

    #[test]
    fn a_flow_reads_back(dp in any::<u32>(), ufid in any::<[u8; 16]>(), key in attrs(), mask in attrs(), actions in attrs(), seq in any::<u32>()) {
        let mut out = Vec::new();
        let put = flow::Put { dp_ifindex: dp, ufid: Some(Ufid(ufid)), key: Some(&key), mask: Some(&mask), actions: Some(&actions), ..flow::Put::default() };
        flow::new(&mut out, Request::new(29, seq, 0x400), &put).unwrap();
        let message = Messages::new(&out).next().unwrap().unwrap();
        prop_assert_eq!((message.kind, message.seq, message.flags, message.bytes.len()), (29, seq, 0x401, out.len()));
        let flow = Flow::parse(message.payload).unwrap();
        prop_assert_eq!((flow.dp_ifindex, flow.ufid), (dp, Some(Ufid(ufid))));
        prop_assert_eq!((flow.key, flow.mask, flow.actions), (Some(&key[..]), Some(&mask[..]), Some(&actions[..])));
    }

    #[test]
    fn a_packet_reads_back(frame in vec(any::<u8>(), 0..2000), key in attrs(), actions in attrs(), mru in any::<Option<u16>>(), hash in any::<Option<u64>>()) {
        let mut out = Vec::new();
        let execute = packet::Execute { dp_ifindex: 3, packet: &frame, key: &key, actions: &actions, mru, hash, probe: false };
        packet::execute(&mut out, Request::new(30, 1, 0), &execute).unwrap();
        let message = Messages::new(&out).next().unwrap().unwrap();
        let upcall = Upcall::parse(message.payload).unwrap();
        prop_assert_eq!((upcall.packet, upcall.key, upcall.actions), (&frame[..], &key[..], Some(&actions[..])));
        prop_assert_eq!((upcall.mru, upcall.hash), (mru, hash));
    }

    #[test]
    fn l2_reads_back(port in any::<u32>(), src in any::<[u8; 6]>(), dst in any::<[u8; 6]>(), tci in any::<u16>(), eth_type in any::<u16>()) {
        let mut key = KeyBuf::new();
        key.in_port(port).ethernet(Mac(src), Mac(dst)).eth_type(0x8100).vlan(tci | 0x1000).encap(|key| { key.eth_type(eth_type); }).unwrap();
        let l2 = L2::parse(key.as_bytes()).unwrap();
        prop_assert_eq!((l2.in_port, l2.eth_src, l2.eth_dst, l2.eth_type), (Some(port), Mac(src), Mac(dst), eth_type));
        prop_assert_eq!(l2.vlan.map(|vlan| (vlan.tpid, vlan.tci)), Some((0x8100, tci | 0x1000)));
    }
}

#[test]
fn ports_and_datapaths_read_back() {
    let name = IfName::new("ovs-system").unwrap();
    let mut out = Vec::new();
    let new = datapath::New { name: &name, upcall_pid: 0, user_features: 11, per_cpu_pids: &[5, 6, 7], ifindex: Some(9), masks_cache_size: None };
    datapath::new(&mut out, Request::new(31, 1, 0), &new).unwrap();
    let message = Messages::new(&out).next().unwrap().unwrap();
    let read = Datapath::parse(message.payload).unwrap();
    assert_eq!((read.name, read.user_features, read.dp_ifindex), (b"ovs-system".as_slice(), Some(11), 0));
    assert_eq!(read.per_cpu_pids().collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!(message.payload[1], 2, "below version 2 the kernel clears an existing datapath's features");
    assert!(read.attrs().find(uapi::dp::attr::UPCALL_PID).is_some());

    out.clear();
    let new = vport::New { dp_ifindex: 4, name: &name, kind: 2, upcall_pids: &[], port_no: Some(7), ifindex: None, tunnel: None };
    vport::new(&mut out, Request::new(31, 1, 0), &new).unwrap();
    let message = Messages::new(&out).next().unwrap().unwrap();
    let read = Vport::parse(message.payload).unwrap();
    assert_eq!((read.port_no, read.kind, read.name, read.upcall_pids().collect::<Vec<_>>()), (7, 2, b"ovs-system".as_slice(), vec![0]));
}

#[test]
fn a_request_that_does_not_fit_leaves_nothing_behind() {
    let mut out = vec![1, 2, 3, 4];
    let large = vec![0; nla::MAX_PAYLOAD + 1];
    let execute = packet::Execute { packet: &large, ..packet::Execute::default() };
    let failed: Result<(), TooLong> = packet::execute(&mut out, Request::new(30, 1, 0), &execute);
    assert_eq!(failed.unwrap_err().attr, uapi::packet::attr::PACKET);
    assert_eq!(out, [1, 2, 3, 4]);
}

#[test]
fn nests_without_end_are_printed_to_a_limit() {
    let mut bytes = Vec::new();
    action::output(&mut bytes, 1);
    let mut key = KeyBuf::new();
    key.eth_type(1);
    let mut key = key.as_bytes().to_vec();
    for _ in 0..1000 {
        let (inner, inner_key) = (std::mem::take(&mut bytes), std::mem::take(&mut key));
        action::clone(&mut bytes, &inner).unwrap();
        nla::put(&mut key, uapi::key::ENCAP, &inner_key).unwrap();
    }
    read_all(&bytes);
    read_all(&key);
}

#[test]
fn a_mask_in_another_order_is_read_once() {
    // Every kind there is: looking each one up from the start would be some hundred million steps.
    let list = |kinds: &mut dyn Iterator<Item = u16>| {
        let mut bytes = Vec::new();
        kinds.for_each(|kind| nla::put_u16(&mut bytes, kind, kind));
        bytes
    };
    let (key, mask) = (list(&mut (100..=nla::NLA_TYPE_MASK)), list(&mut (100..=nla::NLA_TYPE_MASK).rev()));
    let mut out = Vec::new();
    key::append_key(&mut out, &key, Some(&mask), &Style::default());
    let hex = |kind: u16| kind.to_ne_bytes().map(|byte| format!("{byte:02x}")).join(" ");
    let expected: Vec<_> = (100..=nla::NLA_TYPE_MASK).map(|kind| format!("key{kind}({0}/{0})", hex(kind))).collect();
    assert!(out == expected.join(",").into_bytes());
}

proptest! {
    #[test]
    fn what_is_asked_of_connections_is_read_or_refused(text in "[a-z_=,:. x0-9]{0,60}", reply in any::<bool>()) {
        let mut select = conntrack::Select::default();
        if select.read(&text, reply).is_ok() {
            let _ = select.exact();
            let _ = select.is_all();
        }
    }

    #[test]
    fn connections_are_found_by_their_own_tuple(src: u32, dst: u32, sport in 1u16.., dport in 1u16.., protocol in prop_oneof![Just(6u8), Just(17), Just(132)]) {
        let (src, dst) = (std::net::Ipv4Addr::from(src.max(1)), std::net::Ipv4Addr::from(dst.max(1)));
        let mut select = conntrack::Select::default();
        let text = format!("ct_nw_src={src},ct_nw_dst={dst},ct_nw_proto={protocol},ct_tp_src={sport},ct_tp_dst={dport}");
        select.read(&text, false).unwrap();
        let layer4 = conntrack::Layer4::Ports { src: sport, dst: dport };
        let tuple = conntrack::Tuple { src: src.into(), dst: dst.into(), protocol, layer4 };
        prop_assert_eq!(select.exact(), Some(tuple));
        let mut request = Vec::new();
        conntrack::delete_tuple(&mut request, 7, &tuple).unwrap();
        let (message, _) = ovsdp_proto::nlmsg::Message::parse(&request).unwrap();
        // As the kernel would show it: the tuple both ways, a status and a number.
        let orig = Attrs::new(&message.payload[4..]).find(uapi::conntrack::attr::TUPLE_ORIG).unwrap();
        let mut answer = message.payload.to_vec();
        nla::put(&mut answer, uapi::conntrack::attr::TUPLE_REPLY, orig.payload()).unwrap();
        nla::put_be32(&mut answer, uapi::conntrack::attr::STATUS, 0);
        nla::put_be32(&mut answer, uapi::conntrack::attr::ID, 1);
        let connection = Connection::parse(&answer).unwrap();
        prop_assert_eq!((connection.orig, connection.reply, connection.zone), (tuple, tuple, 7));
        prop_assert!(select.matches(&connection));
    }
}
