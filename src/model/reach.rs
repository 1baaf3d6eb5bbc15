//! How far an interface's own IPv4 addresses reach, and whom they stand opposite.
//!
//! It must not know the addresses' prefix lengths, nor leases: those addresses are as the server says.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// What the kernel is told of the IPv4 addresses that files name, beside the addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reach {
    /// How far they reach (`SCOPE="scope link"`): `RT_SCOPE_*`, 0 being everywhere.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub scope: u8,
    /// The other end of the link, and how many bits of it lead there (`SCOPE="peer 192.0.2.2"`). Beside one address, no alias's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Ipv4Net>,
    /// The broadcast addresses that do not follow from address and prefix length, by address (`BROADCAST`, `BROADCASTn`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub broadcasts: BTreeMap<Ipv4Addr, Ipv4Addr>,
}
