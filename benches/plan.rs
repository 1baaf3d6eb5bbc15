//! What a command costs on a host of many ports, without the kernel: reading the folder with all that is said of it, and the plan for
//! files that ask for what is there already.

#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod cpu_time;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ovsdp::host::config;
use ovsdp::ifcfg::{self, Check, Host};
use ovsdp::model::{Intent, Kind};
use ovsdp::plan::{self, Address, Link, Observed, PROTOCOL_KERNEL, Route, Step, Vport};
use ovsdp_proto::{IfName, Mac};

use cpu_time::CpuTime;

/// The bridges, the ports of each, and the fake bridges of the first, each in a VLAN of its own.
const SHAPES: [(u32, u32, u32); 7] = [(1, 100, 0), (1, 1000, 0), (1, 4094, 0), (10, 100, 0), (100, 10, 0), (1, 10, 409), (1, 10, 4094)];

fn name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

/// A file for each bridge, each port and each fake bridge.
fn write(dir: &Path, (bridges, ports, fakes): (u32, u32, u32)) {
    for bridge in 1..=bridges {
        let [_, _, high, low] = bridge.to_be_bytes();
        let address = format!("TYPE=OVSBridge\nBOOTPROTO=static\nIPADDR=10.{high}.{low}.1\nPREFIX=24\n");
        fs::write(dir.join(format!("ifcfg-br{bridge}")), format!("DEVICE=br{bridge}\nDEVICETYPE=ovs\nONBOOT=yes\n{address}")).unwrap();
        for port in 1..=ports {
            let device = format!("p{bridge}x{port}");
            let text = format!(
                "DEVICE={device}\nDEVICETYPE=ovs\nONBOOT=yes\nBOOTPROTO=none\nTYPE=OVSPort\nOVS_BRIDGE=br{bridge}\nOVS_OPTIONS=\"tag={}\"\n",
                port % 4094 + 1
            );
            fs::write(dir.join(format!("ifcfg-{device}")), text).unwrap();
        }
    }
    for vlan in 1..=fakes {
        let text = format!("DEVICE=vlan{vlan}\nDEVICETYPE=ovs\nONBOOT=yes\nBOOTPROTO=none\nTYPE=OVSBridge\nOVS_OPTIONS=\"br1 {vlan}\"\n");
        fs::write(dir.join(format!("ifcfg-vlan{vlan}")), text).unwrap();
    }
}

/// The host with a device for every port, each with the address and the routes that the kernel gives it.
fn bare(intent: &Intent) -> Observed {
    let mut host = Observed { machine: [9; 16], ..Observed::default() };
    for (index, interface) in intent.bridges.values().flat_map(|bridge| bridge.interfaces()).enumerate() {
        if interface.kind == Kind::System {
            add(&mut host, interface.name, u32::try_from(index).unwrap() + 10);
        }
    }
    host
}

fn add(host: &mut Observed, ifname: IfName, index: u32) {
    let [a, b, c, d] = index.to_be_bytes();
    let link = Link {
        index,
        mac: Some(Mac([0x52, 0x54, a, b, c, d])),
        permanent_mac: None,
        mtu: 1500,
        up: true,
        kind: Some("veth".to_owned()),
        tunnel: None,
        ethernet: true,
        loopback: false,
        master: None,
        lower: None,
    };
    host.links.insert(ifname, link);
    host.addresses.push(Address::lasting(ifname, format!("fe80::5054:{a:x}{b:02x}:{c:x}{d:02x}/64").parse().unwrap()));
    for net in ["fe80::/64", "ff00::/8"] {
        host.routes.push(Route { metric: Some(256), ..Route::main(ifname, net.parse().unwrap(), None, PROTOCOL_KERNEL) });
    }
}

/// The host after the plan for it was carried out.
fn settled(intent: &Intent) -> Observed {
    let mut host = bare(intent);
    for _ in 0..4 {
        let plan = plan::up(intent, &[], &host).unwrap();
        if plan.is_empty() {
            return host;
        }
        plan.steps.iter().for_each(|step| carry_out(&mut host, step));
    }
    unreachable!("there is always more to do")
}

fn carry_out(host: &mut Observed, step: &Step) {
    let number = u32::try_from(host.vports.len()).unwrap();
    match step {
        Step::CreateDatapath => {
            host.datapath = true;
            host.vports.insert(name("ovs-system"), Vport { port_no: 0, kind: Kind::Internal, tunnel: false });
        }
        Step::CreateInternal { name, .. } => {
            add(host, *name, 100_000 + number);
            host.vports.insert(*name, Vport { port_no: number, kind: Kind::Internal, tunnel: false });
        }
        Step::AttachSystem { name, .. } => drop(host.vports.insert(*name, Vport { port_no: number, kind: Kind::System, tunnel: false })),
        Step::SetMac { name, to, .. } => host.links.get_mut(name).unwrap().mac = Some(*to),
        Step::AddAddress { address, .. } => host.addresses.push(address.clone()),
        Step::Remember { bridge, to, .. } => drop(host.memory.bridges.insert(*bridge, (**to).clone())),
        Step::SetUp { .. } | Step::ProbeAddresses { .. } | Step::WriteResolver { .. } => {}
        other => unreachable!("{other}"),
    }
}

fn commands(c: &mut Criterion<CpuTime>) {
    for shape @ (bridges, ports, fakes) in SHAPES {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), shape);
        let intent = config::read(dir.path()).unwrap().intent;
        let (before, after) = (bare(&intent), settled(&intent));
        let host = Host::new("host");
        let id = if fakes == 0 { format!("{bridges} of {ports} ports") } else { format!("{bridges} of {ports} ports and {fakes} fake bridges") };

        let mut group = c.benchmark_group("command");
        group.throughput(Throughput::Elements(u64::from(bridges * ports + fakes))).warm_up_time(Duration::from_millis(500));
        group.measurement_time(Duration::from_secs(2)).sample_size(10);
        group.bench_function(BenchmarkId::new("the folder", &id), |b| b.iter(|| config::read(black_box(dir.path())).unwrap().warnings()));
        group.bench_function(BenchmarkId::new("the linter", &id), |b| {
            b.iter(|| {
                let sources = ifcfg::load(black_box(dir.path())).unwrap();
                Check::begin(&sources, &host).finish(&sources, None)
            });
        });
        group.bench_function(BenchmarkId::new("plan, nothing to do", &id), |b| {
            b.iter(|| assert!(plan::up(&intent, &[], black_box(&after)).unwrap().is_empty()));
        });
        group.bench_function(BenchmarkId::new("plan, everything to do", &id), |b| b.iter(|| plan::up(&intent, &[], black_box(&before)).unwrap()));
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = commands
}
criterion_main!(benches);
