//! Names and fingerprints of flows.
//!
//! A flow's name in the kernel (its UFID) is a keyed hash of the key under the mask, and of the mask: two handlers that
//! decide about two packets of one megaflow give it one name. The key ([`Seed`]) keeps strangers, who choose addresses and
//! may read the names, from making two flows share one. It may change with each run of the agent: flows found in the kernel
//! keep the name they have.

use core::hash::{BuildHasher, Hasher};
use std::hash::DefaultHasher;

use foldhash::quality::RandomState;
use ovsdp_proto::flow::Ufid;
use ovsdp_proto::key::Level;
use ovsdp_proto::nla::{Attr, Attrs};

/// A secret number that names are made with: 16 random bytes, the same for every handler of one agent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 16]);

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// The name of the flow with this key and mask. The same for every key that is equal under the mask, whether bits
    /// outside the mask are there or zero, and whether the mask spells out attributes that match anything.
    pub fn ufid(&self, key: &[u8], mask: &[u8]) -> Ufid {
        // SipHash with the secret absorbed first; the second half is of one byte more.
        let mut first = DefaultHasher::new();
        first.write(&self.0);
        significant(mask, &mut |path, mask| {
            let value = find(key, path).unwrap_or(&[]);
            first.write_u64(u64::from(path) << 32 | mask.len() as u64);
            for (at, mask) in mask.chunks(8).enumerate() {
                // What is behind the end is zero, in both.
                let (mut bits, mut under) = ([0; 8], [0; 8]);
                bits[..mask.len()].copy_from_slice(mask);
                let value = value.get(at * 8..).unwrap_or(&[]);
                let length = value.len().min(8);
                under[..length].copy_from_slice(&value[..length]);
                let bits = u64::from_ne_bytes(bits);
                first.write_u64(bits);
                first.write_u64(u64::from_ne_bytes(under) & bits);
            }
        });
        let mut second = first.clone();
        second.write_u8(0);
        let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]) = (first.finish().to_ne_bytes(), second.finish().to_ne_bytes());
        Ufid([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}

/// Fingerprints of what a flow does and matches, to tell whether a decision differs from what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) actions: u64,
    pub(crate) mask: u64,
}

impl Digest {
    /// Of actions and a mask. The mask's is that of its significant bits: the kernel gives a mask back with the attributes
    /// that match anything written out, in an order of its own.
    pub(crate) fn new(hasher: &RandomState, actions: &[u8], mask: &[u8]) -> Self {
        let mut sum = 0u64;
        significant(mask, &mut |path, mask| sum = sum.wrapping_add(hasher.hash_one((path, mask))));
        Self { actions: hasher.hash_one(actions), mask: sum }
    }
}

/// Deepest list looked into: ENCAP within ENCAP, and one that what is behind them holds. So many numbers and one make a path.
const MAX_DEPTH: u32 = 3;

/// Hands over each attribute of a mask that matches anything at all: its place (the numbers of its nests and its own, a
/// byte each, counted from 1: a tunnel's key has the number 0) and its bytes.
fn significant(mask: &[u8], visit: &mut dyn FnMut(u32, &[u8])) {
    walk(mask, Level::Key, 0, 0, visit);
}

fn walk(mask: &[u8], level: Level, path: u32, depth: u32, visit: &mut dyn FnMut(u32, &[u8])) {
    for attr in Attrs::new(mask) {
        let path = step(path, attr);
        // Of a packet without a tunnel the kernel gives back a TUNNEL nest whose time to live matches anything.
        if let Some(below) = level.below(attr.kind()).filter(|_| depth < MAX_DEPTH) {
            walk(attr.payload(), below, path, depth + 1, visit);
        } else if attr.payload().iter().any(|byte| *byte != 0) {
            visit(path, attr.payload());
        }
    }
}

/// The attribute of a key at a place of [`significant`].
fn find(key: &[u8], path: u32) -> Option<&[u8]> {
    let mut level = key;
    for shift in [24u32, 16, 8, 0] {
        if let Some(kind) = ((path >> shift) & 0xff).checked_sub(1) {
            level = Attrs::new(level).find(u16::try_from(kind).ok()?)?.payload();
        }
    }
    Some(level)
}

