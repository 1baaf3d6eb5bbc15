//! The model's bridges as rows: what a column says that is not its default.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Bond, Bridge, Detect, Interface, Kind, Lacp, MIIMON, Port, PortRules, PriorityTags, ServiceTag, Vid, VlanSet, Vlans};
use crate::vsctl::database::Database;
use crate::vsctl::schema::Table;
use crate::vsctl::uuid::Uuid;
use crate::vsctl::value::{Atom, Datum};

/// A row being written.
struct Writer<'a> {
    database: &'a mut Database,
    table: &'static Table,
    row: Uuid,
    other: BTreeMap<&'static str, String>,
}

/// The database of `bridges` without their records.
pub(super) fn database<'a>(root: Uuid, bridges: impl Iterator<Item = &'a Bridge>) -> Database {
    let mut database = Database::new(root);
    let rows: Vec<Uuid> = bridges.filter_map(|bridge| write_bridge(&mut database, bridge)).collect();
    if let Some(table) = Table::of("Open_vSwitch")
        && let Some(column) = table.column("bridges")
    {
        database.set(table, root, column, Datum::set(rows.into_iter().map(Atom::Uuid)));
    }
    database
}

fn vids<'a>(vids: impl Iterator<Item = Vid> + 'a) -> Datum {
    Datum::set(vids.map(|vid| Atom::Integer(u16::from(vid).into())))
}

impl<'a> Writer<'a> {
    /// A new row of that name; `None` when there is no such table.
    fn new(database: &'a mut Database, table: &str, name: &str) -> Option<Self> {
        let table = Table::of(table)?;
        let row = database.fresh(table.name, Some(name));
        database.insert(table, row);
        let mut writer = Self { database, table, row, other: BTreeMap::new() };
        writer.text("name", Some(name));
        Some(writer)
    }

    fn put(&mut self, column: &str, datum: Datum) {
        if let Some(column) = self.table.column(column) {
            self.database.set(self.table, self.row, column, datum);
        }
    }

    fn text(&mut self, column: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.put(column, Datum::one(Atom::from(text)));
        }
    }

    fn number(&mut self, column: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.put(column, Datum::one(Atom::Integer(number)));
        }
    }

    fn truth(&mut self, column: &str, truth: bool) {
        self.put(column, Datum::one(Atom::Boolean(truth)));
    }

    fn map<'b>(&mut self, column: &str, map: impl Iterator<Item = (&'b str, &'b str)>) {
        self.put(column, Datum::map(map.map(|(key, value)| (Atom::from(key), Atom::from(value)))));
    }

    fn ids(&mut self, ids: &BTreeMap<String, String>) {
        self.map("external_ids", ids.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    }

    /// A key of `other_config`.
    fn other(&mut self, key: &'static str, value: Option<String>) {
        self.other.extend(value.map(|value| (key, value)));
    }

    fn done(mut self) -> Uuid {
        let other = std::mem::take(&mut self.other);
        self.map("other_config", other.iter().map(|(key, value)| (*key, value.as_str())));
        self.row
    }
}

fn write_bridge(database: &mut Database, bridge: &Bridge) -> Option<Uuid> {
    let name = bridge.name();
    let own = Port {
        rules: bridge.local_rules.clone(),
        interfaces: vec![Interface { mac: None, ..bridge.local.clone() }],
        ..Port::new(bridge.local.clone())
    };
    let ports = std::iter::once((name, &own)).chain(bridge.ports.iter().map(|(name, port)| (*name, port)));
    let rows: Vec<Uuid> = ports.filter_map(|(name, port)| write_port(database, name.as_str(), port)).collect();
    let mut row = Writer::new(database, "Bridge", &name)?;
    row.put("ports", Datum::set(rows.into_iter().map(Atom::Uuid)));
    row.ids(&bridge.external_ids);
    row.put("flood_vlans", vids(bridge.rules.flood_vlans.iter()));
    row.other("hwaddr", bridge.local.mac.map(|mac| mac.to_string()));
    row.other("mac-aging-time", bridge.rules.mac_aging.as_ref().map(Duration::as_secs).map(|seconds| seconds.to_string()));
    row.other("mac-table-size", bridge.rules.mac_table_size.map(|size| size.to_string()));
    row.other("forward-bpdu", bridge.rules.forward_bpdu.then(|| "true".to_owned()));
    Some(row.done())
}

