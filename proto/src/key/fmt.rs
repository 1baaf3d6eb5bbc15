//! A key and its mask as text.

mod fields;
mod mask;
mod names;
mod nests;

pub(crate) use mask::Mask;
pub(crate) use names::{CT_STATE, TCP_FLAGS, is_known};
pub(crate) use nests::{TUN_CSUM, TUN_DF, TUN_FLAGS, TUN_KEY, TUN_OAM, write_nsh_masked};

use fields::Struct;
use mask::{Masks, all};

use crate::key::{Arp, CtTuple4, CtTuple6, Ethernet, Icmp, Ipv4, Ipv6, Level, Lse, Nd, NdExtensions, Ports, VLAN_PRESENT};
use crate::nla::{Attr, Attrs};
use crate::text::put::{BigHex, Bytes, Hex, Hex16, List, Prefixed, put};
use crate::text::{self, Style};
use crate::uapi::key;

/// The deepest nest that is printed; the kernel itself stops earlier.
pub(crate) const MAX_DEPTH: usize = 16;

/// The bits that make a mask exact, where not every bit of the attribute counts: padding, and reserved bits.
fn is_exact(kind: u16, mask: Mask<'_>) -> bool {
    let front = |len: usize| match mask {
        Mask::Bits(bytes) => bytes.get(..len).is_some_and(|front| all(front, 0xff)),
        other => other.is_exact(),
    };
    match kind {
        key::TCP_FLAGS => mask.array::<2>().is_some_and(|mask| u16::from_be_bytes(mask) & 0xfff == 0xfff),
        key::ARP => front(22),
        key::CT_ORIG_TUPLE_IPV4 => front(13),
        key::CT_ORIG_TUPLE_IPV6 => front(37),
        // Of one it does not know `ovs-dpctl` prints any mask.
        _ if !is_known(kind) => matches!(mask, Mask::Exact),
        _ => mask.is_exact(),
    }
}

/// Appends a key with its mask as text, which is UTF-8. `mask` `None`: every bit counts. No allocation when `out` has room and
/// the kernel knows the key's attributes.
pub fn append_key(out: &mut Vec<u8>, key: &[u8], mask: Option<&[u8]>, style: &Style<'_>) {
    // An empty mask is as none, as in `ovs-dpctl`.
    let mask = mask.filter(|mask| !mask.is_empty()).map_or(Mask::Exact, Mask::Bits);
    write_key(out, key, mask, style, 0);
}

fn write_key(out: &mut Vec<u8>, bytes: &[u8], mask: Mask<'_>, style: &Style<'_>, depth: usize) {
    if bytes.is_empty() {
        return put!(out, "<empty>");
    }
    if depth > MAX_DEPTH {
        return put!(out, "<nested too deep>");
    }
    let mut list = List::new(out);
    let mut masks = Masks::new(mask);
    let (mut has_eth_type, mut has_packet_type) = (false, false);
    let mut attrs = Attrs::new(bytes);
    for attr in attrs.by_ref() {
        let kind = attr.kind();
        has_eth_type |= kind == key::ETHERTYPE;
        has_packet_type |= kind == key::PACKET_TYPE;
        let attr_mask = masks.of(kind);
        let nested = Level::Key.below(kind).is_some();
        // An attribute this does not know is printed whatever its mask.
        let wildcard = match mask {
            Mask::Exact => false,
            _ if is_known(kind) => attr_mask.is_any(),
            _ => matches!(attr_mask, Mask::Any),
        };
        if style.verbose || !wildcard || nested {
            write_attr(list.item(), attr, attr_mask, style, depth);
        } else if kind == key::ETHERNET && !has_packet_type {
            // That there is an Ethernet header says what the packet is, even when any address matches.
            put!(list.item(), "eth()");
        }
    }
    text::leftover(list.out, attrs.rest(), bytes.len());
    if !has_eth_type && let Some(eth_type) = masks.find(key::ETHERTYPE).and_then(|bits| bits.try_into().ok()) {
        put!(list.out, ",eth_type(0/0x", Hex16(u16::from_be_bytes(eth_type)), ")");
    }
}

