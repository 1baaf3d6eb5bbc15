//! A key and its mask as text.

mod nests;

pub(crate) use nests::{TUN_CSUM, TUN_DF, TUN_FLAGS, TUN_KEY, TUN_OAM, write_nsh_masked};

use core::fmt::{self, Write};
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::key::VLAN_PRESENT;
use crate::key::{Arp, CtTuple4, CtTuple6, Ethernet, Icmp, Ipv4, Ipv6, Lse, Nd, NdExtensions, Ports};
use crate::mac::Mac;
use crate::nla::{Attr, Attrs};
use crate::text::{self, Appender, BigHex, Bytes, Hex, Ip6, List, Style};
use crate::uapi::{frag, key};

/// The deepest nest that is printed; the kernel itself stops earlier.
pub(crate) const MAX_DEPTH: usize = 16;

pub(crate) const TCP_FLAGS: &[&str] = &["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"];
pub(crate) const CT_STATE: &[&str] = &["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];

/// Which bits of a value count.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mask<'a> {
    /// All of them.
    Exact,
    /// None of them.
    Any,
    /// Those set here.
    Bits(&'a [u8]),
}

impl<'a> Mask<'a> {
    /// The mask of the attribute `kind` in the nest this is the mask of.
    fn of(self, kind: u16) -> Self {
        match self {
            Self::Bits(bytes) => Attrs::new(bytes).find(kind).map_or(Self::Any, |attr| Self::Bits(attr.payload())),
            other => other,
        }
    }

    /// The mask as an array, `None` when it has another length.
    fn array<const N: usize>(self) -> Option<[u8; N]> {
        match self {
            Self::Exact => Some([0xff; N]),
            Self::Any => Some([0; N]),
            Self::Bits(bytes) => bytes.try_into().ok(),
        }
    }

    fn is_any(self) -> bool {
        match self {
            Self::Exact => false,
            Self::Any => true,
            Self::Bits(bytes) => bytes.iter().all(|byte| *byte == 0),
        }
    }

    fn is_exact(self) -> bool {
        match self {
            Self::Exact => true,
            Self::Any => false,
            Self::Bits(bytes) => bytes.iter().all(|byte| *byte == 0xff),
        }
    }
}

/// The name of an attribute.
pub(crate) fn name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        key::UNSPEC => "unspec",
        key::ENCAP => "encap",
        key::PRIORITY => "skb_priority",
        key::IN_PORT => "in_port",
        key::ETHERNET => "eth",
        key::VLAN => "vlan",
        key::ETHERTYPE => "eth_type",
        key::IPV4 => "ipv4",
        key::IPV6 => "ipv6",
        key::TCP => "tcp",
        key::UDP => "udp",
        key::ICMP => "icmp",
        key::ICMPV6 => "icmpv6",
        key::ARP => "arp",
        key::ND => "nd",
        key::SKB_MARK => "skb_mark",
        key::TUNNEL => "tunnel",
        key::SCTP => "sctp",
        key::TCP_FLAGS => "tcp_flags",
        key::DP_HASH => "dp_hash",
        key::RECIRC_ID => "recirc_id",
        key::MPLS => "mpls",
        key::CT_STATE => "ct_state",
        key::CT_ZONE => "ct_zone",
        key::CT_MARK => "ct_mark",
        key::CT_LABELS => "ct_label",
        key::CT_ORIG_TUPLE_IPV4 => "ct_tuple4",
        key::CT_ORIG_TUPLE_IPV6 => "ct_tuple6",
        key::NSH => "nsh",
        key::PACKET_TYPE => "packet_type",
        key::ND_EXTENSIONS => "nd_ext",
        _ => return None,
    })
}

