//! The floor of flow set-up: an upcall received, a flow installed, the packet sent on, in batches and with no decision. Whoever
//! sets flows up must do this much.
//!
//! `guest bare-handler DATAPATH A B` answers a datapath's upcalls until it is killed: what comes in by port A goes out by B, and
//! the other way round. Flows match the port, both Ethernet addresses and the Ethernet type, as a learning switch's do.

use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, getsockname, recv, send, setsockopt, sockopt};

use super::HANDLING;
use crate::suites::bench::wire::{
    BUFFER, ERROR, HEADER, REQUEST, attribute, attributes, datapath_index, family, message, open, tell, u16_at, u32_at,
};

/// Upcalls answered with one `sendmsg`.
const BATCH: usize = 64;
/// What may wait in the upcall socket, in bytes: more than the bench ever sends.
const QUEUE: usize = 64 * 1024 * 1024;
/// More than there are CPUs.
const CPUS: usize = 64;

const CREATE: u16 = 0x400;
const DP_SET: u8 = 4;
const DP_USER_FEATURES: u16 = 5;
const DP_PER_CPU_PIDS: u16 = 8;
/// Packets of any length as they are, and upcalls to a socket a CPU.
const FEATURES: u32 = 1 | 8;
const FLOW_NEW: u8 = 1;
const FLOW_KEY: u16 = 1;
const FLOW_ACTIONS: u16 = 2;
const FLOW_MASK: u16 = 7;
const FLOW_UFID: u16 = 9;
const EXECUTE: u8 = 3;
const PACKET: u16 = 1;
const PACKET_KEY: u16 = 2;
const PACKET_ACTIONS: u16 = 3;
const KEY_IN_PORT: u16 = 3;
const KEY_ETHERNET: u16 = 4;
const KEY_ETHERTYPE: u16 = 6;
const OUTPUT: u16 = 1;

/// What `guest bare-handler` does.
///
/// # Errors
/// When the kernel refuses.
pub fn run(datapath: &str, a: &str, b: &str) -> anyhow::Result<()> {
    let (a, b): (u32, u32) = (a.parse().context("no number")?, b.parse().context("no number")?);
    let index = datapath_index(datapath)?;
    let (upcalls, requests) = (open()?, open()?);
    setsockopt(&upcalls, sockopt::RcvBufForce, &QUEUE).context("cannot have a long queue")?;
    let mut buffer = vec![0; BUFFER];
    let flow = family(&requests, &mut buffer, "ovs_flow")?;
    let packet = family(&requests, &mut buffer, "ovs_packet")?;
    direct(&requests, &mut buffer, &upcalls, index)?;
    println!("{HANDLING}");
    std::io::stdout().flush().context("cannot say so")?;

    let mut mask = Vec::new();
    attribute(&mut mask, KEY_IN_PORT, &[0xff; 4])?;
    attribute(&mut mask, KEY_ETHERNET, &[0xff; 12])?;
    attribute(&mut mask, KEY_ETHERTYPE, &[0xff; 2])?;
    let (mut batch, mut actions) = (Vec::new(), Vec::new());
    let mut number = 0_u128;
    loop {
        batch.clear();
        for at in 0..BATCH {
            let wait = if at == 0 { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
            let length = match recv(upcalls.as_raw_fd(), &mut buffer, wait) {
                Ok(length) => length,
                Err(Errno::EAGAIN) => break,
                // Packets were lost; the receiver's count says how many.
                Err(Errno::ENOBUFS | Errno::EINTR) => continue,
                Err(errno) => return Err(errno).context("cannot receive"),
            };
            let upcall = buffer.get(HEADER + 8..length).unwrap_or_default();
            let part = |kind| attributes(upcall).find(|(of, _)| *of == kind).map(|(_, value)| value);
            let (Some(frame), Some(key)) = (part(PACKET), part(PACKET_KEY)) else { continue };
            let in_port = attributes(key).find(|(of, _)| *of == KEY_IN_PORT).and_then(|(_, value)| u32_at(value, 0));
            actions.clear();
            attribute(&mut actions, OUTPUT, &if in_port == Some(a) { b } else { a }.to_ne_bytes())?;
            number += 1;
            message(&mut batch, flow, REQUEST | CREATE, |body| {
                body.extend([FLOW_NEW, 1, 0, 0]);
                body.extend(index.to_ne_bytes());
                attribute(body, FLOW_UFID, &number.to_ne_bytes())?;
                attribute(body, FLOW_KEY, key)?;
                attribute(body, FLOW_MASK, &mask)?;
                attribute(body, FLOW_ACTIONS, &actions)
            })?;
            message(&mut batch, packet, REQUEST, |body| {
                body.extend([EXECUTE, 1, 0, 0]);
                body.extend(index.to_ne_bytes());
                attribute(body, PACKET, frame)?;
                attribute(body, PACKET_KEY, key)?;
                attribute(body, PACKET_ACTIONS, &actions)
            })?;
        }
        send(requests.as_raw_fd(), &batch, MsgFlags::empty()).context("cannot send")?;
        // What the kernel refuses is nothing to look at: the flow is there, or the packet is lost.
        while recv(requests.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).is_ok() {}
    }
}

/// Has the kernel send all upcalls to `upcalls`.
fn direct(requests: &OwnedFd, buffer: &mut [u8], upcalls: &OwnedFd, index: u32) -> anyhow::Result<()> {
    let datapath = family(requests, buffer, "ovs_datapath")?;
    let address: nix::sys::socket::NetlinkAddr = getsockname(upcalls.as_raw_fd()).context("cannot tell its address")?;
    let mut body = vec![DP_SET, 2, 0, 0];
    body.extend(index.to_ne_bytes());
    attribute(&mut body, DP_USER_FEATURES, &FEATURES.to_ne_bytes())?;
    attribute(&mut body, DP_PER_CPU_PIDS, &address.pid().to_ne_bytes().repeat(CPUS))?;
    /// NLM_F_ACK.
    const ACK: u16 = 4;
    tell(requests, datapath, REQUEST | ACK, &body)?;
    let length = recv(requests.as_raw_fd(), buffer, MsgFlags::empty()).context("cannot receive")?;
    let answer = buffer.get(..length).context("a datagram longer than its buffer")?;
    match (u16_at(answer, 4), u32_at(answer, HEADER)) {
        (Some(ERROR), Some(0)) => Ok(()),
        (_, code) => bail!("the kernel refuses: {:?}", code.map(u32::cast_signed)),
    }
}
