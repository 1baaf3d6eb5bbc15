use ovsdp_proto::flow::{self, Put, Ufid};
use ovsdp_proto::nlmsg::Message;
use ovsdp_proto::{IfName, Request, nla, uapi};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn ports() -> Ports {
    Ports::from_iter([(1, IfName::new("eth0").unwrap()), (2, IfName::new("a\"b\\").unwrap())])
}

/// A flow of these parts as a line of JSON.
fn json_of(key: &str, actions: &str, ufid: Option<Ufid>, more: impl FnOnce(&mut Vec<u8>), text: Text<'_>) -> String {
    let (ports, mut scratch) = (ports(), Vec::new());
    line_of(key, actions, ufid, more, |flow, out| Printer { text, json: true, ports: &ports }.append(flow, &mut scratch, out))
}

/// A flow of these parts as `append` has it.
fn line_of(key: &str, actions: &str, ufid: Option<Ufid>, more: impl FnOnce(&mut Vec<u8>), append: impl FnOnce(&Flow<'_>, &mut Vec<u8>)) -> String {
    let (mut keys, mut mask, mut acts) = (Vec::new(), Vec::new(), Vec::new());
    parse_key(key, None, &mut keys, &mut mask).unwrap();
    ovsdp_proto::action::parse_actions(actions, None, &mut acts).unwrap();
    let mut bytes = Vec::new();
    let put = Put { key: Some(&keys), mask: Some(&mask), actions: Some(&acts), ufid, ..Put::default() };
    flow::new(&mut bytes, Request::new(30, 0, 0), &put).unwrap();
    let mut payload = Message::parse(&bytes).unwrap().0.payload.to_vec();
    more(&mut payload);
    let mut out = Vec::new();
    append(&Flow::parse(&payload).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

const PLAIN: Text<'_> = Text { names: None, verbose: false, now_ms: 5000 };

#[test]
fn json_has_every_piece() {
    let ufid = Ufid([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    let used = |payload: &mut Vec<u8>| {
        nla::put_array(payload, uapi::flow::attr::STATS, [7u64, 700].map(u64::to_ne_bytes).concat().try_into().unwrap_or([0; 16]));
        nla::put_u64(payload, uapi::flow::attr::USED, 3766);
        nla::put_u8(payload, uapi::flow::attr::TCP_FLAGS, 0x12);
    };
    let key = "in_port(2),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,frag=no)";
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let expected = json!({
        "ufid": ufid.to_string(), "packets": 7, "bytes": 700, "used": 1.234, "tcp_flags": "S.", "in_port": 2, "in_port_name": "a\"b\\",
        "key": key, "actions": "push_vlan(vid=12,pcp=0),1",
    });
    assert_eq!(read(&json_of(key, "push_vlan(vid=12,pcp=0),1", Some(ufid), used, PLAIN)), expected);
    // Attributes without a name are printed as bytes, with blanks.
    let unnamed = "in_port(2),eth(),key99(01 02/ff ff),tcp(src=1)";
    let line = json_of(unnamed, "1", Some(ufid), used, Text { verbose: true, ..PLAIN });
    assert_eq!(read(&line)["packets"], 7, "{line}");
    assert!(read(&line)["key"].as_str().unwrap().contains("key99(01 02/ff ff)"), "{line}");
    let expected = json!({
        "ufid": null, "packets": 0, "bytes": 0, "used": null, "tcp_flags": "", "in_port": 9, "in_port_name": null,
        "key": "in_port(9),eth()", "actions": "drop",
    });
    assert_eq!(read(&json_of("in_port(9),eth()", "drop", None, |_| {}, PLAIN)), expected);
}

#[test]
fn names_and_more_are_in_the_json_too() {
    let ports = ports();
    let text = Text { names: Some(&ports), verbose: true, now_ms: 0 };
    let read: Value = serde_json::from_str(&json_of("in_port(2),eth()", "1,2", Some(Ufid([7; 16])), |_| {}, text)).unwrap();
    let key = read["key"].as_str().unwrap();
    assert!(key.contains("in_port(a\"b\\)") && !key.contains("ufid"), "{key}");
    assert_eq!((&read["actions"], &read["packets"], &read["ufid"]), (&json!("eth0,a\"b\\"), &json!(0), &json!(Ufid([7; 16]).to_string())));
}

#[test]
fn a_filter_that_cannot_be_read_says_where() {
    let wrong = |text: &str| filter(text, &ports()).unwrap_err();
    assert!(wrong("in_port(1),frob(2)").to_string().contains("--filter: column 12, at `frob(2)`: "), "{}", wrong("in_port(1),frob(2)"));
    assert_eq!(wrong("  ").kind.exit_code(), 2);
    assert!(wrong("in_port(eth9)").to_string().contains("column 9"));
    assert!(wrong("tunnel(geneve({class=0x1,type=0x2,len=4,0x11223344}))").to_string().contains("Geneve options"));
    assert_eq!(filter("in_port(eth0)", &ports()).unwrap(), filter("in_port(1)", &ports()).unwrap());
}

proptest! {
    /// Whatever an identifier is, JSON has it as text does.
    #[test]
    fn identifiers_are_printed_alike(ufid: [u8; 16]) {
        let line = json_of("in_port(1)", "drop", Some(Ufid(ufid)), |_| {}, PLAIN);
        let read: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(read["ufid"].as_str(), Some(&*Ufid(ufid).to_string()));
    }

    /// Bytes that would end a string or a line do not.
    #[test]
    fn strings_are_read_back(text in "[\\x00-\\x7f\u{80}-\u{d7ff}]{0,40}") {
        let plain = b"in_port(1), packets:0, bytes:0, used:never, actions:drop";
        let line = line_of("in_port(1)", "drop", None, |_| {}, |flow, out| append_flow_json(out, flow, plain, &|_| Some(&text)));
        prop_assert!(!line.contains('\n'));
        let read: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(read["in_port_name"].as_str(), Some(&*text));
    }
}
