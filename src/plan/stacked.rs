//! Devices that stand on a bridge's own: the kernel deletes them with it, and nothing here could make them again.
//!
//! It must not know why a device goes.

use ovsdp_proto::IfName;

use super::error::PlanError;
use super::observed::Observed;
use super::step::Step;
use crate::model::Kind;

/// The kinds of devices the kernel deletes together with the one below.
const FALLING: [&str; 6] = ["vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "vxlan"];

/// Refuses `steps` that would delete a device others stand on.
///
/// # Errors
/// [`PlanError::StoodOn`] for the first.
pub(super) fn check(observed: &Observed, steps: &[Step]) -> Result<(), PlanError> {
    let falling: Vec<(IfName, IfName)> = falling(observed).collect();
    for step in steps {
        let Step::DetachVport { name, kind: Kind::Internal, .. } = step else { continue };
        let on: Vec<IfName> = falling.iter().filter(|(_, below)| below == name).map(|(name, _)| *name).collect();
        if !on.is_empty() {
            return Err(PlanError::StoodOn { name: *name, on });
        }
    }
    Ok(())
}

/// The devices that go with another one, and which.
fn falling(observed: &Observed) -> impl Iterator<Item = (IfName, IfName)> {
    let falls = |kind: &Option<String>| kind.as_deref().is_some_and(|kind| FALLING.contains(&kind));
    observed.links.iter().filter(move |(_, link)| falls(&link.kind)).filter_map(|(name, link)| Some((*name, link.lower?)))
}
