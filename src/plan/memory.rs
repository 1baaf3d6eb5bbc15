//! What the agent remembers between one command and the next, and across its own restarts: what it was last asked for,
//! what it put where, and what each port had before, to be given back.
//!
//! It must not know where this is kept: the agent keeps it (in `/run/ovsdp`, so that a reboot forgets it together with
//! the kernel).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

use super::lease6::Lease6;
use super::observed::{Address, DhcpClient, Route};
use super::tuning::Tuned;
use crate::model::{Bridge, Device, Dhcp, Dhcp6, Interface, PolicyRule, Record, Zone};

/// Everything remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The bridges that are up, by name.
    pub bridges: BTreeMap<IfName, Remembered>,
    /// The devices that are no port of any bridge and were brought up because bridges need them ([`Bridge::is_plain`]), by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plain: BTreeMap<IfName, Remembered>,
    /// The tunnel devices that were made for ports of bridges; one that was there before is not among them.
    #[serde(default)]
    pub tunnels: BTreeSet<Device>,
    /// What commands had kept that belongs to no bridge, such as the settings of queues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Record>,
}

impl Memory {
    /// Every bridge that is up, then every plain device.
    pub fn all(&self) -> impl Iterator<Item = (&IfName, &Remembered)> {
        self.bridges.iter().chain(&self.plain)
    }

    /// The bridge or plain device `name`.
    pub fn get(&self, name: IfName) -> Option<&Remembered> {
        self.bridges.get(&name).or_else(|| self.plain.get(&name))
    }

    /// The bridge or plain device `name`, to be changed.
    pub fn get_mut(&mut self, name: IfName) -> Option<&mut Remembered> {
        self.bridges.get_mut(&name).or_else(|| self.plain.get_mut(&name))
    }

    /// Puts down what `name` is; returns what it was. The leases of what is known already stay as they are.
    pub fn remember(&mut self, name: IfName, to: Remembered) -> Option<Remembered> {
        let held = self.get(name).unwrap_or(&to);
        let (leases, leases6) = (held.leases.clone(), held.leases6.clone());
        let place = if to.intent.is_plain() { &mut self.plain } else { &mut self.bridges };
        place.insert(name, Remembered { leases, leases6, ..to })
    }

    /// Forgets what `name` is; says whether it was known.
    pub fn forget(&mut self, name: IfName) -> bool {
        self.bridges.remove(&name).or_else(|| self.plain.remove(&name)).is_some()
    }

    /// The bridge that `port` was attached to, whether a system device or an internal one.
    pub fn bridge_of(&self, port: IfName) -> Option<IfName> {
        self.bridges.iter().find(|(_, bridge)| bridge.holds(port)).map(|(name, _)| *name)
    }

    /// The bridge that each port was attached to, as [`Self::bridge_of`] says it of one.
    pub fn bridges_of_ports(&self) -> BTreeMap<IfName, IfName> {
        let mut bridges = BTreeMap::new();
        for (name, remembered) in &self.bridges {
            for port in remembered.ports() {
                bridges.entry(port).or_insert(*name);
            }
        }
        bridges
    }

    /// What was last asked for the interface `name`.
    pub fn interface(&self, name: IfName) -> Option<&Interface> {
        self.all().flat_map(|(_, bridge)| bridge.intent.interfaces()).find(|interface| interface.name == name)
    }

    /// What lease the interface `name` is to have, if it is to have one.
    pub fn dhcp_of(&self, name: IfName) -> Option<&Dhcp> {
        self.interface(name)?.addressing.dhcp()
    }

    /// The devices of the ports that the lease of the interface `name` goes through.
    pub fn devices_of_lease(&self, name: IfName) -> Vec<IfName> {
        let through = self.dhcp_of(name).map(|dhcp| dhcp.through.as_slice()).unwrap_or_default();
        let ports = self.all().flat_map(|(_, bridge)| &bridge.intent.ports).filter(|(port, _)| through.contains(port));
        ports.flat_map(|(_, port)| &port.interfaces).map(|interface| interface.name).collect()
    }

    /// What lease of IPv6 the interface `name` is to have, if it is to have one.
    pub fn dhcp6_of(&self, name: IfName) -> Option<&Dhcp6> {
        self.interface(name)?.ipv6.dhcp.as_ref()
    }

    /// The bridge that `name` is or is a port of, or the plain device that it is.
    pub fn place_of(&self, name: IfName) -> Option<IfName> {
        if self.get(name).is_some() { Some(name) } else { self.bridge_of(name) }
    }
}

