//! The nests inside a key as text: tunnels with their options, and NSH.

use core::net::Ipv4Addr;

use super::{Mask, Masks, Struct, bits};
use crate::key::{GeneveOpts, NshBase, NshField, TunnelField};
use crate::nla::Attr;
use crate::text;
use crate::text::put::{BigHex, Bytes, Hex, List, Prefixed, put};
use crate::uapi::{nsh, tunnel_key, vport::vxlan_ext};

pub(crate) const TUN_FLAGS: &[&str] = &["oam", "df", "csum", "key"];
pub(crate) const TUN_OAM: u32 = 1;
pub(crate) const TUN_DF: u32 = 2;
pub(crate) const TUN_CSUM: u32 = 4;
pub(crate) const TUN_KEY: u32 = 8;

fn unknown(out: &mut Vec<u8>, attr: Attr<'_>, mask: Mask<'_>) {
    put!(out, "key", attr.kind(), "(", Bytes(attr.payload(), " "));
    if let Mask::Bits(bits) = mask
        && !mask.is_exact()
    {
        put!(out, "/", Bytes(bits, " "));
    }
    put!(out, ")");
}

pub(super) fn write_tunnel(out: &mut Vec<u8>, attr: Attr<'_>, mask: Mask<'_>, verbose: bool) {
    let mut to = Struct::new(out, verbose);
    let mut masks = Masks::new(mask);
    let (mut flags, mut flag_mask) = (0, 0);
    for field in attr.nested() {
        let bits = masks.of(field.kind());
        let ip4 = |mask: Mask<'_>| mask.array::<4>().map(Ipv4Addr::from);
        match (TunnelField::read(field), bits) {
            (Ok(TunnelField::Id(id)), bits) => {
                flags |= TUN_KEY;
                // The kernel masks the id whether or not the mask has it: the flag counts then too.
                flag_mask |= TUN_KEY;
                let mask = u64::from_be_bytes(bits.array().unwrap_or_default());
                if verbose || mask != 0 {
                    put!(to.list.item(), "tun_id=", Prefixed(id));
                    if mask != u64::MAX {
                        put!(to.list.out, "/", Hex(mask));
                    }
                }
            }
            (Ok(TunnelField::Ipv4Src(ip)), bits) => to.ipv4("src=", ip, ip4(bits).unwrap_or(Ipv4Addr::UNSPECIFIED)),
            (Ok(TunnelField::Ipv4Dst(ip)), bits) => to.ipv4("dst=", ip, ip4(bits).unwrap_or(Ipv4Addr::UNSPECIFIED)),
            (Ok(TunnelField::Ipv6Src(ip)), bits) => to.ipv6("ipv6_src=", ip, bits.array::<16>().unwrap_or_default().into()),
            (Ok(TunnelField::Ipv6Dst(ip)), bits) => to.ipv6("ipv6_dst=", ip, bits.array::<16>().unwrap_or_default().into()),
            (Ok(TunnelField::Tos(tos)), bits) => to.hex8("tos=", tos, u8::from_ne_bytes(bits.array().unwrap_or_default())),
            (Ok(TunnelField::Ttl(ttl)), bits) => to.u8("ttl=", ttl, u8::from_ne_bytes(bits.array().unwrap_or_default())),
            (Ok(TunnelField::TpSrc(port)), bits) => to.u16("tp_src=", port, u16::from_be_bytes(bits.array().unwrap_or_default())),
            (Ok(TunnelField::TpDst(port)), bits) => to.u16("tp_dst=", port, u16::from_be_bytes(bits.array().unwrap_or_default())),
            (Ok(TunnelField::DontFragment), _) => flags |= TUN_DF,
            (Ok(TunnelField::Csum), _) => flags |= TUN_CSUM,
            (Ok(TunnelField::Oam), _) => flags |= TUN_OAM,
            (Ok(TunnelField::VxlanOpts(opts)), bits) => write_vxlan(to.list.item(), opts, bits, verbose),
            (Ok(TunnelField::GeneveOpts(opts)), bits) => write_geneve(to.list.item(), opts, bits, verbose),
            (Ok(TunnelField::ErspanOpts(opts)), bits) => write_erspan(to.list.item(), opts, bits, verbose),
            (Ok(TunnelField::Other(other)), _) if other.kind() == tunnel_key::PAD => {}
            (Ok(TunnelField::Ipv4InfoBridge | TunnelField::Other(_)), bits) => unknown(to.list.item(), field, bits),
            (Err(_), bits) => {
                let out = to.list.item();
                put!(out, "key", field.kind(), "(bad key length ", field.payload().len(), ")");
                unknown(out, field, bits);
            }
        }
    }
    // A flag's mask can be there without the flag.
    for (kind, flag) in [(tunnel_key::DONT_FRAGMENT, TUN_DF), (tunnel_key::CSUM, TUN_CSUM), (tunnel_key::OAM, TUN_OAM)] {
        if masks.find(kind).is_some() {
            flag_mask |= flag;
        }
    }
    match mask {
        Mask::Exact => {
            put!(to.list.item(), "flags(");
            text::flags(to.list.out, flags, TUN_FLAGS);
            put!(to.list.out, ")");
        }
        _ if flag_mask == 0 && !verbose => {}
        _ => {
            put!(to.list.item(), "flags(");
            text::masked_flags(to.list.out, flags, flag_mask, 0xf, TUN_FLAGS);
            put!(to.list.out, ")");
        }
    }
}

