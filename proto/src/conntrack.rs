//! Connections: the kernel's table over `NETLINK_NETFILTER`, which datapaths share with the rest of the network namespace.
//! Numbers are in network byte order there.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{DecodeError, Reason};
use crate::nla::{self, Attr, Attrs, TooLong};
use crate::nlmsg::{self, flag};
use crate::uapi::conntrack::{SUBSYS, attr, cmd, counters, help, ip, proto, protoinfo, sctp, tcp, timestamp, tuple};

mod select;
mod text;

pub use select::{Partial, Select};
pub use text::{Style, append_connection, sctp_state_name, tcp_state, tcp_state_name};

const FAMILY: &str = "ctnetlink";
/// Length of `struct nfgenmsg`: address family, version, resource.
const HEADER_LEN: usize = 4;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// What a tuple has beside its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer4 {
    /// Ports; zeros for a protocol without.
    Ports {
        /// Of the source.
        src: u16,
        /// Of the destination.
        dst: u16,
    },
    /// An ICMP or ICMPv6 message.
    Icmp {
        /// Its identifier.
        id: u16,
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

/// One direction of a connection. Both addresses are of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Where its packets come from.
    pub src: IpAddr,
    /// Where they go.
    pub dst: IpAddr,
    /// The IP protocol.
    pub protocol: u8,
    /// Ports, or what ICMP has.
    pub layer4: Layer4,
}

impl Tuple {
    fn parse(nest: &Attr<'_>, family: u8) -> Result<Self, DecodeError> {
        let missing = |kind| DecodeError::new(FAMILY, kind, nest.offset(), Reason::Missing);
        let addresses = nest.nested().find(tuple::IP).ok_or(missing(tuple::IP))?.nested();
        let layer4 = nest.nested().find(tuple::PROTO).ok_or(missing(tuple::PROTO))?.nested();
        let v4 = |kind| addresses.find(kind).map_or(Ok([0; 4]), |attr| attr.fixed(FAMILY)).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
        let v6 = |kind| addresses.find(kind).map_or(Ok([0; 16]), |attr| attr.fixed(FAMILY)).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
        let (src, dst) = match family {
            AF_INET => (v4(ip::V4_SRC)?, v4(ip::V4_DST)?),
            AF_INET6 => (v6(ip::V6_SRC)?, v6(ip::V6_DST)?),
            _ => return Err(nest.error(FAMILY, Reason::BadValue)),
        };
        let number = layer4.find(proto::NUM).and_then(|attr| attr.u8()).ok_or(missing(proto::NUM))?;
        let word = |kind| layer4.find(kind).and_then(|attr| attr.be16()).unwrap_or(0);
        let byte = |kind| layer4.find(kind).and_then(|attr| attr.u8()).unwrap_or(0);
        let layer4 = match (number, src) {
            (ICMP, IpAddr::V4(_)) => Layer4::Icmp { id: word(proto::ICMP_ID), kind: byte(proto::ICMP_TYPE), code: byte(proto::ICMP_CODE) },
            (ICMPV6, IpAddr::V6(_)) => Layer4::Icmp { id: word(proto::ICMPV6_ID), kind: byte(proto::ICMPV6_TYPE), code: byte(proto::ICMPV6_CODE) },
            (ICMP | ICMPV6, _) => Layer4::Icmp { id: 0, kind: 0, code: 0 },
            _ => Layer4::Ports { src: word(proto::SRC_PORT), dst: word(proto::DST_PORT) },
        };
        Ok(Self { src, dst, protocol: number, layer4 })
    }

