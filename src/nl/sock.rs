//! One netlink socket: opening, sending, receiving, waiting. It must not know what a message means; matching answers to
//! requests is [`super::transact`]'s and [`super::dump`]'s business.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, NetlinkAddr, getsockname, recvmsg, setsockopt, sockopt};

use super::counters::Counters;
use super::error::Error;
use super::names::Names;
use super::sys;

/// Size of a receive buffer in bytes. The kernel fills dump datagrams up to 32 KiB whatever the buffer holds beyond
/// that; an upcall carries a packet of up to 64 KiB and its key. A shorter read would lose the rest of the datagram.
pub const RECV_BUFFER: usize = 128 * 1024;

/// What the kernel may queue for a socket before it throws messages away, in bytes: as much as Open vSwitch asks for.
const QUEUE: usize = 4 * 1024 * 1024;

/// How long an answer may take. The kernel answers within the `sendmsg`; what takes longer is waiting for its locks.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// At most this many datagrams of strangers are thrown away in one call, so that they cannot keep a caller busy.
const MAX_FOREIGN: usize = 64;

/// The netlink protocols this program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// rtnetlink: links, addresses, routes.
    Route,
    /// Generic netlink: the Open vSwitch families.
    Generic,
    /// Netfilter: the table of connections.
    Netfilter,
}

/// A bound, non-blocking netlink socket with its receive buffer and counters.
///
/// Only datagrams the kernel sent are ever looked at. A socket that joined a multicast group must not be used for
/// requests: [`super::Multicast`] keeps the two apart.
#[derive(Debug)]
pub struct Socket {
    pub(super) wire: Wire,
    pub(super) buffer: Box<[u8]>,
    pub(super) names: Names,
    pub(super) timeout: Duration,
    pub(super) seq: u32,
    /// The sequence number of a dump that was given up before its end: the kernel refuses another one until it is drained.
    pub(super) unfinished: Option<u32>,
}

impl Socket {
    /// Opens a socket of `protocol` in the calling thread's network namespace and binds it to a port id of the kernel's
    /// choosing. `names` turns an attribute the kernel complains about into words.
    ///
    /// # Errors
    /// [`Error::Socket`].
    pub fn open(protocol: Protocol, names: Names) -> Result<Self, Error> {
        Self::with_buffer(protocol, names, new_buffer())
    }

    /// As [`Socket::open`], for a few requests with short answers (16 KiB at most) and no dump: a large block that is freed soon makes
    /// the allocator keep the next ones, which live long, in memory it has to clear.
    ///
    /// # Errors
    /// [`Error::Socket`].
    pub fn open_for_a_moment(protocol: Protocol, names: Names) -> Result<Self, Error> {
        Self::with_buffer(protocol, names, vec![0; 16 * 1024].into_boxed_slice())
    }

    fn with_buffer(protocol: Protocol, names: Names, buffer: Box<[u8]>) -> Result<Self, Error> {
        let wire = Wire::open(protocol)?;
        Ok(Self { wire, buffer, names, timeout: DEFAULT_TIMEOUT, seq: 0, unfinished: None })
    }

    /// The socket's netlink address, which the kernel calls port id (and older texts pid): what upcalls are sent to.
    pub const fn portid(&self) -> u32 {
        self.wire.portid
    }

    /// Bounds how long an answer may take.
    pub const fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// What was lost and repeated on this socket so far.
    pub const fn counters(&self) -> Counters {
        self.wire.counters
    }

    /// Counts objects that a room above could not read: they are skipped, and shown as skipped.
    pub const fn count_unreadable(&mut self, objects: u64) {
        self.wire.counters.unreadable += objects;
    }

    /// The next `count` sequence numbers: the first of them. 0 is left out, it marks what nobody asked for.
    pub(super) fn reserve(&mut self, count: usize) -> u32 {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if self.seq.checked_add(count).is_none() {
            self.seq = 0;
        }
        let first = self.seq + 1;
        self.seq = self.seq.saturating_add(count);
        first
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.wire.as_fd().as_raw_fd()
    }
}

/// A receive buffer: zeroed lazily by the kernel, aligned to 16 bytes by the allocator as every large block is.
pub(super) fn new_buffer() -> Box<[u8]> {
    vec![0; RECV_BUFFER].into_boxed_slice()
}

/// The descriptor without its buffer, so that a caller can look at received bytes and count at the same time.
pub(super) struct Wire {
    socket: NlSocket,
    pub(super) portid: u32,
    pub(super) counters: Counters,
}

impl core::fmt::Debug for Wire {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Wire").field("portid", &self.portid).field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::fd(&self.socket)
    }
}

fn call(call: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |error| Error::Socket { call, errno: Errno::from_raw(error.raw_os_error().unwrap_or(0)) }
}

