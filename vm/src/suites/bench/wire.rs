//! Netlink by hand, for programs that shall do nothing beyond what they measure. Numbers are those of `linux/netlink.h`,
//! `linux/genetlink.h` and `linux/openvswitch.h`.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, bail, ensure};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, socket};

/// What a receive buffer holds. The kernel fills datagrams of up to 32 KiB when it is offered more.
pub(super) const BUFFER: usize = 128 * 1024;

/// NLM_F_REQUEST.
pub(super) const REQUEST: u16 = 0x1;
/// NLM_F_ROOT and NLM_F_MATCH.
pub(super) const DUMP: u16 = 0x300;
/// NLMSG_ERROR.
pub(super) const ERROR: u16 = 2;
/// How long a message's header is.
pub(super) const HEADER: usize = 16;

/// The family of families, its request for one by name, and the attributes for both.
const CONTROLLER: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

/// What requests name a datapath by.
pub(super) fn datapath_index(datapath: &str) -> anyhow::Result<u32> {
    let index = fs::read_to_string(format!("/sys/class/net/{datapath}/ifindex")).with_context(|| format!("no datapath {datapath}"))?;
    index.trim().parse().context("no number")
}

/// A generic netlink socket.
pub(super) fn open() -> anyhow::Result<OwnedFd> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkGeneric).context("no socket")?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).context("cannot bind")?;
    Ok(socket)
}

/// The number of a family on this boot.
pub(super) fn family(socket: &OwnedFd, buffer: &mut [u8], name: &str) -> anyhow::Result<u16> {
    let mut body = vec![GET_FAMILY, 1, 0, 0];
    attribute(&mut body, FAMILY_NAME, format!("{name}\0").as_bytes())?;
    tell(socket, CONTROLLER, REQUEST, &body)?;
    let length = recv(socket.as_raw_fd(), buffer, MsgFlags::empty()).context("cannot receive")?;
    let answer = buffer.get(..length).context("a datagram longer than its buffer")?;
    ensure!(u16_at(answer, 4) == Some(CONTROLLER), "the kernel has no {name}: is the module loaded?");
    let mut at = HEADER + 4;
    while let (Some(length), Some(kind)) = (u16_at(answer, at), u16_at(answer, at + 2)) {
        if kind == FAMILY_ID {
            return u16_at(answer, at + 4).context("a family without a number");
        }
        at += usize::from(length.max(4)).next_multiple_of(4);
    }
    bail!("the kernel gives the family no number")
}

/// Appends an attribute.
pub(super) fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) -> anyhow::Result<()> {
    body.extend(u16::try_from(4 + value.len())?.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
    Ok(())
}

/// Appends a message whose payload `fill` appends.
pub(super) fn message(out: &mut Vec<u8>, kind: u16, flags: u16, fill: impl FnOnce(&mut Vec<u8>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend([0; 8]);
    fill(out)?;
    let length = u32::try_from(out.len() - start)?;
    out.get_mut(start..start + 4).context("no header")?.copy_from_slice(&length.to_ne_bytes());
    Ok(())
}

/// Sends one message.
pub(super) fn tell(socket: &OwnedFd, kind: u16, flags: u16, body: &[u8]) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    message(&mut bytes, kind, flags, |out| {
        out.extend(body);
        Ok(())
    })?;
    send(socket.as_raw_fd(), &bytes, MsgFlags::empty()).context("cannot send")?;
    Ok(())
}

/// The attributes of a payload, each with its kind and value.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (length, kind) = (usize::from(u16_at(bytes, at)?), u16_at(bytes, at + 2)?);
        let value = bytes.get(at + 4..at + length)?;
        at += length.next_multiple_of(4);
        // The two upper bits are flags.
        Some((kind & 0x3fff, value))
    })
}

/// The kinds of the messages in a datagram.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = u16> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (length, kind) = (u32_at(datagram, at)?, u16_at(datagram, at + 4)?);
        at += usize::try_from(length).ok()?.max(HEADER).next_multiple_of(4);
        Some(kind)
    })
}

/// The 16 bits at a place.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The 32 bits at a place.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
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
