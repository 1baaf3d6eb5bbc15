//! What a person changes in MAC tables: static addresses, single addresses, whole tables. Every change notes which stations
//! flows must be decided anew for.

use core::fmt;

use ovsdp_proto::Mac;

use super::fdb::{Address, Learn};
use super::state::{Bridge, Port, Switch};
use super::time::Moment;

/// Why a MAC table was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no such bridge.
    NoBridge,
    /// The bridge has no such port.
    NoPort,
    /// The table does not have the address.
    NoAddress,
    /// A group's address is not behind one port.
    Group,
    /// There is no such VLAN: they go from 0 (untagged) to 4095.
    BadVlan,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBridge => "no bridge by that name is up",
            Self::NoPort => "the bridge has no port by that name",
            Self::NoAddress => "the address is not in the MAC table",
            Self::Group => "a group's address is not behind one port",
            Self::BadVlan => "VLANs go from 0 (untagged) to 4095",
        })
    }
}

impl core::error::Error for Refused {}

impl Bridge {
    /// The port that a person calls so: by its name, or `LOCAL` for the local port where no port has that name.
    pub(super) fn port(&self, word: &str) -> Option<&Port> {
        let named = |name: &str| self.ports.iter().find(|port| *port.name == *name);
        named(word).or_else(|| if word == "LOCAL" { named(&self.name) } else { None })
    }
}

impl Switch {
    /// Puts a static address into a bridge's MAC table. Says what became of it, as [`Fdb::pin`](super::fdb::Fdb::pin) does.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed.
    pub fn pin(&mut self, now: Moment, bridge: &str, port: &str, address: Address) -> Result<Learn, Refused> {
        let (vlan, mac) = address;
        if vlan > 4095 {
            return Err(Refused::BadVlan);
        }
        let index = self.index_of(bridge).ok_or(Refused::NoBridge)?;
        self.expire_in(index, now);
        let one = &mut self.bridges[index];
        let (stations, port) = (one.stations(), one.port(port).ok_or(Refused::NoPort)?.id);
        let learn = one.fdb.pin(now, address, port);
        match learn {
            Learn::Refused => return Err(Refused::Group),
            Learn::Static { .. } => return Ok(learn),
            Learn::New { evicted: Some((vlan, mac)) } => self.forget(stations.of(vlan, mac)),
            Learn::New { evicted: None } | Learn::Known | Learn::Moved { .. } => {}
        }
        self.forget(stations.of(vlan, mac));
        Ok(learn)
    }

    /// Takes one address, learned or static, out of a bridge's MAC table.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed.
    pub fn unlearn(&mut self, bridge: &str, vlan: u16, mac: Mac) -> Result<(), Refused> {
        let index = self.index_of(bridge).ok_or(Refused::NoBridge)?;
        let bridge = &mut self.bridges[index];
        let (stations, was_full) = (bridge.stations(), bridge.fdb.is_full());
        if !bridge.fdb.forget((vlan, mac)) {
            return Err(Refused::NoAddress);
        }
        self.forget(stations.of(vlan, mac));
        self.room_was_made(was_full);
        Ok(())
    }

    /// A person made room in a MAC table, which was full or not. Of a full one there may be flows whose senders had to give up their places;
    /// they are decided again, so that the next packet of each comes up and it has a place again.
    fn room_was_made(&mut self, was_full: bool) {
        if was_full {
            self.outdate_all();
        }
    }

    /// Forgets every learned station of a bridge, or of one of its ports; static ones stay. Returns how many went. For some seconds an SLB
    /// bond still takes none of them from the network that sends back what they said.
    ///
    /// # Errors
    /// [`Refused`]; nothing was changed.
    pub fn flush(&mut self, now: Moment, bridge: &str, port: Option<&str>) -> Result<u32, Refused> {
        let index = self.index_of(bridge).ok_or(Refused::NoBridge)?;
        let port = match port {
            Some(port) => Some(self.bridges[index].port(port).ok_or(Refused::NoPort)?.id),
            None => None,
        };
        let one = &mut self.bridges[index];
        let was_full = one.fdb.is_full();
        if one.wary {
            one.lately.note(now, &one.fdb, port);
        }
        let mut count = 0;
        self.drain(index, |fdb, gone| {
            let mut gone = |address| {
                count += 1;
                gone(address);
            };
            match port {
                Some(port) => fdb.flush_port(port, &mut gone),
                None => fdb.flush(&mut gone),
            }
        });
        self.room_was_made(was_full && count > 0);
        Ok(count)
    }
}
