//! Tunnel devices that take each packet's outer header from whoever sends it ("collect metadata"): one of a type, and of a
//! UDP port where there is one, serves every tunnel. What they are made of is what Open vSwitch makes them of
//! (`dpif_netlink_rtnl_create` and `_verify`), so that either finds the other's devices right.

use netlink_packet_core::DefaultNla;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use ovsdp_proto::IfName;
use ovsdp_proto::nla::{self, Attrs, TooLong};
use ovsdp_proto::nlmsg::flag;
use serde::{Deserialize, Serialize};

use super::link::LinkChange;
use super::names::{ifla, rtm};
use super::{Error, Rtnl, emit};

/// The MTU of a tunnel device in bytes. What fits a packet is the path's matter; the device must not stand in the way.
pub const TUNNEL_MTU: u32 = 65000;

/// A tunnel device, by what tells it from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tunnel {
    /// VXLAN.
    Vxlan {
        /// The UDP port it listens at.
        port: u16,
        /// Whether the header carries a group policy.
        gbp: bool,
        /// Whether the header says what is inside, which here is always Ethernet (`exts=gpe`).
        #[serde(default)]
        gpe: bool,
    },
    /// Geneve.
    Geneve {
        /// The UDP port it listens at.
        port: u16,
    },
    /// GRE over IPv4, with Ethernet inside.
    Gre,
    /// GRE over IPv6, with Ethernet inside.
    Ip6Gre,
    /// ERSPAN over IPv4.
    Erspan,
    /// ERSPAN over IPv6.
    Ip6Erspan,
}

/// `IFLA_VXLAN_*`.
mod vxlan {
    pub(super) const LEARNING: u16 = 7;
    pub(super) const PORT: u16 = 15;
    pub(super) const UDP_ZERO_CSUM6_RX: u16 = 20;
    pub(super) const GBP: u16 = 23;
    pub(super) const COLLECT_METADATA: u16 = 25;
    pub(super) const GPE: u16 = 27;
}

/// `IFLA_GENEVE_*`.
mod geneve {
    pub(super) const PORT: u16 = 5;
    pub(super) const COLLECT_METADATA: u16 = 6;
    pub(super) const UDP_ZERO_CSUM6_RX: u16 = 10;
}

/// `IFLA_GRE_*`.
mod gre {
    pub(super) const COLLECT_METADATA: u16 = 18;
}

impl Tunnel {
    /// The kernel's word for its kind of link.
    const fn kind(self) -> &'static str {
        match self {
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::Gre => "gretap",
            Self::Ip6Gre => "ip6gretap",
            Self::Erspan => "erspan",
            Self::Ip6Erspan => "ip6erspan",
        }
    }

    /// Reads what a link is from its `IFLA_INFO_KIND` and the payload of its `IFLA_INFO_DATA`: `None` when it is no tunnel
    /// device as [`Rtnl::create_tunnel`] makes them.
    pub(super) fn parse(kind: &str, data: &[u8]) -> Option<Self> {
        let data = Attrs::new(data);
        let byte = |attr| data.find(attr).and_then(|attr| attr.u8());
        let has = |attr| data.find(attr).is_some();
        let port = |attr| data.find(attr).and_then(|attr| attr.be16());
        let over_ip = |tunnel| has(gre::COLLECT_METADATA).then_some(tunnel);
        match kind {
            "vxlan" => {
                let (takes, learns) = (byte(vxlan::COLLECT_METADATA) == Some(1), byte(vxlan::LEARNING) != Some(0));
                let right = takes && !learns && byte(vxlan::UDP_ZERO_CSUM6_RX) == Some(1);
                Some(Self::Vxlan { port: port(vxlan::PORT)?, gbp: has(vxlan::GBP), gpe: has(vxlan::GPE) }).filter(|_| right)
            }
            "geneve" => {
                let right = has(geneve::COLLECT_METADATA) && byte(geneve::UDP_ZERO_CSUM6_RX) == Some(1);
                Some(Self::Geneve { port: port(geneve::PORT)? }).filter(|_| right)
            }
            "gretap" => over_ip(Self::Gre),
            "ip6gretap" => over_ip(Self::Ip6Gre),
            "erspan" => over_ip(Self::Erspan),
            "ip6erspan" => over_ip(Self::Ip6Erspan),
            _ => None,
        }
    }

    /// Appends the payload of `IFLA_INFO_DATA`.
    fn put_data(self, out: &mut Vec<u8>) {
        match self {
            Self::Vxlan { port, gbp, gpe } => {
                nla::put_u8(out, vxlan::LEARNING, 0);
                nla::put_u8(out, vxlan::COLLECT_METADATA, 1);
                nla::put_u8(out, vxlan::UDP_ZERO_CSUM6_RX, 1);
                if gbp {
                    nla::put_flag(out, vxlan::GBP);
                }
                if gpe {
                    nla::put_flag(out, vxlan::GPE);
                }
                nla::put_be16(out, vxlan::PORT, port);
            }
            Self::Geneve { port } => {
                nla::put_flag(out, geneve::COLLECT_METADATA);
                nla::put_u8(out, geneve::UDP_ZERO_CSUM6_RX, 1);
                nla::put_be16(out, geneve::PORT, port);
            }
            Self::Gre | Self::Ip6Gre | Self::Erspan | Self::Ip6Erspan => nla::put_flag(out, gre::COLLECT_METADATA),
        }
    }

    /// The request's attributes.
    fn attributes(self, name: &IfName) -> Result<Vec<LinkAttribute>, TooLong> {
        let mut info = Vec::new();
        nla::put(&mut info, ifla::INFO_KIND, self.kind().as_bytes())?;
        nla::put_nested::<TooLong>(&mut info, ifla::INFO_DATA, |out| {
            self.put_data(out);
            Ok(())
        })?;
        let info = LinkAttribute::Other(DefaultNla::new(ifla::LINKINFO, info));
        Ok(vec![LinkAttribute::IfName(name.as_str().to_owned()), LinkAttribute::Mtu(TUNNEL_MTU), info])
    }
}

