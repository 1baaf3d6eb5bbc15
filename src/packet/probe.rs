//! Asking whether anybody has an address, before it is used (RFC 5227 2.1).

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{LinkAddr, recvfrom};
use ovsdp_proto::{IfName, Mac};
use socket2::Socket;

use super::arp;
use super::socket::{ARP, open};

/// How long one question waits for its answer before the next is put.
pub(super) const BETWEEN: Duration = Duration::from_secs(1);
/// Room for an ARP message and what pads it; nothing behind that is looked at.
const FRAME: usize = 128;

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
                    ask(&ear.socket, claim)?;
                }
            }
            asked = asked.saturating_add(1);
        }
        let next = end.min(BETWEEN * u32::from(asked));
        wait(ears.iter().map(|ear| &ear.socket), next.saturating_sub(start.elapsed()))?;
        for ear in &ears {
            if let Some(conflict) = hear(ear, claims, own)? {
                return Ok(Some(conflict));
            }
        }
    }
}

fn ask(socket: &Socket, claim: &Claim) -> io::Result<()> {
    match socket.send(&arp::probe(claim.mac, claim.address)) {
        Ok(_) => Ok(()),
        // A full queue loses the question as the wire might.
        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) || error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

/// Waits until one of `sockets` has something to read, at most so long.
pub(super) fn wait<'a>(sockets: impl Iterator<Item = &'a Socket>, at_most: Duration) -> io::Result<()> {
    let mut fds: Vec<PollFd<'_>> = sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
    // Rounded up, or the last millisecond would be spent turning in circles.
    let timeout = PollTimeout::try_from(at_most + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Reads what is there; at most as much as would fill a queue, so that a flood of ARP does not keep it from its clock.
fn hear(ear: &Ear, claims: &[Claim], own: &[Mac]) -> io::Result<Option<Conflict>> {
    const MOST: usize = 1024;
    let mut buffer = [0; FRAME];
    for _ in 0..MOST {
        let (len, from) = match recvfrom::<LinkAddr>(ear.socket.as_raw_fd(), &mut buffer) {
            Ok((len, Some(from))) => (len, from),
            Ok((_, None)) | Err(Errno::EINTR) => continue,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        if u32::try_from(from.ifindex()) != Ok(ear.ifindex) || from.pkttype() == libc::PACKET_OUTGOING {
            continue;
        }
        let Some(message) = buffer.get(..len.min(FRAME)).and_then(arp::parse) else { continue };
        if own.contains(&message.sender_mac) {
            continue;
        }
        let contested = claims.iter().find(|claim| claim.ifindex == ear.ifindex && message.contests(claim.address));
        if let Some(claim) = contested {
            return Ok(Some(Conflict { ifname: claim.ifname, address: claim.address, holder: message.sender_mac }));
        }
    }
    Ok(None)
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
