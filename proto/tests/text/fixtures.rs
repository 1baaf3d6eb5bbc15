//! Lines whose reading is known beforehand. Each file says at its top what its lines are.

use ovsdp_proto::action::{append_actions, parse_actions};
use ovsdp_proto::flow::{Flow, FlowBuf, append_flow, parse_flow};
use ovsdp_proto::key::{append_key, parse_key};
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::nlmsg::Messages;
use ovsdp_proto::text::{ParseError, ParseReason, PortNumbers, Style};
use ovsdp_proto::uapi;

/// What is appended, as a string.
pub(super) fn text(append: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    append(&mut out);
    String::from_utf8(out).unwrap()
}

/// What a line is to be read as.
pub(super) fn canonical(kind: &str, line: &str, names: Option<&PortNumbers<'_>>, style: &Style<'_>) -> Result<String, ParseError> {
    let mut buf = FlowBuf::default();
    Ok(match kind {
        "key" => {
            parse_key(line, names, &mut buf.key, &mut buf.mask)?;
            text(|out| append_key(out, &buf.key, Some(&buf.mask), style))
        }
        "actions" => {
            parse_actions(line, names, &mut buf.actions)?;
            text(|out| append_actions(out, &buf.actions, style))
        }
        _ => {
            let flow = parse_flow(line, names, &mut buf)?;
            text(|out| flow.append_to(out, &buf, style))
        }
    })
}

fn lines(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| !line.starts_with('#'))
}

