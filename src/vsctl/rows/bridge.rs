//! A Bridge row as the model's bridge, with its ports.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Misfit, cell, interface, port};
use crate::model::{Bridge, BridgeRules};
use crate::vsctl::view::RowView;

pub(super) fn read(row: RowView<'_>) -> Result<Bridge, Misfit> {
    let name = interface::name(row)?;
    let other = |key| cell::key(row, "other_config", key);
    let number = |key| other(key).map(|cell| cell.number(0, u32::MAX)).transpose();
    let rules = BridgeRules {
        mac_aging: number("mac-aging-time")?.map(|seconds| Duration::from_secs(seconds.into())),
        mac_table_size: number("mac-table-size")?,
        flood_vlans: cell::vids(row, "flood_vlans").into_iter().collect(),
        forward_bpdu: other("forward-bpdu").map(|cell| cell.boolean()).transpose()?.unwrap_or(false),
    };
    let mut bridge = Bridge { rules, external_ids: ids(row), ..Bridge::new(name) };
    for port_row in row.rows("ports") {
        if port_row.name() == name.as_str() {
            (bridge.local, bridge.local_rules) = port::local(port_row)?;
            continue;
        }
        bridge.ports.insert(interface::name(port_row)?, port::read(port_row)?);
    }
    // What is said of the bridge counts before what is said of its interface, as in Open vSwitch.
    bridge.local.mac = other("hwaddr").map(|cell| cell.mac()).transpose()?.or(bridge.local.mac);
    Ok(bridge)
}

/// A row's external ids.
pub(super) fn ids(row: RowView<'_>) -> BTreeMap<String, String> {
    row.map("external_ids").into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
