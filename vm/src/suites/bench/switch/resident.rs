//! What a switch costs that stands there: with nothing to do, with flows nobody uses, with many flows, and after they are gone.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::row;
use super::way::{A, B, Scene, Way};
use crate::guest::{Traffic, World, eventually};
use crate::protocol::GUEST_PATH;
use crate::suites::bench::table::{Bar, table};
use crate::suites::bench::{DATAPATH, millis};

/// The first of the numbers of flows, and the stations they are between: with those on the other side, the whole of a table of
/// addresses (8192).
const MANY: u32 = 50_000;
const SENDERS: u32 = 8_000;
const RECEIVERS: u32 = 191;
/// The number of flows that revalidation is measured with.
const MOST: u32 = 100_000;
/// A number of flows that is soon there.
const SOME: u32 = 20_000;
/// The number of flows that idle.
const IDLE: u32 = 10_000;
/// After a change, before anything is measured.
const SETTLE: Duration = Duration::from_secs(3);
/// For how long idling is watched. Idle flows stay for 10 s.
const WATCH: Duration = Duration::from_secs(5);
/// Packets a second that keep flows in use; each is used more than once in the 10 s that an idle one stays.
const KEEP: u32 = 16_000;
/// For how long flows are set up at most.
const FILL: Duration = Duration::from_secs(240);
/// How many more flows each round has.
const STEP: u32 = 5_000;
/// Flows that are set up before memory is looked at as it stays, and how long after.
const FEW: u32 = 1_000;
const REST: Duration = Duration::from_secs(10);
/// How many packets a second use the flows that are in use, each of them once in 5 s.
const CALM: u32 = IDLE / 5;
const ROUND: Duration = Duration::from_secs(5);
/// So that as many flows may stay as are sent: more than is divided by after one look.
const FORCE: &str = "upcall/set-flow-limit 4000000";

/// What was measured; nothing where it could not be.
#[derive(Debug, Default)]
struct Samples {
    idle_memory: Vec<f64>,
    idle_wake_ups: Vec<f64>,
    flows_cpu: Vec<f64>,
    flows_wake_ups: Vec<f64>,
    used_cpu: Vec<f64>,
    used_wake_ups: Vec<f64>,
    rested_memory: Vec<f64>,
    many_memory: Vec<f64>,
    after_memory: Vec<f64>,
    after_anonymous: Vec<f64>,
    /// How long a look at all flows took, in milliseconds, first with fewer.
    short_passes: Vec<f64>,
    passes: Vec<f64>,
    /// How long a program takes that asks for as much of those flows as a look does and reads nothing of it, in milliseconds.
    bare: Vec<f64>,
}

pub(super) fn run(world: &World) -> anyhow::Result<()> {
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let failures = [(Way::Ours, &mut ours), (Way::Theirs, &mut theirs)].map(|(way, samples)| (way, measure(world, way, samples).err()));
    let one =
        |quantity: &str, unit, get: fn(&Samples) -> &Vec<f64>, bar| row(quantity.to_owned(), unit, get(&ours).clone(), get(&theirs).clone(), bar);
    let rows = [
        one("a look at 20,000 flows (dump and revalidation)", "ms", |samples| &samples.short_passes, Bar::None),
        one("a look at 100,000 flows (dump and revalidation)", "ms", |samples| &samples.passes, Bar::Ratio(0.4)),
        row("the same; beside a bare terse dump of them".to_owned(), "ms", ours.passes.clone(), ours.bare.clone(), Bar::None),
        row("that dump; beside Open vSwitch's look".to_owned(), "ms", ours.bare.clone(), theirs.passes.clone(), Bar::None),
        one("wake-ups a second, no flows", "", |samples| &samples.idle_wake_ups, Bar::Most(1.0)),
        one("wake-ups a second, 10,000 idle flows", "", |samples| &samples.flows_wake_ups, Bar::None),
        one("CPU, 10,000 idle flows", "% of a core", |samples| &samples.flows_cpu, Bar::Most(1.0)),
        one("wake-ups a second, 10,000 flows, each used once in 5 s", "", |samples| &samples.used_wake_ups, Bar::None),
        one("CPU, 10,000 flows, each used once in 5 s", "% of a core", |samples| &samples.used_cpu, Bar::None),
        one("resident memory, no flows", "MB", |samples| &samples.idle_memory, Bar::Most(5.0)),
        one("resident memory, 10 s after 1,000 flows were set up", "MB", |samples| &samples.rested_memory, Bar::Most(5.0)),
        one("resident memory, 50,000 flows and 8192 addresses", "MB", |samples| &samples.many_memory, Bar::Most(25.0)),
        one("resident memory, 10 s after 100,000 flows are gone", "MB", |samples| &samples.after_memory, Bar::None),
        one("of it, its own (anonymous)", "MB", |samples| &samples.after_anonymous, Bar::None),
    ];
    println!("{}", table("ovs-vswitchd and ovsdb-server", &rows));
    for (way, error) in failures {
        if let Some(error) = error {
            println!("{way:?} could not be measured to the end: {:#}.", error.root_cause());
        }
    }
    Ok(())
}

