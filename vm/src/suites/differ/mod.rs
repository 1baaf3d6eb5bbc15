//! The same random bridges in Debian's Open vSwitch and in ovsdp, and the same random packets asked of both (`ofproto/trace` there, `Trace`
//! here): what arrives where, with which tags and in which outer header, and what the flow matches on. What is on purpose not the same is told in
//! `compare.rs`, with the reason; everything else is a fault.
//!
//! Another seed is another line in the table below; `cargo vm bench differ` goes through many.

mod actions;
mod compare;
mod config;
mod megaflow;
mod ours;
mod packet;
mod roll;
mod theirs;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::dice;
use super::stage::{DIR, agent_pid};
use crate::guest::{Host, World, eventually};
use crate::peers::OpenVswitch;
use crate::registry::{Kind as Played, MEMORY, Program, Test};
use actions::{Arrival, arrivals};
use config::{Bridge, Flavour, Kind, Setup};
use dice::Dice;
use ours::Ours;
use packet::{Packet, STATIONS};
use roll::{Stock, VLANS};
use theirs::Theirs;

/// The tests of this suite.
pub const TESTS: &[Test] = &[Test::new("differ::random_packets_are_treated_alike", |world| random(world, 0x0d1f_fe12)).once().seconds(240)];

/// `cargo vm bench differ`.
pub const PROGRAM: Program = Program {
    name: "differ",
    kind: Played::Bench,
    summary: "random bridges and packets in Open vSwitch and here, forty times as many as the test has",
    run: |world| (1..=40).try_for_each(|seed| random(world, 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed) | 1)),
    timeout: Duration::from_secs(3000),
    memory: MEMORY,
    record: None,
};

/// How many setups there are at once, and how many packets each is asked about.
const SETUPS: usize = 6;
const PACKETS: usize = 50;
/// How many differences are told of.
const SHOWN: usize = 4;
/// How many pairs of devices there are to make bonds of.
const PAIRS: usize = 4;

const SOON: Duration = Duration::from_secs(60);

fn stock_of_members() -> Vec<[String; 2]> {
    (0..PAIRS).map(|pair| [format!("m{pair}a"), format!("m{pair}b")]).collect()
}

fn random(world: &World, seed: u64) -> anyhow::Result<()> {
    let mut dice = Dice(seed);
    let mut stock = Stock { members: stock_of_members(), flavour: Flavour::Alone, next: 0 };
    let setups: Vec<Setup> = (0..SETUPS).map(|_| Setup::roll(&mut dice, &mut stock)).collect();
    let mut scene = Scene::new(world, &setups).with_context(|| format!("seed {seed:#x}"))?;
    let (mut told, mut faults) = (0, Vec::new());
    for (at, setup) in setups.iter().enumerate() {
        for number in 0..PACKETS {
            let case = || format!("seed {seed:#x}, setup {at}, packet {number}\n{}", setup.vsctl().replace(" -- ", "\n  "));
            match scene.ask(setup, &mut dice).with_context(case) {
                Ok(alike) => told += u32::from(alike),
                Err(fault) => faults.push(format!("{fault:#}")),
            }
        }
    }
    ensure!(
        faults.is_empty(),
        "{} of the packets are treated otherwise, among them:\n{}",
        faults.len(),
        faults[..faults.len().min(SHOWN)].join("\n\n")
    );
    let asked = SETUPS * PACKETS;
    println!("seed {seed:#x}: {asked} packets, {told} of them treated alike");
    // The others are those of rings, where what theirs floods cannot be told.
    ensure!(usize::try_from(told)? * 10 > asked * 8, "of {asked} packets only {told} could be compared");
    Ok(())
}

/// Both switches, each in a host of its own.
struct Scene {
    ours: Ours,
    theirs: Theirs,
    here: Host,
    /// What ports are called when arrivals are compared. Ours calls a tunnel device after any of its ports, of whatever bridge.
    aliases: BTreeMap<String, String>,
    /// At the other ends of the bonds' cables.
    _nobody: Host,
    /// Everything that was put into the MAC tables, to be told when something differs.
    stations: Vec<String>,
    _ovs: OpenVswitch,
}

impl Scene {
    fn new(world: &World, setups: &[Setup]) -> anyhow::Result<Scene> {
        let (here, there, nobody) = (world.host("here")?, world.host("there")?, world.host("nobody")?);
        for member in stock_of_members().into_iter().flatten() {
            world.veth(&here, &member, &nobody, &format!("{member}0"))?;
            world.veth(&there, &member, &nobody, &format!("{member}1"))?;
        }
        for (name, text) in setups.iter().flat_map(Setup::files) {
            here.write(&format!("{DIR}/ifcfg-{name}"), &text)?;
        }
        here.run("ovsdp up")?;
        agent_pid(&here)?;
        let ours = Ours::connect(&here.reach("/run/ovsdp/io.ovsdp"))?;

        let ovs = OpenVswitch::start(&there)?;
        // Two tags are read, as ours does.
        ovs.vsctl("set Open_vSwitch . other_config:vlan-limit=2")?;
        setups.iter().try_for_each(|setup| ovs.vsctl(&setup.vsctl()).map(drop))?;
        let pid = there.read("/run/openvswitch/ovs-vswitchd.pid")?;
        let theirs = Theirs::connect(&there.reach(&format!("/run/openvswitch/ovs-vswitchd.{}.ctl", pid.trim())))?;
        let mut scene =
            Scene { ours, theirs, here, aliases: setups.iter().flat_map(Setup::aliases).collect(), _nobody: nobody, stations: Vec::new(), _ovs: ovs };
        for port in setups.iter().flat_map(|setup| &setup.bridges).flat_map(|bridge| &bridge.ports) {
            if let Kind::Bond { lacp: false, .. } = &port.kind {
                scene.same_member(&port.name)?;
            }
        }
        Ok(scene)
    }

