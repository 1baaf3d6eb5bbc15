//! Telling the network where stations are now: after a failover the switches beyond still send to the member that was, until
//! each station has spoken. So the bond speaks for them, in reverse ARP, which nobody answers.

use ovsdp_proto::Mac;

use super::buckets::Exit;
use super::machine::{Bond, LacpStatus};
use crate::model::BondMode;

/// The Ethernet type of reverse ARP.
const RARP: u16 = 0x8035;
const TPID: u16 = 0x8100;
/// Ethernet, IPv4, their lengths, "who am I".
const HEAD: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 3];

/// A frame that makes a switch learn an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    bytes: [u8; 46],
    len: usize,
}

impl Announcement {
    /// The frame.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The frame that says "I am `mac`", tagged with a VLAN unless that is 0: a request of reverse ARP (RFC 903) with zero for
/// the addresses that are not known, to everyone.
pub fn announcement(mac: Mac, vlan: u16) -> Announcement {
    let mut frame = Announcement { bytes: [0; 46], len: 0 };
    let mut put = |part: &[u8]| {
        frame.bytes[frame.len..frame.len + part.len()].copy_from_slice(part);
        frame.len += part.len();
    };
    put(&Mac::BROADCAST.0);
    put(&mac.0);
    if vlan != 0 {
        put(&TPID.to_be_bytes());
        put(&vlan.to_be_bytes());
    }
    put(&RARP.to_be_bytes());
    put(&HEAD);
    put(&mac.0);
    put(&[0; 4]);
    put(&mac.0);
    put(&[0; 4]);
    frame
}

impl Bond {
    /// Whether the stations behind other ports must be announced by this bond now. Says so once for each time.
    pub fn announcements_due(&mut self) -> bool {
        core::mem::take(&mut self.announce) && self.may_announce()
    }

    /// By which member a station is announced: the one its packets go out by.
    pub fn announce_by(&mut self, mac: Mac, vlan: u16) -> Option<u32> {
        match self.exit(mac, vlan) {
            Exit::Port { dp_port } | Exit::Bucket { dp_port, .. } => Some(dp_port),
            Exit::Nowhere | Exit::Recirculate { .. } => None,
        }
    }

    /// A partner that speaks LACP learns of a failover by that.
    fn may_announce(&self) -> bool {
        let alone = self.lacp == LacpStatus::Off && self.settings.bond.mode != BondMode::BalanceTcp;
        let falls_back = self.settings.fallback_ab && self.lacp == LacpStatus::Configured;
        (alone || falls_back) && self.active.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_a_reverse_arp_request() {
        let mac = Mac([2, 0, 0, 0, 0, 9]);
        let plain = announcement(mac, 0);
        assert_eq!(
            plain.bytes(),
            [
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x80, 0x35][..],
                &[0, 1, 8, 0, 6, 4, 0, 3, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0],
            ]
            .concat()
        );
        let tagged = announcement(mac, 0x123);
        assert_eq!(tagged.bytes()[..18], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x81, 0, 1, 0x23, 0x80, 0x35]);
        assert_eq!(tagged.bytes()[18..], plain.bytes()[14..]);
    }
}
