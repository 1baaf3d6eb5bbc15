//! ARP for IPv4 over Ethernet (RFC 826), as bytes. Pure.

use std::net::Ipv4Addr;

use ovsdp_proto::Mac;

use super::socket::ARP;

/// Length of a frame with nothing behind the message.
const LEN: usize = 42;
/// Ethernet, IPv4, and the lengths of their addresses.
const KIND: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// One message, as far as its addresses say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) sender_mac: Mac,
    pub(super) sender: Ipv4Addr,
    pub(super) target: Ipv4Addr,
    pub(super) is_request: bool,
}

fn frame(from: Mac, operation: u16, sender: Ipv4Addr, target_mac: Mac, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(LEN);
    frame.extend_from_slice(&Mac::BROADCAST.0);
    frame.extend_from_slice(&from.0);
    frame.extend_from_slice(&ARP.to_be_bytes());
    frame.extend_from_slice(&KIND);
    frame.extend_from_slice(&operation.to_be_bytes());
    frame.extend_from_slice(&from.0);
    frame.extend_from_slice(&sender.octets());
    frame.extend_from_slice(&target_mac.0);
    frame.extend_from_slice(&target.octets());
    frame
}

/// Asks who has `address` without claiming it (RFC 5227 2.1.1).
pub(super) fn probe(from: Mac, address: Ipv4Addr) -> Vec<u8> {
    frame(from, REQUEST, Ipv4Addr::UNSPECIFIED, Mac::ZERO, address)
}

/// Asks `address` where it is, from `sender`, which has it.
pub(super) fn request(from: Mac, sender: Ipv4Addr, address: Ipv4Addr) -> Vec<u8> {
    frame(from, REQUEST, sender, Mac::ZERO, address)
}

/// Says that `address` is here, as a question for it (RFC 5227 2.3).
pub(super) fn announcement(from: Mac, address: Ipv4Addr) -> Vec<u8> {
    frame(from, REQUEST, address, Mac::ZERO, address)
}

/// Says that `address` is here, as an answer nobody asked for: some stacks look at questions only, others at answers only.
pub(super) fn answer(from: Mac, address: Ipv4Addr) -> Vec<u8> {
    frame(from, REPLY, address, Mac::BROADCAST, address)
}

/// What a frame says; `None` for anything that is no whole ARP message about IPv4 on Ethernet.
pub(super) fn parse(frame: &[u8]) -> Option<Message> {
    let message = frame.get(14..LEN)?;
    if frame.get(12..14)? != ARP.to_be_bytes() || message.get(..6)? != KIND {
        return None;
    }
    let operation = u16::from_be_bytes(*message.get(6..8)?.first_chunk()?);
    let address = |at: usize| Some(Ipv4Addr::from(*message.get(at..at + 4)?.first_chunk::<4>()?));
    Some(Message {
        sender_mac: Mac(*message.get(8..14)?.first_chunk()?),
        sender: address(14)?,
        target: address(24)?,
        is_request: operation == REQUEST,
    })
}

impl Message {
    /// Whether its sender has `address`, or is about to take it as well.
    pub(super) fn contests(&self, address: Ipv4Addr) -> bool {
        self.sender == address || (self.is_request && self.sender.is_unspecified() && self.target == address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Mac = Mac([2, 0, 0, 0, 0, 1]);

    fn address() -> Ipv4Addr {
        Ipv4Addr::new(172, 16, 3, 140)
    }

    #[test]
    fn a_question_that_claims_nothing() {
        // tcpdump 4.99 prints it as "Request who-has 172.16.3.140 tell 0.0.0.0".
        let bytes = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 172,
            16, 3, 140,
        ];
        assert_eq!(probe(ME, address()), bytes);
    }

    #[test]
    fn who_contests_an_address() {
        let other = Ipv4Addr::new(172, 16, 3, 9);
        let contests = |frame: &[u8]| parse(frame).is_some_and(|message| message.contests(address()));
        assert!(contests(&announcement(ME, address())));
        assert!(contests(&answer(ME, address())));
        assert!(contests(&probe(ME, address())), "two that ask about it at once cannot both have it");
        assert!(!contests(&probe(ME, other)));
        assert!(!contests(&frame(ME, REQUEST, other, Mac::ZERO, address())), "somebody who only wants to talk to it");
    }

    #[test]
    fn what_is_no_message_says_nothing() {
        let whole = announcement(ME, address());
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]), None, "{len} bytes");
        }
        for at in 12..20 {
            let mut other = whole.clone();
            other[at] ^= 0x80;
            assert_eq!(parse(&other), None, "byte {at}");
        }
        assert!(parse(&[whole.as_slice(), &[0; 18]].concat()).is_some(), "short frames are padded");
    }
}
