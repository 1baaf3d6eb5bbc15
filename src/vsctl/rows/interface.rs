//! An Interface row as the model's interface.

use ovsdp_proto::IfName;

use super::{Misfit, bridge, cell};
use crate::model::{BadTunnel, Interface, Kind, LacpMember, Tunnel};
use crate::vsctl::view::RowView;

/// A row's name, which is a device's or a port's.
pub(super) fn name(row: RowView<'_>) -> Result<IfName, Misfit> {
    let misfit = |text: String| Misfit {
        row: row.uuid(),
        column: "name",
        key: "",
        text,
        help: "a port is called as a device is: at most 15 bytes, no blank".into(),
    };
    IfName::new(row.name()).map_err(|bad| misfit(format!("{} `{}` cannot be had here: {bad}", row.table().name, row.name())))
}

pub(super) fn read(row: RowView<'_>) -> Result<Interface, Misfit> {
    let member = |key| cell::key(row, "other_config", key).map(|cell| cell.short()).transpose();
    Ok(Interface {
        mac: cell::column(row, "mac").map(|cell| cell.mac()).transpose()?,
        mtu: cell::column(row, "mtu_request").map(|cell| cell.number(68, 65535)).transpose()?,
        external_ids: bridge::ids(row),
        lacp: LacpMember { port_id: member("lacp-port-id")?, port_priority: member("lacp-port-priority")?, key: member("lacp-aggregation-key")? },
        ..Interface::new(name(row)?, kind(row)?)
    })
}

/// What kind of device it is.
fn kind(row: RowView<'_>) -> Result<Kind, Misfit> {
    match row.text("type").unwrap_or_default() {
        "" | "system" => Ok(Kind::System),
        "internal" => Ok(Kind::Internal),
        "patch" => match cell::key(row, "options", "peer") {
            Some(peer) => Ok(Kind::Patch { peer: peer.ifname()? }),
            None => Err(misfit(row, "type", "", format!("patch port {} names no peer", row.name()), "set options:peer=NAME of the other bridge's")),
        },
        tunnel => Tunnel::parse(tunnel, row.map("options")).map(Kind::Tunnel).map_err(|bad| bad_tunnel(row, &bad)),
    }
}

fn misfit(row: RowView<'_>, column: &'static str, key: &'static str, text: String, help: &str) -> Misfit {
    Misfit { row: row.uuid(), column, key, text, help: help.to_owned() }
}

fn bad_tunnel(row: RowView<'_>, bad: &BadTunnel) -> Misfit {
    let (column, help) = match bad {
        BadTunnel::UnknownType(_) | BadTunnel::NoType(..) => ("type", "the types are vxlan, geneve, gre, ip6gre, erspan and ip6erspan"),
        BadTunnel::Missing { .. } => ("type", "set options:remote_ip to the other end's address"),
        _ => ("options", "change it, or remove it"),
    };
    misfit(row, column, "", bad.to_string(), help)
}
