//! What real kernels answered, read by this crate. `captures/*.bin` are the kernel's bytes, the `.txt` beside each says which
//! kernel and command made them; `captures/record/` made both.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail it")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use ovsdp_proto::ack::{self, Ack};
use ovsdp_proto::conntrack::{self, Connection};
use ovsdp_proto::ct_limit::{self, Limit, Zone};
use ovsdp_proto::datapath::Datapath;
use ovsdp_proto::flow::{Flow, append_flow};
use ovsdp_proto::key::{self, Field, L2, Vlan};
use ovsdp_proto::meter::{self, Meter};
use ovsdp_proto::nlctrl::Family;
use ovsdp_proto::nlmsg::{self, Message, Messages};
use ovsdp_proto::packet::Upcall;
use ovsdp_proto::text::Style;
use ovsdp_proto::vport::Vport;
use ovsdp_proto::{Mac, Request, action, nla, uapi};

/// One request and what the kernel answered.
struct Exchange {
    name: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// A `.bin` with its `.txt`.
struct Capture {
    file: String,
    exchanges: Vec<Exchange>,
    text: Vec<String>,
    verbose: Vec<String>,
}

impl Capture {
    fn get(&self, name: &str) -> &Exchange {
        self.exchanges.iter().find(|exchange| exchange.name == name).unwrap_or_else(|| panic!("{} has no {name}", self.file))
    }
}

impl Exchange {
    fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        Messages::new(&self.answer).map(|message| message.unwrap_or_else(|error| panic!("{}: {error}", self.name)))
    }

    fn first(&self) -> Message<'_> {
        self.messages().next().unwrap_or_else(|| panic!("{} has no answer", self.name))
    }

    fn ack(&self) -> Ack<'_> {
        let last = self.messages().last().unwrap();
        Ack::parse(&last).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn load(path: &PathBuf) -> Capture {
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut bytes = std::fs::read(path).unwrap();
    let index = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_else(|error| panic!("{file} has no sidecar: {error}"));
    let mut capture = Capture { file, exchanges: Vec::new(), text: Vec::new(), verbose: Vec::new() };
    let mut kernel = "";
    for line in index.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            capture.exchanges.push(Exchange { name: name.to_owned(), request: Vec::new(), answer: Vec::new() });
            continue;
        }
        let (word, value) = line.split_once(": ").or(line.split_once(':')).unwrap_or_else(|| panic!("{}: {line}", capture.file));
        match (word, capture.exchanges.last_mut()) {
            ("kernel", _) => kernel = value,
            ("request", Some(last)) => last.request = unhex(value),
            ("length", Some(last)) => {
                let rest = bytes.split_off(value.parse().unwrap());
                last.answer = std::mem::replace(&mut bytes, rest);
            }
            ("command", Some(_)) => {}
            ("text", _) => capture.text.push(value.to_owned()),
            ("verbose", _) => capture.verbose.push(value.to_owned()),
            _ => panic!("{}: {line}", capture.file),
        }
    }
    assert!(!kernel.is_empty(), "{} does not say which kernel", capture.file);
    assert!(bytes.is_empty(), "{} is longer than its sidecar says", capture.file);
    capture
}

fn captures(group: &str) -> Vec<Capture> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "bin"));
    paths.retain(|path| path.file_stem().unwrap().to_string_lossy().split_once('-').unwrap().1 == group);
    paths.sort();
    assert!(paths.len() >= 2, "captures of two kernels at least");
    paths.iter().map(load).collect()
}

fn family(name: &str) -> &'static ack::Family {
    match name.split('-').next().unwrap() {
        "nlctrl" => &ack::CTRL,
        "dp" => &ack::DATAPATH,
        "vport" => &ack::VPORT,
        "flow" => &ack::FLOW,
        "meter" => &ack::METER,
        "ctlimit" => &ack::CT_LIMIT,
        _ => &ack::PACKET,
    }
}

