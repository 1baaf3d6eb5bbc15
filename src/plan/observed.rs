//! What is there: the kernel's devices, addresses and routes, the resolver's file, other programs' DHCP clients, and
//! what the agent remembers. Values only; whoever holds the sockets fills them in.
//!
//! It must not know what is wanted: that is `goal`'s.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use super::manager::{NetworkManager, Taken};
use super::memory::Memory;
use super::per_device::{OnDevice, PerDevice};
use super::tuning::Hardware;
use super::zones::Firewall;
use crate::model::{Device, Hop, Ipv6Setting, Ipv6Settings, Kind, PolicyRule, RouteKind, RouteMetric};

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
/// The address follows another one of its subnet and goes with it (`IFA_F_SECONDARY`; IPv6: a temporary address).
pub const ADDRESS_SECONDARY: u32 = 0x01;
/// No duplicate address detection (`IFA_F_NODAD`).
pub const ADDRESS_NODAD: u32 = 0x02;
/// Duplicate address detection has not ended yet (`IFA_F_TENTATIVE`).
pub const ADDRESS_TENTATIVE: u32 = 0x40;
/// The kernel makes no connected route for it (`IFA_F_NOPREFIXROUTE`).
pub const ADDRESS_NOPREFIXROUTE: u32 = 0x200;
/// The flags somebody may set; the others are the kernel's own report: NODAD, HOMEADDRESS, NOPREFIXROUTE, MCAUTOJOIN.
const ADDRESS_SETTABLE: u32 = ADDRESS_NODAD | 0x10 | ADDRESS_NOPREFIXROUTE | 0x400;
/// What the kernel takes as an IPv6 route's metric when none is given.
const METRIC_IPV6: u32 = 1024;

/// Everything a plan depends on besides the intent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// Whether the shared datapath exists.
    pub datapath: bool,
    /// The datapath's ports by name, its own local port (number 0) among them.
    pub vports: BTreeMap<IfName, Vport>,
    /// Every network device.
    pub links: BTreeMap<IfName, Link>,
    /// Every address, in the kernel's order: of one subnet, the primary one first.
    pub addresses: PerDevice<Address>,
    /// Every route with next hops out of a single device or none, in the kernel's order; of IPv6, each next hop of several as a route of its own.
    pub routes: PerDevice<Route>,
    /// Every rule that can be told and made again, in the kernel's order, each with its priority.
    #[serde(default)]
    pub rules: Vec<PolicyRule>,
    /// What those devices say of themselves that anything is asked of, or was (see [`super::looked_at`]).
    #[serde(default)]
    pub hardware: BTreeMap<IfName, Hardware>,
    /// The firewall's zones, where it runs and anything depends on it (see [`super::asks_firewall`]).
    #[serde(default)]
    pub firewall: Option<Firewall>,
    /// NetworkManager, as far as it is in the way.
    #[serde(default)]
    pub manager: NetworkManager,
    /// What it took along when it let go of devices in this very change.
    #[serde(default)]
    pub taken: BTreeMap<IfName, Taken>,
    /// The resolver's file.
    pub resolver: Resolver,
    /// DHCP clients of other programs.
    pub dhcp_clients: Vec<DhcpClient>,
    /// What the agent remembers.
    pub memory: Memory,
    /// The kernel's settings for IPv6.
    #[serde(default)]
    pub ipv6: Ipv6Conf,
    /// The machine's id, from which invented MACs are derived.
    pub machine: [u8; 16],
}

/// The kernel's settings for IPv6; all empty where it has no IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ipv6Conf {
    /// What a new device gets (`net.ipv6.conf.default`).
    pub default: Ipv6Settings,
    /// What each device has.
    pub devices: BTreeMap<IfName, Ipv6Settings>,
    /// Whether the host passes packets on between its devices (`net.ipv6.conf.all.forwarding`).
    pub forwards: bool,
}

impl Ipv6Conf {
    /// A device's setting, as far as it is known.
    pub fn of(&self, name: IfName, setting: Ipv6Setting) -> Option<i32> {
        self.devices.get(&name)?.get(&setting).copied()
    }
}

