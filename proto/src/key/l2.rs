//! What a learning switch reads of a key.

use crate::error::{DecodeError, Reason};
use crate::key::FAMILY;
use crate::mac::Mac;
use crate::nla::{Attr, Attrs};
use crate::uapi::key;

/// The Ethernet type that stands for a frame without one (its length field is below 0x0600): the kernel then leaves
/// ETHERTYPE out of the key, and a mask that matches such frames only has ETHERTYPE 0xffff all the same.
pub const ETH_P_802_2: u16 = 0x0004;
/// The bit of a TCI that says a tag is there. In the frame itself it is the DEI bit.
pub const VLAN_PRESENT: u16 = 0x1000;

/// A VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vlan {
    /// The tag's protocol: 0x8100 (802.1Q) or 0x88a8 (802.1ad).
    pub tpid: u16,
    /// Priority in the 3 highest bits, then [`VLAN_PRESENT`], then 12 bits of VLAN id. A tag too short to be read has 0.
    pub tci: u16,
}

impl Vlan {
    /// A tag with this id (its lowest 12 bits) and priority (its lowest 3 bits).
    pub const fn new(tpid: u16, vid: u16, pcp: u8) -> Self {
        Self { tpid, tci: VLAN_PRESENT | (vid & 0xfff) | ((pcp as u16 & 7) << 13) }
    }

    /// The VLAN id, 0 to 4095.
    pub const fn vid(self) -> u16 {
        self.tci & 0xfff
    }

    /// The priority, 0 to 7.
    pub const fn pcp(self) -> u8 {
        (self.tci >> 13) as u8
    }
}

/// What a learning switch reads of a key, found in one pass over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct L2 {
    /// The port the packet came in by; `None` when it came from no port.
    pub in_port: Option<u32>,
    /// The pass after a `recirc` action; 0 for a packet as it came in.
    pub recirc_id: u32,
    /// The hash a `hash` action left; 0 when there is none.
    pub dp_hash: u32,
    /// `skb->priority`.
    pub priority: u32,
    /// `skb->mark`.
    pub mark: u32,
    /// Whether the packet came out of a tunnel that sets metadata.
    pub tunnelled: bool,
    /// Whether there is an Ethernet header at all; a layer-3 tunnel delivers packets without, and both addresses are then zero.
    pub ethernet: bool,
    /// The source address.
    pub eth_src: Mac,
    /// The destination address.
    pub eth_dst: Mac,
    /// The Ethernet type behind every VLAN tag that was read; [`ETH_P_802_2`] for a frame without one. When a frame ends
    /// inside a tag, or has more tags than the datapath reads, it is that tag's TPID.
    pub eth_type: u16,
    /// The outermost VLAN tag.
    pub vlan: Option<Vlan>,
    /// The tag behind it.
    pub inner_vlan: Option<Vlan>,
}

/// What one level of the key says about its Ethernet type and tag.
#[derive(Clone, Copy)]
struct Level<'a> {
    eth_type: Option<u16>,
    tci: Option<u16>,
    encap: Option<Attr<'a>>,
}

impl<'a> Level<'a> {
    const EMPTY: Self = Self { eth_type: None, tci: None, encap: None };

    /// Takes `attr` when it belongs to this level.
    #[inline]
    fn take(&mut self, attr: Attr<'a>) -> Result<(), DecodeError> {
        match attr.kind() {
            key::ETHERTYPE => self.eth_type = Some(u16::from_be_bytes(attr.fixed(FAMILY)?)),
            key::VLAN => self.tci = Some(u16::from_be_bytes(attr.fixed(FAMILY)?)),
            key::ENCAP => self.encap = Some(attr),
            _ => {}
        }
        Ok(())
    }

    /// The level behind this one's tag.
    fn inner(&self) -> Result<Self, DecodeError> {
        let mut inner = Self::EMPTY;
        if let Some(encap) = self.encap {
            let mut attrs = encap.nested();
            for attr in attrs.by_ref() {
                inner.take(attr)?;
            }
            ended(&attrs, encap.offset())?;
        }
        Ok(inner)
    }

    /// This level's tag, if it has one.
    fn vlan(&self) -> Option<Vlan> {
        Some(Vlan { tpid: self.eth_type?, tci: self.tci? })
    }
}

/// Whether a list was read to its end.
#[inline]
fn ended(attrs: &Attrs<'_>, offset: usize) -> Result<(), DecodeError> {
    if attrs.rest().len() >= crate::nla::HEADER_LEN {
        return Err(DecodeError::new(FAMILY, 0, offset + attrs.bytes().len() - attrs.rest().len(), Reason::BadLength));
    }
    Ok(())
}

