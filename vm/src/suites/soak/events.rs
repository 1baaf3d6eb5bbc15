//! What happens: links, stations that move, changed files, agents that end.

use anyhow::{Context, ensure};

use super::modes::{Bridge, Mode, Vlans};
use super::scene::{BONDED, MEMBERS, PORTS, SOON, TUNNELLED, agent};
use super::{BURST, Soak};
use crate::guest::eventually;
use crate::suites::steady::end_agent;

/// Something that happens.
type Happen = fn(&mut Soak) -> anyhow::Result<()>;

/// All that may happen; one is as likely as another.
pub(super) const EVENTS: [(&str, Happen); 27] = [
    ("VLANs changed", Soak::other_vlans),
    ("VLANs changed under a kill", Soak::other_vlans_and_a_kill),
    ("station's link", Soak::link),
    ("stations change places", Soak::places),
    ("agent killed", Soak::killed),
    ("agent ended", Soak::ended),
    ("agent replaced", Soak::replaced),
    ("bond's cable", Soak::cable),
    ("bond changed", Soak::other_bond),
    ("underlay's cable", Soak::underlay),
    ("tunnel changed", Soak::other_tunnel),
    ("MAC table flushed", Soak::flushed),
    ("aggregate's cable", Soak::aggregates_cable),
    ("aggregate's cable lies", Soak::lying_cable),
    ("aggregate changed", Soak::other_aggregate),
    ("patch taken away", Soak::without_patch),
    ("patch changed", Soak::other_patch),
    ("addresses static or not", Soak::pinned),
    ("port moved", Soak::moved),
    ("port moved under a kill", Soak::moved_under_a_kill),
    ("fake bridge comes or goes", Soak::fake_bridge),
    ("command's port", Soak::commanded_port),
    ("command's bridge", Soak::commanded_bridge),
    ("command beside a file", Soak::beside_a_file),
    ("bridge deleted beside its file", Soak::bridge_deleted),
    ("lease under an agent that ends", Soak::lease),
    ("MTU changed", Soak::other_mtu),
];

impl Soak {
    /// Does a command that must succeed, with traffic all the while.
    pub(super) fn amid_traffic(&mut self, line: &str) -> anyhow::Result<()> {
        let mut command = self.scene.switch.spawn(line)?;
        while command.poll()?.is_none() {
            self.chatter(8)?;
        }
        ensure!(command.wait(SOON)? == 0, "{line} failed: {}{}", command.stdout(), command.stderr());
        self.listen()
    }

    /// Makes the files true, in one of three ways.
    pub(super) fn up(&mut self) -> anyhow::Result<()> {
        let line = ["ovsdp up", "ovsdp restart", "ovsdp reload"][self.dice.below(3)];
        self.amid_traffic(line)
    }

    /// From now on a port may switch in another way too.
    pub(super) fn changes(&mut self, at: usize, mode: Mode) -> anyhow::Result<()> {
        let leaves = self.scene.stations[at].modes.now().bridge != mode.bridge;
        self.becomes(at, mode, leaves)
    }

    /// The same of one that leaves its bridge on the way.
    pub(super) fn leaves(&mut self, at: usize, mode: Mode) -> anyhow::Result<()> {
        self.becomes(at, mode, true)
    }

    fn becomes(&mut self, at: usize, mode: Mode, leaves: bool) -> anyhow::Result<()> {
        self.listen()?;
        self.oracle.changes(at, mode, leaves, 2 * BURST);
        self.scene.stations[at].modes.change(mode, leaves);
        Ok(())
    }

    /// From now on it switches in that way only.
    pub(super) fn changed(&mut self, at: usize) {
        self.oracle.changed(&mut self.scene.stations[at].modes);
    }

    /// One of the two VLANs that have a tag; not the one that is `taken`.
    pub(super) fn some_vlan(&mut self, taken: Option<u16>) -> u16 {
        let vlan = [5, 6][self.dice.below(2)];
        if taken == Some(vlan) { 11 - vlan } else { vlan }
    }

    /// Some way to switch.
    pub(super) fn some_mode(&mut self, bridge: Bridge) -> Mode {
        let vlan = self.some_vlan(None);
        let vlans = [Vlans::Access(vlan), Vlans::Access(vlan), Vlans::NativeUntagged(vlan), Vlans::TrunkOf(vlan), Vlans::Trunk][self.dice.below(5)];
        Mode { vlans, protected: self.dice.below(3) == 0, bridge }
    }

    /// Another way to switch for a port, in its file; from now on it may switch in either. Returns whose.
    fn other_mode(&mut self) -> anyhow::Result<usize> {
        let at = PORTS[self.dice.below(PORTS.len())];
        let now = self.scene.stations[at].modes.now();
        let mut mode = self.some_mode(now.bridge);
        if self.scene.fake.is_some_and(|fake| fake.station == at) {
            mode.vlans = now.vlans;
        }
        self.scene.write_file(at, mode)?;
        self.changes(at, mode)?;
        Ok(at)
    }

    fn other_vlans(&mut self) -> anyhow::Result<()> {
        let at = self.other_mode()?;
        self.up()?;
        self.changed(at);
        Ok(())
    }

