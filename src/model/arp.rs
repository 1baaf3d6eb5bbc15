//! How an interface makes sure of the addresses it is given, and tells its neighbours of them.
//!
//! It must not know frames or sockets.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// What is asked of the neighbours before an address is used, and said to them after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arp {
    /// The fixed addresses that are used without asking whether anybody has them (`ARPCHECK=no`, `ARPCHECKn=no`).
    pub unchecked: BTreeSet<Ipv4Addr>,
    /// Whether it is asked about addresses no file names: those of a lease (`ARPCHECK`).
    #[serde(default = "yes")]
    pub check: bool,
    /// How often to ask, a second apart, 1 to 255 (`ARPING_TRIES`).
    pub tries: u8,
    /// How long to listen for answers at most, in seconds, 1 to 255 (`ARPING_WAIT`).
    pub wait_secs: u8,
    /// Whether neighbours are told of addresses no file names: those of a lease, or that come from a port (`ARPUPDATE`).
    pub announce: bool,
    /// The fixed addresses neighbours are not told of (`ARPUPDATE=no`, `ARPUPDATEn=no`).
    pub unannounced: BTreeSet<Ipv4Addr>,
    /// When they are told once more, in seconds after the first time (`ARPING_UPDATE_WAIT`).
    pub again_secs: u8,
}

const fn yes() -> bool {
    true
}

impl Default for Arp {
    /// As network-scripts do it.
    fn default() -> Self {
        Self { unchecked: BTreeSet::new(), check: true, tries: 2, wait_secs: 3, announce: true, unannounced: BTreeSet::new(), again_secs: 2 }
    }
}

impl Arp {
    /// Whether neighbours are told of `address`.
    pub fn announces(&self, address: std::net::IpAddr) -> bool {
        match address {
            std::net::IpAddr::V4(v4) => self.announce && !self.unannounced.contains(&v4),
            std::net::IpAddr::V6(_) => self.announce,
        }
    }
}
