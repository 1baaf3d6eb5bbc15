//! The kernel's datapath: datapaths, vports, flows, packets and upcalls, in `ovsdp-proto`'s bytes over [`crate::nl`].
//!
//! - [`Families`]: what the kernel calls the families today.
//! - [`Dp`]: requests. Reading needs no privilege, everything else `CAP_NET_ADMIN` over the network namespace.
//! - [`Requests`]: many flow and packet requests for one `sendmsg`, built on any thread.
//! - [`Meters`], [`CtLimits`], [`Conntrack`]: what actions of flows rely on: meters, limits of zones, connections.
//! - [`UpcallSocket`], [`Events`]: what the kernel says by itself.
//! - [`owner`]: whether another program holds the datapath.
//!
//! It must not know bridges, ports, VLANs or MAC tables: it does what it is told and says what the kernel answers.

mod cache;
mod conntrack;
pub mod cpu;
mod ct_limit;
mod datapath;
mod error;
mod events;
pub mod family;
pub mod filter;
mod flow;
mod groups;
mod meter;
mod names;
pub mod owner;
mod reading;
mod requests;
mod seen;
mod undo;
mod upcall;
mod vport;

use std::sync::Arc;
use std::time::Duration;

use ovsdp_proto::nlmsg::Message;

use crate::nl::{self, Batch, Counters, Protocol, Socket};

pub use conntrack::{Conntrack, Flushed};
pub use ct_limit::CtLimits;
pub use datapath::{Datapath, Dispatch, SYSTEM};
pub use error::Error;
pub use events::{Event, Events};
pub use family::Families;
pub use flow::{Parts, now_ms};
pub use meter::{Meter, MeterFeatures, Meters};
pub use reading::Reading;
pub use requests::{How, Requests};
pub use undo::{Undo, Undone};
pub use upcall::{Drained, UpcallSocket};
pub use vport::{Vport, VportKind};

/// A socket for requests to the Open vSwitch families.
#[derive(Debug)]
pub struct Dp {
    socket: Socket,
    families: Families,
}

impl Dp {
    /// Opens a socket in the calling thread's network namespace for families resolved earlier.
    ///
    /// # Errors
    /// When the system has no room for a socket.
    pub fn new(families: Families) -> Result<Self, Error> {
        let names = Arc::new(names::Ovs { families });
        let socket = Socket::open(Protocol::Generic, names).map_err(|error| error.on("open a generic netlink socket", ""))?;
        Ok(Self { socket, families })
    }

    /// Resolves the families and opens a socket.
    ///
    /// # Errors
    /// [`Error::NoFamily`] when the kernel has no openvswitch module, and what [`family::resolve`] and [`Dp::new`] say.
    pub fn open() -> Result<Self, Error> {
        Self::new(family::resolve()?)
    }

    /// The families' numbers.
    pub const fn families(&self) -> Families {
        self.families
    }

    /// Bounds how long the kernel may take for one answer.
    pub const fn set_timeout(&mut self, timeout: Duration) {
        self.socket.set_timeout(timeout);
    }

    /// What was lost and repeated on this socket so far; `unreadable` counts objects left out.
    pub const fn counters(&self) -> Counters {
        self.socket.counters()
    }

    /// One request without an answer but its acknowledgement.
    fn done(&mut self, build: impl FnOnce(&mut Batch) -> Result<usize, nl::Error>) -> Result<(), nl::Error> {
        self.socket.transact(build, |_| Ok(()))
    }

    /// One request that is answered with one object.
    fn one<T>(
        &mut self,
        build: impl FnOnce(&mut Batch) -> Result<usize, nl::Error>,
        read: impl Fn(&Message<'_>) -> Result<T, nl::Error>,
    ) -> Result<T, nl::Error> {
        let mut found = None;
        self.socket.transact(build, |message| {
            found = Some(read(&message)?);
            Ok(())
        })?;
        found.ok_or(nl::Error::Lost)
    }

    /// One request that is answered with every object. Those that cannot be read are left out and counted.
    fn all<T>(
        &mut self,
        build: impl FnOnce(&mut Batch) -> Result<usize, nl::Error>,
        read: impl Fn(&Message<'_>) -> Result<T, nl::Error>,
    ) -> Result<Vec<T>, nl::Error> {
        self.socket.list(build, |message| read(message).map(Some))
    }
}

/// `None` for what the kernel says is not there.
fn absent<T>(result: Result<T, nl::Error>) -> Result<Option<T>, nl::Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), nl::Kind::NoDevice | nl::Kind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
