//! The database's shape: the tables kept here, with the columns and their kinds of schema 8.3.1 (Open vSwitch 3.1), and the
//! names of those that are not.
//!
//! What a column does is told by `columns`, not here.

mod names;
mod tables;
#[cfg(test)]
mod tests;

use super::value::Type;

pub(super) use names::{column, table};
use tables::ABSENT;
pub use tables::TABLES;

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Whether its rows stay when no other row names them.
    pub root: bool,
    /// Its columns, in the order of their names.
    pub columns: &'static [Column],
    /// How a row is called on a command line when not by its `name`: by the row that names it.
    pub called_after: Option<CalledAfter>,
}

/// A row is called what the row is called that names it, and it alone, in a column.
#[derive(Debug, PartialEq, Eq)]
pub struct CalledAfter {
    /// The other row's table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
}

/// A column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Type,
    /// Whether it is set once, when the row is made.
    pub fixed: bool,
}

impl Table {
    /// The table of a name, spelt as [`TABLES`] has it.
    pub fn of(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// The column of a name, spelt in full.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether its rows have names, no two the same.
    pub fn is_named(&self) -> bool {
        self.column("name").is_some_and(|name| name.fixed)
    }
}
