//! Ports that a command attached and whose devices are gone for now, as a virtual machine's are when it is off. They stay remembered, and
//! their bridge is complete without them.

use ovsdp_proto::IfName;

use super::observed::Observed;
use crate::model::Bridge;

/// Whether `name` is such a port's device in `bridge`.
pub(super) fn is_away(observed: &Observed, bridge: &Bridge, name: IfName) -> bool {
    let by_command = || bridge.ports.values().any(|port| port.by_command && port.interfaces.iter().any(|one| one.name == name));
    let known = || observed.memory.bridges.get(&bridge.name()).is_some_and(|old| old.members.contains_key(&name));
    // Seldom known: only then all ports are looked at.
    !observed.links.contains_key(&name) && known() && by_command()
}
