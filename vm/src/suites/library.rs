//! ovsdp's own unit tests, run where what they test exists: a kernel with the openvswitch module, and root.
//!
//! It is the very binary that `cargo test` runs outside; there the tests that need a kernel skip themselves, here none may.

use anyhow::{Context, ensure};

use crate::guest::World;
use crate::protocol::LIBRARY_PATH;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("library::nl", |world| room(world, "nl::", "--skip rtnl::")).with_library(),
    Test::new("library::rtnl", |world| room(world, "rtnl::", "")).with_library(),
    Test::new("library::bus", |world| room(world, "bus::", "")).once().with_library(),
    Test::new("library::ethtool", |world| room(world, "ethtool::", "")).with_library(),
    Test::new("library::dp", |world| room(world, "dp::", "")).with_library().seconds(240),
];

/// The tests of one room of the library.
fn room(world: &mut World, name: &str, options: &str) -> anyhow::Result<()> {
    let host = world.host("h")?;
    // What they skip they say on stderr, which without --nocapture only a failing test's reader would see.
    let output = host.run(&format!("{LIBRARY_PATH} --nocapture {options} {name}"))?;
    ensure!(!output.stdout.contains("SKIPPED") && !output.stderr.contains("SKIPPED"), "tests were skipped: {output}");
    let result = output.stdout.lines().find_map(|line| line.strip_prefix("test result: ok. "));
    let passed = result.and_then(|result| result.split(' ').next()?.parse::<u32>().ok()).with_context(|| format!("no result: {output}"))?;
    ensure!(passed > 0, "there is no test in {name}: {output}");
    Ok(())
}
