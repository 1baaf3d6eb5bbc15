//! Reading a key's fields.

use crate::error::DecodeError;
use crate::key::{Arp, CtTuple4, CtTuple6, Ethernet, FAMILY, Field, Icmp, Ipv4, Ipv6, L2, Nd, Ports};
use crate::nla::Attrs;
use crate::uapi::key;

/// A key or mask, borrowed. Each accessor looks through the list; to read several fields, go through [`Key::fields`] once.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    attrs: Attrs<'a>,
}

impl<'a> Key<'a> {
    /// A key over its attributes' bytes. An attribute of a length its type does not have reads as absent here, and as an
    /// error in [`Key::fields`] and [`Key::check`].
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { attrs: Attrs::new(bytes) }
    }

    /// The attributes' bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.attrs.bytes()
    }

    /// The attributes, untyped.
    pub const fn attrs(&self) -> Attrs<'a> {
        self.attrs
    }

    /// Every field, typed, in the message's order.
    pub const fn fields(&self) -> Fields<'a> {
        Fields { attrs: self.attrs }
    }

    /// What a learning switch reads.
    ///
    /// # Errors
    /// See [`L2::parse`].
    pub fn l2(&self) -> Result<L2, DecodeError> {
        L2::parse(self.bytes())
    }

    /// Checks that every field can be read.
    ///
    /// # Errors
    /// [`Reason::BadLength`](crate::Reason::BadLength) at the first that cannot.
    pub fn check(&self) -> Result<(), DecodeError> {
        self.attrs.check(FAMILY)?;
        self.fields().try_for_each(|field| field.map(|_| ()))
    }

    /// The fields behind the VLAN tag.
    pub fn encap(&self) -> Option<Self> {
        Some(Self { attrs: self.attrs.find(key::ENCAP)?.nested() })
    }

    /// The tunnel's key, for [`tunnel_fields`](super::tunnel_fields).
    pub fn tunnel(&self) -> Option<&'a [u8]> {
        Some(self.attrs.find(key::TUNNEL)?.payload())
    }

    /// The NSH key, for [`nsh_fields`](super::nsh_fields).
    pub fn nsh(&self) -> Option<&'a [u8]> {
        Some(self.attrs.find(key::NSH)?.payload())
    }
}

macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident, $kind:ident, $variant:ident, $ty:ty;)*) => {
        impl<'a> Key<'a> {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> Option<$ty> {
                    match Field::read(self.attrs.find(key::$kind)?) {
                        Ok(Field::$variant(value)) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
}

accessors! {
    /// `skb->priority`.
    priority, PRIORITY, Priority, u32;
    /// The port the packet came in by.
    in_port, IN_PORT, InPort, u32;
    /// The Ethernet addresses.
    ethernet, ETHERNET, Ethernet, Ethernet;
    /// The outermost VLAN tag's TCI.
    vlan, VLAN, Vlan, u16;
    /// The Ethernet type, or the outermost tag's TPID.
    eth_type, ETHERTYPE, EthType, u16;
    /// The IPv4 header.
    ipv4, IPV4, Ipv4, Ipv4;
    /// The IPv6 header.
    ipv6, IPV6, Ipv6, Ipv6;
    /// TCP's ports.
    tcp, TCP, Tcp, Ports;
    /// UDP's ports.
    udp, UDP, Udp, Ports;
    /// ICMP's type and code.
    icmp, ICMP, Icmp, Icmp;
    /// ICMPv6's type and code.
    icmpv6, ICMPV6, Icmpv6, Icmp;
    /// The ARP message.
    arp, ARP, Arp, Arp;
    /// The neighbour message.
    nd, ND, Nd, Nd;
    /// `skb->mark`.
    skb_mark, SKB_MARK, SkbMark, u32;
    /// SCTP's ports.
    sctp, SCTP, Sctp, Ports;
    /// TCP's flags.
    tcp_flags, TCP_FLAGS, TcpFlags, u16;
    /// The hash a `hash` action left.
    dp_hash, DP_HASH, DpHash, u32;
    /// The pass after a `recirc` action.
    recirc_id, RECIRC_ID, RecircId, u32;
    /// MPLS label stack entries, in network order.
    mpls, MPLS, Mpls, &'a [[u8; 4]];
    /// Bits of [`uapi::ct_state`](crate::uapi::ct_state).
    ct_state, CT_STATE, CtState, u32;
    /// The connection-tracking zone.
    ct_zone, CT_ZONE, CtZone, u16;
    /// The connection's mark.
    ct_mark, CT_MARK, CtMark, u32;
    /// The connection's labels.
    ct_labels, CT_LABELS, CtLabels, [u8; 16];
    /// What the connection began with.
    ct_orig_tuple4, CT_ORIG_TUPLE_IPV4, CtOrigTuple4, CtTuple4;
    /// What the connection began with.
    ct_orig_tuple6, CT_ORIG_TUPLE_IPV6, CtOrigTuple6, CtTuple6;
    /// Bits for the IPv6 extension headers seen.
    ipv6_exthdrs, IPV6_EXTHDRS, Ipv6Exthdrs, u16;
}

/// Iterates over a key's fields; see [`fields`].
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    attrs: Attrs<'a>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.attrs.next().map(Field::read)
    }
}

/// The fields of a key or mask, in the message's order. A field that cannot be read is an error in its place.
pub const fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields { attrs: Attrs::new(bytes) }
}
