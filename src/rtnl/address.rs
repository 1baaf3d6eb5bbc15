//! IPv4 and IPv6 addresses of links.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeader, AddressMessage, CacheInfo};
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::nlmsg::flag;
use ovsdp_proto::{DecodeError, IfName, Reason};
use serde::{Deserialize, Serialize};

use super::names::{self, ifa, rtm};
use super::raw::Raw;
use super::{Error, Mode, Rtnl, emit};
use crate::nl;

/// Lifetime that never ends, as the kernel writes it.
const FOREVER: u32 = u32::MAX;

/// One address of one link. Adding it again, there or elsewhere, gives the same address with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The link it is on.
    pub index: u32,
    /// The host's own address.
    pub ip: IpAddr,
    /// Length of the prefix that is reached directly, in bits; of [`Self::peer`]'s prefix when there is one.
    pub prefix: u8,
    /// The other end's address, on a point-to-point address that has one.
    pub peer: Option<IpAddr>,
    /// IPv4 only.
    pub broadcast: Option<Ipv4Addr>,
    /// IPv4 only: the link's name, perhaps with `:` and more behind it.
    pub label: Option<String>,
    /// `RT_SCOPE_*`: 0 universe, 253 link, 254 host.
    pub scope: u8,
    /// `IFA_F_*`, as the kernel reports them. Those it sets itself are left out when the address is added.
    pub flags: u32,
    /// Seconds it is still valid; `None` forever.
    pub valid_lft: Option<u32>,
    /// Seconds it is still preferred for new connections; `None` forever.
    pub preferred_lft: Option<u32>,
    /// Metric of the route to its prefix; `None` the kernel's own choice.
    pub metric: Option<u32>,
    /// `IFAPROT_*`: who added it (5.18 and later).
    pub proto: Option<u8>,
    /// Attributes not looked into.
    pub extra: Vec<Raw>,
}

impl fmt::Display for Address {
    /// `172.16.3.140/24`, or `10.0.0.1 peer 10.0.0.2/32`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{} peer {peer}/{}", self.ip, self.prefix),
            None => write!(f, "{}/{}", self.ip, self.prefix),
        }
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => bytes.first_chunk::<4>().map(|b| IpAddr::from(*b)),
        16 => bytes.first_chunk::<16>().map(|b| IpAddr::from(*b)),
        _ => None,
    }
}

const fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

impl Address {
    /// An address with nothing special about it: universe scope, valid forever, no broadcast address.
    pub const fn new(index: u32, ip: IpAddr, prefix: u8) -> Self {
        Self {
            index,
            ip,
            prefix,
            peer: None,
            broadcast: None,
            label: None,
            scope: 0,
            flags: 0,
            valid_lft: None,
            preferred_lft: None,
            metric: None,
            proto: None,
            extra: Vec::new(),
        }
    }

    /// The same address for another link. Its label is the link's name or begins with it, and changes with it.
    #[must_use]
    pub fn moved(mut self, index: u32, from: &IfName, to: &IfName) -> Self {
        self.index = index;
        self.label = self.label.take().and_then(|label| match label.strip_prefix(from.as_str()) {
            // The kernel's own choice when there is no label.
            Some("") => None,
            Some(rest) if rest.starts_with(':') => Some(format!("{to}{rest}")).filter(|label| label.len() <= ovsdp_proto::ifname::MAX_LEN),
            _ => Some(label),
        });
        self
    }

    /// Flags that whoever adds an address chooses; the others tell what the kernel made of it.
    const fn chosen_flags(&self) -> AddressFlags {
        AddressFlags::from_bits_retain(self.flags).intersection(
            AddressFlags::Nodad
                .union(AddressFlags::Optimistic)
                .union(AddressFlags::Homeaddress)
                .union(AddressFlags::Managetempaddr)
                .union(AddressFlags::Noprefixroute)
                .union(AddressFlags::Mcautojoin)
                .union(AddressFlags::StablePrivacy),
        )
    }

    /// Reads the payload of an `RTM_NEWADDR` or `RTM_DELADDR` message. `None` when it is of another family.
    pub(super) fn parse(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let bad = |attr, reason| DecodeError::new("rtnetlink address", attr, 0, reason);
        let header = AddressHeader::parse(payload).map_err(|_| bad(0, Reason::Truncated))?;
        if !matches!(header.family, AddressFamily::Inet | AddressFamily::Inet6) {
            return Ok(None);
        }
        let (mut local, mut far) = (None, None);
        // The address itself is filled in below.
        let mut address = Self::new(header.index, IpAddr::V4(Ipv4Addr::UNSPECIFIED), header.prefix_len);
        address.scope = header.scope.into();
        address.flags = u32::from(header.flags.bits());
        for attr in Attrs::new(payload.get(names::ADDRESS_HEADER..).unwrap_or(&[])) {
            match attr.kind() {
                ifa::ADDRESS => far = ip(attr.payload()),
                ifa::LOCAL => local = ip(attr.payload()),
                ifa::LABEL => address.label = Some(String::from_utf8_lossy(attr.cstr()).into_owned()),
                ifa::BROADCAST => address.broadcast = attr.array::<4>().map(Ipv4Addr::from),
                ifa::FLAGS => address.flags = attr.u32().unwrap_or(address.flags),
                ifa::RT_PRIORITY => address.metric = attr.u32().filter(|metric| *metric != 0),
                ifa::PROTO => address.proto = attr.u8().filter(|proto| *proto != 0),
                ifa::CACHEINFO => {
                    let info = CacheInfo::parse(attr.payload()).map_err(|_| attr.error("rtnetlink address", Reason::BadLength))?;
                    address.valid_lft = Some(info.ifa_valid).filter(|seconds| *seconds != FOREVER);
                    address.preferred_lft = Some(info.ifa_preferred).filter(|seconds| *seconds != FOREVER);
                }
                _ => address.extra.push(Raw::of(&attr)),
            }
        }
        // LOCAL is the host's own address where both stand, ADDRESS then the other end's (or the same, for IPv4).
        address.ip = local.or(far).ok_or(bad(ifa::ADDRESS, Reason::Missing))?;
        address.peer = far.filter(|far| *far != address.ip);
        Ok(Some(address))
    }

