//! The plan for all bridges asked for: `up` and `down`.

use std::borrow::Cow;

use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::bridge::{self, BridgePlan};
use super::check;
use super::error::PlanError;
use super::foreign;
use super::manager;
use super::memory::{Memory, Remembered, ResolverBefore};
use super::observed::Observed;
use super::plain;
use super::requires;
use super::resolver;
use super::stacked;
use super::step::Step;
use super::tuning;
use super::tunnels;
use crate::model::{Addressing, Bridge, Intent, Record};

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The steps; none when nothing differs.
    pub steps: Vec<Step>,
    /// What will be asked of devices that these steps make, by the files' words; planned in full once they are there, from what they say of
    /// themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<Step>,
    /// What people should be told besides.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// The bridges and plain devices `names` stand for, a port standing for its bridge; all bridges that come up by themselves (`ONBOOT`) when there are
/// no names.
///
/// # Errors
/// [`PlanError::NoSuch`] for the first name the files do not know.
pub fn bridges_of(intent: &Intent, names: &[IfName]) -> Result<Vec<IfName>, PlanError> {
    if names.is_empty() {
        return Ok(intent.bridges.values().filter(|bridge| bridge.onboot).map(Bridge::name).collect());
    }
    let mut bridges = Vec::new();
    for name in names {
        if intent.plain.contains_key(name) {
            bridges.push(*name);
            continue;
        }
        let has = |bridge: &&Bridge| bridge.ports.contains_key(name) || bridge.interfaces().any(|interface| interface.name == *name);
        let bridge = intent.bridges.values().find(has).ok_or(PlanError::NoSuch { name: *name })?.name();
        if !bridges.contains(&bridge) {
            bridges.push(bridge);
        }
    }
    Ok(bridges)
}

/// The bridges `names` stand for (see [`bridges_of`]), behind the bridges and plain devices they need (`OVSREQUIRES`, and what a tunnel's
/// packets go out by), each with the ports it is brought up with:
/// one with `ONBOOT=no` is among them when it is named or needed, when the lease is asked for through it, or when it is attached
/// already.
///
/// # Errors
/// Those of [`bridges_of`].
pub fn brought_up(intent: &Intent, names: &[IfName], memory: &Memory) -> Result<Vec<Bridge>, PlanError> {
    Ok(requires::in_order(intent, &bridges_of(intent, names)?, names, memory))
}

/// The plan that makes the bridges `names` stand for what `intent` asks for (see [`brought_up`]).
///
/// # Errors
/// Why there is none; nothing can have been changed.
pub fn up(intent: &Intent, names: &[IfName], observed: &Observed) -> Result<Plan, PlanError> {
    let (mut targets, mut notes) = (Vec::new(), Vec::new());
    for bridge in brought_up(intent, names, &observed.memory)? {
        match plain::left(observed, &bridge) {
            Some(note) => notes.push(note),
            None => targets.push((bridge.name(), Some(bridge))),
        }
    }
    let mut plan = reach(observed, &targets)?;
    plan.notes.splice(0..0, notes);
    Ok(plan)
}

/// The plan that makes each of `targets` what is said of it, `None` being that it goes, and what is kept of no bridge what `rows` say. Foreign
/// ports keep the last one.
///
/// # Errors
/// Why there is none; nothing can have been changed.
pub fn set(targets: &[(IfName, Option<Bridge>)], rows: Option<&[Record]>, observed: &Observed) -> Result<Plan, PlanError> {
    let ending: Vec<IfName> = targets.iter().filter(|(_, target)| target.is_none()).map(|(name, _)| *name).collect();
    let is_last = targets.iter().all(|(_, target)| target.is_none()) && is_last(observed, &ending);
    let foreign = foreign::ports(observed);
    if is_last && !foreign.is_empty() {
        return Err(PlanError::ForeignPorts { names: foreign, bridges: ending });
    }
    let mut plan = reach(observed, targets)?;
    if let Some(to) = rows.filter(|to| *to != observed.memory.rows) {
        plan.steps.insert(0, Step::RememberRows { from: observed.memory.rows.clone(), to: to.to_vec() });
    }
    Ok(plan)
}

/// Whether no bridge is left when those of `ending` are gone.
fn is_last(observed: &Observed, ending: &[IfName]) -> bool {
    !ending.is_empty() && observed.memory.bridges.keys().all(|name| ending.contains(name))
}

