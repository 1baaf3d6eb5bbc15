//! systemd-resolved of Debian, on a system bus of its own: neither needs the rest of systemd.

use std::time::Duration;

use crate::guest::{Host, Process, eventually};

/// A bus on which everybody may call everybody.
const CONFIG: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
    \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
    <busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>\n\
    <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/><allow receive_type=\"method_call\"/>\n\
    <allow receive_type=\"method_return\"/><allow receive_type=\"error\"/><allow receive_type=\"signal\"/></policy></busconfig>\n";

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
        host.run("mkdir -p /run/dbus /run/systemd/resolve && chown systemd-resolve:systemd-resolve /run/systemd/resolve && ip link set lo up")?;
        host.write("/run/dbus/bus.conf", CONFIG)?;
        let bus = host.spawn("dbus-daemon --config-file=/run/dbus/bus.conf --nofork")?;
        eventually(Duration::from_secs(20), || host.run("test -S /run/dbus/system_bus_socket"))?;
        // What it finds in a file of somebody else's it would take for its own.
        host.run("rm -f /etc/resolv.conf && ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf")?;
        let resolved = host.spawn("systemd-resolved")?;
        eventually(Duration::from_secs(30), || host.run("test -e /run/systemd/resolve/stub-resolv.conf"))?;
        Ok(Resolved { resolved, bus })
    }
}
