//! An interface of a host, to send frames by and hear them: a packet socket made in the host's network, used from here.
//!
//! The frames are of one Ethernet type, that nothing else uses unless another is asked for, so that nothing else is heard.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;

use anyhow::{Context, anyhow};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{LinkAddr, MsgFlags, bind, recvfrom, send, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::Host;

/// The Ethernet type of the frames: one for experiments (IEEE 802, Local Experimental Ethertype 1).
pub const ETHER_TYPE: u16 = 0x88b5;

/// Every Ethernet type (`ETH_P_ALL`).
const ALL: u16 = 3;

/// What the kernel calls a packet that this machine sent (`PACKET_OUTGOING`).
const OUTGOING: u8 = 4;

/// What may wait to be heard, in bytes: some thousand small frames with what the kernel keeps beside them.
const QUEUE: usize = 8 << 20;

/// The socket.
#[derive(Debug)]
pub struct Wire {
    socket: OwnedFd,
    /// The Ethernet type of what is heard.
    heard: u16,
}

impl Wire {
    /// Opens `interface` of `host`. It hears all that passes there, with a tag or without.
    ///
    /// # Errors
    /// There is no such interface, or no packet sockets.
    pub fn open(host: &Host, interface: &str) -> anyhow::Result<Wire> {
        Wire::of_type(host, interface, ALL, ETHER_TYPE)
    }

    /// Opens `interface` of `host`, to hear what arrives there of an Ethernet type, and tell at which device: that of a VLAN on it hears what has
    /// a tag.
    ///
    /// # Errors
    /// There is no such interface, or no packet sockets.
    pub fn of_arrivals(host: &Host, interface: &str, ether_type: u16) -> anyhow::Result<Wire> {
        Wire::of_type(host, interface, ether_type, ether_type)
    }

    fn of_type(host: &Host, interface: &str, ether_type: u16, heard: u16) -> anyhow::Result<Wire> {
        let (pid, interface) = (host.pid().to_owned(), interface.to_owned());
        // The namespace is the thread's alone; the socket stays in it wherever it is used.
        let opened = thread::spawn(move || -> anyhow::Result<Wire> {
            let namespace = File::open(format!("/proc/{pid}/ns/net")).context("the host's network")?;
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), Some(Protocol::from(i32::from(ether_type.to_be()))))?;
            setsockopt(&socket, sockopt::RcvBufForce, &QUEUE)?;
            let mut all = getifaddrs()?.filter(|one| one.interface_name == interface);
            let address = all.find_map(|one| one.address?.as_link_addr().copied()).with_context(|| format!("no interface {interface}"))?;
            bind(socket.as_raw_fd(), &address)?;
            Ok(Wire { socket: socket.into(), heard })
        });
        opened.join().map_err(|_| anyhow!("the thread that opens the wire ended by itself"))?
    }

    /// Sends a frame. An interface that is down takes none.
    ///
    /// # Errors
    /// Anything else than that.
    pub fn send(&self, frame: &[u8]) -> anyhow::Result<()> {
        match send(self.socket.as_raw_fd(), frame, MsgFlags::empty()) {
            Ok(_) | Err(Errno::ENETDOWN | Errno::ENOBUFS | Errno::EAGAIN) => Ok(()),
            Err(errno) => Err(errno).context("sending a frame"),
        }
    }

    /// The next frame that was heard, without its VLAN tag; `None` when there is none now.
    ///
    /// # Errors
    /// The socket cannot be read.
    pub fn heard(&self) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.arrived()?.map(|(_, frame)| frame))
    }

    /// The same with the number of the device it arrived at.
    ///
    /// # Errors
    /// The socket cannot be read.
    pub fn arrived(&self) -> anyhow::Result<Option<(usize, Vec<u8>)>> {
        let mut frame = vec![0; 256];
        loop {
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut frame) {
                Ok((len, from)) => {
                    let is_ours = frame.get(12..14) == Some(&self.heard.to_be_bytes()) && from.is_none_or(|from| from.pkttype() != OUTGOING);
                    if is_ours {
                        frame.truncate(len);
                        return Ok(Some((from.map_or(0, |from| from.ifindex()), frame)));
                    }
                }
                Err(Errno::EAGAIN) => return Ok(None),
                // Said once when the interface goes down.
                Err(Errno::ENETDOWN | Errno::EINTR) => {}
                Err(errno) => return Err(errno).context("hearing frames"),
            }
        }
    }
}