/// A key whose every field is known, and which comes out again as it went in.
fn check_key(bytes: &[u8], what: &str) {
    let mut out = Vec::new();
    for field in key::fields(bytes) {
        let field = field.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!matches!(field, Field::Other(_)), "{what}: {field:?}");
        match field {
            Field::Encap(attr) => check_key(attr.payload(), what),
            Field::Tunnel(attr) => {
                let mut again = Vec::new();
                key::tunnel_fields(attr.payload()).for_each(|field| field.unwrap().put(&mut again).unwrap());
                assert_eq!(again, attr.payload(), "{what}");
            }
            Field::Nsh(attr) => {
                let mut again = Vec::new();
                key::nsh_fields(attr.payload()).for_each(|field| field.unwrap().put(&mut again).unwrap());
                assert_eq!(again, attr.payload(), "{what}");
            }
            _ => {}
        }
        field.put(&mut out).unwrap();
    }
    assert_eq!(out, bytes, "{what}");
    L2::parse(bytes).unwrap();
}

fn check_actions(bytes: &[u8], what: &str) {
    let mut out = Vec::new();
    for action in action::actions(bytes) {
        let action = action.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!matches!(action, action::Action::Other(_)), "{what}: {action:?}");
        action.put(&mut out).unwrap();
    }
    assert_eq!(out, bytes, "{what}");
}

#[test]
fn every_message_is_read() {
    let mut read = 0;
    for group in ["nlctrl", "dp", "vport", "upcall", "flow", "flow-action", "flow-dump"] {
        for capture in captures(group) {
            for exchange in &capture.exchanges {
                let what = format!("{} {}", capture.file, exchange.name);
                for message in exchange.messages() {
                    read += 1;
                    if matches!(message.kind, nlmsg::kind::ERROR | nlmsg::kind::DONE) {
                        Ack::parse(&message).unwrap_or_else(|error| panic!("{what}: {error}"));
                        continue;
                    }
                    match group {
                        "nlctrl" => drop(Family::parse(message.payload).unwrap_or_else(|error| panic!("{what}: {error}"))),
                        "dp" => drop(Datapath::parse(message.payload).unwrap_or_else(|error| panic!("{what}: {error}"))),
                        "vport" => drop(Vport::parse(message.payload).unwrap_or_else(|error| panic!("{what}: {error}"))),
                        "upcall" => {
                            let upcall = Upcall::parse(message.payload).unwrap_or_else(|error| panic!("{what}: {error}"));
                            check_key(upcall.key, &what);
                            check_actions(upcall.actions.unwrap_or_default(), &what);
                        }
                        _ => {
                            let flow = Flow::parse(message.payload).unwrap_or_else(|error| panic!("{what}: {error}"));
                            check_key(flow.key.unwrap_or_default(), &what);
                            check_key(flow.mask.unwrap_or_default(), &what);
                            check_actions(flow.actions.unwrap_or_default(), &what);
                        }
                    }
                }
            }
        }
    }
    assert!(read > 300, "only {read} messages");
}

#[test]
fn families() {
    for capture in captures("nlctrl") {
        for (name, groups, version) in [("ovs_datapath", 1, 2), ("ovs_vport", 1, 1), ("ovs_flow", 1, 1), ("ovs_packet", 0, 1)] {
            let exchange = capture.get(&format!("nlctrl-{name}"));
            let family = Family::parse(exchange.first().payload).unwrap();
            assert_eq!((family.name, family.version, family.hdrsize), (name.as_bytes(), version, 4), "{}", capture.file);
            assert_eq!(family.groups().count(), groups);
            assert_eq!(family.group(name).is_some(), groups == 1);
            assert!(family.ops().count() >= 1 && family.id >= 16);
        }
        let missing = capture.get("nlctrl-no_such_family").ack();
        assert_eq!(missing.errno, 2);
    }
}