/// The length an attribute must have; `None`: any.
fn expected_len(kind: u16) -> Option<usize> {
    Some(match kind {
        key::PRIORITY | key::IN_PORT | key::SKB_MARK | key::DP_HASH | key::RECIRC_ID | key::CT_STATE | key::CT_MARK | key::PACKET_TYPE => 4,
        key::ETHERNET => Ethernet::LEN,
        key::VLAN | key::ETHERTYPE | key::TCP_FLAGS | key::CT_ZONE | key::ICMP | key::ICMPV6 => 2,
        key::IPV4 => Ipv4::LEN,
        key::IPV6 => Ipv6::LEN,
        key::TCP | key::UDP | key::SCTP => Ports::LEN,
        key::ARP => Arp::LEN,
        key::ND => Nd::LEN,
        key::CT_LABELS => 16,
        key::CT_ORIG_TUPLE_IPV4 => CtTuple4::LEN,
        key::CT_ORIG_TUPLE_IPV6 => CtTuple6::LEN,
        key::ND_EXTENSIONS => NdExtensions::LEN,
        _ => return None,
    })
}

/// The bits that make a mask exact, where not every bit of the attribute counts: padding, and reserved bits.
fn is_exact(kind: u16, mask: Mask<'_>) -> bool {
    let front = |len: usize| match mask {
        Mask::Bits(bytes) => bytes.get(..len).is_some_and(|front| front.iter().all(|byte| *byte == 0xff)),
        other => other.is_exact(),
    };
    match kind {
        key::TCP_FLAGS => mask.array::<2>().is_some_and(|mask| u16::from_be_bytes(mask) & 0xfff == 0xfff),
        key::ARP => front(22),
        key::CT_ORIG_TUPLE_IPV4 => front(13),
        key::CT_ORIG_TUPLE_IPV6 => front(37),
        // Of one it does not know `ovs-dpctl` prints any mask.
        _ if name(kind).is_none() => matches!(mask, Mask::Exact),
        _ => mask.is_exact(),
    }
}

/// Prints a key with its mask. `mask` `None`: every bit counts. No allocation.
///
/// # Errors
/// Only what `out` returns.
pub fn fmt_key(out: &mut dyn Write, key: &[u8], mask: Option<&[u8]>, style: &Style<'_>) -> fmt::Result {
    // An empty mask is as none, as in `ovs-dpctl`.
    let mask = mask.filter(|mask| !mask.is_empty()).map_or(Mask::Exact, Mask::Bits);
    write_key(out, key, mask, style, 0)
}

/// Appends a key with its mask as text, which is UTF-8. `mask` `None`: every bit counts. No allocation when `out` has room.
pub fn append_key(out: &mut Vec<u8>, key: &[u8], mask: Option<&[u8]>, style: &Style<'_>) {
    // Appending does not fail.
    let _ = fmt_key(&mut Appender(out), key, mask, style);
}

fn write_key(out: &mut dyn Write, bytes: &[u8], mask: Mask<'_>, style: &Style<'_>, depth: usize) -> fmt::Result {
    if bytes.is_empty() {
        return out.write_str("<empty>");
    }
    if depth > MAX_DEPTH {
        return out.write_str("<nested too deep>");
    }
    let mut list = List::new(out);
    let (mut has_eth_type, mut has_packet_type) = (false, false);
    let mut attrs = Attrs::new(bytes);
    for attr in attrs.by_ref() {
        let kind = attr.kind();
        has_eth_type |= kind == key::ETHERTYPE;
        has_packet_type |= kind == key::PACKET_TYPE;
        let attr_mask = mask.of(kind);
        let nested = matches!(kind, key::ENCAP | key::TUNNEL | key::NSH);
        // An attribute this does not know is printed whatever its mask.
        let wildcard = match (mask, name(kind)) {
            (Mask::Exact, _) => false,
            (_, None) => matches!(attr_mask, Mask::Any),
            _ => attr_mask.is_any(),
        };
        if style.verbose || !wildcard || nested {
            write_attr(list.item()?, attr, attr_mask, style, depth)?;
        } else if kind == key::ETHERNET && !has_packet_type {
            // That there is an Ethernet header says what the packet is, even when any address matches.
            list.item()?.write_str("eth()")?;
        }
    }
    text::leftover(list.out, attrs.rest(), bytes.len())?;
    if !has_eth_type
        && let Mask::Bits(bits) = mask
        && let Some(eth_type) = Attrs::new(bits).find(key::ETHERTYPE).and_then(|attr| attr.be16())
    {
        write!(list.out, ",eth_type(0/0x{eth_type:04x})")?;
    }
    Ok(())
}

