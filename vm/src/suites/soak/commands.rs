//! What is changed by `ovsdp vsctl`: beside the files, and until they are asked the next time.

use anyhow::Context;

use super::modes::{Bridge, Mode, Vlans};
use super::scene::{COMMANDED, PORTS};
use super::{BURST, Soak};

/// What the fake bridge is called that a command makes.
const FAKE: &str = "fake1";
/// The ends of the patch between the first bridge and the one that a command makes.
const ENDS: [&str; 2] = ["q0", "q2"];

impl Soak {
    fn vsctl(&mut self, words: &str) -> anyhow::Result<()> {
        self.amid_traffic(&format!("ovsdp vsctl --timeout=60 {words}"))
    }

    /// A command by which a port becomes another one.
    fn commanded(&mut self, at: usize, mode: Mode, words: &str) -> anyhow::Result<()> {
        self.changes(at, mode)?;
        self.vsctl(words)?;
        self.changed(at);
        Ok(())
    }

    /// The port that no file has is attached, detached, put into another bridge, or switches otherwise.
    pub(super) fn commanded_port(&mut self) -> anyhow::Result<()> {
        let (now, port) = (self.scene.stations[COMMANDED].modes.now(), self.scene.stations[COMMANDED].port.clone());
        let is_fake = self.commanded_fake.is_some();
        let other = if now.bridge == Bridge::First { Bridge::Second } else { Bridge::First };
        let (mode, words) = match (now.bridge, self.dice.below(3)) {
            (Bridge::Nowhere, _) => {
                let mode = self.some_mode(other);
                (mode, format!("add-port {} {port} -- set Port {port} {}", mode.bridge.name(), mode.columns()))
            }
            (Bridge::First | Bridge::Second, 0) if !is_fake => (now.of_bridge(Bridge::Nowhere), format!("del-port {port}")),
            (Bridge::First | Bridge::Second, 1) if !is_fake => {
                let mode = self.some_mode(other);
                (mode, format!("del-port {port} -- add-port {} {port} -- set Port {port} {}", mode.bridge.name(), mode.columns()))
            }
            _ => {
                let mut mode = self.some_mode(now.bridge);
                if is_fake {
                    mode.vlans = now.vlans;
                }
                (mode, format!("set Port {port} {}", mode.columns()))
            }
        };
        self.commanded(COMMANDED, mode, &words)
    }

    /// A bridge behind a patch of its own, or a fake one, is made for that port; or taken away with it.
    pub(super) fn commanded_bridge(&mut self) -> anyhow::Result<()> {
        let (now, port) = (self.scene.stations[COMMANDED].modes.now(), self.scene.stations[COMMANDED].port.clone());
        let [near, far] = ENDS;
        if let Some(vlan) = self.commanded_fake.take() {
            // A fake bridge's ports are all that have its VLAN for their tag.
            return self.deleted(FAKE, |mode| mode.bridge == Bridge::First && mode.vlans.tag() == Some(vlan));
        }
        if now.bridge == Bridge::Third {
            return self.commanded(COMMANDED, now.of_bridge(Bridge::Nowhere), &format!("del-br br2 -- del-port {near}"));
        }
        if self.dice.below(2) == 0 {
            // Two of one VLAN there cannot be.
            let taken = self.scene.fake.filter(|fake| fake.parent == Bridge::First).map(|fake| fake.vlan);
            let vlan = self.some_vlan(taken);
            let mode = Mode { vlans: Vlans::Access(vlan), protected: false, bridge: Bridge::First };
            self.commanded_fake = Some(vlan);
            let words = format!("--if-exists del-port {port} -- add-br {FAKE} br0 {vlan} -- add-port {FAKE} {port}");
            return self.commanded(COMMANDED, mode, &words);
        }
        let mode = self.some_mode(Bridge::Third);
        let patch = |bridge: &str, end: &str, peer: &str| format!("-- add-port {bridge} {end} -- set Interface {end} type=patch options:peer={peer}");
        let words = format!(
            "--if-exists del-port {port} -- add-br br2 -- add-port br2 {port} -- set Port {port} {} {} {}",
            mode.columns(),
            patch("br2", far, near),
            patch("br0", near, far)
        );
        self.commanded(COMMANDED, mode, &words)
    }

    /// A command has a port that has a file switch otherwise, or takes it away, until the files are asked again.
    pub(super) fn beside_a_file(&mut self) -> anyhow::Result<()> {
        let at = PORTS[self.dice.below(PORTS.len())];
        let (now, port) = (self.scene.stations[at].modes.now(), self.scene.stations[at].port.clone());
        let other = self.some_mode(now.bridge);
        if self.dice.below(2) == 0 {
            self.commanded(at, other, &format!("set Port {port} {}", other.columns()))?;
        } else {
            self.commanded(at, now.of_bridge(Bridge::Nowhere), &format!("del-port {port}"))?;
            self.left(at)?;
        }
        self.chatter(BURST / 2)?;
        self.resumes().context("beside the file")?;
        self.changes(at, now)?;
        self.up()?;
        self.changed(at);
        Ok(())
    }

    /// A command deletes the second bridge with all its ports, until the files are asked again.
    pub(super) fn bridge_deleted(&mut self) -> anyhow::Result<()> {
        self.deleted("br1", |mode| mode.bridge == Bridge::Second)
    }

    /// A command deletes a bridge with all its ports; those that have files are there again when these are asked.
    fn deleted(&mut self, bridge: &str, is_inside: impl Fn(Mode) -> bool) -> anyhow::Result<()> {
        let stations = self.scene.stations.iter().enumerate();
        let is_port = |at: usize| PORTS.contains(&at) || at == COMMANDED;
        let ports = stations.filter(|(at, _)| is_port(*at)).map(|(at, station)| (at, station.modes.now()));
        let inside: Vec<(usize, Mode)> = ports.filter(|(_, mode)| is_inside(*mode)).collect();
        for (at, mode) in &inside {
            self.changes(*at, mode.of_bridge(Bridge::Nowhere))?;
        }
        self.vsctl(&format!("del-br {bridge}"))?;
        let apart = bridge == Bridge::Second.name();
        if apart {
            self.oracle.part();
        }
        for (at, _) in &inside {
            self.changed(*at);
            self.left(*at)?;
        }
        self.chatter(BURST / 2)?;
        self.resumes().with_context(|| format!("without {bridge}"))?;
        if apart {
            self.oracle.join(2 * BURST);
        }
        for (at, mode) in inside.iter().filter(|(at, _)| *at != COMMANDED) {
            self.changes(*at, *mode)?;
        }
        self.up()?;
        inside.iter().for_each(|(at, _)| self.changed(*at));
        Ok(())
    }
}
