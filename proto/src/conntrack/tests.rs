use super::*;
use crate::uapi::conntrack::{status, tcp_state as kernel};

fn tuple(src: &str, dst: &str, protocol: u8, layer4: Layer4) -> Tuple {
    Tuple { src: src.parse().unwrap(), dst: dst.parse().unwrap(), protocol, layer4 }
}

/// A connection's payload, as the kernel lays it out.
fn payload(orig: &Tuple, reply: &Tuple, more: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![orig.family(), 0, 0, 0];
    orig.put(&mut out, attr::TUPLE_ORIG).unwrap();
    reply.put(&mut out, attr::TUPLE_REPLY).unwrap();
    nla::put_be32(&mut out, attr::STATUS, status::SEEN_REPLY | status::CONFIRMED | 0x4000);
    nla::put_be32(&mut out, attr::ID, 4_000_000_000);
    nla::put_be32(&mut out, attr::TIMEOUT, 29);
    more(&mut out);
    out
}

fn nest(out: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    nla::put_nested::<TooLong>(out, kind | nla::NLA_F_NESTED, |out| {
        fill(out);
        Ok(())
    })
    .unwrap();
}

fn text(payload: &[u8], verbose: bool, statistics: bool) -> String {
    let mut out = Vec::new();
    append_connection(&mut out, &Connection::parse(payload).unwrap(), Style { verbose, statistics });
    String::from_utf8(out).unwrap()
}

fn tcp_payload() -> Vec<u8> {
    let orig = tuple("10.1.1.1", "10.1.1.2", 6, Layer4::Ports { src: 40000, dst: 80 });
    let reply = tuple("10.1.1.2", "10.1.1.1", 6, Layer4::Ports { src: 80, dst: 40000 });
    payload(&orig, &reply, |out| {
        nla::put_be16(out, attr::ZONE, 5);
        nla::put_be32(out, attr::MARK, 7);
        let mut labels = [0; 16];
        labels[..2].copy_from_slice(&[0x34, 0x12]);
        nla::put_array(out, attr::LABELS, labels);
        nest(out, attr::COUNTERS_ORIG, |out| {
            nla::put_array(out, counters::PACKETS, 3u64.to_be_bytes());
            nla::put_array(out, counters::BYTES, 180u64.to_be_bytes());
        });
        nest(out, attr::TIMESTAMP, |out| nla::put_array(out, timestamp::START, 951_827_696_789_000_000u64.to_be_bytes()));
        nest(out, attr::PROTOINFO, |out| {
            nest(out, protoinfo::TCP, |out| {
                nla::put_u8(out, tcp::STATE, kernel::SYN_RECV);
                nla::put_u8(out, tcp::WSCALE_ORIGINAL, 7);
                nla::put_u8(out, tcp::WSCALE_REPLY, 0);
                nla::put_array(out, tcp::FLAGS_ORIGINAL, [0x23, 0]);
                nla::put_array(out, tcp::FLAGS_REPLY, [0x40, 0]);
            });
        });
        nest(out, attr::HELP, |out| nla::put(out, help::NAME, b"ftp\0").unwrap());
    })
}

#[test]
fn a_connection_is_printed() {
    let bytes = tcp_payload();
    let plain = "tcp,orig=(src=10.1.1.1,dst=10.1.1.2,sport=40000,dport=80),reply=(src=10.1.1.2,dst=10.1.1.1,sport=80,dport=40000),zone=5,mark=7,labels=0x1234,protoinfo=(state=ESTABLISHED),helper=ftp";
    assert_eq!(text(&bytes, false, false), plain);
    let more = "tcp,orig=(src=10.1.1.1,dst=10.1.1.2,sport=40000,dport=80,packets=3,bytes=180),reply=(src=10.1.1.2,dst=10.1.1.1,sport=80,dport=40000),start=2000-02-29T12:34:56.789,id=4000000000,zone=5,status=SEEN_REPLY|CONFIRMED,timeout=29,mark=7,labels=0x1234,protoinfo=(state_orig=SYN_RECV,state_reply=SYN_RECV,wscale_orig=7,wscale_reply=0,flags_orig=WINDOW_SCALE|SACK_PERM|MAXACK_SET,flags_reply=0),helper=ftp";
    assert_eq!(text(&bytes, true, true), more);
    let orig = tuple("fe80::1", "::1.2.3.4", 58, Layer4::Icmp { id: 9, kind: 128, code: 0 });
    let reply = tuple("::1.2.3.4", "fe80::1", 58, Layer4::Icmp { id: 9, kind: 129, code: 0 });
    let icmp = "icmpv6,orig=(src=fe80::1,dst=::1.2.3.4,id=9,type=128,code=0),reply=(src=::1.2.3.4,dst=fe80::1,id=9,type=129,code=0)";
    assert_eq!(text(&payload(&orig, &reply, |_| {}), false, false), icmp);
}

#[test]
fn dates_are_the_calendars() {
    let at = |seconds: u64| {
        let orig = tuple("1.1.1.1", "1.1.1.2", 17, Layer4::Ports { src: 1, dst: 2 });
        let bytes = payload(&orig, &orig, |out| {
            nest(out, attr::TIMESTAMP, |out| nla::put_array(out, timestamp::STOP, (seconds * 1_000_000_000).to_be_bytes()));
        });
        let text = text(&bytes, false, true);
        text.split_once("stop=").unwrap().1.split(',').next().unwrap().to_owned()
    };
    // date -u -d @N
    for (seconds, date) in [
        (86_399, "1970-01-01T23:59:59.000"),
        (1_709_164_800, "2024-02-29T00:00:00.000"),
        (1_709_251_200, "2024-03-01T00:00:00.000"),
        (1_735_689_599, "2024-12-31T23:59:59.000"),
        (4_107_542_400, "2100-03-01T00:00:00.000"),
    ] {
        assert_eq!(at(seconds), date);
    }
}

