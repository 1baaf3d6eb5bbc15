//! The database's rows and the model's bridges, each made of the other.
//!
//! What the model has no place for is kept beside it as [`Record`](crate::model::Record)s: a database made of bridges, with their records
//! laid over it, is the database they were read from.

mod bridge;
mod carry;
mod cell;
mod commanded;
mod interface;
mod port;
mod records;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use super::database::Database;
use super::error::{Error, Kind};
use super::run::Outcome;
use super::uuid::Uuid;
use crate::model::{Bridge, Record};

pub use carry::carry_over;

/// What is wrong with a setting that a column takes and the switch does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The row.
    row: Uuid,
    /// The column.
    column: &'static str,
    /// The key of a map; empty for a column that is none.
    key: &'static str,
    /// What is wrong.
    text: String,
    /// What to do.
    help: String,
}

impl Database {
    /// The bridges the rows describe, each with what the model has no place for as its records.
    ///
    /// # Errors
    /// The first setting the switch cannot have.
    pub fn intent(&self) -> Result<BTreeMap<IfName, Bridge>, Misfit> {
        let mut bridges = BTreeMap::new();
        for row in self.bridges() {
            let bridge = bridge::read(row)?;
            bridges.insert(bridge.name(), bridge);
        }
        records::keep(self, &mut bridges);
        Ok(bridges)
    }

    /// What is kept of the rows that belong to no bridge: those of QoS and Queue, and what is recorded of the Open_vSwitch row.
    pub fn rows_of_none(&self) -> Vec<Record> {
        records::of_none(self)
    }

    /// The database that says what `bridges` are, its one Open_vSwitch row called `root`, with the `rows` that belong to no bridge.
    ///
    /// # Errors
    /// Their records fit nothing that is there.
    pub fn of<'a>(root: Uuid, bridges: impl IntoIterator<Item = &'a Bridge>, rows: &[Record]) -> Result<Self, Error> {
        let bridges: Vec<&Bridge> = bridges.into_iter().collect();
        let mut database = write::database(root, bridges.iter().copied());
        records::lay_over(&mut database, &bridges, rows)?;
        Ok(database)
    }
}

impl Outcome {
    /// A misfit as the error of the argument that wrote it.
    pub fn blame(&self, misfit: Misfit) -> Error {
        let Misfit { row, column, key, text, help } = misfit;
        let error = Error { help: Some(help), ..Error::new(Kind::Refused, text) };
        let wrote = self.writes.iter().rev().filter(|write| write.row == row);
        let of_column = |write: &&super::run::Write| {
            let same_key = key.is_empty() || write.key.as_deref().is_none_or(|written| written == key);
            write.column == column && same_key
        };
        match wrote.clone().find(of_column).or_else(|| wrote.into_iter().next()) {
            Some(write) => error.at(write.at.clone()),
            None => error,
        }
    }
}