/// One port of the datapath.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vport {
    /// Its number; 0 is the datapath's own.
    pub port_no: u32,
    /// What it attaches: [`Kind::Internal`] or [`Kind::System`], whatever ports of bridges share the device.
    pub kind: Kind,
    /// Whether it is a tunnel that the datapath itself made: nothing here could make it again.
    #[serde(default)]
    pub tunnel: bool,
}

/// One network device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The kernel's index.
    pub index: u32,
    /// Its Ethernet address, when it has one.
    pub mac: Option<Mac>,
    /// The one it was made with, where the driver tells.
    #[serde(default)]
    pub permanent_mac: Option<Mac>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// The kernel's word for its kind (`veth`, `bridge`, `openvswitch`); `None` for hardware.
    pub kind: Option<String>,
    /// The tunnel device it is, when it is exactly as ports of bridges need it.
    #[serde(default)]
    pub tunnel: Option<Device>,
    /// Whether it speaks Ethernet (`ARPHRD_ETHER`).
    pub ethernet: bool,
    /// Whether it is the loopback device.
    pub loopback: bool,
    /// The device it is enslaved to: a Linux bridge, a bond, or `ovs-system` for a datapath's port.
    pub master: Option<IfName>,
    /// The device it stands on, as a VLAN's; of a veth the other end, when that is in this namespace.
    #[serde(default)]
    pub lower: Option<IfName>,
}

/// One address on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The device.
    pub ifname: IfName,
    /// The address itself (host bits kept) with its prefix length.
    pub address: IpNet,
    /// The other end, when it differs from the address itself.
    pub peer: Option<IpAddr>,
    /// The broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// IPv4's label, such as `eth0:1`.
    pub label: Option<String>,
    /// How far it reaches (`RT_SCOPE_*`).
    pub scope: u8,
    /// `IFA_F_*`, as the kernel reports them.
    pub flags: u32,
    /// Seconds it stays valid, `None` for ever.
    pub valid_lft: Option<u32>,
    /// Seconds it stays preferred, `None` for ever.
    pub preferred_lft: Option<u32>,
    /// The metric of its connected route.
    pub metric: Option<u32>,
}

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

/// The resolver's file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resolver {
    /// Its text, `None` when there is no file.
    pub content: Option<String>,
    /// False when it is a symbolic link: then another program keeps it.
    pub ours_to_write: bool,
    /// What systemd-resolved has been told for our interfaces, where that program keeps the file and runs; one it has been told nothing for
    /// may be left out.
    #[serde(default)]
    pub resolved: Option<BTreeMap<IfName, LinkResolver>>,
}

/// What systemd-resolved is told for one interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinkResolver {
    /// The servers to be asked through it, in their order.
    pub servers: Vec<IpAddr>,
    /// The search list.
    pub search: Vec<String>,
}

/// A DHCP client of another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpClient {
    /// Its process.
    pub pid: u32,
    /// When that process started, in the kernel's ticks: with `pid` it names one process for good.
    pub start_time: u64,
    /// The program's name.
    pub name: String,
    /// The device it serves.
    pub ifname: IfName,
    /// Whether it is stopped.
    pub paused: bool,
}

impl OnDevice for Address {
    fn device(&self) -> IfName {
        self.ifname
    }
}

impl OnDevice for Route {
    fn device(&self) -> IfName {
        self.ifname
    }
}

impl Observed {
    /// The addresses of one device, in the kernel's order.
    pub fn addresses_on(&self, ifname: IfName) -> impl DoubleEndedIterator<Item = &Address> {
        self.addresses.of(ifname)
    }

    /// The routes of one device that somebody asked for: those the kernel makes with an address or a redirect are not
    /// among them, nor what belongs to the link itself (fe80::/10, multicast).
    pub fn routes_on(&self, ifname: IfName) -> impl DoubleEndedIterator<Item = &Route> {
        self.routes.of(ifname).filter(|route| !self.made_by_kernel(route))
    }

    /// The routes that lead nowhere and that somebody asked for: all of them are on [`NOWHERE`].
    pub fn routes_nowhere(&self) -> impl Iterator<Item = &Route> {
        let there = IfName::new(NOWHERE).into_iter().flat_map(|nowhere| self.routes.of(nowhere));
        there.filter(|route| route.leads_nowhere() && route.protocol > PROTOCOL_KERNEL)
    }

