//! Which bridges come up on their own: one that fails then does not keep the others down.
//!
//! It must not know how they come up.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use super::memory::Memory;
use super::order::{bridges_of, brought_up};
use crate::model::Intent;

/// What comes up by itself, in groups that come up one after the other, each on its own: the plain devices that bridges need, one by one;
/// then the bridges (`ONBOOT`), together only those of which one is to get a port that another one has; last the plain devices that are
/// ports still.
pub fn apart(intent: &Intent, memory: &Memory) -> Vec<Vec<IfName>> {
    let places = memory.bridges_of_ports();
    let all = brought_up(intent, &[], memory).unwrap_or_default();
    let plain = all.iter().filter(|bridge| bridge.is_plain()).map(|bridge| vec![bridge.name()]);
    let (last, first): (Vec<_>, Vec<_>) = plain.partition(|group| group.iter().any(|name| places.contains_key(name)));
    first.into_iter().chain(bridges(intent, &places)).chain(last).collect()
}

/// `places`: the bridge that each port there is belongs to.
fn bridges(intent: &Intent, places: &BTreeMap<IfName, IfName>) -> Vec<Vec<IfName>> {
    let mut groups: Vec<Vec<IfName>> = Vec::new();
    // Of each bridge, those that are to get a port it has.
    let mut takers: BTreeMap<IfName, BTreeSet<IfName>> = BTreeMap::new();
    for name in bridges_of(intent, &[]).unwrap_or_default() {
        let Some(bridge) = intent.bridges.get(&name) else { continue };
        let givers: BTreeSet<IfName> = bridge.interfaces().filter_map(|interface| places.get(&interface.name).copied()).collect();
        let of_it = takers.get(&name).cloned().unwrap_or_default();
        let (mut joined, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.iter().any(|other| givers.contains(other) || of_it.contains(other)));
        givers.into_iter().for_each(|giver| _ = takers.entry(giver).or_default().insert(name));
        joined.push(vec![name]);
        groups = others;
        groups.push(joined.concat());
    }
    groups
}
