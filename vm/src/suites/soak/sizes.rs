//! MTUs: a bridge's own device has the smallest of its ports', whoever changes one of those.

use anyhow::{Context, ensure};

use super::Soak;
use super::modes::Bridge;
use super::scene::{SOON, WITH_PORTS};
use super::station::MTU;
use crate::guest::eventually;

impl Soak {
    /// A port's device has another MTU: by its file when its number, counted from 0, is odd, else by hand.
    pub(super) fn other_mtu(&mut self) -> anyhow::Result<()> {
        let at = WITH_PORTS[self.dice.below(WITH_PORTS.len())];
        let mtu = [MTU, 1400, 1300][self.dice.below(3)];
        let station = &mut self.scene.stations[at];
        station.mtu = mtu;
        if at.is_multiple_of(2) || station.file.is_none() {
            return self.scene.switch.run(&format!("ip link set {} mtu {mtu}", self.scene.stations[at].port)).map(drop);
        }
        // Nothing in the file: what it was before it was a port.
        station.mtu_in_file = mtu != MTU;
        self.scene.write_file(at, self.scene.stations[at].modes.now())?;
        self.up()
    }

    /// Each bridge with ports has the MTU it is to have.
    pub(super) fn mtus(&self) -> anyhow::Result<()> {
        let stations = self.scene.stations.iter().enumerate().filter(|(at, _)| WITH_PORTS.contains(at));
        let least = |bridge: Bridge| stations.clone().filter(|(_, one)| one.modes.now().bridge == bridge).map(|(_, one)| one.mtu).min();
        eventually(SOON, || {
            let said = self.scene.switch.run("cat /sys/class/net/br0/mtu /sys/class/net/br1/mtu")?.stdout;
            let is: Vec<u16> = said.lines().map(str::parse).collect::<Result<_, _>>().context("no number")?;
            let wanted = [Bridge::First, Bridge::Second].map(|bridge| least(bridge).unwrap_or(MTU));
            ensure!(is == wanted, "the bridges' MTUs are {is:?}, not {wanted:?}");
            Ok(())
        })
    }
}
