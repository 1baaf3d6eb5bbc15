//! What is there: the kernel's devices, addresses and routes, the resolver's file, other programs' DHCP clients, and
//! what the agent remembers. Values only; whoever holds the sockets fills them in.
//!
//! It must not know what is wanted: that is `goal`'s.

mod address;
mod route;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use super::manager::{NetworkManager, Taken};
use super::memory::Memory;
use super::per_device::PerDevice;
use super::tuning::Hardware;
use super::zones::Firewall;
use crate::model::{Device, Ipv6Setting, Ipv6Settings, Kind, PolicyRule};

pub use address::*;
pub use route::*;

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
