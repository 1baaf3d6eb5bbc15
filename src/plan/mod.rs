//! Intent × observed → ordered steps with their undo, and what applies them through a trait.
//!
//! One way leads through this room: [`Observed`] and the intent give each interface's goal (`goal`), the difference
//! between the two gives steps (`diff`, `bridge`, `order`), [`apply`] has an [`Executor`] do them with a [`Journal`] and
//! takes them back when one fails. [`up`] applied twice gives an empty plan the second time.
//!
//! It must not know sockets, files or clocks: an executor reads and does, and lifetimes are what the kernel reports.

mod apart;
mod apply;
mod away;
mod before;
mod bridge;
mod check;
mod commanded;
mod diff;
mod error;
mod executor;
mod foreign;
mod goal;
mod ipv6;
mod journal;
mod lease6;
mod leases;
mod mac;
mod manager;
mod memory;
mod observed;
mod order;
mod per_device;
mod plain;
mod probe;
mod reach;
mod render;
mod requires;
mod resolver;
mod routes;
mod rules;
mod stacked;
mod step;
#[cfg(test)]
mod tests;
mod text;
mod tuning;
mod tunnels;
mod unseen;
mod zones;

pub use apart::apart;
pub use apply::{Cause, Event, Outcome, Report, Target, UndoFailure, apply, apply_unconfirmed, follow_up, recover, rollback};
pub use check::{known_by, obstacles};
pub use error::{ErrorKind, PlanError, StepError};
pub use executor::Executor;
pub use journal::{Entry, Journal, Unconfirmed};
pub use lease6::Lease6;
pub use leases::HeldLease;
pub use manager::{NetworkManager, Taken, can_be_told, may_leave};
pub use memory::{Before, ClasslessRoute, Lease, Memory, OwnAddress, OwnRule, Remembered, ResolverBefore};
pub use observed::*;
pub use order::{Plan, bridges_of, brought_up, down, set, up};
pub use per_device::{OnDevice, PerDevice};
pub use resolver::told_resolver;
pub use step::{Claim, Step};
pub use tuning::{Feature, Hardware, Tuned, looked_at};
pub use zones::{Firewall, asks_firewall};
