//! `cargo vm bench`: ovsdp beside Debian's Open vSwitch in one guest. Absolute times in an emulator say little, ratios do.

mod bring_up;
mod table;

use crate::registry::Program;

/// The programs of `cargo vm bench`.
pub const PROGRAMS: &[Program] = &[bring_up::PROGRAM];
