//! Routes of both families and every table.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netlink_packet_core::DefaultNla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{RouteAttribute, RouteCacheInfo, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteNextHopFlags, RouteVia};
use ovsdp_proto::nla::{Attr, Attrs};
use ovsdp_proto::nlmsg::flag;
use ovsdp_proto::{DecodeError, Reason};
use serde::{Deserialize, Serialize};

use super::names::{self, rta, rtm};
use super::raw::Raw;
use super::{Error, Mode, Rtnl, emit};
use crate::nl;

/// Well-known routing tables (`RT_TABLE_*`).
pub mod table {
    /// `ip route`'s `default`.
    pub const DEFAULT: u32 = 253;
    /// Where routes go and are looked up unless rules say otherwise.
    pub const MAIN: u32 = 254;
    /// The kernel's own: local and broadcast addresses.
    pub const LOCAL: u32 = 255;
}

/// Well-known route types (`RTN_*`).
pub mod kind {
    /// Through a gateway or straight out of a link.
    pub const UNICAST: u8 = 1;
    /// To this host.
    pub const LOCAL: u8 = 2;
    /// A broadcast address.
    pub const BROADCAST: u8 = 3;
}

/// `RTNH_F_ONLINK`: the gateway is reachable although no route says so. The only flag a user chooses.
const ONLINK: u32 = 4;
/// The kernel's clock ticks per second as user space sees them (`USER_HZ`), in which it tells when a route expires.
const USER_HZ: u32 = 100;
/// Family and attribute of errors.
const FAMILY: &str = "rtnetlink route";

/// One route. Adding it again gives the same route with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where it leads: `0.0.0.0/0` and `::/0` for a default route. Also tells the family.
    pub dst: IpNet,
    /// Only packets from here, for IPv6 routes that say so.
    pub src: Option<IpNet>,
    /// The next router, of either family; `None` when it leads straight out of the link, or over several.
    pub gateway: Option<IpAddr>,
    /// The link it leads out of.
    pub oif: Option<u32>,
    /// The table it is in, see [`table`].
    pub table: u32,
    /// `RTPROT_*`: who added it. 2 the kernel, 3 boot, 4 static, 16 DHCP.
    pub protocol: u8,
    /// `RT_SCOPE_*`: how far the destination is. 0 universe, 253 link, 254 host.
    pub scope: u8,
    /// `RTN_*`, see [`kind`].
    pub kind: u8,
    /// Its metric (`RTA_PRIORITY`): of several, the lowest wins. `None` is 0 for IPv4, 1024 for IPv6.
    pub metric: Option<u32>,
    /// The host's address that packets get unless they have one.
    pub prefsrc: Option<IpAddr>,
    /// IPv4 only: only packets with this type of service; 0 any.
    pub tos: u8,
    /// `RTNH_F_*` and `RTM_F_*`, as the kernel reports them. Only `onlink` (4) is sent when the route is added.
    pub flags: u32,
    /// `RTAX_*`: MTU, advertised MSS, window, initial congestion window and their like, as on the wire.
    pub metrics: Vec<Raw>,
    /// The next hops of a route over several.
    pub next_hops: Vec<NextHop>,
    /// IPv6 only: seconds until it goes away by itself.
    pub expires: Option<u32>,
    /// Attributes not looked into: router preference, encapsulation, next hop object.
    pub extra: Vec<Raw>,
}

/// One of several next hops of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextHop {
    /// The link it leads out of.
    pub oif: u32,
    /// The next router, of either family.
    pub gateway: Option<IpAddr>,
    /// Its share of the packets, less one.
    pub weight: u8,
    /// `RTNH_F_*`, as the kernel reports them. Only `onlink` (4) is sent when the route is added.
    pub flags: u8,
    /// Attributes not looked into.
    pub extra: Vec<Raw>,
}