    fn message(&self) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = family(self.ip);
        message.header.prefix_len = self.prefix;
        message.header.scope = self.scope.into();
        message.header.index = self.index;
        message.attributes.push(AddressAttribute::Local(self.ip));
        message.attributes.push(AddressAttribute::Address(self.peer.unwrap_or(self.ip)));
        message
    }

    fn add_message(&self) -> AddressMessage {
        let mut message = self.message();
        let attributes = &mut message.attributes;
        attributes.extend(self.broadcast.map(AddressAttribute::Broadcast));
        attributes.extend(self.label.clone().map(AddressAttribute::Label));
        attributes.push(AddressAttribute::Flags(self.chosen_flags()));
        attributes.extend(self.metric.map(AddressAttribute::RoutePriority));
        attributes.extend(self.proto.map(|proto| AddressAttribute::Protocol(proto.into())));
        if self.valid_lft.is_some() || self.preferred_lft.is_some() {
            let mut info = CacheInfo::default();
            // The kernel refuses an address that is valid for no time at all, and one preferred for longer than valid.
            info.ifa_valid = self.valid_lft.unwrap_or(FOREVER).max(1);
            info.ifa_preferred = self.preferred_lft.unwrap_or(FOREVER).min(info.ifa_valid);
            attributes.push(AddressAttribute::CacheInfo(info));
        }
        attributes.extend(self.extra.iter().map(|raw| AddressAttribute::Other(raw.nla())));
        message
    }
}

impl Rtnl {
    /// Every IPv4 and IPv6 address of every link, in the kernel's order (which is that of primary and secondary ones).
    ///
    /// # Errors
    /// When the kernel does not answer, or addresses keep changing all the time.
    pub fn addresses(&mut self) -> Result<Vec<Address>, Error> {
        let build = |batch: &mut nl::Batch| batch.push(rtm::GETADDR, flag::DUMP, |out| emit(out, &AddressMessage::default()));
        self.socket.list(build, |object| Address::parse(object.payload)).map_err(|error| error.on("list", "addresses"))
    }

    /// Adds an address, or with [`Mode::Replace`] makes the one that is there equal to it: lifetimes, metric, flags.
    ///
    /// # Errors
    /// [`nl::Kind::Exists`] with [`Mode::Create`], [`nl::Kind::NoDevice`], [`nl::Kind::NotPermitted`],
    /// [`nl::Kind::Invalid`].
    pub fn add_address(&mut self, address: &Address, mode: Mode) -> Result<(), Error> {
        let request = address.add_message();
        self.socket
            .transact(|batch| batch.push(rtm::NEWADDR, mode.flags(), |out| emit(out, &request)), |_| Ok(()))
            .map_err(|error| error.on("add address", format_args!("{address} on {}", self.call(address.index))))
    }

    /// Deletes an address: the one with the same link, address, peer and prefix. With an IPv4 address the kernel deletes
    /// its secondaries too, unless the link's `promote_secondaries` is set, and every route that prefers it as source.
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` when it is not there, [`nl::Kind::NoDevice`], [`nl::Kind::NotPermitted`].
    pub fn delete_address(&mut self, address: &Address) -> Result<(), Error> {
        let request = address.message();
        self.socket
            .transact(|batch| batch.push(rtm::DELADDR, 0, |out| emit(out, &request)), |_| Ok(()))
            .map_err(|error| error.on("delete address", format_args!("{address} on {}", self.call(address.index))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_follows_the_link() {
        let from = IfName::new("eth0").unwrap();
        let to = IfName::new("ovsbr0").unwrap();
        let label = |label: &str| {
            let mut address = Address::new(2, IpAddr::from([172, 16, 3, 140]), 24);
            address.label = Some(label.into());
            address.moved(7, &from, &to).label
        };
        assert_eq!(label("eth0"), None);
        assert_eq!(label("eth0:1").as_deref(), Some("ovsbr0:1"));
        assert_eq!(label("eth0:somewhatlong"), None);
        assert_eq!(label("eth01").as_deref(), Some("eth01"));
    }

    #[test]
    fn lifetimes_stay_within_the_kernels_rules() {
        let mut address = Address::new(2, IpAddr::from([172, 16, 3, 140]), 24);
        address.valid_lft = Some(0);
        let info = address.add_message().attributes.into_iter().find_map(|attribute| match attribute {
            AddressAttribute::CacheInfo(info) => Some((info.ifa_valid, info.ifa_preferred)),
            _ => None,
        });
        assert_eq!(info, Some((1, 1)));
    }
}
