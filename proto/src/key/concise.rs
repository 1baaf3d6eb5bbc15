//! A key without what says nothing, and what of it a packet does not say itself. Half of what the kernel writes in a key says that there is
//! nothing: no mark, no priority, no connection. It takes a key without that for the same; with ten thousands of flows it is megabytes, and
//! each attribute of a request is work.

use crate::nla::{Attr, Attrs};
use crate::uapi::key;

fn is_zero(attr: Attr<'_>) -> bool {
    let (words, rest) = attr.payload().as_chunks::<4>();
    words.iter().all(|word| u32::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// Whether an attribute says nothing that its absence would not say.
fn is_idle(attr: Attr<'_>) -> bool {
    let is_optional = matches!(attr.kind(), key::PRIORITY | key::SKB_MARK | key::CT_STATE | key::CT_ZONE | key::CT_MARK | key::CT_LABELS);
    is_optional && is_zero(attr)
}

/// Makes `out` a flow's key without priority, mark and state of a connection where they are zero. One that cannot be read to its end stays as
/// it is.
///
/// A flow is the same to the kernel with either: what is not there is zero (`ovs_nla_get_match` in `net/openvswitch/flow_netlink.c`).
pub fn concise(whole: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut attrs = Attrs::new(whole);
    let put = attrs.by_ref().filter(|attr| !is_idle(*attr)).try_for_each(|attr| attr.put(out));
    if put.is_err() || !attrs.rest().is_empty() {
        out.clear();
        out.extend_from_slice(whole);
    }
}

/// Makes `out` what a key says of a packet that the packet itself does not: the port it came in by, the outer header, what it was marked with.
///
/// Of the key of a packet that is executed the kernel reads no more (`ovs_nla_get_flow_metadata` in `net/openvswitch/flow_netlink.c`): it takes
/// the rest from the packet.
pub fn beside_the_packet(whole: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let is_framed = Attrs::new(whole).any(|attr| attr.kind() == key::ETHERNET);
    let is_beside = |attr: &Attr<'_>| match attr.kind() {
        key::RECIRC_ID | key::DP_HASH => !is_zero(*attr),
        key::ETHERNET | key::VLAN | key::ENCAP | key::IPV4 | key::IPV6 | key::TCP | key::UDP | key::ICMP | key::ICMPV6 | key::ARP => false,
        key::ND | key::SCTP | key::TCP_FLAGS | key::MPLS | key::NSH | key::IPV6_EXTHDRS => false,
        // Without an Ethernet header it says of which protocol the packet is.
        key::ETHERTYPE => !is_framed,
        _ => !is_idle(*attr),
    };
    // What was an attribute fits one.
    let _ = Attrs::new(whole).filter(is_beside).try_for_each(|attr| attr.put(out));
}

#[cfg(test)]
mod tests {
    use crate::Mac;
    use crate::key::{KeyBuf, L2};
    use crate::nla::{TooLong, put_array, put_nested, put_u16, put_u32};

    use super::*;

    fn whole(mark: u32) -> Vec<u8> {
        let mut buf = KeyBuf::new();
        buf.recirc_id(0).dp_hash(0).priority(0).in_port(3).skb_mark(mark);
        let mut bytes = buf.as_bytes().to_vec();
        put_u32(&mut bytes, key::CT_STATE, 0);
        put_u16(&mut bytes, key::CT_ZONE, 0);
        put_u32(&mut bytes, key::CT_MARK, 0);
        put_array(&mut bytes, key::CT_LABELS, [0; 16]);
        buf.clear();
        buf.ethernet(Mac([2; 6]), Mac([4; 6])).eth_type(0x0800);
        bytes.extend_from_slice(buf.as_bytes());
        put_array(&mut bytes, key::IPV4, [10, 0, 0, 1, 10, 0, 0, 2, 17, 0, 64, 0]);
        bytes
    }

    fn short(key: &[u8]) -> Vec<u8> {
        let mut out = vec![1, 2, 3];
        concise(key, &mut out);
        out
    }

    #[test]
    fn what_says_nothing_is_left_out_and_nothing_else() {
        let (bytes, concise) = (whole(0), short(&whole(0)));
        assert_eq!(bytes.len() - concise.len(), 60);
        assert_eq!(L2::parse(&concise).unwrap(), L2::parse(&bytes).unwrap());
        let kinds: Vec<u16> = Attrs::new(&concise).map(|attr| attr.kind()).collect();
        assert_eq!(kinds, [key::RECIRC_ID, key::DP_HASH, key::IN_PORT, key::ETHERNET, key::ETHERTYPE, key::IPV4]);
        assert_eq!(bytes.len() - short(&whole(5)).len(), 52, "a mark that is there stays");
    }

    #[test]
    fn what_cannot_be_read_stays_whole() {
        let mut bytes = whole(0);
        bytes.extend([1, 2, 3]);
        assert_eq!(short(&bytes), bytes);
        assert!(short(&[]).is_empty());
    }

    #[test]
    fn the_last_one_need_not_be_padded() {
        let mut bytes = whole(0);
        put_u16(&mut bytes, key::TCP_FLAGS, 2);
        let padded = short(&bytes);
        bytes.truncate(bytes.len() - 2);
        assert_eq!(short(&bytes), padded);
        assert_eq!(Attrs::new(&padded).last().unwrap().kind(), key::TCP_FLAGS);
    }

    #[test]
    fn beside_the_packet_is_what_it_does_not_say_itself() {
        let kinds = |key: &[u8]| {
            let mut beside = vec![1, 2, 3];
            beside_the_packet(key, &mut beside);
            Attrs::new(&beside).map(|attr| attr.kind()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&whole(0)), [key::IN_PORT]);
        assert_eq!(kinds(&whole(5)), [key::IN_PORT, key::SKB_MARK]);
        let mut round = KeyBuf::new();
        round.recirc_id(7).dp_hash(9).in_port(0).eth_type(0x0800);
        let mut bytes = round.as_bytes().to_vec();
        put_nested::<TooLong>(&mut bytes, key::TUNNEL, |out| {
            put_u32(out, 1, 8);
            Ok(())
        })
        .unwrap();
        // A packet without an Ethernet header, and the port with the number 0.
        assert_eq!(kinds(&bytes), [key::RECIRC_ID, key::DP_HASH, key::IN_PORT, key::ETHERTYPE, key::TUNNEL]);
    }
}