impl fmt::Display for Route {
    /// As `ip route` begins a line: `default via 172.16.3.1 metric 100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dst.prefix_len() == 0 {
            f.write_str("default")?;
        } else {
            write!(f, "{}", self.dst)?;
        }
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if self.table != table::MAIN {
            write!(f, " table {}", self.table)?;
        }
        if let Some(metric) = self.metric {
            write!(f, " metric {metric}")?;
        }
        Ok(())
    }
}

impl Route {
    /// A unicast route in the main table with nothing special about it. `protocol` is `RTPROT_*`.
    pub fn new(dst: IpNet, gateway: Option<IpAddr>, oif: Option<u32>, protocol: u8) -> Self {
        // What leads straight out of a link has link scope; for IPv6 the kernel knows no scopes.
        let scope = if gateway.is_none() && dst.addr().is_ipv4() { 253 } else { 0 };
        Self {
            dst,
            src: None,
            gateway,
            oif,
            table: table::MAIN,
            protocol,
            scope,
            kind: kind::UNICAST,
            metric: None,
            prefsrc: None,
            tos: 0,
            flags: 0,
            metrics: Vec::new(),
            next_hops: Vec::new(),
            expires: None,
            extra: Vec::new(),
        }
    }

    /// Whether it leads everywhere.
    pub fn is_default(&self) -> bool {
        self.dst.prefix_len() == 0
    }

    /// Whether it leads out of link `index`, over one next hop or one of several.
    pub fn uses(&self, index: u32) -> bool {
        self.oif == Some(index) || self.next_hops.iter().any(|hop| hop.oif == index)
    }

    /// The value of one of `metrics` (`RTAX_*`: 2 MTU, 3 window, 8 advertised MSS, 11 initial congestion window).
    pub fn rtax(&self, number: u16) -> Option<u32> {
        self.metrics.iter().find(|raw| raw.number() == number).and_then(Raw::u32)
    }

    /// The same route out of another link: wherever it used link `from`, it uses `to`.
    #[must_use]
    pub fn moved(mut self, from: u32, to: u32) -> Self {
        let change = |index: &mut u32| *index = if *index == from { to } else { *index };
        self.oif.iter_mut().for_each(change);
        self.next_hops.iter_mut().map(|hop| &mut hop.oif).for_each(change);
        self
    }

