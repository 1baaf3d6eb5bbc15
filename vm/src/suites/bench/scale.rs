//! Many ports, many bridges, many addresses: what bringing them up takes, what they cost in memory, and what a flow's set-up costs
//! among them.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::millis;
use super::switch::{A, B, resident};
use super::table::{Bar, Row, grouped, table};
use crate::guest::{Host, Traffic, World, eventually};
use crate::registry::{Kind, Program};
use crate::suites::stage::file;

/// `cargo vm bench scale`.
pub(super) const PROGRAM: Program = Program {
    name: "scale",
    kind: Kind::Bench,
    summary: "10 to 1,000 ports, 1 to 100 bridges, 4,094 VLANs, 100,000 addresses: bring-up, memory, flow set-up",
    run,
    timeout: Duration::from_secs(3600),
    memory: 3072,
    record: Some(super::DOCUMENT),
};

/// Packets of new stations, each a flow's set-up.
const BURST: u32 = 5_000;
/// No packet comes for this long: it is lost.
const QUIET: Duration = Duration::from_secs(5);
/// The kernel takes the ports of a host that is gone away one by one, each for some 20 ms.
const AWAY: Duration = Duration::from_secs(300);

/// How many of what there are.
#[derive(Debug, Clone, Copy)]
struct Case {
    bridges: u32,
    /// Of each bridge.
    ports: u32,
    /// The size of each table of addresses, and how many are learned before anything is measured.
    addresses: u32,
    /// In how many VLANs they are; 0: without.
    vlans: u32,
    /// Fake bridges of the first bridge, each in a VLAN of its own.
    fakes: u32,
}

impl Case {
    const fn new(bridges: u32, ports: u32) -> Case {
        Case { bridges, ports, addresses: 8192, vlans: 0, fakes: 0 }
    }

    /// What a file asks for: ports and fake bridges.
    const fn all(&self) -> u32 {
        self.bridges * self.ports + self.fakes
    }
}

const CASES: [Case; 9] = [
    Case::new(1, 10),
    Case::new(1, 100),
    Case::new(1, 1000),
    Case::new(10, 2),
    Case::new(100, 2),
    Case { vlans: 409, fakes: 409, ..Case::new(1, 10) },
    Case { vlans: 4094, fakes: 4094, ..Case::new(1, 10) },
    Case { addresses: 100_000, ..Case::new(1, 10) },
    Case { addresses: 100_000, vlans: 4094, ..Case::new(1, 10) },
];

#[derive(Debug)]
struct Measured {
    case: Case,
    up: f64,
    nothing: f64,
    plan: f64,
    memory: f64,
    set_up: f64,
    lost: u32,
}

fn run(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("host")?;
    host.run("modprobe openvswitch")?;
    println!("Linux {}; once each.\n", host.run("uname -r")?.stdout.trim());
    drop(host);
    let none = attached(world)?;
    let mut measured = Vec::new();
    for case in CASES {
        // What the case before leaves goes away by itself, under the lock that every request needs.
        eventually(AWAY, || {
            let left = attached(world)?;
            ensure!(left <= none, "{left} datapath ports are there still, not {none}");
            Ok(())
        })?;
        measured.push(measure(world, case)?);
    }
    let mut text = "| bridges | ports of each | fake bridges | addresses | in VLANs | `ovsdp up` | each port | `ovsdp up`, nothing to do | `ovsdp plan` | resident memory | time a set-up | lost |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for Measured { case, up, nothing, plan, memory, set_up, lost } in &measured {
        let each = up / f64::from(case.all());
        let [bridges, ports, fakes, addresses, vlans] = [case.bridges, case.ports, case.fakes, case.addresses, case.vlans].map(grouped);
        let _ = writeln!(
            text,
            "| {bridges} | {ports} | {fakes} | {addresses} | {vlans} | {up:.0} ms | {each:.1} ms | {nothing:.0} ms | {plan:.0} ms | {memory:.1} MB | {set_up:.0} µs | {lost} |"
        );
    }
    println!("{text}");
    let grown = |what: &str, less: &Measured, more: &Measured, get: fn(&Measured) -> f64, unit| Row {
        quantity: what.to_owned(),
        unit,
        ours: vec![get(more)],
        theirs: vec![get(less)],
        bar: Bar::Ratio(10.0),
    };
    let [_, hundred, thousand, ten_bridges, hundred_bridges, some_fakes, all_fakes, ..] = &measured[..] else {
        anyhow::bail!("not every case was measured")
    };
    let rows = [
        grown("`up` of 1,000 ports; beside 100", hundred, thousand, |one| one.up, "ms"),
        grown("`up` of 1,000 ports with nothing to do; beside 100", hundred, thousand, |one| one.nothing, "ms"),
        grown("`up` of 100 bridges; beside 10", ten_bridges, hundred_bridges, |one| one.up, "ms"),
        grown("`up` of 4,094 fake bridges; beside 409", some_fakes, all_fakes, |one| one.up, "ms"),
        grown("`up` of 4,094 fake bridges with nothing to do; beside 409", some_fakes, all_fakes, |one| one.nothing, "ms"),
    ];
    println!("{}", table("a tenth as many", &rows));
    Ok(())
}

