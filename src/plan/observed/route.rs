//! A route as the kernel has it or is to have it, and what two of them are to each other.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::address::is_link_local;
use crate::model::{Hop, RouteKind, RouteMetric};
use crate::plan::per_device::OnDevice;

/// The kernel's main routing table.
pub const TABLE_MAIN: u32 = 254;
/// The table of the host's own addresses, which the kernel keeps.
pub const TABLE_LOCAL: u32 = 255;
/// Routes the kernel makes by itself, with an address or a redirect (`RTPROT_REDIRECT`, `RTPROT_KERNEL`).
pub const PROTOCOL_REDIRECT: u8 = 1;
/// See [`PROTOCOL_REDIRECT`].
pub const PROTOCOL_KERNEL: u8 = 2;
/// A route somebody made by hand (`RTPROT_BOOT`).
pub const PROTOCOL_BOOT: u8 = 3;
/// A route an administrator's configuration asked for (`RTPROT_STATIC`).
pub const PROTOCOL_STATIC: u8 = 4;
/// A route from a router advertisement (`RTPROT_RA`).
pub const PROTOCOL_RA: u8 = 9;
/// A route from a DHCP lease (`RTPROT_DHCP`).
pub const PROTOCOL_DHCP: u8 = 16;
/// Reaches everywhere (`RT_SCOPE_UNIVERSE`).
pub const SCOPE_UNIVERSE: u8 = 0;
/// Reaches the attached link only (`RT_SCOPE_LINK`).
pub const SCOPE_LINK: u8 = 253;
/// Reaches this host only (`RT_SCOPE_HOST`).
pub const SCOPE_HOST: u8 = 254;
/// An ordinary route (`RTN_UNICAST`).
pub const KIND_UNICAST: u8 = 1;
/// To this host (`RTN_LOCAL`).
pub const KIND_LOCAL: u8 = 2;
/// The device that a route which leads nowhere is said to be on: the kernel names it for IPv6, and none for IPv4.
pub const NOWHERE: &str = "lo";
/// The gateway needs no route of its own (`RTNH_F_ONLINK`).
pub const ROUTE_ONLINK: u32 = 4;
/// What the kernel takes as an IPv6 route's metric when none is given.
const METRIC_IPV6: u32 = 1024;

/// One route: with one next hop, with several out of one device, or with none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to; its family is the route's.
    pub dst: IpNet,
    /// The gateway.
    pub via: Option<IpAddr>,
    /// The gateways of an IPv4 route over several; `via` is `None` then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
    /// The device, always explicit. Of a route that leads nowhere the one for whose sake it is there; [`NOWHERE`] on one that
    /// was read from the kernel.
    pub ifname: IfName,
    /// The table.
    pub table: u32,
    /// Who made it (`RTPROT_*`).
    pub protocol: u8,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// `RTN_*`.
    pub kind: u8,
    /// Its metric; the kernel's default when absent.
    pub metric: Option<u32>,
    /// The source address it prefers.
    pub prefsrc: Option<IpAddr>,
    /// Type of service.
    pub tos: u8,
    /// `RTNH_F_*`; only [`ROUTE_ONLINK`] is wanted of it.
    pub flags: u32,
    /// What connections over it keep to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<RouteMetric, u32>,
    /// Attributes this room does not read, to be put back as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<u8>,
}

impl OnDevice for Route {
    fn device(&self) -> IfName {
        self.ifname
    }
}

impl Route {
    /// A route of the main table.
    pub fn main(ifname: IfName, dst: IpNet, via: Option<IpAddr>, protocol: u8) -> Self {
        let scope = if via.is_some() || matches!(dst, IpNet::V6(_)) { SCOPE_UNIVERSE } else { SCOPE_LINK };
        Self {
            dst,
            via,
            hops: Vec::new(),
            ifname,
            table: TABLE_MAIN,
            protocol,
            scope,
            kind: KIND_UNICAST,
            metric: None,
            prefsrc: None,
            tos: 0,
            flags: 0,
            metrics: BTreeMap::new(),
            carried: Vec::new(),
        }
    }

    /// Whether it leads out of no device: what it catches is dropped, or left to other tables.
    pub fn leads_nowhere(&self) -> bool {
        RouteKind::of_number(self.kind).is_some_and(RouteKind::leads_nowhere)
    }

    /// Whether it leads over a gateway, or several.
    pub fn has_gateway(&self) -> bool {
        self.via.is_some() || !self.hops.is_empty()
    }

    /// The gateways it leads over, each with whether it is on the link all the same.
    pub fn gateways(&self) -> impl Iterator<Item = (IpAddr, bool)> {
        let one = self.via.map(|via| (via, self.flags & ROUTE_ONLINK != 0));
        one.into_iter().chain(self.hops.iter().map(|hop| (hop.via, hop.onlink)))
    }

    /// Whether both lead over the same gateways, of several in equal parts, whatever their devices.
    pub fn leads_as(&self, other: &Self) -> bool {
        let hops = |route: &Self| {
            let mut hops: Vec<(IpAddr, u16)> = route.hops.iter().map(|hop| (hop.via, hop.weight)).collect();
            hops.sort_unstable();
            hops
        };
        self.via == other.via && self.hops.len() == other.hops.len() && hops(self) == hops(other)
    }

    /// Whether it is an IPv6 route.
    pub fn is_ipv6(&self) -> bool {
        matches!(self.dst, IpNet::V6(_))
    }

    /// Whether it leads everywhere.
    pub fn is_default(&self) -> bool {
        self.dst.prefix_len() == 0
    }

