//! firewalld of Debian, on a system bus of its own, with nftables.

use std::time::Duration;

use super::bus;
use crate::guest::{Host, Process, eventually};

/// It, and the bus. Dropping it kills both; the kernel's rules stay, as they do in life.
#[derive(Debug)]
pub struct Firewalld {
    /// The firewall.
    pub firewalld: Process,
    /// The bus.
    pub bus: Process,
    host: Host,
}

impl Firewalld {
    /// Starts both, and waits until it answers.
    ///
    /// # Errors
    /// When either does not come up.
    pub fn start(host: &Host) -> anyhow::Result<Firewalld> {
        let bus = bus::start(host)?;
        let firewalld = host.spawn("firewalld --nofork --nopid")?;
        let started = Firewalld { firewalld, bus, host: host.clone() };
        eventually(Duration::from_secs(90), || started.ask("getDefaultZone", &[]))?;
        Ok(started)
    }

    /// The zone an interface was put into, empty for none.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn zone_of(&self, interface: &str) -> anyhow::Result<String> {
        self.ask("zone.getZoneOfInterface", &[interface])
    }

    /// Puts an interface into a zone, as a person does.
    ///
    /// # Errors
    /// When it refuses.
    pub fn put(&self, interface: &str, zone: &str) -> anyhow::Result<String> {
        self.ask("zone.changeZoneOfInterface", &[zone, interface])
    }

    /// Calls one of its methods with texts, and returns the text it answers.
    fn ask(&self, method: &str, words: &[&str]) -> anyhow::Result<String> {
        let name = "org.fedoraproject.FirewallD1";
        let words: Vec<String> = words.iter().map(|word| format!("string:{word}")).collect();
        let call = format!("dbus-send --system --print-reply=literal --dest={name} /org/fedoraproject/FirewallD1 {name}.{method}");
        Ok(self.host.run(&format!("{call} {}", words.join(" ")))?.stdout.trim().to_owned())
    }
}
