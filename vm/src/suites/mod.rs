//! The suites, one file each, with its table of tests. `registry` lists the tables.

pub mod dpctl;
pub mod refusals;
pub mod scene;
pub mod smoke;
mod stage;
pub mod steady;
pub mod switching;
