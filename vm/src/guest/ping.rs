//! A steady ping, to see what a change costs the traffic.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;

use super::{Host, Process, eventually};

/// Requests this young when the stream stops are not judged: their replies may be under way.
const GRACE_MS: u32 = 200;

/// A ping that runs until [`PingStream::stop`].
#[derive(Debug)]
pub struct PingStream {
    process: Process,
    interval_ms: u32,
}

/// What became of a [`PingStream`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingReport {
    /// Requests judged: all but those of the last moment, whose replies may have been under way.
    pub sent: u32,
    /// How many of them were answered.
    pub received: u32,
    /// The sequence numbers (from 1) that were not.
    pub missing: Vec<u32>,
    /// Replies that came more than once.
    pub duplicates: u32,
}

impl PingReport {
    /// How many requests were not answered.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.sent - self.received
    }
}

impl PingStream {
    pub(crate) fn start(host: &Host, target: &str, interval_ms: u32) -> anyhow::Result<PingStream> {
        let seconds = format!("{}.{:03}", interval_ms / 1000, interval_ms % 1000);
        Ok(PingStream { process: host.spawn(&format!("ping -n -i {seconds} {target}"))?, interval_ms })
    }

    /// How many replies came so far.
    #[must_use]
    pub fn replies(&self) -> usize {
        self.process.stdout().lines().filter(|line| sequence(line).is_some()).count()
    }

    /// Waits until `count` more replies have come.
    ///
    /// # Errors
    /// When they have not within `timeout`.
    pub fn wait_replies(&self, count: usize, timeout: Duration) -> anyhow::Result<()> {
        let wanted = self.replies() + count;
        eventually(timeout, || {
            let replies = self.replies();
            ensure!(replies >= wanted, "{replies} replies, {wanted} wanted");
            Ok(())
        })
    }

    /// Ends the stream and judges it.
    ///
    /// # Errors
    /// When ping does not end, or without its summary.
    pub fn stop(mut self) -> anyhow::Result<PingReport> {
        self.process.signal(Signal::SIGINT)?;
        self.process.wait(Duration::from_secs(10))?;
        judge(&self.process.stdout(), GRACE_MS.div_ceil(self.interval_ms.max(1)))
            .with_context(|| format!("ping's summary is missing: {}{}", self.process.stdout(), self.process.stderr()))
    }
}

fn judge(text: &str, grace: u32) -> Option<PingReport> {
    let summary = text.lines().find(|line| line.contains(" packets transmitted"))?;
    let transmitted: u32 = summary.split(' ').next()?.parse().ok()?;
    let sent = transmitted.saturating_sub(grace);
    let (mut seen, mut duplicates) = (BTreeSet::new(), 0);
    for number in text.lines().filter_map(sequence) {
        if !seen.insert(number) {
            duplicates += 1;
        }
    }
    let missing: Vec<u32> = (1..=sent).filter(|number| !seen.contains(number)).collect();
    let received = sent - u32::try_from(missing.len()).ok()?;
    Some(PingReport { sent, received, missing, duplicates })
}

/// The sequence number in a reply's line.
fn sequence(line: &str) -> Option<u32> {
    if !line.contains(" bytes from ") || !line.contains(" time=") {
        return None;
    }
    let (_, rest) = line.split_once("icmp_seq=")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_but_not_the_requests_of_the_last_moment() {
        let text = "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n\
            64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.5 ms\n\
            64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.6 ms (DUP!)\n\
            From 10.0.0.1 icmp_seq=2 Destination Host Unreachable\n\
            64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=0.5 ms\n\n\
            --- 10.0.0.2 ping statistics ---\n\
            5 packets transmitted, 2 received, +1 duplicates, 60% packet loss, time 41ms\n";
        let report = judge(text, 2).unwrap();
        assert_eq!(report, PingReport { sent: 3, received: 2, missing: vec![2], duplicates: 1 });
        assert_eq!(report.lost(), 1);
        assert_eq!(judge("killed", 2), None);
    }
}
