//! Reading and changing many flows, what it costs: beside `ovs-dpctl`, and beside a loop that only receives.
//!
//! The flows are in the kernel's table and no packet ever matches them: nothing but the programs measured is at work. All times
//! are from the start of a process to its end.

mod bare;
mod reader;
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::ensure;

use super::table::{Bar, Row, grouped, table, times, value};
use super::{DATAPATH, millis};
use crate::guest::{Host, World};
use crate::protocol::GUEST_PATH;
use crate::registry::{Kind, Program};

pub use bare::run as bare_dump;
pub use shape::print as print_flows;

use reader::Reader;
use shape::{IN_PORT, OUT_PORT, Shape, TUNNEL_PORT};

/// `cargo vm bench flows`.
pub(super) const PROGRAM: Program = Program {
    name: "flows",
    kind: Kind::Bench,
    summary: "reading and changing 10 to 500,000 flows: beside ovs-dpctl, and beside a loop that only receives",
    run,
    timeout: Duration::from_secs(5400),
    // Half a million flows and the file they are from.
    memory: 3072,
    record: Some(super::DOCUMENT),
};

/// How often everything is measured, turn by turn.
const ROUNDS: usize = 5;
/// How many times in each round a program is started on a datapath without flows.
const STARTS: usize = 5;
/// How many flows are added and deleted from a file.
const CHANGED: u32 = 10_000;
/// How many flows the bars for reading are about, and of what shape.
const BARRED: (Shape, u32) = (Shape::Vlan, 100_000);
/// What is kept of each flow so that none is printed twice may take this much beyond all else, in bytes.
const DEDUPLICATED: f64 = 24.0;
/// How many flows there are while memory is measured.
const MOST: u32 = 500_000;

/// The sizes a shape is read in. All bars are about one shape; half a million flows take `ovs-dpctl` minutes in emulation.
const fn sizes(shape: Shape) -> &'static [u32] {
    match shape {
        Shape::L2 | Shape::Tunnel => &[10, 1_000, 10_000],
        Shape::Vlan => &[10, 1_000, 10_000, 100_000, MOST],
    }
}

/// The flows of one shape and number, read by everybody.
#[derive(Debug)]
struct Case {
    shape: Shape,
    flows: u32,
    /// How long each took, in milliseconds.
    times: BTreeMap<Reader, Vec<f64>>,
}

impl Case {
    fn times(&self, reader: Reader) -> &[f64] {
        self.times.get(&reader).map_or(&[], Vec::as_slice)
    }
}