    fn made_by_kernel(&self, route: &Route) -> bool {
        let own_table = route.table == TABLE_LOCAL && route.protocol <= PROTOCOL_KERNEL;
        if own_table || route.protocol == PROTOCOL_REDIRECT || route.is_of_the_link() {
            return true;
        }
        // NetworkManager marks its own connected routes `kernel` too: they are told by their addresses' flag.
        let connected = |address: &Address| address.flags & ADDRESS_NOPREFIXROUTE == 0 && address.opposite().trunc() == route.dst.trunc();
        route.protocol == PROTOCOL_KERNEL && (route.kind != KIND_UNICAST || self.addresses_on(route.ifname).any(connected))
    }
}

impl Address {
    /// A lasting address of global scope, as a file asks for it.
    pub fn lasting(ifname: IfName, address: IpNet) -> Self {
        let broadcast = match address {
            IpNet::V4(net) if net.prefix_len() < 31 => Some(net.broadcast()),
            _ => None,
        };
        Self {
            ifname,
            address,
            peer: None,
            broadcast,
            label: None,
            scope: SCOPE_UNIVERSE,
            flags: 0,
            valid_lft: None,
            preferred_lft: None,
            metric: None,
        }
    }

    /// Whether it is IPv6's fe80::/10, which every port keeps.
    pub fn is_link_local_v6(&self) -> bool {
        matches!(self.address, IpNet::V6(net) if is_link_local(net.addr()))
    }

    /// Whether it is one the kernel holds once per device: the same address, prefix and peer there.
    pub fn is_same(&self, other: &Self) -> bool {
        self.ifname == other.ifname && self.address == other.address && self.peer == other.peer
    }

    /// What it leads to: its peer where it has one, else itself, in either case with its prefix length.
    pub fn opposite(&self) -> IpNet {
        self.peer.and_then(|peer| IpNet::new(peer, self.address.prefix_len()).ok()).unwrap_or(self.address)
    }

    /// Whether both lie in one subnet in the sense of IPv4's primary and secondary addresses.
    pub fn shares_subnet(&self, other: &Self) -> bool {
        matches!((self.opposite(), other.opposite()), (IpNet::V4(a), IpNet::V4(b)) if a.trunc() == b.trunc())
    }

    /// Whether `there`, which is the same, lacks what this one asks for and the kernel changes of none that is there: of IPv4 its scope, and
    /// a broadcast address. That there is none where the usual one is asked for does not count.
    pub fn must_be_made_anew(&self, there: &Self) -> bool {
        let IpNet::V4(_) = self.address else { return false };
        let usual = Self::lasting(self.ifname, self.opposite()).broadcast;
        let broadcast = self.broadcast.is_some_and(|wanted| there.broadcast.map_or(Some(wanted) != usual, |there| there != wanted));
        self.scope != there.scope || broadcast
    }

    /// This address with only the flags somebody may set.
    pub fn settable(&self) -> Self {
        Self { flags: self.flags & ADDRESS_SETTABLE, ..self.clone() }
    }

    /// This address as another device is to carry it; a label follows the device's name.
    pub fn moved_to(&self, ifname: IfName) -> Self {
        let label = self.label.as_ref().and_then(|label| {
            let label = label.strip_prefix(self.ifname.as_str()).map(|rest| format!("{ifname}{rest}"))?;
            (label.len() <= 15 && label != ifname.as_str()).then_some(label)
        });
        let mut moved = Self { ifname, label, ..self.settable() };
        // The host already defends it on the other device: asking the link again would only make it unusable for a second.
        if matches!(self.address, IpNet::V6(_)) && self.flags & ADDRESS_TENTATIVE == 0 {
            moved.flags |= ADDRESS_NODAD;
        }
        moved
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

    fn is_of_the_link(&self) -> bool {
        matches!(self.dst, IpNet::V6(net) if net.prefix_len() > 0 && (is_link_local(net.addr()) || net.addr().is_multicast()))
    }
}

/// Whether `address` is in fe80::/10.
pub(super) fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
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
