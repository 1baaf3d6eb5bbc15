//! What an interface is to have of IPv6.
//!
//! It must not know what is on the interface already.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

use super::dhcp6::Dhcp6;

/// What a file asks for of IPv6. The default asks for nothing: addresses the bridge's ports had move to it, and the
/// kernel's settings stay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ipv6 {
    /// The addresses with their prefix lengths (`IPV6ADDR`, `IPV6ADDR_SECONDARIES`).
    pub addresses: Vec<Ipv6Net>,
    /// The default route's next hop, on this interface (`IPV6_DEFAULTGW`).
    pub gateway: Option<Ipv6Addr>,
    /// Whether addresses are made from what routers advertise (`IPV6_AUTOCONF`); `None` leaves it as it is.
    pub autoconf: Option<bool>,
    /// The kernel's settings for the interface.
    pub settings: Settings,
    /// What is asked of a DHCPv6 server (`DHCPV6C`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<Dhcp6>,
}

impl Ipv6 {
    /// Whether the interface is to be reached by IPv6, however it gets its addresses.
    pub fn is_asked_for(&self) -> bool {
        !self.addresses.is_empty() || self.gateway.is_some() || self.autoconf == Some(true) || self.dhcp.is_some()
    }
}

/// Settings with their values.
pub type Settings = BTreeMap<Setting, i32>;

/// One of the kernel's settings for a device's IPv6 (`net.ipv6.conf.DEVICE.*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// `forwarding`: 1 makes the device a router's.
    Forwarding,
    /// `accept_ra`: whether routers are listened to: 0 never, 1 unless the device forwards, 2 always.
    AcceptRa,
    /// `accept_redirects`: whether a router may name a better one.
    AcceptRedirects,
    /// `autoconf`: whether addresses are made from advertised prefixes.
    Autoconf,
    /// `use_tempaddr`: 2 makes temporary addresses and prefers them (RFC 8981).
    UseTempaddr,
    /// `mtu`: of IPv6 packets, in bytes, 1280 to the device's own.
    Mtu,
}

impl Setting {
    /// Every setting.
    pub const ALL: [Self; 6] = [Self::Forwarding, Self::AcceptRa, Self::AcceptRedirects, Self::Autoconf, Self::UseTempaddr, Self::Mtu];

    /// The kernel's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forwarding => "forwarding",
            Self::AcceptRa => "accept_ra",
            Self::AcceptRedirects => "accept_redirects",
            Self::Autoconf => "autoconf",
            Self::UseTempaddr => "use_tempaddr",
            Self::Mtu => "mtu",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
