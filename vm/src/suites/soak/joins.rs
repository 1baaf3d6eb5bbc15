//! What else happens: where the switch is joined to others by LACP, and its bridges to each other by a patch.

use anyhow::Context;

use super::scene::AGGREGATE;
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
        self.oracle.part();
        self.chatter(BURST / 2)?;
        self.resumes().context("without the patch")?;
        self.oracle.join(2 * BURST);
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
}
