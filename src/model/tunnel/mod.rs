//! A tunnel port: what its packets are wrapped in, and which wrapped packets are its own.
//!
//! Many tunnel ports share one network device of the kernel ([`Device`]); which packets belong to which of them is told by
//! the outer addresses and the key.

mod options;

use std::net::IpAddr;

use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

pub use options::BadTunnel;

/// A tunnel port's settings. The addresses are all of the family [`Encap`] can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tunnel {
    /// What packets are wrapped in.
    pub encap: Encap,
    /// The other end (`remote_ip`).
    pub remote: Field<IpAddr>,
    /// This end (`local_ip`); `None` lets the kernel choose the source, and takes packets to any address.
    pub local: Option<Field<IpAddr>>,
    /// The key packets must have (`in_key`, `key`); `None` is 0.
    pub in_key: Option<Field<u32>>,
    /// The key packets get (`out_key`, `key`); `None` sends none, which is 0 where the header has room for one anyway.
    pub out_key: Option<Field<u32>>,
    /// The outer type of service's upper six bits (`tos`, 0); the lower two are the inner packet's always.
    pub tos: Inherit,
    /// The outer time to live (`ttl`, 64).
    pub ttl: Inherit,
    /// Whether the outer packet must not be fragmented (`df_default`, true).
    pub df: bool,
    /// Whether the outer header has a checksum (`csum`, false).
    pub csum: bool,
    /// The mark packets leave with, for the host's routing and filter rules (`egress_pkt_mark`); `None` leaves them the one they have.
    #[serde(default)]
    pub mark: Option<u32>,
}

impl Tunnel {
    /// Whether `other` takes the very packets this one takes, so that nothing could tell whose one is.
    pub fn takes_what(&self, other: &Self) -> bool {
        // To have no key is to have the key 0.
        let takes = |tunnel: &Self| (tunnel.encap.device(), tunnel.remote, tunnel.local, tunnel.in_key.unwrap_or(Field::Is(0)));
        takes(self) == takes(other)
    }
}

/// What packets are wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encap {
    /// VXLAN (`vxlan`).
    Vxlan {
        /// The UDP port (`dst_port`, 4789).
        port: u16,
        /// Whether the header carries a group policy (`exts=gbp`).
        gbp: bool,
        /// Whether the header says what is inside, which here is always Ethernet (`exts=gpe`).
        #[serde(default)]
        gpe: bool,
    },
    /// Geneve (`geneve`).
    Geneve {
        /// The UDP port (`dst_port`, 6081).
        port: u16,
    },
    /// GRE over IPv4 with Ethernet inside (`gre`).
    Gre,
    /// GRE over IPv6 with Ethernet inside (`ip6gre`).
    Ip6Gre,
    /// ERSPAN over IPv4 (`erspan`).
    Erspan(Erspan),
    /// ERSPAN over IPv6 (`ip6erspan`).
    Ip6Erspan(Erspan),
}

/// ERSPAN's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Erspan {
    /// Version 1, type II (`erspan_ver=1`).
    V1 {
        /// Which port was mirrored (`erspan_idx`), 20 bits.
        index: u32,
    },
    /// Version 2, type III (`erspan_ver=2`).
    V2 {
        /// The mirrored traffic's direction (`erspan_dir`): 0 ingress, 1 egress.
        dir: u8,
        /// Which hardware mirrored (`erspan_hwid`), 6 bits.
        hwid: u8,
    },
}

/// A field of the outer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field<T> {
    /// It is this one.
    Is(T),
    /// It is the packet's own (`flow`): on the way in any, on the way out what it came in with.
    Flow,
}

impl<T: Copy> Field<T> {
    /// The value, unless it is the packet's own.
    pub const fn value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Flow => None,
        }
    }
}

/// A byte of the outer IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inherit {
    /// This one.
    Is(u8),
    /// The inner packet's; the default when that is not IP.
    Inner,
}

/// The kernel's device that serves every tunnel port of a type, and of a UDP port where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// `vxlan_sys_PORT`.
    Vxlan {
        /// The UDP port.
        port: u16,
        /// Whether the header carries a group policy.
        gbp: bool,
        /// Whether the header says what is inside, which here is always Ethernet (`exts=gpe`).
        #[serde(default)]
        gpe: bool,
    },
    /// `genev_sys_PORT`.
    Geneve {
        /// The UDP port.
        port: u16,
    },
    /// `gre_sys`.
    Gre,
    /// `ip6gre_sys`.
    Ip6Gre,
    /// `erspan_sys`.
    Erspan,
    /// `ip6erspan_sys`.
    Ip6Erspan,
}

impl Device {
    /// Its name: Open vSwitch's, which other tools look for.
    pub fn name(self) -> IfName {
        match self {
            Self::Vxlan { port, .. } => IfName::lossy(&format!("vxlan_sys_{port}")),
            Self::Geneve { port } => IfName::lossy(&format!("genev_sys_{port}")),
            Self::Gre => IfName::lossy("gre_sys"),
            Self::Ip6Gre => IfName::lossy("ip6gre_sys"),
            Self::Erspan => IfName::lossy("erspan_sys"),
            Self::Ip6Erspan => IfName::lossy("ip6erspan_sys"),
        }
    }

    /// The kernel's word for its kind of link, which is its module's alias (`rtnl-link-KIND`) too.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::Gre => "gretap",
            Self::Ip6Gre => "ip6gretap",
            Self::Erspan => "erspan",
            Self::Ip6Erspan => "ip6erspan",
        }
    }

    /// The kernel module that makes it.
    pub const fn module(self) -> &'static str {
        match self {
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::Gre | Self::Erspan => "ip_gre",
            Self::Ip6Gre | Self::Ip6Erspan => "ip6_gre",
        }
    }
}

impl Encap {
    /// The device that wraps and unwraps.
    pub const fn device(self) -> Device {
        match self {
            Self::Vxlan { port, gbp, gpe } => Device::Vxlan { port, gbp, gpe },
            Self::Geneve { port } => Device::Geneve { port },
            Self::Gre => Device::Gre,
            Self::Ip6Gre => Device::Ip6Gre,
            Self::Erspan(_) => Device::Erspan,
            Self::Ip6Erspan(_) => Device::Ip6Erspan,
        }
    }

    /// Open vSwitch's word for it: `vxlan`, `geneve`, `gre`, `ip6gre`, `erspan` or `ip6erspan`.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::Gre => "gre",
            Self::Ip6Gre => "ip6gre",
            Self::Erspan(_) => "erspan",
            Self::Ip6Erspan(_) => "ip6erspan",
        }
    }

    /// The UDP port it goes to, where there is one.
    pub const fn udp_port(self) -> Option<u16> {
        match self {
            Self::Vxlan { port, .. } | Self::Geneve { port } => Some(port),
            _ => None,
        }
    }

    /// How many bits of a key its header has room for.
    const fn key_bits(self) -> u32 {
        match self {
            Self::Vxlan { .. } | Self::Geneve { .. } => 24,
            Self::Gre | Self::Ip6Gre => 32,
            Self::Erspan(_) | Self::Ip6Erspan(_) => 10,
        }
    }
}
