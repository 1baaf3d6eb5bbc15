use ovsdp_proto::flow::{self, Flow, Put};
use ovsdp_proto::key::parse_key;
use ovsdp_proto::nlmsg::Message;
use ovsdp_proto::{Request, nla};
use proptest::prelude::*;

use super::*;

/// A flow as the kernel tells of it, handed to `look`.
fn told<T>(key: &[u8], mask: Option<&[u8]>, look: impl FnOnce(&Flow<'_>) -> T) -> T {
    let mut bytes = Vec::new();
    flow::new(&mut bytes, Request::new(30, 0, 0), &Put { key: Some(key), mask, ..Put::default() }).unwrap();
    look(&Flow::parse(Message::parse(&bytes).unwrap().0.payload).unwrap())
}

fn read(text: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut key, mut mask) = (Vec::new(), Vec::new());
    parse_key(text, None, &mut key, &mut mask).unwrap();
    (key, mask)
}

fn chooses(rule: Rule, filter: &str, flow: &str) -> bool {
    let (key, mask) = read(filter);
    let filter = Filter::new(rule).with_key(&key, &mask).unwrap();
    let (key, mask) = read(flow);
    told(&key, Some(&mask), |flow| filter.chooses(flow))
}

const WEB: &str = "in_port(1),eth(src=02:00:00:00:00:01),eth_type(0x0800),ipv4(src=10.1.0.0/16,proto=6,frag=no),tcp(dst=80)";
const TAGGED: &str = "in_port(1),eth(),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),ipv4(dst=10.0.0.1,frag=no))";
const TUNNELLED: &str = "tunnel(tun_id=0x7,src=10.1.1.2,dst=10.1.1.1,flags(-df+key)),in_port(3),eth(),eth_type(0x0800),ipv4(frag=no)";

#[test]
fn a_flow_must_match_what_is_named() {
    for (filter, flow, chosen) in [
        ("in_port(1)", WEB, true),
        ("in_port(2)", WEB, false),
        ("ipv4(src=10.0.0.0/8)", WEB, true),
        ("ipv4(src=10.1.0.0/16)", WEB, true),
        ("ipv4(src=10.1.2.0/24)", WEB, false),
        ("ipv4(dst=0.0.0.0/0)", WEB, true),
        ("ipv4(dst=10.0.0.0/8)", WEB, false),
        ("tcp()", WEB, true),
        ("tcp(src=1)", WEB, false),
        ("udp(dst=80)", WEB, false),
        ("skb_mark(0)", WEB, false),
        ("eth_type(0x0800)", TAGGED, false),
        ("encap(eth_type(0x0800),ipv4(dst=10.0.0.0/8))", TAGGED, true),
        ("encap(eth_type(0x0806))", TAGGED, false),
        ("vlan(vid=5)", TAGGED, true),
        ("vlan(vid=5)", WEB, false),
        ("tunnel(tun_id=7)", TUNNELLED, true),
        ("tunnel(tun_id=8)", TUNNELLED, false),
        ("tunnel(src=10.1.1.0/24)", TUNNELLED, true),
        ("tunnel(src=10.1.1.3)", TUNNELLED, false),
        ("tunnel(dst=10.1.1.3)", TUNNELLED, false),
        ("tunnel(flags(-df))", TUNNELLED, true),
        ("tunnel(flags(+df))", TUNNELLED, false),
        ("tunnel(flags(-csum))", TUNNELLED, false),
        ("tunnel(tun_id=7)", WEB, false),
    ] {
        assert_eq!(chooses(Rule::Covers, filter, flow), chosen, "{filter} of {flow}");
    }
}

#[test]
fn or_must_not_contradict_it() {
    for (filter, flow, chosen) in [
        ("ipv4(src=10.1.2.0/24)", WEB, true),
        ("ipv4(src=10.2.0.0/24)", WEB, false),
        ("ipv4(dst=10.0.0.0/8)", WEB, true),
        ("vlan(vid=5)", WEB, false),
        ("vlan(tci=0/0x1000)", WEB, true),
        ("vlan(vid=5)", "in_port(1),eth()", true),
        ("vlan(vid=6)", TAGGED, false),
        ("tunnel(tun_id=8)", TUNNELLED, false),
        ("tunnel(flags(+csum))", TUNNELLED, true),
        ("tunnel(flags(+df))", TUNNELLED, false),
    ] {
        assert_eq!(chooses(Rule::Agrees, filter, flow), chosen, "{filter} of {flow}");
    }
}

#[test]
fn what_is_behind_tags_is_found_in_any_depth() {
    let tcp = |value: u16| Filter::new(Rule::Covers).with_innermost(key::TCP, 2, &value.to_be_bytes(), &[0xff; 2]);
    let tagged = |inner: &str| format!("eth_type(0x88a8),vlan(vid=1),encap(eth_type(0x8100),vlan(vid=2),encap({inner}))");
    for flow in ["eth_type(0x0800),tcp(dst=80)".to_owned(), tagged("eth_type(0x0800),tcp(dst=80)")] {
        let (key, mask) = read(&flow);
        assert!(told(&key, Some(&mask), |flow| tcp(80).chooses(flow) && !tcp(81).chooses(flow)), "{flow}");
    }
}

#[test]
fn a_flow_without_a_mask_matches_whole_and_one_without_a_key_nothing() {
    let (key, mask) = read("in_port(1)");
    let filter = Filter::new(Rule::Covers).with_key(&key, &mask).unwrap();
    assert!(told(&key, None, |flow| filter.chooses(flow)));
    let mut bytes = Vec::new();
    flow::new(&mut bytes, Request::new(30, 0, 0), &Put::default()).unwrap();
    let flow = Flow::parse(Message::parse(&bytes).unwrap().0.payload).unwrap();
    assert!(!filter.chooses(&flow) && Filter::new(Rule::Covers).chooses(&flow));
}

#[test]
fn options_of_tunnels_are_refused() {
    let (key, mask) = read("tunnel(geneve({class=0x1,type=0x2,len=4,0x11223344}))");
    assert_eq!(Filter::new(Rule::Covers).with_key(&key, &mask), Err(Unfit("Geneve options")));
}

proptest! {
    /// Of one attribute, bit by bit: the definition itself.
    #[test]
    fn every_bit_counts(value: [u8; 4], wanted: [u8; 4], has: [u8; 4], matched: [u8; 4], same: bool) {
        let number = u32::from_ne_bytes;
        let has = if same { number(value) } else { number(has) };
        let (value, wanted, matched) = (number(value), number(wanted), number(matched));
        let attr = |number: u32| { let mut out = Vec::new(); nla::put_u32(&mut out, key::SKB_MARK, number); out };
        let bits = || (0..32).filter(|bit| wanted >> bit & 1 != 0).map(|bit| (matched >> bit & 1 != 0, has >> bit & 1 == value >> bit & 1));
        for (rule, chosen) in [(Rule::Covers, bits().all(|(matched, equal)| matched && equal)), (Rule::Agrees, bits().all(|(matched, equal)| !matched || equal))] {
            let filter = Filter::new(rule).with_key(&attr(value), &attr(wanted)).unwrap();
            prop_assert_eq!(told(&attr(has), Some(&attr(matched)), |flow| filter.chooses(flow)), chosen);
        }
    }

    #[test]
    fn no_bytes_are_too_wild(key in proptest::collection::vec(any::<u8>(), 0..80), mask in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(filter) = Filter::new(Rule::Covers).with_key(&key, &mask) {
            told(&mask, Some(&key), |flow| filter.chooses(flow));
        }
    }
}
