//! What the agent measures of itself, as it goes over the control socket: how long its work took, and what its netlink sockets
//! lost. Counts of what it did are in [`AgentStatus`](super::api::AgentStatus).

use serde::{Deserialize, Serialize};
use zlink::introspect::CustomType;

/// How long something took, over all times since the agent started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct Timing {
    /// Upper bounds of the ranges counted by, in nanoseconds, ascending.
    pub bounds_ns: Vec<u64>,
    /// How often it took at most each bound and more than the one before; then, one more number, how often it took longer.
    pub counts: Vec<u64>,
    /// How long it took altogether, in nanoseconds.
    pub sum_ns: u64,
}

/// What did not go straight on the agent's netlink sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct Losses {
    /// Dumps read again because the table changed meanwhile.
    pub dump_intr: u64,
    /// Times a receive buffer was full and the kernel threw messages away.
    pub enobufs: u64,
    /// Datagrams that did not fit the receive buffer.
    pub truncated: u64,
    /// Requests sent again because their acknowledgement was lost.
    pub resent: u64,
    /// Datagrams that did not come from the kernel.
    pub foreign: u64,
    /// Messages that answer no request.
    pub stray: u64,
    /// Messages that could not be read.
    pub unreadable: u64,
}

/// What the agent measures of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct AgentMetrics {
    /// Batches of upcalls, from the kernel's word that there are some to the answers being sent.
    pub handler: Timing,
    /// Passes over the kernel's flows.
    pub revalidator: Timing,
    /// What its netlink sockets lost or repeated.
    pub losses: Losses,
}
