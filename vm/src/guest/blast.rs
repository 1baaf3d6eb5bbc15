//! Many packets of many stations out of one interface, as fast as the kernel takes them or at a rate.
//!
//! The guest binary sends them, as `guest blast …`, over a packet socket with `sendmmsg`. Each is a UDP packet of 60 bytes; the
//! stations are made up: side and number are in their MAC.

use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket};

use super::{Host, Process, clock};
use crate::protocol::GUEST_PATH;

/// How many packets one `sendmmsg` hands over.
const BATCH: usize = 32;
/// The smallest Ethernet frame without its checksum.
const FRAME: usize = 60;

/// What to send: flow number f is from station f mod `sources` to station (f / `sources`) mod `dests`. With each packet a flow begins, or
/// with each so many (`pace`); those between are of flows that have begun.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// The side the senders are on: the second byte of their MACs.
    pub from: u8,
    /// How many stations send. They are numbered from `first`.
    pub sources: u32,
    /// The number of the first of them.
    pub first: u32,
    /// The side the receivers are on.
    pub to: u8,
    /// How many stations are sent to, numbered from 0.
    pub dests: u32,
    /// Of how many packets one begins a flow.
    pub pace: u32,
    /// How many packets there are.
    pub count: u32,
    /// How many a second; 0 for as many as the kernel takes.
    pub rate: u32,
    /// In how many VLANs the flows are by turns, from VLAN 1 on; 0 for none: then nothing is tagged.
    pub vlans: u32,
}

impl Traffic {
    /// One packet from each of `stations` of a side, to one that is on the other.
    #[must_use]
    pub const fn of_each(from: u8, stations: u32, to: u8) -> Traffic {
        Traffic { from, sources: stations, first: 0, to, dests: 1, pace: 1, count: stations, rate: 0, vlans: 0 }
    }

    fn words(&self) -> String {
        let Traffic { from, sources, first, to, dests, pace, count, rate, vlans } = self;
        format!("{from} {sources} {first} {to} {dests} {pace} {count} {rate} {vlans}")
    }

    fn parse(words: &[&str]) -> anyhow::Result<Traffic> {
        let numbers =
            words.iter().map(|word| word.parse::<u32>().with_context(|| format!("{word} is no number"))).collect::<anyhow::Result<Vec<_>>>()?;
        let [from, sources, first, to, dests, pace, count, rate, vlans] = numbers[..] else { bail!("nine numbers say what to send") };
        ensure!(sources > 0 && dests > 0 && pace > 0, "nobody sends, or to nobody, or nothing");
        ensure!(vlans < 4095, "there are 4094 VLANs");
        Ok(Traffic { from: u8::try_from(from)?, sources, first, to: u8::try_from(to)?, dests, pace, count, rate, vlans })
    }

    /// Packet number `number`.
    fn write(&self, number: u32, frame: &mut [u8; FRAME]) {
        let newest = number / self.pace;
        // Any of those there are: a multiplicative hash of the packet's number.
        let flow = if number.is_multiple_of(self.pace) { newest } else { number.wrapping_mul(0x9e37_79b1) % (newest + 1) };
        frame[..6].copy_from_slice(&mac(self.to, flow / self.sources % self.dests));
        frame[6..12].copy_from_slice(&mac(self.from, self.first + flow % self.sources));
        if self.vlans > 0 {
            let [_, _, high, low] = (1 + flow % self.vlans).to_be_bytes();
            frame[14..16].copy_from_slice(&[high, low]);
        }
    }
}

/// The MAC of station `number` of a side.
#[must_use]
pub const fn mac(side: u8, number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x02, side, a, b, c, d]
}

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// How many packets the kernel took.
    pub packets: u32,
    /// Before the first, on the monotonic clock.
    pub began: Duration,
    /// After the last.
    pub ended: Duration,
}

/// A sender under way. Dropping it stops it.
#[derive(Debug)]
pub struct Blast {
    process: Process,
}

impl Blast {
    pub(super) fn start(host: &Host, interface: &str, traffic: &Traffic) -> anyhow::Result<Blast> {
        Ok(Blast { process: host.spawn(&format!("{GUEST_PATH} blast {interface} {}", traffic.words()))? })
    }

    /// Waits until all is sent.
    ///
    /// # Errors
    /// It is not within `timeout`, or sending failed.
    pub fn wait(mut self, timeout: Duration) -> anyhow::Result<Sent> {
        let code = self.process.wait(timeout)?;
        let said = self.process.stdout();
        ensure!(code == 0, "the sender ended with {code}: {said}{}", self.process.stderr());
        let numbers: Vec<u64> = said.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [packets, began, ended] = numbers[..] else { bail!("the sender says: {said}") };
        Ok(Sent { packets: u32::try_from(packets)?, began: Duration::from_nanos(began), ended: Duration::from_nanos(ended) })
    }
}

