//! The floor: one dump of a datapath's flows received and thrown away. Whoever prints them must do this much.
//!
//! `guest bare-dump full|terse DATAPATH` looks at nothing but the message that ends the dump; with `count` as a third word it
//! walks over the messages and prints how many flows there were. Numbers are those of `linux/netlink.h`, `linux/genetlink.h` and
//! `linux/openvswitch.h`.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, bail, ensure};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, socket};

/// What a receive buffer holds. The kernel fills datagrams of up to 32 KiB when it is offered more.
const BUFFER: usize = 128 * 1024;

const REQUEST: u16 = 0x1;
/// NLM_F_ROOT and NLM_F_MATCH.
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;

/// The family of families, its request for one by name, and the attributes for both.
const CONTROLLER: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

const FLOW_GET: u8 = 3;
const UFID_FLAGS: u16 = 10;
/// No key, no mask, no actions.
const TERSE: u32 = 7;

/// What `guest bare-dump` does.
///
/// # Errors
/// When the kernel refuses, or the words are wrong.
pub fn run(extent: &str, datapath: &str, count: bool) -> anyhow::Result<()> {
    let index = fs::read_to_string(format!("/sys/class/net/{datapath}/ifindex")).with_context(|| format!("no datapath {datapath}"))?;
    let index: u32 = index.trim().parse().context("no number")?;
    let mut body = vec![FLOW_GET, 1, 0, 0];
    body.extend(index.to_ne_bytes());
    match extent {
        "full" => {}
        "terse" => attribute(&mut body, UFID_FLAGS, &TERSE.to_ne_bytes())?,
        _ => bail!("{extent} is neither full nor terse"),
    }
    let socket = open()?;
    let mut buffer = vec![0; BUFFER];
    let family = family(&socket, &mut buffer)?;
    tell(&socket, family, REQUEST | DUMP, &body)?;
    let mut flows = 0_u64;
    loop {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("cannot receive")?;
        let datagram = buffer.get(..length).context("a datagram longer than its buffer")?;
        if count {
            flows += u64::try_from(messages(datagram).filter(|kind| *kind == family).count())?;
        }
        // The end is a datagram of its own: the kernel adds it where the dump added nothing.
        match u16_at(datagram, 4).context("a datagram without a message")? {
            DONE => break,
            ERROR => bail!("the kernel refuses: {:?}", u32_at(datagram, HEADER).map(u32::cast_signed)),
            _ => {}
        }
    }
    if count {
        println!("{flows}");
    }
    Ok(())
}

fn open() -> anyhow::Result<OwnedFd> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkGeneric).context("no socket")?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).context("cannot bind")?;
    Ok(socket)
}

/// The number of the flows' family on this boot.
fn family(socket: &OwnedFd, buffer: &mut [u8]) -> anyhow::Result<u16> {
    let mut body = vec![GET_FAMILY, 1, 0, 0];
    attribute(&mut body, FAMILY_NAME, b"ovs_flow\0")?;
    tell(socket, CONTROLLER, REQUEST, &body)?;
    let length = recv(socket.as_raw_fd(), buffer, MsgFlags::empty()).context("cannot receive")?;
    let answer = buffer.get(..length).context("a datagram longer than its buffer")?;
    ensure!(u16_at(answer, 4) == Some(CONTROLLER), "the kernel has no ovs_flow: is the module loaded?");
    let mut at = HEADER + 4;
    while let (Some(length), Some(kind)) = (u16_at(answer, at), u16_at(answer, at + 2)) {
        if kind == FAMILY_ID {
            return u16_at(answer, at + 4).context("a family without a number");
        }
        at += usize::from(length.max(4)).next_multiple_of(4);
    }
    bail!("the kernel gives the family no number")
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) -> anyhow::Result<()> {
    body.extend(u16::try_from(4 + value.len())?.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
    Ok(())
}

fn tell(socket: &OwnedFd, kind: u16, flags: u16, body: &[u8]) -> anyhow::Result<()> {
    let mut message = Vec::new();
    message.extend(u32::try_from(HEADER + body.len())?.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    send(socket.as_raw_fd(), &message, MsgFlags::empty()).context("cannot send")?;
    Ok(())
}

/// The kinds of the messages in a datagram.
fn messages(datagram: &[u8]) -> impl Iterator<Item = u16> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (length, kind) = (u32_at(datagram, at)?, u16_at(datagram, at + 4)?);
        at += usize::try_from(length).ok()?.max(HEADER).next_multiple_of(4);
        Some(kind)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_walked_over_by_their_length() {
        let mut datagram = Vec::new();
        for (length, kind) in [(18_u32, 30_u16), (16, 31)] {
            datagram.extend(length.to_ne_bytes());
            datagram.extend(kind.to_ne_bytes());
            datagram.resize(datagram.len() + (length - 6).next_multiple_of(2) as usize, 0);
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        assert_eq!(messages(&datagram).collect::<Vec<_>>(), [30, 31]);
        assert_eq!(messages(&[]).count(), 0);
        assert_eq!(messages(&[0; 64]).count(), 4, "a length of nothing does not stand still");
    }
}
