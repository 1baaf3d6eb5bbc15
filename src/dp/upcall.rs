//! Where the kernel sends packets that no flow matches.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use ovsdp_proto::nlmsg::Messages;
use ovsdp_proto::packet::Upcall;

use super::{Error, Families};
use crate::nl::{self, Counters, Receiver};

/// What [`UpcallSocket::drain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Upcalls handed out.
    pub upcalls: usize,
    /// Times the queue had been full: packets were lost.
    pub overruns: usize,
    /// Whether there may be more.
    pub more: bool,
}

/// A socket for upcalls. The kernel is told its [`UpcallSocket::portid`]; whichever thread owns it drains it.
#[derive(Debug)]
pub struct UpcallSocket {
    receiver: Receiver,
    packet: u16,
}

impl UpcallSocket {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the system has no room for a socket.
    pub fn open(families: Families) -> Result<Self, Error> {
        let receiver = Receiver::open().map_err(|error| error.on("open", "an upcall socket"))?;
        Ok(Self { receiver, packet: families.packet })
    }

    /// Takes a socket over that the agent before has opened, with the upcalls that wait in it.
    ///
    /// # Errors
    /// When it is no netlink socket.
    pub fn adopt(families: Families, fd: OwnedFd) -> Result<Self, Error> {
        let receiver = Receiver::adopt(fd).map_err(|error| error.on("take over", "an upcall socket"))?;
        Ok(Self { receiver, packet: families.packet })
    }

    /// A second descriptor of the socket, for the next agent.
    ///
    /// # Errors
    /// When there is no room for a descriptor.
    pub fn share(&self) -> Result<OwnedFd, Error> {
        self.receiver.share().map_err(|error| error.on("share", "an upcall socket").into())
    }

    /// The port id to direct upcalls to.
    pub const fn portid(&self) -> u32 {
        self.receiver.portid()
    }

    /// Hands out upcalls without waiting, at most `limit` of them, each borrowed until the next. What else arrives is
    /// counted and thrown away; a queue that was full is counted, and receiving goes on.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn drain(&mut self, limit: usize, mut visit: impl FnMut(&Upcall<'_>)) -> Result<Drained, Error> {
        self.collect(limit, |_, upcall| visit(upcall))
    }

    /// As [`UpcallSocket::drain`], with the bytes that [`Upcall::parse`] reads, for upcalls that are put by.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn collect(&mut self, limit: usize, mut visit: impl FnMut(&[u8], &Upcall<'_>)) -> Result<Drained, Error> {
        let mut drained = Drained::default();
        // A datagram has one upcall; those without one must not make this go on for ever.
        for _ in 0..limit {
            let datagram = match self.receiver.receive() {
                Ok(Some(datagram)) => datagram,
                Ok(None) => return Ok(drained),
                Err(nl::Error::Overrun | nl::Error::Truncated { .. }) => {
                    drained.overruns += 1;
                    continue;
                }
                Err(error) => return Err(error.on("receive", "upcalls").into()),
            };
            let mut unreadable = 0;
            for message in Messages::new(datagram) {
                match message.map(|message| (message.kind == self.packet).then(|| (message.payload, Upcall::parse(message.payload)))) {
                    Ok(Some((payload, Ok(upcall)))) => {
                        drained.upcalls += 1;
                        visit(payload, &upcall);
                    }
                    Ok(None | Some((_, Err(_)))) | Err(_) => unreadable += 1,
                }
            }
            self.receiver.count_unreadable(unreadable);
        }
        drained.more = true;
        Ok(drained)
    }

    /// Waits until there is something to [`UpcallSocket::drain`], at most `timeout`. Returns whether there is.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn wait(&self, timeout: Duration) -> Result<bool, Error> {
        self.receiver.wait(timeout).map_err(|error| error.on("wait for", "upcalls").into())
    }

    /// What was lost so far; `enobufs` counts full queues, each of which lost at least one packet.
    pub const fn counters(&self) -> Counters {
        self.receiver.counters()
    }
}

impl AsFd for UpcallSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

impl AsRawFd for UpcallSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.receiver.as_raw_fd()
    }
}