#[test]
fn datapaths() {
    for capture in captures("dp") {
        let new = Datapath::parse(capture.get("dp-new").first().payload).unwrap();
        assert_eq!((new.cmd, new.name), (uapi::dp::cmd::NEW, b"ovs-system".as_slice()));
        let asked = uapi::dp::feature::UNALIGNED | uapi::dp::feature::VPORT_PIDS | uapi::dp::feature::DISPATCH_UPCALL_PER_CPU;
        assert_eq!((new.user_features, new.masks_cache_size), (Some(asked), Some(256)));
        assert_eq!(new.stats.unwrap(), Default::default());
        assert_eq!(new.per_cpu_pids().count(), 2);
        assert_eq!(Datapath::parse(capture.get("dp-set").first().payload).unwrap().masks_cache_size, Some(512));
        assert_eq!(Datapath::parse(capture.get("dp-dump").first().payload).unwrap().dp_ifindex, new.dp_ifindex);
        for (name, errno) in
            [("dp-new", 0), ("dp-new-exists", 17), ("dp-get-missing", 19), ("dp-set-unknown-feature", 95), ("dp-unknown-command", 95)]
        {
            assert_eq!(capture.get(name).ack().errno, errno, "{} {name}", capture.file);
        }
    }
}

#[test]
fn vports() {
    for capture in captures("vport") {
        let all: Vec<_> = capture
            .get("vport-dump")
            .messages()
            .filter(|message| message.kind != nlmsg::kind::DONE)
            .map(|message| {
                let vport = Vport::parse(message.payload).unwrap();
                (vport.port_no, vport.kind, String::from_utf8_lossy(vport.name).into_owned())
            })
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let named = |port: u32, kind: u32, name: &str| (port, kind, name.to_owned());
        assert_eq!(
            all,
            [
                named(0, uapi::vport::kind::INTERNAL, "ovs-system"),
                named(1, uapi::vport::kind::INTERNAL, "br0"),
                named(2, uapi::vport::kind::NETDEV, "dummy0"),
                named(3, uapi::vport::kind::VXLAN, "vx0"),
            ],
            "{}",
            capture.file
        );
        let internal = Vport::parse(capture.get("vport-new-internal").first().payload).unwrap();
        assert!(internal.ifindex.is_some() && internal.stats.is_some());
        assert_eq!(internal.upcall_pids().count(), 1);
        assert_eq!(internal.upcall_stats.is_some(), capture.file.starts_with("6.12"));
        assert_eq!(Vport::parse(capture.get("vport-set").first().payload).unwrap().upcall_pids().count(), 2);
        let tunnel = Vport::parse(capture.get("vport-new-vxlan").first().payload).unwrap().tunnel().unwrap();
        assert_eq!((tunnel.dst_port, tunnel.gbp), (Some(4789), true));
        assert_eq!(Vport::parse(capture.get("vport-del").first().payload).unwrap().cmd, uapi::vport::cmd::DEL);
    }
}

/// What the kernel refused, with what its acknowledgement says and of which attribute.
#[test]
fn refusals() {
    const POLICY: &str = "Attribute failed policy validation";
    for group in ["vport", "flow"] {
        for capture in captures(group) {
            for (name, errno, text, place) in [
                ("vport-new-missing", 19, None, None),
                ("vport-new-type", 97, None, None),
                ("vport-new-taken", 16, None, None),
                ("vport-get-short-number", 34, Some(POLICY), Some("OVS_VPORT_ATTR_PORT_NO")),
                ("vport-new-long-name", 22, Some(POLICY), Some("OVS_VPORT_ATTR_NAME")),
                ("vport-new-incomplete", 22, None, None),
                ("vport-del-local", 22, None, None),
                ("flow-new-short-flags", 34, Some(POLICY), Some("OVS_FLOW_ATTR_UFID_FLAGS")),
                ("flow-new-incomplete", 22, None, None),
                ("flow-get-missing", 2, None, None),
            ] {
                if !name.starts_with(group) {
                    continue;
                }
                let exchange = capture.get(name);
                let ack = exchange.ack();
                let path = ack.ext.path(&exchange.request, family(name)).map(|path| path.to_string());
                assert_eq!((ack.errno, ack.ext.message(), path.as_deref()), (errno, text.map(str::as_bytes), place), "{} {name}", capture.file);
                assert!(exchange.request.starts_with(ack.request.unwrap()), "{} {name}", capture.file);
            }
        }
    }
}

