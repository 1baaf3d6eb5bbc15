//! From nothing to the first packet, what it costs to stand there, and what a command costs that has nothing to do.
//!
//! Each sample is a host of its own: `eth0` and `p2` up, no address, nothing running, no datapath. The first command's start
//! is where the clock starts; a station behind `eth0` asks for the address all the time and knows the bridge's MAC.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::millis;
use super::table::{Bar, Row, median, table};
use crate::guest::{Host, Timed, World};
use crate::peers::OpenVswitch;
use crate::registry::{Kind, MEMORY, Program};
use crate::suites::stage::ifcfg;

/// `cargo vm bench bring-up`.
pub(super) const PROGRAM: Program = Program {
    name: "bring-up",
    kind: Kind::Bench,
    summary: "first ping, memory, a command with nothing to do, size: beside Open vSwitch",
    run,
    timeout: Duration::from_secs(600),
    memory: MEMORY,
    record: Some(super::DOCUMENT),
};

/// How often everything is measured, turn by turn.
const ROUNDS: usize = 5;
/// How many commands with nothing to do are timed in each round.
const NO_OPS: usize = 5;
/// After the pings, before memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// A static program that does nothing: what starting a process costs in this guest.
const NOTHING: &str = "busybox true";

const ADDRESS: &str = "10.0.0.100";
const ETH0: &str = "00:16:3e:01:00:01";
const P2: &str = "00:16:3e:01:00:02";

/// The programs of Open vSwitch that do what the one of ovsdp does.
const THEIR_PROGRAMS: [&str; 4] = ["ovs-vswitchd", "ovsdb-server", "ovs-vsctl", "ovsdb-tool"];

/// What was measured of one of the two in one host.
#[derive(Debug, Default)]
struct Samples {
    first_reply: Vec<f64>,
    resident: Vec<f64>,
    private: Vec<f64>,
    no_op: Vec<f64>,
    /// A program that does nothing.
    nothing: Vec<f64>,
    /// The no-op's program, only started.
    start: Vec<f64>,
    commands: Vec<Vec<Timed>>,
}

/// How one of the two is brought up.
struct Way {
    /// From a bare host to one that answers.
    commands: &'static [&'static str],
    /// Succeeds without changing anything, once it is up.
    no_op: &'static str,
    /// What the no-op says, when it says something.
    says: Option<&'static str>,
    /// The same program, asked for no more than its name.
    start: &'static str,
    /// What stays in memory.
    processes: &'static [&'static str],
}

const OURS: Way =
    Way { commands: &["ovsdp up br0"], no_op: "ovsdp up br0", says: Some("nothing to do"), start: "ovsdp --version", processes: &["ovsdp"] };

const THEIRS: Way = Way {
    // What Open vSwitch's own start script does around these (system id, versions, log files, locked memory) is left out.
    commands: &[
        "ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema",
        "ovsdb-server /etc/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach --no-chdir -vconsole:off -vsyslog:off",
        "ovs-vswitchd unix:/run/openvswitch/db.sock --pidfile --detach --no-chdir -vconsole:off -vsyslog:off",
        "ovs-vsctl add-br br0 -- add-port br0 eth0 -- add-port br0 p2",
        "ip -batch /tmp/move",
    ],
    no_op: "ovs-vsctl --may-exist add-br br0",
    says: None,
    start: "ovs-vsctl --version",
    processes: &["ovs-vswitchd", "ovsdb-server"],
};

fn run(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("host")?;
    // For both the module is there; loading it takes the kernel longer than all else.
    host.run("modprobe openvswitch")?;
    OpenVswitch::wait_until_it_would_hear()?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        measure(world, &OURS, &mut ours)?;
        measure(world, &THEIRS, &mut theirs)?;
    }
    let size = |programs: &[&str]| programs.iter().map(|name| megabytes(&host, name)).sum::<anyhow::Result<f64>>();
    let sizes = (size(&["ovsdp"])?, size(&THEIR_PROGRAMS)?);

    let version = host.run("ovs-vswitchd --version")?.stdout;
    println!(
        "Linux {}, {}; medians of {ROUNDS} bring-ups and {} commands each, in turns, range in brackets.\n\
         Everything lies in an initramfs, so there is no disk to be cold; each bring-up is in a host (network, mounts, processes) of its own.\n",
        host.run("uname -r")?.stdout.trim(),
        version.lines().next().unwrap_or_default(),
        ROUNDS * NO_OPS,
    );
    let row = |quantity: &str, unit, ours: &[f64], theirs: &[f64], bar| Row {
        quantity: quantity.to_owned(),
        unit,
        ours: ours.to_vec(),
        theirs: theirs.to_vec(),
        bar,
    };
    println!(
        "{}",
        table(
            "Open vSwitch",
            &[
                row("first ping reply after the first command", "ms", &ours.first_reply, &theirs.first_reply, Bar::Ratio(0.2)),
                row("resident memory, idle", "MiB", &ours.resident, &theirs.resident, Bar::Ratio(0.4)),
                row("of it, its own (anonymous)", "MiB", &ours.private, &theirs.private, Bar::None),
                row("a command with nothing to do", "ms", &ours.no_op, &theirs.no_op, Bar::Ratio(0.2)),
                row("programs on disk", "MB", &[sizes.0], &[sizes.1], Bar::Most(8.0)),
            ]
        )
    );
    let nothing = [ours.nothing.as_slice(), theirs.nothing.as_slice()].concat();
    println!(
        "Of a command with nothing to do, starting the program is {:.1} ms of ovsdp's and {:.1} ms of Open vSwitch's (--version); one that\n\
         is nothing but started (busybox true) takes {:.1} ms.\n",
        median(&ours.start),
        median(&theirs.start),
        median(&nothing),
    );
    println!("Where the time to the first reply goes (medians):");
    phases(&ours);
    phases(&theirs);
    Ok(())
}