fn step(path: u32, attr: Attr<'_>) -> u32 {
    (path << 8) | (u32::from(attr.kind().min(0xfe)) + 1)
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::Mac;
    use ovsdp_proto::key::{KeyBuf, TunnelField};
    use ovsdp_proto::nla::{self, TooLong, put_nested};
    use ovsdp_proto::uapi::{key, tunnel_key, vport::vxlan_ext};

    use super::*;

    const SEED: Seed = Seed([7; 16]);
    const A: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 2]);
    const ANY: Mac = Mac::ZERO;

    fn key(port: u32, src: Mac, pcp: u16) -> KeyBuf {
        let mut key = KeyBuf::new();
        key.in_port(port).ethernet(src, B).eth_type(0x8100).vlan(0x1005 | pcp << 13);
        key.encap(|key| {
            key.eth_type(0x0800);
        })
        .unwrap();
        key
    }

    fn mask(src: Mac) -> KeyBuf {
        let mut mask = KeyBuf::new();
        mask.in_port(u32::MAX).ethernet(src, Mac::BROADCAST).eth_type(0xffff).vlan(0x1fff);
        mask.encap(|mask| {
            mask.eth_type(0xffff);
        })
        .unwrap();
        mask
    }

    #[test]
    fn a_name_is_of_the_key_under_the_mask() {
        let name = |key: &KeyBuf, mask: &KeyBuf| SEED.ufid(key.as_bytes(), mask.as_bytes());
        let exact = mask(Mac::BROADCAST);
        assert_eq!(name(&key(1, A, 0), &exact), name(&key(1, A, 3), &exact), "priority is not in the mask");
        assert_ne!(name(&key(1, A, 0), &exact), name(&key(2, A, 0), &exact));
        assert_ne!(name(&key(1, A, 0), &exact), name(&key(1, B, 0), &exact));
        assert_eq!(name(&key(1, A, 0), &mask(ANY)), name(&key(1, B, 0), &mask(ANY)));
        assert_ne!(name(&key(1, ANY, 0), &mask(ANY)), name(&key(1, ANY, 0), &exact), "the mask is in the name");
        assert_ne!(name(&key(1, A, 0), &exact), Seed([8; 16]).ufid(key(1, A, 0).as_bytes(), exact.as_bytes()));
    }

    #[test]
    fn a_tunnels_key_is_in_the_name() {
        let tunnelled = |id: u64| {
            let mut key = Vec::new();
            let fields = [TunnelField::Ttl(0), TunnelField::Id(id)];
            put_nested::<TooLong>(&mut key, key::TUNNEL, |out| fields.iter().try_for_each(|field| field.put(out))).unwrap();
            key
        };
        let name = |id| SEED.ufid(&tunnelled(id), &tunnelled(u64::MAX));
        assert_eq!(name(1), name(1));
        assert_ne!(name(1), name(2));
    }

    #[test]
    fn each_field_of_an_outer_header_is_in_the_name_and_the_fingerprint() {
        let hasher = RandomState::default();
        for kind in 0..=15 {
            let tunnelled = |byte: u8| {
                let mut nest = Vec::new();
                put_nested::<TooLong>(&mut nest, key::TUNNEL, |out| match kind {
                    tunnel_key::VXLAN_OPTS => put_nested(out, kind, |out| nla::put(out, vxlan_ext::GBP, &[byte; 4])),
                    _ => nla::put(out, kind, &[byte; 4]),
                })
                .unwrap();
                nest
            };
            assert_ne!(SEED.ufid(&tunnelled(1), &tunnelled(0xff)), SEED.ufid(&tunnelled(2), &tunnelled(0xff)), "{kind}");
            assert_ne!(Digest::new(&hasher, &[], &tunnelled(0xff)), Digest::new(&hasher, &[], &tunnelled(0)), "{kind}");
            assert_eq!(Digest::new(&hasher, &[], &tunnelled(0)), Digest::new(&hasher, &[], &[]), "{kind}: it matches anything");
        }
    }

    /// The mask of an ARP flow as kernel 6.12 gave it back (FLOW GET dump), beside the one it was given.
    #[test]
    fn a_mask_the_kernel_wrote_out_has_the_same_fingerprint() {
        let mut ours = KeyBuf::new();
        ours.recirc_id(u32::MAX).in_port(u32::MAX).ethernet(Mac::BROADCAST, Mac::BROADCAST).eth_type(0xffff);
        let theirs = [
            &[8, 0, 0x14, 0, 0xff, 0xff, 0xff, 0xff, 8, 0, 0x13, 0, 0, 0, 0, 0, 8, 0, 2, 0, 0, 0, 0, 0][..],
            &[12, 0, 0x10, 0, 5, 0, 4, 0, 0, 0, 0, 0, 8, 0, 3, 0, 0xff, 0xff, 0xff, 0xff, 8, 0, 0xf, 0, 0, 0, 0, 0],
            &[8, 0, 0x16, 0, 0, 0, 0, 0, 6, 0, 0x17, 0, 0, 0, 0, 0, 8, 0, 0x18, 0, 0, 0, 0, 0],
            &[20, 0, 0x19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[16, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 6, 0, 6, 0, 0xff, 0xff, 0, 0],
            &[28, 0, 0xd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let hasher = RandomState::default();
        assert_eq!(Digest::new(&hasher, &[], ours.as_bytes()), Digest::new(&hasher, &[], &theirs));
        let mut tunnelled = theirs.clone();
        // The time to live's own byte.
        tunnelled[32] = 0xff;
        assert_ne!(Digest::new(&hasher, &[], ours.as_bytes()), Digest::new(&hasher, &[], &tunnelled));
    }

    #[test]
    fn what_the_kernel_gives_back_has_the_same_name_and_fingerprint() {
        let ours = mask(ANY);
        let mut theirs = KeyBuf::new();
        theirs.priority(0).in_port(u32::MAX).skb_mark(0).ethernet(ANY, Mac::BROADCAST).eth_type(0xffff).vlan(0x1fff);
        theirs
            .encap(|mask| {
                mask.dp_hash(0).eth_type(0xffff);
            })
            .unwrap();
        assert_eq!(SEED.ufid(key(1, A, 0).as_bytes(), ours.as_bytes()), SEED.ufid(key(1, ANY, 0).as_bytes(), theirs.as_bytes()));
        let hasher = RandomState::default();
        let digest = |mask: &KeyBuf| Digest::new(&hasher, &[], mask.as_bytes());
        assert_eq!(digest(&ours), digest(&theirs));
        assert_ne!(digest(&ours), digest(&mask(A)));
        let mut reordered = KeyBuf::new();
        reordered.eth_type(0xffff).ethernet(ANY, Mac::BROADCAST).vlan(0x1fff).in_port(u32::MAX);
        reordered
            .encap(|mask| {
                mask.eth_type(0xffff);
            })
            .unwrap();
        assert_eq!(digest(&ours), digest(&reordered), "in whatever order");
    }
}
