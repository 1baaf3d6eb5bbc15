//! What commands say nothing of: addresses, and what else only files have. It stays with what keeps its name.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use super::commanded;
use crate::model::{Bridge, Interface, Port};

/// Gives `new`, as rows describe it, what `old` has besides. A bridge or port that is not in `old` came by a command.
pub fn carry_over(old: &BTreeMap<IfName, Bridge>, new: &mut BTreeMap<IfName, Bridge>) {
    for (name, bridge) in new {
        bridge.commanded = commanded::noted(old.get(name), bridge);
        let Some(before) = old.get(name) else {
            bridge.by_command = true;
            bridge.ports.values_mut().for_each(|port| port.by_command = true);
            continue;
        };
        (bridge.onboot, bridge.by_command) = (before.onboot, before.by_command);
        bridge.local = interface(&before.local, &bridge.local);
        for (name, port) in &mut bridge.ports {
            match before.ports.get(name) {
                Some(was) => (port.onboot, port.by_command) = (was.onboot, was.by_command),
                None => port.by_command = true,
            }
            members(before.ports.get(name), before, port);
        }
    }
}

fn members(was: Option<&Port>, before: &Bridge, port: &mut Port) {
    for own in &mut port.interfaces {
        if let Some(known) = before.interfaces().find(|known| known.name == own.name) {
            *own = interface(known, own);
        }
    }
    // Rows have no order; a bond has.
    let place = |one: &Interface| was.and_then(|was| was.interfaces.iter().position(|known| known.name == one.name)).unwrap_or(usize::MAX);
    port.interfaces.sort_by_key(place);
}

fn interface(old: &Interface, new: &Interface) -> Interface {
    if old.kind != new.kind {
        return new.clone();
    }
    let Interface { name, kind, mac, mtu, external_ids, lacp, .. } = new.clone();
    Interface { name, kind, mac, mtu, external_ids, lacp, ..old.clone() }
}
