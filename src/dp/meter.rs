//! A datapath's meters. The kernel tells their counters only, never their rates, and has no list of them.

use std::sync::Arc;

use ovsdp_proto::flow::Stats;
use ovsdp_proto::meter::{self, Features, Set};
use ovsdp_proto::nlmsg::Message;
use ovsdp_proto::{Request, ack, uapi};

use super::{Error, family, names};
use crate::nl::{self, Batch, Kind, Protocol, Socket};

/// This many meters are asked for at once.
const MANY: u32 = 1024;

/// A socket for requests about meters. Reading needs no privilege, setting `CAP_NET_ADMIN`.
#[derive(Debug)]
pub struct Meters {
    socket: Socket,
    family: u16,
}

/// A meter, as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// Its number.
    pub id: u32,
    /// What went through it.
    pub stats: Stats,
    /// When a packet last came, or it was made, in milliseconds on the monotonic clock.
    pub used: Option<u64>,
    /// What each band dropped.
    pub bands: Vec<Stats>,
}

/// What a datapath's meters can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterFeatures {
    /// How many there can be.
    pub max_meters: u32,
    /// How many bands one can have.
    pub max_bands: u32,
    /// What a band can do: numbers of [`uapi::meter::band_type`].
    pub band_types: Vec<u32>,
}

fn read(message: &Message<'_>) -> Result<Meter, nl::Error> {
    let meter = meter::Meter::parse(message.payload)?;
    Ok(Meter { id: meter.id, stats: meter.stats, used: meter.used, bands: meter.bands().collect() })
}

impl Meters {
    /// Resolves the family and opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`Error::NoFamily`] before Linux 4.15, and when the system has no room for a socket.
    pub fn open() -> Result<Self, Error> {
        let family = family::resolve_one(uapi::meter::FAMILY)?;
        let names = Arc::new(names::One { id: family, family: &ack::METER });
        let socket = Socket::open(Protocol::Generic, names).map_err(|error| error.on("open a generic netlink socket", ""))?;
        Ok(Self { socket, family })
    }

    const fn request(&self) -> Request {
        Request::new(self.family, 0, 0)
    }

    /// What meters can be.
    ///
    /// # Errors
    /// [`Kind::NoDevice`] when the datapath is gone.
    pub fn features(&mut self, datapath: u32) -> Result<MeterFeatures, Error> {
        let request = self.request();
        let mut found = None;
        let done = self.socket.transact(
            |batch| batch.append(|out| meter::features(out, request, datapath)),
            |message| {
                let features = Features::parse(message.payload)?;
                let Features { max_meters, max_bands, .. } = features;
                found = Some(MeterFeatures { max_meters, max_bands, band_types: features.band_types().collect() });
                Ok(())
            },
        );
        done.and_then(|()| found.ok_or(nl::Error::Lost)).map_err(|error| error.on("read", "what meters can be").into())
    }

    /// Makes a meter, or makes the one of its number this one.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a rate of 0 or too many bands, [`Kind::Busy`] when its number is not free for the kernel's
    /// table, [`Kind::NoDevice`], [`Kind::NotPermitted`].
    pub fn set(&mut self, set: &Set<'_>) -> Result<(), Error> {
        let request = self.request();
        let done = self.socket.transact(|batch| batch.append(|out| meter::set(out, request, set)), |_| Ok(()));
        done.map_err(|error| error.on("set meter", set.id).into())
    }

    /// Removes a meter. The kernel does not tell whether there was one.
    ///
    /// # Errors
    /// [`Kind::NoDevice`], [`Kind::NotPermitted`].
    pub fn delete(&mut self, datapath: u32, id: u32) -> Result<(), Error> {
        let request = self.request();
        let done = self.socket.transact(|batch| batch.append(|out| meter::del(out, request, datapath, id)), |_| Ok(()));
        done.map_err(|error| error.on("delete meter", id).into())
    }

    /// Reads one meter; `None` when there is none.
    ///
    /// # Errors
    /// [`Kind::NoDevice`]; when the kernel does not answer or its answer cannot be read.
    pub fn get(&mut self, datapath: u32, id: u32) -> Result<Option<Meter>, Error> {
        let mut found = None;
        self.each(datapath, id..=id, |meter| found = Some(meter))?;
        Ok(found)
    }

    /// Hands `visit` every meter with a number in `ids`. Each number is asked for: the kernel has no list.
    ///
    /// # Errors
    /// As [`Meters::get`].
    pub fn each(&mut self, datapath: u32, ids: std::ops::RangeInclusive<u32>, mut visit: impl FnMut(Meter)) -> Result<(), Error> {
        let request = self.request();
        let mut batch = Batch::repeatable();
        let mut ids = ids.peekable();
        while ids.peek().is_some() {
            batch.clear();
            for id in ids.by_ref().take(MANY as usize) {
                batch.append(|out| meter::get(out, request, datapath, id)).map_err(|error| error.on("ask for meter", id))?;
            }
            let results = self.socket.batch(&mut batch, |_, message| read(&message).map(&mut visit));
            let failed = results.into_iter().find_map(|result| result.err().filter(|error| error.kind() != Kind::NotFound));
            if let Some(error) = failed {
                return Err(error.on("read", "meters").into());
            }
        }
        Ok(())
    }
}
