//! Kinds of values: what a column can hold.

use core::fmt;

use super::{Atom, print};

/// The kinds of atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtomKind {
    /// A whole number.
    Integer,
    /// A truth.
    Boolean,
    /// A text.
    String,
    /// A row.
    Uuid,
}

impl AtomKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Uuid => "UUID",
        }
    }
}

/// The rows a column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Their table's name.
    pub table: &'static str,
    /// Whether a row lives on because it is named. One that is only named weakly goes, and its name with it.
    pub strong: bool,
}

/// A kind of atom, and which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// The kind.
    pub atom: AtomKind,
    /// The least and the largest integer.
    pub range: Option<(i64, i64)>,
    /// The texts there are; empty for any.
    pub choices: &'static [&'static str],
    /// The rows there are.
    pub reference: Option<Reference>,
}

impl Base {
    /// Any atom of a kind.
    pub const fn any(atom: AtomKind) -> Self {
        Self { atom, range: None, choices: &[], reference: None }
    }

    /// Why it takes no such atom.
    pub(super) fn refuses(&self, atom: &Atom) -> Option<String> {
        match (atom, self.range) {
            (Atom::Integer(n), Some((least, i64::MAX))) if *n < least => {
                Some(format!("constraint violation: {n} is less than minimum allowed value {least}"))
            }
            (Atom::Integer(n), Some((least, most))) if !(least..=most).contains(n) => {
                Some(format!("constraint violation: {n} is not in the valid range {least} to {most} (inclusive)"))
            }
            (Atom::String(text), _) if !self.choices.is_empty() && !self.choices.contains(&text.as_str()) => {
                let choices = self.choices.join(", ");
                Some(format!("constraint violation: {} is not one of the allowed values ([{choices}])", print::quoted(text)))
            }
            _ => None,
        }
    }
}

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type {
    /// The values, or a map's keys.
    pub key: Base,
    /// A map's values; `None` for a set.
    pub value: Option<Base>,
    /// The least number of elements, 0 or 1.
    pub min: usize,
    /// The largest; [`usize::MAX`] for any.
    pub max: usize,
}

/// In ovs-vsctl's words, such as `set of up to 1 integers`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let up_to = |f: &mut fmt::Formatter<'_>| if self.max == usize::MAX { Ok(()) } else { write!(f, "up to {} ", self.max) };
        match (self.value, self.min, self.max) {
            (Some(value), ..) => {
                f.write_str("map of ")?;
                up_to(f)?;
                write!(f, "({}, {}) pairs", self.key.atom.name(), value.atom.name())
            }
            (None, 1, 1) => f.write_str(self.key.atom.name()),
            (None, min, _) => {
                f.write_str("set of ")?;
                if min == 1 {
                    f.write_str("1 or more ")?;
                } else {
                    up_to(f)?;
                }
                write!(f, "{}s", self.key.atom.name())
            }
        }
    }
}
