//! What reading, writing and printing flows costs in time, beside the same work done by other crates. What it costs in
//! allocations is counted by the bench `allocations`.

#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod codec {
    pub(crate) mod work;
}
mod cpu_time;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ovsdp_proto::flow::{Flow, FlowBuf, append_flow, parse_flow};
use ovsdp_proto::nlmsg::Messages;
use ovsdp_proto::text::Style;

use codec::work::{self, Builder, STATIONS, Sum, baseline};
use cpu_time::CpuTime;

/// Every reader and writer has to come to the same before any of them is measured.
fn agree() {
    let message = work::plain();
    let mut sums = [Sum::default(); 4];
    let [ours, borrowed, owned, neli] = &mut sums;
    work::ours(&message, ours).unwrap();
    baseline::core_borrowed(&message, borrowed).unwrap();
    baseline::core_owned(&message, owned).unwrap();
    baseline::neli_typed(&message, neli).unwrap();
    assert!(sums[0].attrs > 20 && sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    let mut messages = [Vec::new(), Vec::new(), Vec::new()];
    let [ours, core, neli] = &mut messages;
    Builder::default().flow_new(STATIONS, 2, ours);
    baseline::core_flow_new(STATIONS, 2, core);
    baseline::neli_flow_new(STATIONS, 2, neli);
    let sums = messages.map(|message| {
        let mut sum = Sum::default();
        work::ours(&message, &mut sum).unwrap();
        (sum, work::line(&message, true), message.len())
    });
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
}

fn decode(c: &mut Criterion<CpuTime>) {
    agree();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (name, message) in [("full", work::plain()), ("terse", work::terse())] {
        group.bench_function(format!("{name}, message and flow"), |b| b.iter(|| black_box(work::read(black_box(&message)))));
        let payload = Messages::new(&message).next().unwrap().unwrap().payload;
        group.bench_function(format!("{name}, flow"), |b| b.iter(|| black_box(Flow::parse(black_box(payload)))));
    }
    let message = work::plain();
    let mut sum = Sum::default();
    group.bench_function("full, every attribute", |b| b.iter(|| work::ours(black_box(&message), &mut sum)));
    group
        .bench_function("full, every attribute, netlink-packet-core borrowed", |b| b.iter(|| baseline::core_borrowed(black_box(&message), &mut sum)));
    group.bench_function("full, every attribute, netlink-packet-core owned", |b| b.iter(|| baseline::core_owned(black_box(&message), &mut sum)));
    group.bench_function("full, every attribute, neli", |b| b.iter(|| baseline::neli_typed(black_box(&message), &mut sum)));
    black_box(sum);
    group.finish();
}

fn encode(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("encode FLOW_NEW");
    group.throughput(Throughput::Elements(1));
    let mut out = Vec::new();
    let mut builder = Builder::default();
    group.bench_function("key, mask and actions made anew", |b| {
        b.iter(|| {
            out.clear();
            builder.flow_new(black_box(STATIONS), 2, &mut out);
        });
    });
    let message = work::plain();
    let flow = work::read(&message);
    group.bench_function("of the parts of a full flow", |b| {
        b.iter(|| {
            out.clear();
            work::again(black_box(&flow), &mut out);
        });
    });
    group.bench_function("netlink-packet-core", |b| {
        b.iter(|| {
            out.clear();
            baseline::core_flow_new(black_box(STATIONS), 2, &mut out);
        });
    });
    group.bench_function("neli", |b| {
        b.iter(|| {
            out.clear();
            baseline::neli_flow_new(black_box(STATIONS), 2, &mut out);
        });
    });
    group.finish();
}

fn text(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Elements(1));
    let mut out = Vec::new();
    for (name, message) in work::lines() {
        let flow = work::read(&message);
        for verbose in [false, true] {
            let style = Style { names: None, verbose };
            group.bench_function(format!("format, {name}{}", if verbose { ", -m" } else { "" }), |b| {
                b.iter(|| {
                    out.clear();
                    append_flow(&mut out, black_box(&flow), 200_000, &style);
                });
            });
        }
        let line = work::line(&message, false);
        let mut buf = FlowBuf::default();
        group.bench_function(format!("parse, {name}"), |b| b.iter(|| parse_flow(black_box(&line), None, &mut buf).is_ok()));
    }
    group.finish();
}

fn dump(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("dump of 100,000 flows");
    group.sample_size(20).throughput(Throughput::Elements(work::FLOWS.into()));
    let datagrams = work::dump();
    let mut out = Vec::new();
    group.bench_function("to text", |b| b.iter(|| assert_eq!(work::to_text(black_box(&datagrams), &mut out), work::FLOWS)));
    let mut line = Vec::new();
    group.bench_function("to JSON", |b| b.iter(|| assert_eq!(work::to_json(black_box(&datagrams), &mut line, &mut out), work::FLOWS)));
    let filter = work::filter();
    group.bench_function("filter", |b| b.iter(|| assert_eq!(work::chosen(black_box(&datagrams), &filter), 1)));
    group.finish();
}

criterion_group!(name = benches; config = Criterion::default().with_measurement(CpuTime); targets = decode, encode, text, dump);
criterion_main!(benches);
