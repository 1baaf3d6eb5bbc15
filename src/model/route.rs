//! A route somebody wrote down for an interface.
//!
//! It must not know which routes there are, nor the words of the files it stood in.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Hop;

/// A route out of the interface it belongs to, or one that leads nowhere and is there for the interface's sake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to, without host bits; its family is the route's.
    pub dst: IpNet,
    /// What becomes of the packets.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub kind: RouteKind,
    /// The gateway, of either family; `None` when the destination is on the link. Never with a kind that drops packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// The gateways of a route over several, two at least; `via` is `None` then. IPv4 only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
    /// Whether the gateway is reached over the link although no network of the interface holds it.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub onlink: bool,
    /// The table's number, not 0; 254 is the main one.
    pub table: u32,
    /// Of routes to one destination the lowest wins; `None` is the kernel's own, 0 for IPv4 and 1024 for IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The source address it prefers, of the destination's family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// How far the destination is (`RT_SCOPE_*`), IPv4 only; `None` follows from the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<u8>,
    /// Who is said to have made it (`RTPROT_*`), never the kernel (0 to 2) nor routers (9); `None`: an administrator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    /// Only for packets with this type of service, IPv4 only; 0 for any.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub tos: u8,
    /// What connections over it are to keep to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<RouteMetric, u32>,
}

impl Route {
    /// The main table's number.
    pub const MAIN: u32 = 254;
    /// The number of the table of the host's own addresses.
    pub const LOCAL: u32 = 255;

    /// Whether it leads over a gateway, or several.
    pub fn has_gateway(&self) -> bool {
        self.via.is_some() || !self.hops.is_empty()
    }

    /// A plain route of the main table.
    pub fn new(dst: IpNet, via: Option<IpAddr>) -> Self {
        Self {
            dst,
            kind: RouteKind::default(),
            via,
            hops: Vec::new(),
            onlink: false,
            table: Self::MAIN,
            metric: None,
            source: None,
            scope: None,
            protocol: None,
            tos: 0,
            metrics: BTreeMap::new(),
        }
    }
}

/// What becomes of the packets a route catches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// They go to the gateway, or out of the interface.
    #[default]
    Unicast,
    /// They are this host's.
    Local,
    /// They are dropped.
    Blackhole,
    /// They are dropped, and the sender is told that the host is unreachable.
    Unreachable,
    /// They are dropped, and the sender is told that it is forbidden.
    Prohibit,
    /// This table has no route for them.
    Throw,
}

impl RouteKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Unicast, Self::Local, Self::Blackhole, Self::Unreachable, Self::Prohibit, Self::Throw];

    /// The kernel's number for it (`RTN_*`).
    pub const fn number(self) -> u8 {
        match self {
            Self::Unicast => 1,
            Self::Local => 2,
            Self::Blackhole => 6,
            Self::Unreachable => 7,
            Self::Prohibit => 8,
            Self::Throw => 9,
        }
    }

    /// What `ip route` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        }
    }

    /// The kind of this number, when it is one of these.
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether such a route leads out of no device.
    pub const fn leads_nowhere(self) -> bool {
        matches!(self, Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::Throw)
    }
}

/// What connections over a route are to keep to, each a number (`RTAX_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteMetric {
    /// Which of the others the kernel may not learn better: the sum of `1 << number`.
    Lock,
    /// The largest packet, in bytes.
    Mtu,
    /// The largest window to announce, in bytes.
    Window,
    /// The slow start threshold, in segments.
    Ssthresh,
    /// The most segments under way when it is locked.
    Cwnd,
    /// The largest segment to announce, in bytes.
    Advmss,
    /// How many segments may arrive out of order before one counts as lost.
    Reordering,
    /// How many hops packets may make.
    Hoplimit,
    /// How many segments a connection begins with.
    Initcwnd,
    /// The window a connection begins to announce, in segments.
    Initrwnd,
    /// 1: acknowledgements are not held back.
    Quickack,
}

impl RouteMetric {
    /// Every metric.
    pub const ALL: [Self; 11] = [
        Self::Lock,
        Self::Mtu,
        Self::Window,
        Self::Ssthresh,
        Self::Cwnd,
        Self::Advmss,
        Self::Reordering,
        Self::Hoplimit,
        Self::Initcwnd,
        Self::Initrwnd,
        Self::Quickack,
    ];

    /// The kernel's number for it (`RTAX_*`), below 32.
    pub const fn number(self) -> u16 {
        match self {
            Self::Lock => 1,
            Self::Mtu => 2,
            Self::Window => 3,
            Self::Ssthresh => 6,
            Self::Cwnd => 7,
            Self::Advmss => 8,
            Self::Reordering => 9,
            Self::Hoplimit => 10,
            Self::Initcwnd => 11,
            Self::Initrwnd => 14,
            Self::Quickack => 15,
        }
    }

    /// What `ip route` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Mtu => "mtu",
            Self::Window => "window",
            Self::Ssthresh => "ssthresh",
            Self::Cwnd => "cwnd",
            Self::Advmss => "advmss",
            Self::Reordering => "reordering",
            Self::Hoplimit => "hoplimit",
            Self::Initcwnd => "initcwnd",
            Self::Initrwnd => "initrwnd",
            Self::Quickack => "quickack",
        }
    }

    /// The metric of this number, when it is one of these.
    pub fn of_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back() {
        for kind in RouteKind::ALL {
            assert_eq!(RouteKind::of_number(kind.number()), Some(kind));
        }
        for metric in RouteMetric::ALL {
            assert_eq!(RouteMetric::of_number(metric.number()), Some(metric));
        }
        assert_eq!(RouteKind::of_number(3), None, "broadcast");
        assert_eq!(RouteMetric::of_number(16), None, "a name, not a number");
    }
}
