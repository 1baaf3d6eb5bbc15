//! One of several gateways of a route.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// One of several gateways, all reached out of the route's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hop {
    /// The gateway.
    pub via: IpAddr,
    /// Its part of the connections, of the sum of all gateways' parts: 1 to 256.
    pub weight: u16,
    /// Whether it is reached over the link although no network of the interface holds it.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub onlink: bool,
}
