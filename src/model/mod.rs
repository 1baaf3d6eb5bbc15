//! Intent: what the files ask for, validated and free of text that still needs reading. Every value here is one the
//! kernel could be given.
//!
//! It must not know files, spans, the kernel or what is there already; those are `ifcfg`'s and `plan`'s.

mod address;
mod alias;
mod arp;
mod asking;
mod bond;
mod commanded;
mod dhcp6;
mod hop;
mod ipv6;
mod patience;
mod policy;
mod reach;
mod record;
mod route;
mod rules;
mod tuning;
mod tunnel;
mod vlan;
mod zone;

use std::collections::BTreeMap;

use ipnet::IpNet;
use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

pub use address::{Addressing, Dhcp, Static};
pub use alias::Alias;
pub use arp::Arp;
pub use asking::{Asking, ClientId, HostName, Iaid};
pub use bond::{Bond, BondMode, Detect, Lacp, LacpMember, MIIMON, REBALANCE_MIN};
pub use commanded::Commanded;
pub use dhcp6::Dhcp6;
pub use hop::Hop;
pub use ipv6::{Ipv6, Setting as Ipv6Setting, Settings as Ipv6Settings};
pub use patience::{LONGEST_WAIT, Patience};
pub use policy::{Mark, PolicyRule, RuleAction};
pub use reach::Reach;
pub use record::Record;
pub use route::{Route, RouteKind, RouteMetric};
pub use rules::{BridgeRules, PortRules, PriorityTags};
pub use tuning::{Group as TuningGroup, Setting as TuningSetting, Tuning, WAKE};
pub use tunnel::{BadTunnel, Device, Encap, Erspan, Field, Inherit, Tunnel};
pub use vlan::{NoVlan, ServiceTag, Vid, VlanSet, Vlans};
pub use zone::Zone;

/// Whether a part asks for nothing of its own: then it is not written down.
fn is_default<T: Default + PartialEq>(part: &T) -> bool {
    *part == T::default()
}

/// Everything a folder of files asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Intent {
    /// The bridges by name.
    pub bridges: BTreeMap<IfName, Bridge>,
    /// The devices that are no port of any bridge and that one of [`Self::bridges`] needs all the same: named among what an interface
    /// [requires](Interface::requires), each of [`Kind::System`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plain: BTreeMap<IfName, Interface>,
}

impl Intent {
    /// What is called `name`: a bridge, or a plain device as what it is planned as.
    pub fn get(&self, name: IfName) -> Option<Bridge> {
        self.bridges.get(&name).cloned().or_else(|| self.plain.get(&name).cloned().map(Bridge::plain))
    }
}

/// One learning switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// Whether it comes up when nobody names it (`ONBOOT`, true unless the file says otherwise).
    pub onboot: bool,
    /// The local port's interface, of the bridge's own name: [`Kind::Internal`], but for a [plain device](Self::plain).
    pub local: Interface,
    /// The other ports by name, the local one not among them.
    pub ports: BTreeMap<IfName, Port>,
    /// How it switches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rules: BridgeRules,
    /// How its local port switches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub local_rules: PortRules,
    /// What somebody wants remembered of it (`external_ids`); nothing here reads it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    /// What else was said of it and of its ports, to be said back; nothing here reads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
    /// What of that, and of `external_ids`, commands said: a row each, in the order of tables and rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commanded: Vec<Commanded>,
    /// Whether a command made it, and no file says anything of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by_command: bool,
}

impl Bridge {
    /// A bridge with nothing but its local port, that comes up by itself.
    pub fn new(name: IfName) -> Self {
        Self {
            onboot: true,
            local: Interface::new(name, Kind::Internal),
            ports: BTreeMap::new(),
            rules: BridgeRules::default(),
            local_rules: PortRules::default(),
            external_ids: BTreeMap::new(),
            records: Vec::new(),
            commanded: Vec::new(),
            by_command: false,
        }
    }

    /// A device that is no port of any bridge, as what it is planned as: a bridge of its own, without ports and without a datapath.
    pub fn plain(interface: Interface) -> Self {
        Self { local: Interface { kind: Kind::System, ..interface.clone() }, ..Self::new(interface.name) }
    }

    /// Whether it is only a device, and no bridge.
    pub fn is_plain(&self) -> bool {
        self.local.kind == Kind::System
    }

    /// The bridge's name, which is its local interface's too.
    pub fn name(&self) -> IfName {
        self.local.name
    }

    /// The external ids of a row of the bridge, its own or one of its ports' and their interfaces'; `None` when the model has no place for them.
    pub fn external_ids_of(&mut self, table: &str, row: &str) -> Option<&mut BTreeMap<String, String>> {
        match table {
            "Bridge" => (self.local.name.as_str() == row).then_some(&mut self.external_ids),
            "Port" => self.ports.get_mut(row).map(|port| &mut port.external_ids),
            "Interface" => {
                let all = std::iter::once(&mut self.local).chain(self.ports.values_mut().flat_map(|port| &mut port.interfaces));
                all.into_iter().find(|one| one.name.as_str() == row).map(|one| &mut one.external_ids)
            }
            _ => None,
        }
    }

    /// Every interface of the bridge: the local one first, then the ports' in the order of the ports' names.
    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        std::iter::once(&self.local).chain(self.ports.values().flat_map(|port| &port.interfaces))
    }
}

