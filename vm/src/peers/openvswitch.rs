//! Debian's Open vSwitch 3.1: database, switch and tools, complete in one host.

use std::time::Duration;

use anyhow::ensure;

use crate::guest::{Host, Output, Process, eventually, uptime};

/// ovs-vswitchd 3.1 keeps its count of CPUs for 10 s, and its first count dates from the kernel's start: begun before that it
/// counts none, logs `Overriding n-handler-threads to 0`, and has no thread that hears an upcall. One second more for the
/// clocks' rounding.
const DEAF_BEFORE: Duration = Duration::from_secs(11);

/// A running ovsdb-server and ovs-vswitchd. Dropping it kills both; the datapath stays, as it does in life.
#[derive(Debug)]
pub struct OpenVswitch {
    /// The switch.
    pub vswitchd: Process,
    /// The database.
    pub ovsdb: Process,
    host: Host,
}

impl OpenVswitch {
    /// Waits until the kernel has been up for long enough.
    ///
    /// # Errors
    /// When its uptime cannot be read.
    pub fn wait_until_it_would_hear() -> anyhow::Result<()> {
        eventually(DEAF_BEFORE, || {
            ensure!(uptime()? >= DEAF_BEFORE, "the machine is too young for ovs-vswitchd");
            Ok(())
        })
    }

    /// Starts both with an empty database in the host's own `/etc/openvswitch` and `/run/openvswitch`.
    ///
    /// # Errors
    /// When either does not come up.
    pub fn start(host: &Host) -> anyhow::Result<OpenVswitch> {
        Self::wait_until_it_would_hear()?;
        host.run("mkdir -p /run/openvswitch /etc/openvswitch /var/log/openvswitch")?;
        host.run("ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema")?;
        let ovsdb = host.spawn("ovsdb-server /etc/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock --pidfile")?;
        eventually(Duration::from_secs(20), || host.run("test -S /run/openvswitch/db.sock"))?;
        host.run("ovs-vsctl --no-wait --timeout=20 init")?;
        let vswitchd = host.spawn("ovs-vswitchd unix:/run/openvswitch/db.sock --pidfile")?;
        let switch = OpenVswitch { vswitchd, ovsdb, host: host.clone() };
        eventually(Duration::from_secs(20), || switch.host.run("ovs-appctl --timeout=10 -t ovs-vswitchd version"))?;
        Ok(switch)
    }

    /// Runs `ovs-vsctl` with these arguments; waits until ovs-vswitchd has done what they say.
    ///
    /// # Errors
    /// When it fails, or the switch does not follow within 20 s.
    pub fn vsctl(&self, arguments: &str) -> anyhow::Result<Output> {
        self.host.run(&format!("ovs-vsctl --timeout=20 {arguments}"))
    }
}
