//! Which bridges come up on their own: one that fails then does not keep the others down.
//!
//! It must not know how they come up.

use ovsdp_proto::IfName;

use super::memory::Memory;
use super::order::{bridges_of, brought_up};
use crate::model::Intent;

/// What comes up by itself, in groups that come up one after the other, each on its own: the plain devices that bridges need, one by one;
/// then the bridges (`ONBOOT`), together only those of which one is to get a port that another one has; last the plain devices that are
/// ports still.
pub fn apart(intent: &Intent, memory: &Memory) -> Vec<Vec<IfName>> {
    let all = brought_up(intent, &[], memory).unwrap_or_default();
    let plain = all.iter().filter(|bridge| bridge.is_plain()).map(|bridge| vec![bridge.name()]);
    let (last, first): (Vec<_>, Vec<_>) = plain.partition(|group| group.iter().any(|name| memory.bridge_of(*name).is_some()));
    first.into_iter().chain(bridges(intent, memory)).chain(last).collect()
}

fn bridges(intent: &Intent, memory: &Memory) -> Vec<Vec<IfName>> {
    let mut groups: Vec<Vec<IfName>> = Vec::new();
    for name in bridges_of(intent, &[]).unwrap_or_default() {
        let Some(bridge) = intent.bridges.get(&name) else { continue };
        let givers: Vec<IfName> = bridge.interfaces().filter_map(|interface| memory.bridge_of(interface.name)).collect();
        let takes_from = |other: &IfName| givers.contains(other);
        let gives_to = |other: &IfName| {
            let other = intent.bridges.get(other);
            other.is_some_and(|other| other.interfaces().any(|interface| memory.bridge_of(interface.name) == Some(name)))
        };
        let (mut joined, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.iter().any(|other| takes_from(other) || gives_to(other)));
        joined.push(vec![name]);
        groups = others;
        groups.push(joined.concat());
    }
    groups
}
