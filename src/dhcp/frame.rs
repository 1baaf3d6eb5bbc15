//! DHCP's two carriers below UDP's socket: an Ethernet frame around a message, and a message out of a frame.
//!
//! A client without an address (or with one the server has yet to confirm) speaks in whole frames. Pure: bytes in,
//! bytes out.

use std::net::Ipv4Addr;

use ovsdp_proto::Mac;

use crate::packet::checksum;

/// The UDP port servers listen on.
pub(super) const SERVER_PORT: u16 = 67;
/// The UDP port clients listen on.
pub(super) const CLIENT_PORT: u16 = 68;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: usize = 8;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const IPPROTO_UDP: u8 = 17;
/// More-fragments and the fragment offset: a fragment is never a whole reply.
const FRAGMENT: u16 = 0x3fff;

/// The frame that carries `message` from `source` (port 68) to everyone on the link (port 67). `None` when it does not
/// fit IPv4's length field.
pub(super) fn broadcast(mac: Mac, source: Ipv4Addr, message: &[u8]) -> Option<Vec<u8>> {
    let udp_len = u16::try_from(UDP + message.len()).ok()?;
    let total = u16::try_from(IPV4 + UDP + message.len()).ok()?;
    let target = Ipv4Addr::BROADCAST;

    let mut ip = Vec::with_capacity(IPV4);
    ip.extend_from_slice(&[0x45, 0x10]); // version 4, five words; low delay, as dhclient asks
    ip.extend_from_slice(&total.to_be_bytes());
    ip.extend_from_slice(&[0, 0, 0, 0, 64, IPPROTO_UDP, 0, 0]);
    ip.extend_from_slice(&source.octets());
    ip.extend_from_slice(&target.octets());
    let sum = checksum(&[&ip]);

    let mut udp = Vec::with_capacity(UDP);
    udp.extend_from_slice(&CLIENT_PORT.to_be_bytes());
    udp.extend_from_slice(&SERVER_PORT.to_be_bytes());
    udp.extend_from_slice(&udp_len.to_be_bytes());
    let pseudo = [&source.octets()[..], &target.octets(), &[0, IPPROTO_UDP], &udp_len.to_be_bytes()].concat();
    // Zero means "not computed" in UDP; the other zero of ones' complement says the same number.
    let udp_sum = match checksum(&[&pseudo, &udp, message]) {
        0 => 0xffff,
        sum => sum,
    };

    let mut frame = Vec::with_capacity(ETHERNET + IPV4 + UDP + message.len());
    frame.extend_from_slice(&Mac::BROADCAST.0);
    frame.extend_from_slice(&mac.0);
    frame.extend_from_slice(&ETHERTYPE_IPV4);
    frame.extend_from_slice(ip.get(..10)?);
    frame.extend_from_slice(&sum.to_be_bytes());
    frame.extend_from_slice(ip.get(12..)?);
    frame.extend_from_slice(&udp);
    frame.extend_from_slice(&udp_sum.to_be_bytes());
    frame.extend_from_slice(message);
    Some(frame)
}

/// The message a frame carries to the client's port; `None` for anything else, whatever it is.
///
/// Checksums are not looked at: between two devices of one machine they are left for hardware that is not there, and
/// on a wire the frame had its own.
pub(super) fn payload(frame: &[u8]) -> Option<&[u8]> {
    if frame.get(12..ETHERNET)? != ETHERTYPE_IPV4 {
        return None;
    }
    let ip = frame.get(ETHERNET..)?;
    let first = *ip.first()?;
    let header = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header < IPV4 || *ip.get(9)? != IPPROTO_UDP || be16(ip, 6)? & FRAGMENT != 0 {
        return None;
    }
    // The total length cuts off what pads a short frame to 60 bytes.
    let udp = ip.get(header..usize::from(be16(ip, 2)?))?;
    if be16(udp, 2)? != CLIENT_PORT {
        return None;
    }
    udp.get(UDP..usize::from(be16(udp, 4)?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_checks_itself() {
        let source = Ipv4Addr::new(172, 16, 3, 140);
        for message in [&b"odd"[..], b"even", b""] {
            let frame = broadcast(Mac([2, 0, 0, 0, 0, 1]), source, message).unwrap();
            assert_eq!(checksum(&[&frame[14..34]]), 0, "a right header sums to zero");
            let udp_len = u16::try_from(8 + message.len()).unwrap().to_be_bytes();
            let pseudo = [&source.octets()[..], &[255; 4], &[0, 17], &udp_len].concat();
            assert_eq!(checksum(&[&pseudo, &frame[34..]]), 0);
        }
    }

    #[test]
    fn only_whole_udp_to_port_68_is_a_payload() {
        let mut frame = broadcast(Mac::ZERO, Ipv4Addr::UNSPECIFIED, b"hello").unwrap();
        assert_eq!(payload(&frame), None, "that one is for the server's port");
        frame[36..38].copy_from_slice(&CLIENT_PORT.to_be_bytes());
        assert_eq!(payload(&frame), Some(&b"hello"[..]));
        frame.extend_from_slice(&[0; 20]);
        assert_eq!(payload(&frame), Some(&b"hello"[..]), "padding is not payload");
        frame[20] = 0x40;
        assert_eq!(payload(&frame), Some(&b"hello"[..]), "don't-fragment is no fragment");
        frame[20] = 0x20;
        assert_eq!(payload(&frame), None, "a fragment");
        frame[20] = 0;
        frame[14] = 0x4f;
        assert_eq!(payload(&frame), None, "options that are not there");
    }
}
