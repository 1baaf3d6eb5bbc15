//! How many packets arrive at an interface and when the last of them did, by the kernel's own count.
//!
//! The guest binary watches, as `guest arrivals INTERFACE COUNT QUIET_MS`, so that the moment is read from the monotonic clock.

use std::fs;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::{Host, Process, clock};
use crate::protocol::GUEST_PATH;

/// Between two looks at the count.
const INTERVAL: Duration = Duration::from_millis(5);
/// Nothing arrives for this long before the first: it never will.
const PATIENCE: Duration = Duration::from_secs(120);
/// What it says when it has begun to count.
const COUNTING: &str = "counting";

/// What arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived {
    /// How many packets.
    pub packets: u32,
    /// When the last was seen, on the monotonic clock.
    pub last: Duration,
}

/// Somebody who counts what arrives.
#[derive(Debug)]
pub struct Arrivals {
    process: Process,
}

impl Arrivals {
    pub(super) fn start(host: &Host, interface: &str, count: u32, quiet: Duration) -> anyhow::Result<Arrivals> {
        let mut process = host.spawn(&format!("{GUEST_PATH} arrivals {interface} {count} {}", quiet.as_millis()))?;
        process.wait_log(COUNTING, Duration::from_secs(10))?;
        Ok(Arrivals { process })
    }

    /// Waits until as many as were expected have arrived, or none any more.
    ///
    /// # Errors
    /// Neither is so within `timeout`.
    pub fn wait(mut self, timeout: Duration) -> anyhow::Result<Arrived> {
        let code = self.process.wait(timeout)?;
        let said = self.process.stdout();
        ensure!(code == 0, "counting ended with {code}: {said}{}", self.process.stderr());
        let numbers: Vec<u64> = said.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [packets, last] = numbers[..] else { bail!("who counts says: {said}") };
        Ok(Arrived { packets: u32::try_from(packets)?, last: Duration::from_nanos(last) })
    }
}

/// The other end: what `guest arrivals INTERFACE COUNT QUIET_MS` does in the host.
///
/// # Errors
/// When there is no such interface.
pub fn run(interface: &str, count: &str, quiet: &str) -> anyhow::Result<()> {
    let (count, quiet) = (count.parse::<u64>().context("no number")?, Duration::from_millis(quiet.parse().context("no number")?));
    let path = format!("/sys/class/net/{interface}/statistics/rx_packets");
    let read = || -> anyhow::Result<u64> {
        fs::read_to_string(&path).with_context(|| format!("no interface {interface}"))?.trim().parse().context("no number")
    };
    let before = read()?;
    println!("{COUNTING}");
    std::io::stdout().flush().context("cannot say so")?;
    let (mut arrived, mut last) = (0, clock::now()?);
    loop {
        let (now, so_far) = (clock::now()?, read()? - before);
        if so_far > arrived {
            (arrived, last) = (so_far, now);
        }
        let silence = now.saturating_sub(last);
        if arrived >= count || silence > if arrived > 0 { quiet } else { PATIENCE } {
            println!("{arrived} {}", last.as_nanos());
            return Ok(());
        }
        std::thread::sleep(INTERVAL);
    }
}
