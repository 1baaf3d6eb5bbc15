//! What the files say.

use super::modes::Mode;
use super::scene::{AGGREGATE, BondFile, Fake, Scene};
use crate::suites::stage::{DIR, file, ifcfg};

/// What the fake bridge is called that a file makes.
pub(super) const FAKE: &str = "fake0";

impl Scene {
    /// Has the files of the patch's ends say which they are.
    pub(super) fn write_patch(&self) -> anyhow::Result<()> {
        for (name, bridge, peer) in [("a", "br0", self.patch), (self.patch, "br1", "a")] {
            ifcfg(&self.switch, name, &format!("DEVICE={name} TYPE=OVSPatchPort OVS_BRIDGE={bridge} OVS_PATCH_PEER={peer} ONBOOT=yes"))?;
        }
        Ok(())
    }

    /// Has a station's file say how its port is to switch. In a fake bridge the VLAN is the bridge's.
    pub(super) fn write_file(&self, at: usize, mode: Mode) -> anyhow::Result<()> {
        let station = &self.stations[at];
        let Some(lines) = &station.file else { return Ok(()) };
        let (bridge, options) = match self.fake {
            Some(fake) if fake.station == at => (FAKE, if mode.protected { "protected=true".to_owned() } else { String::new() }),
            _ => (mode.bridge.name(), mode.options()),
        };
        let mtu = if station.mtu_in_file { format!("MTU={}\n", station.mtu) } else { String::new() };
        file(&self.switch, &station.port, &format!("{lines}OVS_BRIDGE={bridge}\n{mtu}OVS_OPTIONS=\"{options}\"\n"))
    }

    /// Has the fake bridge's file be there, or not.
    pub(super) fn write_fake(&self) -> anyhow::Result<()> {
        let Some(Fake { parent, vlan, .. }) = self.fake else { return self.switch.run(&format!("rm {DIR}/ifcfg-{FAKE}")).map(drop) };
        file(&self.switch, FAKE, &format!("TYPE=OVSBridge\nBOOTPROTO=none\nOVS_OPTIONS=\"{} {vlan}\"\n", parent.name()))
    }

    /// Has the bond's file say what it is.
    pub(super) fn write_bond(&self) -> anyhow::Result<()> {
        let BondFile { mode, members } = &self.bond;
        let members = members.join(" ");
        file(&self.switch, "bond0", &format!("TYPE=OVSBond\nOVS_BRIDGE=br0\nBOND_IFACES=\"{members}\"\nOVS_OPTIONS=\"bond_mode={mode}\"\n"))
    }

    /// Has the file of the bond that speaks LACP say how it shares the load.
    pub(super) fn write_aggregate(&self) -> anyhow::Result<()> {
        let (members, mode) = (AGGREGATE.join(" "), self.aggregate);
        let options = format!("bond_mode={mode} lacp=active other_config:lacp-time=fast");
        file(&self.switch, "bond1", &format!("TYPE=OVSBond\nOVS_BRIDGE=br0\nBOND_IFACES=\"{members}\"\nOVS_OPTIONS=\"{options}\"\n"))
    }
}