#[test]
fn a_connection_names_itself_for_its_removal() {
    let bytes = tcp_payload();
    let connection = Connection::parse(&bytes).unwrap();
    let mut out = Vec::new();
    delete(&mut out, &connection).unwrap();
    let (message, _) = nlmsg::Message::parse(&out).unwrap();
    assert_eq!(message.kind, 0x102);
    let attrs = Attrs::new(&message.payload[HEADER_LEN..]);
    assert_eq!((attrs.find(attr::ZONE).unwrap().be16(), attrs.find(attr::ID).unwrap().be32()), (Some(5), Some(4_000_000_000)));
    assert_eq!(Tuple::parse(&attrs.find(attr::TUPLE_ORIG).unwrap(), 2), Ok(connection.orig));
    out.clear();
    delete_tuple(&mut out, 5, &connection.orig).unwrap();
    let (message, _) = nlmsg::Message::parse(&out).unwrap();
    assert_eq!(Tuple::parse(&Attrs::new(&message.payload[4..]).find(attr::TUPLE_ORIG).unwrap(), 2), Ok(connection.orig));
}

#[test]
fn what_lacks_something_is_refused() {
    for missing in [attr::TUPLE_ORIG, attr::TUPLE_REPLY, attr::STATUS, attr::ID] {
        let bytes = tcp_payload();
        let mut out = bytes[..4].to_vec();
        Attrs::new(&bytes[4..]).filter(|attr| attr.kind() != missing).for_each(|attr| attr.put(&mut out).unwrap());
        assert_eq!(Connection::parse(&out).unwrap_err().attr, missing);
    }
    assert!(Connection::parse(&[2, 0]).is_err());
}

fn select(orig: &str, reply: &str) -> Result<Select, String> {
    let mut select = Select::default();
    select.read(orig, false)?;
    select.read(reply, true)?;
    Ok(select)
}

#[test]
fn connections_are_selected_by_what_is_given() {
    let bytes = tcp_payload();
    let connection = Connection::parse(&bytes).unwrap();
    let exact = "ct_nw_src=10.1.1.1,ct_nw_dst=10.1.1.2,ct_nw_proto=6,ct_tp_src=40000,ct_tp_dst=0x50";
    assert_eq!(select(exact, "").unwrap().exact(), Some(connection.orig));
    for (orig, reply, meant) in [
        (exact, "", true),
        ("ct_nw_src=10.1.1.1", "", true),
        ("ct_nw_src=0.0.0.0", "", true),
        ("ct_nw_dst=10.1.1.1", "", false),
        ("ct_nw_proto=17", "", false),
        ("ct_nw_proto=6 ct_tp_dst=80", "", true),
        ("ct_nw_proto=6,ct_tp_dst=81", "", false),
        ("", "ct_nw_proto=6,ct_tp_src=80", true),
        ("", "ct_nw_src=10.1.1.1", false),
        ("ct_ipv6_src=::", "", false),
    ] {
        let select = select(orig, reply).unwrap();
        assert_eq!(select.matches(&connection), meant, "{orig} {reply}");
        assert!(!select.is_all() && (select.exact().is_none() || orig == exact), "{orig} {reply}");
    }
    assert!(select("", "").unwrap().is_all());
    // Of ICMP all or nothing counts, as soon as there is an address.
    let orig = tuple("10.1.1.1", "10.1.1.2", 1, Layer4::Icmp { id: 9, kind: 8, code: 0 });
    let bytes = payload(&orig, &orig, |_| {});
    let ping = Connection::parse(&bytes).unwrap();
    for (orig, meant) in [
        ("ct_nw_proto=1", true),
        ("ct_nw_dst=10.1.1.2", true),
        ("ct_nw_src=10.1.1.1,ct_nw_proto=1,icmp_id=9", false),
        ("ct_nw_src=10.1.1.1,ct_nw_proto=1,icmp_type=8,icmp_id=9", true),
    ] {
        assert_eq!(select(orig, "").unwrap().matches(&ping), meant, "{orig}");
    }
}

#[test]
fn what_cannot_be_selected_is_said() {
    for (text, said) in [
        ("ct_nw_src", "field ct_nw_src missing value"),
        ("ct_nw_src=", "field ct_nw_src missing value"),
        ("ct_nw_src=10.1.1", "failed to parse field ct_nw_src"),
        ("ct_nw_src=fe80::1", "failed to parse field ct_nw_src"),
        ("ct_nw_src=1.1.1.1,ct_nw_src=1.1.1.2", "ct_nw_src is set multiple times"),
        ("ct_nw_src=1.1.1.1,ct_ipv6_dst=::1", "the L3 protocol does not match ::1"),
        ("ct_nw_proto=256", "failed to parse field ct_nw_proto"),
        ("ct_nw_proto=+6", "failed to parse field ct_nw_proto"),
        ("ct_nw_proto=6,ct_tp_src=65536", "failed to parse field ct_tp_src"),
        ("ct_tp_src=1", "port is set without protocol"),
        ("ct_nw_proto=6,icmp_id=1", "invalid L4 fields"),
        ("foo=1", "invalid conntrack tuple field: foo"),
    ] {
        assert_eq!(select(text, ""), Err(said.to_owned()), "{text}");
    }
}
