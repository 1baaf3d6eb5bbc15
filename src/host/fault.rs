//! What the kernel refused, as the error a command ends with.

use crate::dp;
use crate::error::{Error, Kind};
use crate::nl;
use crate::plan;

const fn kind(kind: nl::Kind) -> Kind {
    match kind {
        nl::Kind::NotPermitted => Kind::NotPermitted,
        nl::Kind::NotSupported => Kind::KernelLacks,
        nl::Kind::TimedOut => Kind::TimedOut,
        _ => Kind::Failed,
    }
}

impl From<nl::Failure> for Error {
    fn from(failure: nl::Failure) -> Self {
        let error = Self::new(kind(failure.kind()), failure.to_string());
        if error.kind == Kind::NotPermitted { error.advise("run it as root") } else { error }
    }
}

impl From<dp::Error> for Error {
    fn from(error: dp::Error) -> Self {
        match error {
            dp::Error::Failed(failure) => failure.into(),
            missing => Self::new(Kind::KernelLacks, missing.to_string())
                .advise("install the kernel's openvswitch module and `modprobe openvswitch`; `dmesg` says why it would not load"),
        }
    }
}

/// The class of a failed step as a command's.
pub const fn of_step(kind: plan::ErrorKind) -> Kind {
    match kind {
        plan::ErrorKind::Failed => Kind::Failed,
        plan::ErrorKind::BadConfiguration => Kind::BadConfiguration,
        plan::ErrorKind::NotFound => Kind::NoSuch,
        plan::ErrorKind::NotPermitted => Kind::NotPermitted,
        plan::ErrorKind::Unsupported => Kind::KernelLacks,
        plan::ErrorKind::OtherSwitch => Kind::OtherSwitch,
        plan::ErrorKind::TimedOut => Kind::TimedOut,
    }
}

impl From<plan::PlanError> for Error {
    fn from(error: plan::PlanError) -> Self {
        Self::new(of_step(error.kind()), error.to_string()).advise(error.advice())
    }
}

impl From<plan::StepError> for Error {
    fn from(error: plan::StepError) -> Self {
        let message = error.to_string();
        Self { kind: of_step(error.kind), message, advice: error.advice }
    }
}
