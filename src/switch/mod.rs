//! The learning switch: what a standalone Open vSwitch bridge does, as pure code with the time passed in.
//!
//! **Contract.** Bytes and a [`Moment`] in, values out. A packet's way through, readable top to bottom:
//!
//! ```text
//! upcall's KEY ─→ Switch::upcall ─→ Decision { actions, mask, learned, … }     arrival.rs, normal.rs, output.rs
//!                                     │ learned: FlowTable::outdated ─→ names of flows to delete, now
//!                                     └ FlowTable::insert ─→ Insert: install (under which name) or only execute
//! terse dump ───→ Revalidator::check ─→ Verdict { Keep, Delete, Modify, Stranger }          revalidate.rs, flows.rs
//! files, links ─→ Switch::set_topology ─→ a new generation: every flow is decided again     topology.rs, state.rs, plug.rs
//! restart ──────→ Switch::snapshot, restore; Revalidator::adopt                             fdb/snapshot.rs
//! a person ─────→ Switch::pin, unlearn, flush ─→ stations to decide anew for                 tables.rs
//! a question ───→ Switch::trace, explain ─→ the steps of a decision that is not carried out  steps.rs, trace.rs
//! ```
//!
//! What holds, and what the tests check: a flow in the kernel does to every packet it matches what the switch would do with
//! it now, as of the last time the flow table was told (`outdated` at once, `settle` and the revalidator later); no input
//! makes it panic or grow without bound; deciding allocates nothing once it has seen its load.
//!
//! It depends on `proto` and `model` alone: it must not know sockets, descriptors, clocks, files or the kernel.

mod arp;
mod arrival;
pub mod bond;
mod bundles;
mod chain;
mod decision;
mod due;
pub mod fdb;
mod flows;
mod frame;
pub mod lacp;
mod lately;
mod members;
mod normal;
mod output;
mod pieces;
mod plug;
mod reserved;
mod revalidate;
mod state;
mod steps;
mod tables;
mod time;
mod topology;
mod trace;
mod tunnel;
mod ufid;
mod unchanged;
mod vlan;

pub use bundles::{Bundle, Bundled, NoLacp, Remembered};
pub use decision::{Decision, Install, Learned, Load, Reason, Station};
pub use fdb::FdbEntry;
pub use flows::{FLOW_LIMIT, Flow, FlowStats, FlowTable, Insert};
pub use ovsdp_proto::flow::Ufid;
pub use revalidate::{Counters, Found, Pass, Policy, Revalidator, Verdict, Why};
pub use state::Switch;
pub use steps::{LeftOut, Source, Step};
pub use tables::Refused;
pub use time::Moment;
pub use topology::{BadTopology, Bridge, BridgeId, Port, PortId, Topology, Way};
pub use trace::{Told, Trace, Untraceable};
pub use ufid::Seed;
pub use vlan::Edit;
