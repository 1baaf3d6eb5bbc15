//! The nests inside a key: tunnels, their Geneve options, and NSH.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::error::{DecodeError, Reason};
use crate::nla::{self, Attr, Attrs, TooLong};
use crate::uapi::{nsh, tunnel_key};

const TUNNEL: &str = "ovs_tunnel_key";
const NSH: &str = "ovs_nsh_key";

/// One attribute of a tunnel's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelField<'a> {
    /// The tunnel's key: VNI, GRE key.
    Id(u64),
    /// The outer source.
    Ipv4Src(Ipv4Addr),
    /// The outer destination.
    Ipv4Dst(Ipv4Addr),
    /// The outer type of service.
    Tos(u8),
    /// The outer time to live.
    Ttl(u8),
    /// The outer DF bit is set.
    DontFragment,
    /// The outer header has a checksum.
    Csum,
    /// An OAM frame.
    Oam,
    /// Geneve options, for [`GeneveOpts`].
    GeneveOpts(&'a [u8]),
    /// The outer source port.
    TpSrc(u16),
    /// The outer destination port.
    TpDst(u16),
    /// VXLAN extensions: a nest of [`uapi::vport::vxlan_ext`](crate::uapi::vport::vxlan_ext).
    VxlanOpts(Attr<'a>),
    /// The outer source.
    Ipv6Src(Ipv6Addr),
    /// The outer destination.
    Ipv6Dst(Ipv6Addr),
    /// ERSPAN's `struct erspan_metadata`.
    ErspanOpts(&'a [u8]),
    /// The tunnel bridges.
    Ipv4InfoBridge,
    /// An attribute this version does not know, padding included: to be carried through untouched.
    Other(Attr<'a>),
}

impl<'a> TunnelField<'a> {
    /// Reads one attribute.
    ///
    /// # Errors
    /// [`Reason::BadLength`] when it does not have its type's length.
    pub fn read(attr: Attr<'a>) -> Result<Self, DecodeError> {
        let flag = |value: Self| attr.fixed::<0>(TUNNEL).map(|[]| value);
        Ok(match attr.raw_type() {
            tunnel_key::ID => Self::Id(u64::from_be_bytes(attr.fixed(TUNNEL)?)),
            tunnel_key::IPV4_SRC => Self::Ipv4Src(attr.fixed::<4>(TUNNEL)?.into()),
            tunnel_key::IPV4_DST => Self::Ipv4Dst(attr.fixed::<4>(TUNNEL)?.into()),
            tunnel_key::TOS => Self::Tos(u8::from_ne_bytes(attr.fixed(TUNNEL)?)),
            tunnel_key::TTL => Self::Ttl(u8::from_ne_bytes(attr.fixed(TUNNEL)?)),
            tunnel_key::DONT_FRAGMENT => flag(Self::DontFragment)?,
            tunnel_key::CSUM => flag(Self::Csum)?,
            tunnel_key::OAM => flag(Self::Oam)?,
            tunnel_key::GENEVE_OPTS => Self::GeneveOpts(attr.payload()),
            tunnel_key::TP_SRC => Self::TpSrc(u16::from_be_bytes(attr.fixed(TUNNEL)?)),
            tunnel_key::TP_DST => Self::TpDst(u16::from_be_bytes(attr.fixed(TUNNEL)?)),
            tunnel_key::IPV6_SRC => Self::Ipv6Src(attr.fixed::<16>(TUNNEL)?.into()),
            tunnel_key::IPV6_DST => Self::Ipv6Dst(attr.fixed::<16>(TUNNEL)?.into()),
            tunnel_key::ERSPAN_OPTS => Self::ErspanOpts(attr.payload()),
            tunnel_key::IPV4_INFO_BRIDGE => flag(Self::Ipv4InfoBridge)?,
            _ if attr.kind() == tunnel_key::VXLAN_OPTS => Self::VxlanOpts(attr),
            _ => Self::Other(attr),
        })
    }

    /// Appends the attribute.
    ///
    /// # Errors
    /// [`TooLong`] when one of the variants that borrow holds more than an attribute can; nothing is appended then.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match *self {
            Self::GeneveOpts(bytes) => return nla::put(out, tunnel_key::GENEVE_OPTS, bytes),
            Self::ErspanOpts(bytes) => return nla::put(out, tunnel_key::ERSPAN_OPTS, bytes),
            Self::VxlanOpts(attr) | Self::Other(attr) => return attr.put(out),
            Self::Id(value) => nla::put_array(out, tunnel_key::ID, value.to_be_bytes()),
            Self::Ipv4Src(value) => nla::put_array(out, tunnel_key::IPV4_SRC, value.octets()),
            Self::Ipv4Dst(value) => nla::put_array(out, tunnel_key::IPV4_DST, value.octets()),
            Self::Tos(value) => nla::put_u8(out, tunnel_key::TOS, value),
            Self::Ttl(value) => nla::put_u8(out, tunnel_key::TTL, value),
            Self::DontFragment => nla::put_flag(out, tunnel_key::DONT_FRAGMENT),
            Self::Csum => nla::put_flag(out, tunnel_key::CSUM),
            Self::Oam => nla::put_flag(out, tunnel_key::OAM),
            Self::TpSrc(value) => nla::put_be16(out, tunnel_key::TP_SRC, value),
            Self::TpDst(value) => nla::put_be16(out, tunnel_key::TP_DST, value),
            Self::Ipv6Src(value) => nla::put_array(out, tunnel_key::IPV6_SRC, value.octets()),
            Self::Ipv6Dst(value) => nla::put_array(out, tunnel_key::IPV6_DST, value.octets()),
            Self::Ipv4InfoBridge => nla::put_flag(out, tunnel_key::IPV4_INFO_BRIDGE),
        }
        Ok(())
    }
}

/// The fields of a tunnel's key, the payload of [`Field::Tunnel`](super::Field::Tunnel).
pub fn tunnel_fields(bytes: &[u8]) -> impl Iterator<Item = Result<TunnelField<'_>, DecodeError>> + Clone {
    Attrs::new(bytes).map(TunnelField::read)
}