    /// Reads the payload of an `RTM_NEWROUTE` or `RTM_DELROUTE` message. `None` for other families and for what is only
    /// a cached answer.
    pub(super) fn parse(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let bad = |attr, reason| DecodeError::new(FAMILY, attr, 0, reason);
        let header = RouteHeader::parse(payload).map_err(|_| bad(0, Reason::Truncated))?;
        let any: IpAddr = match header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return Ok(None),
        };
        if header.flags.contains(RouteFlags::Cloned) {
            return Ok(None);
        }
        let net = |ip, prefix, attr| IpNet::new(ip, prefix).map_err(|_| bad(attr, Reason::BadValue));
        let mut route = Self::new(net(any, 0, rta::DST)?, None, None, header.protocol.into());
        let mut dst = any;
        let mut src = None;
        route.table = u32::from(header.table);
        route.scope = header.scope.into();
        route.kind = header.kind.into();
        route.tos = header.tos;
        route.flags = header.flags.bits();
        for attr in Attrs::new(payload.get(names::ROUTE_HEADER..).unwrap_or(&[])) {
            match attr.kind() {
                rta::DST => dst = ip(any, &attr)?,
                rta::SRC => src = Some(ip(any, &attr)?),
                rta::GATEWAY => route.gateway = Some(ip(any, &attr)?),
                rta::VIA => route.gateway = via(&attr).or(route.gateway),
                rta::OIF => route.oif = attr.u32(),
                rta::TABLE => route.table = attr.u32().unwrap_or(route.table),
                rta::PRIORITY => route.metric = attr.u32(),
                rta::PREFSRC => route.prefsrc = Some(ip(any, &attr)?),
                rta::METRICS => route.metrics = attr.nested().map(|metric| Raw::of(&metric)).collect(),
                rta::MULTIPATH => route.next_hops = next_hops(any, attr.payload())?,
                rta::CACHEINFO => {
                    let expires = RouteCacheInfo::parse(attr.payload()).ok().map(|info| info.expires);
                    route.expires = expires.filter(|ticks| *ticks > 0 && any.is_ipv6()).map(|ticks| (ticks / USER_HZ).max(1));
                }
                _ => route.extra.push(Raw::of(&attr)),
            }
        }
        route.dst = net(dst, header.destination_prefix_length, rta::DST)?;
        route.src = src.map(|ip| net(ip, header.source_prefix_length, rta::SRC)).transpose()?;
        Ok(Some(route))
    }

    pub(super) fn message(&self) -> RouteMessage {
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = if self.dst.addr().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        header.destination_prefix_length = self.dst.prefix_len();
        header.source_prefix_length = self.src.map_or(0, |src| src.prefix_len());
        header.tos = self.tos;
        // The header has room for 255 tables; the attribute says which one it is.
        header.table = u8::try_from(self.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        header.protocol = self.protocol.into();
        header.scope = self.scope.into();
        header.kind = self.kind.into();
        header.flags = RouteFlags::from_bits_retain(self.flags & ONLINK);
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Table(self.table));
        if !self.is_default() {
            attributes.push(RouteAttribute::Destination(self.dst.addr().into()));
        }
        attributes.extend(self.src.map(|src| RouteAttribute::Source(src.addr().into())));
        // A next hop object brings its own link and gateway. The kernel shows those too, but refuses to be told both.
        let has_object = self.extra.iter().any(|raw| raw.number() == rta::NH_ID);
        if !has_object {
            attributes.extend(self.gateway.map(|gateway| self.gateway_attribute(gateway)));
            attributes.extend(self.oif.map(RouteAttribute::Oif));
        }
        attributes.extend(self.metric.map(RouteAttribute::Priority));
        attributes.extend(self.prefsrc.map(|prefsrc| RouteAttribute::PrefSource(prefsrc.into())));
        attributes.extend(self.expires.map(RouteAttribute::Expires));
        if !self.metrics.is_empty() {
            attributes.push(RouteAttribute::Other(nest(rta::METRICS, &self.metrics)));
        }
        if !self.next_hops.is_empty() && !has_object {
            attributes.push(RouteAttribute::MultiPath(self.next_hops.iter().map(|hop| self.next_hop_body(hop)).collect()));
        }
        attributes.extend(self.extra.iter().map(|raw| RouteAttribute::Other(raw.nla())));
        message
    }

    /// A gateway of the route's own family has an attribute, one of the other family another (5.2 and later).
    fn gateway_attribute(&self, gateway: IpAddr) -> RouteAttribute {
        if gateway.is_ipv4() == self.dst.addr().is_ipv4() {
            RouteAttribute::Gateway(gateway.into())
        } else {
            RouteAttribute::Via(RouteVia::from(gateway))
        }
    }

    fn next_hop_body(&self, hop: &NextHop) -> RouteNextHop {
        let mut body = RouteNextHop::default();
        body.flags = RouteNextHopFlags::from_bits_retain(hop.flags).intersection(RouteNextHopFlags::Onlink);
        body.hops = hop.weight;
        body.interface_index = hop.oif;
        body.attributes.extend(hop.gateway.map(|gateway| self.gateway_attribute(gateway)));
        body.attributes.extend(hop.extra.iter().map(|raw| RouteAttribute::Other(raw.nla())));
        body
    }
}

/// An address of the same family as `any`.
fn ip(any: IpAddr, attr: &Attr<'_>) -> Result<IpAddr, DecodeError> {
    let ip = match any {
        IpAddr::V4(_) => attr.array::<4>().map(IpAddr::from),
        IpAddr::V6(_) => attr.array::<16>().map(IpAddr::from),
    };
    ip.ok_or(attr.error(FAMILY, Reason::BadLength))
}

/// The gateway in an `RTA_VIA`, when it is an IP address.
fn via(attr: &Attr<'_>) -> Option<IpAddr> {
    match RouteVia::parse(attr.payload()).ok()? {
        RouteVia::Inet(ip) => Some(ip.into()),
        RouteVia::Inet6(ip) => Some(ip.into()),
        _ => None,
    }
}

