//! Why something on a netlink socket failed: values a program can decide on, text for a person made in [`fmt::Display`].
//! It must not know what the messages mean: [`Failure`] lets the rooms above say what they were doing to which object.

use core::fmt;
use std::time::Duration;

use nix::errno::Errno;
use ovsdp_proto::DecodeError;
use ovsdp_proto::nla::TooLong;

/// Why a request, a dump or a socket failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a request.
    Kernel {
        /// The kernel's error number.
        errno: Errno,
        /// The kernel's own words (`NLMSGERR_ATTR_MSG`), when it had any.
        message: Option<Box<str>>,
        /// The attribute the kernel points at, or says is missing, as a path such as `IFLA_LINKINFO/IFLA_INFO_KIND`.
        attr: Option<Box<str>>,
    },
    /// A system call on the socket failed.
    Socket {
        /// The call, as in `"bind"`.
        call: &'static str,
        /// Its error number.
        errno: Errno,
    },
    /// No answer came within this time.
    TimedOut(Duration),
    /// The kernel threw messages away because the receive buffer was full: what was missed is unknown.
    Overrun,
    /// The request was carried out, or refused, but the acknowledgement that would say so was lost.
    Lost,
    /// A datagram was larger than the receive buffer, in bytes.
    Truncated {
        /// What the datagram has.
        has: usize,
        /// What the buffer holds.
        room: usize,
    },
    /// The table changed during every one of this many attempts to read it.
    Interrupted(u32),
    /// A message that could not be read.
    Decode(DecodeError),
    /// A request that does not fit netlink's lengths.
    TooLong(TooLong),
}

/// What kind of failure it is, for decisions: exit codes, "already so", "already gone".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `EPERM` or `EACCES`: the caller lacks `CAP_NET_ADMIN` over this network namespace.
    NotPermitted,
    /// `ENOENT` or `ESRCH`: there is no such object.
    NotFound,
    /// `ENODEV`: there is no such device or port.
    NoDevice,
    /// `EEXIST`: the object exists already.
    Exists,
    /// `EBUSY`: the object, or the name or number it wants, is in use.
    Busy,
    /// `EOPNOTSUPP` or `EPROTONOSUPPORT` and their like: this kernel cannot do that.
    NotSupported,
    /// `EINVAL` or `ERANGE`: the kernel does not accept a value.
    Invalid,
    /// No answer in time.
    TimedOut,
    /// Messages or the outcome of a request were lost; looking again tells.
    Lost,
    /// Anything else.
    Other,
}

impl Error {
    /// The kernel's error number, when there is one.
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::Kernel { errno, .. } | Self::Socket { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Kernel { errno, .. } | Self::Socket { errno, .. } => match errno {
                Errno::EPERM | Errno::EACCES => Kind::NotPermitted,
                Errno::ENOENT | Errno::ESRCH => Kind::NotFound,
                Errno::ENODEV | Errno::ENXIO => Kind::NoDevice,
                Errno::EEXIST => Kind::Exists,
                Errno::EBUSY => Kind::Busy,
                Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT | Errno::EAFNOSUPPORT | Errno::ENOSYS => Kind::NotSupported,
                Errno::EINVAL | Errno::ERANGE => Kind::Invalid,
                Errno::ETIMEDOUT => Kind::TimedOut,
                Errno::ENOBUFS => Kind::Lost,
                _ => Kind::Other,
            },
            Self::TimedOut(_) => Kind::TimedOut,
            Self::Overrun | Self::Lost | Self::Truncated { .. } | Self::Interrupted(_) => Kind::Lost,
            Self::Decode(_) | Self::TooLong(_) => Kind::Other,
        }
    }

    /// This error as one about `object`, met while `doing` something to it.
    #[must_use]
    pub fn on(self, doing: &'static str, object: impl fmt::Display) -> Failure {
        Failure { doing, object: object.to_string().into(), error: self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel { errno, message, attr } => {
                f.write_str(errno.desc())?;
                if let Some(message) = message {
                    write!(f, ": the kernel says \"{message}\"")?;
                }
                match attr {
                    Some(attr) => write!(f, " (at {attr}, {errno:?})"),
                    None => write!(f, " ({errno:?})"),
                }
            }
            Self::Socket { call, errno } => write!(f, "{call} on the netlink socket: {} ({errno:?})", errno.desc()),
            Self::TimedOut(after) => write!(f, "the kernel did not answer within {after:?}"),
            Self::Overrun => f.write_str("the receive buffer was full and the kernel threw messages away"),
            Self::Lost => f.write_str("the kernel's answer was lost, so whether it was done is unknown"),
            Self::Truncated { has, room } => write!(f, "a message of {has} bytes did not fit the buffer of {room} bytes"),
            Self::Interrupted(attempts) => write!(f, "the table changed during each of {attempts} attempts to read it"),
            Self::Decode(error) => write!(f, "a message could not be read: {error}"),
            Self::TooLong(error) => write!(f, "the request cannot be written: {error}"),
        }
    }
}

impl core::error::Error for Error {}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<TooLong> for Error {
    fn from(error: TooLong) -> Self {
        Self::TooLong(error)
    }
}

/// An [`Error`] with what was being done to which object: `cannot set link eth9: No such device (ENODEV)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was being done, as it reads behind "cannot": `"set link"`.
    pub doing: &'static str,
    /// The object, as a person calls it: `eth0`, `172.16.3.140/24 on eth0`.
    pub object: Box<str>,
    /// Why it failed.
    pub error: Error,
}

impl Failure {
    /// What kind of failure it is.
    pub const fn kind(&self) -> Kind {
        self.error.kind()
    }

    /// The kernel's error number, when there is one.
    pub const fn errno(&self) -> Option<Errno> {
        self.error.errno()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.doing)?;
        if !self.object.is_empty() {
            write!(f, " {}", self.object)?;
        }
        write!(f, ": {}", self.error)
    }
}

impl core::error::Error for Failure {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_where_and_the_kernels_words() {
        let error = Error::Kernel { errno: Errno::EOPNOTSUPP, message: Some("Unknown device type".into()), attr: Some("IFLA_LINKINFO".into()) };
        assert_eq!(error.kind(), Kind::NotSupported);
        assert_eq!(
            error.on("create link", "x0").to_string(),
            "cannot create link x0: Operation not supported on transport endpoint: the kernel says \"Unknown device type\" (at IFLA_LINKINFO, EOPNOTSUPP)"
        );
        assert_eq!(Error::Kernel { errno: Errno::EPERM, message: None, attr: None }.to_string(), "Operation not permitted (EPERM)");
    }
}