impl Rtnl {
    /// Makes a tunnel device called `name`, up and with [`TUNNEL_MTU`]. The kernel loads its module.
    ///
    /// # Errors
    /// [`Kind::Exists`](crate::nl::Kind::Exists) when there is a device of that name, or one for this UDP port under another
    /// name; [`Kind::NotSupported`](crate::nl::Kind::NotSupported) when the kernel has no such device;
    /// [`Kind::NotPermitted`](crate::nl::Kind::NotPermitted). When its MTU cannot be set it is deleted again.
    pub fn create_tunnel(&mut self, name: &IfName, tunnel: Tunnel) -> Result<(), Error> {
        let doing = |error: crate::nl::Error| error.on("create tunnel device", name);
        let attributes = tunnel.attributes(name).map_err(|error| doing(error.into()))?;
        let mut request = LinkMessage::default();
        request.attributes = attributes;
        (request.header.flags, request.header.change_mask) = (LinkFlags::Up, LinkFlags::Up);
        let flags = flag::CREATE | flag::EXCL;
        self.socket.transact(|batch| batch.push(rtm::NEWLINK, flags, |out| emit(out, &request)), |_| Ok(())).map_err(doing)?;
        let Some(link) = self.link(name)? else { return Ok(()) };
        if link.mtu == TUNNEL_MTU {
            return Ok(());
        }
        // A GRE device is made with the MTU that fits an Ethernet packet, whatever was asked for.
        self.set_link(link.index, &LinkChange { mtu: Some(TUNNEL_MTU), ..LinkChange::default() }).inspect_err(|_| {
            let _ = self.delete_link(link.index);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_so_and_read_again() {
        // Spelt out by hand from if_link.h; what the kernel makes of it, and of the other kinds, `rtnl::tests` asks the kernel.
        let mut data = Vec::new();
        Tunnel::Vxlan { port: 4789, gbp: false, gpe: false }.put_data(&mut data);
        assert_eq!(data, [5, 0, 7, 0, 0, 0, 0, 0, 5, 0, 25, 0, 1, 0, 0, 0, 5, 0, 20, 0, 1, 0, 0, 0, 6, 0, 15, 0, 0x12, 0xb5, 0, 0]);
        assert_eq!(Tunnel::parse("vxlan", &data), Some(Tunnel::Vxlan { port: 4789, gbp: false, gpe: false }));
        assert_eq!(Tunnel::parse("vlan", &data), None);
    }
}