    fn other_vlans_and_a_kill(&mut self) -> anyhow::Result<()> {
        let pid = agent(&self.scene.switch)?;
        let at = self.other_mode()?;
        self.up_under_a_kill(&pid)?;
        self.changed(at);
        Ok(())
    }

    /// Makes the files true, with an agent that is killed on the way and its successor. `pid`: the agent's.
    pub(super) fn up_under_a_kill(&mut self, pid: &str) -> anyhow::Result<()> {
        let mut up = self.scene.switch.spawn("ovsdp up")?;
        let frames = 8 * self.dice.below(6);
        self.chatter(frames)?;
        end_agent(&self.scene.switch, pid, "KILL")?;
        // Whatever came of it: it may have been done already.
        up.wait(SOON)?;
        self.start_agent()?;
        self.up()
    }

    fn link(&mut self) -> anyhow::Result<()> {
        let at = self.dice.below(self.scene.stations.len());
        let station = &mut self.scene.stations[at];
        station.up = !station.up;
        station.host.run(&format!("ip link set eth0 {}", if station.up { "up" } else { "down" }))?;
        Ok(())
    }

    fn places(&mut self) -> anyhow::Result<()> {
        // Not to beyond the bond: there a station has to say by gratuitous ARP that it has moved.
        let near: Vec<usize> = (0..self.scene.stations.len()).filter(|at| *at != BONDED && !self.is_pinned(*at)).collect();
        let (one, other) = (near[self.dice.below(near.len())], near[self.dice.below(near.len())]);
        self.scene.switch.note(&format!("stations {} and {} change places", one + 1, other + 1));
        let (a, b) = (self.scene.stations[one].mac, self.scene.stations[other].mac);
        (self.scene.stations[one].mac, self.scene.stations[other].mac) = (b, a);
        Ok(())
    }

    fn start_agent(&mut self) -> anyhow::Result<()> {
        self.agent = self.scene.switch.spawn("ovsdp agent")?;
        eventually(SOON, || agent(&self.scene.switch)).map(drop)
    }

    pub(super) fn killed(&mut self) -> anyhow::Result<()> {
        end_agent(&self.scene.switch, &agent(&self.scene.switch)?, "KILL")?;
        self.chatter(BURST / 4)?;
        self.start_agent()
    }

    pub(super) fn ended(&mut self) -> anyhow::Result<()> {
        end_agent(&self.scene.switch, &agent(&self.scene.switch)?, "TERM")?;
        self.chatter(BURST / 4)?;
        self.start_agent()
    }

    pub(super) fn replaced(&mut self) -> anyhow::Result<()> {
        let before = agent(&self.scene.switch)?;
        let mut next = self.scene.switch.spawn("ovsdp agent --replace")?;
        self.chatter(BURST)?;
        next.wait_log("ready", SOON)?;
        self.agent = next;
        let now = agent(&self.scene.switch)?;
        ensure!(now != before, "the agent is still {before}");
        Ok(())
    }

    /// What the bond takes twice while another member becomes the active one is no finding: the switch beyond sends it by every cable, and each
    /// is to take it, one after the other.
    fn failing_over(&mut self, what: impl FnOnce(&mut Soak) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.oracle.fail_over(true);
        what(self)?;
        self.scene.bond_is_up()?;
        self.oracle.fail_over(false);
        Ok(())
    }

    fn cable(&mut self) -> anyhow::Result<()> {
        let cable = format!("eth{}", 1 + self.dice.below(MEMBERS.len()));
        self.failing_over(|soak| {
            soak.scene.lan.run(&format!("ip link set {cable} down"))?;
            soak.chatter(BURST / 2)?;
            soak.resumes().context("while a cable is pulled")?;
            soak.scene.lan.run(&format!("ip link set {cable} up"))?;
            Ok(())
        })
    }

    /// Another mode, a member less, all of them again, or two of that.
    fn other_bond(&mut self) -> anyhow::Result<()> {
        let bond = &mut self.scene.bond;
        let what = self.dice.below(3);
        if what != 0 {
            bond.mode = if bond.mode == "balance-slb" { "active-backup" } else { "balance-slb" };
        }
        if what != 1 {
            let all = bond.members.len() == MEMBERS.len();
            bond.members = MEMBERS.into();
            if all {
                bond.members.remove(self.dice.below(MEMBERS.len()));
            }
        }
        self.scene.write_bond()?;
        self.failing_over(Soak::up)
    }

    fn underlay(&mut self) -> anyhow::Result<()> {
        let was_up = std::mem::replace(&mut self.scene.stations[TUNNELLED].up, false);
        self.scene.far.run("ip link set u0 down")?;
        self.chatter(BURST / 2)?;
        self.resumes().context("without the underlay")?;
        self.scene.far.run("ip link set u0 up")?;
        self.scene.stations[TUNNELLED].up = was_up;
        Ok(())
    }

    fn flushed(&mut self) -> anyhow::Result<()> {
        let bridge = [Bridge::First, Bridge::Second][self.dice.below(2)];
        self.scene.switch.run(&format!("ovsdp fdb flush {}", bridge.name())).map(drop)
    }
}
