//! NetworkManager of Debian, on a system bus of its own, without udev.

use std::time::Duration;

use anyhow::ensure;

use super::bus;
use crate::guest::{Host, Process, eventually};

/// It configures nothing without being asked to, leaves the resolver alone, and asks nobody who may ask it.
const CONFIG: &str = "[main]\nplugins=keyfile\nauth-polkit=false\ndhcp=internal\ndns=none\nno-auto-default=*\n";

/// It, and the bus. Dropping it kills both.
#[derive(Debug)]
pub struct NetworkManager {
    /// The program.
    pub program: Process,
    /// The bus.
    pub bus: Process,
    host: Host,
}

impl NetworkManager {
    /// Starts both, and waits until it answers.
    ///
    /// # Errors
    /// When either does not come up.
    pub fn start(host: &Host) -> anyhow::Result<NetworkManager> {
        // Where it may not write there it takes itself to be in a container, and waits for nothing that udev says.
        host.run("mount -o remount,bind,ro /sys")?;
        host.write("/etc/NetworkManager/NetworkManager.conf", CONFIG)?;
        host.run("mkdir -p /etc/NetworkManager/system-connections")?;
        let bus = bus::start(host)?;
        let program = host.spawn("NetworkManager --no-daemon")?;
        let started = NetworkManager { program, bus, host: host.clone() };
        eventually(Duration::from_secs(60), || {
            let state = host.run("nmcli -g STARTUP general")?;
            ensure!(state.stdout.trim() == "started", "{state}");
            Ok(())
        })?;
        Ok(started)
    }

    /// What it says of a device: `unmanaged`, `connected (externally)`.
    ///
    /// # Errors
    /// When it does not answer, or knows no such device.
    pub fn state_of(&self, device: &str) -> anyhow::Result<String> {
        let state = self.host.run(&format!("nmcli -g GENERAL.STATE device show {device}"))?.stdout;
        // `10 (unmanaged)`
        Ok(state.trim().split_once(" (").map_or("", |(_, rest)| rest.strip_suffix(')').unwrap_or(rest)).to_owned())
    }
}
