//! ovsdp: Open vSwitch bridges from ifcfg files, without Open vSwitch's userspace.
//!
//! Two ways lead through this crate, each one-directional and readable top to bottom:
//! a file's text → [`ifcfg`] → [`model`] → [`plan`] → `rtnl`, `dp` → kernel; and
//! an upcall → `dp` → `switch` (a decision: actions, mask, what was learned) → `dp` → kernel.
//! `docs/architecture.md` is the map; `tests/arrows.rs` holds the rooms to it.

pub mod agent;
pub mod bus;
pub mod cli;
pub mod ctl;
pub mod dhcp;
pub mod dp;
pub mod error;
pub mod ethtool;
pub mod host;
pub mod ifcfg;
pub mod model;
pub mod nl;
pub mod packet;
pub mod plan;
pub mod rtnl;
pub mod switch;
pub mod vsctl;