/// A flow the kernel would not take leaves its printing and reading untested.
#[test]
fn the_kernel_took_every_flow() {
    for capture in captures("flow").into_iter().chain(captures("flow-action")) {
        for exchange in &capture.exchanges {
            let expected = match exchange.name.as_str() {
                "flow-new-incomplete" | "flow-action-unknown" | "flow-set-without-key" => 22,
                "flow-new-short-flags" => 34,
                "flow-get-missing" => 2,
                _ => 0,
            };
            assert_eq!(exchange.ack().errno, expected, "{} {}", capture.file, exchange.name);
        }
    }
}

#[test]
fn upcalls() {
    let (a, b) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
    for capture in captures("upcall") {
        let l2 = |name: &str| {
            let upcall = Upcall::parse(capture.get(name).first().payload).unwrap();
            assert!(upcall.packet.len() >= 60, "{name}");
            upcall.l2().unwrap()
        };
        for (name, eth_type, vlan, inner_vlan) in [
            ("icmp", 0x0800, None, None),
            ("arp", 0x0806, None, None),
            ("tcp6-hopopts", 0x86dd, None, None),
            ("vlan", 0x0800, Some(Vlan { tpid: 0x8100, tci: 0xb064 }), None),
            ("qinq", 0x0800, Some(Vlan { tpid: 0x88a8, tci: 0x10c8 }), Some(Vlan { tpid: 0x8100, tci: 0x3064 })),
            ("vlan-llc", key::ETH_P_802_2, Some(Vlan { tpid: 0x8100, tci: 0x1064 }), None),
            ("llc", key::ETH_P_802_2, None, None),
            ("mpls", 0x8847, None, None),
            ("other", 0x88cc, None, None),
        ] {
            let l2 = l2(&format!("upcall-action-{name}"));
            assert_eq!((l2.in_port, l2.recirc_id, l2.eth_src, l2.eth_dst), (Some(1), 0, a, b), "{} {name}", capture.file);
            assert_eq!((l2.eth_type, l2.vlan, l2.inner_vlan), (eth_type, vlan, inner_vlan), "{} {name}", capture.file);
        }
        let miss = l2("upcall-miss-tcp");
        assert_eq!((miss.recirc_id, miss.priority, miss.mark), (9, 5, 6));
        let action = Upcall::parse(capture.get("upcall-action-tcp").first().payload).unwrap();
        assert_eq!((action.cmd, action.userdata), (uapi::packet::cmd::ACTION, Some(b"cookie!!".as_slice())));
        assert!(action.actions.is_some());
        let tcp = action.key();
        assert_eq!((tcp.tcp().unwrap().dst, tcp.tcp_flags(), tcp.ipv4().unwrap().tos), (80, Some(0x12), 8));
        let six = Upcall::parse(capture.get("upcall-action-tcp6").first().payload).unwrap();
        assert_eq!(six.key().ipv6_exthdrs(), Some(0));
        // What the kernel itself had to say when the link came up: IPv6, no flow for it.
        let own = Upcall::parse(capture.get("upcall-miss-link-up").first().payload).unwrap();
        assert_eq!((own.cmd, own.l2().unwrap().eth_type), (uapi::packet::cmd::MISS, 0x86dd));
    }
}