/// Prints one attribute: `name(…)`.
pub(crate) fn write_attr(out: &mut Vec<u8>, attr: Attr<'_>, mask: Mask<'_>, style: &Style<'_>, depth: usize) {
    let kind = attr.kind();
    let known = names::find(kind);
    match known {
        Some(known) => put!(out, known.name),
        None => put!(out, "key", kind, "("),
    }
    if let Some(expected) = known.and_then(|known| known.len) {
        let mask_len = match mask {
            Mask::Bits(bits) => bits.len(),
            _ => expected,
        };
        if attr.payload().len() != expected || mask_len != expected {
            return bad_length(out, attr, mask, expected, mask_len);
        }
    }
    write_value(out, attr, mask, style, depth);
    put!(out, ")");
}

/// Goes on behind the name and its bracket.
fn bad_length(out: &mut Vec<u8>, attr: Attr<'_>, mask: Mask<'_>, expected: usize, mask_len: usize) {
    let len = attr.payload().len();
    if len != expected {
        put!(out, "bad key length ", len, ", expected ", expected, ")(");
    }
    put!(out, Bytes(attr.payload(), " "));
    if let Mask::Bits(bits) = mask {
        put!(out, "/");
        if mask_len != expected {
            put!(out, "(bad mask length ", mask_len, ", expected ", expected, ")");
        }
        put!(out, Bytes(bits, " "));
    }
    put!(out, ")");
}

/// A mask of a structure that [`write_attr`] found to be of the right length.
fn bits<const N: usize>(mask: Mask<'_>) -> [u8; N] {
    mask.array().unwrap_or([0; N])
}

fn value<const N: usize>(attr: Attr<'_>) -> [u8; N] {
    attr.array().unwrap_or([0; N])
}

