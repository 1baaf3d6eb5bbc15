//! Why a step was not done: with the kernel's number for it, by which a step that is taken back knows what is so already.

use std::path::Path;

use nix::errno::Errno;
use ovsdp_proto::IfName;

use crate::dp;
use crate::error::{Error, Kind};
use crate::nl;
use crate::plan::{ErrorKind, Step, StepError};

/// Why a step was not done, before it is known which; with what the kernel said, if it was the kernel.
pub(super) struct Why {
    pub(super) error: Error,
    pub(super) errno: Option<Errno>,
}

impl From<nl::Failure> for Why {
    fn from(failure: nl::Failure) -> Self {
        Self { errno: failure.errno(), error: failure.into() }
    }
}

impl From<dp::Error> for Why {
    fn from(error: dp::Error) -> Self {
        match error {
            dp::Error::Failed(failure) => failure.into(),
            other => Error::from(other).into(),
        }
    }
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        Self { error, errno: None }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl Why {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error::new(kind, message).into()
    }

    /// The same with what to do about it.
    pub(super) fn advise(self, advice: &str) -> Self {
        Self { error: self.error.advise(advice), ..self }
    }
}

/// The object is there already.
pub(super) const THERE: &[Errno] = &[Errno::EEXIST];
/// The object is gone already.
pub(super) const GONE: &[Errno] = &[Errno::ENOENT, Errno::ESRCH, Errno::ENODEV, Errno::ENXIO, Errno::EADDRNOTAVAIL];

/// Takes what the kernel says for success where it means that it is so already.
pub(super) fn forgive(result: Result<(), Why>, forgiven: &[Errno]) -> Result<(), Why> {
    match result {
        Err(Why { errno: Some(errno), .. }) if forgiven.contains(&errno) => Ok(()),
        other => other,
    }
}

/// What the kernel would say of an object that is not there.
pub(super) fn missing(doing: &'static str, name: IfName) -> Why {
    nl::Error::Kernel { errno: Errno::ENODEV, message: None, attr: None }.on(doing, name).into()
}

/// What went wrong, as an error of this step.
pub(super) fn step_error(step: &Step, why: Why) -> StepError {
    let Error { kind, message, advice } = why.error;
    StepError { what: "failed".into(), object: step.to_string(), reason: message, advice, kind: class(kind) }
}

const fn class(kind: Kind) -> ErrorKind {
    match kind {
        Kind::Failed | Kind::Usage => ErrorKind::Failed,
        Kind::BadConfiguration => ErrorKind::BadConfiguration,
        Kind::NoSuch => ErrorKind::NotFound,
        Kind::NotPermitted => ErrorKind::NotPermitted,
        Kind::KernelLacks => ErrorKind::Unsupported,
        Kind::OtherSwitch => ErrorKind::OtherSwitch,
        Kind::TimedOut => ErrorKind::TimedOut,
    }
}

pub(super) fn reading_error(object: &str, Error { kind, message, advice }: Error) -> StepError {
    StepError { what: "reading".into(), object: object.into(), reason: message, advice, kind: class(kind) }
}

pub(super) fn file_error(what: &str, path: &Path, error: &std::io::Error) -> StepError {
    StepError {
        what: what.into(),
        object: path.display().to_string(),
        reason: error.to_string(),
        advice: Some("see that the run directory can be written".into()),
        kind: ErrorKind::Failed,
    }
}
