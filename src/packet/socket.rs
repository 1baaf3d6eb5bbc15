//! A raw socket on one link, and asking by it: questions are sent, answers waited for and heard.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{LinkAddr, bind, recvfrom};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// The Ethernet type of IPv4.
pub const IPV4: u16 = 0x0800;
/// The Ethernet type of ARP.
pub(super) const ARP: u16 = 0x0806;
/// The Ethernet type of IPv6.
pub(super) const IPV6: u16 = 0x86dd;

/// How long one question waits for its answer before the next is put.
pub(super) const BETWEEN: Duration = Duration::from_secs(1);
/// Room for an answer; nothing behind that is looked at.
const FRAME: usize = 256;

/// A socket that sends whole frames out of the link `ifindex` and hears those of `ethertype` that `filter` lets through
/// (all, when it is empty). It does not block. What arrived between its making and its binding may be of another link:
/// compare the sender's index.
///
/// # Errors
/// `ENODEV` when there is no such link, `EPERM` without `CAP_NET_RAW`, and what else the kernel says.
pub fn open(ifindex: u32, ethertype: u16, filter: &[SockFilter]) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), Some(Protocol::from(i32::from(ethertype.to_be()))))?;
    if !filter.is_empty() {
        socket.attach_filter(filter)?;
    }
    // The kernel's own list is where a link's socket address can be had without making one up from bytes.
    let link = nix::ifaddrs::getifaddrs()?
        .filter_map(|entry| entry.address.as_ref().and_then(|address| address.as_link_addr().copied()))
        .find(|link| u32::try_from(link.ifindex()) == Ok(ifindex));
    let link = link.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))?;
    bind(socket.as_raw_fd(), &link)?;
    Ok(socket)
}

/// Sends a question. A full queue loses it as the wire might.
///
/// # Errors
/// The link is gone or down, and what else the kernel says.
pub(super) fn ask(socket: &Socket, question: &[u8]) -> io::Result<()> {
    match socket.send(question) {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) || error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

/// Waits until one of `sockets` has something to read, at most so long.
///
/// # Errors
/// What the kernel says.
pub(super) fn wait<'a>(sockets: impl Iterator<Item = &'a Socket>, at_most: Duration) -> io::Result<()> {
    let mut fds: Vec<PollFd<'_>> = sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
    // Rounded up, or the last millisecond would be spent turning in circles.
    let timeout = PollTimeout::try_from(at_most + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Reads what came in by the link `ifindex` until `answer` finds in a frame what it looks for, or nothing is left; at most as much as would fill
/// a queue, so that a flood does not keep anybody from their clock.
///
/// # Errors
/// The link is gone or down, and what else the kernel says.
pub(super) fn hear<T>(socket: &Socket, ifindex: u32, mut answer: impl FnMut(&[u8]) -> Option<T>) -> io::Result<Option<T>> {
    const MOST: usize = 1024;
    let mut buffer = [0; FRAME];
    for _ in 0..MOST {
        let (len, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok((len, Some(from))) => (len, from),
            Ok((_, None)) | Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        if u32::try_from(from.ifindex()) != Ok(ifindex) || from.pkttype() == libc::PACKET_OUTGOING {
            continue;
        }
        let found = answer(buffer.get(..len.min(FRAME)).unwrap_or_default());
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
