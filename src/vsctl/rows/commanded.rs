//! What commands say that files are to leave as it is, and what of their doing files take back.
//!
//! What the switch makes nothing of, such as external ids, is noted key by key as a command's when it changes. Everything else that a
//! command changes of what a file describes lasts until the file is asked again: that is said.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use crate::model::{Bridge, Commanded};
use crate::vsctl::columns::{self, Class};
use crate::vsctl::database::Database;
use crate::vsctl::run::{Note, Outcome, Write};
use crate::vsctl::schema::{Column, Table};
use crate::vsctl::value::{Atom, Datum};
use crate::vsctl::words::At;

/// A row: its table, and its name or UUID.
type Row = (String, String);

/// What is only kept of a bridge, by row.
fn kept(bridge: &Bridge) -> BTreeMap<Row, Commanded> {
    let mut rows: BTreeMap<Row, Commanded> = BTreeMap::new();
    let mut of = |table: &str, row: &str, ids: &BTreeMap<String, String>| {
        rows.entry((table.to_owned(), row.to_owned())).or_insert_with(|| Commanded::new(table, row)).external_ids.extend(ids.clone());
    };
    of("Bridge", &bridge.name(), &bridge.external_ids);
    bridge.ports.iter().for_each(|(name, port)| of("Port", name, &port.external_ids));
    bridge.interfaces().for_each(|one| of("Interface", &one.name, &one.external_ids));
    for record in &bridge.records {
        let row = rows.entry((record.table.clone(), record.row.clone())).or_insert_with(|| Commanded::new(&record.table, &record.row));
        let said = record.columns.iter().filter_map(|(called, value)| Some((called, value.as_ref()?)));
        row.columns.extend(said.filter(|(called, _)| is_only_kept(&record.table, called)).map(|(called, value)| (called.clone(), value.clone())));
    }
    rows
}

/// Whether the switch makes nothing of a column, or of a key of it, `called` as in a record.
fn is_only_kept(table: &str, called: &str) -> bool {
    let (name, key) = called.split_once(':').map_or((called, None), |(name, key)| (name, Some(key)));
    let found = Table::of(table).and_then(|table| columns::rule(table, table.column(name)?, key));
    found.is_some_and(|rule| matches!(rule.class, Class::Recorded { .. }))
}

/// What commands have said of `new`, when they made it of `old`.
pub(super) fn noted(old: Option<&Bridge>, new: &Bridge) -> Vec<Commanded> {
    let before = old.map(kept).unwrap_or_default();
    let mut noted: BTreeMap<Row, Commanded> =
        old.into_iter().flat_map(|old| &old.commanded).map(|said| ((said.table.clone(), said.row.clone()), said.clone())).collect();
    let after = kept(new);
    noted.retain(|row, _| after.contains_key(row));
    for (row, now) in after {
        let was = before.get(&row);
        let note = noted.entry(row.clone()).or_insert_with(|| Commanded::new(&row.0, &row.1));
        changes(was.map(|was| &was.external_ids), now.external_ids, &mut note.external_ids);
        changes(was.map(|was| &was.columns), now.columns, &mut note.columns);
    }
    noted.into_values().filter(|said| !said.is_empty()).collect()
}

/// Notes what is new, and no longer what is gone.
fn changes(was: Option<&BTreeMap<String, String>>, now: BTreeMap<String, String>, noted: &mut BTreeMap<String, String>) {
    noted.retain(|key, _| now.contains_key(key));
    noted.extend(now.into_iter().filter(|(key, value)| was.and_then(|was| was.get(key)) != Some(value)));
}

/// Columns that say which ports and bridges there are: what a command adds there no file takes back.
const TOGETHER: [&str; 3] = ["bridges", "name", "ports"];

