//! What each column and key does in this switch: it is applied, it is kept and shown, or it is refused. What is refused ends the
//! line it is in; what is kept and has no effect is said.
//!
//! Only the columns' meaning is here. Which values a column takes at all is `schema`'s.

mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::database::Database;
use super::error::{Error, Kind};
use super::run::{Note, Write};
use super::schema::{Column, Table};
use super::value::{self, Atom, Datum};

pub use rules::RULES;

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The switch does it.
    Applied,
    /// It is kept and shown, and nothing is done. When nothing is done in Open vSwitch either, that is not said.
    Recorded {
        /// Whether to say so.
        said: bool,
    },
    /// A line that sets it is not carried out.
    Refused,
}

/// What one column does, or one key of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The table.
    pub table: &'static str,
    /// The column; `*` for every column of the table.
    pub column: &'static str,
    /// The key; `None` for the column, or for every key without a rule of its own.
    pub key: Option<&'static str>,
    /// What becomes of it.
    pub class: Class,
    /// The values that are taken all the same: when it is applied the only ones, or any when this is empty; when it is refused
    /// those that ask for nothing.
    pub only: &'static [&'static str],
    /// Why, or what it is.
    pub why: &'static str,
}

/// The rules by table and column: every file asks for that of every column of its rows.
static BY_COLUMN: LazyLock<BTreeMap<(&str, &str), Vec<&Rule>>> = LazyLock::new(|| {
    let mut rules: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for rule in RULES {
        rules.entry((rule.table, rule.column)).or_default().push(rule);
    }
    rules
});

/// The rule for a column, or for a key of it.
pub(super) fn rule(table: &Table, column: &Column, key: Option<&str>) -> Option<&'static Rule> {
    let of = |column| BY_COLUMN.get(&(table.name, column));
    let rules = of(column.name).or_else(|| of("*"))?;
    let exact = rules.iter().find(|rule| key.is_some() && rule.key == key);
    exact.or_else(|| rules.iter().find(|rule| rule.key.is_none())).copied()
}

/// The setting and its value, as it is written.
fn written(column: &Column, key: Option<&Atom>, datum: &Datum) -> String {
    match key.and_then(|key| Some((key, datum.get(key)?))) {
        Some((key, value)) => format!("{}:{key}={value}", column.name),
        None => format!("{}={}", column.name, datum.text(&column.kind)),
    }
}

/// Judges what was written by what is there in the end.
///
/// # Errors
/// Something is refused.
pub(super) fn judge(database: &Database, writes: &[Write], notes: &mut Vec<Note>) -> Result<(), Error> {
    let mut said = BTreeSet::new();
    for write in writes {
        let Some((table, column)) = Table::of(write.table).and_then(|table| Some((table, table.column(write.column)?))) else { continue };
        let Some(datum) = database.said(table.name, write.row, column.name) else { continue };
        let key = write.key.as_deref().map(Atom::from);
        let keys: Vec<Option<&Atom>> = match (datum, &key) {
            (Datum::Set(_), _) => vec![None],
            (Datum::Map(_), Some(key)) => datum.get(key).map(|_| Some(key)).into_iter().collect(),
            (Datum::Map(map), None) => map.keys().map(Some).collect(),
        };
        for key in keys {
            let Some(rule) = rule(table, column, key.and_then(Atom::as_str)) else { continue };
            // What is always so needs no look at the value, which may be as large as the database.
            if matches!((rule.class, rule.only), (Class::Applied, []) | (Class::Recorded { said: false }, _)) {
                continue;
            }
            let plain = key.and_then(|key| datum.get(key)).map_or_else(|| value::plain(datum), |value| value::plain(&Datum::one(value.clone())));
            let name = database.view(table.name, write.row).map_or("", |row| row.name());
            let on = if name.is_empty() { table.name.to_owned() } else { format!("{} {name}", table.name) };
            let setting = written(column, key, datum);
            let allowed = rule.only.contains(&plain.as_str());
            match rule.class {
                Class::Applied | Class::Refused if allowed => {}
                Class::Applied | Class::Refused => {
                    return Err(Error::new(Kind::Refused, format!("{setting} of {on} cannot be had here: {}", rule.why)).at(write.at.clone()));
                }
                Class::Recorded { .. } => {
                    let text = format!("{setting} of {on} is kept and has no effect: {}", rule.why);
                    if said.insert(text.clone()) {
                        notes.push(Note { text, at: write.at.clone() });
                    }
                }
            }
        }
    }
    Ok(())
}
