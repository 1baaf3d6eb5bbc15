//! Rules of both families: by which table packets are routed.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::rule::{RuleAttribute, RuleFlags, RuleHeader, RuleMessage, RulePortRange, RuleUidRange};
use ovsdp_proto::nla::{Attr, Attrs};
use ovsdp_proto::nlmsg::flag;
use ovsdp_proto::{DecodeError, Reason};

use super::names::{self, fra, rtm};
use super::{Error, Rtnl, emit};
use crate::nl;

/// Family and attribute of errors.
const FAMILY: &str = "rtnetlink rule";
/// `FIB_RULE_INVERT`: it holds for what does not match.
const INVERT: u32 = 2;

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whether it is about IPv6's packets.
    pub ipv6: bool,
    /// Its place among the rules; `None` leaves the choice to the kernel. Always there in what the kernel says.
    pub priority: Option<u32>,
    /// Whether it holds for what does not match.
    pub invert: bool,
    /// Packets from here.
    pub from: Option<IpNet>,
    /// Packets to there.
    pub to: Option<IpNet>,
    /// Packets that came in through this device.
    pub iif: Option<String>,
    /// Packets of sockets bound to this device.
    pub oif: Option<String>,
    /// Packets with a mark: its value and the bits that count.
    pub mark: Option<(u32, u32)>,
    /// Packets with this type of service; 0 any.
    pub tos: u8,
    /// Packets of this protocol; 0 any.
    pub ip_proto: u8,
    /// Packets from these ports.
    pub sport: Option<(u16, u16)>,
    /// Packets to these ports.
    pub dport: Option<(u16, u16)>,
    /// Packets of sockets of these users.
    pub uids: Option<(u32, u32)>,
    /// Packets out of a tunnel with this key; 0 any.
    pub tunnel: u64,
    /// `FR_ACT_*`: 1 a table, 2 another rule, 3 nothing, 6 to 8 dropping them.
    pub action: u8,
    /// Whether the table, for action 1, is that of the packet's VRF.
    pub l3mdev: bool,
    /// The table, for action 1 otherwise.
    pub table: u32,
    /// Routes of at most this prefix length do not count.
    pub suppress: Option<u32>,
    /// Routes out of devices of this group do not count.
    pub suppress_group: Option<u32>,
    /// The priority to go on with, for action 2.
    pub goto: Option<u32>,
    /// `RTPROT_*`: who added it.
    pub protocol: u8,
    /// Whether the kernel says more of it than stands here: then it cannot be made again.
    pub more: bool,
}

impl fmt::Display for Rule {
    /// As `ip rule` begins a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from {
            Some(from) => write!(f, "from {from}")?,
            None => f.write_str("from all")?,
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        if let Some(priority) = self.priority {
            write!(f, " priority {priority}")?;
        }
        Ok(())
    }
}

impl Rule {
    /// Reads the payload of an `RTM_NEWRULE` message. `None` when it is of another family.
    pub(super) fn parse(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let bad = |attr, reason| DecodeError::new(FAMILY, attr, 0, reason);
        let header = RuleHeader::parse(payload).map_err(|_| bad(0, Reason::Truncated))?;
        let any: IpAddr = match header.family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return Ok(None),
        };
        let net = |attr: &Attr<'_>, prefix| IpNet::new(ip(any, attr)?, prefix).map_err(|_| attr.error(FAMILY, Reason::BadValue));
        let mut rule = Self {
            ipv6: any.is_ipv6(),
            // Left out when it is 0.
            priority: Some(0),
            invert: header.flags.bits() & INVERT != 0,
            from: None,
            to: None,
            iif: None,
            oif: None,
            mark: None,
            tos: header.tos,
            ip_proto: 0,
            sport: None,
            dport: None,
            uids: None,
            tunnel: 0,
            action: header.action.into(),
            l3mdev: false,
            table: u32::from(header.table),
            suppress: None,
            suppress_group: None,
            goto: None,
            protocol: 0,
            more: false,
        };
        let (mut mark, mut mask) = (0, 0);
        for attr in Attrs::new(payload.get(names::RULE_HEADER..).unwrap_or(&[])) {
            let text = || Some(String::from_utf8_lossy(attr.cstr()).into_owned());
            match attr.kind() {
                fra::DST => rule.to = Some(net(&attr, header.dst_len)?),
                fra::SRC => rule.from = Some(net(&attr, header.src_len)?),
                fra::IIFNAME => rule.iif = text(),
                fra::OIFNAME => rule.oif = text(),
                fra::GOTO => rule.goto = attr.u32(),
                fra::PRIORITY => rule.priority = attr.u32(),
                fra::FWMARK => mark = attr.u32().unwrap_or(0),
                fra::FWMASK => mask = attr.u32().unwrap_or(0),
                fra::SUPPRESS_PREFIXLEN => rule.suppress = attr.u32().filter(|length| *length != u32::MAX),
                fra::SUPPRESS_IFGROUP => rule.suppress_group = attr.u32().filter(|group| *group != u32::MAX),
                fra::TUN_ID => rule.tunnel = attr.array().map_or(0, u64::from_be_bytes),
                fra::L3MDEV => rule.l3mdev = attr.u8() == Some(1),
                fra::UID_RANGE => rule.uids = Some(uids(&attr)?),
                fra::TABLE => rule.table = attr.u32().unwrap_or(rule.table),
                fra::PROTOCOL => rule.protocol = attr.u8().unwrap_or(0),
                fra::IP_PROTO => rule.ip_proto = attr.u8().unwrap_or(0),
                fra::SPORT_RANGE => rule.sport = Some(ports(&attr)?),
                fra::DPORT_RANGE => rule.dport = Some(ports(&attr)?),
                fra::PAD => {}
                // Newer kernels say of a single port that all its bits count.
                fra::SPORT_MASK | fra::DPORT_MASK if attr.array() == Some(u16::MAX.to_ne_bytes()) => {}
                _ => rule.more = true,
            }
        }
        rule.mark = (mask != 0).then_some((mark, mask));
        Ok(Some(rule))
    }

    fn message(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        let header = &mut message.header;
        header.family = if self.ipv6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
        header.dst_len = self.to.map_or(0, |net| net.prefix_len());
        header.src_len = self.from.map_or(0, |net| net.prefix_len());
        header.tos = self.tos;
        // The header has room for 255 tables; the attribute says which one it is.
        header.table = u8::try_from(self.table).unwrap_or(0);
        header.action = self.action.into();
        header.flags = RuleFlags::from_bits_retain(if self.invert { INVERT } else { 0 });
        let attributes = &mut message.attributes;
        attributes.extend(self.to.map(|net| RuleAttribute::Destination(net.addr())));
        attributes.extend(self.from.map(|net| RuleAttribute::Source(net.addr())));
        attributes.extend(self.iif.clone().map(RuleAttribute::Iifname));
        attributes.extend(self.oif.clone().map(RuleAttribute::Oifname));
        attributes.extend(self.goto.map(RuleAttribute::Goto));
        attributes.extend(self.priority.map(RuleAttribute::Priority));
        if let Some((mark, mask)) = self.mark {
            attributes.extend([RuleAttribute::FwMark(mark), RuleAttribute::FwMask(mask)]);
        }
        attributes.extend(self.suppress.map(RuleAttribute::SuppressPrefixLen));
        attributes.extend(self.suppress_group.map(RuleAttribute::SuppressIfGroup));
        attributes.extend((self.tunnel != 0).then_some(RuleAttribute::TunId(self.tunnel)));
        attributes.extend(self.l3mdev.then_some(RuleAttribute::L3MDev(true)));
        attributes.extend(self.uids.map(|(start, end)| RuleAttribute::UidRange(RuleUidRange { start, end })));
        attributes.extend((self.table != 0).then_some(RuleAttribute::Table(self.table)));
        attributes.extend((self.protocol != 0).then(|| RuleAttribute::Protocol(self.protocol.into())));
        attributes.extend((self.ip_proto != 0).then(|| RuleAttribute::IpProtocol(self.ip_proto.into())));
        let range = |(start, end)| RulePortRange { start, end };
        attributes.extend(self.sport.map(|ports| RuleAttribute::SourcePortRange(range(ports))));
        attributes.extend(self.dport.map(|ports| RuleAttribute::DestinationPortRange(range(ports))));
        message
    }
}