fn write_port(database: &mut Database, name: &str, port: &Port) -> Option<Uuid> {
    let rows: Vec<Uuid> = port.interfaces.iter().filter_map(|interface| write_interface(database, interface)).collect();
    let mut row = Writer::new(database, "Port", name)?;
    row.put("interfaces", Datum::set(rows.into_iter().map(Atom::Uuid)));
    row.ids(&port.external_ids);
    row.truth("fake_bridge", port.fake_bridge);
    write_rules(&mut row, &port.rules);
    port.bond.as_ref().inspect(|bond| write_bond(&mut row, bond));
    port.lacp.as_ref().inspect(|lacp| write_lacp(&mut row, lacp));
    Some(row.done())
}

fn write_rules(row: &mut Writer<'_>, rules: &PortRules) {
    let tag = |vlan: Vid| Some(i64::from(u16::from(vlan)));
    let some = |row: &mut Writer<'_>, column: &str, set: Option<&VlanSet>| row.put(column, vids(set.into_iter().flat_map(VlanSet::iter)));
    match &rules.vlans {
        Vlans::Trunk { carried } => some(row, "trunks", carried.as_ref()),
        Vlans::Access { vlan } => row.number("tag", tag(*vlan)),
        Vlans::Native { vlan, tagged, carried } => {
            row.text("vlan_mode", Some(if *tagged { "native-tagged" } else { "native-untagged" }));
            row.number("tag", tag(*vlan));
            some(row, "trunks", carried.as_ref());
        }
        Vlans::Tunnel { vlan, tag: service, customers } => {
            row.text("vlan_mode", Some("dot1q-tunnel"));
            row.number("tag", tag(*vlan));
            some(row, "cvlans", customers.as_ref());
            row.other("qinq-ethtype", (*service == ServiceTag::Q).then(|| "802.1q".to_owned()));
        }
    }
    row.truth("protected", rules.protected);
    row.other(
        "priority-tags",
        match rules.priority_tags {
            PriorityTags::Never => None,
            PriorityTags::IfNonzero => Some("if-nonzero".to_owned()),
            PriorityTags::Always => Some("always".to_owned()),
        },
    );
}

fn write_bond(row: &mut Writer<'_>, bond: &Bond) {
    let default = Bond::default();
    let unless = |number: u32, usual: u32| (number != usual).then(|| number.to_string());
    row.text("bond_mode", (bond.mode != default.mode).then(|| bond.mode.text()));
    row.number("bond_updelay", Some(bond.updelay.into()));
    row.number("bond_downdelay", Some(bond.downdelay.into()));
    row.other("bond-primary", bond.primary.map(|primary| primary.to_string()));
    row.other("bond-rebalance-interval", unless(bond.rebalance_interval, default.rebalance_interval));
    if let Detect::Miimon { interval } = bond.detect {
        row.other("bond-detect-mode", Some("miimon".to_owned()));
        row.other("bond-miimon-interval", unless(interval, MIIMON));
    }
    row.other("bond-hash-basis", unless(bond.hash_basis, default.hash_basis));
}

fn write_lacp(row: &mut Writer<'_>, lacp: &Lacp) {
    row.text("lacp", Some(if lacp.active { "active" } else { "passive" }));
    row.other("lacp-time", lacp.fast.then(|| "fast".to_owned()));
    row.other("lacp-fallback-ab", lacp.fallback_ab.then(|| "true".to_owned()));
    row.other("lacp-system-id", lacp.system.map(|mac| mac.to_string()));
    row.other("lacp-system-priority", lacp.system_priority.map(|priority| priority.to_string()));
}

fn write_interface(database: &mut Database, interface: &Interface) -> Option<Uuid> {
    let mut row = Writer::new(database, "Interface", &interface.name)?;
    match interface.kind {
        Kind::System => {}
        Kind::Internal => row.text("type", Some("internal")),
        Kind::Tunnel(tunnel) => {
            row.text("type", Some(tunnel.encap.type_name()));
            row.map("options", tunnel.options().iter().map(|(option, value)| (*option, value.as_str())));
        }
        Kind::Patch { peer } => {
            row.text("type", Some("patch"));
            row.map("options", [("peer", peer.as_str())].into_iter());
        }
    }
    row.text("mac", interface.mac.map(|mac| mac.to_string()).as_deref());
    row.number("mtu_request", interface.mtu.map(i64::from));
    row.ids(&interface.external_ids);
    row.other("lacp-port-id", interface.lacp.port_id.map(|id| id.to_string()));
    row.other("lacp-port-priority", interface.lacp.port_priority.map(|priority| priority.to_string()));
    row.other("lacp-aggregation-key", interface.lacp.key.map(|key| key.to_string()));
    Some(row.done())
}
