//! Packets of stations nobody has heard of, sent back to back: every one of them is an upcall.

use std::collections::BTreeMap;
use std::time::Duration;

use super::row;
use super::way::{A, B, Scene, Way};
use crate::guest::{Traffic, World};
use crate::suites::bench::table::{Bar, grouped, table, value};

/// How often everything is measured, turn by turn.
const ROUNDS: usize = 2;
/// The sizes of bursts. Of the first, each packet's flow is installed; those behind exceed what Open vSwitch and ovsdp begin with
/// as their limit (10,000 flows), and the table of addresses (8192).
const SIZES: [u32; 3] = [8_000, 20_000, 50_000];
/// No packet comes for this long: it is lost.
const QUIET: Duration = Duration::from_secs(3);

/// What was measured of one of the three for one size.
#[derive(Debug, Default)]
struct Samples {
    lost: Vec<f64>,
    /// CPU time for each packet that arrived, in microseconds.
    cpu: Vec<f64>,
    /// Time from the first that was sent to the last that arrived, for each that did, in microseconds.
    time: Vec<f64>,
    /// The CPU time by the names of threads.
    threads: BTreeMap<String, Vec<f64>>,
}

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    let mut all: BTreeMap<(u32, Way), Samples> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for size in SIZES {
            for way in [Way::Ours, Way::Theirs, Way::Bare] {
                measure(world, way, size, all.entry((size, way)).or_default())?;
            }
        }
    }
    let mut rows = Vec::new();
    for size in SIZES {
        let of = |way, get: fn(&Samples) -> &[f64]| all.get(&(size, way)).map(|samples| get(samples).to_vec()).unwrap_or_default();
        let pair = |what: &str, unit, get: fn(&Samples) -> &[f64], beside, bar| {
            row(format!("{} packets: {what}", grouped(size)), unit, of(Way::Ours, get), of(beside, get), bar)
        };
        // What a switch can keep up is seen when it has more to do than it can.
        let keep_up = if size == SIZES[0] { Bar::None } else { Bar::Ratio(0.2) };
        rows.extend([
            pair("lost", "", |samples| &samples.lost, Way::Theirs, Bar::Most(0.0)),
            pair("time a set-up", "µs", |samples| &samples.time, Way::Theirs, keep_up),
            pair("CPU time a set-up", "µs", |samples| &samples.cpu, Way::Theirs, Bar::Ratio(0.25)),
            pair("CPU time a set-up; beside the bare handler", "µs", |samples| &samples.cpu, Way::Bare, Bar::Ratio(2.5)),
            pair("time a set-up; beside the bare handler", "µs", |samples| &samples.time, Way::Bare, Bar::None),
            pair("lost; beside the bare handler", "", |samples| &samples.lost, Way::Bare, Bar::None),
        ]);
    }
    println!("{}", table("ovs-vswitchd", &rows));
    for size in SIZES {
        let threads = all.get(&(size, Way::Ours)).into_iter().flat_map(|samples| &samples.threads);
        let threads: Vec<String> = threads.map(|(name, samples)| format!("{name} {}", value(samples, "µs"))).collect();
        println!("Of ovsdp's CPU time a set-up, {} packets: {}.", grouped(size), threads.join(", "));
    }
    println!();
    Ok(())
}

fn measure(world: &World, way: Way, size: u32, samples: &mut Samples) -> anyhow::Result<()> {
    let scene = Scene::new(world, way)?;
    let (before, threads) = (scene.cpu()?, scene.cpu_by_thread()?);
    let arrivals = scene.b.arrivals("eth0", size, QUIET)?;
    let sent = scene.a.blast("eth0", &Traffic::of_each(A, size, B))?.wait(Duration::from_secs(120))?;
    let arrived = arrivals.wait(Duration::from_secs(120))?;
    let cpu = scene.cpu()?.saturating_sub(before);
    let each = |whole: Duration| whole.as_secs_f64() * 1e6 / f64::from(arrived.packets.max(1));
    samples.lost.push(f64::from(sent.packets.saturating_sub(arrived.packets)));
    samples.cpu.push(each(cpu));
    samples.time.push(each(arrived.last.saturating_sub(sent.began)));
    if way == Way::Ours {
        for (name, used) in scene.cpu_by_thread()? {
            let used = used.saturating_sub(threads.get(&name).copied().unwrap_or_default());
            samples.threads.entry(name).or_default().push(each(used));
        }
    }
    scene.host.note(&format!("{way:?} {size}: {sent:?} {arrived:?} {cpu:?}, {} flows", scene.flows()?));
    Ok(())
}
