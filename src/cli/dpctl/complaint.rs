//! What a command says when something cannot be done: the words of `ovs-dpctl`, and behind them what more is known.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::{dp, rtnl};

/// Why: an error number's text as the C library has it, and what more is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    reason: Option<String>,
    more: Option<String>,
}

impl Why {
    /// An error number.
    pub(super) fn errno(errno: Errno) -> Self {
        Self { reason: Some(describe(errno)), more: None }
    }

    /// An error number with an explanation.
    pub(super) fn explained(errno: Errno, more: impl Into<String>) -> Self {
        Self { reason: Some(describe(errno)), more: Some(more.into()) }
    }
}

impl From<&dp::Error> for Why {
    fn from(error: &dp::Error) -> Self {
        match error.errno() {
            Some(errno) => Self { reason: Some(describe(errno)), more: error.words() },
            None => Self { reason: None, more: Some(error.to_string()) },
        }
    }
}

impl From<&rtnl::Error> for Why {
    fn from(error: &rtnl::Error) -> Self {
        match error.errno() {
            Some(errno) => Self::errno(errno),
            None => Self { reason: None, more: Some(error.to_string()) },
        }
    }
}

impl From<&io::Error> for Why {
    fn from(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::errno(Errno::from_raw(errno)),
            None => Self { reason: None, more: Some(error.to_string()) },
        }
    }
}

/// One complaint: a line on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    what: String,
    why: Option<Why>,
}

impl Complaint {
    /// Only what.
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: None }
    }

    /// What, and why.
    pub(super) fn because(what: impl Into<String>, why: impl Into<Why>) -> Self {
        Self { what: what.into(), why: Some(why.into()) }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let Some(Why { reason, more }) = &self.why else { return Ok(()) };
        if let Some(reason) = reason {
            write!(f, " ({reason})")?;
        }
        if let Some(more) = more {
            write!(f, ": {more}")?;
        }
        Ok(())
    }
}

impl From<crate::error::Error> for Complaint {
    fn from(error: crate::error::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// An error number in the words of the C library, which `ovs-dpctl` uses.
pub(super) fn describe(errno: Errno) -> String {
    let text = io::Error::from(errno).to_string();
    match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_c_library() {
        assert_eq!(describe(Errno::ERANGE), "Numerical result out of range");
        let complaint = Complaint::because("adding v1 to dp0 failed", Why::errno(Errno::EEXIST));
        assert_eq!(complaint.to_string(), "adding v1 to dp0 failed (File exists)");
        let complaint = Complaint::because("add_dp", Why::explained(Errno::EINVAL, "too long"));
        assert_eq!(complaint.to_string(), "add_dp (Invalid argument): too long");
    }
}
