//! Asking whether anybody has an address, before it is used (RFC 5227 2.1).

use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use ovsdp_proto::{IfName, Mac};
use socket2::Socket;

use super::arp;
use super::socket::{self, ARP, BETWEEN, open};

/// An address to be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The link's name.
    pub ifname: IfName,
    /// The link's index.
    pub ifindex: u32,
    /// The link's Ethernet address.
    pub mac: Mac,
    /// The address.
    pub address: Ipv4Addr,
    /// How often to ask, a second apart; at least once.
    pub tries: u8,
    /// How long to listen altogether at most.
    pub wait: Duration,
}

impl Claim {
    fn patience(&self) -> Duration {
        self.wait.min(BETWEEN * u32::from(self.tries.max(1)))
    }
}

/// An address that somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// The link it was asked for on.
    pub ifname: IfName,
    /// The address.
    pub address: Ipv4Addr,
    /// Who has it.
    pub holder: Mac,
}

/// One link's socket.
struct Ear {
    ifindex: u32,
    socket: Socket,
}

/// Asks about all of `claims` at once and returns the first that somebody has, as soon as it is known. It takes as long
/// as the most patient claim. Frames from one of `own`, the host's Ethernet addresses, are this host's.
///
/// # Errors
/// A link is gone or down, and what else the kernel says.
pub fn probe(claims: &[Claim], own: &[Mac]) -> io::Result<Option<Conflict>> {
    let mut ears: Vec<Ear> = Vec::new();
    for claim in claims {
        if !ears.iter().any(|ear| ear.ifindex == claim.ifindex) {
            ears.push(Ear { ifindex: claim.ifindex, socket: open(claim.ifindex, ARP, &[])? });
        }
    }
    let start = Instant::now();
    let end = claims.iter().map(Claim::patience).max().unwrap_or_default();
    let mut asked: u8 = 0;
    loop {
        let passed = start.elapsed();
        if passed >= end {
            return Ok(None);
        }
        if passed >= BETWEEN * u32::from(asked) {
            for claim in claims.iter().filter(|claim| asked < claim.tries.max(1) && passed < claim.patience()) {
                if let Some(ear) = ears.iter().find(|ear| ear.ifindex == claim.ifindex) {
                    socket::ask(&ear.socket, &arp::probe(claim.mac, claim.address))?;
                }
            }
            asked = asked.saturating_add(1);
        }
        let next = end.min(BETWEEN * u32::from(asked));
        socket::wait(ears.iter().map(|ear| &ear.socket), next.saturating_sub(start.elapsed()))?;
        for ear in &ears {
            if let Some(conflict) = hear(ear, claims, own)? {
                return Ok(Some(conflict));
            }
        }
    }
}

fn hear(ear: &Ear, claims: &[Claim], own: &[Mac]) -> io::Result<Option<Conflict>> {
    socket::hear(&ear.socket, ear.ifindex, |frame| {
        let message = arp::parse(frame).filter(|message| !own.contains(&message.sender_mac))?;
        let claim = claims.iter().find(|claim| claim.ifindex == ear.ifindex && message.contests(claim.address))?;
        Some(Conflict { ifname: claim.ifname, address: claim.address, holder: message.sender_mac })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_has_two_bounds() {
        let claim = |tries, wait| Claim {
            ifname: IfName::new("br0").unwrap(),
            ifindex: 2,
            mac: Mac::ZERO,
            address: Ipv4Addr::LOCALHOST,
            tries,
            wait: Duration::from_secs(wait),
        };
        assert_eq!(claim(2, 3).patience(), Duration::from_secs(2));
        assert_eq!(claim(9, 3).patience(), Duration::from_secs(3));
        assert_eq!(claim(0, 3).patience(), Duration::from_secs(1));
        assert_eq!(probe(&[], &[]).unwrap(), None);
    }
}
