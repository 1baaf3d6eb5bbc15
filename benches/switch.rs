//! What the switch costs per packet, without the kernel: a decision, learning, looking up, naming and recording a flow,
//! judging a dump entry.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ovsdp::switch::fdb::{Fdb, Limits};
use ovsdp::switch::{Bridge, Counters, Decision, FlowTable, Insert, Moment, Policy, PortId, Revalidator, Seed, Switch, Topology};
use ovsdp_proto::key::KeyBuf;
use ovsdp_proto::{IfName, Mac, nla, uapi};

const STATIONS: u32 = 8192;
const FLOWS: u32 = 100_000;

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x52, 0x54, a, b, c, d])
}

fn topology(ports: u32, table: u32) -> Topology {
    let name = |text: &str| IfName::new(text).unwrap_or_else(|_| unreachable!());
    let bridge = (2..2 + ports).fold(Bridge::new(name("br0"), 1), |bridge, port| bridge.port(name(&format!("p{port}")), port));
    Topology { bridges: vec![bridge.table_size(table)] }
}

/// A key as the kernel makes it of a UDP packet.
fn key(port: u32, src: u32, dst: u32) -> Vec<u8> {
    let mut buf = KeyBuf::new();
    buf.recirc_id(0).dp_hash(0).priority(0).in_port(port).skb_mark(0);
    let mut bytes = buf.as_bytes().to_vec();
    nla::put_u32(&mut bytes, uapi::key::CT_STATE, 0);
    nla::put_u16(&mut bytes, uapi::key::CT_ZONE, 0);
    nla::put_u32(&mut bytes, uapi::key::CT_MARK, 0);
    nla::put_array(&mut bytes, uapi::key::CT_LABELS, [0; 16]);
    buf.clear();
    buf.ethernet(mac(src), mac(dst)).eth_type(0x0800);
    bytes.extend_from_slice(buf.as_bytes());
    nla::put_array(&mut bytes, uapi::key::IPV4, [10, 0, 0, 1, 10, 0, 0, 2, 17, 0, 64, 0]);
    nla::put_array(&mut bytes, uapi::key::UDP, [0, 53, 0, 53]);
    bytes
}

/// The port a station is behind.
fn port_of(station: u32) -> u32 {
    2 + station % 32
}

fn switch(table: u32) -> Switch {
    let mut switch = Switch::new();
    let _ = switch.set_topology(Moment(0), topology(32, table));
    switch
}

fn decisions(c: &mut Criterion) {
    let mut group = c.benchmark_group("upcall");
    group.throughput(Throughput::Elements(1));
    let mut decision = Decision::new();

    let mut known = switch(STATIONS);
    let keys: Vec<Vec<u8>> = (0..STATIONS).map(|n| key(port_of(n), n, (n * 7 + 1) % STATIONS)).collect();
    keys.iter().for_each(|key| known.upcall(Moment(1), key, &mut decision));
    let mut at = (0..keys.len()).cycle();
    group.bench_function("unicast, both stations known", |b| {
        b.iter(|| known.upcall(Moment(2), black_box(&keys[at.next().unwrap_or(0)]), &mut decision));
    });

    // Four times as many stations as fit, in turn: each is new and evicts one.
    let mut full = switch(STATIONS);
    let keys: Vec<Vec<u8>> = (0..4 * STATIONS).map(|n| key(port_of(n), n, 1_000_000)).collect();
    keys.iter().for_each(|key| full.upcall(Moment(1), key, &mut decision));
    let mut at = (0..keys.len()).cycle();
    group.bench_function("flood to 32 ports, new sender, table full", |b| {
        b.iter(|| {
            full.upcall(Moment(2), black_box(&keys[at.next().unwrap_or(0)]), &mut decision);
            full.forgotten().for_each(drop);
        });
    });

    group.bench_function("the same, and the flow named, recorded and removed", |b| {
        let mut flows = FlowTable::new(Seed([5; 16]), 200_000);
        let mut at = (0..keys.len()).cycle();
        b.iter(|| {
            let key = &keys[at.next().unwrap_or(0)];
            full.upcall(Moment(2), key, &mut decision);
            for learned in &decision.learned {
                flows.outdated(learned, &mut |ufid| {
                    black_box(ufid);
                });
            }
            let insert = flows.insert(Moment(2), key, &decision, full.generation());
            flows.settle(&mut full);
            if let Insert::New(ufid) = insert
                && flows.len() > 10_000
            {
                flows.remove(&ufid);
            }
        });
    });
    group.finish();
}

