//! The outer header of a packet that came in by a tunnel, as the key has it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ovsdp_proto::key::{TunnelField, tunnel_fields};
use ovsdp_proto::nla::{self, Attrs, TooLong};
use ovsdp_proto::uapi::{key, tunnel_key};

/// The bits of a type of service that are explicit congestion notification.
pub(in crate::switch) const ECN: u8 = 0x03;
/// Congestion experienced.
const CE: u8 = 0x03;

/// What the switch reads of an outer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::switch) struct Outer {
    /// The tunnel's key; 0 when there is none.
    pub(in crate::switch) id: u64,
    /// Who sent it.
    pub(in crate::switch) src: IpAddr,
    /// To which of our addresses.
    pub(in crate::switch) dst: IpAddr,
    /// The type of service.
    tos: u8,
}

impl Outer {
    /// Reads it from a key's attributes; `None` when the packet did not come in by a tunnel.
    pub(in crate::switch) fn parse(key_attrs: &[u8]) -> Option<Self> {
        let nest = Attrs::new(key_attrs).find(key::TUNNEL)?;
        let (mut id, mut tos) = (0, 0);
        let (mut src, mut dst) = ([None; 2], [None; 2]);
        for field in tunnel_fields(nest.payload()).flatten() {
            match field {
                TunnelField::Id(value) => id = value,
                TunnelField::Ipv4Src(address) => src[0] = Some(IpAddr::V4(address)),
                TunnelField::Ipv4Dst(address) => dst[0] = Some(IpAddr::V4(address)),
                TunnelField::Ipv6Src(address) => src[1] = Some(IpAddr::V6(address)),
                TunnelField::Ipv6Dst(address) => dst[1] = Some(IpAddr::V6(address)),
                TunnelField::Tos(value) => tos = value,
                _ => {}
            }
        }
        // The kernel leaves a zero source out.
        let v6 = dst[0].is_none();
        let nobody = if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        Some(Self { id, src: src[usize::from(v6)].unwrap_or(nobody), dst: dst[usize::from(v6)]?, tos })
    }

    /// The same without its key: behind a patch port a packet has none.
    pub(in crate::switch) const fn without_id(self) -> Self {
        Self { id: 0, ..self }
    }

    /// Whether a router on the way was congested and said so.
    pub(in crate::switch) const fn congested(&self) -> bool {
        self.tos & ECN == CE
    }

    /// Appends the mask of what the switch reads of it. The kernel takes TTL for missing when it is not there, and a flag for
    /// wildcarded unless its attribute is: with ID a tunnel with the key 0 is told from one without.
    pub(in crate::switch) fn put_mask(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        nla::put_nested(out, key::TUNNEL, |out| {
            nla::put_array(out, tunnel_key::ID, [0xff; 8]);
            if self.dst.is_ipv4() {
                nla::put_array(out, tunnel_key::IPV4_SRC, [0xff; 4]);
                nla::put_array(out, tunnel_key::IPV4_DST, [0xff; 4]);
            } else {
                nla::put_array(out, tunnel_key::IPV6_SRC, [0xff; 16]);
                nla::put_array(out, tunnel_key::IPV6_DST, [0xff; 16]);
            }
            nla::put_u8(out, tunnel_key::TOS, ECN);
            nla::put_u8(out, tunnel_key::TTL, 0);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fields: &[TunnelField<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        nla::put_nested::<TooLong>(&mut out, key::TUNNEL, |out| fields.iter().try_for_each(|field| field.put(out))).unwrap();
        out
    }

    #[test]
    fn what_is_there_is_read() {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let ours = [TunnelField::Id(7), TunnelField::Ipv4Src(a), TunnelField::Ipv4Dst(b), TunnelField::Tos(0x2b), TunnelField::Ttl(3)];
        let outer = Outer::parse(&key(&ours)).unwrap();
        assert_eq!((outer.id, outer.src, outer.dst, outer.congested()), (7, a.into(), b.into(), true));
        let bare = Outer::parse(&key(&[TunnelField::Ipv6Dst(Ipv6Addr::LOCALHOST)])).unwrap();
        assert_eq!((bare.id, bare.src, bare.congested()), (0, Ipv6Addr::UNSPECIFIED.into(), false));
        assert_eq!(Outer::parse(&key(&[TunnelField::Id(7)])), None, "no destination");
        assert_eq!(Outer::parse(&[]), None);
    }
}
