//! What reading, writing and printing flows costs in allocations, beside the same work done by other crates: exact counts,
//! so nothing is sampled. What it costs in time is measured by the bench `codec`.

#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod codec {
    pub(crate) mod work;
}

use std::hint::black_box;

use allocation_counter::measure;
use ovsdp_proto::flow::{FlowBuf, append_flow, parse_flow};
use ovsdp_proto::text::Style;

use codec::work::{self, Builder, STATIONS, Sum, baseline};

/// Counts what `work` allocates once it has seen its load.
fn count<T>(name: &str, mut work: impl FnMut() -> T) {
    black_box(work());
    let counted = measure(|| drop(black_box(work())));
    println!("{name:<60} {:>8} allocations {:>10} bytes", counted.count_total, counted.bytes_total);
}

fn main() {
    let (full, terse) = (work::plain(), work::terse());
    let mut sum = Sum::default();
    count("decode, full", || work::read(&full));
    count("decode, terse", || work::read(&terse));
    count("decode, full, every attribute", || work::ours(&full, &mut sum).unwrap());
    count("decode, full, every attribute, netlink-packet-core borrowed", || baseline::core_borrowed(&full, &mut sum).unwrap());
    count("decode, full, every attribute, netlink-packet-core owned", || baseline::core_owned(&full, &mut sum).unwrap());
    count("decode, full, every attribute, neli", || baseline::neli_typed(&full, &mut sum).unwrap());

    let (mut builder, mut out) = (Builder::default(), Vec::new());
    count("encode FLOW_NEW, key, mask and actions made anew", || {
        out.clear();
        builder.flow_new(STATIONS, 2, &mut out);
    });
    let flow = work::read(&full);
    count("encode FLOW_NEW, of the parts of a full flow", || {
        out.clear();
        work::again(&flow, &mut out);
    });
    count("encode FLOW_NEW, netlink-packet-core", || {
        out.clear();
        baseline::core_flow_new(STATIONS, 2, &mut out);
    });
    count("encode FLOW_NEW, neli", || {
        out.clear();
        baseline::neli_flow_new(STATIONS, 2, &mut out);
    });

    for (name, message) in work::lines() {
        let flow = work::read(&message);
        for verbose in [false, true] {
            count(&format!("format, {name}{}", if verbose { ", -m" } else { "" }), || {
                out.clear();
                append_flow(&mut out, &flow, 200_000, &Style { names: None, verbose });
            });
        }
        let (line, mut buf) = (work::line(&message, false), FlowBuf::default());
        count(&format!("parse, {name}"), || parse_flow(&line, None, &mut buf).is_ok());
    }

    let datagrams = work::dump();
    count("dump of 100,000 flows, to text", || assert_eq!(work::to_text(&datagrams, &mut out), work::FLOWS));
    let mut line = Vec::new();
    count("dump of 100,000 flows, to JSON", || assert_eq!(work::to_json(&datagrams, &mut line, &mut out), work::FLOWS));
    let filter = work::filter();
    count("dump of 100,000 flows, filter", || assert_eq!(work::chosen(&datagrams, &filter), 1));
}