/// Prints one attribute: `name(…)`.
pub(crate) fn write_attr(out: &mut dyn Write, attr: Attr<'_>, mask: Mask<'_>, style: &Style<'_>, depth: usize) -> fmt::Result {
    let kind = attr.kind();
    match name(kind) {
        Some(name) => out.write_str(name)?,
        None => write!(out, "key{kind}")?,
    }
    if let Some(expected) = expected_len(kind) {
        let mask_len = match mask {
            Mask::Bits(bits) => bits.len(),
            _ => expected,
        };
        if attr.payload().len() != expected || mask_len != expected {
            return bad_length(out, attr, mask, expected, mask_len);
        }
    }
    out.write_char('(')?;
    write_value(out, attr, mask, style, depth)?;
    out.write_char(')')
}

fn bad_length(out: &mut dyn Write, attr: Attr<'_>, mask: Mask<'_>, expected: usize, mask_len: usize) -> fmt::Result {
    let len = attr.payload().len();
    if len != expected {
        write!(out, "(bad key length {len}, expected {expected})")?;
    }
    write!(out, "({}", Bytes(attr.payload(), " "))?;
    if let Mask::Bits(bits) = mask {
        out.write_char('/')?;
        if mask_len != expected {
            write!(out, "(bad mask length {mask_len}, expected {expected})")?;
        }
        write!(out, "{}", Bytes(bits, " "))?;
    }
    out.write_char(')')
}

/// Prints the fields of a structure, those that match anything only when asked for.
struct Struct<'w> {
    list: List<'w>,
    verbose: bool,
}

impl Struct<'_> {
    fn put(&mut self, name: &str, any: bool, full: bool, value: impl fmt::Display, mask: impl fmt::Display) -> fmt::Result {
        if any && !self.verbose {
            return Ok(());
        }
        let out = self.list.item()?;
        write!(out, "{name}={value}")?;
        if full { Ok(()) } else { write!(out, "/{mask}") }
    }

    fn mac(&mut self, name: &str, value: Mac, mask: Mac) -> fmt::Result {
        self.put(name, mask == Mac::ZERO, mask == Mac::BROADCAST, value, mask)
    }

    fn ipv4(&mut self, name: &str, value: Ipv4Addr, mask: Ipv4Addr) -> fmt::Result {
        self.put(name, mask.is_unspecified(), mask.is_broadcast(), value, mask)
    }

    fn ipv6(&mut self, name: &str, value: Ipv6Addr, mask: Ipv6Addr) -> fmt::Result {
        self.put(name, mask.is_unspecified(), mask.to_bits() == u128::MAX, Ip6(value), Ip6(mask))
    }

    fn u8(&mut self, name: &str, value: u8, mask: u8) -> fmt::Result {
        self.put(name, mask == 0, mask == u8::MAX, value, Hex(mask.into()))
    }

    fn hex8(&mut self, name: &str, value: u8, mask: u8) -> fmt::Result {
        self.put(name, mask == 0, mask == u8::MAX, Hex(value.into()), Hex(mask.into()))
    }

    fn u16(&mut self, name: &str, value: u16, mask: u16) -> fmt::Result {
        self.put(name, mask == 0, mask == u16::MAX, value, Hex(mask.into()))
    }

    fn hex16(&mut self, name: &str, value: u16, mask: u16) -> fmt::Result {
        self.put(name, mask == 0, mask == u16::MAX, Hex(value.into()), Hex(mask.into()))
    }

    /// Which fragment: matched whole or not at all.
    fn frag(&mut self, value: u8, mask: u8) -> fmt::Result {
        match mask {
            0 => Ok(()),
            u8::MAX => {
                let name = match value {
                    frag::NONE => "no",
                    frag::FIRST => "first",
                    frag::LATER => "later",
                    _ => "<error>",
                };
                write!(self.list.item()?, "frag={name}")
            }
            _ => write!(self.list.item()?, "error: partial mask not supported for frag ({})", Hex(mask.into())),
        }
    }
}

