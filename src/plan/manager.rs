//! NetworkManager beside the bridges: which devices it is to leave alone, and from when to when.
//!
//! It takes addresses, routes and the link's being up along when it lets go of a device that it had configured, so that comes first, alone, and
//! the rest is planned from what is there then (see [`taken`]). When it is to have a device back it may likewise take away what it finds on it:
//! so it is only told of devices that it had configured by a profile of its own, and they are the last thing of all.
//!
//! It must not know how it is asked or told.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::apply::Target;
use super::before::capture;
use super::memory::{Before, Memory};
use super::observed::Observed;
use super::step::Step;
use crate::model::{Bridge, Interface, Kind};

/// What concerns the devices of bridges of a NetworkManager.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NetworkManager {
    /// The devices that our own file has it leave alone.
    pub told: BTreeSet<IfName>,
    /// Of the devices asked about those that it has in hand, each with the UUID of the profile it has configured it by, if any; `None` when it
    /// does not run.
    pub manages: Option<BTreeMap<IfName, Option<String>>>,
}

/// What NetworkManager took along when it let go of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What the device had.
    pub before: Before,
    /// The profile it was configured by, if any.
    pub profile: Option<String>,
}

/// The devices of a bridge that NetworkManager is to leave alone: not those whose files leave them to it, nor those that commands attached.
fn devices(bridge: &Bridge) -> impl Iterator<Item = IfName> {
    let files = bridge.ports.values().filter(|port| !port.by_command).flat_map(|port| &port.interfaces);
    let all = std::iter::once(&bridge.local).chain(files).filter(|_| !bridge.by_command && !bridge.is_plain());
    let ours = |one: &&Interface| matches!(one.kind, Kind::System | Kind::Internal) && !one.nm_controlled && can_be_told(one.name);
    all.filter(ours).map(|one| one.name)
}

/// Whether NetworkManager's own words can say a name: `;` and `,` divide names, `\` and blanks mean something else there.
pub fn can_be_told(name: IfName) -> bool {
    name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b',' | b'\\' | b'"'))
}

/// The devices a plan for `target` may have NetworkManager leave alone.
pub fn may_leave(target: &Target<'_>, memory: &Memory) -> BTreeSet<IfName> {
    match target {
        Target::Up { intent, names } => {
            let brought_up = super::brought_up(intent, names, memory).unwrap_or_default();
            brought_up.iter().flat_map(devices).collect()
        }
        Target::Set { bridges, .. } => bridges.iter().filter_map(|(_, bridge)| bridge.as_ref()).flat_map(devices).collect(),
        Target::Down { .. } => BTreeSet::new(),
    }
}

/// The step that has it leave the devices of `targets` alone that it does not yet.
pub(super) fn tell(observed: &Observed, targets: &[(IfName, Option<Bridge>)]) -> Option<Step> {
    let NetworkManager { told, manages } = &observed.manager;
    let manages = manages.as_ref()?;
    let wanted: BTreeSet<IfName> = targets.iter().filter_map(|(_, target)| target.as_ref()).flat_map(devices).collect();
    let managed = manages.iter().filter(|(name, _)| wanted.contains(*name) && !told.contains(*name));
    let managed = managed.map(|(name, profile)| (*name, profile.clone())).collect();
    let to: BTreeSet<IfName> = told.union(&wanted).copied().collect();
    (to != *told).then(|| Step::LeaveAlone { from: told.clone(), to, managed })
}

/// What NetworkManager takes along with `step`, when `observed` is from before it.
pub(super) fn taken(observed: &Observed, step: &Step) -> BTreeMap<IfName, Taken> {
    let Step::LeaveAlone { from, to, managed } = step else { return BTreeMap::new() };
    let gone = managed.iter().filter(|(name, _)| to.contains(*name) && !from.contains(*name));
    let taken =
        |(name, profile): (&IfName, &Option<String>)| (*name, Taken { before: capture(observed, *name, Vec::new()), profile: profile.clone() });
    gone.map(taken).collect()
}

/// The step that takes the names out of our file of those devices that are no bridge's any longer: of a bridge that stays at once, of one that
/// goes when it is `forgotten`. With the last bridge every name goes.
pub(super) fn release(observed: &Observed, targets: &[(IfName, Option<Bridge>)], after: &Memory, forgotten: bool) -> Option<Step> {
    let told = &observed.manager.told;
    let kept: BTreeSet<IfName> = after.bridges.values().flat_map(|bridge| devices(&bridge.intent)).collect();
    let olds = || targets.iter().filter(|(_, target)| target.is_some() != forgotten).filter_map(|(name, _)| observed.memory.bridges.get(name));
    let had: BTreeSet<IfName> = olds().flat_map(|old| devices(&old.intent)).collect();
    let last = forgotten && after.bridges.is_empty();
    let to: BTreeSet<IfName> = told.iter().filter(|name| !last && (kept.contains(*name) || !had.contains(*name))).copied().collect();
    let profiles = olds().flat_map(|old| &old.let_go).filter(|(name, _)| told.contains(*name) && !to.contains(*name));
    let managed = profiles.map(|(name, profile)| (*name, profile.clone())).collect();
    (to != *told).then(|| Step::LeaveAlone { from: told.clone(), to, managed })
}