/// The other end: what `guest blast INTERFACE …` does in the host.
///
/// # Errors
/// When there is no such interface, or the kernel does not take packets.
pub fn run(interface: &str, words: &[&str]) -> anyhow::Result<()> {
    let traffic = Traffic::parse(words)?;
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).context("cannot open a packet socket")?;
    // The kernel's own list is where a link's socket address can be had without making one up from bytes.
    let link = nix::ifaddrs::getifaddrs()
        .context("cannot list interfaces")?
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address.as_ref().and_then(|address| address.as_link_addr().copied()));
    bind(socket.as_raw_fd(), &link.with_context(|| format!("no interface {interface}"))?).context("cannot bind")?;

    let mut frames = [frame(traffic.vlans > 0); BATCH];
    let mut headers = MultiHeaders::<()>::preallocate(BATCH, None);
    let began = clock::now()?;
    let mut sent = 0;
    while sent < traffic.count {
        let batch = usize::try_from(traffic.count - sent)?.min(BATCH);
        for (number, frame) in (sent..).zip(&mut frames[..batch]) {
            traffic.write(number, frame);
        }
        let slices: Vec<[IoSlice<'_>; 1]> = frames[..batch].iter().map(|frame| [IoSlice::new(frame)]).collect();
        match sendmmsg(socket.as_raw_fd(), &mut headers, &slices, [None; BATCH], [], MsgFlags::empty()) {
            Ok(results) => sent += u32::try_from(results.count())?,
            // The interface's queue is full for the moment.
            Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("cannot send"),
        }
        if traffic.rate > 0 {
            let due = began + Duration::from_secs(1) * sent / traffic.rate;
            std::thread::sleep(due.saturating_sub(clock::now()?));
        }
    }
    println!("{sent} {} {}", began.as_nanos(), clock::now()?.as_nanos());
    Ok(())
}

/// A UDP packet without its Ethernet addresses; `tagged` in a VLAN yet to be said, and so much shorter.
fn frame(tagged: bool) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    let mut ip = [0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0x26, 0xbd, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9, 0, 9, 0, 26];
    let at = if tagged {
        frame[12..14].copy_from_slice(&[0x81, 0x00]);
        // The lengths, and the checksum that covers the first of them.
        (ip[5], ip[13], ip[27]) = (ip[5] - 4, ip[13] + 4, ip[27] - 4);
        16
    } else {
        12
    };
    frame[at..at + ip.len()].copy_from_slice(&ip);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_all_of_it_and_stations_take_turns() {
        let traffic = Traffic { from: 10, sources: 3, first: 100, to: 11, dests: 2, pace: 1, count: 7, rate: 5, vlans: 0 };
        let words = traffic.words();
        let parsed = Traffic::parse(&words.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{traffic:?}"));
        let mut frame = [0; FRAME];
        let mut pair = |traffic: &Traffic, number| {
            traffic.write(number, &mut frame);
            (frame[11], frame[5])
        };
        let pairs: Vec<_> = (0..7).map(|number| pair(&traffic, number)).collect();
        assert_eq!(pairs, [(100, 0), (101, 0), (102, 0), (100, 1), (101, 1), (102, 1), (100, 0)]);
        let paced = Traffic { sources: 100, first: 0, dests: 1, pace: 10, ..traffic };
        for number in 0..1000 {
            let (station, _) = pair(&paced, number);
            let newest = u8::try_from(number / 10).unwrap();
            assert!(station == newest || (number % 10 != 0 && station < newest), "{number}: {station}");
        }
        assert_eq!((frame[6], frame[7], frame[0], frame[1]), (2, 10, 2, 11));
        assert!(Traffic::parse(&["1", "0", "0", "1", "1", "1", "1", "1", "0"]).is_err() && Traffic::parse(&["1"]).is_err());
        let tagged = Traffic { vlans: 4094, ..Traffic::of_each(10, 5000, 11) };
        let vlan = |number: u32| {
            let mut frame = self::frame(true);
            tagged.write(number, &mut frame);
            (frame[12..14] == [0x81, 0], u16::from_be_bytes([frame[14], frame[15]]), frame[16..18] == [8, 0])
        };
        assert_eq!([0, 4093, 4094].map(vlan), [(true, 1, true), (true, 4094, true), (true, 1, true)]);
    }
}
