//! What commands made of bridges and files say nothing of: ports they attached, and what they have kept of rows. It stays when files are
//! asked again.
//!
//! It must not know the columns: which of what commands say files leave as it is was decided when it was said.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use super::memory::Memory;
use crate::model::{Bridge, Commanded, Intent, Port, Record};

/// How long a UUID is as text: longer than any device's name.
const UUID_LENGTH: usize = 36;

impl Memory {
    /// What files ask for, with what commands attached to the same bridges and no file names, which stays as it is, and with what commands
    /// have kept of what files describe, as far as they say nothing of it.
    #[must_use]
    pub fn with_commanded(&self, mut intent: Intent) -> Intent {
        let named: BTreeSet<IfName> =
            intent.bridges.values().flat_map(|bridge| bridge.ports.keys().copied().chain(bridge.interfaces().map(|one| one.name))).collect();
        let said: Vec<&Commanded> = self.bridges.values().flat_map(|remembered| &remembered.intent.commanded).collect();
        let known: Vec<&Record> = self.bridges.values().flat_map(|remembered| &remembered.intent.records).collect();
        for (name, bridge) in &mut intent.bridges {
            let kept = self.bridges.get(name).map(|remembered| attached(&remembered.intent, &named)).unwrap_or_default();
            let of_kept = |table: &str, row: &str| {
                let port = table == "Port" && kept.keys().any(|name| name.as_str() == row);
                port || (table == "Interface" && kept.values().flat_map(|port| &port.interfaces).any(|one| one.name.as_str() == row))
            };
            bridge.records.extend(known.iter().filter(|record| of_kept(&record.table, &record.row)).map(|record| (*record).clone()));
            let mut noted: Vec<Commanded> = said.iter().filter(|said| of_kept(&said.table, &said.row)).map(|said| (*said).clone()).collect();
            noted.extend(said.iter().filter(|said| !of_kept(&said.table, &said.row)).filter_map(|said| lay_over(bridge, said)));
            noted.extend(name_rows(bridge, &said, &known));
            noted.sort();
            bridge.commanded = noted;
            bridge.ports.extend(kept);
            bridge.records.sort();
        }
        intent
    }
}

/// The ports that commands attached to a bridge, and of which files, which have those `named`, say nothing.
fn attached(bridge: &Bridge, named: &BTreeSet<IfName>) -> BTreeMap<IfName, Port> {
    let is_free = |port: &Port| port.interfaces.iter().all(|one| !named.contains(&one.name));
    let ports = bridge.ports.iter().filter(|(name, port)| port.by_command && !named.contains(*name) && is_free(port));
    ports.map(|(name, port)| (*name, port.clone())).collect()
}

/// Has a bridge of files say what commands `said` of a row with a name; returns how much of it. `None`: it has no such row, or files say
/// all of it themselves.
fn lay_over(bridge: &mut Bridge, said: &Commanded) -> Option<Commanded> {
    let is_here = said.table == "Port" && said.row == *bridge.name() || bridge.external_ids_of(&said.table, &said.row).is_some();
    if !is_here {
        return None;
    }
    let mut noted = Commanded::new(&said.table, &said.row);
    if let Some(ids) = bridge.external_ids_of(&said.table, &said.row) {
        noted
            .external_ids
            .extend(said.external_ids.iter().filter(|(key, _)| !ids.contains_key(*key)).map(|(key, value)| (key.clone(), value.clone())));
        ids.extend(noted.external_ids.clone());
    }
    noted.columns = columns(bridge, said);
    (!noted.is_empty()).then_some(noted)
}

/// Adds columns to what a bridge keeps of their row, and returns those that were not there.
fn columns(bridge: &mut Bridge, said: &Commanded) -> BTreeMap<String, String> {
    let place = bridge.records.iter().position(|record| record.is_of(&said.table, &said.row));
    let has = |called: &String| place.and_then(|place| bridge.records.get(place)).is_some_and(|record| record.columns.contains_key(called));
    let new: BTreeMap<String, String> =
        said.columns.iter().filter(|(called, _)| !has(called)).map(|(called, value)| (called.clone(), value.clone())).collect();
    let values = new.iter().map(|(called, value)| (called.clone(), Some(value.clone())));
    match place.and_then(|place| bridge.records.get_mut(place)) {
        Some(record) => record.columns.extend(values),
        None if new.is_empty() => {}
        None => bridge.records.push(Record { table: said.table.clone(), row: said.row.clone(), columns: values.collect() }),
    }
    new
}

/// Gives a bridge the rows without names that it names, or that those name, each as it is `known`; and returns what commands `said` of them.
fn name_rows(bridge: &mut Bridge, said: &[&Commanded], known: &[&Record]) -> Vec<Commanded> {
    let without_name: Vec<&Record> = known.iter().copied().filter(|record| record.row.len() == UUID_LENGTH).collect();
    let names =
        |bridge: &Bridge, row: &str| bridge.records.iter().flat_map(|record| record.columns.values().flatten()).any(|text| text.contains(row));
    loop {
        let has = |record: &Record| bridge.records.iter().any(|own| own.is_of(&record.table, &record.row));
        let Some(next) = without_name.iter().find(|record| !has(record) && names(bridge, &record.row)) else { break };
        bridge.records.push((*next).clone());
    }
    let own: BTreeSet<(String, String)> = bridge.records.iter().map(|record| (record.table.clone(), record.row.clone())).collect();
    let mut noted = Vec::new();
    for said in said.iter().filter(|said| said.row.len() == UUID_LENGTH && own.contains(&(said.table.clone(), said.row.clone()))) {
        // What came whole with the row is a command's as before; of a file's row it is what the file does not say.
        columns(bridge, said);
        let record = bridge.records.iter().find(|record| record.is_of(&said.table, &said.row));
        let holds = |called: &String, value: &String| record.and_then(|record| record.columns.get(called)) == Some(&Some(value.clone()));
        let mut note = (*said).clone();
        note.columns.retain(|called, value| holds(called, value));
        noted.extend((!note.is_empty()).then_some(note));
    }
    noted
}
