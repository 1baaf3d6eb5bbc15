//! `ovsdp show`: bridges, ports and interfaces in the layout of `ovs-vsctl show`, from what the agent wrote down and what
//! the kernel has. Needs neither the agent nor a privilege.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;
use serde::Serialize;

use super::{output, vsctl};
use crate::dp::{self, Dp};
use crate::error::{Error, Kind as ErrorKind};
use crate::host::observe::system;
use crate::host::paths::Run;
use crate::host::{machine, store};
use crate::model::Kind;
use crate::plan::Memory;

#[derive(Debug, Serialize)]
struct Shown {
    uuid: String,
    bridges: Vec<Bridge>,
    ovs_version: String,
}

#[derive(Debug, Serialize)]
struct Bridge {
    name: IfName,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    external_ids: BTreeMap<String, String>,
    ports: Vec<Port>,
}

#[derive(Debug, Serialize)]
struct Port {
    name: IfName,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    external_ids: BTreeMap<String, String>,
    interfaces: Vec<Interface>,
}

#[derive(Debug, Serialize)]
struct Interface {
    name: IfName,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    external_ids: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What the agent of this run directory remembers; nothing when there never was one.
///
/// # Errors
/// It is there and cannot be read.
pub(super) fn memory(run: &Run) -> Result<Memory, Error> {
    let path = run.memory();
    let loaded = store::load(&path).map_err(|error| Error::new(ErrorKind::Failed, format!("cannot read {}: {error}", path.display())))?;
    Ok(loaded.unwrap_or_default())
}

/// The ports the kernel has now, by name.
///
/// # Errors
/// The kernel did not answer.
pub(super) fn vports() -> Result<BTreeMap<IfName, dp::Vport>, Error> {
    let mut dp = match Dp::open() {
        Ok(dp) => dp,
        Err(dp::Error::NoFamily(_)) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let Some(datapath) = dp.datapath(&system()?)? else { return Ok(BTreeMap::new()) };
    Ok(dp.vports(datapath.index)?.into_iter().map(|vport| (vport.name, vport)).collect())
}

pub(super) fn run(run: &Run, json: bool) -> Result<(), Error> {
    if !json {
        return output::text(&vsctl::shown(run)?);
    }
    let (memory, vports) = (memory(run)?, vports()?);
    let interface = |name: IfName, kind: Kind, external_ids: BTreeMap<String, String>| Interface {
        name,
        external_ids,
        r#type: match kind {
            Kind::System => None,
            Kind::Internal => Some("internal"),
            Kind::Tunnel(tunnel) => Some(tunnel.encap.type_name()),
            Kind::Patch { .. } => Some("patch"),
        },
        options: match kind {
            Kind::System | Kind::Internal => BTreeMap::new(),
            Kind::Tunnel(tunnel) => tunnel.options(),
            Kind::Patch { peer } => [("peer", peer.to_string())].into(),
        },
        error: device(name, kind)
            .filter(|device| !vports.contains_key(device))
            .map(|device| format!("could not open network device {device} (No such device)")),
    };
    let bridges = memory.bridges.into_iter().map(|(name, remembered)| {
        let own = remembered.intent.local.external_ids;
        let local = Port { name, external_ids: BTreeMap::new(), interfaces: vec![interface(name, Kind::Internal, own)] };
        let others = remembered.intent.ports.into_iter().map(|(name, port)| {
            let interfaces = port.interfaces.into_iter().map(|one| interface(one.name, one.kind, one.external_ids)).collect();
            Port { name, external_ids: port.external_ids, interfaces }
        });
        let mut ports: Vec<_> = std::iter::once(local).chain(others).collect();
        ports.sort_by_key(|port| port.name);
        Bridge { name, external_ids: remembered.intent.external_ids, ports }
    });
    let shown = Shown { uuid: machine::uuid(), bridges: bridges.collect(), ovs_version: concat!("ovsdp ", env!("CARGO_PKG_VERSION")).into() };
    output::json(&shown)
}

/// The device an interface's packets go through, if it goes through one.
fn device(name: IfName, kind: Kind) -> Option<IfName> {
    match kind {
        Kind::System | Kind::Internal => Some(name),
        Kind::Tunnel(tunnel) => Some(tunnel.encap.device().name()),
        Kind::Patch { .. } => None,
    }
}