/// The plan from what is there to `targets`, after each is seen to be possible.
fn reach(observed: &Observed, targets: &[(IfName, Option<Bridge>)]) -> Result<Plan, PlanError> {
    let mut ready = Vec::new();
    let mut waiting = Vec::new();
    let (places, others) = (observed.memory.bridges_of_ports(), tunnels::all(observed, targets));
    for (name, target) in targets {
        let Some(mut target) = target.clone() else {
            ready.push((*name, None));
            continue;
        };
        // A port that another bridge gives up in this very plan is attached in the next round.
        let awaited = check::bridge(observed, &target, targets, &places, &others)?;
        if !awaited.is_empty() {
            waiting.push(*name);
            awaited.iter().for_each(|port| without(&mut target, *port));
            if target.is_plain() || !observed.memory.bridges.contains_key(name) {
                continue;
            }
        }
        ready.push((*name, Some(target)));
    }
    assemble(observed, &ready, &waiting, Vec::new())
}

/// The plan that takes down the bridges and ports `names`, all that are up when there are none. It goes by what the agent
/// remembers, not by the files.
///
/// Ports of the datapath that are not ours (see `foreign.rs`) lose their switch with the last bridge: they are detached
/// `with_foreign_ports`, and are a reason to refuse without. So are those that a command attached to a bridge that goes, while their
/// devices are there: whoever attached them has not let go of them.
///
/// # Errors
/// [`PlanError::ForeignPorts`], [`PlanError::HeldPorts`], and [`PlanError::ForeignTunnel`] or [`PlanError::StoodOn`] for what could not be brought back.
pub fn down(names: &[IfName], with_foreign_ports: bool, observed: &Observed) -> Result<Plan, PlanError> {
    let memory = &observed.memory;
    let names: Vec<IfName> = if names.is_empty() { memory.bridges.keys().copied().collect() } else { names.to_vec() };
    let mut targets: Vec<(IfName, Option<Bridge>)> =
        names.iter().filter(|name| memory.bridges.contains_key(*name)).map(|name| (*name, None)).collect();
    let mut notes = Vec::new();
    for name in names.iter().filter(|name| !memory.bridges.contains_key(*name)) {
        let Some(bridge) = memory.bridge_of(*name) else {
            let plain = memory.plain.contains_key(name);
            notes.push(if plain { format!("{name} is no port of a bridge: it stays as it is") } else { format!("{name} is not up") });
            continue;
        };
        match targets.iter_mut().find(|(known, _)| *known == bridge) {
            Some((_, None)) => {}
            Some((_, Some(target))) => without(target, *name),
            None => {
                if let Some(remembered) = memory.bridges.get(&bridge) {
                    let mut target = remembered.intent.clone();
                    without(&mut target, *name);
                    targets.push((bridge, Some(target)));
                }
            }
        }
    }
    let ending: Vec<IfName> = targets.iter().filter(|(_, target)| target.is_none()).map(|(name, _)| *name).collect();
    let is_last = is_last(observed, &ending);
    let foreign = foreign::ports(observed);
    let held = foreign::held(observed, &ending);
    if !held.is_empty() && !with_foreign_ports {
        return Err(PlanError::HeldPorts { names: held, bridges: ending });
    }
    let detached = match (is_last && !foreign.is_empty(), with_foreign_ports) {
        (true, false) => return Err(PlanError::ForeignPorts { names: foreign, bridges: ending }),
        (true, true) => foreign::detach(observed)?,
        (false, _) => Vec::new(),
    };
    let mut plan = assemble(observed, &targets, &[], detached)?;
    plan.notes.splice(0..0, notes);
    Ok(plan)
}

fn without(bridge: &mut Bridge, name: IfName) {
    bridge.ports.retain(|port, settings| {
        settings.interfaces.retain(|interface| interface.name != name);
        *port != name && !settings.interfaces.is_empty()
    });
}

/// A bridge with only the ports that are attached.
pub(super) fn with_active_ports(bridge: &Bridge, names: &[IfName], remembered: Option<&Remembered>) -> Bridge {
    let through: &[IfName] = match &bridge.local.addressing {
        Addressing::Dhcp(dhcp) => &dhcp.through,
        _ => &[],
    };
    let mut active = bridge.clone();
    active.ports.retain(|name, port| {
        let is_in = |list: &[IfName]| list.contains(name) || port.interfaces.iter().any(|interface| list.contains(&interface.name));
        port.onboot || is_in(names) || is_in(through) || remembered.is_some_and(|old| old.intent.ports.contains_key(name))
    });
    active
}

