//! Why something about the datapath failed.

use core::fmt;

use nix::errno::Errno;

use crate::nl::{self, Failure, Kind};

/// Why something about the datapath failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The kernel has no family of this name, even after it was given the occasion to load the module.
    NoFamily(&'static str),
    /// A request failed.
    Failed(Failure),
}

impl Error {
    /// What kind of failure it is; a missing family is [`Kind::NotSupported`].
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NoFamily(_) => Kind::NotSupported,
            Self::Failed(failure) => failure.kind(),
        }
    }

    /// The kernel's error number, when there is one.
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::NoFamily(_) => None,
            Self::Failed(failure) => failure.errno(),
        }
    }

    /// Whether the request may have been carried out all the same: the answer was lost.
    pub const fn leaves_unknown(&self) -> bool {
        matches!(self.kind(), Kind::Lost | Kind::TimedOut)
    }

    /// What the kernel says beyond the error number: its own words, and the attribute they are about.
    pub fn words(&self) -> Option<String> {
        let Self::Failed(Failure { error: nl::Error::Kernel { message, attr, .. }, .. }) = self else { return None };
        match (message, attr) {
            (Some(message), Some(attr)) => Some(format!("the kernel says \"{message}\" at {attr}")),
            (Some(message), None) => Some(format!("the kernel says \"{message}\"")),
            (None, Some(attr)) => Some(format!("the kernel points at {attr}")),
            (None, None) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFamily(name) => {
                write!(f, "the kernel has no generic netlink family {name}: the openvswitch module is not loaded and could not be")
            }
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NoFamily(_) => None,
            Self::Failed(failure) => Some(failure),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
