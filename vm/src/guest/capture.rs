//! What passes an interface, seen by tcpdump.

use std::time::Duration;

use anyhow::ensure;
use nix::sys::signal::Signal;

use super::{Host, Process, eventually};

/// A running tcpdump.
#[derive(Debug)]
pub struct Capture {
    process: Process,
}

impl Capture {
    pub(crate) fn start(host: &Host, interface: &str, filter: &str) -> anyhow::Result<Capture> {
        // -Z root: no user to drop to. Immediate mode: a packet is seen when it passes, not when a buffer is full.
        let line = format!("tcpdump -Z root --immediate-mode -l -n -e -i {interface} '{filter}'");
        let mut process = host.spawn(&line)?;
        process.wait_log("listening on", Duration::from_secs(20))?;
        Ok(Capture { process })
    }

    /// The packets seen so far, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.process.stdout().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Waits until a packet's line contains `text`, and returns the line.
    ///
    /// # Errors
    /// When none has within `timeout`.
    pub fn wait_for(&self, text: &str, timeout: Duration) -> anyhow::Result<String> {
        eventually(timeout, || {
            let found = self.lines().into_iter().find(|line| line.contains(text));
            ensure!(found.is_some(), "no packet with {text:?} among {:#?}", self.lines());
            Ok(found.unwrap_or_default())
        })
    }

    /// Ends the capture and returns every packet, a line each (link-level header included, as `tcpdump -n -e` prints it).
    ///
    /// # Errors
    /// When tcpdump does not end.
    pub fn stop(mut self) -> anyhow::Result<Vec<String>> {
        self.process.signal(Signal::SIGINT)?;
        self.process.wait(Duration::from_secs(10))?;
        Ok(self.lines())
    }
}