#[test]
fn a_flow_that_counted() {
    for capture in captures("flow") {
        let flow = capture.get("flow-get");
        let first = flow.first();
        let flow = Flow::parse(first.payload).unwrap();
        assert_eq!((flow.stats.packets, flow.tcp_flags), (3, 0x12), "{}", capture.file);
        assert!(flow.used.is_some_and(|used| used > 0));
        let deleted = capture.get("flow-del").first();
        assert_eq!(Flow::parse(deleted.payload).unwrap().cmd, uapi::flow::cmd::DEL);
    }
}

/// Every flow of the dump as `ovs-dpctl` printed it: all but `used:`, which the clock decides.
#[test]
fn flows_are_printed_as_ovs_dpctl_prints_them() {
    let without_used = |line: &str| {
        let (before, after) = line.split_once(", used:").unwrap();
        let (_, after) = after.split_once(", ").unwrap();
        format!("{before}, {after}")
    };
    for capture in captures("flow-dump") {
        let names = |port: u32| ["ovs-system", "br0", "dummy0", "vx0"].get(port as usize).copied();
        let styles = [(&capture.text, Style::default()), (&capture.verbose, Style { names: Some(&names), verbose: true })];
        for (theirs, style) in styles {
            let mut mine = BTreeSet::new();
            for message in capture.get("flow-dump").messages().filter(|message| message.kind != nlmsg::kind::DONE) {
                let flow = Flow::parse(message.payload).unwrap();
                let mut line = Vec::new();
                append_flow(&mut line, &flow, 0, &style);
                mine.insert(without_used(&String::from_utf8(line).unwrap()));
            }
            // Open vSwitch's userspace has numbers 23 to 25 for actions of its own: it misreads the kernel's dec_ttl, drop
            // and psample, which the recorder put in flows with these ids.
            let misread = |line: &String| ["recirc_id(0x114)", "recirc_id(0x118)", "recirc_id(0x119)"].iter().any(|id| line.contains(id));
            let theirs: BTreeSet<_> = theirs.iter().map(|line| without_used(line)).filter(|line| !misread(line)).collect();
            let new: Vec<_> = mine.extract_if(.., misread).map(|line| line.split_once("actions:").unwrap().1.to_owned()).collect();
            let expected: &[&str] = if capture.file.starts_with("6.12") {
                &["dec_ttl(le_1(OUT))", "drop(3)", "psample(group=5,cookie=0xabcd)"]
            } else {
                &["dec_ttl(le_1(OUT))"]
            };
            let port = if style.verbose { "br0" } else { "1" };
            let expected: Vec<_> = expected.iter().map(|text| text.replace("OUT", port)).collect();
            assert_eq!(new.into_iter().collect::<BTreeSet<_>>(), expected.into_iter().collect(), "{}", capture.file);
            let missing: Vec<_> = theirs.difference(&mine).cloned().collect();
            let extra: Vec<_> = mine.difference(&theirs).cloned().collect();
            assert!(
                missing.is_empty() && extra.is_empty(),
                "{}\n--- ovs-dpctl\n{}\n--- here\n{}",
                capture.file,
                missing.join("\n"),
                extra.join("\n")
            );
        }
    }
}

/// What the builders sent is what the kernel keeps: a key comes back as the same fields.
#[test]
fn requests_read_back() {
    for capture in captures("flow-action") {
        for exchange in capture.exchanges.iter().filter(|exchange| exchange.ack().errno == 0) {
            let sent = Messages::new(&exchange.request).next().unwrap().unwrap();
            let (sent, got) = (Flow::parse(sent.payload).unwrap(), exchange.first());
            let got = Flow::parse(got.payload).unwrap();
            assert_eq!(sent.ufid, got.ufid);
            // The kernel sorts the parts of two of them anew, and takes the nested flag off the third.
            if !["set-tunnel", "check-pkt-len", "psample"].iter().any(|name| exchange.name.ends_with(name)) {
                assert_eq!(sent.actions, got.actions, "{} {}", capture.file, exchange.name);
            }
            assert_eq!(nla::Attrs::new(got.key.unwrap()).find(uapi::key::RECIRC_ID), nla::Attrs::new(got.key.unwrap()).next());
        }
    }
}

