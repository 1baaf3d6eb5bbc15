//! Datapaths and vports that come, change and go, as it happens.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use ovsdp_proto::genl::Genl;
use ovsdp_proto::nlmsg::Message;
use ovsdp_proto::uapi;

use super::{Datapath, Error, Families, Vport, groups};
use crate::nl::{self, Counters, Multicast, Protocol};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A datapath appeared, or its features were changed: perhaps by another program.
    Datapath(Box<Datapath>),
    /// A datapath is gone.
    DatapathGone(Box<Datapath>),
    /// A vport appeared or changed.
    Vport(Box<Vport>),
    /// A vport is gone: somebody detached it, or its device vanished.
    VportGone(Box<Vport>),
    /// Something was lost: read everything again.
    Resync,
}

/// A subscription to the datapaths and vports of the network namespace it was opened in.
#[derive(Debug)]
pub struct Events {
    multicast: Multicast,
    families: Families,
}

impl Events {
    /// Subscribes. Open this before the first dump: nothing falls between the two then.
    ///
    /// # Errors
    /// When the system has no room for a socket; as looking up the families.
    pub fn open(families: Families) -> Result<Self, Error> {
        let groups = groups::resolve()?;
        let multicast =
            Multicast::open(Protocol::Generic, &[groups.datapath, groups.vport]).map_err(|error| error.on("listen to", "datapath events"))?;
        Ok(Self { multicast, families })
    }

    /// Hands out what happened since the last call, without waiting. Returns whether there may be more.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn drain(&mut self, visit: impl FnMut(Event)) -> Result<bool, Error> {
        let result = self.multicast.hand_out(|| Event::Resync, |message| read(self.families, message), visit);
        result.map_err(|error| error.on("receive", "datapath events").into())
    }

    /// Waits until there is something to [`Events::drain`], at most `timeout`. Returns whether there is.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn wait(&self, timeout: Duration) -> Result<bool, Error> {
        self.multicast.wait(timeout).map_err(|error| error.on("wait for", "datapath events").into())
    }

    /// What was lost on this subscription so far.
    pub const fn counters(&self) -> Counters {
        self.multicast.counters()
    }
}

fn read(families: Families, message: &Message<'_>) -> Result<Option<Event>, nl::Error> {
    let cmd = Genl::parse(message.payload)?.cmd;
    if message.kind == families.datapath {
        let datapath = Box::new(Datapath::parse(message.payload)?);
        return Ok(match cmd {
            uapi::dp::cmd::NEW | uapi::dp::cmd::SET => Some(Event::Datapath(datapath)),
            uapi::dp::cmd::DEL => Some(Event::DatapathGone(datapath)),
            _ => None,
        });
    }
    if message.kind == families.vport {
        let vport = Box::new(Vport::parse(message.payload)?);
        return Ok(match cmd {
            uapi::vport::cmd::NEW | uapi::vport::cmd::SET => Some(Event::Vport(vport)),
            uapi::vport::cmd::DEL => Some(Event::VportGone(vport)),
            _ => None,
        });
    }
    Ok(None)
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
