//! What a network device does by itself, as the kernel's `ethtool` family tells and takes it: features, rings, pause frames, speed and
//! duplex, wake-on-LAN; over [`crate::nl`].
//!
//! It must not know files, nor what anybody wants a device to be like.

mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use nix::errno::Errno;
use ovsdp_proto::nlctrl;

use crate::nl::{self, Failure, Kind, Nameless, Protocol, Socket};

/// One feature of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Whether the device lets it be changed.
    pub changeable: bool,
    /// Whether somebody wants it on.
    pub wanted: bool,
    /// Whether it is on: other features it needs may be off.
    pub active: bool,
}

/// A device's features by the kernel's names (`tx-generic-segmentation`).
pub type Features = BTreeMap<String, Feature>;

/// A group of numbers that one message says or sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Sizes of rings: receive, receive small, receive jumbo, transmit.
    Rings,
    /// Pause frames: negotiated, heeded, sent; 0 or 1.
    Pause,
    /// Negotiated (0 or 1), speed in Mb/s ([`SPEED_UNKNOWN`]), duplex (0 half, 1 full, [`DUPLEX_UNKNOWN`]).
    Link,
    /// What wakes the host: `WAKE_*` bits.
    Wake,
}

/// A speed the device does not know, such as without carrier.
pub const SPEED_UNKNOWN: u32 = u32::MAX;
/// A duplex the device does not know.
pub const DUPLEX_UNKNOWN: u32 = 0xff;

/// A socket for requests about devices. Reading needs no privilege but for [`What::Wake`]; writing needs `CAP_NET_ADMIN`.
#[derive(Debug)]
pub struct Ethtool {
    socket: Socket,
    family: u16,
}

impl Ethtool {
    /// Opens a socket in the calling thread's network namespace; `None` when this kernel has no such family (before 5.6, or built without).
    ///
    /// # Errors
    /// The kernel did not answer.
    pub fn open() -> Result<Option<Self>, Failure> {
        let on = |error: nl::Error| error.on("look up generic netlink family", wire::FAMILY);
        let mut socket = Socket::open_for_a_moment(Protocol::Generic, Arc::new(Nameless)).map_err(on)?;
        let mut family = 0;
        let found = socket.transact(
            |batch| batch.append(|out| nlctrl::get_family(out, 0, 0, wire::FAMILY)),
            |message| {
                family = nlctrl::Family::parse(message.payload)?.id;
                Ok(())
            },
        );
        match found {
            Ok(()) => Ok(Some(Self { socket, family })),
            Err(nl::Error::Kernel { errno: Errno::ENOENT, .. }) => Ok(None),
            Err(error) => Err(on(error)),
        }
    }

    /// A device's features; `None` when there is no such device.
    ///
    /// # Errors
    /// The kernel did not answer, or not what it should.
    pub fn features(&mut self, device: &str) -> Result<Option<Features>, Failure> {
        let mut found = None;
        let family = self.family;
        let result = self.socket.transact(
            |batch| Ok(batch.push(family, 0, |out| wire::get_features(out, device))?),
            |message| {
                found = Some(wire::features(message.payload)?);
                Ok(())
            },
        );
        lenient(result).map_err(|error| error.on("read the features of", device))?;
        Ok(found)
    }

    /// Wants features of a device on or off. What the device does not let be changed is left as it is without a word.
    ///
    /// # Errors
    /// The kernel refused: it knows no feature of such a name, or there is no such device.
    pub fn set_features(&mut self, device: &str, wanted: &BTreeMap<String, bool>) -> Result<(), Failure> {
        let wanted = wanted.iter().map(|(name, on)| (name.as_str(), *on));
        let family = self.family;
        let result = self.socket.transact(|batch| Ok(batch.push(family, 0, |out| wire::set_features(out, device, wanted))?), |_| Ok(()));
        result.map_err(|error| error.on("set the features of", device))
    }

    /// A group of a device's numbers, each `None` where the device has none; all are when it has nothing of the kind, or the caller may
    /// not see it.
    ///
    /// # Errors
    /// The kernel did not answer, or not what it should.
    pub fn numbers(&mut self, what: What, device: &str) -> Result<Vec<Option<u32>>, Failure> {
        let mut found = Vec::new();
        let family = self.family;
        let result = self.socket.transact(
            |batch| Ok(batch.push(family, 0, |out| wire::get(out, what, device))?),
            |message| {
                found = wire::numbers(message.payload, what)?;
                Ok(())
            },
        );
        lenient(result).map_err(|error| error.on("read the settings of", device))?;
        Ok(found)
    }

    /// Sets those of a group's numbers that are there.
    ///
    /// # Errors
    /// The kernel refused: the device cannot do that, or there is none.
    pub fn set_numbers(&mut self, what: What, device: &str, values: &[Option<u32>]) -> Result<(), Failure> {
        let family = self.family;
        let result = self.socket.transact(|batch| Ok(batch.push(family, 0, |out| wire::set(out, what, device, values))?), |_| Ok(()));
        result.map_err(|error| error.on("set the settings of", device))
    }
}

/// That a device has nothing of the kind, is gone, or may not be looked at so closely leaves nothing to read.
fn lenient(result: Result<(), nl::Error>) -> Result<(), nl::Error> {
    match result {
        Err(error) if matches!(error.kind(), Kind::NotSupported | Kind::NoDevice | Kind::NotPermitted) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
