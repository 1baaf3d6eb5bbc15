//! Links: what the kernel calls network devices.

use core::fmt;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkHeader, LinkLayerType, LinkMessage};
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::nlmsg::{Message, flag};
use ovsdp_proto::{DecodeError, IfName, Mac, Reason};
use serde::{Deserialize, Serialize};

use super::inet6::Inet6;
use super::names::{ifla, rtm};
use super::{Error, Rtnl, Tunnel, emit, names};
use crate::nl::{self, Kind};

/// A network device, as far as this program looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The device's number in its network namespace; never 0.
    pub index: u32,
    /// The device's name.
    pub name: IfName,
    /// Its Ethernet address; `None` when its address is not six bytes long.
    pub mac: Option<Mac>,
    /// The Ethernet address it was made with, where the driver tells (5.6 and later).
    pub permanent_mac: Option<Mac>,
    /// Largest packet in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Whether it was set up (`IFF_UP`).
    pub up: bool,
    /// Whether it is up and can carry packets (`IFF_RUNNING`).
    pub running: bool,
    /// Whether the other end is there (`IFF_LOWER_UP`). Only says something while the device is up.
    pub carrier: bool,
    /// The index of the device this one is a port of: a bond, a Linux bridge, or the datapath's own device.
    pub master: Option<u32>,
    /// What kind of port it is to its master: `openvswitch`, `bond`, `bridge`.
    pub port_kind: Option<String>,
    /// What kind of virtual device it is: `veth`, `openvswitch`, `bond`. `None` for hardware.
    pub kind: Option<String>,
    /// The tunnel device it is, when it is exactly one that [`Rtnl::create_tunnel`] makes.
    #[serde(default)]
    pub tunnel: Option<Tunnel>,
    /// The index of the device below (a VLAN's), or of the other end (a veth's, perhaps in another namespace).
    pub lower: Option<u32>,
    /// Whether it is a loopback device (`IFF_LOOPBACK`).
    pub loopback: bool,
    /// Whether it speaks Ethernet (`ARPHRD_ETHER`); only then the datapath takes it.
    pub ethernet: bool,
    /// Its IPv6 settings; `None` where the kernel has no IPv6 for it.
    pub inet6: Option<Inet6>,
}

/// What to change about a link; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChange {
    /// Set it up or down.
    pub up: Option<bool>,
    /// Give it this Ethernet address. Some drivers take one only while the device is down.
    pub mac: Option<Mac>,
    /// Give it this MTU, in bytes.
    pub mtu: Option<u32>,
}

impl fmt::Display for LinkChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if let Some(mac) = self.mac {
            write!(f, "address {mac}")?;
            gap = ", ";
        }
        if let Some(mtu) = self.mtu {
            write!(f, "{gap}mtu {mtu}")?;
            gap = ", ";
        }
        if let Some(up) = self.up {
            write!(f, "{gap}{}", if up { "up" } else { "down" })?;
        }
        Ok(())
    }
}

/// What a link message was about.
pub(super) enum Seen {
    /// A link as it is now.
    Link(Link),
    /// Not about the link itself: a bridge's view of its port, or a wireless event.
    Aside,
}

impl Link {
    /// Reads the payload of an `RTM_NEWLINK` or `RTM_DELLINK` message.
    pub(super) fn parse(payload: &[u8]) -> Result<Seen, DecodeError> {
        let bad = |attr, reason| DecodeError::new("rtnetlink link", attr, 0, reason);
        let header = LinkHeader::parse(payload).map_err(|_| bad(0, Reason::Truncated))?;
        if header.interface_family != AddressFamily::Unspec {
            return Ok(Seen::Aside);
        }
        let mut link = Self {
            index: header.index,
            name: IfName::new("?").map_err(|_| bad(ifla::IFNAME, Reason::BadValue))?,
            mac: None,
            permanent_mac: None,
            mtu: 0,
            up: header.flags.contains(LinkFlags::Up),
            running: header.flags.contains(LinkFlags::Running),
            carrier: header.flags.contains(LinkFlags::LowerUp),
            master: None,
            port_kind: None,
            kind: None,
            tunnel: None,
            lower: None,
            loopback: header.flags.contains(LinkFlags::Loopback),
            ethernet: header.link_layer_type == LinkLayerType::Ether,
            inet6: None,
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut named = false;
        for attr in Attrs::new(payload.get(names::LINK_HEADER..).unwrap_or(&[])) {
            match attr.kind() {
                ifla::IFNAME => {
                    let name = core::str::from_utf8(attr.cstr()).map_err(|_| attr.error("rtnetlink link", Reason::BadValue))?;
                    link.name = IfName::new(name).map_err(|_| attr.error("rtnetlink link", Reason::BadValue))?;
                    named = true;
                }
                ifla::ADDRESS => link.mac = attr.array().map(Mac),
                ifla::PERM_ADDRESS => link.permanent_mac = attr.array().map(Mac),
                ifla::MTU => link.mtu = attr.u32().unwrap_or(0),
                ifla::LINK => link.lower = attr.u32().filter(|index| *index != 0),
                ifla::MASTER => link.master = attr.u32().filter(|index| *index != 0),
                ifla::AF_SPEC => link.inet6 = Inet6::read(&attr),
                ifla::LINKINFO => {
                    let mut data: &[u8] = &[];
                    for info in attr.nested() {
                        match info.kind() {
                            ifla::INFO_KIND => link.kind = Some(text(info.cstr())),
                            ifla::INFO_DATA => data = info.payload(),
                            ifla::INFO_SLAVE_KIND => link.port_kind = Some(text(info.cstr())),
                            _ => {}
                        }
                    }
                    link.tunnel = link.kind.as_deref().and_then(|kind| Tunnel::parse(kind, data));
                }
                ifla::WIRELESS => return Ok(Seen::Aside),
                _ => {}
            }
        }
        if named { Ok(Seen::Link(link)) } else { Err(bad(ifla::IFNAME, Reason::Missing)) }
    }
}

fn message(index: u32, attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = attributes;
    message
}

/// Neither statistics nor virtual functions: both make a dump several times as long.
fn brief() -> LinkAttribute {
    LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])
}