impl L2 {
    /// Reads a key's attributes.
    ///
    /// # Errors
    /// [`Reason::BadLength`] when the list or an attribute named here is malformed. Others are not looked at.
    pub fn parse(key_attrs: &[u8]) -> Result<Self, DecodeError> {
        let mut l2 = Self {
            in_port: None,
            recirc_id: 0,
            dp_hash: 0,
            priority: 0,
            mark: 0,
            tunnelled: false,
            ethernet: false,
            eth_src: Mac::ZERO,
            eth_dst: Mac::ZERO,
            eth_type: ETH_P_802_2,
            vlan: None,
            inner_vlan: None,
        };
        let mut outer = Level::EMPTY;
        let mut attrs = Attrs::new(key_attrs);
        for attr in attrs.by_ref() {
            match attr.kind() {
                key::IN_PORT => l2.in_port = Some(u32::from_ne_bytes(attr.fixed(FAMILY)?)),
                key::RECIRC_ID => l2.recirc_id = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                key::DP_HASH => l2.dp_hash = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                key::PRIORITY => l2.priority = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                key::SKB_MARK => l2.mark = u32::from_ne_bytes(attr.fixed(FAMILY)?),
                key::TUNNEL => l2.tunnelled = true,
                key::ETHERNET => {
                    let [s0, s1, s2, s3, s4, s5, d0, d1, d2, d3, d4, d5] = attr.fixed(FAMILY)?;
                    l2.ethernet = true;
                    l2.eth_src = Mac([s0, s1, s2, s3, s4, s5]);
                    l2.eth_dst = Mac([d0, d1, d2, d3, d4, d5]);
                }
                _ => outer.take(attr)?,
            }
        }
        ended(&attrs, 0)?;
        l2.vlan = outer.vlan();
        let mut innermost = outer;
        if l2.vlan.is_some() {
            let middle = outer.inner()?;
            l2.inner_vlan = middle.vlan();
            let last = if l2.inner_vlan.is_some() { middle.inner()? } else { Level::EMPTY };
            for level in [middle, last] {
                if level.eth_type.is_some() {
                    innermost = level;
                }
            }
            // A tag was read whole (its present bit says so) and its payload has no Ethernet type: a length field.
            let missing = match l2.inner_vlan {
                Some(inner) => inner.tci & VLAN_PRESENT != 0 && last.eth_type.is_none(),
                None => outer.tci.is_some_and(|tci| tci & VLAN_PRESENT != 0) && middle.eth_type.is_none(),
            };
            if missing {
                innermost = Level::EMPTY;
            }
        }
        l2.eth_type = innermost.eth_type.unwrap_or(ETH_P_802_2);
        Ok(l2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyBuf;

    const A: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 2]);

    #[test]
    fn an_untagged_frame() {
        let mut key = KeyBuf::new();
        key.recirc_id(7).in_port(2).ethernet(A, B).eth_type(0x0800);
        let l2 = L2::parse(key.as_bytes()).unwrap();
        assert_eq!((l2.in_port, l2.recirc_id, l2.eth_src, l2.eth_dst), (Some(2), 7, A, B));
        assert_eq!((l2.eth_type, l2.vlan, l2.inner_vlan), (0x0800, None, None));
    }

    #[test]
    fn a_frame_with_a_length_field_has_no_type() {
        let mut key = KeyBuf::new();
        key.in_port(2).ethernet(A, B);
        assert_eq!(L2::parse(key.as_bytes()).unwrap().eth_type, ETH_P_802_2);
        let mut tagged = KeyBuf::new();
        tagged.in_port(2).ethernet(A, B).eth_type(0x8100).vlan(0x1005).encap(|_| {}).unwrap();
        let l2 = L2::parse(tagged.as_bytes()).unwrap();
        assert_eq!((l2.eth_type, l2.vlan), (ETH_P_802_2, Some(Vlan { tpid: 0x8100, tci: 0x1005 })));
    }

    #[test]
    fn two_tags() {
        let mut key = KeyBuf::new();
        key.in_port(2)
            .ethernet(A, B)
            .eth_type(0x88a8)
            .vlan(0x1064)
            .encap(|key| {
                let _ = key.eth_type(0x8100).vlan(0x3001).encap(|key| {
                    key.eth_type(0x86dd);
                });
            })
            .unwrap();
        let l2 = L2::parse(key.as_bytes()).unwrap();
        assert_eq!(l2.vlan.map(|vlan| (vlan.tpid, vlan.vid(), vlan.pcp())), Some((0x88a8, 100, 0)));
        assert_eq!(l2.inner_vlan.map(|vlan| (vlan.tpid, vlan.vid(), vlan.pcp())), Some((0x8100, 1, 1)));
        assert_eq!(l2.eth_type, 0x86dd);
    }

    #[test]
    fn a_tag_cut_short_is_its_own_type() {
        let mut key = KeyBuf::new();
        key.in_port(2).ethernet(A, B).eth_type(0x8100).vlan(0).encap(|_| {}).unwrap();
        let l2 = L2::parse(key.as_bytes()).unwrap();
        assert_eq!((l2.eth_type, l2.vlan.map(|vlan| vlan.tci)), (0x8100, Some(0)));
    }

    #[test]
    fn malformed_attributes_are_errors() {
        let mut bytes = Vec::new();
        crate::nla::put_u16(&mut bytes, key::IN_PORT, 3);
        assert_eq!(L2::parse(&bytes).unwrap_err().reason, Reason::BadLength);
        assert_eq!(L2::parse(&[3, 0, 0, 0]).unwrap_err().reason, Reason::BadLength);
    }
}