/// One plan of the bridges' plans, with what is `detached` of others. Those that are `waiting` for a port ask nobody for a lease yet.
fn assemble(observed: &Observed, targets: &[(IfName, Option<Bridge>)], waiting: &[IfName], detached: Vec<Step>) -> Result<Plan, PlanError> {
    let mut plans: Vec<(IfName, BridgePlan)> = targets.iter().map(|(name, target)| (*name, bridge::plan(observed, *name, target.as_ref()))).collect();
    let after = memory_after(observed, &mut plans);
    let mut plan = Plan { later: tuning::later(observed, targets), ..Plan::default() };
    let (mut claims, mut after_claims, mut awaited, mut last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut carriers = Vec::new();
    plan.steps.extend(manager::tell(observed, targets));
    if !observed.datapath && plans.iter().any(|(_, bridge)| bridge.after.as_ref().is_some_and(|after| !after.intent.is_plain())) {
        plan.steps.push(Step::CreateDatapath);
    }
    plan.steps.extend(plain::given_up(observed, targets));
    let retired = tunnels::retire(observed, &after);
    let provided = tunnels::provide(observed, &after, &retired);
    plan.steps.extend(retired);
    plan.steps.extend(provided);
    plan.steps.extend(resolver::given_up(observed, &after));
    for (name, bridge) in plans {
        let old = observed.memory.get(name);
        if let Some(to) = bridge.after.filter(|to| old != Some(to)) {
            let from = old.map(|old| Box::new(old.clone()));
            plan.steps.push(Step::Remember { bridge: name, from, to: Box::new(to) });
        }
        plan.steps.extend(bridge.steps);
        plan.notes.extend(bridge.notes);
        carriers.extend(bridge.carriers);
        claims.extend(bridge.claims);
        after_claims.extend(bridge.after_claims);
        awaited.extend(bridge.awaited);
        last.extend(bridge.last.into_iter().filter(|_| !waiting.contains(&name)));
    }
    plan.steps.extend((!carriers.is_empty()).then_some(Step::AwaitCarrier { devices: carriers }));
    // Asked once for all bridges: the answers cost seconds.
    plan.steps.extend((!claims.is_empty()).then_some(Step::ProbeAddresses { claims }));
    plan.steps.extend(after_claims);
    plan.steps.extend((!awaited.is_empty()).then_some(Step::AwaitAddresses { addresses: awaited }));
    plan.steps.extend(detached);
    plan.steps.extend(resolver::step(&observed.resolver, &observed.memory, &after));
    let told = resolver::links(observed, &after, &plan.steps);
    plan.steps.extend(told);
    plan.notes.extend(resolver::note(&observed.resolver, &observed.memory, &after));
    let others = tunnels::all(observed, targets);
    plan.notes.extend(targets.iter().filter_map(|(_, target)| target.as_ref()).flat_map(|target| tunnels::notes(target, &others)));
    // Whoever else has a port in it was asked for before: see `down`.
    if observed.datapath && after.bridges.is_empty() && targets.iter().any(|(_, target)| target.is_none()) {
        plan.steps.push(Step::DeleteDatapath);
    }
    plan.steps.extend(last);
    plan.steps.extend(manager::release(observed, targets, &after, false));
    // A bridge is forgotten when all it had is seen to be back in its place: what is forgotten cannot be checked.
    if plan.steps.is_empty() {
        for (name, _) in targets.iter().filter(|(_, target)| target.is_none()) {
            let old = observed.memory.bridges.get(name);
            plan.steps.extend(old.map(|old| Step::Forget { bridge: *name, from: Box::new(old.clone()) }));
        }
        // Likewise: what it has back may change at once.
        plan.steps.extend(manager::release(observed, targets, &after, true));
    }
    stacked::check(observed, &plan.steps)?;
    Ok(plan)
}

/// The memory as the plan leaves it, with each bridge's part of the resolver's past filled in.
fn memory_after<'a>(observed: &'a Observed, plans: &mut [(IfName, BridgePlan)]) -> Cow<'a, Memory> {
    let mut after = Cow::Borrowed(&observed.memory);
    let known = || observed.memory.all().find_map(|(_, bridge)| bridge.resolver_before.clone());
    for (name, plan) in plans {
        let Some(bridge) = &mut plan.after else {
            if observed.memory.bridges.contains_key(name) {
                after.to_mut().bridges.remove(name);
            }
            continue;
        };
        let may_have_servers = bridge.intent.interfaces().any(|interface| interface.addressing.dhcp().is_some() || interface.ipv6.dhcp.is_some());
        if !resolver::of_bridge(bridge).is_empty() {
            let now = || observed.resolver.ours_to_write.then(|| ResolverBefore { content: observed.resolver.content.clone() });
            bridge.resolver_before = bridge.resolver_before.take().or_else(known).or_else(now);
        } else if !may_have_servers {
            bridge.resolver_before = None;
        }
        for member in bridge.members.keys().filter(|member| observed.memory.plain.contains_key(*member)) {
            after.to_mut().plain.remove(member);
        }
        // What stays as it is need not be copied, with all others.
        let known = if bridge.intent.is_plain() { &observed.memory.plain } else { &observed.memory.bridges };
        if known.get(name) != Some(bridge) {
            let after = after.to_mut();
            let place = if bridge.intent.is_plain() { &mut after.plain } else { &mut after.bridges };
            place.insert(*name, bridge.clone());
        }
    }
    after
}
