//! A raw socket on one link.

use std::io;
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::bind;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// The Ethernet type of IPv4.
pub const IPV4: u16 = 0x0800;
/// The Ethernet type of ARP.
pub(super) const ARP: u16 = 0x0806;
/// The Ethernet type of IPv6.
pub(super) const IPV6: u16 = 0x86dd;

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
