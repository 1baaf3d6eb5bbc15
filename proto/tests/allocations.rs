//! Reading, writing into a used buffer and printing into a used buffer allocate nothing: of everything two kernels dumped.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail it")]

use std::path::Path;

use allocation_counter::{AllocationInfo, measure};
use ovsdp_proto::flow::{self, Flow, FlowBuf, Put, append_flow, parse_flow};
use ovsdp_proto::key::{self, KeyBuf, L2};
use ovsdp_proto::nlmsg::Messages;
use ovsdp_proto::text::Style;
use ovsdp_proto::{Mac, Request, action};

/// The dumps of both kernels, with how many flows they have.
fn dumps() -> (Vec<u8>, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let bytes = ["6.1-flow-dump.bin", "6.12-flow-dump.bin"].map(|file| std::fs::read(folder.join(file)).unwrap()).concat();
    let count = flows(&bytes).count();
    assert!(count > 150, "only {count} flows");
    (bytes, count)
}

fn flows(bytes: &[u8]) -> impl Iterator<Item = Flow<'_>> {
    Messages::new(bytes).map_while(Result::ok).filter(|message| message.kind > 16).filter_map(|message| Flow::parse(message.payload).ok())
}

/// What `work` allocates when it has been done once before.
fn second_time(mut work: impl FnMut()) -> AllocationInfo {
    work();
    measure(work)
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(vec![1u8]))).count_total, 1);
}

#[test]
fn reading_allocates_nothing() {
    let (bytes, count) = dumps();
    let (mut read, mut fields) = (0, 0);
    let counted = measure(|| {
        for flow in flows(&bytes) {
            read += 1;
            for part in [flow.key, flow.mask].into_iter().flatten() {
                fields += key::fields(part).filter(Result::is_ok).count();
                L2::parse(part).unwrap();
            }
            fields += action::actions(flow.actions.unwrap_or_default()).filter(Result::is_ok).count();
        }
    });
    assert_eq!((counted.count_total, read), (0, count));
    assert!(fields > 1000, "only {fields} fields");
}

#[test]
fn writing_allocates_nothing() {
    let (bytes, _) = dumps();
    let (mut key, mut mask, mut actions, mut out) = (KeyBuf::new(), KeyBuf::new(), Vec::new(), Vec::new());
    let counted = second_time(|| {
        out.clear();
        for flow in flows(&bytes) {
            let put = Put { ufid: flow.ufid, key: flow.key, mask: flow.mask, actions: flow.actions, ..Put::default() };
            flow::new(&mut out, Request::new(29, 1, 0), &put).unwrap();
        }
        for port in 0..100 {
            key.clear();
            mask.clear();
            actions.clear();
            for buf in [&mut key, &mut mask] {
                buf.recirc_id(0).in_port(port).ethernet(Mac::ZERO, Mac::BROADCAST).eth_type(0x8100).vlan(0x1001);
                let inner = |key: &mut KeyBuf| {
                    key.eth_type(0x0800);
                };
                buf.encap(inner).unwrap();
            }
            action::pop_vlan(&mut actions);
            action::output(&mut actions, port);
            let put = Put { key: Some(key.as_bytes()), mask: Some(mask.as_bytes()), actions: Some(&actions), ..Put::default() };
            flow::new(&mut out, Request::new(29, port, 0), &put).unwrap();
        }
    });
    assert_eq!(counted.count_total, 0);
    assert!(out.len() > 20_000, "only {} bytes", out.len());
}

#[test]
fn printing_and_reading_text_allocate_nothing() {
    let (bytes, count) = dumps();
    let names = |port: u32| (port == 1).then_some("br0");
    let (mut out, mut buf) = (Vec::new(), FlowBuf::default());
    for style in [Style::default(), Style { names: None, verbose: true }, Style { names: Some(&names), verbose: false }] {
        let counted = second_time(|| {
            out.clear();
            for flow in flows(&bytes) {
                append_flow(&mut out, &flow, 1_000_000, &style);
                out.push(b'\n');
            }
        });
        assert_eq!(counted.count_total, 0);
        let text = String::from_utf8(out.clone()).unwrap();
        assert_eq!(text.lines().count(), count);
        let counted = second_time(|| {
            for line in text.lines() {
                let _ = parse_flow(line, None, &mut buf);
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}
