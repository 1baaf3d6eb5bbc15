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

use super::observed::{Address, DhcpClient, Route};
use super::tuning::Tuned;
use crate::model::{Addressing, Bridge, Device, Dhcp, Intent, Interface, PolicyRule, Port, Record};

/// How long a UUID is as text: longer than any device's name.
const UUID_LENGTH: usize = 36;

/// Everything remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The bridges that are up, by name.
    pub bridges: BTreeMap<IfName, Remembered>,
    /// The tunnel devices that were made for ports of bridges; one that was there before is not among them.
    #[serde(default)]
    pub tunnels: BTreeSet<Device>,
}

impl Memory {
    /// The bridge that `port` was attached to, whether a system device or an internal one.
    pub fn bridge_of(&self, port: IfName) -> Option<IfName> {
        self.bridges.iter().find(|(_, bridge)| bridge.holds(port)).map(|(name, _)| *name)
    }

    /// What was last asked for the interface `name`.
    pub fn interface(&self, name: IfName) -> Option<&Interface> {
        self.bridges.values().flat_map(|bridge| bridge.intent.interfaces()).find(|interface| interface.name == name)
    }

    /// What lease the interface `name` is to have, if it is to have one.
    pub fn dhcp_of(&self, name: IfName) -> Option<&Dhcp> {
        if let Addressing::Dhcp(dhcp) = &self.interface(name)?.addressing { Some(dhcp) } else { None }
    }

    /// What files ask for, with what commands attached to the same bridges and no file names: that stays as it is.
    #[must_use]
    pub fn with_commanded(&self, mut intent: Intent) -> Intent {
        let named: BTreeSet<IfName> =
            intent.bridges.values().flat_map(|bridge| bridge.ports.keys().copied().chain(bridge.interfaces().map(|one| one.name))).collect();
        for (name, bridge) in &mut intent.bridges {
            let Some(remembered) = self.bridges.get(name).map(|remembered| &remembered.intent) else { continue };
            let is_free = |port: &Port| port.interfaces.iter().all(|one| !named.contains(&one.name));
            let kept: BTreeMap<IfName, Port> = remembered
                .ports
                .iter()
                .filter(|(name, port)| port.by_command && !named.contains(*name) && is_free(port))
                .map(|(name, port)| (*name, port.clone()))
                .collect();
            let of_kept = |record: &&Record| {
                let is_called = |name: IfName| name.as_str() == record.row;
                let port = record.table == "Port" && kept.keys().any(|name| is_called(*name));
                let interface = record.table == "Interface" && kept.values().flat_map(|port| &port.interfaces).any(|one| is_called(one.name));
                // What has no name is of use to whoever names it, and goes when nobody does.
                port || interface || record.row.len() == UUID_LENGTH
            };
            let said: Vec<Record> =
                remembered.records.iter().filter(of_kept).filter(|record| !kept.is_empty() && !bridge.records.contains(record)).cloned().collect();
            bridge.records.extend(said);
            bridge.ports.extend(kept);
        }
        intent
    }

    /// The bridge that `name` is or is a port of.
    pub fn place_of(&self, name: IfName) -> Option<IfName> {
        if self.bridges.contains_key(&name) { Some(name) } else { self.bridge_of(name) }
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
    /// The resolver's file as it was before any bridge of ours wrote it; `None` when this one has not needed it.
    pub resolver_before: Option<ResolverBefore>,
    /// The leases held, by interface: the bridge's own and its internal ports'. Only the lease steps and the agent's
    /// renewals change them; [`super::Step::Remember`] leaves those of a remembered bridge alone.
    pub leases: BTreeMap<IfName, Lease>,
    /// [`Lease::obtained`] of the lease whose lifetimes the kernel was last told, by interface.
    pub applied: BTreeMap<IfName, u64>,
}

impl Remembered {
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
