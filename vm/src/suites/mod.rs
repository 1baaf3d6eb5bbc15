//! The suites, one file each, with its table of tests. `registry` lists the tables.

pub mod smoke;