impl Wire {
    pub(super) fn open(protocol: Protocol) -> Result<Self, Error> {
        let family = match protocol {
            Protocol::Route => NlFamily::Route,
            Protocol::Generic => NlFamily::Generic,
            Protocol::Netfilter => NlFamily::Netfilter,
        };
        let socket = NlSocket::new(family).map_err(call("socket"))?;
        socket.nonblock().map_err(call("fcntl"))?;
        // Past net.core.rmem_max only with CAP_NET_ADMIN; readers without it get what the system allows.
        if setsockopt(&sys::fd(&socket), sockopt::RcvBufForce, &QUEUE).is_err() {
            setsockopt(&sys::fd(&socket), sockopt::RcvBuf, &QUEUE).map_err(|errno| Error::Socket { call: "setsockopt(SO_RCVBUF)", errno })?;
        }
        // Both are older than any kernel with per-CPU upcalls, yet nothing breaks without them: errors are just less
        // telling, and longer.
        let _ = socket.enable_ext_ack(true);
        let _ = sys::cap_acks(&socket);
        if protocol == Protocol::Route {
            // 4.20 and later: the kernel then filters dumps and refuses what it would otherwise ignore.
            let _ = socket.enable_strict_checking(true);
        }
        socket.bind(None, Groups::empty()).map_err(call("bind"))?;
        let portid = socket.pid().map_err(call("getsockname"))?;
        Ok(Self { socket, portid, counters: Counters::default() })
    }

    /// Takes a socket over that another process has opened and bound.
    ///
    /// # Errors
    /// [`Error::Socket`], with `EINVAL` when it is no netlink socket.
    pub(super) fn adopt(fd: OwnedFd) -> Result<Self, Error> {
        let address = getsockname::<NetlinkAddr>(fd.as_raw_fd()).map_err(|errno| Error::Socket { call: "getsockname", errno })?;
        let socket = sys::socket(fd);
        socket.nonblock().map_err(call("fcntl"))?;
        Ok(Self { socket, portid: address.pid(), counters: Counters::default() })
    }

    /// Joins multicast group `group`. The socket is bound by now: the kernel leaves out sockets without a port id.
    pub(super) fn join(&self, group: u32) -> Result<(), Error> {
        self.socket.add_mcast_membership(Groups::new_groups(&[group])).map_err(call("setsockopt(NETLINK_ADD_MEMBERSHIP)"))
    }

    /// Sends `bytes` to the kernel, which carries out the requests in them before this returns.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        loop {
            match self.socket.send(bytes, Msg::empty()) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(call("send")(error)),
            }
        }
    }

    /// Receives one datagram of the kernel; `None` when there is none now.
    ///
    /// # Errors
    /// [`Error::Overrun`], [`Error::Truncated`] (both counted), [`Error::Socket`].
    pub(super) fn receive<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Error> {
        let room = buffer.len();
        for _ in 0..MAX_FOREIGN {
            let mut slices = [IoSliceMut::new(buffer)];
            // MSG_TRUNC among the wishes makes the kernel tell how long the datagram really was.
            let wishes = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let (has, from, flags) = match recvmsg::<NetlinkAddr>(self.as_fd().as_raw_fd(), &mut slices, None, wishes) {
                Ok(message) => (message.bytes, message.address.map(|address| address.pid()), message.flags),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => {
                    self.counters.enobufs += 1;
                    return Err(Error::Overrun);
                }
                Err(errno) => return Err(Error::Socket { call: "recvmsg", errno }),
            };
            if from != Some(0) {
                self.counters.foreign += 1;
                continue;
            }
            if has > room || flags.contains(MsgFlags::MSG_TRUNC) {
                self.counters.truncated += 1;
                return Err(Error::Truncated { has, room });
            }
            return Ok(buffer.get(..has));
        }
        Ok(None)
    }

    /// Waits until there is something to receive, but not beyond `deadline`. Returns whether there is.
    pub(super) fn wait(&self, deadline: Instant) -> Result<bool, Error> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // Rounded up, so that a wait never ends before its time; longer ones than poll takes are waited for in parts.
            let millis = i32::try_from(left.as_millis().saturating_add(u128::from(!left.is_zero()))).unwrap_or(i32::MAX);
            let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
                // POLLERR is an overrun waiting to be received.
                Ok(ready) if ready > 0 => return Ok(true),
                Ok(_) if Instant::now() >= deadline => return Ok(false),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::Socket { call: "poll", errno }),
            }
        }
    }

    /// Receives one datagram, waiting for it until `deadline`; `None` when none came.
    pub(super) fn receive_by<'b>(&mut self, buffer: &'b mut [u8], deadline: Instant) -> Result<Option<&'b [u8]>, Error> {
        // The answer is usually there already, so that the poll is left out; a second borrow of the buffer in a loop is
        // not possible for the borrow checker, hence the length.
        if let Some(len) = self.receive(buffer)?.map(<[u8]>::len) {
            return Ok(buffer.get(..len));
        }
        while self.wait(deadline)? {
            if let Some(len) = self.receive(buffer)?.map(<[u8]>::len) {
                return Ok(buffer.get(..len));
            }
        }
        Ok(None)
    }
}
