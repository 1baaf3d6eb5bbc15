//! Saying that an address is here now: neighbours that knew it at another Ethernet address would go on sending there.

use std::io;
use std::net::IpAddr;

use ovsdp_proto::Mac;

use super::socket::{ARP, IPV6, open};
use super::{arp, neighbour};

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// The link's index.
    pub ifindex: u32,
    /// The link's Ethernet address.
    pub mac: Mac,
    /// The address on it.
    pub address: IpAddr,
    /// Whether the host routes IPv6 between its links.
    pub router: bool,
}

/// Which of the two times it is said: neighbours differ in what they listen to, so ARP is said one way and then the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// At once.
    First,
    /// Once more, for whoever missed the first.
    Again,
}

/// Says it once, to everyone on the link.
///
/// # Errors
/// The link is gone or down (`ENODEV`, `ENXIO`, `ENETDOWN`), or what else the kernel says.
pub fn announce(what: &Announcement, turn: Turn) -> io::Result<()> {
    let (ethertype, frame) = match (what.address, turn) {
        (IpAddr::V4(address), Turn::First) => (ARP, arp::answer(what.mac, address)),
        (IpAddr::V4(address), Turn::Again) => (ARP, arp::announcement(what.mac, address)),
        (IpAddr::V6(address), _) => (IPV6, neighbour::advertisement(what.mac, address, what.router)),
    };
    open(what.ifindex, ethertype, &[])?.send(&frame).map(drop)
}