impl Rtnl {
    /// Every link. One that cannot be read (a name that is not printable ASCII) is left out and counted as unreadable.
    ///
    /// # Errors
    /// When the kernel does not answer, or links keep changing all the time.
    pub fn links(&mut self) -> Result<Vec<Link>, Error> {
        let request = message(0, vec![brief()]);
        let read = |object: &Message<'_>| Link::parse(object.payload).map(|seen| if let Seen::Link(link) = seen { Some(link) } else { None });
        self.socket.list(|batch| batch.push(rtm::GETLINK, flag::DUMP, |out| emit(out, &request)), read).map_err(|error| error.on("list", "links"))
    }

    /// The link called `name`; `None` when there is none. The kernel finds a link by its alternative names too:
    /// compare [`Link::name`] where that matters.
    ///
    /// # Errors
    /// When the kernel does not answer or its answer cannot be read.
    pub fn link(&mut self, name: &IfName) -> Result<Option<Link>, Error> {
        self.get_link(0, vec![LinkAttribute::IfName(name.as_str().to_owned()), brief()]).map_err(|error| error.on("look up link", name))
    }

    /// The link with this index; `None` when there is none.
    ///
    /// # Errors
    /// When the kernel does not answer or its answer cannot be read.
    pub fn link_by_index(&mut self, index: u32) -> Result<Option<Link>, Error> {
        self.get_link(index, vec![brief()]).map_err(|error| error.on("look up link", index))
    }

    fn get_link(&mut self, index: u32, attributes: Vec<LinkAttribute>) -> Result<Option<Link>, nl::Error> {
        let mut found = None;
        let read = |answer: Message<'_>| {
            if let Seen::Link(link) = Link::parse(answer.payload)? {
                found = Some(link);
            }
            Ok(())
        };
        match self.socket.transact(|batch| batch.push(rtm::GETLINK, 0, |out| emit(out, &message(index, attributes))), read) {
            Ok(()) => Ok(found),
            Err(error) if error.kind() == Kind::NoDevice => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes a link, all of `change` in one request. The kernel takes them in the order address, MTU, up or down, and
    /// stops at the first it refuses without undoing those before.
    ///
    /// # Errors
    /// [`Kind::NoDevice`], [`Kind::NotPermitted`], [`Kind::Busy`] (an address, while the device is up), [`Kind::Invalid`]
    /// (an MTU outside the device's range) and what else the driver says.
    pub fn set_link(&mut self, index: u32, change: &LinkChange) -> Result<(), Error> {
        let mut attributes = Vec::new();
        if let Some(mac) = change.mac {
            attributes.push(LinkAttribute::Address(mac.0.to_vec()));
        }
        if let Some(mtu) = change.mtu {
            attributes.push(LinkAttribute::Mtu(mtu));
        }
        let mut request = message(index, attributes);
        if let Some(up) = change.up {
            request.header.change_mask = LinkFlags::Up;
            request.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        }
        self.socket
            .transact(|batch| batch.push(rtm::SETLINK, 0, |out| emit(out, &request)), |_| Ok(()))
            .map_err(|error| error.on("set link", format_args!("{} ({change})", self.call(index))))
    }

    /// Deletes a virtual link. A datapath's ports and devices are deleted through the datapath instead.
    ///
    /// # Errors
    /// [`Kind::NoDevice`], [`Kind::NotPermitted`], [`Kind::NotSupported`] (hardware and internal ports).
    pub fn delete_link(&mut self, index: u32) -> Result<(), Error> {
        self.socket
            .transact(|batch| batch.push(rtm::DELLINK, 0, |out| emit(out, &message(index, Vec::new()))), |_| Ok(()))
            .map_err(|error| error.on("delete link", self.call(index)))
    }
}
