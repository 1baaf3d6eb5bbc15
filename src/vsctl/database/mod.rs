//! Rows in memory, found by UUID, by name, and by what else ovs-vsctl calls them.

mod integrity;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::error::Error;
use super::schema::{Column, TABLES, Table};
use super::uuid::Uuid;
use super::value::{Atom, Datum};

/// The columns of a row that hold something else than the default.
type Row = BTreeMap<&'static str, Datum>;

/// The bridges, ports and interfaces, and what is kept beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    root: Uuid,
    rows: BTreeMap<&'static str, BTreeMap<Uuid, Row>>,
    /// The rows of a name, in the tables whose rows have names for good.
    names: BTreeMap<(&'static str, String), BTreeSet<Uuid>>,
    /// How many rows without a name there ever were.
    made: u64,
}

impl Database {
    /// A database with no bridge, whose one Open_vSwitch row is called `root`.
    pub fn new(root: Uuid) -> Self {
        let mut rows: BTreeMap<_, _> = TABLES.iter().map(|table| (table.name, BTreeMap::new())).collect();
        rows.entry("Open_vSwitch").or_default().insert(root, Row::new());
        Self { root, rows, names: BTreeMap::new(), made: 0 }
    }

    /// The Open_vSwitch row.
    pub fn root(&self) -> Uuid {
        self.root
    }

    /// Whether a table has a row.
    pub fn contains(&self, table: &Table, row: Uuid) -> bool {
        self.rows.get(table.name).is_some_and(|rows| rows.contains_key(&row))
    }

    /// A table's rows: in the order of their names where they have some, else of their UUIDs.
    pub fn rows(&self, table: &'static Table) -> Vec<Uuid> {
        if table.is_named() {
            let from = (table.name, String::new());
            return self.names.range(from..).take_while(|((of, _), _)| *of == table.name).flat_map(|(_, rows)| rows.iter().copied()).collect();
        }
        let mut rows: Vec<_> = self.rows.get(table.name).into_iter().flat_map(BTreeMap::keys).copied().collect();
        if let Some(name) = table.column("name") {
            rows.sort_by_cached_key(|row| self.get(table, *row, name).into_owned());
        }
        rows
    }

    /// The rows of that name in a table whose rows have names for good.
    pub(super) fn named(&self, table: &Table, name: &str) -> impl Iterator<Item = Uuid> {
        self.names.get(&(table.name, name.to_owned())).into_iter().flatten().copied()
    }