/// Milliseconds of ours and theirs.
#[derive(Debug, Default)]
struct Pair {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

fn run(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("host")?;
    host.run("modprobe openvswitch && modprobe geneve && ip link add d1 type dummy && ip link add d2 type dummy")?;
    host.run(&format!(
        "ovsdp dpctl add-dp {DATAPATH} d1,port_no={IN_PORT} d2,port_no={OUT_PORT} ge,type=geneve,remote_ip=flow,port_no={TUNNEL_PORT}"
    ))?;
    let mut failures = Failures::default();
    let start = start_up(&host)?;
    let (add, delete) = changes(&host)?;
    let mut cases = Vec::new();
    let mut memory = Pair::default();
    for shape in Shape::ALL {
        let mut there = 0;
        for flows in sizes(shape).iter().copied() {
            write_flows(&host, shape, there, flows)?;
            host.run(&format!("ovsdp dpctl add-flows {DATAPATH} /tmp/flows && rm /tmp/flows"))?;
            there = flows;
            cases.push(read(&host, shape, flows, &mut failures)?);
        }
        if there == MOST {
            memory.ours.push(host.peak_memory(&Reader::Text.line())?);
            memory.theirs.push(host.peak_memory(&Reader::TheirText.line())?);
        }
        host.run(&format!("ovsdp dpctl del-flows {DATAPATH}"))?;
    }

    let version = host.run("ovs-dpctl --version")?.stdout;
    println!(
        "Linux {}, {}. Medians of {ROUNDS} rounds in which all take turns (of {} starts on the empty datapath), range in brackets.\n\
         Times are from the start of a process to its end, output goes to `/dev/null`; each printed the right number of flows once before.\n",
        host.run("uname -r")?.stdout.trim(),
        version.lines().next().unwrap_or_default(),
        ROUNDS * STARTS,
    );
    println!("{}", table("beside it", &bars(&cases, start, add, delete, memory)));
    println!("{}", all(&cases));
    println!("`-m` prints identifiers and all fields. {} flows and more are of one shape only: emulation takes long for them.", grouped(BARRED.1));
    failures.none()
}

/// What is asked, and whether it is so.
fn bars(cases: &[Case], start: Pair, add: Pair, delete: Pair, memory: Pair) -> Vec<Row> {
    let (shape, flows) = BARRED;
    let case = cases.iter().find(|case| (case.shape, case.flows) == BARRED);
    let times = |reader| case.map(|case| case.times(reader).to_vec()).unwrap_or_default();
    let read = |what: &str, ours, beside: &str, theirs, bar| Row {
        quantity: format!("{what}, {} flows ({shape}); beside {beside}", grouped(flows)),
        unit: "ms",
        ours: times(ours),
        theirs: times(theirs),
        bar: Bar::Ratio(bar),
    };
    let pair = |quantity: String, unit, pair: Pair, bar| Row { quantity, unit, ours: pair.ours, theirs: pair.theirs, bar };
    let changed = grouped(CHANGED);
    vec![
        read("`dump-flows`", Reader::Text, "`ovs-dpctl`", Reader::TheirText, 0.30),
        read("`dump-flows`", Reader::Text, "a bare loop", Reader::Bare, 1.5),
        read("`dump-flows -m`", Reader::More, "`ovs-dpctl`", Reader::TheirMore, 0.30),
        read("`flows --json`", Reader::Json, "a bare loop", Reader::Bare, 2.0),
        read("`stats`", Reader::Stats, "a bare terse loop", Reader::BareTerse, 1.2),
        pair("`dump-flows` on an empty datapath; beside `ovs-dpctl`".to_owned(), "ms", start, Bar::Ratio(0.15)),
        pair(format!("`add-flows`, {changed} flows ({shape}); beside `ovs-dpctl`"), "ms", add, Bar::Ratio(0.2)),
        pair(format!("`del-flows` with a file, {changed} flows ({shape}); beside `ovs-dpctl`"), "ms", delete, Bar::Ratio(0.2)),
        pair(
            format!("memory of `dump-flows`, {} flows ({shape}), deduplication's table included; beside `ovs-dpctl`", grouped(MOST)),
            "MB",
            memory,
            Bar::Most(8.0 + f64::from(MOST) * DEDUPLICATED / 1e6),
        ),
    ]
}

/// Everything that was read, in medians.
fn all(cases: &[Case]) -> String {
    let mut text = "| shape | flows | bare loop | terse | `dump-flows` | × bare | × `ovs-dpctl` | `-m` | × `ovs-dpctl` | `--json` | × bare | `stats` | × terse |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for case in cases {
        let ms = |reader| value(case.times(reader), "ms");
        let ratio = |ours, theirs| times(case.times(ours), case.times(theirs));
        let cells = [
            case.shape.to_string(),
            grouped(case.flows),
            ms(Reader::Bare),
            ms(Reader::BareTerse),
            ms(Reader::Text),
            ratio(Reader::Text, Reader::Bare),
            ratio(Reader::Text, Reader::TheirText),
            ms(Reader::More),
            ratio(Reader::More, Reader::TheirMore),
            ms(Reader::Json),
            ratio(Reader::Json, Reader::Bare),
            ms(Reader::Stats),
            ratio(Reader::Stats, Reader::BareTerse),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// What could not be measured, told at the end so that the rest is.
#[derive(Debug, Default)]
struct Failures {
    readers: BTreeSet<Reader>,
    text: String,
}

impl Failures {
    fn add(&mut self, reader: Reader, error: &anyhow::Error) {
        self.readers.insert(reader);
        self.text.push_str(&format!("\n{error:#}"));
    }

    fn none(&self) -> anyhow::Result<()> {
        ensure!(self.readers.is_empty(), "not everything could be measured:{}", self.text);
        Ok(())
    }
}

/// Starts both on a datapath without flows.
fn start_up(host: &Host) -> anyhow::Result<Pair> {
    let mut pair = Pair::default();
    for reader in [Reader::Text, Reader::TheirText] {
        reader.check(host, 0)?;
    }
    for _ in 0..ROUNDS {
        pair.ours.extend(clock(host, &vec![Reader::Text.line(); STARTS])?);
        pair.theirs.extend(clock(host, &vec![Reader::TheirText.line(); STARTS])?);
    }
    Ok(pair)
}

/// Has both add the flows of a file and delete them by it.
fn changes(host: &Host) -> anyhow::Result<(Pair, Pair)> {
    write_flows(host, BARRED.0, 0, CHANGED)?;
    // A flow is deleted by its identifier and key alone.
    host.run("sed 's/ [^ ]*$//' /tmp/flows >/tmp/keys")?;
    let [ours, theirs] = ["ovsdp dpctl", "ovs-dpctl"]
        .map(|program| [format!("{program} add-flows {DATAPATH} /tmp/flows"), format!("{program} del-flows {DATAPATH} /tmp/keys")]);
    for [add, delete] in [&ours, &theirs] {
        for (line, flows) in [(add, CHANGED), (delete, 0)] {
            host.run(line)?;
            Reader::Bare.check(host, flows)?;
        }
    }
    let (mut added, mut deleted) = (Pair::default(), Pair::default());
    for _ in 0..ROUNDS {
        let [add, delete] = clock(host, &ours)?[..] else { anyhow::bail!("not two times") };
        added.ours.push(add);
        deleted.ours.push(delete);
        let [add, delete] = clock(host, &theirs)?[..] else { anyhow::bail!("not two times") };
        added.theirs.push(add);
        deleted.theirs.push(delete);
    }
    host.run("rm /tmp/flows /tmp/keys")?;
    Ok((added, deleted))
}

/// Has everybody read the flows that are there. Who cannot read this many is left out from now on.
fn read(host: &Host, shape: Shape, flows: u32, failures: &mut Failures) -> anyhow::Result<Case> {
    for reader in Reader::ALL {
        if !failures.readers.contains(&reader)
            && let Err(error) = reader.check(host, flows)
        {
            failures.add(reader, &error);
        }
    }
    let readers: Vec<Reader> = Reader::ALL.into_iter().filter(|reader| !failures.readers.contains(reader)).collect();
    let lines: Vec<String> = readers.iter().map(|reader| reader.line()).collect();
    let mut times: BTreeMap<Reader, Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (reader, took) in readers.iter().zip(clock(host, &lines)?) {
            times.entry(*reader).or_default().push(took);
        }
    }
    Ok(Case { shape, flows, times })
}

/// Writes the flows `from` to `to` into `/tmp/flows`.
fn write_flows(host: &Host, shape: Shape, from: u32, to: u32) -> anyhow::Result<()> {
    host.run(&format!("{GUEST_PATH} flows {} {from} {to} >/tmp/flows", shape.word()))?;
    Ok(())
}

fn clock(host: &Host, lines: &[String]) -> anyhow::Result<Vec<f64>> {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    Ok(host.clock_silently(&lines)?.iter().map(|timed| millis(timed.took())).collect())
}
