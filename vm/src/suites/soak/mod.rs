//! Random traffic under random events: links, stations that move, changed files, an agent that is killed. All the while no frame may
//! be heard where its VLAN or the ports forbid it, with a wrong tag, or twice; and after each event everybody who may hears everybody.
//!
//! It is `cargo vm bench soak`: ten minutes are no test that is run with every other. `oracle.rs` and `modes.rs` say what is right, `scene.rs`,
//! `station.rs` and `files.rs` where it happens, `traffic.rs` what is said. The rest is what happens, of which the list stands in
//! `events.rs`.

mod bridges;
mod commands;
mod events;
mod files;
mod joins;
mod lease;
mod modes;
mod oracle;
mod pinned;
mod scene;
mod sizes;
mod station;
mod traffic;
mod tunnel;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::dice::Dice;
use crate::guest::{Process, World};
use crate::registry::{Kind, MEMORY, Program};
use events::EVENTS;
use oracle::Oracle;
use pinned::Pinned;
use scene::Scene;

/// `cargo vm bench soak` and `cargo vm bench soak-again`, with other events.
pub const PROGRAMS: [Program; 2] = [
    Program { name: "soak", run: |world| minutes(world, 0x5eed_0f10), ..SOAK },
    Program { name: "soak-again", run: |world| minutes(world, 0x0dd_ba11), ..SOAK },
];

const SOAK: Program = Program {
    name: "",
    kind: Kind::Bench,
    summary: "ten minutes of random traffic and events, and nothing where it must not be",
    run: |_| Ok(()),
    timeout: Duration::from_secs(1500),
    memory: MEMORY,
    record: None,
};

fn minutes(world: &World, seed: u64) -> anyhow::Result<()> {
    println!("{}", soak(world, seed, Duration::from_secs(600))?);
    Ok(())
}

/// How many frames are sent between two events.
const BURST: usize = 150;

/// What goes on.
struct Soak {
    scene: Scene,
    oracle: Oracle,
    dice: Dice,
    agent: Process,
    /// The VLAN of the fake bridge that a command made, in which the port is that no file has.
    commanded_fake: Option<u16>,
    /// Whose addresses are static.
    pinned: Option<Pinned>,
}

impl Soak {
    /// Some traffic, an event, and everybody hears everybody again.
    fn round(&mut self, event: usize) -> anyhow::Result<()> {
        let (what, happen) = EVENTS[event];
        self.chatter(BURST).context("before")?;
        self.scene.switch.note(what);
        happen(self)?;
        self.listen()?;
        self.resumes().context("afterwards")?;
        self.mtus()?;
        self.holds()?;
        self.scene.leased.holds(&self.scene.switch)
    }
}

/// Goes on for `time`; says what was done.
fn soak(world: &World, seed: u64, time: Duration) -> anyhow::Result<String> {
    let (scene, agent) = Scene::new(world)?;
    let mut soak = Soak { scene, oracle: Oracle::default(), dice: Dice(seed), agent, commanded_fake: None, pinned: None };
    let (end, mut happened) = (Instant::now() + time, [0_u32; EVENTS.len()]);
    while Instant::now() < end {
        let event = soak.dice.below(EVENTS.len());
        if let Err(error) = soak.round(event) {
            soak.scene.tell();
            let events: u32 = happened.iter().sum();
            return Err(error.context(format!("event {events} of seed {seed:#x}, {}", EVENTS[event].0)));
        }
        happened[event] += 1;
    }
    drop(soak.agent);
    ensure!(happened.iter().all(|count| *count > 0), "not everything happened: {happened:?}");
    let (sent, heard) = soak.oracle.count();
    let events: Vec<String> = EVENTS.iter().zip(happened).map(|((what, _), count)| format!("{what} {count}")).collect();
    Ok(format!("{sent} frames sent, {heard} heard, none where it must not be; {}", events.join(", ")))
}