/// One bridge that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// What the files asked for when it was last brought up, with only the ports that are attached.
    pub intent: Bridge,
    /// The system devices attached to it, with what each had before.
    pub members: BTreeMap<IfName, Before>,
    /// What devices that are its ports no longer had and could not be given back, because the bridge still has the address:
    /// they get it when it lets go.
    pub owed: BTreeMap<IfName, Before>,
    /// The addresses on its interfaces that are ours to take away again. What others put there is not listed.
    pub addresses: Vec<OwnAddress>,
    /// The routes through its interfaces that are ours to take away again.
    pub routes: Vec<Route>,
    /// The rules that are ours to take away again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<OwnRule>,
    /// What devices had of what was asked of them, before it was (`ETHTOOL_OPTS`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tuned: BTreeMap<IfName, Tuned>,
    /// The firewall's zones that interfaces were in before they were put into others (`ZONE`); `None` is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<IfName, Option<Zone>>,
    /// The devices that NetworkManager let go of when they became its, each with the UUID of the profile it had configured it by, if any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub let_go: BTreeMap<IfName, Option<String>>,
    /// The resolver's file as it was before any bridge of ours wrote it; `None` when this one has not needed it.
    pub resolver_before: Option<ResolverBefore>,
    /// The leases held, by interface: the bridge's own and its internal ports'. Only the lease steps and the agent's
    /// renewals change them; [`super::Step::Remember`] leaves those of a remembered bridge alone.
    pub leases: BTreeMap<IfName, Lease>,
    /// [`Lease::obtained`] of the lease whose lifetimes the kernel was last told, by interface.
    pub applied: BTreeMap<IfName, u64>,
    /// The leases of IPv6 held, as `leases`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leases6: BTreeMap<IfName, Lease6>,
    /// [`Lease6::obtained`], as `applied`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub applied6: BTreeMap<IfName, u64>,
}

impl Remembered {
    /// What is as `intent` says, where nothing was before and nothing else is known.
    pub fn new(intent: Bridge) -> Self {
        Self {
            intent,
            members: BTreeMap::new(),
            owed: BTreeMap::new(),
            addresses: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            tuned: BTreeMap::new(),
            zones: BTreeMap::new(),
            let_go: BTreeMap::new(),
            resolver_before: None,
            leases: BTreeMap::new(),
            applied: BTreeMap::new(),
            leases6: BTreeMap::new(),
            applied6: BTreeMap::new(),
        }
    }

    /// Its ports' interfaces (its local one not counted), some of them twice.
    fn ports(&self) -> impl Iterator<Item = IfName> {
        self.members.keys().copied().chain(self.intent.ports.values().flat_map(|port| &port.interfaces).map(|interface| interface.name))
    }

    /// Whether `port` is one of its ports' interfaces (its local one not counted).
    pub fn holds(&self, port: IfName) -> bool {
        self.members.contains_key(&port) || self.intent.ports.values().flat_map(|p| &p.interfaces).any(|i| i.name == port)
    }
}

/// An address known by what the kernel knows it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnAddress {
    /// The device.
    pub ifname: IfName,
    /// The address with its prefix length.
    pub address: IpNet,
    /// The other end, if any.
    pub peer: Option<IpAddr>,
}

impl OwnAddress {
    /// Whether `address` is this one.
    pub fn is(&self, address: &Address) -> bool {
        self.ifname == address.ifname && self.address == address.address && self.peer == address.peer
    }
}

impl From<&Address> for OwnAddress {
    fn from(address: &Address) -> Self {
        Self { ifname: address.ifname, address: address.address, peer: address.peer }
    }
}

/// A rule of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRule {
    /// The interface for whose sake it is there.
    pub ifname: IfName,
    /// The rule as it was asked for.
    pub rule: PolicyRule,
}

/// What a system device had before it became a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Whether it was up.
    pub up: bool,
    /// Its MTU.
    pub mtu: u32,
    /// Its Ethernet address.
    pub mac: Option<Mac>,
    /// Its addresses, IPv6's link-local ones (which it keeps) not among them.
    pub addresses: Vec<Address>,
    /// Its routes, those the kernel makes by itself not among them.
    pub routes: Vec<Route>,
    /// The DHCP clients that were stopped because they served it.
    pub paused_clients: Vec<DhcpClient>,
}

impl Before {
    /// Whether it had `address`, of whatever prefix.
    pub(super) fn had(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|old| old.address.addr() == address)
    }
}

/// The resolver's file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverBefore {
    /// Its text, `None` when there was no file.
    pub content: Option<String>,
}

/// A lease held from a DHCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address with its prefix length.
    pub address: Ipv4Net,
    /// The routers (option 3), the preferred one first.
    pub routers: Vec<Ipv4Addr>,
    /// The classless routes (option 121); when there are any, `routers` is not looked at (RFC 3442).
    pub classless: Vec<ClasslessRoute>,
    /// The resolver's servers (option 6).
    pub dns: Vec<Ipv4Addr>,
    /// The domain name (option 15).
    pub domain: Option<String>,
    /// The resolver's search list (option 119); when there is one, `domain` is not looked at.
    #[serde(default)]
    pub search: Vec<String>,
    /// The MTU (option 26).
    pub mtu: Option<u16>,
    /// The server that gave it.
    pub server: Ipv4Addr,
    /// How long it was given for, in seconds; `u32::MAX` for ever.
    pub lease_secs: u32,
    /// When to renew, in seconds after `obtained` (option 58).
    pub renew_secs: Option<u32>,
    /// When to ask any server, in seconds after `obtained` (option 59).
    pub rebind_secs: Option<u32>,
    /// When it was given, in seconds of the agent's clock. This room only tells equal from different.
    pub obtained: u64,
}

/// One classless route of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClasslessRoute {
    /// Where to.
    pub dst: Ipv4Net,
    /// The gateway, 0.0.0.0 when the destination is on the link.
    pub via: Ipv4Addr,
}
