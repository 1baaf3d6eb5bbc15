//! Limits on the number of connections in a zone. They hold for every datapath of the network namespace.

use std::sync::Arc;

use ovsdp_proto::ct_limit::{self, Limit, Zone};
use ovsdp_proto::{Request, ack, uapi};

use super::{Error, family, names};
use crate::nl::{Protocol, Socket};

/// A socket for requests about limits. Reading needs no privilege, setting `CAP_NET_ADMIN`.
#[derive(Debug)]
pub struct CtLimits {
    socket: Socket,
    family: u16,
}

impl CtLimits {
    /// Resolves the family and opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`Error::NoFamily`] when the kernel was built without them, and when the system has no room for a socket.
    pub fn open() -> Result<Self, Error> {
        let family = family::resolve_one(uapi::ct_limit::FAMILY)?;
        let names = Arc::new(names::One { id: family, family: &ack::CT_LIMIT });
        let socket = Socket::open(Protocol::Generic, names).map_err(|error| error.on("open a generic netlink socket", ""))?;
        Ok(Self { socket, family })
    }

    const fn request(&self) -> Request {
        Request::new(self.family, 0, 0)
    }

    /// Gives each zone its limit.
    ///
    /// # Errors
    /// [`Kind::NotPermitted`](crate::nl::Kind::NotPermitted), and what the kernel says.
    pub fn set(&mut self, limits: &[(Zone, u32)]) -> Result<(), Error> {
        let request = self.request();
        let done = self.socket.transact(|batch| batch.append(|out| ct_limit::set(out, request, limits)), |_| Ok(()));
        done.map_err(|error| error.on("set", "limits of connections").into())
    }

    /// Takes the zones' own limits away.
    ///
    /// # Errors
    /// [`Kind::NotPermitted`](crate::nl::Kind::NotPermitted), and what the kernel says.
    pub fn delete(&mut self, zones: &[Zone]) -> Result<(), Error> {
        let request = self.request();
        let done = self.socket.transact(|batch| batch.append(|out| ct_limit::del(out, request, zones)), |_| Ok(()));
        done.map_err(|error| error.on("remove", "limits of connections").into())
    }

    /// The limits of these zones, or of all that have one and the default when none is named, in the kernel's order.
    ///
    /// # Errors
    /// When the kernel does not answer or its answer cannot be read.
    pub fn get(&mut self, zones: &[Zone]) -> Result<Vec<Limit>, Error> {
        let request = self.request();
        let mut limits = Vec::new();
        let done = self.socket.transact(
            |batch| batch.append(|out| ct_limit::get(out, request, zones)),
            |message| {
                limits.extend(ct_limit::parse(message.payload)?);
                Ok(())
            },
        );
        done.map_err(|error| error.on("read", "limits of connections"))?;
        Ok(limits)
    }
}