fn tables(c: &mut Criterion) {
    let mut group = c.benchmark_group("fdb");
    group.throughput(Throughput::Elements(1));
    let mut decision = Decision::new();
    let mut switch = switch(STATIONS);
    let mut handle = |n: u32| {
        switch.upcall(Moment(0), &key(port_of(n), n, 1), &mut decision);
        decision.port
    };
    let ports: Vec<PortId> = (0..32).filter_map(&mut handle).collect();
    for size in [8192, 1_000_000] {
        let mut fdb = Fdb::new(Limits::new(Duration::from_secs(300), size));
        for n in 0..size {
            fdb.learn(Moment(0), (0, mac(n)), ports[n as usize % ports.len()]);
        }
        let mut n = 0u32;
        let mut next = move || {
            n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (n >> 4) % size
        };
        group.bench_function(format!("find, {size} addresses"), |b| b.iter(|| black_box(fdb.find((0, mac(next()))))));
        group.bench_function(format!("learn what is known, {size} addresses"), |b| {
            b.iter(|| {
                let n = next();
                fdb.learn(Moment(1), (0, mac(n)), ports[n as usize % ports.len()])
            });
        });
        let mut fresh = 2_000_000u32;
        group.bench_function(format!("learn a new one by evicting, {size} addresses"), |b| {
            b.iter(|| {
                fresh = fresh.wrapping_add(1);
                fdb.learn(Moment(1), (0, mac(fresh)), ports[fresh as usize % ports.len()])
            });
        });
    }
    group.finish();
}

fn revalidation(c: &mut Criterion) {
    let mut group = c.benchmark_group("revalidate 100,000 flows");
    group.sample_size(20).throughput(Throughput::Elements(u64::from(FLOWS)));
    let mut switch = switch(200_000);
    let mut flows = FlowTable::new(Seed([5; 16]), 200_000);
    let mut decision = Decision::new();
    for n in 0..FLOWS {
        let key = key(port_of(n), n, (n * 7 + 1) % FLOWS);
        switch.upcall(Moment(0), &key, &mut decision);
        for learned in &decision.learned {
            flows.outdated(learned, &mut |_| {});
        }
        flows.insert(Moment(0), &key, &decision, switch.generation());
    }
    // Once more, for those that were deleted when their destination spoke.
    for n in 0..FLOWS {
        let key = key(port_of(n), n, (n * 7 + 1) % FLOWS);
        switch.upcall(Moment(0), &key, &mut decision);
        flows.insert(Moment(0), &key, &decision, switch.generation());
    }
    assert_eq!(flows.len(), FLOWS);
    let names: Vec<_> = flows.iter().map(|flow| flow.ufid).collect();
    let mut revalidator = Revalidator::new(Policy { flow_limit: 400_000, ..Policy::default() });
    let mut packets = 0;
    let mut pass = |switch: &mut Switch, more: u64| {
        packets += more;
        let counters = Counters { packets, bytes: packets, used: Some(Moment(1)) };
        // Told of few flows it does not thin them, however low its limit still is.
        revalidator.begin(Moment(1), &mut flows, 0);
        for ufid in &names {
            let verdict = revalidator.check(Moment(1), switch, &mut flows, ufid, counters, &mut decision, &mut |_| {});
            black_box(verdict);
        }
        let pass = revalidator.end(&mut flows, FLOWS, Duration::from_millis(1));
        assert_eq!((pass.deleted, pass.lost), (0, 0));
    };
    group.bench_function("nothing changed, all idle", |b| b.iter(|| pass(&mut switch, 0)));
    group.bench_function("nothing changed, all in use", |b| b.iter(|| pass(&mut switch, 1)));
    let mut ports = 32;
    group.bench_function("a port came or went, all in use", |b| {
        b.iter(|| {
            ports = 65 - ports;
            let _ = switch.set_topology(Moment(1), topology(ports, 200_000));
            pass(&mut switch, 1);
        });
    });
    group.finish();
}

criterion_group!(benches, decisions, tables, revalidation);
criterion_main!(benches);
