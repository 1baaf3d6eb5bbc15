//! A socket that only listens to multicast groups. Requests go over another one: an overrun here must not cost answers.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use ovsdp_proto::nlmsg::{Message, Messages, kind};

use super::counters::Counters;
use super::error::Error;
use super::sock::{Protocol, Wire, new_buffer};

/// At most this many datagrams are handed out by one [`Multicast::drain`], so that a storm cannot starve its caller.
const MAX_DRAIN: usize = 256;

/// What a group had to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A notification.
    Message(Message<'a>),
    /// Notifications were lost. Assume that everything changed and read it all again.
    Resync,
}

/// A subscription to multicast groups.
#[derive(Debug)]
pub struct Multicast {
    wire: Wire,
    buffer: Box<[u8]>,
}

impl Multicast {
    /// Opens a socket in the calling thread's network namespace, binds it and then joins `groups` by their numbers, in
    /// this order: the kernel does not deliver to a socket that joined before it had a port id.
    ///
    /// # Errors
    /// [`Error::Socket`].
    pub fn open(protocol: Protocol, groups: &[u32]) -> Result<Self, Error> {
        let wire = Wire::open(protocol)?;
        for group in groups {
            wire.join(*group)?;
        }
        Ok(Self { wire, buffer: new_buffer() })
    }

    /// Hands out what is there without waiting, [`Event::Resync`] in the place of what was lost. Returns whether there
    /// may be more.
    ///
    /// # Errors
    /// [`Error::Socket`] when the socket itself is broken; what `visit` returns.
    pub fn drain<E: From<Error>>(&mut self, mut visit: impl FnMut(Event<'_>) -> Result<(), E>) -> Result<bool, E> {
        for _ in 0..MAX_DRAIN {
            match self.wire.receive(&mut self.buffer) {
                Ok(None) => return Ok(false),
                Ok(Some(datagram)) => {
                    for message in Messages::new(datagram) {
                        match message {
                            Ok(message) if matches!(message.kind, kind::NOOP | kind::DONE | kind::ERROR) => {}
                            Ok(message) if message.kind == kind::OVERRUN => visit(Event::Resync)?,
                            Ok(message) => visit(Event::Message(message))?,
                            Err(_) => {
                                self.wire.counters.unreadable += 1;
                                visit(Event::Resync)?;
                            }
                        }
                    }
                }
                Err(Error::Overrun | Error::Truncated { .. }) => visit(Event::Resync)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// As [`Multicast::drain`], with what a room above makes of each message by `read`: nothing of one that says nothing to it. What it cannot
    /// read is counted. `lost` is its word for [`Event::Resync`].
    ///
    /// # Errors
    /// [`Error::Socket`] when the socket itself is broken.
    pub fn hand_out<T, B>(
        &mut self,
        lost: impl Fn() -> T,
        read: impl Fn(&Message<'_>) -> Result<Option<T>, B>,
        mut visit: impl FnMut(T),
    ) -> Result<bool, Error> {
        let mut unreadable = 0;
        let result = self.drain(|event| {
            match event {
                Event::Resync => visit(lost()),
                Event::Message(message) => match read(&message) {
                    Ok(event) => event.into_iter().for_each(&mut visit),
                    Err(_) => unreadable += 1,
                },
            }
            Ok(())
        });
        self.wire.counters.unreadable += unreadable;
        result
    }

    /// Waits until there is something to [`Multicast::drain`], at most `timeout`. Returns whether there is.
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
}

impl AsFd for Multicast {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}

impl AsRawFd for Multicast {
    fn as_raw_fd(&self) -> RawFd {
        self.wire.as_fd().as_raw_fd()
    }
}