fn measure(world: &World, way: Way, samples: &mut Samples) -> anyhow::Result<()> {
    let scene = Scene::new(world, way)?;
    scene.wait_until_quiet(0)?;
    sleep(SETTLE);
    samples.idle_memory.push(scene.resident()?);
    samples.idle_wake_ups.push(watch(&scene)?.1);

    scene.send(&scene.a, &scene.b, &Traffic { rate: 2000, ..Traffic::of_each(A, FEW, B) })?;
    sleep(REST);
    samples.rested_memory.push(scene.resident()?);

    scene.announce(RECEIVERS)?;
    scene.send(&scene.a, &scene.b, &Traffic { rate: 2000, ..Traffic::of_each(A, SENDERS, B) })?;
    sleep(SETTLE);
    scene.send(&scene.a, &scene.b, &flows(IDLE, IDLE, 3000))?;
    sleep(Duration::from_secs(1));
    let (cpu, wake_ups) = watch(&scene)?;
    samples.flows_cpu.push(cpu);
    samples.flows_wake_ups.push(wake_ups);
    // First round: those of them are set up again whose time was over.
    let used = scene.a.blast("eth0", &Traffic { count: 4 * IDLE, ..flows(IDLE, 4 * IDLE, CALM) })?;
    sleep(ROUND + SETTLE);
    let (cpu, wake_ups) = watch(&scene)?;
    samples.used_cpu.push(cpu);
    samples.used_wake_ups.push(wake_ups);
    used.wait(Duration::from_secs(60))?;

    // Open vSwitch is slower to set up so many than they live.
    if let Some(theirs) = &scene.theirs {
        theirs.vsctl("set Open_vSwitch . other_config:max-idle=60000")?;
    }
    fill(&scene, SOME)?;
    samples.short_passes = passes(&scene, SOME)?;
    fill(&scene, MANY)?;
    samples.many_memory.push(scene.resident()?);
    fill(&scene, MOST)?;
    samples.passes = passes(&scene, MOST)?;
    if scene.theirs.is_none() {
        let dump = format!("{GUEST_PATH} bare-dump terse {DATAPATH}");
        let timed = scene.host.clock_silently(&[dump.as_str(); 3])?;
        samples.bare = timed.iter().map(|one| millis(one.took())).collect();
        let there = scene.flows()?;
        ensure!(there >= MOST, "{there} flows of {MOST} are left");
    }
    if let Some(theirs) = &scene.theirs {
        theirs.vsctl("remove Open_vSwitch . other_config max-idle")?;
    }
    scene.wait_until_quiet(10)?;
    sleep(REST);
    samples.after_memory.push(scene.resident()?);
    samples.after_anonymous.push(scene.anonymous()?);
    Ok(())
}

/// `count` packets that use `flows` flows.
fn flows(flows: u32, count: u32, rate: u32) -> Traffic {
    Traffic { from: A, sources: SENDERS, first: 0, to: B, dests: flows.div_ceil(SENDERS), pace: 1, count, rate, vlans: 0 }
}

/// Percent of a core and wake-ups a second.
fn watch(scene: &Scene) -> anyhow::Result<(f64, f64)> {
    let before = (scene.cpu()?, scene.wake_ups()?);
    sleep(WATCH);
    let (cpu, wake_ups) = (scene.cpu()?.saturating_sub(before.0), scene.wake_ups()?.saturating_sub(before.1));
    Ok((cpu.as_secs_f64() / WATCH.as_secs_f64() * 100.0, f64::from(wake_ups) / WATCH.as_secs_f64()))
}

/// Sends until the kernel has this many flows, round after round: all that are there are used again, and some more. Both lower the number of
/// flows there may be when looks take long, as they do in an emulator; it is raised again and again.
fn fill(scene: &Scene, count: u32) -> anyhow::Result<()> {
    let mut sent = 0;
    eventually(FILL, || {
        appctl(scene, FORCE)?;
        sent = count.min(sent.max(scene.flows()?) + STEP);
        scene.a.blast("eth0", &flows(sent, sent, KEEP))?.wait(Duration::from_secs(60))?;
        let there = scene.flows()?;
        ensure!(there >= count, "{there} flows of {sent} that were sent");
        Ok(())
    })
}

/// How long looks at the flows that are there now take, each of which has been used since the look before.
fn passes(scene: &Scene, flows: u32) -> anyhow::Result<Vec<f64>> {
    let mut passes = Vec::new();
    for _ in 0..3 {
        appctl(scene, FORCE)?;
        scene.a.blast("eth0", &self::flows(flows, flows, KEEP))?.wait(Duration::from_secs(60))?;
        appctl(scene, FORCE)?;
        appctl(scene, "revalidator/wait")?;
        let shown = appctl(scene, "upcall/show")?;
        let took = shown.lines().find_map(|line| line.split_once("dump duration :")?.1.trim().strip_suffix("ms")?.parse().ok());
        passes.push(took.with_context(|| format!("no dump duration: {shown}"))?);
    }
    let there = scene.flows()?;
    ensure!(there >= flows, "{there} flows of {flows} are left");
    Ok(passes)
}

fn appctl(scene: &Scene, words: &str) -> anyhow::Result<String> {
    let program = if scene.theirs.is_some() { "ovs-appctl" } else { "ovsdp appctl" };
    Ok(scene.host.run(&format!("{program} {words}"))?.stdout)
}
