//! The MAC tables for people: what is in them, what they count, changes, and how a packet would be treated with them.

use super::shared::{Core, Saved, Shared, now};
use crate::ctl::api::{Fdb, FdbChanged, FdbCounts, FdbEntry, FdbStats, Trace};
use crate::ctl::service::{FdbChange, TraceOf};
use crate::error::{Error, Kind};
use crate::model::PortRules;
use crate::switch::fdb::Learn;
use crate::switch::{self, Bridge, Refused, Untraceable, Way};
use ovsdp_proto::{IfName, Mac};

/// The MAC table of `bridge`, or of every one; static addresses first, then least recently used first.
pub(super) fn fdb(shared: &Shared, bridge: Option<&str>) -> Result<Fdb, Error> {
    shared.in_core(|core| {
        let now = now();
        core.switch.expire(now);
        known(core, bridge)?;
        let wanted = core.switch.snapshot(now).into_iter().filter(|entry| bridge.is_none_or(|name| entry.bridge.as_str() == name));
        let entries = wanted.map(|entry| to_entry(core, entry)).collect();
        Ok(Fdb { entries })
    })
}

/// What the MAC table of `bridge` counts, or every one.
pub(super) fn stats(shared: &Shared, bridge: Option<&str>) -> Result<FdbStats, Error> {
    shared.in_core(|core| {
        core.switch.expire(now());
        known(core, bridge)?;
        let tables = names(core).filter(|name| bridge.is_none_or(|wanted| name == wanted)).map(|bridge| {
            let switch::fdb::Stats { current, max, statics, learned, expired, evicted, moved } = core.switch.fdb_stats(&bridge).unwrap_or_default();
            FdbCounts { bridge, current, maximum: max, statics, learned, expired, evicted, moved }
        });
        Ok(FdbStats { tables: tables.collect() })
    })
}

/// Changes a MAC table. Flows do not follow before the revalidator's next pass.
pub(super) fn change(shared: &Shared, change: &FdbChange) -> Result<FdbChanged, Error> {
    shared.in_core(|core| {
        let changed = apply(core, change)?;
        if changed.changed > 0 {
            // It is written down at once.
            core.saved = Saved::default();
        }
        Ok(changed)
    })
}

fn apply(core: &mut Core, change: &FdbChange) -> Result<FdbChanged, Error> {
    let changed = match change {
        FdbChange::Add { bridge, port, vlan, mac } => {
            let learn = core.switch.pin(now(), bridge, port, (*vlan, address(mac)?));
            let learn = learn.map_err(|refused| refusal(core, bridge, &[port, mac], refused))?;
            u32::from(!matches!(learn, Learn::Static { .. }))
        }
        FdbChange::Del { bridge, vlan, mac } => {
            core.switch.expire(now());
            let done = core.switch.unlearn(bridge, *vlan, address(mac)?);
            done.map_err(|refused| refusal(core, bridge, &[&format!("VLAN {vlan}"), mac], refused))?;
            1
        }
        FdbChange::Flush { bridge } => {
            known(core, bridge.as_deref())?;
            let wanted: Vec<String> = names(core).filter(|name| bridge.as_ref().is_none_or(|wanted| name == wanted)).collect();
            wanted.iter().map(|name| core.switch.flush(now(), name, None).unwrap_or(0)).sum()
        }
    };
    Ok(FdbChanged { changed })
}

/// How a packet would be treated now.
pub(super) fn trace(shared: &Shared, TraceOf { bridge, flow, names }: &TraceOf) -> Result<Trace, Error> {
    shared.in_core(|core| match core.switch.explain(now(), bridge, flow, *names) {
        Ok(told) => Ok(Trace::of(bridge, told)),
        Err(Untraceable::NoBridge) => Err(no_bridge(core, bridge)),
        Err(Untraceable::NoPort(port)) => Err(no_port(core, bridge, &port)),
        Err(error @ (Untraceable::Text(_) | Untraceable::NoInPort)) => Err(Error::new(Kind::Usage, error.to_string())),
    })
}

fn address(text: &str) -> Result<Mac, Error> {
    text.parse().map_err(|error| Error::new(Kind::Usage, format!("{text}: {error}")))
}

fn names(core: &Core) -> impl Iterator<Item = String> + '_ {
    core.switch.topology().bridges.iter().map(|bridge| bridge.name.to_string())
}

/// Fails unless `bridge`, if one is named, is up.
fn known(core: &Core, bridge: Option<&str>) -> Result<(), Error> {
    match bridge {
        Some(name) if core.switch.fdb(name).is_none() => Err(no_bridge(core, name)),
        _ => Ok(()),
    }
}

fn no_bridge(core: &Core, name: &str) -> Error {
    let known: Vec<_> = names(core).collect();
    let error = Error::new(Kind::NoSuch, format!("{name}: no bridge by that name is up"));
    if known.is_empty() { error } else { error.advise(format!("up are: {}", known.join(", "))) }
}

fn no_port(core: &Core, bridge: &str, port: &str) -> Error {
    let error = Error::new(Kind::NoSuch, format!("{bridge} has no port {port}"));
    match core.switch.topology().bridges.iter().find(|one| one.name.as_str() == bridge) {
        Some(one) => {
            let port =
                |(name, way, _): (IfName, &Way, &PortRules)| way.dp_port().map_or_else(|| name.to_string(), |number| format!("{name} ({number})"));
            error.advise(format!("it has: {}", one.all_ports().map(port).collect::<Vec<_>>().join(", ")))
        }
        None => error,
    }
}

/// Why a table was not changed, in words. `about` is what was named beside the bridge.
fn refusal(core: &Core, bridge: &str, about: &[&str], refused: Refused) -> Error {
    match refused {
        Refused::NoBridge => no_bridge(core, bridge),
        Refused::NoPort => no_port(core, bridge, about.first().copied().unwrap_or_default()),
        Refused::NoAddress => {
            Error::new(Kind::NoSuch, format!("{bridge}, {}: {refused}", about.join(", "))).advise(format!("`ovsdp fdb show {bridge}` prints it"))
        }
        Refused::Group | Refused::BadVlan => Error::new(Kind::Usage, format!("{bridge}, {}: {refused}", about.join(", "))),
    }
}

fn to_entry(core: &Core, entry: switch::FdbEntry) -> FdbEntry {
    let bridges = &core.switch.topology().bridges;
    let bridge = bridges.iter().find(|bridge| bridge.name == entry.bridge);
    let number = bridge.and_then(|bridge: &Bridge| bridge.all_ports().find(|(name, ..)| *name == entry.port));
    // A tunnel's number is not its port's alone: the name says more.
    let number = number.and_then(|(_, way, _)| if let Way::Device(number) = way { Some(*number) } else { None });
    FdbEntry {
        bridge: entry.bridge.to_string(),
        port: entry.port.to_string(),
        port_no: number,
        vlan: entry.vlan,
        mac: entry.mac.to_string(),
        age: entry.age_ms / 1000,
        is_static: entry.is_static,
    }
}
