//! Debian's dbus-daemon as a host's system bus: none of those who need one needs the rest of systemd.

use std::time::Duration;

use crate::guest::{Host, Process, eventually};

/// A bus on which everybody may call everybody.
const CONFIG: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
    \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
    <busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>\n\
    <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/><allow receive_type=\"method_call\"/>\n\
    <allow receive_type=\"method_return\"/><allow receive_type=\"error\"/><allow receive_type=\"signal\"/></policy></busconfig>\n";

/// Starts it. What is returned kills it when it is dropped.
///
/// # Errors
/// When it does not listen in time.
pub(super) fn start(host: &Host) -> anyhow::Result<Process> {
    host.write("/run/dbus/bus.conf", CONFIG)?;
    let bus = host.spawn("dbus-daemon --config-file=/run/dbus/bus.conf --nofork")?;
    eventually(Duration::from_secs(20), || host.run("test -S /run/dbus/system_bus_socket"))?;
    Ok(bus)
}
