//! A MAC table as a value that survives the agent: names instead of handles, ages instead of moments.

use core::time::Duration;

use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use super::{Address, Fdb, Found, pack};
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
    /// Milliseconds since it was last seen; of a static one, since it was put there.
    pub age_ms: u64,
    /// Whether it is static.
    #[serde(default, rename = "static", skip_serializing_if = "core::ops::Not::not")]
    pub is_static: bool,
}

impl FdbEntry {
    /// An address as it is now.
    pub(crate) fn new(now: Moment, bridge: IfName, port: IfName, ((vlan, mac), found): (Address, Found)) -> Self {
        Self { bridge, vlan, mac, port, age_ms: millis(now.since(found.used)), is_static: found.is_static }
    }
}

/// An address to put back: resolved to handles and moments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restored {
    pub(crate) address: Address,
    pub(crate) port: PortId,
    pub(crate) used: Moment,
    pub(crate) is_static: bool,
}

impl Fdb {
    /// Puts addresses back in their places by age. What the table learned itself is newer and wins over what was learned; what
    /// has expired meanwhile, is a group's or has no room is left out, the oldest first and static ones last. Returns how many
    /// were put back.
    pub(crate) fn restore(&mut self, now: Moment, restored: impl Iterator<Item = Restored>) -> usize {
        let now = self.clock(now);
        let (aging, valid) = (self.limits.aging, |(vlan, mac): Address| !mac.is_multicast() && vlan < 4096);
        let fits = |one: &Restored| valid(one.address) && (one.is_static || now.since(one.used) < aging);
        let mut all: Vec<(Restored, bool)> = Vec::new();
        for one in restored.filter(fits) {
            match self.find(one.address) {
                None => {}
                Some(known) if one.is_static && !known.is_static => {
                    self.forget(one.address);
                }
                Some(_) => continue,
            }
            all.push((Restored { used: one.used.min(now), ..one }, true));
        }
        all.extend(self.iter().map(|(address, Found { port, used, is_static })| (Restored { address, port, used, is_static }, false)));
        all.sort_by_key(|(one, _)| (one.is_static, one.used));
        while let Some(index) = self.lru.front().or_else(|| self.statics.front()) {
            self.remove(index);
        }
        let room = (self.limits.size as usize).min(all.len());
        let mut count = 0;
        for (Restored { address, port, used, is_static }, is_restored) in all.split_off(all.len() - room) {
            // A file that names an address twice means the younger; what came first is the older.
            if self.forget(address) {
                count -= usize::from(is_restored);
            }
            self.insert(pack(address), used, port, is_static);
            count += usize::from(is_restored);
        }
        count
    }
}

/// The moment an entry of that age was last seen.
pub(crate) fn seen(now: Moment, entry: &FdbEntry) -> Moment {
    now - Duration::from_millis(entry.age_ms)
}
