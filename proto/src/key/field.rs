//! Every attribute of a key as a value.
//!
//! Padding at the end of the kernel's structures (ARP, connection tuples, ND extensions) is ignored when reading, because
//! kernels before 5.5 left bytes of their stack there, and written as zeros.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::error::DecodeError;
use crate::key::FAMILY;
use crate::mac::Mac;
use crate::nla::{self, Attr, TooLong};
use crate::uapi::key;

/// Cuts fixed pieces off the front of a structure whose length was checked; zeros when there is nothing left.
struct Cut<'a>(&'a [u8]);

impl Cut<'_> {
    #[inline]
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((head, tail)) => {
                self.0 = tail;
                *head
            }
            None => [0; N],
        }
    }

    #[inline]
    fn u8(&mut self) -> u8 {
        u8::from_ne_bytes(self.bytes())
    }

    #[inline]
    fn be16(&mut self) -> u16 {
        u16::from_be_bytes(self.bytes())
    }

    #[inline]
    fn be32(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes())
    }

    #[inline]
    fn ipv4(&mut self) -> Ipv4Addr {
        Ipv4Addr::from(self.bytes())
    }

    #[inline]
    fn ipv6(&mut self) -> Ipv6Addr {
        Ipv6Addr::from(self.bytes())
    }

    #[inline]
    fn mac(&mut self) -> Mac {
        Mac(self.bytes())
    }
}

/// Fills a structure of `N` bytes from the front; what is not written stays zero.
struct Fill<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Fill<N> {
    #[inline]
    fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    #[inline]
    fn put<const K: usize>(mut self, piece: [u8; K]) -> Self {
        if let Some(room) = self.bytes.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<K>()) {
            *room = piece;
        }
        self.at += K;
        self
    }
}

/// Declares a structure of the wire with its fields in their order: how each is cut off and how it is put back.
macro_rules! structure {
    ($(#[$doc:meta])* $name:ident, $len:literal { $($(#[$field_doc:meta])* $field:ident: $ty:ty, $cut:ident, $put:expr;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $name {
            /// The structure's length on the wire in bytes, padding included.
            pub const LEN: usize = $len;

            /// Reads the structure as it is on the wire.
            #[inline]
            pub fn from_bytes(bytes: [u8; $len]) -> Self {
                let mut cut = Cut(&bytes);
                Self { $($field: cut.$cut(),)* }
            }

            /// The structure as it is on the wire, padding zero.
            #[inline]
            pub fn to_bytes(self) -> [u8; $len] {
                let fill = Fill::<$len>::new();
                $(let fill = fill.put($put(self.$field));)*
                fill.bytes
            }
        }
    };
}

fn mac(mac: Mac) -> [u8; 6] {
    mac.0
}

fn ipv4(ip: Ipv4Addr) -> [u8; 4] {
    ip.octets()
}

fn ipv6(ip: Ipv6Addr) -> [u8; 16] {
    ip.octets()
}

fn byte(byte: u8) -> [u8; 1] {
    [byte]
}

structure! {
    /// An Ethernet header's addresses.
    Ethernet, 12 {
        /// The source.
        src: Mac, mac, mac;
        /// The destination.
        dst: Mac, mac, mac;
    }
}

structure! {
    /// What is matched of an IPv4 header.
    Ipv4, 12 {
        /// The source.
        src: Ipv4Addr, ipv4, ipv4;
        /// The destination.
        dst: Ipv4Addr, ipv4, ipv4;
        /// The protocol behind it.
        proto: u8, u8, byte;
        /// Type of service: DSCP and ECN.
        tos: u8, u8, byte;
        /// Time to live.
        ttl: u8, u8, byte;
        /// One of [`uapi::frag`](crate::uapi::frag).
        frag: u8, u8, byte;
    }
}

structure! {
    /// What is matched of an IPv6 header.
    Ipv6, 40 {
        /// The source.
        src: Ipv6Addr, ipv6, ipv6;
        /// The destination.
        dst: Ipv6Addr, ipv6, ipv6;
        /// The flow label, its lowest 20 bits.
        label: u32, be32, u32::to_be_bytes;
        /// The last protocol that was read.
        proto: u8, u8, byte;
        /// Traffic class: DSCP and ECN.
        tclass: u8, u8, byte;
        /// Hop limit.
        hlimit: u8, u8, byte;
        /// One of [`uapi::frag`](crate::uapi::frag).
        frag: u8, u8, byte;
    }
}