/// What a bridge sees as one attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Whether it is attached when nobody names it (`ONBOOT`).
    pub onboot: bool,
    /// The network devices under it: one, or several when it is a bond. Never empty.
    pub interfaces: Vec<Interface>,
    /// How it switches.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rules: PortRules,
    /// What somebody wants remembered of it (`external_ids`); nothing here reads it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    /// How several interfaces are one. `None` when there is one interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bond: Option<Bond>,
    /// LACP, which a port with one interface may speak too; `None` when it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacp: Option<Lacp>,
    /// Whether it is a fake bridge: an internal port that is called a bridge, of a VLAN of the real one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fake_bridge: bool,
    /// Whether a command attached it, and no file says anything of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by_command: bool,
}

impl Port {
    /// Whether it is more than one device, or speaks LACP.
    pub fn is_bundle(&self) -> bool {
        self.bond.is_some() || self.lacp.is_some() || self.interfaces.len() > 1
    }

    /// A port with one interface, that is attached without being named.
    pub fn new(interface: Interface) -> Self {
        Self {
            onboot: true,
            interfaces: vec![interface],
            rules: PortRules::default(),
            external_ids: BTreeMap::new(),
            bond: None,
            lacp: None,
            fake_bridge: false,
            by_command: false,
        }
    }
}

/// What kind of network device an interface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A device that exists by itself, such as `eth0`.
    System,
    /// A device the datapath makes for the host to use.
    Internal,
    /// No device of its own: packets wrapped and sent to another host, through a device it shares with other tunnels.
    Tunnel(Tunnel),
    /// No device at all: the other end of a port of another bridge, which names this one as its peer.
    Patch {
        /// The other bridge's port.
        peer: IfName,
    },
}

impl Kind {
    /// Whether an interface of this kind is a network device of its own name.
    pub const fn has_device(self) -> bool {
        matches!(self, Self::System | Self::Internal)
    }
}

/// One network device under a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The device's name; of a kind without a device, the port's.
    pub name: IfName,
    /// What kind of device it is.
    pub kind: Kind,
    /// The Ethernet address asked for (`MACADDR`); `None` leaves a system device as it is and lets a bridge take its
    /// port's.
    pub mac: Option<Mac>,
    /// The address a system device must have for it to be the one that is meant (`HWADDR`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hwaddr: Option<Mac>,
    /// The MTU asked for in bytes (`MTU`), 68 to 65535; `None` lets it follow the ports'.
    pub mtu: Option<u32>,
    /// How it gets its addresses. [`Addressing::None`] on system interfaces: a port carries no address.
    pub addressing: Addressing,
    /// What it is to have of IPv6. Nothing on system interfaces.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ipv6: Ipv6,
    /// How far the IPv4 addresses of its files reach. Nothing on system interfaces.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reach: Reach,
    /// What is asked of the neighbours before an IPv4 address is used, and said to them after.
    #[serde(default, skip_serializing_if = "is_default")]
    pub arp: Arp,
    /// The further IPv4 addresses with names of their own, in the files' order, each once. None on system interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
    /// The routes written down for it, in the files' order, no two for the same destination, table, metric and type of service.
    /// Nothing on system interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// The rules written down for it, in the files' order, none twice. Nothing on system interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<PolicyRule>,
    /// What the device itself is asked for.
    #[serde(default, skip_serializing_if = "Tuning::is_empty")]
    pub tuning: Tuning,
    /// Whether it is to be down (`LINKSTATUS=down`). Its own file gives it no address then.
    #[serde(default, skip_serializing_if = "is_default")]
    pub down: bool,
    /// The firewall's zone it is to be in (`ZONE`); `None` leaves that to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// Whether it is left to NetworkManager as well (`NM_CONTROLLED=yes`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub nm_controlled: bool,
    /// How long it is waited for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub patience: Patience,
    /// The interfaces, of other bridges or of none, that come up before this one: what `OVSREQUIRES` names, and what a tunnel's packets go
    /// out by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<IfName>,
    /// What somebody wants remembered of it (`external_ids`); nothing here reads it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    /// What LACP says of it, when its port speaks LACP.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lacp: LacpMember,
}

impl Interface {
    /// Whether it is to have an address of its own, of either family.
    pub fn is_addressed(&self) -> bool {
        self.addressing != Addressing::None || !self.aliases.is_empty() || self.ipv6.is_asked_for()
    }

    /// Whether `net` is one of its aliases' addresses.
    pub fn has_alias(&self, net: IpNet) -> bool {
        self.aliases.iter().any(|alias| IpNet::V4(alias.address) == net)
    }

    /// An interface that asks for nothing.
    pub fn new(name: IfName, kind: Kind) -> Self {
        Self {
            name,
            kind,
            mac: None,
            hwaddr: None,
            mtu: None,
            addressing: Addressing::None,
            ipv6: Ipv6::default(),
            reach: Reach::default(),
            arp: Arp::default(),
            aliases: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            tuning: Tuning::default(),
            down: false,
            zone: None,
            nm_controlled: false,
            patience: Patience::default(),
            requires: Vec::new(),
            external_ids: BTreeMap::new(),
            lacp: LacpMember::default(),
        }
    }
}
