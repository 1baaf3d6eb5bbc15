//! The nests inside a key as text: tunnels with their options, and NSH.

use core::fmt::{self, Write};
use core::net::Ipv4Addr;

use super::{Mask, Struct, bits};
use crate::key::{GeneveOpts, NshBase, NshField, TunnelField};
use crate::nla::{Attr, Attrs};
use crate::text::{self, BigHex, Bytes, Hex, List};
use crate::uapi::{nsh, tunnel_key, vport::vxlan_ext};

pub(crate) const TUN_FLAGS: &[&str] = &["oam", "df", "csum", "key"];
pub(crate) const TUN_OAM: u32 = 1;
pub(crate) const TUN_DF: u32 = 2;
pub(crate) const TUN_CSUM: u32 = 4;
pub(crate) const TUN_KEY: u32 = 8;

fn unknown(out: &mut dyn Write, attr: Attr<'_>, mask: Mask<'_>) -> fmt::Result {
    write!(out, "key{}({}", attr.kind(), Bytes(attr.payload(), " "))?;
    if let Mask::Bits(bits) = mask
        && !mask.is_exact()
    {
        write!(out, "/{}", Bytes(bits, " "))?;
    }
    out.write_char(')')
}

pub(super) fn write_tunnel(out: &mut dyn Write, attr: Attr<'_>, mask: Mask<'_>, verbose: bool) -> fmt::Result {
    let mut to = Struct { list: List::new(out), verbose };
    let (mut flags, mut flag_mask) = (0, 0);
    for field in attr.nested() {
        let bits = mask.of(field.kind());
        let ip4 = |mask: Mask<'_>| mask.array::<4>().map(Ipv4Addr::from);
        match (TunnelField::read(field), bits) {
            (Ok(TunnelField::Id(id)), bits) => {
                flags |= TUN_KEY;
                // The kernel masks the id whether or not the mask has it: the flag counts then too.
                flag_mask |= TUN_KEY;
                let mask = u64::from_be_bytes(bits.array().unwrap_or_default());
                if verbose || mask != 0 {
                    write!(to.list.item()?, "tun_id=0x{id:x}")?;
                    if mask != u64::MAX {
                        write!(to.list.out, "/{}", Hex(mask))?;
                    }
                }
            }
            (Ok(TunnelField::Ipv4Src(ip)), bits) => to.ipv4("src", ip, ip4(bits).unwrap_or(Ipv4Addr::UNSPECIFIED))?,
            (Ok(TunnelField::Ipv4Dst(ip)), bits) => to.ipv4("dst", ip, ip4(bits).unwrap_or(Ipv4Addr::UNSPECIFIED))?,
            (Ok(TunnelField::Ipv6Src(ip)), bits) => to.ipv6("ipv6_src", ip, bits.array::<16>().unwrap_or_default().into())?,
            (Ok(TunnelField::Ipv6Dst(ip)), bits) => to.ipv6("ipv6_dst", ip, bits.array::<16>().unwrap_or_default().into())?,
            (Ok(TunnelField::Tos(tos)), bits) => to.hex8("tos", tos, u8::from_ne_bytes(bits.array().unwrap_or_default()))?,
            (Ok(TunnelField::Ttl(ttl)), bits) => to.u8("ttl", ttl, u8::from_ne_bytes(bits.array().unwrap_or_default()))?,
            (Ok(TunnelField::TpSrc(port)), bits) => to.u16("tp_src", port, u16::from_be_bytes(bits.array().unwrap_or_default()))?,
            (Ok(TunnelField::TpDst(port)), bits) => to.u16("tp_dst", port, u16::from_be_bytes(bits.array().unwrap_or_default()))?,
            (Ok(TunnelField::DontFragment), _) => flags |= TUN_DF,
            (Ok(TunnelField::Csum), _) => flags |= TUN_CSUM,
            (Ok(TunnelField::Oam), _) => flags |= TUN_OAM,
            (Ok(TunnelField::VxlanOpts(opts)), bits) => write_vxlan(to.list.item()?, opts, bits, verbose)?,
            (Ok(TunnelField::GeneveOpts(opts)), bits) => write_geneve(to.list.item()?, opts, bits, verbose)?,
            (Ok(TunnelField::ErspanOpts(opts)), bits) => write_erspan(to.list.item()?, opts, bits, verbose)?,
            (Ok(TunnelField::Other(other)), _) if other.kind() == tunnel_key::PAD => {}
            (Ok(TunnelField::Ipv4InfoBridge | TunnelField::Other(_)), bits) => unknown(to.list.item()?, field, bits)?,
            (Err(_), bits) => {
                let out = to.list.item()?;
                write!(out, "key{}(bad key length {})", field.kind(), field.payload().len())?;
                unknown(out, field, bits)?;
            }
        }
    }
    // A flag's mask can be there without the flag.
    for (kind, flag) in [(tunnel_key::DONT_FRAGMENT, TUN_DF), (tunnel_key::CSUM, TUN_CSUM), (tunnel_key::OAM, TUN_OAM)] {
        if let Mask::Bits(bits) = mask
            && Attrs::new(bits).find(kind).is_some()
        {
            flag_mask |= flag;
        }
    }
    match mask {
        Mask::Exact => {
            to.list.item()?.write_str("flags(")?;
            text::flags(to.list.out, flags, TUN_FLAGS)?;
            to.list.out.write_char(')')
        }
        _ if flag_mask == 0 && !verbose => Ok(()),
        _ => {
            to.list.item()?.write_str("flags(")?;
            text::masked_flags(to.list.out, flags, flag_mask, 0xf, TUN_FLAGS)?;
            to.list.out.write_char(')')
        }
    }
}

