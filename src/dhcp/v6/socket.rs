//! The client's socket: UDP from the interface's link-local address, which servers answer to. It is open only while an answer is due.

use std::fs;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::task::{Context, Poll};

use ovsdp_proto::IfName;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

/// All servers and relays on the link.
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const CLIENT_PORT: u16 = 546;
const SERVER_PORT: u16 = 547;
/// What is longer was no answer to a question of this size.
const LONGEST: usize = 4096;

/// The address has not been made sure of yet, or somebody else has it (`IFA_F_TENTATIVE`, `IFA_F_DADFAILED`).
const UNUSABLE: u32 = 0x40 | 0x08;

/// Sends and hears for one interface.
#[derive(Debug)]
pub(super) struct Link {
    ifname: IfName,
    ifindex: u32,
    socket: Option<AsyncFd<UdpSocket>>,
}

/// Why a message was not sent.
#[derive(Debug)]
pub(super) enum Unsent {
    /// There is no address to send it from yet.
    Unready,
    /// The kernel's words.
    Failed(io::Error),
}

impl From<io::Error> for Unsent {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Link {
    pub(super) const fn new(ifname: IfName, ifindex: u32) -> Self {
        Self { ifname, ifindex, socket: None }
    }

    /// Sends `message` to all servers on the link.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<(), Unsent> {
        if self.socket.is_none() {
            self.socket = Some(self.open()?);
        }
        let Some(socket) = &self.socket else { return Err(io::Error::from(io::ErrorKind::NotConnected).into()) };
        let sent = socket.get_ref().send_to(message, SocketAddrV6::new(SERVERS, SERVER_PORT, 0, self.ifindex));
        // An address that went away, or a device, leaves a socket that stays deaf: the next question opens another.
        sent.inspect_err(|_| self.socket = None).map(drop).map_err(Unsent::from)
    }

    /// Closes the socket: no answer is due.
    pub(super) fn close(&mut self) {
        self.socket = None;
    }

    /// The next message heard, and who sent it. Never ready while closed.
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<(Ipv6Addr, Vec<u8>)> {
        loop {
            let Some(socket) = &self.socket else { return Poll::Pending };
            let mut guard = match socket.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(guard)) => guard,
                Poll::Ready(Err(_)) => {
                    self.socket = None;
                    continue;
                }
            };
            let mut buffer = [0; LONGEST];
            match guard.try_io(|socket| socket.get_ref().recv_from(&mut buffer)) {
                Ok(Ok((len, SocketAddr::V6(from)))) => return Poll::Ready((*from.ip(), buffer.get(..len).unwrap_or_default().to_vec())),
                Ok(Ok(_)) | Err(_) => {}
                // The device went down or away. The next question opens another socket; until then there is no answer due.
                Ok(Err(_)) => self.socket = None,
            }
        }
    }

    fn open(&self) -> Result<AsyncFd<UdpSocket>, Unsent> {
        let own = link_local(&fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default(), self.ifindex).ok_or(Unsent::Unready)?;
        let socket = Socket::new(Domain::IPV6, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        // Another client on another interface has the port, too.
        socket.set_reuse_address(true)?;
        socket.set_only_v6(true)?;
        socket.bind_device(Some(self.ifname.as_bytes()))?;
        socket.bind(&SocketAddrV6::new(own, CLIENT_PORT, 0, self.ifindex).into())?;
        #[expect(deprecated, reason = "its successor wants a promise about types that lend their descriptor out; a socket owns its own")]
        Ok(AsyncFd::new(UdpSocket::from(socket))?)
    }
}

/// The link-local address of the link `ifindex` that may be used, by the kernel's list: address, index, prefix length, scope, flags (all
/// hexadecimal) and the link's name on each line.
fn link_local(list: &str, ifindex: u32) -> Option<Ipv6Addr> {
    list.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = Ipv6Addr::from(u128::from_str_radix(words.next()?, 16).ok()?);
        let index = u32::from_str_radix(words.next()?, 16).ok()?;
        let flags = u32::from_str_radix(words.nth(2)?, 16).ok()?;
        (index == ifindex && address.is_unicast_link_local() && flags & UNUSABLE == 0).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_used_once_the_kernel_has_made_sure_of_it() {
        let list = "00000000000000000000000000000001 01 80 10 80       lo\n\
                    fe80000000000000505400fffe123456 0a 40 20 80   ovsbr0\n\
                    20010db8000000000000000000000005 0b 40 00 80     int0\n\
                    fe80000000000000505400fffe123457 0b 40 20 c0     int0\n\
                    fe80000000000000505400fffe123458 0c 40 20 c8     int1\n";
        assert_eq!(link_local(list, 10), Some("fe80::5054:ff:fe12:3456".parse().unwrap()));
        for unusable in [11, 12, 13] {
            assert_eq!(link_local(list, unusable), None, "{unusable}");
        }
        assert_eq!(link_local("fe80\nfe80::1 1 2\n\u{e4} 1 1 1 1 x", 1), None);
    }
}
