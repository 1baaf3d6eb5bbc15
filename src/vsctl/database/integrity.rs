//! What must hold when a line of commands is done: rows nobody names are gone, those that are named exist, no column holds
//! more than it can, and no two rows have one name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Database;
use crate::vsctl::error::Error;
use crate::vsctl::schema::{Column, TABLES, Table};
use crate::vsctl::uuid::Uuid;

/// In the words of the database server, which are JSON.
fn broken(details: String, error: &str) -> Error {
    Error::conflict(format!("transaction error: {}", json!({ "details": details, "error": error })))
}

/// The columns with rows in them: for each whether it names them strongly, and their table.
fn references(table: &'static Table) -> impl Iterator<Item = (&'static Column, bool, &'static str)> {
    table.columns.iter().filter_map(|column| {
        let base = [Some(column.kind.key), column.kind.value].into_iter().flatten().find_map(|base| base.reference)?;
        Some((column, base.strong, base.table))
    })
}

impl Database {
    /// Every naming of a row: the table and row that name, the column, how strongly, the table and row that are named.
    fn namings(&self) -> impl Iterator<Item = (&'static Table, Uuid, &'static Column, bool, &'static str, Uuid)> {
        TABLES.iter().flat_map(move |table| {
            references(table).flat_map(move |(column, strong, of)| {
                let rows = self.rows.get(table.name).into_iter().flatten();
                rows.flat_map(move |(row, columns)| {
                    let named = columns.get(column.name).into_iter().flat_map(|datum| datum.rows().collect::<Vec<_>>());
                    named.map(move |named| (table, *row, column, strong, of, named))
                })
            })
        })
    }

    /// Takes away the rows that are there only to be named, and are not.
    fn collect_garbage(&mut self) {
        loop {
            let named: BTreeSet<(&str, Uuid)> = self.namings().filter(|(_, _, _, strong, ..)| *strong).map(|(.., of, named)| (of, named)).collect();
            let owned = TABLES.iter().filter(|table| !table.root);
            let gone: Vec<_> = owned
                .flat_map(|table| self.rows.get(table.name).into_iter().flat_map(move |rows| rows.keys().map(move |row| (table, *row))))
                .filter(|(table, row)| !named.contains(&(table.name, *row)))
                .collect();
            if gone.is_empty() {
                return;
            }
            gone.into_iter().for_each(|(table, row)| self.delete(table, row));
        }
    }

    /// Takes rows that are gone out of the columns that name them weakly.
    fn drop_weak(&mut self) {
        let gone: Vec<_> = self
            .namings()
            .filter(|(_, _, _, strong, of, named)| !strong && !self.rows.get(of).is_some_and(|rows| rows.contains_key(named)))
            .map(|(table, row, column, ..)| (table, row, column))
            .collect();
        for (table, row, column) in gone {
            let of = column.kind.key.reference.map_or("", |reference| reference.table);
            let there: BTreeSet<Uuid> = self.rows.get(of).into_iter().flat_map(BTreeMap::keys).copied().collect();
            self.update(table, row, column, |datum| datum.retain_rows(|named| there.contains(&named)));
        }
    }

    /// Makes it whole after changes.
    ///
    /// # Errors
    /// It cannot be, for what is in it contradicts itself. `destroyed` are the rows the line took away itself.
    pub(in crate::vsctl) fn settle(&mut self, destroyed: &[(&'static Table, Uuid)]) -> Result<(), Error> {
        self.collect_garbage();
        self.drop_weak();
        let dangling = |of: &str, named: &Uuid| !self.rows.get(of).is_some_and(|rows| rows.contains_key(named));
        let mut counts = BTreeMap::<_, usize>::new();
        if !destroyed.is_empty() {
            self.namings().filter(|(_, _, _, strong, ..)| *strong).for_each(|(.., of, named)| *counts.entry((of, named)).or_default() += 1);
        }
        for (table, row) in destroyed {
            if let Some(count) = counts.get(&(table.name, *row)) {
                let details = format!("cannot delete {} row {row} because of {count} remaining reference(s)", table.name);
                return Err(broken(details, "referential integrity violation"));
            }
        }
        if let Some((table, row, column, _, of, named)) = self.namings().find(|(.., of, named)| dangling(of, named)) {
            let details = format!("Table {} column {} row {row} references nonexistent row {named} in table {of}.", table.name, column.name);
            return Err(broken(details, "referential integrity violation"));
        }
        for table in TABLES {
            for row in self.rows.get(table.name).into_iter().flat_map(|rows| rows.values()) {
                for (column, datum) in row.iter().filter_map(|(name, datum)| Some((table.column(name)?, datum))) {
                    if datum.len() > column.kind.max {
                        let details = format!("Attempted to store {} elements in {}.", datum.len(), column.kind);
                        return Err(broken(details, "constraint violation"));
                    }
                }
            }
        }
        if let Some(((table, name), _)) = self.names.iter().find(|(_, rows)| rows.len() > 1) {
            let details =
                format!("Transaction causes multiple rows in \"{table}\" table to have identical values ({name}) for index on column \"name\".");
            return Err(broken(details, "constraint violation"));
        }
        Ok(())
    }
}
