//! ISC dhclient, the client RHEL and Debian hosts had.

use std::time::Duration;

use crate::guest::{Host, Process};

/// A dhclient that has a lease and keeps it. Dropping it kills it without a release: the address stays.
#[derive(Debug)]
pub struct Dhclient {
    /// The daemon.
    pub process: Process,
}

impl Dhclient {
    /// Gets a lease for `interface` from whoever answers.
    ///
    /// # Errors
    /// When none comes within 30 s.
    pub fn start(host: &Host, interface: &str) -> anyhow::Result<Dhclient> {
        let files = format!("-pf /run/dhclient-{interface}.pid -lf /var/lib/dhcp/dhclient-{interface}.leases");
        let mut process = host.spawn(&format!("dhclient -4 -d {files} {interface}"))?;
        process.wait_log("bound to ", Duration::from_secs(30))?;
        Ok(Dhclient { process })
    }
}