/// How many ports of datapaths there are in all namespaces, with what else holds the module: each port does.
fn attached(world: &World) -> anyhow::Result<u32> {
    world.run("cat /sys/module/openvswitch/refcnt")?.stdout.trim().parse().context("the module's users are not counted")
}

fn measure(world: &World, case: Case) -> anyhow::Result<Measured> {
    let (host, far) = (world.host("host")?, world.host("far")?);
    for one in [&host, &far] {
        one.run("for all in all default; do echo 1 >/proc/sys/net/ipv6/conf/$all/disable_ipv6; done")?;
    }
    plug(world, &host, &far, case)?;
    let up = clock(&host, "ovsdp up")?;
    let nothing = clock(&host, "ovsdp up")?;
    let plan = clock(&host, "ovsdp plan")?;

    // Station 0 of the one side is behind the second port of the first bridge, all of the other behind its first.
    let heard = far.arrivals("q1", 1, QUIET)?;
    far.blast("q2", &Traffic::of_each(B, 1, A))?.wait(Duration::from_secs(10))?;
    heard.wait(Duration::from_secs(30))?;
    let learned = case.addresses - 100;
    let arrivals = far.arrivals("q2", learned, QUIET)?;
    far.blast("q1", &Traffic { first: BURST, rate: 4000, vlans: case.vlans, ..Traffic::of_each(A, learned, B) })?.wait(Duration::from_secs(240))?;
    arrivals.wait(Duration::from_secs(240))?;
    let told = host.json("ovsdp fdb stats br1 --json")?;
    let current = told["tables"][0]["current"].as_u64().with_context(|| format!("no number in {told}"))?;
    ensure!(current >= u64::from(learned), "{current} of {learned} addresses are known");
    let memory = resident(&host, &["ovsdp"])?;

    let arrivals = far.arrivals("q2", BURST, QUIET)?;
    let sent = far.blast("q1", &Traffic::of_each(A, BURST, B))?.wait(Duration::from_secs(60))?;
    let arrived = arrivals.wait(Duration::from_secs(120))?;
    let set_up = arrived.last.saturating_sub(sent.began).as_secs_f64() * 1e6 / f64::from(arrived.packets.max(1));
    Ok(Measured { case, up, nothing, plan, memory, set_up, lost: sent.packets.saturating_sub(arrived.packets) })
}

/// Makes the ports, each a cable to the other host, and the files.
fn plug(world: &World, host: &Host, far: &Host, case: Case) -> anyhow::Result<()> {
    let all = case.bridges * case.ports;
    let near = (1..=all).fold(String::new(), |mut text, port| {
        let _ = writeln!(text, "link add name p{port} netns {} type veth peer name q{port} netns {}", host.pid(), far.pid());
        text
    });
    std::fs::write("/tmp/plug", near).context("cannot write")?;
    world.run("ip -batch /tmp/plug")?;
    for (one, name) in [(host, "p"), (far, "q")] {
        one.write("/tmp/up", &(1..=all).map(|port| format!("link set {name}{port} up\n")).collect::<String>())?;
        one.run("ip -batch /tmp/up")?;
    }
    for bridge in 1..=case.bridges {
        let extra = format!(r#"OVS_EXTRA="set bridge br{bridge} other-config:mac-table-size={}""#, case.addresses);
        file(host, &format!("br{bridge}"), &format!("TYPE=OVSBridge\nBOOTPROTO=none\n{extra}\n"))?;
        for port in (bridge - 1) * case.ports + 1..=bridge * case.ports {
            file(host, &format!("p{port}"), &format!("TYPE=OVSPort\nOVS_BRIDGE=br{bridge}\n"))?;
        }
    }
    for vlan in 1..=case.fakes {
        file(host, &format!("vlan{vlan}"), &format!("TYPE=OVSBridge\nBOOTPROTO=none\nOVS_OPTIONS=\"br1 {vlan}\"\n"))?;
    }
    Ok(())
}

fn clock(host: &Host, command: &str) -> anyhow::Result<f64> {
    let timed = host.clock_silently(&[command])?;
    Ok(millis(timed.first().context("no command")?.took()))
}
