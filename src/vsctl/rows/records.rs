//! What the rows say and the model does not: taken out of a database as records, and laid over one again.
//!
//! A record is about a row of a bridge: its own, its ports' and interfaces', and those that these name, such as controllers. Rows that stay
//! when nobody names them are no bridge's, whoever names them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use ovsdp_proto::IfName;

use super::write;
use crate::model::{Bridge, Record};
use crate::vsctl::columns::{self, Class};
use crate::vsctl::database::Database;
use crate::vsctl::error::Error;
use crate::vsctl::schema::{Column, TABLES, Table};
use crate::vsctl::uuid::Uuid;
use crate::vsctl::value::{self, Atom, Datum, Symbols};
use crate::vsctl::view::RowView;

/// The columns that say how bridges, ports and interfaces hang together, which the model says in full.
const STRUCTURE: [&str; 4] = ["bridges", "interfaces", "name", "ports"];

/// The table of the one row that is always there.
const ROOT: &str = "Open_vSwitch";

/// Whether a column is written down in records: what the switch says is not, and what the model always says.
fn is_kept(table: &Table, column: &Column) -> bool {
    let told = columns::rule(table, column, None).is_none_or(|rule| rule.class != Class::Refused || !rule.only.is_empty());
    told && !(STRUCTURE.contains(&column.name) && (table.is_named() || table.name == ROOT))
}

/// The columns of each table that are: every file asks for them, once for each of its rows.
static KEPT: LazyLock<BTreeMap<&str, Vec<&Column>>> =
    LazyLock::new(|| TABLES.iter().map(|table| (table.name, table.columns.iter().filter(|column| is_kept(table, column)).collect())).collect());

fn kept(table: &Table) -> impl Iterator<Item = &'static Column> {
    KEPT.get(table.name).into_iter().flatten().copied()
}

/// Gives each bridge the records of what `database` says of it beyond the model.
pub(super) fn keep(database: &Database, bridges: &mut BTreeMap<IfName, Bridge>) {
    let plain = write::database(database.root(), bridges.values());
    for row in database.bridges() {
        let Some(bridge) = bridges.values_mut().find(|bridge| bridge.name().as_str() == row.name()) else { continue };
        let mut rows = vec![row];
        rows.extend(row.rows("ports"));
        rows.extend(row.rows("ports").into_iter().flat_map(|port| port.rows("interfaces")));
        let mut seen: BTreeSet<Uuid> = rows.iter().map(|row| row.uuid()).collect();
        let mut at = 0;
        // Those that these name, and those that they name.
        while let Some(row) = rows.get(at).copied() {
            let named = kept(row.table()).flat_map(|column| named_by(database, row, column));
            let new: Vec<RowView<'_>> = named.filter(|row| !row.table().is_named() && !row.table().root && seen.insert(row.uuid())).collect();
            rows.extend(new);
            at += 1;
        }
        bridge.records = rows.into_iter().filter_map(|row| record(database, &plain, row)).collect();
        bridge.records.sort();
    }
}

/// The records of the rows that are no bridge's.
pub(super) fn of_none(database: &Database) -> Vec<Record> {
    // Beside them there is nothing that goes without saying.
    let plain = Database::new(database.root());
    let rows = TABLES.iter().filter(|table| table.root).flat_map(|table| database.rows(table).into_iter().map(move |row| (table, row)));
    let mut records: Vec<Record> = rows.filter_map(|(table, row)| record(database, &plain, database.view(table.name, row)?)).collect();
    records.sort();
    records
}

fn named_by<'a>(database: &'a Database, row: RowView<'a>, column: &'static Column) -> Vec<RowView<'a>> {
    let bases = [Some(column.kind.key), column.kind.value].into_iter().flatten();
    let Some(reference) = bases.filter_map(|base| base.reference).find(|reference| reference.strong) else { return Vec::new() };
    let rows = row.said(column.name).into_iter().flat_map(|datum| datum.rows().collect::<Vec<_>>());
    rows.filter_map(|named| database.view(reference.table, named)).collect()
}

