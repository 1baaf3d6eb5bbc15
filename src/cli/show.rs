//! `ovsdp show`: bridges, ports and interfaces in the layout of `ovs-vsctl show`, from what the agent wrote down and what
//! the kernel has. Needs neither the agent nor a privilege.

use std::collections::BTreeMap;
use std::fmt::Write;

use ovsdp_proto::IfName;
use serde::Serialize;

use super::output;
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
    if json { output::json(&shown) } else { output::text(&text(&shown)) }
}

/// The device an interface's packets go through, if it goes through one.
fn device(name: IfName, kind: Kind) -> Option<IfName> {
    match kind {
        Kind::System | Kind::Internal => Some(name),
        Kind::Tunnel(tunnel) => Some(tunnel.encap.device().name()),
        Kind::Patch { .. } => None,
    }
}

/// A name as ovs-vsctl prints it: quoted unless it is an identifier.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !matches!(name, "true" | "false");
    if plain { name.to_owned() } else { format!("{name:?}") }
}

fn text(shown: &Shown) -> String {
    let mut out = format!("{}\n", shown.uuid);
    // Writing to a String cannot fail.
    for bridge in &shown.bridges {
        let _ = writeln!(out, "    Bridge {}", quoted(&bridge.name));
        for port in &bridge.ports {
            let _ = writeln!(out, "        Port {}", quoted(&port.name));
            for interface in &port.interfaces {
                let _ = writeln!(out, "            Interface {}", quoted(&interface.name));
                if let Some(kind) = interface.r#type {
                    let _ = writeln!(out, "                type: {kind}");
                }
                if !interface.options.is_empty() {
                    // Every value of a map is quoted that is not an identifier.
                    let options: Vec<String> = interface.options.iter().map(|(option, value)| format!("{option}={}", quoted(value))).collect();
                    let _ = writeln!(out, "                options: {{{}}}", options.join(", "));
                }
                if let Some(error) = &interface.error {
                    let _ = writeln!(out, "                error: {error:?}");
                }
            }
        }
    }
    let _ = writeln!(out, "    ovs_version: {:?}", shown.ovs_version);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_ovs_vsctl() {
        let name = |text: &str| IfName::new(text).unwrap();
        let interface =
            |text: &str, kind| Interface { name: name(text), external_ids: BTreeMap::new(), r#type: kind, options: BTreeMap::new(), error: None };
        let port = |text: &str, kind| Port { name: name(text), external_ids: BTreeMap::new(), interfaces: vec![interface(text, kind)] };
        let shown = Shown {
            uuid: "3a5e2ff5-8454-429e-b464-e20b8f601539".into(),
            bridges: vec![Bridge {
                name: name("br0"),
                external_ids: BTreeMap::new(),
                ports: vec![port("0eth", None), port("br0", Some("internal"))],
            }],
            ovs_version: "ovsdp 1.2.3".into(),
        };
        let expected = "3a5e2ff5-8454-429e-b464-e20b8f601539\n    Bridge br0\n        Port \"0eth\"\n            Interface \"0eth\"\n        Port br0\n            Interface br0\n                type: internal\n    ovs_version: \"ovsdp 1.2.3\"\n";
        assert_eq!(text(&shown), expected);

        let options = [("key", "42".to_owned()), ("remote_ip", "10.0.0.2".to_owned())].into();
        let (error, peer) = (Some("no".to_owned()), [("peer", "p-b".to_owned())].into());
        let interfaces =
            vec![Interface { options, error, ..interface("vx0", Some("vxlan")) }, Interface { options: peer, ..interface("p-a", Some("patch")) }];
        let shown = Shown {
            bridges: vec![Bridge {
                name: name("br0"),
                external_ids: BTreeMap::new(),
                ports: vec![Port { name: name("vx0"), external_ids: BTreeMap::new(), interfaces }],
            }],
            ..shown
        };
        let text = text(&shown);
        let lines: Vec<&str> = text.lines().map(str::trim).skip(3).collect();
        assert_eq!(lines[..4], ["Interface vx0", "type: vxlan", r#"options: {key="42", remote_ip="10.0.0.2"}"#, r#"error: "no""#]);
        assert_eq!(lines[4..7], ["Interface p-a", "type: patch", "options: {peer=p-b}"]);
    }
}
