//! Ports of the datapath that are not ours: a hypervisor's, a person's. The datapath is one for all bridges, so they are not one
//! bridge's either; with the last bridge they would lose the switch. Then nothing is taken down unless they are given up too.
//!
//! It must not know what the bridges had: that is `bridge`'s.

use ovsdp_proto::IfName;

use super::bridge;
use super::diff::strip;
use super::error::PlanError;
use super::observed::Observed;
use super::step::Step;
use super::tunnels;
use crate::model::{Device, Kind};

/// The ports that nobody in memory has, in the order of their names.
pub(super) fn ports(observed: &Observed) -> Vec<IfName> {
    let memory = &observed.memory;
    let tunnels: Vec<IfName> = tunnels::needed(memory).into_iter().map(Device::name).collect();
    let places = memory.bridges_of_ports();
    let ours = |name: IfName| memory.bridges.contains_key(&name) || places.contains_key(&name) || tunnels.contains(&name);
    observed.vports.iter().filter(|(name, vport)| vport.port_no != 0 && !ours(**name)).map(|(name, _)| *name).collect()
}

/// The ports of `bridges` that a command attached, and whose devices are there.
pub(super) fn held(observed: &Observed, bridges: &[IfName]) -> Vec<IfName> {
    let remembered = bridges.iter().filter_map(|name| observed.memory.bridges.get(name));
    let ports = remembered.flat_map(|bridge| &bridge.intent.ports).filter(|(_, port)| port.by_command);
    ports
        .filter(|(_, port)| port.interfaces.iter().any(|one| one.kind == Kind::System && observed.links.contains_key(&one.name)))
        .map(|(name, _)| *name)
        .collect()
}

/// The steps that take every foreign port off the datapath, each with what brings it back.
///
/// # Errors
/// [`PlanError::ForeignTunnel`] for one that could not be brought back.
pub(super) fn detach(observed: &Observed) -> Result<Vec<Step>, PlanError> {
    let mut steps = Vec::new();
    // They are the datapath's and no bridge's, also when they come back.
    let datapath = observed.vports.iter().find(|(_, vport)| vport.port_no == 0).map(|(name, _)| *name);
    for name in ports(observed) {
        let (Some(vport), Some(datapath)) = (observed.vports.get(&name), datapath) else { continue };
        if vport.tunnel {
            return Err(PlanError::ForeignTunnel { name });
        }
        let link = observed.links.get(&name);
        if vport.kind == Kind::Internal {
            steps.extend(strip(observed, name));
            steps.extend(link.filter(|link| link.up).map(|_| Step::SetDown { name }));
        }
        steps.extend(bridge::detach(observed, datapath, name));
    }
    Ok(steps)
}
