//! The neighbour advertisement nobody asked for (RFC 4861 7.2.6), as bytes. Pure.

use std::net::Ipv6Addr;

use ovsdp_proto::Mac;

use super::checksum::checksum;
use super::socket::IPV6;

/// Every host on the link (ff02::1), and the Ethernet address such a packet goes to.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ICMPV6: u8 = 58;
const ADVERTISEMENT: u8 = 136;
/// ICMPv6 header with flags, the target, and the option with the link's address.
const LEN: u16 = 8 + 16 + 8;
const ROUTER: u8 = 0x80;
/// What a neighbour remembers is to be replaced.
const OVERRIDE: u8 = 0x20;

/// Says that `address` is at `from`. A host that routes must say so: one that does not is dropped from its neighbours'
/// routers.
pub(super) fn advertisement(from: Mac, address: Ipv6Addr, router: bool) -> Vec<u8> {
    let mut body = Vec::with_capacity(LEN.into());
    body.extend_from_slice(&[ADVERTISEMENT, 0, 0, 0, OVERRIDE | if router { ROUTER } else { 0 }, 0, 0, 0]);
    body.extend_from_slice(&address.octets());
    // Option 2: the target's link-layer address, in one unit of eight bytes.
    body.extend_from_slice(&[2, 1]);
    body.extend_from_slice(&from.0);
    let pseudo = [&address.octets()[..], &ALL_NODES.octets(), &u32::from(LEN).to_be_bytes(), &[0, 0, 0, ICMPV6]].concat();
    let sum = checksum(&[&pseudo, &body]).to_be_bytes();

    let mut frame = Vec::with_capacity(14 + 40 + usize::from(LEN));
    frame.extend_from_slice(&ALL_NODES_MAC);
    frame.extend_from_slice(&from.0);
    frame.extend_from_slice(&IPV6.to_be_bytes());
    frame.extend_from_slice(&[0x60, 0, 0, 0]);
    frame.extend_from_slice(&LEN.to_be_bytes());
    // A hop limit that only a neighbour's packet can have.
    frame.extend_from_slice(&[ICMPV6, 255]);
    frame.extend_from_slice(&address.octets());
    frame.extend_from_slice(&ALL_NODES.octets());
    frame.extend_from_slice(body.get(..2).unwrap_or_default());
    frame.extend_from_slice(&sum);
    frame.extend_from_slice(body.get(4..).unwrap_or_default());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_checks_itself_and_says_where_the_address_is() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let address: Ipv6Addr = "2001:db8::140".parse().unwrap();
        for router in [false, true] {
            let frame = advertisement(mac, address, router);
            let (ip, body) = (&frame[14..54], &frame[54..]);
            assert_eq!(body.len(), usize::from(u16::from_be_bytes([ip[4], ip[5]])));
            let pseudo = [&ip[8..40], &[0, 0, 0, 32, 0, 0, 0, 58]].concat();
            assert_eq!(checksum(&[&pseudo, body]), 0, "a right message sums to zero");
            assert_eq!(body[8..24], address.octets());
            assert_eq!(body[26..], mac.0);
            assert_eq!(body[4], if router { 0xa0 } else { 0x20 });
        }
    }
}
