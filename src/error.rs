//! The error a command ends with: words for a person and the exit code that goes with their kind.
//!
//! Rooms below have errors of their own; they become this one at the edge, where it is known what was being attempted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure it was; each has an exit code that scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something went wrong while doing it; what had been done was undone.
    Failed,
    /// The command line itself is wrong.
    Usage,
    /// A file, or what the files say together, cannot be done; nothing was changed.
    BadConfiguration,
    /// Nothing goes by that name.
    NoSuch,
    /// The kernel, or the agent's socket, does not let this user.
    NotPermitted,
    /// The kernel lacks what is needed, such as the openvswitch module.
    KernelLacks,
    /// Another switch, such as ovs-vswitchd, owns the datapath.
    OtherSwitch,
    /// An answer did not come in time.
    TimedOut,
}

impl Kind {
    /// The process's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadConfiguration => 3,
            Self::NoSuch => 4,
            Self::NotPermitted => 5,
            Self::KernelLacks => 6,
            Self::OtherSwitch => 7,
            Self::TimedOut => 8,
        }
    }
}

/// A command's failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// What kind it was.
    pub kind: Kind,
    /// What failed, on which object, in the kernel's own words where it spoke. May span lines.
    pub message: String,
    /// What to do about it, when that is known.
    pub advice: Option<String>,
}

impl Error {
    /// A failure of `kind`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), advice: None }
    }

    /// The same with a word on what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.advice {
            Some(advice) => write!(f, "\n  {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
