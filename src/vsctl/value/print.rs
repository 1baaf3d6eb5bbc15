//! Values as ovs-vsctl prints them: for people, bare for scripts, and as the database's JSON.

use core::fmt::Write;

use serde_json::{Value, json as value};

use super::{Atom, Datum, Type};
use crate::vsctl::uuid::Uuid;

/// Whether a text is read back as itself without quotes. Those that could be taken for something else are quoted.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !matches!(text, "true" | "false")
        && text.parse::<Uuid>().is_err()
}

/// A text as ovs-vsctl prints one: as a JSON string, unless it is an identifier.
pub(in crate::vsctl) fn quoted(text: &str) -> String {
    if is_identifier(text) { text.to_owned() } else { Value::from(text).to_string() }
}

/// An atom for people.
fn atom(atom: &Atom) -> String {
    match atom {
        Atom::String(text) => quoted(text),
        other => bare(other),
    }
}

/// An atom for scripts: texts without quotes.
fn bare(atom: &Atom) -> String {
    match atom {
        Atom::Integer(n) => n.to_string(),
        Atom::Boolean(truth) => truth.to_string(),
        Atom::String(text) => text.clone(),
        Atom::Uuid(uuid) => uuid.to_string(),
    }
}

impl core::fmt::Display for Atom {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&atom(self))
    }
}

fn joined(datum: &Datum, separator: &str, atom: fn(&Atom) -> String) -> String {
    let (mut out, mut between) = (String::new(), "");
    let mut push = |key: &Atom, value: Option<&Atom>| {
        out.push_str(core::mem::replace(&mut between, separator));
        out.push_str(&atom(key));
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = write!(out, "={}", atom(value));
        }
    };
    datum.atoms().for_each(|atom| push(atom, None));
    datum.pairs().for_each(|(key, value)| push(key, Some(value)));
    out
}

impl Datum {
    /// What a column of a kind holds, for people: `5`, `[1, 2]`, `{k=v}`.
    pub fn text(&self, kind: &Type) -> String {
        let inner = joined(self, ", ", atom);
        match self {
            Self::Map(_) => format!("{{{inner}}}"),
            Self::Set(set) if kind.max > 1 || set.is_empty() => format!("[{inner}]"),
            Self::Set(_) => inner,
        }
    }
}

/// What a column holds, for scripts: `1 2`, `k=v`.
pub(in crate::vsctl) fn plain(datum: &Datum) -> String {
    joined(datum, " ", bare)
}

fn atom_json(atom: &Atom) -> Value {
    match atom {
        Atom::Integer(n) => Value::from(*n),
        Atom::Boolean(truth) => Value::from(*truth),
        Atom::String(text) => Value::from(text.as_str()),
        Atom::Uuid(uuid) => value!(["uuid", uuid.to_string()]),
    }
}

/// What a column holds, in the database's JSON (RFC 7047, 5.1).
pub(in crate::vsctl) fn json(datum: &Datum) -> Value {
    match (datum, datum.only()) {
        (Datum::Map(map), _) => value!(["map", map.iter().map(|(key, value)| value!([atom_json(key), atom_json(value)])).collect::<Vec<_>>()]),
        (Datum::Set(_), Some(only)) => atom_json(only),
        (Datum::Set(set), None) => value!(["set", set.iter().map(atom_json).collect::<Vec<_>>()]),
    }
}
