//! The hash by which source addresses are spread over members: MurmurHash3's 32-bit mixing over the two halves of VLAN and
//! address, as Open vSwitch does on x86-64 without SSE 4.2, so that `bond/hash` says the same.

use ovsdp_proto::Mac;

/// The hash of a source address and its VLAN; its lowest 8 bits are the bucket.
pub const fn hash_mac(mac: Mac, vlan: u16, basis: u32) -> u32 {
    let [h0, h1, h2, h3, l0, l1, l2, l3] = (mac.as_u64() | (vlan as u64) << 48).to_be_bytes();
    let (high, low) = (u32::from_be_bytes([h0, h1, h2, h3]), u32::from_be_bytes([l0, l1, l2, l3]));
    finish(add(add(basis, low), high) ^ 8)
}

const fn add(hash: u32, data: u32) -> u32 {
    let data = data.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    (hash ^ data).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

const fn finish(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against an implementation over bytes, which is held to published vectors of MurmurHash3 (x86, 32 bit).
    #[test]
    fn it_is_murmur3_of_eight_bytes() {
        for (mac, vlan, basis) in [(Mac::ZERO, 0, 0), (Mac([0x50, 0x54, 0, 0, 0, 5]), 0, 0), (Mac([0xde, 0xad, 0xbe, 0xef, 1, 2]), 4095, 77)] {
            let [m0, m1, m2, m3, m4, m5] = mac.0;
            let [v0, v1] = u16::to_be_bytes(vlan);
            assert_eq!(hash_mac(mac, vlan, basis), murmur3(&[m5, m4, m3, m2, m1, m0, v1, v0], basis));
        }
        assert_eq!(murmur3(b"test", 0), 0xba6b_d213);
        assert_eq!(murmur3(b"aaaa", 0x9747_b28c), 0x5a97_808a);
    }

    fn murmur3(bytes: &[u8], seed: u32) -> u32 {
        let mut hash = seed;
        for block in bytes.chunks_exact(4) {
            let word = u32::from_le_bytes(block.try_into().unwrap());
            hash ^= word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
            hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        }
        hash ^= u32::try_from(bytes.len()).unwrap();
        for (shift, factor) in [(16, 0x85eb_ca6b_u32), (13, 0xc2b2_ae35), (16, 1)] {
            hash = (hash ^ hash >> shift).wrapping_mul(factor);
        }
        hash
    }
}
