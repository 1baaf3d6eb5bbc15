//! A socket the kernel sends to by port id without being asked: upcalls. It never sends and never joins a group.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

use super::counters::Counters;
use super::error::Error;
use super::sock::{Protocol, Wire, new_buffer};

/// What the kernel may queue for it before it throws messages away, in bytes: several thousand packets with their keys, as they
/// come while a successor takes over. The kernel takes the memory when it needs it.
const QUEUE: usize = 16 * 1024 * 1024;

/// A bound, non-blocking socket for unasked messages, with one receive buffer that is used again and again.
#[derive(Debug)]
pub struct Receiver {
    wire: Wire,
    buffer: Box<[u8]>,
}

impl Receiver {
    /// Opens a generic-netlink socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`Error::Socket`].
    pub fn open() -> Result<Self, Error> {
        let wire = Wire::open(Protocol::Generic)?;
        // Who may not have more has what every socket gets.
        let _ = setsockopt(&wire.as_fd(), sockopt::RcvBufForce, &QUEUE);
        Ok(Self { wire, buffer: new_buffer() })
    }

    /// Takes a socket over that another process has opened, with what is queued in it.
    ///
    /// # Errors
    /// [`Error::Socket`], with `EINVAL` when it is no netlink socket.
    pub fn adopt(fd: OwnedFd) -> Result<Self, Error> {
        Ok(Self { wire: Wire::adopt(fd)?, buffer: new_buffer() })
    }

    /// A second descriptor of the socket, for another process to go on with.
    ///
    /// # Errors
    /// [`Error::Socket`]: there is no room for a descriptor.
    pub fn share(&self) -> Result<OwnedFd, Error> {
        let errno = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(0));
        self.wire.as_fd().try_clone_to_owned().map_err(|error| Error::Socket { call: "fcntl", errno: errno(error) })
    }

    /// The port id to tell the kernel.
    pub const fn portid(&self) -> u32 {
        self.wire.portid
    }

    /// The next datagram; `None` when there is none now. Never waits.
    ///
    /// # Errors
    /// [`Error::Overrun`] and [`Error::Truncated`] mean that something was lost (counted); receiving goes on.
    /// [`Error::Socket`] when the socket is broken.
    pub fn receive(&mut self) -> Result<Option<&[u8]>, Error> {
        self.wire.receive(&mut self.buffer)
    }

    /// Waits until there is something to receive, at most `timeout`. Returns whether there is.
    ///
    /// # Errors
    /// [`Error::Socket`].
    pub fn wait(&self, timeout: Duration) -> Result<bool, Error> {
        self.wire.wait(Instant::now() + timeout)
    }

    /// What was lost on this socket so far.
    pub const fn counters(&self) -> Counters {
        self.wire.counters
    }

    /// Counts messages that a room above could not read.
    pub const fn count_unreadable(&mut self, messages: u64) {
        self.wire.counters.unreadable += messages;
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}

impl AsRawFd for Receiver {
    fn as_raw_fd(&self) -> RawFd {
        self.wire.as_fd().as_raw_fd()
    }
}