fn record(database: &Database, plain: &Database, row: RowView<'_>) -> Option<Record> {
    let table = row.table();
    let there = if table.is_named() { plain.named(table, row.name()).next() } else { None };
    let mut columns = BTreeMap::new();
    for column in kept(table) {
        let says = database.get(table, row.uuid(), column);
        let goes_without_saying = there.map_or_else(|| Datum::default_of(&column.kind), |there| plain.get(table, there, column).into_owned());
        differ(column, &says, &goes_without_saying, &mut columns);
    }
    if columns.is_empty() && (table.is_named() || table.name == ROOT) {
        return None;
    }
    let called = if table.is_named() { row.name().to_owned() } else { row.uuid().to_string() };
    Some(Record { table: table.name.to_owned(), row: called, columns })
}

fn differ(column: &Column, says: &Datum, otherwise: &Datum, found: &mut BTreeMap<String, Option<String>>) {
    if says == otherwise {
        return;
    }
    let (Datum::Map(says), Datum::Map(otherwise)) = (says, otherwise) else {
        found.insert(column.name.to_owned(), (*says != Datum::default_of(&column.kind)).then(|| says.text(&column.kind)));
        return;
    };
    let keys: BTreeSet<&Atom> = says.keys().chain(otherwise.keys()).collect();
    for key in keys.into_iter().filter(|key| says.get(*key) != otherwise.get(*key)) {
        found.insert(format!("{}:{key}", column.name), says.get(key).map(ToString::to_string));
    }
}

/// Values of records name rows by their UUIDs alone.
struct NoNames;

impl Symbols for NoNames {
    fn row(&mut self, _: &str) -> Uuid {
        Uuid::default()
    }
}

/// Has `database` say what the records of `bridges` say, and those of the `rows` that are none's.
pub(super) fn lay_over(database: &mut Database, bridges: &[&Bridge], rows: &[Record]) -> Result<(), Error> {
    let records: Vec<&Record> = bridges.iter().flat_map(|bridge| &bridge.records).chain(rows).collect();
    let mut places = Vec::new();
    for record in records {
        let table = Table::of(&record.table).ok_or_else(|| misfit(record, "there is no such table"))?;
        let row = match table.is_named() {
            // What it was about may be gone: then so is what was said of it.
            true => database.named(table, &record.row).next(),
            false => {
                let row = record.row.parse().map_err(|_| misfit(record, "that is no UUID"))?;
                if !database.contains(table, row) {
                    database.insert(table, row);
                }
                Some(row)
            }
        };
        places.extend(row.map(|row| (table, row, record)));
    }
    for (table, row, record) in places {
        for (called, text) in &record.columns {
            say(database, table, row, called, text.as_deref()).map_err(|why| misfit(record, &format!("{called}: {why}")))?;
        }
    }
    database.settle(&[])
}

fn say(database: &mut Database, table: &'static Table, row: Uuid, called: &str, text: Option<&str>) -> Result<(), String> {
    let (name, key) = called.split_once(':').map_or((called, None), |(name, key)| (name, Some(key)));
    let column = table.column(name).ok_or("there is no such column")?;
    let Some(key) = key else {
        let datum = text.map_or_else(|| Ok(Datum::default_of(&column.kind)), |text| value::datum(text, &column.kind, &mut NoNames));
        database.set(table, row, column, datum.map_err(|bad| bad.text)?);
        return Ok(());
    };
    let of = column.kind.value.ok_or("the column has no keys")?;
    let key = value::atom(key, &column.kind.key, &mut NoNames).map_err(|bad| bad.text)?;
    let value = text.map(|text| value::atom(text, &of, &mut NoNames)).transpose().map_err(|bad| bad.text)?;
    database.update(table, row, column, |datum| {
        if let Datum::Map(map) = datum {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
    });
    Ok(())
}

fn misfit(record: &Record, why: &str) -> Error {
    Error::conflict(format!("what is remembered of {} {} cannot be read: {why}", record.table, record.row))
}
