//! The floor: one dump of a datapath's flows received and thrown away. Whoever prints them must do this much.
//!
//! `guest bare-dump full|terse DATAPATH` looks at nothing but the message that ends the dump; with `count` as a third word it
//! walks over the messages and prints how many flows there were.

use std::os::fd::AsRawFd;

use anyhow::{Context, bail};
use nix::sys::socket::{MsgFlags, recv};

use crate::suites::bench::wire::{BUFFER, DUMP, ERROR, HEADER, REQUEST, attribute, datapath_index, family, messages, open, tell, u16_at, u32_at};

const DONE: u16 = 3;

const FLOW_GET: u8 = 3;
const UFID_FLAGS: u16 = 10;
/// No key, no mask, no actions.
const TERSE: u32 = 7;

/// What `guest bare-dump` does.
///
/// # Errors
/// When the kernel refuses, or the words are wrong.
pub fn run(extent: &str, datapath: &str, count: bool) -> anyhow::Result<()> {
    let mut body = vec![FLOW_GET, 1, 0, 0];
    body.extend(datapath_index(datapath)?.to_ne_bytes());
    match extent {
        "full" => {}
        "terse" => attribute(&mut body, UFID_FLAGS, &TERSE.to_ne_bytes())?,
        _ => bail!("{extent} is neither full nor terse"),
    }
    let socket = open()?;
    let mut buffer = vec![0; BUFFER];
    let family = family(&socket, &mut buffer, "ovs_flow")?;
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
