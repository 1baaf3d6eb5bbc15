//! The client's two sockets: frames for a client whose address the server has yet to confirm, UDP for one with a lease.
//!
//! Replies are heard on the frame socket alone, whatever they were sent to: it needs no address on the interface, no route
//! and no hole in a packet filter. It is open only while an answer is due and a filter keeps all other traffic out.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};

use nix::libc;
use nix::sys::socket::{LinkAddr, recvfrom};
use ovsdp_proto::{IfName, Mac};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::frame::{self, CLIENT_PORT, SERVER_PORT};
use crate::packet::{IPV4, open};

/// An Ethernet frame's worth, with room for one of a larger MTU: what is cut off was no reply of the size asked for.
const FRAME: usize = 2048;

/// What `tcpdump -d 'udp dst port 68'` makes of it for whole IPv4 packets: (code, skip if true, skip if false, operand).
const FILTER: [(u16, u8, u8, u32); 11] = [
    (0x28, 0, 0, 12),     // the Ethernet type
    (0x15, 0, 8, 0x0800), // must be IPv4's
    (0x30, 0, 0, 23),     // the protocol
    (0x15, 0, 6, 17),     // must be UDP
    (0x28, 0, 0, 20),     // flags and offset
    (0x45, 4, 0, 0x3fff), // must not be a fragment's
    (0xb1, 0, 0, 14),     // the IPv4 header's length, for the next line
    (0x48, 0, 0, 16),     // the destination port
    (0x15, 0, 1, 68),     // must be the client's
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
];

/// Sends and hears for one interface.
#[derive(Debug)]
pub(super) struct Link {
    ifname: IfName,
    ifindex: u32,
    mac: Mac,
    frames: Option<AsyncFd<Socket>>,
    /// Kept while an answer is due, or the kernel would tell the server that nobody is at the port.
    udp: Option<Socket>,
}

impl Link {
    pub(super) fn new(ifname: IfName, ifindex: u32, mac: Mac) -> Self {
        Self { ifname, ifindex, mac, frames: None, udp: None }
    }

    /// Sends `message` to everyone on the link.
    pub(super) fn broadcast(&mut self, source: Ipv4Addr, message: &[u8]) -> io::Result<()> {
        let frame = frame::broadcast(self.mac, source, message).ok_or(io::ErrorKind::InvalidInput)?;
        let sent = self.open()?.get_ref().send(&frame);
        // A device that went away leaves a socket that stays deaf: the next question opens another.
        sent.inspect_err(|_| self.frames = None).map(drop)
    }

    /// Sends `message` to `server` from the leased address; to everyone when that cannot be done, since a grant that
    /// came by broadcast is as good.
    pub(super) fn unicast(&mut self, source: Ipv4Addr, server: Ipv4Addr, message: &[u8]) -> io::Result<()> {
        self.open()?;
        match self.udp(source).and_then(|udp| {
            udp.send_to(message, &SocketAddrV4::new(server, SERVER_PORT).into())?;
            Ok(udp)
        }) {
            Ok(udp) => {
                self.udp = Some(udp);
                Ok(())
            }
            Err(_) => self.broadcast(source, message),
        }
    }

    /// Closes both sockets: no answer is due.
    pub(super) fn close(&mut self) {
        self.frames = None;
        self.udp = None;
    }

    /// The next message heard. Never ready while closed.
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        loop {
            let Some(frames) = &self.frames else { return Poll::Pending };
            let mut guard = match frames.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(guard)) => guard,
                Poll::Ready(Err(_)) => {
                    self.frames = None;
                    continue;
                }
            };
            let mut buffer = [0; FRAME];
            let heard = guard.try_io(|socket| Ok(recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer)?));
            let (len, from) = match heard {
                Ok(Ok((len, Some(from)))) => (len, from),
                Ok(Ok((_, None))) | Err(_) => continue,
                // The device went down or away. The next question opens another socket; until then there is no answer due.
                Ok(Err(_)) => {
                    self.frames = None;
                    continue;
                }
            };
            // Before the bind, frames of every interface were heard; and one for another host is none of ours.
            if u32::try_from(from.ifindex()) != Ok(self.ifindex) || from.pkttype() == libc::PACKET_OTHERHOST {
                continue;
            }
            if let Some(message) = buffer.get(..len).and_then(frame::payload) {
                return Poll::Ready(message.to_vec());
            }
        }
    }

    fn open(&mut self) -> io::Result<&AsyncFd<Socket>> {
        if self.frames.is_none() {
            self.frames = Some(self.listen()?);
        }
        self.frames.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn listen(&self) -> io::Result<AsyncFd<Socket>> {
        let socket = open(self.ifindex, IPV4, &FILTER.map(|(code, jt, jf, k)| SockFilter::new(code, jt, jf, k)))?;
        #[expect(deprecated, reason = "its successor wants a promise about types that lend their descriptor out; a Socket owns its own")]
        AsyncFd::new(socket)
    }

    fn udp(&self, source: Ipv4Addr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        // Another client on another interface has the port, too.
        socket.set_reuse_address(true)?;
        socket.bind_device(Some(self.ifname.as_bytes()))?;
        socket.bind(&SocketAddrV4::new(source, CLIENT_PORT).into())?;
        Ok(socket)
    }
}
