//! When the first answer comes: echo requests every few milliseconds until one is answered.
//!
//! The guest binary asks, as `guest first-reply ADDRESS`, so that the moment is read from the monotonic clock, the one commands
//! are timed by, and not from what a ping prints.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, connect, recv, send, socket};

use super::{Host, Process, clock};
use crate::protocol::GUEST_PATH;

/// Between two requests; as late as this the answer may be seen.
pub(super) const INTERVAL: Duration = Duration::from_millis(5);
/// An address that has not answered for this long never will.
const PATIENCE: Duration = Duration::from_secs(60);
/// What it says when it has begun to ask.
const ASKING: &str = "asking";
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// Somebody who asks an address until it answers once.
#[derive(Debug)]
pub struct FirstReply {
    process: Process,
}

impl FirstReply {
    pub(super) fn start(host: &Host, address: &str) -> anyhow::Result<FirstReply> {
        host.run("echo 0 0 >/proc/sys/net/ipv4/ping_group_range")?;
        let mut process = host.spawn(&format!("{GUEST_PATH} first-reply {address}"))?;
        process.wait_log(ASKING, Duration::from_secs(10))?;
        Ok(FirstReply { process })
    }

    /// Fails if there was an answer already.
    ///
    /// # Errors
    /// There was, or the asking ended otherwise.
    pub fn expect_silence(&mut self) -> anyhow::Result<()> {
        match self.process.poll()? {
            None => Ok(()),
            Some(code) => bail!("it ended with {code}: {}{}", self.process.stdout(), self.process.stderr()),
        }
    }

    /// Waits for the answer and returns when it came, on the monotonic clock.
    ///
    /// # Errors
    /// None came.
    pub fn wait(mut self) -> anyhow::Result<Duration> {
        self.process.wait(PATIENCE)?;
        let (said, complaint) = (self.process.stdout(), self.process.stderr());
        let nanos = said.lines().last().and_then(|line| line.parse().ok());
        Ok(Duration::from_nanos(nanos.with_context(|| format!("no answer: {said}{complaint}"))?))
    }
}

/// The other end: what `guest first-reply ADDRESS` does in the host.
///
/// # Errors
/// When no socket can be had, or no answer came.
pub fn run(address: &str) -> anyhow::Result<()> {
    let address: Ipv4Addr = address.parse().context("not an IPv4 address")?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, flags, SockProtocol::Icmp).context("cannot open a ping socket")?;
    connect(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(address, 0))).context("cannot connect")?;
    println!("{ASKING}");
    std::io::stdout().flush().context("cannot say so")?;
    let start = clock::now()?;
    let mut number: u16 = 0;
    loop {
        let asked = clock::now()?;
        if asked.saturating_sub(start) > PATIENCE {
            bail!("{address} does not answer");
        }
        // The kernel fills in identifier and checksum. Nobody may be there yet: what send and recv complain is no end.
        number = number.wrapping_add(1);
        let [high, low] = number.to_be_bytes();
        let _ = send(socket.as_raw_fd(), &[ECHO_REQUEST, 0, 0, 0, 0, 0, high, low], MsgFlags::empty());
        loop {
            let left = INTERVAL.saturating_sub(clock::now()?.saturating_sub(asked));
            if left.is_zero() {
                break;
            }
            let timeout = PollTimeout::try_from(left.as_millis().max(1)).unwrap_or(PollTimeout::ZERO);
            poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], timeout).context("cannot wait")?;
            let mut answer = [0; 64];
            if recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).is_ok_and(|length| length >= 8 && answer[0] == ECHO_REPLY) {
                println!("{}", clock::now()?.as_nanos());
                return Ok(());
            }
        }
    }
}
