//! Asking whether a neighbour is there: by ARP (RFC 826), or by neighbour solicitation (RFC 4861 7.2.2), with an address of this host's own,
//! past what the kernel remembers of its neighbours.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ovsdp_proto::{IfName, Mac};
use socket2::Socket;

use super::socket::{self, ARP, BETWEEN, IPV6, open};
use super::{arp, neighbour};

/// A neighbour to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The link's name.
    pub ifname: IfName,
    /// The link's index.
    pub ifindex: u32,
    /// The link's Ethernet address.
    pub mac: Mac,
    /// The address to ask with, one of this host's on the link; of the family of `address`.
    pub source: IpAddr,
    /// The neighbour's address.
    pub address: IpAddr,
}

/// Asks all of `neighbours` at once, a second apart for `patience` at most, and returns those that did not answer. It ends as soon as all have.
///
/// # Errors
/// A link is gone or down, and what else the kernel says.
pub fn silent(neighbours: &[Neighbour], patience: Duration) -> io::Result<Vec<Neighbour>> {
    let mut waiting: Vec<(Neighbour, Socket)> = Vec::new();
    for neighbour in neighbours {
        let ethertype = if neighbour.address.is_ipv4() { ARP } else { IPV6 };
        waiting.push((*neighbour, open(neighbour.ifindex, ethertype, &[])?));
    }
    let start = Instant::now();
    let mut asked: u32 = 0;
    while !waiting.is_empty() && start.elapsed() < patience {
        if start.elapsed() >= BETWEEN * asked {
            waiting.iter().try_for_each(|(neighbour, socket)| ask(socket, neighbour))?;
            asked = asked.saturating_add(1);
        }
        let next = patience.min(BETWEEN * asked);
        socket::wait(waiting.iter().map(|(_, socket)| socket), next.saturating_sub(start.elapsed()))?;
        let mut left = Vec::new();
        for (neighbour, socket) in waiting {
            if !hear(&socket, &neighbour)? {
                left.push((neighbour, socket));
            }
        }
        waiting = left;
    }
    Ok(waiting.into_iter().map(|(neighbour, _)| neighbour).collect())
}

fn ask(socket: &Socket, neighbour: &Neighbour) -> io::Result<()> {
    let question = match (neighbour.source, neighbour.address) {
        (IpAddr::V4(source), IpAddr::V4(address)) => arp::request(neighbour.mac, source, address),
        (IpAddr::V6(source), IpAddr::V6(address)) => neighbour::solicitation(neighbour.mac, source, address),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    socket::ask(socket, &question)
}

/// Whether an answer is among what is there.
fn hear(socket: &Socket, neighbour: &Neighbour) -> io::Result<bool> {
    let answer = socket::hear(socket, neighbour.ifindex, |frame| {
        let is_there = match neighbour.address {
            IpAddr::V4(address) => arp::parse(frame).is_some_and(|message| message.sender == address && message.sender_mac != neighbour.mac),
            IpAddr::V6(address) => neighbour::advertised(frame) == Some(address),
        };
        is_there.then_some(())
    })?;
    Ok(answer.is_some())
}
