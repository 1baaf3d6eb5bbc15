//! The suites, one file each, with its table of tests. `registry` lists the tables.

pub mod bench;
pub mod check;
pub mod demo;
pub mod dpctl;
pub mod dpctl_ct;
pub mod dpctl_files;
pub mod dump;
pub mod library;
pub mod refusals;
pub mod scene;
pub mod smoke;
mod stage;
pub mod steady;
pub mod switching;
pub mod trace;
pub mod vlan;
pub mod watch;
