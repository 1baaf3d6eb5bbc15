//! Flow set-up, revalidation, idling and memory of the switch: beside Debian's ovs-vswitchd, and beside a handler that decides
//! nothing.
//!
//! Each sample is a switch of its own between two stations' hosts; whoever sends and whoever counts is the same for all.

mod burst;
mod handler;
mod resident;
mod way;

use std::time::Duration;

use super::table::{Bar, Row};
use crate::guest::World;
use crate::registry::{Kind, Program};

pub use handler::run as bare_handler;
pub(super) use way::{A, B, resident};

/// `cargo vm bench switch`.
pub(super) const PROGRAM: Program = Program {
    name: "switch",
    kind: Kind::Bench,
    summary: "flow set-up, revalidation, idling, memory: beside ovs-vswitchd, and beside a handler that decides nothing",
    run,
    timeout: Duration::from_secs(3600),
    memory: 2048,
    record: Some(super::DOCUMENT),
};

/// What the bare handler says when it has begun.
const HANDLING: &str = "handling";

fn run(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("host")?;
    // For all the module is there.
    host.run("modprobe openvswitch")?;
    let version = host.run("ovs-vswitchd --version")?.stdout;
    println!(
        "Linux {}, {}; each sample is a switch of its own, all take turns; medians, range in brackets.\n",
        host.run("uname -r")?.stdout.trim(),
        version.lines().next().unwrap_or_default(),
    );
    drop(host);
    burst::run(world)?;
    resident::run(world)
}

fn row(quantity: String, unit: &'static str, ours: Vec<f64>, theirs: Vec<f64>, bar: Bar) -> Row {
    Row { quantity, unit, ours, theirs, bar }
}
