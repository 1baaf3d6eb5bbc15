//! What is wrong with a command, in ovs-vsctl's words where it has any, and with which argument.

use super::words::At;

/// What kind of mistake it is; exit codes are made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The line is no command of this language.
    Usage,
    /// A value is none, or not one the column takes.
    Value,
    /// There is nothing by that name.
    Absent,
    /// The answer to br-exists is no. ovs-vsctl says nothing then, and exits with 2.
    No,
    /// What wait-until waits for is not so yet.
    NotYet,
    /// It contradicts what is there already.
    Conflict,
    /// Open vSwitch has it, and this switch does not.
    Refused,
}

/// Why a line of commands was not carried out. None of them was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    /// What kind of mistake it is.
    pub kind: Kind,
    /// In words.
    pub text: String,
    /// The argument it is about; `None` when it is about the line.
    pub at: Option<At>,
    /// What to do, when that is known.
    pub help: Option<String>,
}

impl Error {
    /// A mistake of a kind, about nothing in particular yet.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), at: None, help: None }
    }

    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    pub(super) fn absent(text: impl Into<String>) -> Self {
        Self::new(Kind::Absent, text)
    }

    pub(super) fn conflict(text: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, text)
    }

    /// The same about a piece of an argument, unless it is about one already.
    pub(super) fn at(mut self, at: At) -> Self {
        self.at.get_or_insert(at);
        self
    }
}
