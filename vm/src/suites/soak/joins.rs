//! What else happens: where the switch is joined to others by LACP, and its bridges to each other by a patch; static addresses.

use anyhow::Context;

use super::oracle::Vlans;
use super::scene::{AGGREGATE, FIVE_PORTS, PATCHED};
use super::{BURST, Soak};
use crate::suites::stage::DIR;

impl Soak {
    /// A cable of the bond that speaks LACP is pulled: the partner takes from every cable what it sends by none twice, so nothing is excused.
    pub(super) fn aggregates_cable(&mut self) -> anyhow::Result<()> {
        let cable = format!("eth{}", 1 + self.dice.below(AGGREGATE.len()));
        self.scene.partner.run(&format!("ip link set {cable} down"))?;
        self.chatter(BURST / 2)?;
        self.resumes().context("while a cable of the aggregate is pulled")?;
        self.scene.partner.run(&format!("ip link set {cable} up"))?;
        self.scene.aggregate_is_up()
    }

    /// One of its cables has a carrier and carries nothing, which only LACP finds out.
    pub(super) fn lying_cable(&mut self) -> anyhow::Result<()> {
        let at = self.dice.below(AGGREGATE.len());
        let (here, there) = (AGGREGATE[at], format!("eth{}", at + 1));
        self.scene.switch.run(&format!("tc qdisc add dev {here} root netem loss 100%"))?;
        self.scene.partner.run(&format!("tc qdisc add dev {there} root netem loss 100%"))?;
        self.chatter(BURST / 2)?;
        self.resumes().context("while a cable of the aggregate lies")?;
        self.scene.switch.run(&format!("tc qdisc del dev {here} root"))?;
        self.scene.partner.run(&format!("tc qdisc del dev {there} root"))?;
        self.scene.aggregate_is_up()
    }

    /// The load is shared in another way. LACP has agreed before and after, so that each member takes what comes.
    pub(super) fn other_aggregate(&mut self) -> anyhow::Result<()> {
        self.scene.aggregate = ["balance-tcp", "balance-tcp", "balance-slb", "active-backup"][self.dice.below(4)];
        self.scene.write_aggregate()?;
        self.up()?;
        self.scene.aggregate_is_up()
    }

    /// An end of the patch is taken down: until it is made again nothing passes between the bridges.
    pub(super) fn without_patch(&mut self) -> anyhow::Result<()> {
        let end = ["a", self.scene.patch][self.dice.below(2)];
        self.scene.switch.run(&format!("ovsdp down {end}"))?;
        self.listen()?;
        self.oracle.cut_off(PATCHED)?;
        let was_up = std::mem::replace(&mut self.scene.stations[PATCHED].up, false);
        self.chatter(BURST / 2)?;
        self.resumes().context("without the patch")?;
        self.oracle.joined(2 * BURST);
        self.scene.stations[PATCHED].up = was_up;
        self.up()
    }

    /// The patch has another end in the second bridge.
    pub(super) fn other_patch(&mut self) -> anyhow::Result<()> {
        let before = self.scene.patch;
        self.scene.patch = if before == "b" { "c" } else { "b" };
        self.scene.write_patch()?;
        // Taken down by name, or found by `up` to be in no file any more.
        if self.dice.below(2) == 0 {
            self.scene.switch.run(&format!("ovsdp down {before}"))?;
        }
        self.scene.switch.run(&format!("rm {DIR}/ifcfg-{before}"))?;
        self.up()
    }

    /// A station's addresses are static for a while, where it is.
    pub(super) fn pinned(&mut self) -> anyhow::Result<()> {
        let at = FIVE_PORTS[self.dice.below(FIVE_PORTS.len())];
        let station = &self.scene.stations[at];
        let mac: Vec<String> = station.mac.iter().map(|byte| format!("{byte:02x}")).collect();
        let vlans = match station.modes.now().vlans {
            Vlans::Access(vlan) | Vlans::TrunkOf(vlan) | Vlans::NativeUntagged(vlan) => vec![vlan],
            Vlans::Trunk => vec![0, 5, 6],
        };
        let (mac, port) = (mac.join(":"), format!("p{}", at + 1));
        for vlan in &vlans {
            self.scene.switch.run(&format!("ovsdp fdb add br0 {port} {vlan} {mac}"))?;
        }
        self.chatter(BURST / 2)?;
        self.scene.switch.run("ovsdp fdb flush br0")?;
        self.resumes().context("with static addresses")?;
        for vlan in &vlans {
            self.scene.switch.run(&format!("ovsdp fdb del br0 {vlan} {mac}"))?;
        }
        Ok(())
    }
}