    /// The metric the kernel goes by.
    pub fn effective_metric(&self) -> u32 {
        match self.metric {
            None | Some(0) if self.is_ipv6() => METRIC_IPV6,
            other => other.unwrap_or(0),
        }
    }

    /// Whether `there` does what this route asks for. What nobody asked for is not compared, nor who made it unless a name of its own
    /// was asked for, nor a scope that follows from the rest.
    pub fn is_met_by(&self, there: &Self) -> bool {
        self.dst.trunc() == there.dst.trunc()
            && self.leads_as(there)
            && (self.ifname == there.ifname || self.leads_nowhere())
            && self.table == there.table
            && self.kind == there.kind
            && self.tos == there.tos
            && self.effective_metric() == there.effective_metric()
            && (self.prefsrc.is_none() || self.prefsrc == there.prefsrc)
            && there.flags & ROUTE_ONLINK >= self.flags & ROUTE_ONLINK
            && self.metrics.iter().all(|(metric, value)| there.metrics.get(metric) == Some(value))
            && self.scope_of_its_own().is_none_or(|scope| there.scope == scope)
            && self.protocol_of_its_own().is_none_or(|protocol| there.protocol == protocol)
    }

    /// Whether it asks for something that `other`, to the same place, does not ask for at all.
    pub fn asks_for_more_than(&self, other: &Self) -> bool {
        (self.prefsrc.is_some() && other.prefsrc.is_none())
            || self.flags & ROUTE_ONLINK > other.flags & ROUTE_ONLINK
            || self.metrics.keys().any(|metric| !other.metrics.contains_key(metric))
            || (self.scope_of_its_own().is_some() && other.scope_of_its_own().is_none())
            || (self.protocol_of_its_own().is_some() && other.protocol_of_its_own().is_none())
    }

    /// Whether the kernel may not have both: the same next hop for the same packets with the same weight.
    pub fn stands_in_the_way_of(&self, other: &Self) -> bool {
        let nowhere = self.leads_nowhere() && other.leads_nowhere();
        self.competes_with(other) && (nowhere || (self.leads_as(other) && self.ifname == other.ifname))
    }

    /// The scope a route has when nothing else is said: that of what it leads to.
    pub const fn natural_scope(kind: u8, via: bool, ipv6: bool) -> u8 {
        match kind {
            _ if ipv6 => SCOPE_UNIVERSE,
            KIND_LOCAL => SCOPE_HOST,
            KIND_UNICAST if !via => SCOPE_LINK,
            _ => SCOPE_UNIVERSE,
        }
    }

    fn scope_of_its_own(&self) -> Option<u8> {
        // IPv6 has no scopes; the kernel says universe whatever was asked.
        let natural = Self::natural_scope(self.kind, self.has_gateway(), self.is_ipv6());
        (!self.is_ipv6() && self.scope != natural).then_some(self.scope)
    }

    /// Who made it, where that is not what any tool says of the routes it makes.
    fn protocol_of_its_own(&self) -> Option<u8> {
        let common = [0, PROTOCOL_REDIRECT, PROTOCOL_KERNEL, PROTOCOL_BOOT, PROTOCOL_STATIC, PROTOCOL_RA, PROTOCOL_DHCP];
        (!common.contains(&self.protocol)).then_some(self.protocol)
    }

    /// Whether both answer for the same packets with the same weight, whatever their next hops.
    pub fn competes_with(&self, other: &Self) -> bool {
        self.dst.trunc() == other.dst.trunc()
            && self.table == other.table
            && self.tos == other.tos
            && self.effective_metric() == other.effective_metric()
    }

    /// Whether it comes from the network and ends by itself.
    pub fn is_transient(&self) -> bool {
        self.protocol == PROTOCOL_RA
    }

    /// What stands in for it when it is added anew, here or elsewhere. A default route that a router advertised is the kernel's
    /// own to renew, and while another one with its gateway and metric is there the kernel throws the router's
    /// advertisements away: so the stand-in has the metric behind. Any other route is itself.
    pub fn stand_in(&self) -> Self {
        let advertised = self.is_ipv6() && self.is_default() && self.is_transient();
        let metric = self.effective_metric();
        // What stands in already goes on as it is.
        let behind = if metric == METRIC_IPV6 + 1 { metric } else { metric.saturating_add(1) };
        Self { metric: if advertised { Some(behind) } else { self.metric }, ..self.clone() }
    }

    pub(super) fn is_of_the_link(&self) -> bool {
        matches!(self.dst, IpNet::V6(net) if net.prefix_len() > 0 && (is_link_local(net.addr()) || net.addr().is_multicast()))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = RouteKind::of_number(self.kind).filter(|kind| *kind != RouteKind::Unicast) {
            write!(f, "{} ", kind.name())?;
        }
        match self.is_default() {
            true => f.write_str("default")?,
            false => write!(f, "{}", self.dst)?,
        }
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        for hop in &self.hops {
            write!(f, " nexthop via {} weight {}", hop.via, hop.weight)?;
        }
        if !self.leads_nowhere() {
            write!(f, " dev {}", self.ifname)?;
        }
        if self.table != TABLE_MAIN {
            write!(f, " table {}", self.table)?;
        }
        if let Some(metric) = self.metric.filter(|metric| *metric != 0) {
            write!(f, " metric {metric}")?;
        }
        if let Some(source) = self.prefsrc.filter(|_| self.protocol != PROTOCOL_KERNEL) {
            write!(f, " src {source}")?;
        }
        if self.flags & ROUTE_ONLINK != 0 {
            f.write_str(" onlink")?;
        }
        for (metric, value) in self.metrics.iter().filter(|(metric, _)| **metric != RouteMetric::Lock) {
            write!(f, " {} {value}", metric.name())?;
        }
        Ok(())
    }
}
