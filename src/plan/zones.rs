//! The firewall's zones (`ZONE`): which interface is to be put into which, and back when nobody asks for it any longer.
//!
//! It must not know how a firewall is asked or told.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::apply::Target;
use super::error::PlanError;
use super::memory::Memory;
use super::observed::Observed;
use super::step::Step;
use crate::model::{Bridge, Interface, Zone};

/// What a firewall that runs says of its zones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Firewall {
    /// The zone of every interface that was put into none.
    pub default: String,
    /// Every zone.
    pub zones: BTreeSet<String>,
    /// The interfaces that were put into one.
    pub interfaces: BTreeMap<IfName, String>,
}

impl Firewall {
    fn is_in(&self, name: IfName) -> Option<Zone> {
        self.interfaces.get(&name).and_then(|zone| Zone::new(zone))
    }
}

/// Whether a plan for `target` depends on the firewall.
pub fn asks_firewall(target: &Target<'_>, memory: &Memory) -> bool {
    let asking = |one: &Interface| one.zone.is_some();
    let known = memory.all().any(|(_, bridge)| !bridge.zones.is_empty());
    known
        || match target {
            Target::Up { intent, .. } => intent.bridges.values().flat_map(Bridge::interfaces).chain(intent.plain.values()).any(asking),
            Target::Set { bridges, .. } => bridges.iter().filter_map(|(_, bridge)| bridge.as_ref()).flat_map(Bridge::interfaces).any(asking),
            Target::Down { .. } => false,
        }
}

/// What becomes of one interface's zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Change {
    pub(super) step: Option<Step>,
    pub(super) note: Option<String>,
    /// The zone it was in before any was asked for, `None` in it being none; `None` when nobody asks.
    pub(super) before: Option<Option<Zone>>,
}

/// Sees that the firewall has the zone that `interface` asks for.
pub(super) fn check(observed: &Observed, interface: &Interface) -> Result<(), PlanError> {
    match (&observed.firewall, &interface.zone) {
        (Some(firewall), Some(zone)) if !firewall.zones.contains(zone.name(&firewall.default)) => {
            Err(PlanError::NoZone { name: interface.name, zone: zone.clone() })
        }
        _ => Ok(()),
    }
}

/// From the zone `interface` is in to the one it asks for. `pinned`: what was asked for last; `had`: the one it was in before that.
pub(super) fn towards(observed: &Observed, interface: &Interface, pinned: Option<&Zone>, had: Option<&Option<Zone>>) -> Change {
    let name = interface.name;
    let Some(to) = &interface.zone else {
        return Change { step: had.and_then(|had| give_back(observed, name, pinned, had)), ..Change::default() };
    };
    let Some(firewall) = &observed.firewall else {
        let note = format!("firewalld does not run: nobody is told that {name} is to be in {to}");
        return Change { note: Some(note), before: had.cloned(), step: None };
    };
    let from = firewall.is_in(name);
    let before = had.cloned().unwrap_or_else(|| from.clone());
    let differs = from.as_ref().map(Zone::as_str) != Some(to.name(&firewall.default));
    Change { step: differs.then(|| Step::SetZone { name, from, to: Some(to.clone()) }), note: None, before: Some(before) }
}

/// The step that puts an interface back where it `had` been before `pinned` was asked for. Where somebody else has put it since it stays.
pub(super) fn give_back(observed: &Observed, name: IfName, pinned: Option<&Zone>, had: &Option<Zone>) -> Option<Step> {
    let firewall = observed.firewall.as_ref()?;
    let from = firewall.is_in(name);
    let ours = pinned.is_some_and(|pinned| from.as_ref().map(Zone::as_str) == Some(pinned.name(&firewall.default)));
    // Into one that is no more nobody can be put.
    let to = had.clone().filter(|zone| firewall.zones.contains(zone.as_str()));
    (ours && from != to).then_some(Step::SetZone { name, from, to })
}
