//! systemd-resolved of Debian, on a system bus of its own.

use std::time::Duration;

use super::bus;
use crate::guest::{Host, Process, eventually};

/// Both programs. Dropping it kills them.
#[derive(Debug)]
pub struct Resolved {
    /// The resolver.
    pub resolved: Process,
    /// The bus.
    pub bus: Process,
}

impl Resolved {
    /// Starts both, and has `/etc/resolv.conf` lead to the resolver's file.
    ///
    /// # Errors
    /// When either does not come up.
    pub fn start(host: &Host) -> anyhow::Result<Resolved> {
        host.run("mkdir -p /run/systemd/resolve && chown systemd-resolve:systemd-resolve /run/systemd/resolve && ip link set lo up")?;
        let bus = bus::start(host)?;
        // What it finds in a file of somebody else's it would take for its own.
        host.run("rm -f /etc/resolv.conf && ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf")?;
        let resolved = host.spawn("systemd-resolved")?;
        eventually(Duration::from_secs(30), || host.run("test -e /run/systemd/resolve/stub-resolv.conf"))?;
        Ok(Resolved { resolved, bus })
    }
}