#[test]
fn meters() {
    for capture in captures("meter") {
        let features = capture.get("meter-features");
        let read = meter::Features::parse(features.first().payload).unwrap();
        assert!(read.max_meters > 0 && read.max_bands == 1, "{}", capture.file);
        assert_eq!(read.band_types().collect::<Vec<_>>(), [uapi::meter::band_type::DROP]);
        assert_eq!(capture.get("meter-get-missing").ack().errno, 2);
        for (name, bands) in [("meter-new", 0), ("meter-get", 1), ("meter-set", 1), ("meter-del", 1)] {
            let meter = capture.get(name);
            let read = Meter::parse(meter.first().payload).unwrap();
            assert_eq!((read.id, read.stats.packets, read.bands().count(), meter.ack().errno), (3, 0, bands, 0), "{} {name}", capture.file);
        }
        // What the kernel took is what the builder builds.
        let (sent, _) = Message::parse(&capture.get("meter-new").request).unwrap();
        let request = Request::new(sent.kind, sent.seq, sent.flags);
        let dp_ifindex = u32::from_ne_bytes(*sent.payload[4..].first_chunk().unwrap());
        let mut out = Vec::new();
        meter::set(&mut out, request, &meter::Set { dp_ifindex, id: 3, kbps: false, bands: &[meter::Band { rate: 5, burst: 7 }] }).unwrap();
        assert_eq!(out, sent.bytes, "{}", capture.file);
    }
}

#[test]
fn limits_of_zones() {
    let limit = |zone, limit| Limit { zone, limit, count: 0 };
    let (default, seven, nine) = (limit(Zone::Default, 10), limit(Zone::Number(7), 10), limit(Zone::Number(9), 1));
    for capture in captures("ctlimit") {
        let read = |name: &str| ct_limit::parse(capture.get(name).first().payload).unwrap().collect::<Vec<_>>();
        assert_eq!(read("ctlimit-get-all"), [default, nine], "{}", capture.file);
        assert_eq!(read("ctlimit-get"), [default, seven, nine], "{}", capture.file);
        assert_eq!((capture.get("ctlimit-set").ack().errno, capture.get("ctlimit-del").ack().errno), (0, 0));
    }
}

#[test]
fn connections() {
    for capture in captures("conntrack") {
        let dump = capture.get("conntrack-dump");
        let read: Vec<_> = dump.messages().filter(|m| m.kind == conntrack::kind(0)).map(|m| Connection::parse(m.payload).unwrap()).collect();
        let ping = read.iter().find(|connection| connection.zone == 5).unwrap();
        let mut text = Vec::new();
        conntrack::append_connection(&mut text, ping, conntrack::Style::default());
        let text = String::from_utf8(text).unwrap();
        let (before, after) = text.split_once("id=").unwrap();
        assert_eq!(before, "icmp,orig=(src=10.9.0.1,dst=10.9.0.2,", "{}", capture.file);
        assert!(after.ends_with(",type=0,code=0),zone=5"), "{text}");
        assert_eq!((ping.counters[0].packets, ping.counters[0].bytes, ping.status), (2, 168, uapi::conntrack::status::CONFIRMED));
        assert!(ping.times[0] > 0 && ping.times[1] == 0);
        // The kernel found the one that was read from it, and told apart one that is not there.
        let mut out = Vec::new();
        conntrack::delete(&mut out, ping).unwrap();
        let delete = capture.get("conntrack-delete");
        assert_eq!((out.get(16..), delete.ack().errno), (delete.request.get(16..), 0), "{}", capture.file);
        assert_eq!(capture.get("conntrack-delete-missing").ack().errno, 2);
    }
}