fn write_vxlan(out: &mut Vec<u8>, opts: Attr<'_>, mask: Mask<'_>, verbose: bool) {
    put!(out, "vxlan(");
    let mut list = List::new(out);
    let mut masks = Masks::new(mask);
    for attr in opts.nested() {
        let bits = masks.of(attr.kind());
        match attr.u32() {
            Some(gbp) if attr.kind() == vxlan_ext::GBP => {
                let mask = u32::from_ne_bytes(bits.array().unwrap_or_default());
                put!(list.item(), "gbp(");
                let mut to = Struct::new(list.out, verbose);
                let ([_, flags, i0, i1], [_, flags_mask, m0, m1]) = (gbp.to_be_bytes(), mask.to_be_bytes());
                to.u16("id=", u16::from_be_bytes([i0, i1]), u16::from_be_bytes([m0, m1]));
                to.hex8("flags=", flags, flags_mask);
                put!(list.out, ")");
            }
            _ => unknown(list.item(), attr, bits),
        }
    }
    put!(out, ")");
}

fn write_geneve(out: &mut Vec<u8>, opts: &[u8], mask: Mask<'_>, verbose: bool) {
    put!(out, "geneve(");
    if let Mask::Bits(bits) = mask
        && bits.len() != opts.len()
    {
        return put!(out, "value len ", opts.len(), " different from mask len ", bits.len(), ")");
    }
    let mut at = 0;
    for opt in GeneveOpts(opts) {
        let Ok(opt) = opt else {
            put!(out, "opt len greater than remaining");
            break;
        };
        let span = at..at + 4 + opt.data.len();
        at = span.end;
        let mask = match mask {
            Mask::Bits(bits) => bits.get(span).map_or(Mask::Any, Mask::Bits),
            other => other,
        };
        let (class, kind, len, data) = match mask {
            Mask::Bits([c0, c1, kind, len, data @ ..]) => {
                let len = if len & 0x1f == 0x1f { u8::MAX } else { len & 0x1f };
                (u16::from_be_bytes([*c0, *c1]), *kind, len, Mask::Bits(data))
            }
            Mask::Exact => (u16::MAX, u8::MAX, u8::MAX, Mask::Exact),
            _ => (0, 0, 0, Mask::Any),
        };
        put!(out, "{");
        let mut to = Struct::new(out, verbose);
        to.hex16("class=", opt.class, class);
        to.hex8("type=", opt.kind, kind);
        to.u8("len=", u8::try_from(opt.data.len()).unwrap_or(u8::MAX), len);
        if !opt.data.is_empty() && (verbose || !data.is_any()) {
            put!(to.list.item(), BigHex(opt.data));
            match data {
                Mask::Bits(bits) if !data.is_exact() => put!(to.list.out, "/", BigHex(bits)),
                Mask::Any => put!(to.list.out, "/0"),
                _ => {}
            }
        }
        put!(out, "}");
    }
    put!(out, ")");
}