/// One Geneve option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneveOpt<'a> {
    /// Whose option it is.
    pub class: u16,
    /// Its number there; the highest bit says that a receiver must know it.
    pub kind: u8,
    /// Its value, a multiple of 4 bytes, at most 124.
    pub data: &'a [u8],
}

/// Iterates over Geneve options. Yields one error and ends when one is cut short.
#[derive(Debug, Clone, Copy)]
pub struct GeneveOpts<'a>(pub &'a [u8]);

impl<'a> Iterator for GeneveOpts<'a> {
    type Item = Result<GeneveOpt<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let whole = core::mem::take(&mut self.0);
        let parsed = whole.split_first_chunk().and_then(|(&[c0, c1, kind, len], rest)| {
            let (data, rest) = rest.split_at_checked(usize::from(len & 0x1f) * 4)?;
            self.0 = rest;
            Some(GeneveOpt { class: u16::from_be_bytes([c0, c1]), kind, data })
        });
        Some(parsed.ok_or(DecodeError::new(TUNNEL, tunnel_key::GENEVE_OPTS, 0, Reason::Truncated)))
    }
}

/// NSH's base header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NshBase {
    /// Its flags.
    pub flags: u8,
    /// Time to live.
    pub ttl: u8,
    /// The metadata's type: 1 or 2.
    pub mdtype: u8,
    /// The next protocol.
    pub np: u8,
    /// Service path (24 bits) and index (8 bits).
    pub path_hdr: u32,
}

impl NshBase {
    /// The service path's identifier.
    pub const fn spi(self) -> u32 {
        self.path_hdr >> 8
    }

    /// The service index.
    pub const fn si(self) -> u8 {
        (self.path_hdr & 0xff) as u8
    }
}

/// One attribute of an NSH key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NshField<'a> {
    /// The base header.
    Base(NshBase),
    /// The context of metadata type 1.
    Md1([u32; 4]),
    /// The context headers of metadata type 2.
    Md2(&'a [u8]),
    /// An attribute this version does not know: to be carried through untouched.
    Other(Attr<'a>),
}

impl<'a> NshField<'a> {
    /// Reads one attribute.
    ///
    /// # Errors
    /// [`Reason::BadLength`] when it does not have its type's length.
    pub fn read(attr: Attr<'a>) -> Result<Self, DecodeError> {
        Ok(match attr.raw_type() {
            nsh::BASE => {
                let [flags, ttl, mdtype, np, p0, p1, p2, p3] = attr.fixed(NSH)?;
                Self::Base(NshBase { flags, ttl, mdtype, np, path_hdr: u32::from_be_bytes([p0, p1, p2, p3]) })
            }
            nsh::MD1 => match attr.payload().as_chunks() {
                (&[a, b, c, d], []) => Self::Md1([a, b, c, d].map(u32::from_be_bytes)),
                _ => return Err(attr.error(NSH, Reason::BadLength)),
            },
            nsh::MD2 => Self::Md2(attr.payload()),
            _ => Self::Other(attr),
        })
    }

    /// Appends the attribute.
    ///
    /// # Errors
    /// [`TooLong`] when one of the variants that borrow holds more than an attribute can; nothing is appended then.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match *self {
            Self::Base(base) => {
                let [p0, p1, p2, p3] = base.path_hdr.to_be_bytes();
                nla::put_array(out, nsh::BASE, [base.flags, base.ttl, base.mdtype, base.np, p0, p1, p2, p3]);
                Ok(())
            }
            Self::Md1(context) => nla::put(out, nsh::MD1, context.map(u32::to_be_bytes).as_flattened()),
            Self::Md2(bytes) => nla::put(out, nsh::MD2, bytes),
            Self::Other(attr) => attr.put(out),
        }
    }
}

/// The fields of an NSH key, the payload of [`Field::Nsh`](super::Field::Nsh).
pub fn nsh_fields(bytes: &[u8]) -> impl Iterator<Item = Result<NshField<'_>, DecodeError>> + Clone {
    Attrs::new(bytes).map(NshField::read)
}