    /// Has the same member active in both: which was first is chance. Ours keeps its own, as it doubts what it hears for 5 s after a change.
    fn same_member(&mut self, bond: &str) -> anyhow::Result<()> {
        eventually(SOON, || {
            let ours = self.here.run(&format!("ovsdp appctl bond/show {bond}"))?.stdout;
            let (before, _) = ours.split_once(": enabled\n  active member").with_context(|| format!("no member is active:\n{ours}"))?;
            let member = before.rsplit("member ").next().unwrap_or_default();
            self.theirs.call(&["bond/set-active-member", bond, member])?;
            let theirs = self.theirs.call(&["bond/show", bond])?;
            let ready = |text: &str| text.matches(": enabled").count() == 2 && text.contains(&format!("member {member}: enabled\n  active member"));
            ensure!(ready(&ours) && ready(&theirs), "{bond}:\n{ours}\n{theirs}");
            Ok(())
        })
    }

    /// Asks both about a packet, or has both know a station. Says whether the answers could be compared, and fails when they differ.
    fn ask(&mut self, setup: &Setup, dice: &mut Dice) -> anyhow::Result<bool> {
        let bridge = &setup.bridges[dice.below(setup.bridges.len())];
        if dice.one_in(8) {
            self.station(bridge, dice)?;
        }
        let packet = Packet::roll(dice, setup, bridge);
        let question = compare::question(bridge, &packet);
        let (ours, theirs) = (self.ours.trace(&bridge.name, &packet.flow_by_port())?, self.theirs.trace(&question.flow())?);
        let aliases = &self.aliases;
        let done = arrivals(&packet, &ours.actions, aliases)?;
        let mut expected = compare::answer(arrivals(&question, &theirs.actions, aliases)?);
        if theirs.went_round() {
            expected.clear();
        } else {
            let flooded = self.theirs.trace(&question.to_nobody().flow())?;
            let flooded = compare::answer(arrivals(&question, &flooded.actions, aliases)?);
            expected = compare::expected(setup, bridge, &packet, &expected, &flooded)?;
            expected.sort();
            // In a ring a flood comes to a port by another way too: it does not tell whether the way of a known station was open.
            if setup.has_ring() && !packet.is_to_group() {
                return Ok(done == expected);
            }
        }
        let told = || format!("{packet:?}\n{}\n{}\n{}", self.stations.join("\n"), theirs.text, ours.text);
        ensure!(done == expected, "ours does\n{}\n{}\ninstead of\n{}\n{}\n{}", ours.actions, lines(&done), theirs.actions, lines(&expected), told());
        if theirs.is_without_flow() {
            return Ok(true);
        }
        let narrower: Vec<_> = megaflow::ours(&ours.megaflow).difference(&megaflow::theirs(&theirs.megaflow)).copied().collect();
        let forgotten = compare::forgotten(setup);
        let narrower: Vec<_> = narrower.into_iter().filter(|field| !forgotten.contains(field)).collect();
        ensure!(narrower.is_empty(), "ours reads {narrower:?}:\n{}\nand theirs does not:\n{}\n{}", ours.megaflow, theirs.megaflow, told());
        Ok(true)
    }

    /// Both are told where a station is.
    fn station(&mut self, bridge: &Bridge, dice: &mut Dice) -> anyhow::Result<()> {
        // Theirs calls a bond by a member there.
        let named = bridge.ports.iter().map(|port| match &port.kind {
            Kind::Bond { members, .. } => (&port.name[..], &members[0][..]),
            _ => (&port.name[..], &port.name[..]),
        });
        let ports: Vec<_> = named.chain([(&bridge.name[..], &bridge.name[..])]).collect();
        let ((port, theirs), vlan, station) = (dice.pick(&ports), dice.pick(&VLANS).to_string(), dice.pick(&STATIONS));
        self.theirs.call(&["fdb/add", &bridge.name, theirs, &vlan, station])?;
        let words = format!("fdb add {} {port} {vlan} {station}", bridge.name);
        self.here.run(&format!("ovsdp {words}"))?;
        self.stations.push(words);
        Ok(())
    }
}

fn lines(arrivals: &[Arrival]) -> String {
    arrivals.iter().map(|arrival| format!("  {arrival:?}\n")).collect()
}
