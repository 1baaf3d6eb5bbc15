//! Values of the database: atoms, and the sets and maps of them that columns hold. Read from ovs-vsctl's text and printed as
//! ovs-vsctl prints them.
//!
//! There are no real numbers: no column of Open vSwitch's database has one.

mod kind;
mod parse;
mod print;
#[cfg(test)]
mod tests;
mod token;

use std::collections::{BTreeMap, BTreeSet};

use super::uuid::Uuid;

pub use kind::{AtomKind, Base, Reference, Type};
pub(super) use parse::{BadValue, Symbols, atom, datum};
pub(super) use print::{json, plain, quoted};
pub(super) use token::token;

/// One value, ordered as the database orders them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// A whole number.
    Integer(i64),
    /// A truth.
    Boolean(bool),
    /// A text.
    String(String),
    /// A row.
    Uuid(Uuid),
}

impl Atom {
    /// The text, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }
}

impl From<&str> for Atom {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// What a column of a row holds: a set of one when the column holds one value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Datum {
    /// Values.
    Set(BTreeSet<Atom>),
    /// Values by keys.
    Map(BTreeMap<Atom, Atom>),
}

impl Datum {
    /// A set of one.
    pub fn one(atom: Atom) -> Self {
        Self::set([atom])
    }

    /// A set of these values.
    pub fn set(atoms: impl IntoIterator<Item = Atom>) -> Self {
        // Put in one by one: to collect them would sort them first, by code of its own for every iterator there is.
        let mut set = BTreeSet::new();
        atoms.into_iter().for_each(|atom| _ = set.insert(atom));
        Self::Set(set)
    }

    /// A map of these pairs, of which the last with a key counts.
    pub fn map(pairs: impl IntoIterator<Item = (Atom, Atom)>) -> Self {
        let mut map = BTreeMap::new();
        pairs.into_iter().for_each(|(key, value)| _ = map.insert(key, value));
        Self::Map(map)
    }

    /// What a column holds that nothing was said of.
    pub fn default_of(kind: &Type) -> Self {
        match (kind.value.is_some(), kind.min) {
            (true, _) => Self::Map(BTreeMap::new()),
            (false, 0) => Self::Set(BTreeSet::new()),
            (false, _) => Self::one(match kind.key.atom {
                AtomKind::Integer => Atom::Integer(0),
                AtomKind::Boolean => Atom::Boolean(false),
                AtomKind::String => Atom::from(""),
                AtomKind::Uuid => Atom::Uuid(Uuid::default()),
            }),
        }
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Set(set) => set.len(),
            Self::Map(map) => map.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its only value, when it is a set of one.
    pub fn only(&self) -> Option<&Atom> {
        match self {
            Self::Set(set) if set.len() == 1 => set.first(),
            _ => None,
        }
    }

    /// The set's values; a map has none.
    pub fn atoms(&self) -> impl Iterator<Item = &Atom> {
        if let Self::Set(set) = self { Some(set.iter()) } else { None }.into_iter().flatten()
    }

    /// The map's pairs; a set has none.
    pub fn pairs(&self) -> impl Iterator<Item = (&Atom, &Atom)> {
        if let Self::Map(map) = self { Some(map.iter()) } else { None }.into_iter().flatten()
    }

    /// The value at a key.
    pub fn get(&self, key: &Atom) -> Option<&Atom> {
        if let Self::Map(map) = self { map.get(key) } else { None }
    }

    /// Takes in what another of its kind has; its value counts where both have a key.
    pub fn unite(&mut self, other: Self) {
        match (self, other) {
            (Self::Set(set), Self::Set(other)) => set.extend(other),
            (Self::Map(map), Self::Map(other)) => map.extend(other),
            _ => {}
        }
    }

    /// The rows it names, keys' and values'.
    pub fn rows(&self) -> impl Iterator<Item = Uuid> {
        let row = |atom: &Atom| if let Atom::Uuid(uuid) = atom { Some(*uuid) } else { None };
        self.atoms().chain(self.pairs().flat_map(|(key, value)| [key, value])).filter_map(row)
    }

    /// Takes out the rows that `stays` does not want.
    pub fn retain_rows(&mut self, stays: impl Fn(Uuid) -> bool) {
        let stays = |atom: &Atom| if let Atom::Uuid(uuid) = atom { stays(*uuid) } else { true };
        match self {
            Self::Set(set) => set.retain(stays),
            Self::Map(map) => map.retain(|key, value| stays(key) && stays(value)),
        }
    }
}
