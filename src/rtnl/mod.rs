//! rtnetlink: links, addresses, routes and rules of the network namespace, over [`crate::nl`].
//!
//! Message headers and the bodies that are sent are `netlink-packet-route`'s. What is received is read attribute by
//! attribute: one that cannot be read, or is newer than that crate, must not hide the object it belongs to. [`Link`],
//! [`Address`] and [`Route`] are plain values that go into the undo log on disk and come back from it unchanged.
//!
//! It must not know the datapath, nor what anybody wants the host to look like.

mod address;
mod events;
mod exact;
mod inet6;
mod link;
mod names;
mod raw;
mod route;
mod rule;
mod stats;
mod transceiver;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use netlink_packet_core::Emitable;

use crate::nl::{self, Counters, Failure, Protocol, Socket};

pub use address::Address;
pub use events::{Event, Events};
pub use inet6::Inet6;
pub use link::{Link, LinkChange};
pub use raw::Raw;
pub use route::{NextHop, Route, kind, table};
pub use rule::Rule;
pub use stats::LinkStats;
pub use transceiver::Transceivers;
pub use tunnel::{TUNNEL_MTU, Tunnel};

/// Why something could not be done, and to which object.
pub type Error = Failure;

/// What to do about an object that is there already, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Make it; an equal one that is there already is an error (`EEXIST`).
    Create,
    /// Make it, or make the one that is there equal to it.
    Replace,
    /// Make it behind any other to the same destination, which stays; an equal one is an error (`EEXIST`). Routes only.
    Append,
    /// Make it before any other to the same destination with the same metric; an equal one is an error (`EEXIST`). IPv4 routes only.
    Prepend,
}

impl Mode {
    const fn flags(self) -> u16 {
        use ovsdp_proto::nlmsg::flag;
        match self {
            Self::Create => flag::CREATE | flag::EXCL,
            Self::Replace => flag::CREATE | flag::REPLACE,
            Self::Append => flag::CREATE | flag::APPEND,
            Self::Prepend => flag::CREATE,
        }
    }
}

/// A socket for requests about links, addresses and routes. Reading needs no privilege, writing `CAP_NET_ADMIN` over the
/// network namespace the socket was opened in.
#[derive(Debug)]
pub struct Rtnl {
    socket: Socket,
}

impl Rtnl {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the system has no room for a socket.
    pub fn open() -> Result<Self, Error> {
        let socket = Socket::open(Protocol::Route, Arc::new(names::Rtnetlink)).map_err(|error| error.on("open an rtnetlink socket", ""))?;
        Ok(Self { socket })
    }

    /// Bounds how long the kernel may take for one answer.
    pub const fn set_timeout(&mut self, timeout: Duration) {
        self.socket.set_timeout(timeout);
    }

    /// What was lost and repeated on this socket so far; `unreadable` counts links, addresses and routes left out.
    pub const fn counters(&self) -> Counters {
        self.socket.counters()
    }

    /// What a person calls the device `index`: its name if it can be found. For error texts only.
    fn call(&mut self, index: u32) -> Box<str> {
        match self.link_by_index(index) {
            Ok(Some(link)) => link.name.as_str().into(),
            _ => format!("interface {index}").into(),
        }
    }
}

/// Appends a message body of `netlink-packet-route`.
fn emit(out: &mut Vec<u8>, body: &impl Emitable) -> Result<(), nl::Error> {
    let start = out.len();
    out.resize(start + body.buffer_len(), 0);
    body.emit(out.get_mut(start..).unwrap_or(&mut []));
    Ok(())
}

#[cfg(test)]
mod tests;