    /// What a column of a row holds.
    pub fn get(&self, table: &Table, row: Uuid, column: &Column) -> Cow<'_, Datum> {
        let held = self.rows.get(table.name).and_then(|rows| rows.get(&row)).and_then(|row| row.get(column.name));
        held.map_or_else(|| Cow::Owned(Datum::default_of(&column.kind)), Cow::Borrowed)
    }

    /// What a column holds, when it was said.
    pub(super) fn said(&self, table: &str, row: Uuid, column: &str) -> Option<&Datum> {
        self.rows.get(table)?.get(&row)?.get(column)
    }

    /// Gives a column of a row what it holds. Whether it may is for [`Self::settle`] to say.
    pub(super) fn set(&mut self, table: &'static Table, row: Uuid, column: &'static Column, datum: Datum) {
        let Some(there) = self.rows.get_mut(table.name).and_then(|rows| rows.get_mut(&row)) else { return };
        if column.fixed && column.name == "name" {
            let old = there.get("name").and_then(Datum::only).and_then(Atom::as_str).unwrap_or_default();
            Self::forget(&mut self.names, table, old, row);
            if let Some(name) = datum.only().and_then(Atom::as_str) {
                self.names.entry((table.name, name.to_owned())).or_default().insert(row);
            }
        }
        if datum == Datum::default_of(&column.kind) {
            there.remove(column.name);
        } else {
            there.insert(column.name, datum);
        }
    }

    /// Changes what a column of a row holds where it is. Not for columns that are set once.
    pub(super) fn update(&mut self, table: &Table, row: Uuid, column: &'static Column, change: impl FnOnce(&mut Datum)) {
        let Some(there) = self.rows.get_mut(table.name).and_then(|rows| rows.get_mut(&row)) else { return };
        let default = Datum::default_of(&column.kind);
        let datum = there.entry(column.name).or_insert_with(|| default.clone());
        change(datum);
        if *datum == default {
            there.remove(column.name);
        }
    }

    fn forget(names: &mut BTreeMap<(&'static str, String), BTreeSet<Uuid>>, table: &'static Table, name: &str, row: Uuid) {
        let key = (table.name, name.to_owned());
        let empty = names.get_mut(&key).is_some_and(|rows| {
            rows.remove(&row);
            rows.is_empty()
        });
        if empty {
            names.remove(&key);
        }
    }

    /// A UUID no row has: made of the table and the name, or of how many there were before.
    pub(super) fn fresh(&mut self, table: &str, name: Option<&str>) -> Uuid {
        let first = name.map(|name| Uuid::derived(self.root, &format!("{table}/{name}")));
        if let Some(uuid) = first.filter(|uuid| !self.has(*uuid)) {
            return uuid;
        }
        loop {
            self.made += 1;
            let uuid = Uuid::derived(self.root, &format!("{table}#{}", self.made));
            if !self.has(uuid) {
                return uuid;
            }
        }
    }

    /// The same as if no row had ever been made without a name.
    #[cfg(test)]
    pub(super) fn without_count(self) -> Self {
        Self { made: 0, ..self }
    }

    fn has(&self, row: Uuid) -> bool {
        self.rows.values().any(|rows| rows.contains_key(&row))
    }

    /// Makes a row of defaults.
    pub(super) fn insert(&mut self, table: &'static Table, row: Uuid) {
        self.rows.entry(table.name).or_default().insert(row, Row::new());
        if table.is_named() {
            self.names.entry((table.name, String::new())).or_default().insert(row);
        }
    }

    /// Takes a row away, whoever names it.
    pub(super) fn delete(&mut self, table: &'static Table, row: Uuid) {
        let Some(gone) = self.rows.get_mut(table.name).and_then(|rows| rows.remove(&row)) else { return };
        if table.is_named() {
            let name = gone.get("name").and_then(Datum::only).and_then(Atom::as_str).unwrap_or_default();
            Self::forget(&mut self.names, table, name, row);
        }
    }

    /// The row that was typed: a UUID, `.` for the only one of its table, a name, what the row is called after, or the first
    /// digits of a UUID.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub(super) fn find(&self, table: &'static Table, typed: &str) -> Result<Uuid, Error> {
        let none = || Error::absent(format!("no row \"{typed}\" in table {}", table.name));
        if let Ok(uuid) = typed.parse::<Uuid>() {
            return if self.contains(table, uuid) { Ok(uuid) } else { Err(none()) };
        }
        let several = || Error::absent(format!("multiple rows in {} match \"{typed}\"", table.name));
        let rows = self.rows.get(table.name).into_iter().flatten();
        let called: Vec<Uuid> = if table.is_named() {
            self.named(table, typed).collect()
        } else if table.name == "Open_vSwitch" && typed == "." {
            vec![self.root]
        } else if table.column("name").is_some() {
            let name = Datum::one(Atom::from(typed));
            rows.clone().filter(|(_, row)| row.get("name") == Some(&name)).map(|(uuid, _)| *uuid).collect()
        } else if let Some((after, other)) = table.called_after.as_ref().and_then(|after| Some((after, Table::of(after.table)?))) {
            let held = self.named(other, typed).filter_map(|row| self.said(other.name, row, after.column));
            held.filter(|datum| datum.len() == 1).flat_map(|datum| datum.rows().collect::<Vec<_>>()).collect()
        } else {
            Vec::new()
        };
        let found = if called.is_empty() { rows.map(|(uuid, _)| *uuid).filter(|uuid| uuid.begins_with(typed)).collect() } else { called };
        match found.as_slice() {
            [] => Err(none()),
            [one] => Ok(*one),
            _ => Err(several()),
        }
    }
}
