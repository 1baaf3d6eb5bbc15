//! Intent: what the files ask for, validated and free of text that still needs reading. Every value here is one the
//! kernel could be given.
//!
//! It must not know files, spans, the kernel or what is there already; those are `ifcfg`'s and `plan`'s.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use ovsdp_proto::{IfName, Mac};
use serde::{Deserialize, Serialize};

/// Everything a folder of files asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Intent {
    /// The bridges by name.
    pub bridges: BTreeMap<IfName, Bridge>,
}

/// One learning switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// Whether it comes up when nobody names it (`ONBOOT`, true unless the file says otherwise).
    pub onboot: bool,
    /// The local port's interface, of the bridge's own name: always [`Kind::Internal`].
    pub local: Interface,
    /// The other ports by name, the local one not among them.
    pub ports: BTreeMap<IfName, Port>,
}

impl Bridge {
    /// The bridge's name, which is its local interface's too.
    pub fn name(&self) -> IfName {
        self.local.name
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
}

/// What kind of network device an interface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A device that exists by itself, such as `eth0`.
    System,
    /// A device the datapath makes for the host to use.
    Internal,
}

/// One network device under a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The device's name.
    pub name: IfName,
    /// What kind of device it is.
    pub kind: Kind,
    /// The Ethernet address asked for (`MACADDR`); `None` leaves a system device as it is and lets a bridge take its
    /// port's.
    pub mac: Option<Mac>,
    /// The MTU asked for in bytes (`MTU`), 68 to 65535; `None` lets it follow the ports'.
    pub mtu: Option<u32>,
    /// How it gets its addresses. [`Addressing::None`] on system interfaces: a port carries no address.
    pub addressing: Addressing,
}

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

/// Addresses the file names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Static {
    /// The addresses with their prefix lengths, in the file's order; the first is the primary one.
    pub addresses: Vec<IpNet>,
    /// The default route's next hop (`GATEWAY`), on this interface.
    pub gateway: Option<Ipv4Addr>,
    /// The resolver's servers (`DNS1`…); empty leaves the resolver alone.
    pub dns: Vec<IpAddr>,
}

/// A lease to be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dhcp {
    /// The ports that must be attached before asking makes sense (`OVSDHCPINTERFACES`). May be empty on an internal port.
    pub through: Vec<IfName>,
    /// Whether the default route the lease brings is set (`DEFROUTE`, `GATEWAYDEV`; true unless a file says otherwise).
    pub default_route: bool,
    /// Whether the name servers the lease brings are asked (`PEERDNS`, true unless the file says otherwise).
    pub peer_dns: bool,
    /// The resolver's servers that come before the lease's (`DNS1`…).
    pub dns: Vec<IpAddr>,
}

impl Default for Dhcp {
    /// Takes everything the lease brings.
    fn default() -> Self {
        Self { through: Vec::new(), default_route: true, peer_dns: true, dns: Vec::new() }
    }
}
