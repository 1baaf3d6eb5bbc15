//! `cargo vm bench`: ovsdp beside Debian's Open vSwitch in one guest. Absolute times in an emulator say little, ratios do.

mod bring_up;
mod flows;
mod scale;
mod switch;
mod table;
mod wire;

use std::time::Duration;

use crate::registry::Program;

pub use flows::{bare_dump, print_flows};
pub use switch::bare_handler;

/// The programs of `cargo vm bench`.
pub const PROGRAMS: &[Program] = &[bring_up::PROGRAM, flows::PROGRAM, switch::PROGRAM, scale::PROGRAM];

/// The datapath that ovsdp and Open vSwitch make.
const DATAPATH: &str = "ovs-system";

/// Where what they print is kept.
const DOCUMENT: &str = "docs/performance.md";

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