/// An address of the same family as `any`.
fn ip(any: IpAddr, attr: &Attr<'_>) -> Result<IpAddr, DecodeError> {
    let ip = match any {
        IpAddr::V4(_) => attr.array::<4>().map(IpAddr::from),
        IpAddr::V6(_) => attr.array::<16>().map(IpAddr::from),
    };
    ip.ok_or(attr.error(FAMILY, Reason::BadLength))
}

/// The first and the last of a range of ports.
fn ports(attr: &Attr<'_>) -> Result<(u16, u16), DecodeError> {
    let [a, b, c, d] = attr.array::<4>().ok_or(attr.error(FAMILY, Reason::BadLength))?;
    Ok((u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d])))
}

/// The first and the last of a range of users.
fn uids(attr: &Attr<'_>) -> Result<(u32, u32), DecodeError> {
    let [a, b, c, d, e, f, g, h] = attr.array::<8>().ok_or(attr.error(FAMILY, Reason::BadLength))?;
    Ok((u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])))
}

impl Rtnl {
    /// Every rule of both families, in the order of their priorities. None of a family the kernel has no rules for.
    ///
    /// # Errors
    /// When the kernel does not answer, or rules keep changing all the time.
    pub fn rules(&mut self) -> Result<Vec<Rule>, Error> {
        let mut rules = self.rules_of(AddressFamily::Inet)?;
        rules.append(&mut self.rules_of(AddressFamily::Inet6)?);
        Ok(rules)
    }

    fn rules_of(&mut self, family: AddressFamily) -> Result<Vec<Rule>, Error> {
        let mut request = RuleMessage::default();
        request.header.family = family;
        let build = |batch: &mut nl::Batch| batch.push(rtm::GETRULE, flag::DUMP, |out| emit(out, &request));
        match self.socket.list(build, |object| Rule::parse(object.payload)) {
            // A kernel built without rules for the family, or without the family.
            Err(error) if error.kind() == nl::Kind::NotSupported => Ok(Vec::new()),
            result => result.map_err(|error| error.on("list", "rules")),
        }
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// [`nl::Kind::Exists`] for one that is there, [`nl::Kind::NotSupported`] by a kernel without rules,
    /// [`nl::Kind::NotPermitted`], [`nl::Kind::Invalid`].
    pub fn add_rule(&mut self, rule: &Rule) -> Result<(), Error> {
        let request = rule.message();
        self.socket
            .transact(|batch| batch.push(rtm::NEWRULE, flag::CREATE | flag::EXCL, |out| emit(out, &request)), |_| Ok(()))
            .map_err(|error| error.on("add rule", rule.to_string()))
    }

    /// Deletes the first rule that is equal in all that `rule` says.
    ///
    /// # Errors
    /// [`nl::Kind::NotFound`], [`nl::Kind::NotPermitted`].
    pub fn delete_rule(&mut self, rule: &Rule) -> Result<(), Error> {
        let request = rule.message();
        self.socket
            .transact(|batch| batch.push(rtm::DELRULE, 0, |out| emit(out, &request)), |_| Ok(()))
            .map_err(|error| error.on("delete rule", rule.to_string()))
    }
}
