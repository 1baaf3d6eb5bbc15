//! A socket the kernel sends to by port id without being asked: upcalls. It never sends and never joins a group.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::error::Error;
use super::sock::{Protocol, Wire, new_buffer};

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
        Ok(Self { wire: Wire::open(Protocol::Generic)?, buffer: new_buffer() })
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
