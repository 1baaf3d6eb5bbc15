//! Neighbour discovery for IPv6 as bytes: the advertisement nobody asked for (RFC 4861 7.2.6), the question and its answer. Pure.

use std::net::Ipv6Addr;

use ovsdp_proto::Mac;

use super::checksum::checksum;
use super::socket::IPV6;

/// Every host on the link (ff02::1), and the Ethernet address such a packet goes to.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
/// The group that whoever has an address listens to, but for its last three bytes, which are the address's (RFC 4291 2.7.1).
const SOLICITED: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0);
const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// ICMPv6 header with flags, the target, and the option with the link's address.
const LEN: u16 = 8 + 16 + 8;
const ROUTER: u8 = 0x80;
/// What a neighbour remembers is to be replaced.
const OVERRIDE: u8 = 0x20;

/// Says that `address` is at `from`. A host that routes must say so: one that does not is dropped from its neighbours'
/// routers.
pub(super) fn advertisement(from: Mac, address: Ipv6Addr, router: bool) -> Vec<u8> {
    let flags = OVERRIDE | if router { ROUTER } else { 0 };
    // Option 2: the target's link-layer address.
    frame(from, ALL_NODES_MAC, (address, ALL_NODES), [ADVERTISEMENT, flags], address, 2)
}

/// Asks `address` where it is, from `sender`, which is at `from`.
pub(super) fn solicitation(from: Mac, sender: Ipv6Addr, address: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = address.octets();
    let mut group = SOLICITED.octets();
    let [.., x, y, z] = &mut group;
    (*x, *y, *z) = (a, b, c);
    // Option 1: the source's link-layer address.
    frame(from, [0x33, 0x33, 0xff, a, b, c], (sender, group.into()), [SOLICITATION, 0], address, 1)
}

/// The address that a frame says is its sender's; `None` for anything that is no whole neighbour advertisement.
pub(super) fn advertised(frame: &[u8]) -> Option<Ipv6Addr> {
    let (ip, body) = (frame.get(14..54)?, frame.get(54..)?);
    // Only a neighbour's packet can have this hop limit.
    let is_ipv6 = frame.get(12..14)? == IPV6.to_be_bytes() && ip.first()? >> 4 == 6 && ip.get(6..8)? == [ICMPV6, 255];
    let target = body.get(8..24)?.first_chunk::<16>()?;
    (is_ipv6 && *body.first()? == ADVERTISEMENT).then(|| Ipv6Addr::from(*target))
}

/// A message about `target` with one option, that says where its sender is: `kind` is its type and flags.
fn frame(from: Mac, to_mac: [u8; 6], (source, to): (Ipv6Addr, Ipv6Addr), kind: [u8; 2], target: Ipv6Addr, option: u8) -> Vec<u8> {
    let mut body = Vec::with_capacity(LEN.into());
    let [kind, flags] = kind;
    body.extend_from_slice(&[kind, 0, 0, 0, flags, 0, 0, 0]);
    body.extend_from_slice(&target.octets());
    // In one unit of eight bytes.
    body.extend_from_slice(&[option, 1]);
    body.extend_from_slice(&from.0);
    let pseudo = [&source.octets()[..], &to.octets(), &u32::from(LEN).to_be_bytes(), &[0, 0, 0, ICMPV6]].concat();
    let sum = checksum(&[&pseudo, &body]).to_be_bytes();

    let mut frame = Vec::with_capacity(14 + 40 + usize::from(LEN));
    frame.extend_from_slice(&to_mac);
    frame.extend_from_slice(&from.0);
    frame.extend_from_slice(&IPV6.to_be_bytes());
    frame.extend_from_slice(&[0x60, 0, 0, 0]);
    frame.extend_from_slice(&LEN.to_be_bytes());
    // A hop limit that only a neighbour's packet can have.
    frame.extend_from_slice(&[ICMPV6, 255]);
    frame.extend_from_slice(&source.octets());
    frame.extend_from_slice(&to.octets());
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

    #[test]
    fn a_question_and_its_answer() {
        let (mac, me, other): (_, Ipv6Addr, Ipv6Addr) = (Mac([2, 0, 0, 0, 0, 1]), "2001:db8::140".parse().unwrap(), "fe80::1:2:3".parse().unwrap());
        let asked = solicitation(mac, me, other);
        assert_eq!(asked[..6], [0x33, 0x33, 0xff, 2, 0, 3]);
        assert_eq!(asked[38..54], "ff02::1:ff02:3".parse::<Ipv6Addr>().unwrap().octets());
        let pseudo = [&asked[22..54], &[0, 0, 0, 32, 0, 0, 0, 58]].concat();
        assert_eq!(checksum(&[&pseudo, &asked[54..]]), 0, "a right message sums to zero");
        assert_eq!((asked[54], &asked[78..80]), (135, &[1, 1][..]));
        assert_eq!(advertised(&asked), None, "a question is no answer");
        let answer = advertisement(mac, other, true);
        assert_eq!(advertised(&answer), Some(other));
        assert!((0..answer.len()).all(|len| advertised(&answer[..len]).is_none_or(|target| target == other)));
        let routed = [&answer[..21], &[64], &answer[22..]].concat();
        assert_eq!(advertised(&routed), None, "one that came over a router is none");
    }
}