/// A mask of a structure that [`write_attr`] found to be of the right length.
fn bits<const N: usize>(mask: Mask<'_>) -> [u8; N] {
    mask.array().unwrap_or([0; N])
}

fn value<const N: usize>(attr: Attr<'_>) -> [u8; N] {
    attr.array().unwrap_or([0; N])
}

fn write_value(out: &mut dyn Write, attr: Attr<'_>, mask: Mask<'_>, style: &Style<'_>, depth: usize) -> fmt::Result {
    let kind = attr.kind();
    let exact = is_exact(kind, mask);
    let verbose = style.verbose;
    let fields = |out| Struct { list: List::new(out), verbose };
    match kind {
        key::ENCAP => match mask {
            _ if attr.payload().is_empty() => Ok(()),
            Mask::Bits([]) => write_key(out, attr.payload(), Mask::Exact, &Style { names: None, ..*style }, depth + 1),
            mask => write_key(out, attr.payload(), mask, &Style { names: None, ..*style }, depth + 1),
        },
        key::PRIORITY | key::SKB_MARK | key::DP_HASH | key::RECIRC_ID => write_u32(out, attr, mask, exact),
        key::CT_MARK if verbose || !mask.is_any() => write_u32(out, attr, mask, exact),
        key::CT_STATE => {
            let (state, bits) = (u32::from_ne_bytes(value(attr)), u32::from_ne_bytes(bits(mask)));
            match (verbose, exact) {
                (true, _) => write_u32(out, attr, mask, exact),
                (false, true) => text::flags(out, state, CT_STATE),
                (false, false) => text::masked_flags(out, state, bits, u32::MAX, CT_STATE),
            }
        }
        key::CT_ZONE if verbose || !mask.is_any() => {
            write!(out, "{}", Hex(u16::from_ne_bytes(value(attr)).into()))?;
            if exact { Ok(()) } else { write!(out, "/{}", Hex(u16::from_ne_bytes(bits(mask)).into())) }
        }
        key::CT_LABELS => write_labels(out, value(attr), mask.array(), verbose),
        key::CT_MARK | key::CT_ZONE => Ok(()),
        key::IN_PORT if exact => style.port(out, u32::from_ne_bytes(value(attr))),
        key::IN_PORT => write!(out, "{}/{}", u32::from_ne_bytes(value(attr)), Hex(u32::from_ne_bytes(bits(mask)).into())),
        key::ETHERTYPE => {
            write!(out, "0x{:04x}", u16::from_be_bytes(value(attr)))?;
            if exact { Ok(()) } else { write!(out, "/0x{:04x}", u16::from_be_bytes(bits(mask))) }
        }
        key::VLAN => write_tci(out, u16::from_be_bytes(value(attr)), u16::from_be_bytes(bits(mask)), verbose),
        key::TCP_FLAGS => {
            let (flags, bits) = (u16::from_be_bytes(value(attr)), u16::from_be_bytes(bits(mask)));
            if exact {
                text::flags(out, flags.into(), TCP_FLAGS)
            } else {
                text::masked_flags(out, flags.into(), (bits & 0xfff).into(), 0xfff, TCP_FLAGS)
            }
        }
        key::MPLS => write_mpls(out, attr, mask, exact),
        key::TUNNEL => nests::write_tunnel(out, attr, mask, verbose),
        key::NSH => nests::write_nsh(out, attr, mask),
        key::ETHERNET => {
            let (v, m) = (Ethernet::from_bytes(value(attr)), Ethernet::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.mac("src", v.src, m.src)?;
            to.mac("dst", v.dst, m.dst)
        }
        key::IPV4 => {
            let (v, m) = (Ipv4::from_bytes(value(attr)), Ipv4::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv4("src", v.src, m.src)?;
            to.ipv4("dst", v.dst, m.dst)?;
            to.u8("proto", v.proto, m.proto)?;
            to.hex8("tos", v.tos, m.tos)?;
            to.u8("ttl", v.ttl, m.ttl)?;
            to.frag(v.frag, m.frag)
        }
        key::IPV6 => {
            let (v, m) = (Ipv6::from_bytes(value(attr)), Ipv6::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv6("src", v.src, m.src)?;
            to.ipv6("dst", v.dst, m.dst)?;
            to.put("label", m.label == 0, m.label & 0xf_ffff == 0xf_ffff, Hex(v.label.into()), Hex(m.label.into()))?;
            to.u8("proto", v.proto, m.proto)?;
            to.hex8("tclass", v.tclass, m.tclass)?;
            to.u8("hlimit", v.hlimit, m.hlimit)?;
            to.frag(v.frag, m.frag)
        }
        key::TCP | key::UDP | key::SCTP => {
            let (v, m) = (Ports::from_bytes(value(attr)), Ports::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.u16("src", v.src, m.src)?;
            to.u16("dst", v.dst, m.dst)
        }
        key::ICMP | key::ICMPV6 => {
            let (v, m) = (Icmp::from_bytes(value(attr)), Icmp::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.u8("type", v.kind, m.kind)?;
            to.u8("code", v.code, m.code)
        }
        key::ARP => {
            let (v, m) = (Arp::from_bytes(value(attr)), Arp::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv4("sip", v.sip, m.sip)?;
            to.ipv4("tip", v.tip, m.tip)?;
            to.u16("op", v.op, m.op)?;
            to.mac("sha", v.sha, m.sha)?;
            to.mac("tha", v.tha, m.tha)
        }
        key::ND => {
            let (v, m) = (Nd::from_bytes(value(attr)), Nd::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv6("target", v.target, m.target)?;
            to.mac("sll", v.sll, m.sll)?;
            to.mac("tll", v.tll, m.tll)
        }
        key::ND_EXTENSIONS => {
            let (v, m) = (NdExtensions::from_bytes(value(attr)), NdExtensions::from_bytes(bits(mask)));
            let mut to = fields(out);
            write!(to.list.item()?, "nd_reserved=0x{:x}", v.reserved)?;
            to.u8("nd_options_type", v.options_type, m.options_type)
        }
        key::CT_ORIG_TUPLE_IPV4 => {
            let (v, m) = (CtTuple4::from_bytes(value(attr)), CtTuple4::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv4("src", v.src, m.src)?;
            to.ipv4("dst", v.dst, m.dst)?;
            to.u8("proto", v.proto, m.proto)?;
            to.u16("tp_src", v.src_port, m.src_port)?;
            to.u16("tp_dst", v.dst_port, m.dst_port)
        }
        key::CT_ORIG_TUPLE_IPV6 => {
            let (v, m) = (CtTuple6::from_bytes(value(attr)), CtTuple6::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv6("src", v.src, m.src)?;
            to.ipv6("dst", v.dst, m.dst)?;
            to.u8("proto", v.proto, m.proto)?;
            to.u16("src_port", v.src_port, m.src_port)?;
            to.u16("dst_port", v.dst_port, m.dst_port)
        }
        key::PACKET_TYPE => {
            let ([n0, n1, t0, t1], [m0, m1, u0, u1]) = (value(attr), bits(mask));
            let mut to = fields(out);
            to.u16("ns", u16::from_be_bytes([n0, n1]), u16::from_be_bytes([m0, m1]))?;
            to.hex16("id", u16::from_be_bytes([t0, t1]), u16::from_be_bytes([u0, u1]))
        }
        _ => {
            write!(out, "{}", Bytes(attr.payload(), " "))?;
            match mask {
                Mask::Bits(bits) if !exact => write!(out, "/{}", Bytes(bits, " ")),
                Mask::Any => {
                    out.write_char('/')?;
                    (0..attr.payload().len()).try_for_each(|at| out.write_str(if at == 0 { "00" } else { " 00" }))
                }
                _ => Ok(()),
            }
        }
    }
}

fn write_u32(out: &mut dyn Write, attr: Attr<'_>, mask: Mask<'_>, exact: bool) -> fmt::Result {
    write!(out, "{}", Hex(u32::from_ne_bytes(value(attr)).into()))?;
    if exact { Ok(()) } else { write!(out, "/{}", Hex(u32::from_ne_bytes(bits(mask)).into())) }
}

/// Connection labels: 128 bits, lowest byte first on the wire of the machines this runs on.
pub(crate) fn write_labels(out: &mut dyn Write, value: [u8; 16], mask: Option<[u8; 16]>, verbose: bool) -> fmt::Result {
    let number = |bytes: [u8; 16]| u128::from_le_bytes(bytes).to_be_bytes();
    let mask = mask.unwrap_or([0; 16]);
    if verbose || mask != [0; 16] {
        write!(out, "{}", BigHex(&number(value)))?;
        if mask != [0xff; 16] {
            write!(out, "/{}", BigHex(&number(mask)))?;
        }
    }
    Ok(())
}

/// A tag's id and priority.
pub(crate) fn write_tci(out: &mut dyn Write, tci: u16, mask: u16, verbose: bool) -> fmt::Result {
    let mut list = List::new(out);
    let (vid, vid_mask, pcp, pcp_mask) = (tci & 0xfff, mask & 0xfff, tci >> 13, mask >> 13);
    if verbose || vid != 0 || vid_mask != 0 {
        write!(list.item()?, "vid={vid}")?;
        if vid_mask != 0xfff {
            write!(list.out, "/0x{vid_mask:x}")?;
        }
    }
    if verbose || pcp != 0 || pcp_mask != 0 {
        write!(list.item()?, "pcp={pcp}")?;
        if pcp_mask != 7 {
            write!(list.out, "/0x{pcp_mask:x}")?;
        }
    }
    if tci & VLAN_PRESENT == 0 {
        list.item()?.write_str("cfi=0")?;
    }
    Ok(())
}

/// A label stack entry.
pub(crate) fn write_lse(out: &mut dyn Write, lse: Lse) -> fmt::Result {
    write!(out, "label={},tc={},ttl={},bos={}", lse.label(), lse.tc(), lse.ttl(), lse.bos())
}

fn write_mpls(out: &mut dyn Write, attr: Attr<'_>, mask: Mask<'_>, exact: bool) -> fmt::Result {
    let (entries, rest) = attr.payload().as_chunks();
    if entries.is_empty() || !rest.is_empty() {
        return write!(out, "(bad key length {})", attr.payload().len());
    }
    let masks = match mask {
        Mask::Bits(bits) if !exact && bits.len() != attr.payload().len() => {
            return write!(out, "(key length {} != mask length {})", attr.payload().len(), bits.len());
        }
        Mask::Bits(bits) => bits.as_chunks().0,
        _ => &[],
    };
    let mut list = List::new(out);
    for (at, entry) in entries.iter().enumerate() {
        let (lse, mask) = (Lse(u32::from_be_bytes(*entry)), Lse(masks.get(at).map_or(0, |mask| u32::from_be_bytes(*mask))));
        if exact {
            write_lse(list.item()?, lse)?;
            continue;
        }
        write!(
            list.item()?,
            "label={}/0x{:x},tc={}/{:x},ttl={}/0x{:x},bos={}/{:x}",
            lse.label(),
            mask.label(),
            lse.tc(),
            mask.tc(),
            lse.ttl(),
            mask.ttl(),
            lse.bos(),
            mask.bos()
        )?;
    }
    Ok(())
}
