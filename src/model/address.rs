//! How an interface gets its addresses, and the ones that are given.
//!
//! It must not know what is on the interface already.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::asking::Asking;

/// How an interface gets its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addressing {
    /// Not at all.
    #[default]
    None,
    /// From the file.
    Static(Static),
    /// From a DHCP server.
    Dhcp(Dhcp),
}

impl Addressing {
    /// Whether there will be an IPv4 address.
    pub fn has_ipv4(&self) -> bool {
        match self {
            Self::None => false,
            Self::Static(fixed) => fixed.addresses.iter().any(|net| matches!(net, IpNet::V4(_))),
            Self::Dhcp(_) => true,
        }
    }

    /// What lease there is to be; `None` without one.
    pub fn dhcp(&self) -> Option<&Dhcp> {
        if let Self::Dhcp(dhcp) = self { Some(dhcp) } else { None }
    }
}

/// Addresses the file names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Static {
    /// The addresses with their prefix lengths, in the file's order; the first is the primary one.
    pub addresses: Vec<IpNet>,
    /// The default route's next hop (`GATEWAY`), on this interface.
    pub gateway: Option<Ipv4Addr>,
    /// The default route's metric (`METRIC`); `None` is the kernel's own, 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The table the default route goes into (`IPV4_ROUTE_TABLE`), neither 0 nor the main one's number; `None` is the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// The source address the default route prefers (`SRCADDR`), one of [`Self::addresses`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Ipv4Addr>,
    /// The resolver's servers (`DNS1`…); empty leaves those it asks alone.
    pub dns: Vec<IpAddr>,
    /// The domains that come first in the resolver's search list (`DOMAIN`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
}

/// A lease to be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dhcp {
    /// The ports that must be attached before asking makes sense (`OVSDHCPINTERFACES`). May be empty on an internal port.
    pub through: Vec<IfName>,
    /// Whether the default route the lease brings is set (`DEFROUTE`, `GATEWAYDEV`; true unless a file says otherwise).
    pub default_route: bool,
    /// Whether the other routes the lease brings are set (`PEERROUTES`, true unless the file says otherwise).
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub peer_routes: bool,
    /// The metric of that default route (`METRIC`); `None` is the kernel's own, 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The table the lease's routes go into (`IPV4_ROUTE_TABLE`), neither 0 nor the main one's number; `None` is the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// Whether the name servers the lease brings are asked (`PEERDNS`, true unless the file says otherwise).
    pub peer_dns: bool,
    /// The resolver's servers that come before the lease's (`DNS1`…).
    pub dns: Vec<IpAddr>,
    /// The domains that come first in the resolver's search list, before the lease's (`DOMAIN`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// How the server is asked.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub asking: Asking,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_yes(flag: &bool) -> bool {
    *flag
}

impl Default for Dhcp {
    /// Takes everything the lease brings.
    fn default() -> Self {
        Self {
            through: Vec::new(),
            default_route: true,
            peer_routes: true,
            metric: None,
            table: None,
            peer_dns: true,
            dns: Vec::new(),
            search: Vec::new(),
            asking: Asking::default(),
        }
    }
}
