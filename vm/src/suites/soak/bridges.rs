//! Ports that change their bridge, in their files, and fake bridges that files make.

use super::Soak;
use super::files::FAKE;
use super::modes::{Bridge, Mode, Vlans};
use super::scene::{Fake, PORTS, agent};

impl Soak {
    /// Another bridge and another way to switch for a port, in its file; from now on it may be in either. Returns whose.
    fn other_bridge(&mut self) -> anyhow::Result<usize> {
        let inside = self.scene.fake.map(|fake| fake.station);
        let outside: Vec<usize> = PORTS.into_iter().filter(|at| Some(*at) != inside).collect();
        let at = outside[self.dice.below(outside.len())];
        let to = if self.scene.stations[at].modes.now().bridge == Bridge::First { Bridge::Second } else { Bridge::First };
        let mode = self.some_mode(to);
        self.scene.write_file(at, mode)?;
        self.changes(at, mode)?;
        Ok(at)
    }

    pub(super) fn moved(&mut self) -> anyhow::Result<()> {
        let at = self.other_bridge()?;
        self.up()?;
        self.changed(at);
        self.left(at)
    }

    pub(super) fn moved_under_a_kill(&mut self) -> anyhow::Result<()> {
        let pid = agent(&self.scene.switch)?;
        let at = self.other_bridge()?;
        self.up_under_a_kill(&pid)?;
        self.changed(at);
        self.left(at)
    }

    /// A fake bridge is made, of one bridge or the other, with a port in it; or it goes, and the port is in a real one again.
    pub(super) fn fake_bridge(&mut self) -> anyhow::Result<()> {
        let parent = [Bridge::First, Bridge::Second][self.dice.below(2)];
        let mode = self.some_mode(parent);
        let (at, mode) = match self.scene.fake.take() {
            Some(fake) => (fake.station, mode),
            None => {
                let (station, taken) = (PORTS[self.dice.below(PORTS.len())], self.commanded_fake.filter(|_| parent == Bridge::First));
                let vlan = self.some_vlan(taken);
                self.scene.fake = Some(Fake { station, parent, vlan });
                (station, Mode { vlans: Vlans::Access(vlan), ..mode })
            }
        };
        if self.is_pinned(at) {
            self.unpin()?;
        }
        self.leaves(at, mode)?;
        // Taken down by name with what is in it, or found by `up` to be in no file any more.
        if self.scene.fake.is_none() && self.dice.below(2) == 0 {
            self.amid_traffic(&format!("ovsdp down {FAKE}"))?;
        }
        self.scene.write_fake()?;
        self.scene.write_file(at, mode)?;
        self.up()?;
        self.changed(at);
        Ok(())
    }
}