#[test]
fn what_is_printed_is_read_and_printed_alike() {
    let files = [("key", include_str!("keys.txt")), ("actions", include_str!("actions.txt")), ("flow", include_str!("flows.txt"))];
    let mut failed = Vec::new();
    for (kind, file) in files {
        for line in lines(file) {
            let verbose = line.strip_prefix("-m ");
            let style = Style { names: None, verbose: verbose.is_some() };
            let text = verbose.unwrap_or(line);
            match canonical(kind, text, None, &style) {
                Ok(printed) if printed == text => {}
                Ok(printed) => failed.push(format!("{text}\n{printed}")),
                Err(error) => failed.push(format!("{text}\n{:1$}^ {error}", "", error.span.start)),
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn what_is_read_though_it_is_not_printed_so() {
    let mut failed = Vec::new();
    for line in lines(include_str!("lenient.txt")) {
        let (kind, rest) = line.split_once('|').unwrap();
        // Flags have bars of their own: what is given and what is printed are split where both halves can be read.
        let readable = rest.match_indices('|').find_map(|(at, _)| {
            let (given, expected) = (&rest[..at], &rest[at + 1..]);
            (canonical(kind, given, None, &Style::default()).ok()? == expected).then_some(())
        });
        if readable.is_none() {
            let given = rest.split('|').next().unwrap();
            failed.push(format!("{line}: {:?}", canonical(kind, given, None, &Style::default())));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_is_refused_and_where() {
    let mut failed = Vec::new();
    for line in lines(include_str!("errors.txt")) {
        let (kind, rest) = line.split_once('|').unwrap();
        let (reason, marked) = rest.split_once('|').unwrap();
        let (before, behind) = marked.split_once('«').unwrap();
        let (middle, after) = behind.split_once('»').unwrap();
        let text = format!("{before}{middle}{after}");
        let (start, end) = (before.len(), before.len() + middle.len());
        match canonical(kind, &text, None, &Style::default()) {
            Err(error) if (error.span.start, error.span.end) == (start, end) && format!("{:?}", error.reason).starts_with(reason) => {
                assert!(!error.to_string().is_empty());
            }
            other => failed.push(format!("{line}: {other:?}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn an_error_leaves_nothing_behind() {
    let (mut key, mut mask, mut actions) = (vec![1], vec![2, 3], vec![4]);
    assert!(parse_key("in_port(1),eth(", None, &mut key, &mut mask).is_err());
    assert!(parse_actions("1,clone(2,set(eth(", None, &mut actions).is_err());
    assert_eq!((key, mask, actions), (vec![1], vec![2, 3], vec![4]));
    let mut buf = FlowBuf::default();
    assert!(parse_flow("in_port(1) 1,x", None, &mut buf).is_err());
    assert!(buf.key.is_empty() && buf.mask.is_empty() && buf.actions.is_empty());
}

#[test]
fn nests_as_deep_as_the_kernel_has_them() {
    for (open, close, kind) in [("clone(", ")", "actions"), ("encap(", ")", "key"), ("sample(sample=1.0%,actions(", "))", "actions")] {
        let nest = |depth: usize| format!("{}{}{}", open.repeat(depth), if kind == "key" { "eth()" } else { "1" }, close.repeat(depth));
        assert_eq!(canonical(kind, &nest(16), None, &Style::default()).unwrap(), nest(16));
        assert_eq!(canonical(kind, &nest(17), None, &Style::default()).unwrap_err().reason, ParseReason::TooDeep);
        assert_eq!(canonical(kind, &open.repeat(100_000), None, &Style::default()).unwrap_err().reason, ParseReason::TooDeep);
    }
}

#[test]
fn what_no_attribute_can_hold() {
    let long = format!("userspace(pid=1,userdata({}))", "00".repeat(65536));
    assert_eq!(canonical("actions", &long, None, &Style::default()).unwrap_err().reason, ParseReason::TooLong);
    let many = format!("clone({})", "1,".repeat(20_000));
    assert_eq!(canonical("actions", &many, None, &Style::default()).unwrap_err().reason, ParseReason::TooLong);
    let mpls = format!("mpls({}label=1)", "label=1,".repeat(20_000));
    assert_eq!(canonical("key", &mpls, None, &Style::default()).unwrap_err().reason, ParseReason::TooLong);
}

#[test]
fn ports_by_name() {
    let numbers = |name: &str| match name {
        "br0" => Some(1),
        "7up" => Some(2),
        "eth0.100@x" => Some(4),
        "1" => Some(99),
        _ => None,
    };
    let names = |port: u32| ["", "br0", "7up", "", "eth0.100@x"].get(port as usize).copied().filter(|name| !name.is_empty());
    let plain = Style::default();
    let named = Style { names: Some(&names), verbose: false };
    for (kind, text, numbered) in [
        ("key", "in_port(br0),eth()", "in_port(1),eth()"),
        ("key", "in_port(7up)", "in_port(2)"),
        ("actions", "br0,7up,eth0.100@x,clone(br0)", "1,2,4,clone(1)"),
        ("actions", "userspace(pid=1,ipfix(output_port=br0),tunnel_out_port=7up)", "userspace(pid=1,ipfix(output_port=1),tunnel_out_port=2)"),
        ("flow", "in_port(br0) 7up", "in_port(1) 2"),
    ] {
        assert_eq!(canonical(kind, text, Some(&numbers), &plain).unwrap(), numbered);
        assert_eq!(canonical(kind, numbered, Some(&numbers), &named).unwrap(), text);
    }
    assert_eq!(canonical("actions", "1", Some(&numbers), &plain).unwrap(), "1", "a number is a number");
    assert_eq!(canonical("actions", "eth9", Some(&numbers), &plain).unwrap_err().reason, ParseReason::UnknownAction);
    assert_eq!(canonical("key", "in_port(eth9)", Some(&numbers), &plain).unwrap_err().reason, ParseReason::UnknownPort);
}

/// Everything `ovs-dpctl` of Open vSwitch 3.1 printed of two kernels' flows, with names and without.
#[test]
fn what_ovs_dpctl_printed() {
    let names = |port: u32| ["ovs-system", "br0", "dummy0", "vx0"].get(port as usize).copied();
    let numbers =
        |name: &str| ["ovs-system", "br0", "dummy0", "vx0"].iter().position(|known| *known == name).and_then(|port| u32::try_from(port).ok());
    let mut read = 0;
    for file in [include_str!("../captures/6.1-flow-dump.txt"), include_str!("../captures/6.12-flow-dump.txt")] {
        for line in file.lines() {
            let (verbose, text) = match (line.strip_prefix("text: "), line.strip_prefix("verbose: ")) {
                (Some(text), _) => (false, text),
                (_, Some(text)) => (true, text),
                _ => continue,
            };
            read += 1;
            let style = if verbose { Style { names: Some(&names), verbose } } else { Style::default() };
            match canonical("flow", text, Some(&numbers), &style) {
                Ok(printed) => assert_eq!(printed, text),
                // The numbers of dec_ttl, drop and psample mean something else to Open vSwitch's userspace.
                Err(error) if text.contains("tnl_p") => assert_eq!(error.reason, ParseReason::UserspaceOnly, "{text}"),
                Err(error) if text.contains("bad length") => assert_eq!(error.reason, ParseReason::UnknownAction, "{text}"),
                Err(error) => panic!("{text}\n{:1$}^ {error}", "", error.span.start),
            }
        }
    }
    assert!(read > 150, "only {read} lines");
}

/// What the kernel has of a flow is what its text, with every field, reads as.
#[test]
fn the_kernels_bytes_are_what_the_text_reads_as() {
    let mut read = 0;
    for file in ["6.1-flow-dump.bin", "6.12-flow-dump.bin"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
        let bytes = std::fs::read(folder.join(file)).unwrap();
        for message in Messages::new(&bytes).map_while(Result::ok).filter(|message| message.kind > 16) {
            let Ok(flow) = Flow::parse(message.payload) else { continue };
            let (Some(key), Some(mask), Some(actions)) = (flow.key, flow.mask, flow.actions) else { continue };
            let style = Style { names: None, verbose: true };
            let line = text(|out| append_flow(out, &flow, 0, &style));
            let mut buf = FlowBuf::default();
            parse_flow(&line, None, &mut buf).unwrap();
            read += 1;
            // The recorder's NSH is cut short: the kernel has no context for it, the text does.
            if !line.contains("nsh(flags=0x00/0x06") {
                assert_eq!(buf.key, key, "{line}");
            }
            for attr in Attrs::new(key).filter(|attr| attr.kind() != uapi::key::NSH) {
                let of = |mask| Attrs::new(mask).find(attr.kind()).map(|attr| attr.payload().to_vec());
                // That a tagged frame has no Ethernet type is not in the text.
                if !attr.payload().is_empty() {
                    assert_eq!(of(&buf.mask), of(mask), "{} of {line}", attr.kind());
                }
            }
            // A share of packets is printed rounded, the kernel turns the lists of check_pkt_len around, and it leaves out
            // psample's flag.
            if !line.contains("sample(") && !line.contains("check_pkt_len(") {
                assert_eq!(buf.actions, actions, "{line}");
            }
        }
    }
    assert!(read > 80, "only {read} flows");
}