impl Outcome {
    /// What of its doing lasts only until files are asked again, for they say otherwise; `before`: the rows it was done on, made of `old`.
    pub fn taken_back(&self, before: &Database, old: &BTreeMap<IfName, Bridge>) -> Vec<Note> {
        let by_file = ByFile(old);
        let mut said = BTreeSet::new();
        let mut notes = Vec::new();
        let mut note = |text: String, at: &At| {
            if said.insert(text.clone()) {
                notes.push(Note { text, at: at.clone() });
            }
        };
        for write in &self.writes {
            let Some((table, column)) = Table::of(write.table).and_then(|table| Some((table, table.column(write.column)?))) else { continue };
            let Some(row) = self.database.view(table.name, write.row).filter(|_| !TOGETHER.contains(&column.name)) else { continue };
            if !by_file.describes(table.name, row.name()) || !before.contains(table, write.row) {
                continue;
            }
            let (was, is) = (before.get(table, write.row, column), self.database.get(table, write.row, column));
            for key in touched(&was, &is, write) {
                let names_rows = column.kind.key.reference.is_some();
                let value = |datum: &Datum| key.as_ref().map_or_else(|| Some(datum.text(&column.kind)), |key| datum.get(key).map(Atom::to_string));
                let called = key.as_ref().map_or_else(|| column.name.to_owned(), |key| format!("{}:{key}", column.name));
                let stays =
                    is_only_kept(table.name, &called) && !by_file.said(table, column, row.name(), &called, key.as_ref(), value(&was).as_deref());
                if value(&was) != value(&is) && !stays {
                    let on = format!("{} {}", table.name, row.name());
                    let now = match value(&is) {
                        // UUIDs say nothing to anybody.
                        Some(_) if names_rows => format!("what {called} of {on} has now"),
                        Some(value) => format!("{called}={value} of {on}"),
                        None => format!("that {called} of {on} is gone"),
                    };
                    note(format!("{now} lasts until the next `ovsdp up`, which makes it what its file says"), &write.at);
                }
            }
        }
        notes.extend(self.lost(&by_file));
        notes
    }

    /// What files describe and is gone.
    fn lost(&self, by_file: &ByFile<'_>) -> Vec<Note> {
        let bridges: BTreeSet<&str> = self.database.bridges().map(|bridge| bridge.name()).collect();
        let ports: BTreeSet<&str> =
            self.database.bridges().flat_map(|bridge| bridge.rows("ports")).map(|port| port.name()).filter(|name| !bridges.contains(name)).collect();
        let mut gone = Vec::new();
        for (name, bridge) in by_file.0.iter().filter(|(_, bridge)| !bridge.by_command) {
            if !bridges.contains(name.as_str()) {
                gone.push(format!("bridge {name}"));
                continue;
            }
            let own = bridge.ports.iter().filter(|(name, port)| !port.by_command && !ports.contains(name.as_str()));
            gone.extend(own.map(|(name, _)| format!("port {name}")));
        }
        let note = |what| Note { text: format!("{what} is gone until the next `ovsdp up`: its file still describes it"), at: At::word(0, "") };
        gone.into_iter().map(note).collect()
    }
}

/// The keys of a map that a command wrote, `None` for a column that is none.
fn touched(was: &Datum, is: &Datum, write: &Write) -> Vec<Option<Atom>> {
    match (was, is) {
        (Datum::Map(was), Datum::Map(is)) => match &write.key {
            Some(key) => vec![Some(Atom::from(key.as_str()))],
            None => was.keys().chain(is.keys()).cloned().collect::<BTreeSet<_>>().into_iter().map(Some).collect(),
        },
        _ => vec![None],
    }
}

/// Bridges as they are, of some of which files speak.
struct ByFile<'a>(&'a BTreeMap<IfName, Bridge>);

impl ByFile<'_> {
    /// Whether a file describes the row of that name.
    fn describes(&self, table: &str, name: &str) -> bool {
        let bridge = |bridge: &&Bridge| bridge.name().as_str() == name && !bridge.by_command;
        let has_interface = |bridge: &Bridge| {
            let ports = bridge.ports.values().filter(|port| !port.by_command);
            ports.flat_map(|port| &port.interfaces).any(|one| one.name.as_str() == name)
        };
        let has_port = |bridge: &Bridge| bridge.ports.get(name).is_some_and(|port| !port.by_command);
        match table {
            "Bridge" => self.0.values().any(|one| bridge(&one)),
            "Port" => self.0.values().any(|one| bridge(&one) || has_port(one)),
            "Interface" => self.0.values().any(|one| bridge(&one) || has_interface(one)),
            _ => false,
        }
    }

    /// Whether a file said what is only kept of a row: it `was` there, and no command had said it.
    fn said(&self, table: &Table, column: &Column, row: &str, called: &str, key: Option<&Atom>, was: Option<&str>) -> bool {
        let ids =
            |note: &Commanded| column.name == "external_ids" && key.and_then(Atom::as_str).is_some_and(|key| note.external_ids.contains_key(key));
        let by_command = |note: &&Commanded| note.is_of(table.name, row) && (ids(note) || note.columns.contains_key(called));
        let empty = key.is_none() && was == Some(Datum::default_of(&column.kind).text(&column.kind).as_str());
        was.is_some() && !empty && !self.0.values().flat_map(|bridge| &bridge.commanded).any(|note| by_command(&note))
    }
}
