//! What happens to links, addresses and routes, as it happens.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use ovsdp_proto::IfName;
use ovsdp_proto::nlmsg::Message;

use super::link::Seen;
use super::names::{group, rtm};
use super::{Address, Error, Link, Route};
use crate::nl::{Counters, Multicast, Protocol};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A link appeared or changed: this is how it is now.
    Link(Box<Link>),
    /// A link is gone, or went to another network namespace.
    LinkGone {
        /// The index it had.
        index: u32,
        /// The name it had.
        name: IfName,
    },
    /// An address appeared or changed.
    Address(Box<Address>),
    /// An address is gone.
    AddressGone(Box<Address>),
    /// A route appeared or took another's place.
    Route(Box<Route>),
    /// A route is gone. The kernel says nothing about IPv4 routes that go with their link or its being set down.
    RouteGone(Box<Route>),
    /// Something was lost: read everything again.
    Resync,
}

/// A subscription to links, addresses and routes of the network namespace it was opened in.
#[derive(Debug)]
pub struct Events {
    multicast: Multicast,
}

impl Events {
    /// Subscribes. Open this before the first dump: nothing falls between the two then.
    ///
    /// # Errors
    /// When the system has no room for a socket.
    pub fn open() -> Result<Self, Error> {
        Self::of(&[group::LINK, group::IPV4_ADDRESS, group::IPV4_ROUTE, group::IPV6_ADDRESS, group::IPV6_ROUTE])
    }

    /// Subscribes to links only.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn links() -> Result<Self, Error> {
        Self::of(&[group::LINK])
    }

    fn of(groups: &[u32]) -> Result<Self, Error> {
        let multicast = Multicast::open(Protocol::Route, groups).map_err(|error| error.on("listen to", "link, address and route events"))?;
        Ok(Self { multicast })
    }

    /// Hands out what happened since the last call, without waiting. Returns whether there may be more.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn drain(&mut self, visit: impl FnMut(Event)) -> Result<bool, Error> {
        let result = self.multicast.hand_out(|| Event::Resync, read, visit);
        result.map_err(|error| error.on("receive", "link, address and route events"))
    }

    /// Waits until there is something to [`Events::drain`], at most `timeout`. Returns whether there is.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn wait(&self, timeout: Duration) -> Result<bool, Error> {
        self.multicast.wait(timeout).map_err(|error| error.on("wait for", "link, address and route events"))
    }

    /// What was lost on this subscription so far.
    pub const fn counters(&self) -> Counters {
        self.multicast.counters()
    }
}

fn read(message: &Message<'_>) -> Result<Option<Event>, ovsdp_proto::DecodeError> {
    let link = |payload| match Link::parse(payload)? {
        Seen::Link(link) => Ok(Some(link)),
        Seen::Aside => Ok::<_, ovsdp_proto::DecodeError>(None),
    };
    Ok(match message.kind {
        rtm::NEWLINK => link(message.payload)?.map(|link| Event::Link(Box::new(link))),
        rtm::DELLINK => link(message.payload)?.map(|link| Event::LinkGone { index: link.index, name: link.name }),
        rtm::NEWADDR => Address::parse(message.payload)?.map(|address| Event::Address(Box::new(address))),
        rtm::DELADDR => Address::parse(message.payload)?.map(|address| Event::AddressGone(Box::new(address))),
        rtm::NEWROUTE => Route::parse(message.payload)?.map(|route| Event::Route(Box::new(route))),
        rtm::DELROUTE => Route::parse(message.payload)?.map(|route| Event::RouteGone(Box::new(route))),
        _ => None,
    })
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.multicast.as_fd()
    }
}

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.multicast.as_raw_fd()
    }
}
