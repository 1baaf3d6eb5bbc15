//! Answers to questions: how the agent and its bridges are, what is in the MAC tables.

use std::time::{SystemTime, UNIX_EPOCH};

use super::shared::{Core, Shared, now};
use crate::ctl::api::{AgentStatus, BridgeStatus, Fdb, FdbEntry, LeaseStatus};
use crate::ctl::metrics::{AgentMetrics, Losses};
use crate::dp::Dispatch;
use crate::error::{Error, Kind};
use crate::nl;
use crate::plan::Remembered;
use crate::switch;

/// How the agent and its bridges are.
pub(super) fn agent(shared: &Shared) -> AgentStatus {
    let memory = shared.memory().clone();
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
        installed: shared.counters.installed.get(),
        refused: shared.counters.refused.get(),
        flows: core.flows.len(),
        bridges: memory.bridges.iter().map(|(name, remembered)| bridge(&core, name.as_str(), remembered)).collect(),
    }
}

fn bridge(core: &Core, name: &str, remembered: &Remembered) -> BridgeStatus {
    let stats = core.switch.fdb_stats(name).unwrap_or_default();
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let leases = remembered.leases.iter().map(|(interface, lease)| LeaseStatus {
        interface: interface.to_string(),
        address: lease.address.to_string(),
        server: lease.server.to_string(),
        remaining: lease.obtained.saturating_add(lease.lease_secs.into()).saturating_sub(unix),
    });
    BridgeStatus {
        name: name.to_owned(),
        macs: stats.current,
        macs_max: stats.max,
        learned: stats.learned,
        expired: stats.expired,
        evicted: stats.evicted,
        moved: stats.moved,
        leases: leases.collect(),
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

/// The MAC table of `bridge`, or of every one; least recently used addresses first.
pub(super) fn fdb(shared: &Shared, bridge: Option<&str>) -> Result<Fdb, Error> {
    let mut core = shared.core();
    let now = now();
    core.switch.expire(now);
    if let Some(name) = bridge
        && core.switch.fdb(name).is_none()
    {
        let known: Vec<_> = core.switch.topology().bridges.iter().map(|bridge| bridge.name.to_string()).collect();
        let error = Error::new(Kind::NoSuch, format!("{name}: no bridge by that name is up"));
        return Err(if known.is_empty() { error } else { error.advise(format!("up are: {}", known.join(", "))) });
    }
    let wanted = core.switch.snapshot(now).into_iter().filter(|entry| bridge.is_none_or(|name| entry.bridge.as_str() == name));
    let entries = wanted.map(|entry| to_entry(&core, entry)).collect();
    Ok(Fdb { entries })
}

fn to_entry(core: &Core, entry: switch::FdbEntry) -> FdbEntry {
    let bridges = &core.switch.topology().bridges;
    let bridge = bridges.iter().find(|bridge| bridge.name == entry.bridge);
    let number = bridge.and_then(|bridge| {
        let port = bridge.ports.iter().find(|port| port.name == entry.port).map(|port| port.dp_port);
        port.or_else(|| (entry.port == bridge.name).then_some(bridge.local))
    });
    FdbEntry {
        bridge: entry.bridge.to_string(),
        port: entry.port.to_string(),
        port_no: number,
        vlan: entry.vlan,
        mac: entry.mac.to_string(),
        age: entry.age_ms / 1000,
    }
}
