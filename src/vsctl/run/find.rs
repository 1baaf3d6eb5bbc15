//! find and wait-until: rows that fulfil every condition, and one that is to.

use core::cmp::Ordering;
use std::collections::BTreeSet;

use super::records::{Parts, parts, records};
use super::{Output, Run};
use crate::vsctl::command::{Argument, Command};
use crate::vsctl::error::{Error, Kind};
use crate::vsctl::schema::{self, Table};
use crate::vsctl::uuid::Uuid;
use crate::vsctl::value::{Atom, Datum, Type};

/// How what a column holds is compared: as wholes, or as sets.
#[derive(Debug, Clone, Copy)]
enum Relation {
    Is(fn(Ordering) -> bool),
    Within { strict: bool },
    Contains { strict: bool },
    SetIs(bool),
    In,
    NotIn,
}

/// The operators, those that begin like others behind them.
const OPERATORS: &[(&str, Relation)] = &[
    ("=", Relation::Is(Ordering::is_eq)),
    ("!=", Relation::Is(Ordering::is_ne)),
    ("<=", Relation::Is(Ordering::is_le)),
    (">=", Relation::Is(Ordering::is_ge)),
    ("<", Relation::Is(Ordering::is_lt)),
    (">", Relation::Is(Ordering::is_gt)),
    ("{=}", Relation::SetIs(true)),
    ("{!=}", Relation::SetIs(false)),
    ("{<=}", Relation::Within { strict: false }),
    ("{>=}", Relation::Contains { strict: false }),
    ("{<}", Relation::Within { strict: true }),
    ("{>}", Relation::Contains { strict: true }),
    ("{in}", Relation::In),
    ("{not-in}", Relation::NotIn),
];

/// As ovs-vsctl lists them.
const LISTED: &str =
    "\"=\", \"!=\", \"<\", \">\", \"<=\", \">=\", \"{=}\", \"{!=}\", \"{<}\", \"{>}\", \"{<=}\", \"{>=}\", \"{in}\", or \"{not-in}\"";

/// The elements, a map's as pairs.
fn elements(datum: &Datum) -> BTreeSet<(&Atom, Option<&Atom>)> {
    datum.atoms().map(|atom| (atom, None)).chain(datum.pairs().map(|(key, value)| (key, Some(value)))).collect()
}

/// As the database orders wholes: the one with fewer elements first, then by values and keys, then by what the keys hold.
fn compare(a: &Datum, b: &Datum) -> Ordering {
    let keys = |datum: &Datum| datum.atoms().chain(datum.pairs().map(|(key, _)| key)).cloned().collect::<Vec<_>>();
    a.len().cmp(&b.len()).then_with(|| keys(a).cmp(&keys(b))).then_with(|| a.cmp(b))
}

fn holds(relation: Relation, has: &Datum, wants: &Datum) -> bool {
    let (a, b) = (elements(has), elements(wants));
    let strictly = |strict: bool| !strict || a.len() != b.len();
    match relation {
        Relation::Is(fulfils) => fulfils(compare(has, wants)),
        Relation::SetIs(same) => (a == b) == same,
        Relation::Within { strict } => a.is_subset(&b) && strictly(strict),
        Relation::Contains { strict } => a.is_superset(&b) && strictly(strict),
        Relation::In => a.is_subset(&b),
        Relation::NotIn => a.is_disjoint(&b),
    }
}

/// Whether a row fulfils a condition.
fn fulfils(run: &mut Run, table: &'static Table, row: Uuid, argument: &Argument) -> Result<bool, Error> {
    let Parts { column, key, rest, from } = parts(table, argument)?;
    let found = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)).filter(|(sign, _)| rest.len() > sign.len());
    let Some((sign, relation)) = found else {
        let text = format!("{}: argument does not end in {LISTED} followed by a value.", argument.text);
        return Err(Error::usage(text).at(argument.at()));
    };
    let (typed, from) = (&rest[sign.len()..], from + sign.len());
    let has = run.database.get(table, row, column).into_owned();
    let Some((typed_key, key_from)) = key else {
        let wants = run.datum(typed, &column.kind, argument, from)?;
        return Ok(holds(*relation, &has, &wants));
    };
    let Some(of) = column.kind.value else {
        let text = format!("cannot specify key to check for non-map column {}", column.name);
        return Err(Error::usage(text).at(argument.at()));
    };
    let key = run.atom(&typed_key, &column.kind.key, argument, key_from)?;
    // As a whole, a key that is not there is neither like a value nor unlike it. As a set it is an empty one.
    let value = has.get(&key).cloned();
    if matches!(relation, Relation::Is(_)) {
        let wants = Datum::one(run.atom(typed, &of, argument, from)?);
        return Ok(value.is_some_and(|value| holds(*relation, &Datum::one(value), &wants)));
    }
    let kind = Type { key: of, value: None, min: 0, max: usize::MAX };
    let wants = run.datum(typed, &kind, argument, from)?;
    Ok(holds(*relation, &Datum::set(value), &wants))
}

pub(in crate::vsctl) fn find(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let of = command.argument(0)?;
    let table = schema::table(&of.text).map_err(|error| error.at(of.at()))?;
    let mut found = Vec::new();
    for row in run.database.rows(table) {
        let mut all = true;
        for condition in command.arguments.iter().skip(1) {
            all &= fulfils(run, table, row, condition)?;
        }
        if all {
            found.push(row);
        }
    }
    records(run, table, command, &found)
}

/// Fails with [`Kind::NotYet`] as long as there is no such row, or it fulfils not all conditions: whoever runs the line may try again.
pub(in crate::vsctl) fn wait_until(run: &mut Run, command: &Command) -> Result<Output, Error> {
    let (of, record) = (command.argument(0)?, command.argument(1)?);
    let table = schema::table(&of.text).map_err(|error| error.at(of.at()))?;
    let conditions = command.arguments.get(2..).unwrap_or_default();
    for condition in conditions {
        parts(table, condition)?;
    }
    let not_yet =
        |text: String| Error { help: Some("write --timeout=SECONDS, of ovs-vsctl itself, to wait for it".into()), ..Error::new(Kind::NotYet, text) };
    let row = match run.database.find(table, &record.text) {
        Ok(row) => row,
        Err(error) => return Err(not_yet(error.text).at(record.at())),
    };
    for condition in conditions {
        if !fulfils(run, table, row, condition)? {
            return Err(not_yet(format!("{} is not so of {} {}", condition.text, table.name, record.text)).at(condition.at()));
        }
    }
    Ok(Output::Nothing)
}
