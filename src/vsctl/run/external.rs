//! br-set-external-id and br-get-external-id. A fake bridge's are kept with its port, each key with a mark in front.

use super::switch::{Bridge, column};
use super::{Output, Run};
use crate::vsctl::command::Command;
use crate::vsctl::error::Error;
use crate::vsctl::schema::{Column, Table};
use crate::vsctl::uuid::Uuid;
use crate::vsctl::value::{Atom, Datum};

const MARK: &str = "fake-bridge-";

/// Where a bridge's are kept, and the mark of its keys.
fn place(bridge: &Bridge) -> Result<(&'static Table, &'static Column, Uuid, &'static str), Error> {
    let (of, row, mark) = bridge.fake.as_ref().map_or(("Bridge", bridge.row, ""), |fake| ("Port", fake.port, MARK));
    let (table, column) = column(of, "external_ids")?;
    Ok((table, column, row, mark))
}

pub(in crate::vsctl) fn br_set_external_id(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (name, key) = (command.argument(0)?, command.argument(1)?);
    let bridge = run.a_bridge(&name.text).map_err(|error| error.at(name.at()))?;
    let (table, column, row, mark) = place(&bridge)?;
    let marked = Atom::String(format!("{mark}{}", key.text));
    run.change(table, row, column, Some(marked.clone()), key.at(), |datum| {
        if let Datum::Map(map) = datum {
            match command.arguments.get(2) {
                Some(value) => map.insert(marked, Atom::from(value.text.as_str())),
                None => map.remove(&marked),
            };
        }
    });
    Ok(Output::Nothing)
}

pub(in crate::vsctl) fn br_get_external_id(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let name = command.argument(0)?;
    let bridge = run.a_bridge(&name.text).map_err(|error| error.at(name.at()))?;
    let (table, column, row, mark) = place(&bridge)?;
    let datum = run.database.get(table, row, column);
    let pairs = datum.pairs().filter_map(|(key, value)| Some((key.as_str()?.strip_prefix(mark)?, value.as_str()?)));
    Ok(match command.arguments.get(1) {
        Some(key) => Output::lines(pairs.filter(|(name, _)| *name == key.text).map(|(_, value)| value)),
        None => Output::lines(pairs.map(|(key, value)| format!("{key}={value}"))),
    })
}