fn write_erspan(out: &mut Vec<u8>, opts: &[u8], mask: Mask<'_>, verbose: bool) {
    // `struct erspan_metadata`: a host-order version, then an index, or a timestamp, security group and flag bits.
    let split = |bytes: [u8; 12]| {
        let [v0, v1, v2, v3, i0, i1, i2, i3, .., f0, f1] = bytes;
        let dir = f1 >> 3 & 1;
        let hwid = f1 >> 4 & 0xf | (f0 & 3) << 4;
        (u32::from_ne_bytes([v0, v1, v2, v3]), u32::from_be_bytes([i0, i1, i2, i3]), dir, hwid)
    };
    put!(out, "erspan(");
    match (opts.try_into().map(split), mask.array().map(split)) {
        (Ok((version, index, dir, hwid)), Some((version_mask, index_mask, dir_mask, hwid_mask))) => {
            let low = |value: u32| value.to_le_bytes().first().copied().unwrap_or_default();
            let mut to = Struct::new(out, verbose);
            to.u8("ver=", low(version), low(version_mask));
            match version {
                1 => to.put("idx=", false, matches!(mask, Mask::Exact), Hex(index.into()), Hex(index_mask.into())),
                2 => {
                    to.u8("dir=", dir, if matches!(mask, Mask::Exact) { u8::MAX } else { dir_mask });
                    to.hex8("hwid=", hwid, if matches!(mask, Mask::Exact) { u8::MAX } else { hwid_mask });
                }
                _ => {}
            }
        }
        _ => put!(out, Bytes(opts, " ")),
    }
    put!(out, ")");
}

pub(super) fn write_nsh(out: &mut Vec<u8>, attr: Attr<'_>, mask: Mask<'_>) {
    let (mut base, mut context) = (NshBase { flags: 0, ttl: 0, mdtype: 0, np: 0, path_hdr: 0 }, [0; 4]);
    for field in attr.nested() {
        match NshField::read(field) {
            Ok(NshField::Base(value)) => base = value,
            Ok(NshField::Md1(value)) => context = value,
            _ => {}
        }
    }
    if matches!(mask, Mask::Exact) {
        return write_nsh_values(out, base, context);
    }
    // What the mask does not name matches exactly, as `ovs-dpctl` prints it.
    let mut masks = Masks::new(mask);
    let mut of = |kind| match masks.of(kind) {
        Mask::Any if matches!(mask, Mask::Bits(_)) => Mask::Exact,
        other => other,
    };
    let [flags, ttl, mdtype, np, p0, p1, p2, si] = bits(of(nsh::BASE));
    let spi = u32::from_be_bytes([0, p0, p1, p2]);
    write_nsh_masked(out, base, context, [flags, ttl, mdtype, np, si], spi, bits(of(nsh::MD1)));
}

/// An NSH header and a mask of it: `small` masks flags, TTL, MD type, next protocol and index.
pub(crate) fn write_nsh_masked(out: &mut Vec<u8>, base: NshBase, context: [u32; 4], small: [u8; 5], spi: u32, md1: [u8; 16]) {
    let mut list = List::new(out);
    let [flags, ttl, mdtype, np, si] = small;
    let small = |list: &mut List<'_>, name: &str, value: u8, mask: u8| match mask {
        0 => {}
        u8::MAX => put!(list.item(), name, "=", value),
        mask => put!(list.item(), name, "=0x", Bytes(&[value], ""), "/0x", Bytes(&[mask], "")),
    };
    let wide = |list: &mut List<'_>, name: &str, value: u32, mask: u32| match mask {
        0 => {}
        u32::MAX => put!(list.item(), name, "=", Prefixed(value.into())),
        mask => put!(list.item(), name, "=", Prefixed(value.into()), "/0x", Bytes(&mask.to_be_bytes(), "")),
    };
    small(&mut list, "flags", base.flags, flags);
    small(&mut list, "ttl", base.ttl, ttl);
    small(&mut list, "mdtype", base.mdtype, mdtype);
    small(&mut list, "np", base.np, np);
    wide(&mut list, "spi", base.spi(), if spi == 0xff_ffff { u32::MAX } else { spi });
    small(&mut list, "si", base.si(), si);
    let (masks, _) = md1.as_chunks();
    for ((name, value), mask) in ["c1", "c2", "c3", "c4"].into_iter().zip(context).zip(masks) {
        wide(&mut list, name, value, u32::from_be_bytes(*mask));
    }
}

fn write_nsh_values(out: &mut Vec<u8>, base: NshBase, context: [u32; 4]) {
    // The missing comma is `ovs-dpctl`'s.
    put!(
        out,
        "flags=",
        base.flags,
        "ttl=",
        base.ttl,
        ",mdtype=",
        base.mdtype,
        ",np=",
        base.np,
        ",spi=",
        Prefixed(base.spi().into()),
        ",si=",
        base.si()
    );
    if base.mdtype == 1 {
        for (name, value) in ["c1", "c2", "c3", "c4"].into_iter().zip(context) {
            put!(out, ",", name, "=", Prefixed(value.into()));
        }
    }
}