fn write_value(out: &mut Vec<u8>, attr: Attr<'_>, mask: Mask<'_>, style: &Style<'_>, depth: usize) {
    let kind = attr.kind();
    let exact = is_exact(kind, mask);
    let verbose = style.verbose;
    let fields = |out| Struct::new(out, verbose);
    match kind {
        key::ENCAP => match mask {
            _ if attr.payload().is_empty() => {}
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
            put!(out, Hex(u16::from_ne_bytes(value(attr)).into()));
            if !exact {
                put!(out, "/", Hex(u16::from_ne_bytes(bits(mask)).into()));
            }
        }
        key::CT_LABELS => write_labels(out, value(attr), mask.array(), verbose),
        key::CT_MARK | key::CT_ZONE => {}
        key::IN_PORT if exact => style.port(out, u32::from_ne_bytes(value(attr))),
        key::IN_PORT => put!(out, u32::from_ne_bytes(value(attr)), "/", Hex(u32::from_ne_bytes(bits(mask)).into())),
        key::ETHERTYPE => {
            put!(out, "0x", Hex16(u16::from_be_bytes(value(attr))));
            if !exact {
                put!(out, "/0x", Hex16(u16::from_be_bytes(bits(mask))));
            }
        }
        key::VLAN => write_tci(out, u16::from_be_bytes(value(attr)), u16::from_be_bytes(bits(mask)), verbose),
        key::TCP_FLAGS => {
            let (flags, bits) = (u16::from_be_bytes(value(attr)), u16::from_be_bytes(bits(mask)));
            if exact {
                text::flags(out, flags.into(), TCP_FLAGS);
            } else {
                text::masked_flags(out, flags.into(), (bits & 0xfff).into(), 0xfff, TCP_FLAGS);
            }
        }
        key::MPLS => write_mpls(out, attr, mask, exact),
        key::TUNNEL => nests::write_tunnel(out, attr, mask, verbose),
        key::NSH => nests::write_nsh(out, attr, mask),
        key::ETHERNET => {
            let (v, m) = (Ethernet::from_bytes(value(attr)), Ethernet::from_bytes(bits(mask)));
            if exact {
                // Most flows have both addresses: in one piece.
                let mut piece = *b"src=..:..:..:..:..:..,dst=..:..:..:..:..:..";
                piece[4..21].copy_from_slice(&v.src.text());
                piece[26..].copy_from_slice(&v.dst.text());
                return put!(out, piece);
            }
            let mut to = fields(out);
            to.mac("src=", v.src, m.src);
            to.mac("dst=", v.dst, m.dst);
        }
        key::IPV4 => {
            let (v, m) = (Ipv4::from_bytes(value(attr)), Ipv4::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv4("src=", v.src, m.src);
            to.ipv4("dst=", v.dst, m.dst);
            to.u8("proto=", v.proto, m.proto);
            to.hex8("tos=", v.tos, m.tos);
            to.u8("ttl=", v.ttl, m.ttl);
            to.frag(v.frag, m.frag);
        }
        key::IPV6 => {
            let (v, m) = (Ipv6::from_bytes(value(attr)), Ipv6::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv6("src=", v.src, m.src);
            to.ipv6("dst=", v.dst, m.dst);
            to.put("label=", m.label == 0, m.label & 0xf_ffff == 0xf_ffff, Hex(v.label.into()), Hex(m.label.into()));
            to.u8("proto=", v.proto, m.proto);
            to.hex8("tclass=", v.tclass, m.tclass);
            to.u8("hlimit=", v.hlimit, m.hlimit);
            to.frag(v.frag, m.frag);
        }
        key::TCP | key::UDP | key::SCTP => {
            let (v, m) = (Ports::from_bytes(value(attr)), Ports::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.u16("src=", v.src, m.src);
            to.u16("dst=", v.dst, m.dst);
        }
        key::ICMP | key::ICMPV6 => {
            let (v, m) = (Icmp::from_bytes(value(attr)), Icmp::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.u8("type=", v.kind, m.kind);
            to.u8("code=", v.code, m.code);
        }
        key::ARP => {
            let (v, m) = (Arp::from_bytes(value(attr)), Arp::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv4("sip=", v.sip, m.sip);
            to.ipv4("tip=", v.tip, m.tip);
            to.u16("op=", v.op, m.op);
            to.mac("sha=", v.sha, m.sha);
            to.mac("tha=", v.tha, m.tha);
        }
        key::ND => {
            let (v, m) = (Nd::from_bytes(value(attr)), Nd::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv6("target=", v.target, m.target);
            to.mac("sll=", v.sll, m.sll);
            to.mac("tll=", v.tll, m.tll);
        }
        key::ND_EXTENSIONS => {
            let (v, m) = (NdExtensions::from_bytes(value(attr)), NdExtensions::from_bytes(bits(mask)));
            let mut to = fields(out);
            put!(to.list.item(), "nd_reserved=", Prefixed(v.reserved.into()));
            to.u8("nd_options_type=", v.options_type, m.options_type);
        }
        key::CT_ORIG_TUPLE_IPV4 => {
            let (v, m) = (CtTuple4::from_bytes(value(attr)), CtTuple4::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv4("src=", v.src, m.src);
            to.ipv4("dst=", v.dst, m.dst);
            to.u8("proto=", v.proto, m.proto);
            to.u16("tp_src=", v.src_port, m.src_port);
            to.u16("tp_dst=", v.dst_port, m.dst_port);
        }
        key::CT_ORIG_TUPLE_IPV6 => {
            let (v, m) = (CtTuple6::from_bytes(value(attr)), CtTuple6::from_bytes(bits(mask)));
            let mut to = fields(out);
            to.ipv6("src=", v.src, m.src);
            to.ipv6("dst=", v.dst, m.dst);
            to.u8("proto=", v.proto, m.proto);
            to.u16("src_port=", v.src_port, m.src_port);
            to.u16("dst_port=", v.dst_port, m.dst_port);
        }
        key::PACKET_TYPE => {
            let ([n0, n1, t0, t1], [m0, m1, u0, u1]) = (value(attr), bits(mask));
            let mut to = fields(out);
            to.u16("ns=", u16::from_be_bytes([n0, n1]), u16::from_be_bytes([m0, m1]));
            to.hex16("id=", u16::from_be_bytes([t0, t1]), u16::from_be_bytes([u0, u1]));
        }
        _ => {
            put!(out, Bytes(attr.payload(), " "));
            match mask {
                Mask::Bits(bits) if !exact => put!(out, "/", Bytes(bits, " ")),
                Mask::Any => {
                    put!(out, "/");
                    (0..attr.payload().len()).for_each(|at| put!(out, if at == 0 { "00" } else { " 00" }))
                }
                _ => {}
            }
        }
    }
}

fn write_u32(out: &mut Vec<u8>, attr: Attr<'_>, mask: Mask<'_>, exact: bool) {
    put!(out, Hex(u32::from_ne_bytes(value(attr)).into()));
    if !exact {
        put!(out, "/", Hex(u32::from_ne_bytes(bits(mask)).into()));
    }
}

/// Connection labels: 128 bits, lowest byte first on the wire of the machines this runs on.
pub(crate) fn write_labels(out: &mut Vec<u8>, value: [u8; 16], mask: Option<[u8; 16]>, verbose: bool) {
    let number = |bytes: [u8; 16]| u128::from_le_bytes(bytes).to_be_bytes();
    let mask = mask.unwrap_or([0; 16]);
    if verbose || mask != [0; 16] {
        put!(out, BigHex(&number(value)));
        if mask != [0xff; 16] {
            put!(out, "/", BigHex(&number(mask)));
        }
    }
}

/// A tag's id and priority.
pub(crate) fn write_tci(out: &mut Vec<u8>, tci: u16, mask: u16, verbose: bool) {
    let mut list = List::new(out);
    let (vid, vid_mask, pcp, pcp_mask) = (tci & 0xfff, mask & 0xfff, tci >> 13, mask >> 13);
    if verbose || vid != 0 || vid_mask != 0 {
        put!(list.item(), "vid=", vid);
        if vid_mask != 0xfff {
            put!(list.out, "/", Prefixed(vid_mask.into()));
        }
    }
    if verbose || pcp != 0 || pcp_mask != 0 {
        put!(list.item(), "pcp=", pcp);
        if pcp_mask != 7 {
            put!(list.out, "/", Prefixed(pcp_mask.into()));
        }
    }
    if tci & VLAN_PRESENT == 0 {
        put!(list.item(), "cfi=0");
    }
}

/// A label stack entry.
pub(crate) fn write_lse(out: &mut Vec<u8>, lse: Lse) {
    put!(out, "label=", lse.label(), ",tc=", lse.tc(), ",ttl=", lse.ttl(), ",bos=", lse.bos());
}

fn write_mpls(out: &mut Vec<u8>, attr: Attr<'_>, mask: Mask<'_>, exact: bool) {
    let (entries, rest) = attr.payload().as_chunks();
    if entries.is_empty() || !rest.is_empty() {
        return put!(out, "(bad key length ", attr.payload().len(), ")");
    }
    let masks = match mask {
        Mask::Bits(bits) if !exact && bits.len() != attr.payload().len() => {
            return put!(out, "(key length ", attr.payload().len(), " != mask length ", bits.len(), ")");
        }
        Mask::Bits(bits) => bits.as_chunks().0,
        _ => &[],
    };
    let mut list = List::new(out);
    for (at, entry) in entries.iter().enumerate() {
        let (lse, mask) = (Lse(u32::from_be_bytes(*entry)), Lse(masks.get(at).map_or(0, |mask| u32::from_be_bytes(*mask))));
        if exact {
            write_lse(list.item(), lse);
            continue;
        }
        put!(
            list.item(),
            "label=",
            lse.label(),
            "/",
            Prefixed(mask.label().into()),
            ",tc=",
            lse.tc(),
            "/",
            mask.tc(),
            ",ttl=",
            lse.ttl(),
            "/",
            Prefixed(mask.ttl().into()),
            ",bos=",
            lse.bos(),
            "/",
            mask.bos()
        );
    }
}
