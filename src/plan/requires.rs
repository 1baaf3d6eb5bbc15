//! What must come up first (`OVSREQUIRES`, the way of a tunnel's packets): which bridges and plain devices come up along with those
//! asked for, and in which order.
//!
//! It must not know how they come up.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use super::memory::Memory;
use super::order::with_active_ports;
use crate::model::{Bridge, Intent};

/// The bridges and plain devices `asked`, and those they need, each with its active ports; what is needed before what needs it. Of bridges that need
/// each other whichever comes first in `asked` is last. `names` are the ports asked for by name.
pub(super) fn in_order(intent: &Intent, asked: &[IfName], names: &[IfName], memory: &Memory) -> Vec<Bridge> {
    let place = |name: IfName| {
        let bridge = intent.bridges.values().find(|bridge| bridge.interfaces().any(|one| one.name == name)).map(Bridge::name);
        bridge.or_else(|| intent.plain.contains_key(&name).then_some(name))
    };
    let mut names = names.to_vec();
    let mut active: BTreeMap<IfName, Bridge> = BTreeMap::new();
    let mut ahead = asked.to_vec();
    // A port that is needed is attached whatever its ONBOOT says, and may need others itself.
    while let Some(name) = ahead.pop() {
        let Some(bridge) = intent.get(name) else { continue };
        let bridge = with_active_ports(&bridge, &names, memory.bridges.get(&name));
        for needed in bridge.interfaces().flat_map(|one| &one.requires) {
            if !names.contains(needed) {
                names.push(*needed);
                ahead.extend(place(*needed));
            }
        }
        active.insert(name, bridge);
    }
    let mut order = Vec::new();
    for name in asked {
        put(*name, &mut active, &place, &mut order);
    }
    order
}

/// Puts a bridge behind what it needs.
fn put(name: IfName, active: &mut BTreeMap<IfName, Bridge>, place: &impl Fn(IfName) -> Option<IfName>, order: &mut Vec<Bridge>) {
    // Taken out first: so a loop ends.
    let Some(bridge) = active.remove(&name) else { return };
    for needed in bridge.interfaces().flat_map(|one| &one.requires).filter_map(|needed| place(*needed)) {
        put(needed, active, place, order);
    }
    order.push(bridge);
}