/// Brings it up once in a host of its own and measures it there. The host is gone when this returns.
fn measure(world: &World, way: &Way, samples: &mut Samples) -> anyhow::Result<()> {
    let (host, peer, station) = (world.host("host")?, world.host("peer")?, world.host("station")?);
    world.veth_with_macs(&host, ("eth0", ETH0), &peer, ("eth0", "00:16:3e:02:00:01"))?;
    world.veth_with_macs(&host, ("p2", P2), &station, ("eth0", "00:16:3e:02:00:02"))?;
    for (number, other) in [(1, &peer), (2, &station)] {
        other.run(&format!("ip addr add 10.0.0.{number}/24 dev eth0 && ip neigh replace {ADDRESS} lladdr {ETH0} dev eth0 nud permanent"))?;
    }
    // The commands beside it do not ask the neighbours for two seconds whether somebody has the address.
    let address = format!("BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY=10.0.0.1 ARPCHECK=no");
    ifcfg(&host, "br0", &format!("DEVICE=br0 TYPE=OVSBridge ONBOOT=yes {address}"))?;
    for port in ["eth0", "p2"] {
        ifcfg(&host, port, &format!("DEVICE={port} TYPE=OVSPort OVS_BRIDGE=br0 ONBOOT=yes"))?;
    }
    host.write("/tmp/move", &format!("link set br0 up\naddr add {ADDRESS}/24 dev br0\nroute add default via 10.0.0.1 dev br0\n"))?;
    host.run("mkdir -p /run/openvswitch /etc/openvswitch")?;
    // Duplicate address detection and what else follows new links is over.
    std::thread::sleep(Duration::from_secs(2));

    let mut reply = peer.first_reply(ADDRESS)?;
    reply.expect_silence()?;
    let (timed, _) = host.clock(way.commands)?;
    let began = timed.first().context("no command")?.began;
    samples.first_reply.push(millis(reply.wait()?.saturating_sub(began)));
    samples.commands.push(timed);

    for other in [&peer, &station] {
        other.run(&format!("ping -n -c 3 -i 0.2 -w 10 {ADDRESS}"))?;
    }
    peer.run("ping -n -c 3 -i 0.2 -w 10 10.0.0.2")?;
    std::thread::sleep(IDLE);
    let memory = way.processes.iter().map(|name| memory(&host, name)).collect::<anyhow::Result<Vec<_>>>()?;
    samples.resident.push(memory.iter().map(|(resident, _)| resident).sum());
    samples.private.push(memory.iter().map(|(_, private)| private).sum());

    let (timed, said) = host.clock(&[way.no_op; NO_OPS])?;
    ensure!(way.says.is_none_or(|says| said.stderr.matches(says).count() == NO_OPS), "it did something: {said}");
    samples.no_op.extend(timed.iter().map(|timed| millis(timed.took())));
    let (timed, _) = host.clock(&[NOTHING; NO_OPS])?;
    samples.nothing.extend(timed.iter().map(|timed| millis(timed.took())));
    let (timed, _) = host.clock(&[way.start; NO_OPS])?;
    samples.start.extend(timed.iter().map(|timed| millis(timed.took())));
    Ok(())
}

/// VmRSS and RssAnon of all processes of a program, in MiB.
fn memory(host: &Host, program: &str) -> anyhow::Result<(f64, f64)> {
    let status = host.run(&format!("for pid in $(pidof {program}); do cat /proc/$pid/status; done"))?.stdout;
    let sum = |key: &str| -> anyhow::Result<f64> {
        let values = status.lines().filter_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB"));
        let kilobytes = values.map(|value| value.trim().parse::<f64>().context("no number")).sum::<anyhow::Result<f64>>()?;
        ensure!(kilobytes > 0.0, "{program} is not in memory: {status}");
        Ok(kilobytes / 1024.0)
    };
    Ok((sum("VmRSS:")?, sum("RssAnon:")?))
}

fn megabytes(host: &Host, program: &str) -> anyhow::Result<f64> {
    let text = host.run(&format!("stat -L -c %s /usr/bin/{program}"))?.stdout;
    Ok(text.trim().parse::<f64>().with_context(|| format!("no size: {text}"))? / 1e6)
}

/// Prints how long each command took, and how long after the last the reply came.
fn phases(samples: &Samples) {
    let column = |at: usize| samples.commands.iter().filter_map(|timed| timed.get(at)).map(|timed| millis(timed.took())).collect::<Vec<_>>();
    for (at, timed) in samples.commands.first().into_iter().flatten().enumerate() {
        println!("  {:>6.1} ms  {}", median(&column(at)), timed.command);
    }
    println!("  {:>6.1} ms  from the start of the first to the first reply", median(&samples.first_reply));
}