    /// Appends the tuple as attribute `kind`.
    fn put(&self, out: &mut Vec<u8>, kind: u16) -> Result<(), TooLong> {
        nla::put_nested(out, kind | nla::NLA_F_NESTED, |out| {
            nla::put_nested(out, tuple::IP | nla::NLA_F_NESTED, |out| {
                for (v4, v6, address) in [(ip::V4_SRC, ip::V6_SRC, self.src), (ip::V4_DST, ip::V6_DST, self.dst)] {
                    match address {
                        IpAddr::V4(address) => nla::put_array(out, v4, address.octets()),
                        IpAddr::V6(address) => nla::put_array(out, v6, address.octets()),
                    }
                }
                Ok::<(), TooLong>(())
            })?;
            nla::put_nested(out, tuple::PROTO | nla::NLA_F_NESTED, |out| {
                nla::put_u8(out, proto::NUM, self.protocol);
                match (self.layer4, self.src) {
                    (Layer4::Ports { src, dst }, _) => {
                        nla::put_be16(out, proto::SRC_PORT, src);
                        nla::put_be16(out, proto::DST_PORT, dst);
                    }
                    (Layer4::Icmp { id, kind, code }, IpAddr::V4(_)) => {
                        nla::put_be16(out, proto::ICMP_ID, id);
                        nla::put_u8(out, proto::ICMP_TYPE, kind);
                        nla::put_u8(out, proto::ICMP_CODE, code);
                    }
                    (Layer4::Icmp { id, kind, code }, IpAddr::V6(_)) => {
                        nla::put_be16(out, proto::ICMPV6_ID, id);
                        nla::put_u8(out, proto::ICMPV6_TYPE, kind);
                        nla::put_u8(out, proto::ICMPV6_CODE, code);
                    }
                }
                Ok(())
            })
        })
    }

    const fn family(&self) -> u8 {
        match self.src {
            IpAddr::V4(_) => AF_INET,
            IpAddr::V6(_) => AF_INET6,
        }
    }
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// What went one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What the protocol keeps of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Info {
    /// Nothing that is told.
    #[default]
    None,
    /// TCP's.
    Tcp {
        /// One of [`tcp_state`](crate::uapi::conntrack::tcp_state).
        state: u8,
        /// Window scales, of the first packet's sender and of the other.
        scales: [u8; 2],
        /// Flags, of the first packet's sender and of the other.
        flags: [u8; 2],
    },
    /// SCTP's.
    Sctp {
        /// Its state.
        state: u8,
        /// Verification tags as they stand on the wire, there and back.
        tags: [[u8; 4]; 2],
    },
}

/// A connection, as an answer describes it.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// As its first packet was.
    pub orig: Tuple,
    /// As answers are.
    pub reply: Tuple,
    /// The connection this one was expected by.
    pub parent: Option<Tuple>,
    /// Its zone.
    pub zone: u16,
    /// Bits of [`status`](crate::uapi::conntrack::status).
    pub status: u32,
    /// The kernel's number for it.
    pub id: u32,
    /// Seconds left.
    pub timeout: u32,
    /// Its mark.
    pub mark: u32,
    /// Its labels.
    pub labels: u128,
    /// What went there and back; zeros unless `net.netfilter.nf_conntrack_acct` is set.
    pub counters: [Counters; 2],
    /// When it began and ended, in nanoseconds since 1970; zeros unless `net.netfilter.nf_conntrack_timestamp` is set.
    pub times: [u64; 2],
    /// What the protocol keeps.
    pub info: Info,
    /// Its helper's name.
    pub helper: Option<&'a [u8]>,
    orig_attr: Attr<'a>,
}

impl<'a> Connection<'a> {
    /// Reads a message's payload.
    ///
    /// # Errors
    /// When an attribute is malformed, or one that no connection lacks is missing.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (&[family, _, _, _], bytes) = payload.split_first_chunk::<HEADER_LEN>().ok_or(DecodeError::new(FAMILY, 0, 0, Reason::Truncated))?;
        let attrs = Attrs::new(bytes);
        attrs.check(FAMILY)?;
        let need = |kind| attrs.find(kind).ok_or(DecodeError::new(FAMILY, kind, 0, Reason::Missing));
        let be32 = |kind| attrs.find(kind).map_or(Ok(0), |attr| attr.fixed(FAMILY).map(u32::from_be_bytes));
        let orig_attr = need(attr::TUPLE_ORIG)?;
        let counters = |kind| {
            let nest = attrs.find(kind).map(|attr| attr.nested());
            let count = |kind| nest.and_then(|nest| nest.find(kind)?.be64()).unwrap_or(0);
            Counters { packets: count(counters::PACKETS), bytes: count(counters::BYTES) }
        };
        let time = |kind| attrs.find(attr::TIMESTAMP).and_then(|nest| nest.nested().find(kind)?.be64()).unwrap_or(0);
        Ok(Self {
            orig: Tuple::parse(&orig_attr, family)?,
            reply: Tuple::parse(&need(attr::TUPLE_REPLY)?, family)?,
            parent: attrs.find(attr::TUPLE_MASTER).map(|nest| Tuple::parse(&nest, family)).transpose()?,
            zone: attrs.find(attr::ZONE).map_or(Ok(0), |attr| attr.fixed(FAMILY).map(u16::from_be_bytes))?,
            status: u32::from_be_bytes(need(attr::STATUS)?.fixed(FAMILY)?),
            id: u32::from_be_bytes(need(attr::ID)?.fixed(FAMILY)?),
            timeout: be32(attr::TIMEOUT)?,
            mark: be32(attr::MARK)?,
            labels: attrs.find(attr::LABELS).and_then(|attr| attr.array().map(u128::from_le_bytes)).unwrap_or(0),
            counters: [counters(attr::COUNTERS_ORIG), counters(attr::COUNTERS_REPLY)],
            times: [time(timestamp::START), time(timestamp::STOP)],
            info: attrs.find(attr::PROTOINFO).map_or(Info::None, |nest| Info::parse(&nest)),
            helper: attrs.find(attr::HELP).and_then(|nest| Some(nest.nested().find(help::NAME)?.cstr())),
            orig_attr,
        })
    }
}