structure! {
    /// The ports of TCP, UDP or SCTP.
    Ports, 4 {
        /// The source.
        src: u16, be16, u16::to_be_bytes;
        /// The destination.
        dst: u16, be16, u16::to_be_bytes;
    }
}

structure! {
    /// What an ICMP or ICMPv6 message is.
    Icmp, 2 {
        /// Its type.
        kind: u8, u8, byte;
        /// Its code.
        code: u8, u8, byte;
    }
}

structure! {
    /// An ARP message.
    Arp, 24 {
        /// The sender's IP address.
        sip: Ipv4Addr, ipv4, ipv4;
        /// The target's IP address.
        tip: Ipv4Addr, ipv4, ipv4;
        /// The operation: 1 a request, 2 an answer.
        op: u16, be16, u16::to_be_bytes;
        /// The sender's Ethernet address.
        sha: Mac, mac, mac;
        /// The target's Ethernet address.
        tha: Mac, mac, mac;
    }
}

structure! {
    /// An IPv6 neighbour solicitation or advertisement.
    Nd, 28 {
        /// The target.
        target: Ipv6Addr, ipv6, ipv6;
        /// The source's link-layer address option, zero when there is none.
        sll: Mac, mac, mac;
        /// The target's link-layer address option, zero when there is none.
        tll: Mac, mac, mac;
    }
}

structure! {
    /// More of a neighbour advertisement; between userspace programs only.
    NdExtensions, 8 {
        /// The reserved field with its flags.
        reserved: u32, be32, u32::to_be_bytes;
        /// The option's type.
        options_type: u8, u8, byte;
    }
}

structure! {
    /// The addresses and ports a connection began with, over IPv4.
    CtTuple4, 16 {
        /// The source.
        src: Ipv4Addr, ipv4, ipv4;
        /// The destination.
        dst: Ipv4Addr, ipv4, ipv4;
        /// The source's port.
        src_port: u16, be16, u16::to_be_bytes;
        /// The destination's port.
        dst_port: u16, be16, u16::to_be_bytes;
        /// The protocol.
        proto: u8, u8, byte;
    }
}

structure! {
    /// The addresses and ports a connection began with, over IPv6.
    CtTuple6, 40 {
        /// The source.
        src: Ipv6Addr, ipv6, ipv6;
        /// The destination.
        dst: Ipv6Addr, ipv6, ipv6;
        /// The source's port.
        src_port: u16, be16, u16::to_be_bytes;
        /// The destination's port.
        dst_port: u16, be16, u16::to_be_bytes;
        /// The protocol.
        proto: u8, u8, byte;
    }
}

/// An MPLS label stack entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lse(pub u32);

impl Lse {
    /// An entry from its parts: 20 bits of label, 3 of traffic class, whether it is the last, time to live.
    pub const fn new(label: u32, tc: u8, bos: bool, ttl: u8) -> Self {
        Self((label & 0xf_ffff) << 12 | (tc as u32 & 7) << 9 | (bos as u32) << 8 | ttl as u32)
    }

    /// The label.
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// The traffic class.
    pub const fn tc(self) -> u8 {
        (self.0 >> 9 & 7) as u8
    }

    /// The bottom-of-stack bit.
    pub const fn bos(self) -> u8 {
        (self.0 >> 8 & 1) as u8
    }

    /// The time to live.
    pub const fn ttl(self) -> u8 {
        (self.0 & 0xff) as u8
    }
}

