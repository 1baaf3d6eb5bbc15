//! Rows read as typed settings: what turns a database into bridges, ports and interfaces of the model reads through this.

use std::collections::BTreeMap;

use super::database::Database;
use super::schema::Table;
use super::uuid::Uuid;
use super::value::{Atom, Datum};

/// A row. A column of another kind than the one asked for reads as one that holds nothing.
#[derive(Debug, Clone, Copy)]
pub struct RowView<'a> {
    database: &'a Database,
    table: &'static Table,
    row: Uuid,
}

impl Database {
    /// The bridges, in the order of their names.
    pub fn bridges(&self) -> impl Iterator<Item = RowView<'_>> {
        self.view("Open_vSwitch", self.root()).into_iter().flat_map(|root| root.rows("bridges"))
    }

    /// A row of a table.
    pub fn view(&self, table: &str, row: Uuid) -> Option<RowView<'_>> {
        let table = Table::of(table)?;
        self.contains(table, row).then_some(RowView { database: self, table, row })
    }
}

impl<'a> RowView<'a> {
    /// The row's UUID.
    pub fn uuid(self) -> Uuid {
        self.row
    }

    /// Its table.
    pub fn table(self) -> &'static Table {
        self.table
    }

    pub(super) fn said(self, column: &str) -> Option<&'a Datum> {
        self.database.said(self.table.name, self.row, column)
    }

    /// Its name; empty when it has none.
    pub fn name(self) -> &'a str {
        self.text("name").unwrap_or_default()
    }

    /// A text, when one was set that is not the default.
    pub fn text(self, column: &str) -> Option<&'a str> {
        self.said(column)?.only()?.as_str()
    }

    /// A number, when one was set that is not the default.
    pub fn integer(self, column: &str) -> Option<i64> {
        if let Some(Atom::Integer(n)) = self.said(column)?.only() { Some(*n) } else { None }
    }

    /// A set's numbers, in order.
    pub fn integers(self, column: &str) -> Vec<i64> {
        let atoms = self.said(column).into_iter().flat_map(Datum::atoms);
        atoms.filter_map(|atom| if let Atom::Integer(n) = atom { Some(*n) } else { None }).collect()
    }

    /// A truth; false when it was not set.
    pub fn is(self, column: &str) -> bool {
        self.said(column).and_then(Datum::only) == Some(&Atom::Boolean(true))
    }

    /// A map's texts.
    pub fn map(self, column: &str) -> BTreeMap<&'a str, &'a str> {
        self.said(column).into_iter().flat_map(Datum::pairs).filter_map(|(key, value)| Some((key.as_str()?, value.as_str()?))).collect()
    }

    /// The rows a column names, in the order of their names, those without one in the order of their UUIDs.
    pub fn rows(self, column: &str) -> Vec<RowView<'a>> {
        let of = self.table.column(column).and_then(|column| column.kind.key.reference).map_or("", |reference| reference.table);
        let named = self.said(column).into_iter().flat_map(|datum| datum.rows().collect::<Vec<_>>());
        let mut rows: Vec<_> = named.filter_map(|row| self.database.view(of, row)).collect();
        rows.sort_by_key(|row| row.name());
        rows
    }

    /// Whether a port is a fake bridge: an internal port that stands for a VLAN of its bridge.
    pub fn is_fake_bridge(self) -> bool {
        self.is("fake_bridge") && self.integer("tag").is_some()
    }
}

#[cfg(test)]
mod tests {
    use crate::vsctl::{Uuid, commands, split};

    #[test]
    fn what_a_line_made_is_read_as_settings() {
        let line = "add-br br0 -- add-bond br0 bond0 eth2 eth1 bond_mode=balance-slb trunks=7,5 other_config:bond-primary=eth1 \
                    -- add-br vlan9 br0 9 -- set Interface br0 mtu_request=9000";
        let done = super::Database::new(Uuid(1)).transact(&commands(&split(line)).unwrap()).unwrap().database;
        let bridges: Vec<_> = done.bridges().collect();
        let [bridge] = bridges.as_slice() else { panic!("{bridges:?}") };
        let ports = bridge.rows("ports");
        assert_eq!(
            ports.iter().map(|port| (port.name(), port.is_fake_bridge())).collect::<Vec<_>>(),
            [("bond0", false), ("br0", false), ("vlan9", true)]
        );
        let bond = ports[0];
        assert_eq!((bond.text("bond_mode"), bond.text("lacp"), bond.is("protected")), (Some("balance-slb"), None, false));
        assert_eq!((bond.integers("trunks"), bond.integer("tag"), ports[2].integer("tag")), (vec![5, 7], None, Some(9)));
        assert_eq!(bond.map("other_config").get("bond-primary"), Some(&"eth1"));
        assert_eq!(bond.rows("interfaces").iter().map(|interface| interface.name()).collect::<Vec<_>>(), ["eth1", "eth2"]);
        assert_eq!(ports[1].rows("interfaces")[0].integer("mtu_request"), Some(9000));
        assert_eq!(ports[1].rows("interfaces")[0].text("type"), Some("internal"));
        assert!(done.view("Port", Uuid(99)).is_none() && bond.text("trunks").is_none() && bond.rows("tag").is_empty());
    }
}
