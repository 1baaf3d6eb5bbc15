//! A MAC table as a value that survives the agent: names instead of handles, ages instead of moments.

use core::time::Duration;

use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use super::{Address, Fdb, Found, pack, unpack};
use crate::switch::time::{Moment, millis};
use crate::switch::topology::PortId;

/// One address of one bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbEntry {
    /// The bridge's name.
    pub bridge: IfName,
    /// The VLAN, 0 when untagged.
    pub vlan: u16,
    /// The station's address.
    pub mac: Mac,
    /// The name of the port it is behind.
    pub port: IfName,
    /// Milliseconds since it was last seen.
    pub age_ms: u64,
}

impl FdbEntry {
    /// An address as it is now.
    pub(crate) fn new(now: Moment, bridge: IfName, port: IfName, ((vlan, mac), found): (Address, Found)) -> Self {
        Self { bridge, vlan, mac, port, age_ms: millis(now.since(found.used)) }
    }
}

/// An address to put back: resolved to handles and moments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restored {
    pub(crate) address: Address,
    pub(crate) port: PortId,
    pub(crate) used: Moment,
}

impl Fdb {
    /// Puts addresses back in their places by age. What the table learned itself is newer and wins; what has expired
    /// meanwhile, is a group's or has no room is left out, the oldest first. Returns how many were put back.
    pub(crate) fn restore(&mut self, now: Moment, restored: impl Iterator<Item = Restored>) -> usize {
        let now = self.clock(now);
        let fits = |one: &Restored| !one.address.1.is_multicast() && one.address.0 < 4096 && now.since(one.used) < self.limits.aging;
        let mut all: Vec<(u64, Moment, PortId, bool)> =
            restored.filter(fits).map(|one| (pack(one.address), one.used.min(now), one.port, true)).collect();
        all.retain(|(key, ..)| self.position(*key).is_none());
        all.extend(self.iter().map(|(address, found)| (pack(address), found.used, found.port, false)));
        all.sort_by_key(|(_, used, ..)| *used);
        self.flush(&mut |_| {});
        let room = (self.limits.size as usize).min(all.len());
        let mut count = 0;
        for (key, used, port, is_restored) in all.split_off(all.len() - room) {
            // A file that names an address twice means the younger; what came first is the older.
            if self.position(key).is_some() {
                self.forget(unpack(key));
                count -= usize::from(is_restored);
            }
            self.insert(key, used, port);
            count += usize::from(is_restored);
        }
        count
    }
}

/// The moment an entry of that age was last seen.
pub(crate) fn seen(now: Moment, entry: &FdbEntry) -> Moment {
    now - Duration::from_millis(entry.age_ms)
}
