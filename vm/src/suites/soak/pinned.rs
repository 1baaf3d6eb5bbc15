//! Static addresses: a station's, put in by hand where it is, for a while.

use anyhow::ensure;

use super::modes::{Bridge, Vlans};
use super::scene::PORTS;
use super::{BURST, Soak};
use crate::guest::Host;

/// Whose addresses are static, and which.
#[derive(Debug)]
pub(super) struct Pinned {
    at: usize,
    bridge: Bridge,
    mac: String,
    vlans: Vec<u16>,
}

impl Pinned {
    /// How many of the addresses are static.
    fn there(&self, switch: &Host) -> anyhow::Result<usize> {
        let (shown, bridge) = (switch.run("ovsdp fdb")?.stdout, self.bridge.name());
        Ok(shown.lines().filter(|line| line.starts_with(bridge) && line.contains(&self.mac) && line.ends_with("static")).count())
    }
}

impl Soak {
    /// A station's addresses become static where it is, or are no longer: they were until now, whatever became of agents, files and the rest of
    /// the table.
    pub(super) fn pinned(&mut self) -> anyhow::Result<()> {
        if self.pinned.is_some() {
            return self.unpin();
        }
        let at = PORTS[self.dice.below(PORTS.len())];
        let station = &self.scene.stations[at];
        let (mode, mac) = (station.modes.now(), station.mac.map(|byte| format!("{byte:02x}")).join(":"));
        let vlans = match mode.vlans {
            Vlans::Access(vlan) | Vlans::TrunkOf(vlan) | Vlans::NativeUntagged(vlan) => vec![vlan],
            Vlans::Trunk => vec![0, 5, 6],
        };
        for vlan in &vlans {
            self.scene.switch.run(&format!("ovsdp fdb add {} {} {vlan} {mac}", mode.bridge.name(), station.port))?;
        }
        self.pinned = Some(Pinned { at, bridge: mode.bridge, mac, vlans });
        self.chatter(BURST / 2)?;
        self.scene.switch.run(&format!("ovsdp fdb flush {}", mode.bridge.name())).map(drop)
    }

    /// All of them are still static.
    pub(super) fn holds(&self) -> anyhow::Result<()> {
        let Some(pinned) = &self.pinned else { return Ok(()) };
        ensure!(pinned.there(&self.scene.switch)? == pinned.vlans.len(), "not all of {pinned:?} is static");
        Ok(())
    }

    pub(super) fn is_pinned(&self, at: usize) -> bool {
        self.pinned.as_ref().is_some_and(|pinned| pinned.at == at)
    }

    /// No address is static any more.
    pub(super) fn unpin(&mut self) -> anyhow::Result<()> {
        self.holds()?;
        let (Some(pinned), switch) = (self.pinned.take(), &self.scene.switch) else { return Ok(()) };
        for vlan in &pinned.vlans {
            switch.run(&format!("ovsdp fdb del {} {vlan} {}", pinned.bridge.name(), pinned.mac))?;
        }
        ensure!(pinned.there(switch)? == 0, "{pinned:?} is still static");
        Ok(())
    }

    /// A station's port has left its bridge: its static addresses went with it.
    pub(super) fn left(&mut self, at: usize) -> anyhow::Result<()> {
        let Some(pinned) = self.pinned.take_if(|pinned| pinned.at == at) else { return Ok(()) };
        ensure!(pinned.there(&self.scene.switch)? == 0, "{pinned:?} is static, and its port has left");
        Ok(())
    }
}
