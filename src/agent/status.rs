//! Answers to questions: how the agent and its bridges are.

use super::alarm::seconds_left;
use super::shared::{Core, Shared};
use crate::ctl::api::{AgentStatus, BridgeStatus, UnconfirmedStatus};
use crate::ctl::metrics::{AgentMetrics, Losses};
use crate::dp::Dispatch;
use crate::nl;

/// How the agent and its bridges are.
pub(super) fn agent(shared: &Shared) -> AgentStatus {
    let memory = shared.memory().clone();
    let unconfirmed = shared.unconfirmed().clone();
    let core = shared.core();
    AgentStatus {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        dispatch: match shared.dispatch() {
            Dispatch::PerCpu => "per-cpu",
            Dispatch::PerVport => "per-vport",
        }
        .into(),
        handlers: u32::try_from(shared.handlers).unwrap_or(u32::MAX),
        upcalls: shared.counters.upcalls.get(),
        overruns: shared.counters.overruns.get(),
        dropped: shared.counters.dropped.get(),
        installed: shared.counters.installed.get(),
        refused: shared.counters.refused.get(),
        flows: core.flows.len(),
        flow_limit: core.flows.limit(),
        unconfirmed: unconfirmed.map(|change| UnconfirmedStatus { left: seconds_left(&change), seconds: change.seconds, by: change.by }),
        bridges: memory.bridges.keys().map(|name| bridge(&core, name.as_str())).collect(),
    }
}

fn bridge(core: &Core, name: &str) -> BridgeStatus {
    let stats = core.switch.fdb_stats(name).unwrap_or_default();
    BridgeStatus {
        name: name.to_owned(),
        macs: stats.current,
        macs_max: stats.max,
        learned: stats.learned,
        expired: stats.expired,
        evicted: stats.evicted,
        moved: stats.moved,
    }
}

/// What the agent measures of itself.
pub(super) fn metrics(shared: &Shared) -> AgentMetrics {
    let nl::Counters { dump_intr, enobufs, truncated, resent, foreign, stray, unreadable } = shared.counters.losses.sum();
    AgentMetrics {
        handler: shared.counters.handling.get(),
        revalidator: shared.counters.revalidating.get(),
        losses: Losses { dump_intr, enobufs, truncated, resent, foreign, stray, unreadable },
    }
}