/// Reads `RTA_MULTIPATH`: one `struct rtnexthop` with attributes after another.
fn next_hops(any: IpAddr, mut bytes: &[u8]) -> Result<Vec<NextHop>, DecodeError> {
    let mut hops = Vec::new();
    while let Some((header, _)) = bytes.split_first_chunk::<{ names::NEXT_HOP_HEADER }>() {
        let [len_low, len_high, flags, weight, index @ ..] = *header;
        let len = usize::from(u16::from_ne_bytes([len_low, len_high]));
        let body = bytes.get(names::NEXT_HOP_HEADER..len).ok_or(DecodeError::new(FAMILY, rta::MULTIPATH, 0, Reason::BadLength))?;
        let mut hop = NextHop { oif: u32::from_ne_bytes(index), gateway: None, weight, flags, extra: Vec::new() };
        for attr in Attrs::new(body) {
            match attr.kind() {
                rta::GATEWAY => hop.gateway = Some(ip(any, &attr)?),
                rta::VIA => hop.gateway = via(&attr).or(hop.gateway),
                _ => hop.extra.push(Raw::of(&attr)),
            }
        }
        hops.push(hop);
        bytes = bytes.get(ovsdp_proto::nla::align(len)..).unwrap_or(&[]);
    }
    Ok(hops)
}

/// The attributes `inner` as the payload of one.
fn nest(kind: u16, inner: &[Raw]) -> DefaultNla {
    let mut bytes = Vec::new();
    for raw in inner {
        // What was read from one attribute fits one again.
        let _ = ovsdp_proto::nla::put(&mut bytes, raw.kind, &raw.bytes);
    }
    DefaultNla::new(kind, bytes)
}

impl Rtnl {
    /// Every route of both families in every table, the kernel's local and broadcast ones too.
    ///
    /// # Errors
    /// When the kernel does not answer, or routes keep changing all the time.
    pub fn routes(&mut self) -> Result<Vec<Route>, Error> {
        let mut routes = self.routes_of(AddressFamily::Inet)?;
        routes.append(&mut self.routes_of(AddressFamily::Inet6)?);
        Ok(routes)
    }

    /// Those of IPv4; of one destination in one table in the order in which they are looked at.
    pub(super) fn ipv4_routes(&mut self) -> Result<Vec<Route>, Error> {
        self.routes_of(AddressFamily::Inet)
    }

    fn routes_of(&mut self, family: AddressFamily) -> Result<Vec<Route>, Error> {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        let build = |batch: &mut nl::Batch| batch.push(rtm::GETROUTE, flag::DUMP, |out| emit(out, &request));
        match self.socket.list(build, |object| Route::parse(object.payload)) {
            // A kernel without IPv6 has no such routes.
            Err(error) if family == AddressFamily::Inet6 && error.kind() == nl::Kind::NotSupported => Ok(Vec::new()),
            result => result.map_err(|error| error.on("list", "routes")),
        }
    }

    /// Adds a route, or with [`Mode::Replace`] puts it in the place of the one with the same destination, table, metric
    /// and type of service.
    ///
    /// # Errors
    /// [`nl::Kind::Exists`] with [`Mode::Create`], `ENETUNREACH` when no route leads to its gateway,
    /// [`nl::Kind::NoDevice`], [`nl::Kind::NotPermitted`], [`nl::Kind::Invalid`].
    pub fn add_route(&mut self, route: &Route, mode: Mode) -> Result<(), Error> {
        let request = route.message();
        self.socket
            .transact(|batch| batch.push(rtm::NEWROUTE, mode.flags(), |out| emit(out, &request)), |_| Ok(()))
            .map_err(|error| error.on("add route", self.describe(route)))
    }

    pub(super) fn describe(&mut self, route: &Route) -> String {
        match route.oif {
            Some(index) => format!("{route} dev {}", self.call(index)),
            None => route.to_string(),
        }
    }
}
