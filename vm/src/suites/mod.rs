//! The suites, one file each, with its table of tests. `registry` lists the tables.

pub mod addresses;
pub mod bench;
pub mod bonds;
pub mod chaos;
pub mod check;
pub mod confirm;
pub mod demo;
pub mod dpctl;
pub mod dpctl_ct;
pub mod dpctl_files;
pub mod dump;
pub mod extra;
pub mod initscripts;
pub mod library;
pub mod refusals;
pub mod routes;
pub mod scene;
pub mod smoke;
pub mod soak;
mod stage;
pub mod steady;
pub mod switching;
pub mod trace;
pub mod tunnel;
pub mod vlan;
pub mod vsctl;
pub mod watch;