/// One attribute of a key or mask, as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// What is behind a VLAN tag: a nest of fields.
    Encap(Attr<'a>),
    /// `skb->priority`.
    Priority(u32),
    /// The port the packet came in by.
    InPort(u32),
    /// The Ethernet addresses.
    Ethernet(Ethernet),
    /// A VLAN tag's TCI.
    Vlan(u16),
    /// The Ethernet type, or a tag's TPID.
    EthType(u16),
    /// The IPv4 header.
    Ipv4(Ipv4),
    /// The IPv6 header.
    Ipv6(Ipv6),
    /// TCP's ports.
    Tcp(Ports),
    /// UDP's ports.
    Udp(Ports),
    /// ICMP's type and code.
    Icmp(Icmp),
    /// ICMPv6's type and code.
    Icmpv6(Icmp),
    /// The ARP message.
    Arp(Arp),
    /// The neighbour message.
    Nd(Nd),
    /// `skb->mark`.
    SkbMark(u32),
    /// The tunnel the packet came out of: a nest for [`tunnel_fields`](super::tunnel_fields).
    Tunnel(Attr<'a>),
    /// SCTP's ports.
    Sctp(Ports),
    /// TCP's flags.
    TcpFlags(u16),
    /// The hash a `hash` action left.
    DpHash(u32),
    /// The pass after a `recirc` action.
    RecircId(u32),
    /// Label stack entries, 4 bytes each, in network order.
    Mpls(&'a [[u8; 4]]),
    /// Bits of [`uapi::ct_state`](crate::uapi::ct_state).
    CtState(u32),
    /// The connection-tracking zone.
    CtZone(u16),
    /// The connection's mark.
    CtMark(u32),
    /// The connection's labels, as on the wire.
    CtLabels([u8; 16]),
    /// What the connection began with.
    CtOrigTuple4(CtTuple4),
    /// What the connection began with.
    CtOrigTuple6(CtTuple6),
    /// The network service header: a nest for [`nsh_fields`](super::nsh_fields).
    Nsh(Attr<'a>),
    /// Namespace and type of the packet; between userspace programs only.
    PacketType(u32),
    /// More of a neighbour advertisement; between userspace programs only.
    NdExtensions(NdExtensions),
    /// Bits for the IPv6 extension headers seen.
    Ipv6Exthdrs(u16),
    /// An attribute this version does not know, or one with flags in its type that the kernel does not set: to be carried
    /// through untouched.
    Other(Attr<'a>),
}

impl<'a> Field<'a> {
    /// Reads one attribute.
    ///
    /// # Errors
    /// [`Reason::BadLength`](crate::Reason::BadLength) when it does not have its type's length.
    #[inline]
    pub fn read(attr: Attr<'a>) -> Result<Self, DecodeError> {
        if attr.raw_type() != attr.kind() {
            return Ok(match attr.kind() {
                key::ENCAP => Self::Encap(attr),
                key::TUNNEL => Self::Tunnel(attr),
                key::NSH => Self::Nsh(attr),
                _ => Self::Other(attr),
            });
        }
        Ok(match attr.kind() {
            key::ENCAP => Self::Encap(attr),
            key::PRIORITY => Self::Priority(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
            key::IN_PORT => Self::InPort(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
            key::ETHERNET => Self::Ethernet(Ethernet::from_bytes(attr.fixed(FAMILY)?)),
            key::VLAN => Self::Vlan(u16::from_be_bytes(attr.fixed(FAMILY)?)),
            key::ETHERTYPE => Self::EthType(u16::from_be_bytes(attr.fixed(FAMILY)?)),
            key::IPV4 => Self::Ipv4(Ipv4::from_bytes(attr.fixed(FAMILY)?)),
            key::IPV6 => Self::Ipv6(Ipv6::from_bytes(attr.fixed(FAMILY)?)),
            key::TCP => Self::Tcp(Ports::from_bytes(attr.fixed(FAMILY)?)),
            key::UDP => Self::Udp(Ports::from_bytes(attr.fixed(FAMILY)?)),
            key::ICMP => Self::Icmp(Icmp::from_bytes(attr.fixed(FAMILY)?)),
            key::ICMPV6 => Self::Icmpv6(Icmp::from_bytes(attr.fixed(FAMILY)?)),
            key::ARP => Self::Arp(Arp::from_bytes(attr.fixed(FAMILY)?)),
            key::ND => Self::Nd(Nd::from_bytes(attr.fixed(FAMILY)?)),
            key::SKB_MARK => Self::SkbMark(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
            key::TUNNEL => Self::Tunnel(attr),
            key::SCTP => Self::Sctp(Ports::from_bytes(attr.fixed(FAMILY)?)),
            key::TCP_FLAGS => Self::TcpFlags(u16::from_be_bytes(attr.fixed(FAMILY)?)),
            key::DP_HASH => Self::DpHash(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
            key::RECIRC_ID => Self::RecircId(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
            key::MPLS => match attr.payload().as_chunks() {
                (entries, []) => Self::Mpls(entries),
                _ => return Err(attr.error(FAMILY, crate::Reason::BadLength)),
            },
            key::CT_STATE => Self::CtState(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
            key::CT_ZONE => Self::CtZone(u16::from_ne_bytes(attr.fixed(FAMILY)?)),
            key::CT_MARK => Self::CtMark(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
            key::CT_LABELS => Self::CtLabels(attr.fixed(FAMILY)?),
            key::CT_ORIG_TUPLE_IPV4 => Self::CtOrigTuple4(CtTuple4::from_bytes(attr.fixed(FAMILY)?)),
            key::CT_ORIG_TUPLE_IPV6 => Self::CtOrigTuple6(CtTuple6::from_bytes(attr.fixed(FAMILY)?)),
            key::NSH => Self::Nsh(attr),
            key::PACKET_TYPE => Self::PacketType(u32::from_be_bytes(attr.fixed(FAMILY)?)),
            key::ND_EXTENSIONS => Self::NdExtensions(NdExtensions::from_bytes(attr.fixed(FAMILY)?)),
            key::IPV6_EXTHDRS => Self::Ipv6Exthdrs(u16::from_ne_bytes(attr.fixed(FAMILY)?)),
            _ => Self::Other(attr),
        })
    }

    /// Appends the attribute.
    ///
    /// # Errors
    /// [`TooLong`] when one of the variants that borrow holds more than an attribute can; nothing is appended then.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match *self {
            Self::Encap(attr) | Self::Tunnel(attr) | Self::Nsh(attr) | Self::Other(attr) => return attr.put(out),
            Self::Mpls(entries) => return nla::put(out, key::MPLS, entries.as_flattened()),
            Self::Priority(value) => nla::put_u32(out, key::PRIORITY, value),
            Self::InPort(value) => nla::put_u32(out, key::IN_PORT, value),
            Self::Ethernet(value) => nla::put_array(out, key::ETHERNET, value.to_bytes()),
            Self::Vlan(value) => nla::put_be16(out, key::VLAN, value),
            Self::EthType(value) => nla::put_be16(out, key::ETHERTYPE, value),
            Self::Ipv4(value) => nla::put_array(out, key::IPV4, value.to_bytes()),
            Self::Ipv6(value) => nla::put_array(out, key::IPV6, value.to_bytes()),
            Self::Tcp(value) => nla::put_array(out, key::TCP, value.to_bytes()),
            Self::Udp(value) => nla::put_array(out, key::UDP, value.to_bytes()),
            Self::Icmp(value) => nla::put_array(out, key::ICMP, value.to_bytes()),
            Self::Icmpv6(value) => nla::put_array(out, key::ICMPV6, value.to_bytes()),
            Self::Arp(value) => nla::put_array(out, key::ARP, value.to_bytes()),
            Self::Nd(value) => nla::put_array(out, key::ND, value.to_bytes()),
            Self::SkbMark(value) => nla::put_u32(out, key::SKB_MARK, value),
            Self::Sctp(value) => nla::put_array(out, key::SCTP, value.to_bytes()),
            Self::TcpFlags(value) => nla::put_be16(out, key::TCP_FLAGS, value),
            Self::DpHash(value) => nla::put_u32(out, key::DP_HASH, value),
            Self::RecircId(value) => nla::put_u32(out, key::RECIRC_ID, value),
            Self::CtState(value) => nla::put_u32(out, key::CT_STATE, value),
            Self::CtZone(value) => nla::put_u16(out, key::CT_ZONE, value),
            Self::CtMark(value) => nla::put_u32(out, key::CT_MARK, value),
            Self::CtLabels(value) => nla::put_array(out, key::CT_LABELS, value),
            Self::CtOrigTuple4(value) => nla::put_array(out, key::CT_ORIG_TUPLE_IPV4, value.to_bytes()),
            Self::CtOrigTuple6(value) => nla::put_array(out, key::CT_ORIG_TUPLE_IPV6, value.to_bytes()),
            Self::PacketType(value) => nla::put_be32(out, key::PACKET_TYPE, value),
            Self::NdExtensions(value) => nla::put_array(out, key::ND_EXTENSIONS, value.to_bytes()),
            Self::Ipv6Exthdrs(value) => nla::put_u16(out, key::IPV6_EXTHDRS, value),
        }
        Ok(())
    }
}
