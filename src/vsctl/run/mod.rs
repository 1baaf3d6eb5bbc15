//! Commands carried out on a database: all of a line, or nothing of it. Exactly what ovs-vsctl does, in its words; what
//! columns mean here, and which cannot be, is told afterwards by `columns`.

mod bridges;
mod controllers;
mod external;
mod find;
mod members;
mod ports;
mod records;
mod show;
mod switch;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::columns;
use super::command::{Argument, Command};
use super::database::Database;
use super::error::Error;
use super::print::Records;
use super::schema::{Column, Table};
use super::uuid::Uuid;
use super::value::{Atom, BadValue, Datum, Symbols};
use super::words::At;

pub(super) use bridges::{add_br, br_exists, br_to_parent, br_to_vlan, del_br, list_br};
pub(super) use controllers::{del_controller, del_fail_mode, emer_reset, get_controller, get_fail_mode, set_controller, set_fail_mode};
pub(super) use external::{br_get_external_id, br_set_external_id};
pub(super) use find::{find, wait_until};
pub(super) use members::{add_bond_iface, del_bond_iface};
pub(super) use ports::{add_bond, add_port, del_port, iface_to_br, list_ifaces, list_ports, port_to_br};
pub(super) use records::{add, clear, create, destroy, get, list, remove, set};
pub(super) use show::show;

/// What one command prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Nothing.
    Nothing,
    /// Text.
    Text(String),
    /// A table.
    Records(Records),
}

impl Output {
    /// Lines, each with its end.
    fn lines(lines: impl IntoIterator<Item = impl core::fmt::Display>) -> Self {
        let text: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
        if text.is_empty() { Self::Nothing } else { Self::Text(text) }
    }
}

/// Something that was done, and is worth a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// In words.
    pub text: String,
    /// The argument it is about.
    pub at: At,
}

/// What a line of commands came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The database as it is afterwards.
    pub database: Database,
    /// What each command printed, in order.
    pub outputs: Vec<Output>,
    /// What is worth a word.
    pub notes: Vec<Note>,
    /// What the commands wrote, in order.
    pub writes: Vec<Write>,
}

/// Something a command wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The row's table.
    pub table: &'static str,
    /// The row.
    pub row: Uuid,
    /// The column.
    pub column: &'static str,
    /// The key of a map that was written, when it was one alone.
    pub key: Option<String>,
    /// The argument that says so.
    pub at: At,
}

#[derive(Debug, Clone)]
struct Symbol {
    row: Uuid,
    /// Whether a command made the row, or got it.
    made: bool,
    /// Where it was first written.
    at: At,
}

/// The names that stand for rows: `@x`.
#[derive(Debug, Default)]
struct Names(BTreeMap<String, Symbol>);

/// A line being carried out.
pub(super) struct Run {
    database: Database,
    names: Names,
    writes: Vec<Write>,
    notes: Vec<Note>,
    destroyed: Vec<(&'static Table, Uuid)>,
    /// The ports that are or were fake bridges, so that not every port is looked at for each command.
    fakes: BTreeSet<Uuid>,
    /// Rows that were made, each with the name that stood for it.
    created: Vec<(&'static Table, Uuid, Argument)>,
}

/// What a value is read with: names met in it get rows.
struct Naming<'a> {
    run: &'a mut Run,
    at: At,
}

impl Symbols for Naming<'_> {
    fn row(&mut self, name: &str) -> Uuid {
        self.run.symbol(name, &self.at).row
    }
}

impl Run {
    /// The row a name stands for, which is made later when it is not there yet.
    fn symbol(&mut self, name: &str, at: &At) -> &mut Symbol {
        let fresh = if self.names.0.contains_key(name) { Uuid::default() } else { self.database.fresh("@", Some(name)) };
        self.names.0.entry(name.to_owned()).or_insert_with(|| Symbol { row: fresh, made: false, at: at.clone() })
    }

    /// Writes what a column holds, and who wrote it.
    fn write(&mut self, table: &'static Table, row: Uuid, column: &'static Column, key: Option<Atom>, datum: Datum, at: At) {
        self.database.set(table, row, column, datum);
        self.wrote(table, row, column, key, at);
    }

    /// Changes what a column holds where it is, and says who did.
    fn change(&mut self, table: &'static Table, row: Uuid, column: &'static Column, key: Option<Atom>, at: At, change: impl FnOnce(&mut Datum)) {
        self.database.update(table, row, column, change);
        self.wrote(table, row, column, key, at);
    }

    fn wrote(&mut self, table: &'static Table, row: Uuid, column: &'static Column, key: Option<Atom>, at: At) {
        if (table.name, column.name) == ("Port", "fake_bridge") {
            self.fakes.insert(row);
        }
        let key = key.as_ref().and_then(Atom::as_str).map(str::to_owned);
        self.writes.push(Write { table: table.name, row, column: column.name, key, at });
    }

    fn note(&mut self, text: String, at: At) {
        self.notes.push(Note { text, at });
    }
}

/// An error in a value that stands in an argument, from its byte `from`.
fn misread(bad: BadValue, argument: &Argument, from: usize) -> Error {
    let bad = bad.moved(from);
    let end = bad.bytes.end.min(argument.text.len());
    let bytes = bad.bytes.start.min(end)..end;
    Error::new(super::error::Kind::Value, bad.text).at(argument.piece(bytes))
}

/// Carries out commands as ovs-vsctl would, whatever this switch makes of it.
fn execute(database: &Database, commands: &[Command]) -> Result<Outcome, Error> {
    let mut run = Run {
        database: database.clone(),
        names: Names::default(),
        writes: Vec::new(),
        notes: Vec::new(),
        destroyed: Vec::new(),
        fakes: BTreeSet::new(),
        created: Vec::new(),
    };
    run.find_fakes();
    let mut outputs = Vec::with_capacity(commands.len());
    for command in commands {
        outputs.push((command.verb.run)(&mut run, command).map_err(|error| error.at(command.at()))?);
    }
    if let Some((name, symbol)) = run.names.0.iter().find(|(_, symbol)| !symbol.made) {
        let text = format!("row id \"{name}\" is referenced but never created (e.g. with \"-- --id={name} create ...\")");
        return Err(Error::absent(text).at(symbol.at.clone()));
    }
    run.database.settle(&run.destroyed)?;
    for (table, row, id) in core::mem::take(&mut run.created) {
        if !run.database.contains(table, row) && !run.destroyed.contains(&(table, row)) {
            let text =
                format!("row id \"{}\" was created but no reference to it was inserted, so it will not actually appear in the database", id.text);
            run.note(text, id.at());
        }
    }
    Ok(Outcome { database: run.database, outputs, notes: run.notes, writes: run.writes })
}

impl Database {
    /// Carries out a line of commands: all of it, or nothing.
    ///
    /// # Errors
    /// A command cannot be carried out, what came of it contradicts itself, or asks for what this switch cannot do.
    pub fn transact(&self, commands: &[Command]) -> Result<Outcome, Error> {
        let mut outcome = execute(self, commands)?;
        columns::judge(&outcome.database, &outcome.writes, &mut outcome.notes)?;
        Ok(outcome)
    }
}