fn write_vxlan(out: &mut dyn Write, opts: Attr<'_>, mask: Mask<'_>, verbose: bool) -> fmt::Result {
    out.write_str("vxlan(")?;
    let mut list = List::new(out);
    for attr in opts.nested() {
        let bits = mask.of(attr.kind());
        match attr.u32() {
            Some(gbp) if attr.kind() == vxlan_ext::GBP => {
                let mask = u32::from_ne_bytes(bits.array().unwrap_or_default());
                list.item()?.write_str("gbp(")?;
                let mut to = Struct { list: List::new(list.out), verbose };
                let ([_, flags, i0, i1], [_, flags_mask, m0, m1]) = (gbp.to_be_bytes(), mask.to_be_bytes());
                to.u16("id", u16::from_be_bytes([i0, i1]), u16::from_be_bytes([m0, m1]))?;
                to.hex8("flags", flags, flags_mask)?;
                list.out.write_char(')')?;
            }
            _ => unknown(list.item()?, attr, bits)?,
        }
    }
    out.write_char(')')
}

fn write_geneve(out: &mut dyn Write, opts: &[u8], mask: Mask<'_>, verbose: bool) -> fmt::Result {
    out.write_str("geneve(")?;
    if let Mask::Bits(bits) = mask
        && bits.len() != opts.len()
    {
        return write!(out, "value len {} different from mask len {})", opts.len(), bits.len());
    }
    let mut at = 0;
    for opt in GeneveOpts(opts) {
        let Ok(opt) = opt else {
            out.write_str("opt len greater than remaining")?;
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
        out.write_char('{')?;
        let mut to = Struct { list: List::new(out), verbose };
        to.hex16("class", opt.class, class)?;
        to.hex8("type", opt.kind, kind)?;
        to.u8("len", u8::try_from(opt.data.len()).unwrap_or(u8::MAX), len)?;
        if !opt.data.is_empty() && (verbose || !data.is_any()) {
            write!(to.list.item()?, "{}", BigHex(opt.data))?;
            match data {
                Mask::Bits(bits) if !data.is_exact() => write!(to.list.out, "/{}", BigHex(bits))?,
                Mask::Any => to.list.out.write_str("/0")?,
                _ => {}
            }
        }
        out.write_char('}')?;
    }
    out.write_char(')')
}

fn write_erspan(out: &mut dyn Write, opts: &[u8], mask: Mask<'_>, verbose: bool) -> fmt::Result {
    // `struct erspan_metadata`: a host-order version, then an index, or a timestamp, security group and flag bits.
    let split = |bytes: [u8; 12]| {
        let [v0, v1, v2, v3, i0, i1, i2, i3, .., f0, f1] = bytes;
        let dir = f1 >> 3 & 1;
        let hwid = f1 >> 4 & 0xf | (f0 & 3) << 4;
        (u32::from_ne_bytes([v0, v1, v2, v3]), u32::from_be_bytes([i0, i1, i2, i3]), dir, hwid)
    };
    out.write_str("erspan(")?;
    match (opts.try_into().map(split), mask.array().map(split)) {
        (Ok((version, index, dir, hwid)), Some((version_mask, index_mask, dir_mask, hwid_mask))) => {
            let low = |value: u32| value.to_le_bytes().first().copied().unwrap_or_default();
            let mut to = Struct { list: List::new(out), verbose };
            to.u8("ver", low(version), low(version_mask))?;
            match version {
                1 => to.put("idx", false, matches!(mask, Mask::Exact), Hex(index.into()), Hex(index_mask.into()))?,
                2 => {
                    to.u8("dir", dir, if matches!(mask, Mask::Exact) { u8::MAX } else { dir_mask })?;
                    to.hex8("hwid", hwid, if matches!(mask, Mask::Exact) { u8::MAX } else { hwid_mask })?;
                }
                _ => {}
            }
        }
        _ => write!(out, "{}", Bytes(opts, " "))?,
    }
    out.write_char(')')
}

pub(super) fn write_nsh(out: &mut dyn Write, attr: Attr<'_>, mask: Mask<'_>) -> fmt::Result {
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
    let of = |kind| match mask.of(kind) {
        Mask::Any if matches!(mask, Mask::Bits(_)) => Mask::Exact,
        other => other,
    };
    let [flags, ttl, mdtype, np, p0, p1, p2, si] = bits(of(nsh::BASE));
    let spi = u32::from_be_bytes([0, p0, p1, p2]);
    write_nsh_masked(out, base, context, [flags, ttl, mdtype, np, si], spi, bits(of(nsh::MD1)))
}

/// An NSH header and a mask of it: `small` masks flags, TTL, MD type, next protocol and index.
pub(crate) fn write_nsh_masked(out: &mut dyn Write, base: NshBase, context: [u32; 4], small: [u8; 5], spi: u32, md1: [u8; 16]) -> fmt::Result {
    let mut list = List::new(out);
    let [flags, ttl, mdtype, np, si] = small;
    let small = |list: &mut List<'_>, name: &str, value: u8, mask: u8| match mask {
        0 => Ok(()),
        u8::MAX => write!(list.item()?, "{name}={value}"),
        mask => write!(list.item()?, "{name}=0x{value:02x}/0x{mask:02x}"),
    };
    let wide = |list: &mut List<'_>, name: &str, value: u32, mask: u32| match mask {
        0 => Ok(()),
        u32::MAX => write!(list.item()?, "{name}=0x{value:x}"),
        mask => write!(list.item()?, "{name}=0x{value:x}/0x{mask:08x}"),
    };
    small(&mut list, "flags", base.flags, flags)?;
    small(&mut list, "ttl", base.ttl, ttl)?;
    small(&mut list, "mdtype", base.mdtype, mdtype)?;
    small(&mut list, "np", base.np, np)?;
    wide(&mut list, "spi", base.spi(), if spi == 0xff_ffff { u32::MAX } else { spi })?;
    small(&mut list, "si", base.si(), si)?;
    let (masks, _) = md1.as_chunks();
    for ((name, value), mask) in ["c1", "c2", "c3", "c4"].into_iter().zip(context).zip(masks) {
        wide(&mut list, name, value, u32::from_be_bytes(*mask))?;
    }
    Ok(())
}

fn write_nsh_values(out: &mut dyn Write, base: NshBase, context: [u32; 4]) -> fmt::Result {
    // The missing comma is `ovs-dpctl`'s.
    write!(out, "flags={}ttl={},mdtype={},np={},spi=0x{:x},si={}", base.flags, base.ttl, base.mdtype, base.np, base.spi(), base.si())?;
    if base.mdtype == 1 {
        for (name, value) in ["c1", "c2", "c3", "c4"].into_iter().zip(context) {
            write!(out, ",{name}=0x{value:x}")?;
        }
    }
    Ok(())
}