impl Info {
    fn parse(nest: &Attr<'_>) -> Self {
        if let Some(nest) = nest.nested().find(protoinfo::TCP).map(|attr| attr.nested()) {
            let byte = |kind| nest.find(kind).and_then(|attr| attr.u8()).unwrap_or(0);
            // Flags, and which of them are meant.
            let flags = |kind| nest.find(kind).and_then(|attr| attr.array::<2>()).map_or(0, |[flags, _]| flags);
            let Some(state) = nest.find(tcp::STATE).and_then(|attr| attr.u8()) else { return Self::None };
            let scales = [byte(tcp::WSCALE_ORIGINAL), byte(tcp::WSCALE_REPLY)];
            return Self::Tcp { state, scales, flags: [flags(tcp::FLAGS_ORIGINAL), flags(tcp::FLAGS_REPLY)] };
        }
        let Some(nest) = nest.nested().find(protoinfo::SCTP).map(|attr| attr.nested()) else { return Self::None };
        let tag = |kind| nest.find(kind).and_then(|attr| attr.array()).unwrap_or_default();
        match nest.find(sctp::STATE).and_then(|attr| attr.u8()) {
            Some(state) => Self::Sctp { state, tags: [tag(sctp::VTAG_ORIGINAL), tag(sctp::VTAG_REPLY)] },
            None => Self::None,
        }
    }
}

/// Appends a whole request: netlink and netfilter header, then what `fill` writes.
fn put(out: &mut Vec<u8>, command: u8, flags: u16, family: u8, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>) -> Result<(), TooLong> {
    nlmsg::put(out, kind(command), flags | flag::REQUEST, 0, |out| {
        out.extend_from_slice(&[family, 0, 0, 0]);
        fill(out)
    })
}

/// The message type of a command.
pub const fn kind(command: u8) -> u16 {
    u16::from_be_bytes([SUBSYS, command])
}

/// Appends GET: read every connection.
///
/// # Errors
/// None in practice.
pub fn dump(out: &mut Vec<u8>) -> Result<(), TooLong> {
    put(out, cmd::GET, flag::DUMP, 0, |_| Ok(()))
}

/// Appends DELETE: remove every connection of the network namespace.
///
/// # Errors
/// None in practice.
pub fn flush(out: &mut Vec<u8>) -> Result<(), TooLong> {
    put(out, cmd::DELETE, 0, 0, |_| Ok(()))
}

/// Appends DELETE: remove this connection, unless another with the same tuple has taken its place.
///
/// # Errors
/// None in practice: a tuple fits.
pub fn delete(out: &mut Vec<u8>, connection: &Connection<'_>) -> Result<(), TooLong> {
    put(out, cmd::DELETE, 0, connection.orig.family(), |out| {
        nla::put_be16(out, attr::ZONE, connection.zone);
        connection.orig_attr.put(out)?;
        nla::put_be32(out, attr::ID, connection.id);
        Ok(())
    })
}

/// Appends DELETE: remove the connection whose first packet was like `tuple`, in `zone`.
///
/// # Errors
/// None in practice: a tuple fits.
pub fn delete_tuple(out: &mut Vec<u8>, zone: u16, tuple: &Tuple) -> Result<(), TooLong> {
    put(out, cmd::DELETE, 0, tuple.family(), |out| {
        nla::put_be16(out, attr::ZONE, zone);
        tuple.put(out, attr::TUPLE_ORIG)
    })
}

#[cfg(test)]
mod tests;
