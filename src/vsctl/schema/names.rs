//! Tables and columns found by what is typed: any case, `-` for `_`, and as few letters as tell them apart.

use super::{ABSENT, Column, TABLES, Table};
use crate::vsctl::error::{Error, Kind};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Begins,
    Folded,
    Exact,
}

/// How well a name is what was typed.
fn matches(name: &str, typed: &str) -> Option<Match> {
    let fold = |b: u8| if b == b'-' { b'_' } else { b.to_ascii_lowercase() };
    let begins = name.len() >= typed.len() && name.bytes().zip(typed.bytes()).all(|(a, b)| fold(a) == fold(b));
    match begins {
        false => None,
        true if name == typed => Some(Match::Exact),
        true if name.len() == typed.len() => Some(Match::Folded),
        true => Some(Match::Begins),
    }
}

/// The best of some names, or all that are equally good.
fn best<'a, T: 'a>(all: impl Iterator<Item = T>, name: impl Fn(&T) -> &'a str, typed: &str) -> Vec<T> {
    let mut found: Vec<(Match, T)> = all.filter_map(|one| matches(name(&one), typed).map(|how| (how, one))).collect();
    let most = found.iter().map(|(how, _)| *how).max();
    found.retain(|(how, _)| Some(*how) == most);
    found.into_iter().map(|(_, one)| one).collect()
}

/// The table that was typed.
///
/// # Errors
/// There is none, there are several, or Open vSwitch has it and this switch does not.
pub(in crate::vsctl) fn table(typed: &str) -> Result<&'static Table, Error> {
    let here = TABLES.iter().map(|table| (table.name, Some(table), ""));
    let all = here.chain(ABSENT.iter().map(|(name, why)| (*name, None, *why)));
    match best(all, |(name, ..)| name, typed).as_slice() {
        [] => Err(Error::absent(format!("unknown table \"{typed}\""))),
        [(_, Some(table), _)] => Ok(table),
        [(name, None, why)] => Err(Error::new(Kind::Refused, format!("there is no table {name} here: {why}"))),
        several => {
            let mut names: Vec<_> = several.iter().map(|(name, ..)| *name).collect();
            names.sort_unstable();
            Err(Error::absent(format!("\"{typed}\" matches multiple table names: {}", names.join(", "))))
        }
    }
}

/// The column of a table that was typed.
///
/// # Errors
/// There is none, or there are several.
pub(in crate::vsctl) fn column(table: &'static Table, typed: &str) -> Result<&'static Column, Error> {
    match best(table.columns.iter(), |column| column.name, typed).as_slice() {
        [] => Err(Error::absent(format!("{} does not contain a column whose name matches \"{typed}\"", table.name))),
        [column] => Ok(column),
        several => {
            let names: Vec<_> = several.iter().map(|column| column.name).collect();
            let names = names.join(", ");
            Err(Error::absent(format!("{} contains more than one column whose name matches \"{typed}\": {names}", table.name)))
        }
    }
}
