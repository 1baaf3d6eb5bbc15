//! Gratuitous ARP: a station that says to everyone where it is, unasked. It says so when it has moved, which is how a bond
//! tells a station that moved from a packet the network sent back.

use ovsdp_proto::key::L2;
use ovsdp_proto::nla::Attrs;
use ovsdp_proto::{Mac, uapi::key};

/// The Ethernet type of ARP.
const ARP: u16 = 0x0806;
const REQUEST: [u8; 2] = [0, 1];
const REPLY: [u8; 2] = [0, 2];

/// Whether a packet is ARP to everyone.
pub(super) fn is_broadcast(l2: &L2) -> bool {
    l2.eth_type == ARP && l2.eth_dst == Mac::BROADCAST
}

/// Whether a packet, of which this is the key, is gratuitous ARP: a reply to everyone, or a request for the sender's own
/// address.
pub(super) fn is_gratuitous(l2: &L2, key: &[u8]) -> bool {
    let mut level = Attrs::new(key);
    for _ in [l2.vlan, l2.inner_vlan].into_iter().flatten() {
        match level.find(key::ENCAP) {
            Some(encap) => level = encap.nested(),
            None => return false,
        }
    }
    let Some([s0, s1, s2, s3, t0, t1, t2, t3, op @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _]) =
        level.find(key::ARP).and_then(|attr| attr.array::<24>())
    else {
        return false;
    };
    is_broadcast(l2) && (op == REPLY || (op == REQUEST && [s0, s1, s2, s3] == [t0, t1, t2, t3]))
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::key::KeyBuf;
    use ovsdp_proto::nla;

    use super::*;

    fn gratuitous(dst: Mac, tagged: bool, sender: u8, target: u8, op: u8) -> bool {
        let mut buf = KeyBuf::new();
        buf.in_port(1).ethernet(Mac([2, 0, 0, 0, 0, 1]), dst);
        let mut arp = vec![10, 0, 0, sender, 10, 0, 0, target, 0, op];
        arp.resize(24, 7);
        let mut key = buf.as_bytes().to_vec();
        let put = |out: &mut Vec<u8>| {
            nla::put_be16(out, key::ETHERTYPE, ARP);
            nla::put(out, key::ARP, &arp)
        };
        if tagged {
            nla::put_be16(&mut key, key::ETHERTYPE, 0x8100);
            nla::put_be16(&mut key, key::VLAN, 0x1005);
            nla::put_nested(&mut key, key::ENCAP, put).unwrap();
        } else {
            put(&mut key).unwrap();
        }
        is_gratuitous(&L2::parse(&key).unwrap(), &key)
    }

    #[test]
    fn a_reply_to_all_or_a_request_for_oneself() {
        for tagged in [false, true] {
            assert!(gratuitous(Mac::BROADCAST, tagged, 1, 2, 2), "a reply");
            assert!(gratuitous(Mac::BROADCAST, tagged, 1, 1, 1), "for oneself");
            assert!(!gratuitous(Mac::BROADCAST, tagged, 1, 2, 1), "for another");
            assert!(!gratuitous(Mac::BROADCAST, tagged, 1, 1, 3), "reverse ARP");
            assert!(!gratuitous(Mac([2, 0, 0, 0, 0, 2]), tagged, 1, 1, 2), "to one");
        }
        let mut key = KeyBuf::new();
        key.in_port(1).ethernet(Mac::ZERO, Mac::BROADCAST).eth_type(ARP);
        assert!(!is_gratuitous(&L2::parse(key.as_bytes()).unwrap(), key.as_bytes()), "cut short");
    }
}
