//! A bridge with a lease from a real server, which is to last whatever becomes of the agent.

use std::time::Instant;

use anyhow::{Context, ensure};

use super::scene::SOON;
use super::{BURST, Soak};
use crate::guest::{Host, Process, World};
use crate::peers::Dnsmasq;
use crate::suites::stage::{addresses, file};

const BRIDGE: &str = "br3";
const PORT: &str = "d0";
const ADDRESS: &str = "203.0.113.9";

/// The server, and who watches the address.
pub(super) struct Leased {
    server: Host,
    dnsmasq: Option<Dnsmasq>,
    watch: Option<Process>,
}

impl Leased {
    /// A server of one address for two minutes, dnsmasq's shortest lease, that is to be renewed every five seconds (option 58).
    pub(super) fn serve(world: &World, switch: &Host) -> anyhow::Result<Leased> {
        let server = world.host("server")?;
        world.veth(switch, PORT, &server, "lan")?;
        server.run("ip addr add 203.0.113.1/24 dev lan")?;
        let dnsmasq = Dnsmasq::start(&server, "lan", &format!("{ADDRESS},{ADDRESS},255.255.255.0,2m"), &["--dhcp-option=option:T1,5"])?;
        Ok(Leased { server, dnsmasq: Some(dnsmasq), watch: None })
    }

    pub(super) fn write_files(&self, switch: &Host) -> anyhow::Result<()> {
        file(switch, BRIDGE, &format!("TYPE=OVSBridge\nOVSBOOTPROTO=dhcp\nOVSDHCPINTERFACES={PORT}\n"))?;
        file(switch, PORT, &format!("TYPE=OVSPort\nOVS_BRIDGE={BRIDGE}\n"))
    }

    /// From now on the address is to stay.
    pub(super) fn watch(&mut self, switch: &Host) -> anyhow::Result<()> {
        self.watch = Some(switch.spawn("ip -4 monitor address")?);
        self.holds(switch)
    }

    /// The address is there, and was all the while.
    pub(super) fn holds(&mut self, switch: &Host) -> anyhow::Result<()> {
        let there = addresses(switch, BRIDGE)?;
        ensure!(there == [format!("{ADDRESS}/24")], "the lease's address is not there: {there:?}");
        let watch = self.watch.as_mut().context("nobody watches")?;
        let seen = watch.stdout() + &watch.stderr();
        ensure!(watch.poll()?.is_none(), "who watches the address ended: {seen}");
        let gone = seen.lines().find(|line| line.contains("Deleted") && line.contains(ADDRESS));
        ensure!(gone.is_none(), "the lease's address was gone for a while: {seen}");
        Ok(())
    }

    /// How often the server has granted it.
    fn granted(&self) -> usize {
        self.dnsmasq.iter().map(|dnsmasq| (dnsmasq.process.stdout() + &dnsmasq.process.stderr()).matches("DHCPACK").count()).sum()
    }

    /// There is no server any more. What it said is in the log.
    pub(super) fn end(&mut self) {
        self.dnsmasq = None;
    }
}

impl Soak {
    /// The agent ends in one way or another, and the next one renews the lease.
    pub(super) fn lease(&mut self) -> anyhow::Result<()> {
        match self.dice.below(3) {
            0 => self.killed()?,
            1 => self.ended()?,
            _ => self.replaced()?,
        }
        let (granted, deadline) = (self.scene.leased.granted(), Instant::now() + SOON);
        while self.scene.leased.granted() == granted {
            ensure!(Instant::now() < deadline, "the next agent renews no lease");
            self.chatter(BURST / 8)?;
        }
        self.scene.leased.server.run(&format!("ping -n -c 1 -w 10 {ADDRESS}")).map(drop)
    }
}
