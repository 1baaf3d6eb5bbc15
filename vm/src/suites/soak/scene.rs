//! Where it happens: a switch with stations at its ports, at those of a second bridge behind a patch, beyond bonds and a tunnel, and a bridge with a
//! lease.

use std::time::Duration;

use anyhow::ensure;

use super::lease::Leased;
use super::modes::{Bridge, Mode, Vlans};
use super::station::Station;
use super::tunnel::Tunnel;
use crate::guest::{Host, Process, World, eventually};
use crate::suites::stage::plain_bridge;

/// How long an event may take to be over.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// The address of everyone.
pub(super) const EVERYONE: [u8; 6] = [0xff; 6];

/// The station that is behind the patch at first, counted from 0 as all here.
pub(super) const PATCHED: usize = 6;
/// The one beyond the bond, and the switch there that knows nothing of it.
pub(super) const BONDED: usize = 7;
/// The one beyond the tunnel.
pub(super) const TUNNELLED: usize = 8;
/// The one beyond the bond that speaks LACP.
pub(super) const AGGREGATED: usize = 9;
/// The one whose port only commands attach.
pub(super) const COMMANDED: usize = 10;
/// The stations whose ports are devices of the switch's host.
pub(super) const WITH_PORTS: [usize; 8] = [0, 1, 2, 3, 4, 5, PATCHED, COMMANDED];
/// The stations whose ports have files that say how they switch and may be changed.
pub(super) const PORTS: [usize; 7] = [1, 2, 3, 4, 5, PATCHED, TUNNELLED];

/// What may be members of the bond: the ends of three cables, to the `eth1` to `eth3` of the switch beyond.
pub(super) const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];

/// The members of the bond that speaks LACP: the ends of two cables, to the `eth1` and `eth2` of the partner.
pub(super) const AGGREGATE: [&str; 2] = ["l1", "l2"];

/// The bond, as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BondFile {
    pub(super) mode: &'static str,
    pub(super) members: Vec<&'static str>,
}

/// The agent's process. In few words: the end of the log is to be long.
pub(super) fn agent(switch: &Host) -> anyhow::Result<String> {
    let said = switch.run("ovsdp status | sed -n 's/^agent .*: process \\([0-9]*\\),.*/\\1/p'")?.stdout;
    ensure!(!said.is_empty(), "no agent");
    Ok(said.trim().to_owned())
}

/// A fake bridge that a file makes, with the port of one station in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fake {
    pub(super) station: usize,
    pub(super) parent: Bridge,
    pub(super) vlan: u16,
}

/// All of it.
pub(super) struct Scene {
    pub(super) switch: Host,
    /// The switch beyond the bond.
    pub(super) lan: Host,
    /// The host beyond the tunnel.
    pub(super) far: Host,
    /// The one beyond the bond that speaks LACP, with a bond of its own.
    pub(super) partner: Host,
    pub(super) stations: Vec<Station>,
    pub(super) bond: BondFile,
    /// How that other bond shares the load.
    pub(super) aggregate: &'static str,
    /// The patch's end in the second bridge.
    pub(super) patch: &'static str,
    pub(super) fake: Option<Fake>,
    pub(super) tunnel: Tunnel,
    pub(super) leased: Leased,
}

const BRIDGED: &str = "TYPE=OVSPort\n";

impl Scene {
    /// Six stations on `br0`, one on `br1` behind a patch, one beyond a bond of three cables and a switch that knows nothing of it, one beyond
    /// a tunnel, one beyond a bond that speaks LACP with Linux's, and one whose port has no file. Returns it with the agent.
    pub(super) fn new(world: &World) -> anyhow::Result<(Scene, Process)> {
        let (switch, lan, far, partner) = (world.host("switch")?, world.host("lan")?, world.host("far")?, world.host("partner")?);
        for (members, beyond) in [(&MEMBERS[..], &lan), (&AGGREGATE, &partner)] {
            for (cable, member) in (1..).zip(members) {
                world.veth(&switch, member, beyond, &format!("eth{cable}"))?;
            }
        }
        world.veth(&switch, "u0", &far, "u0")?;
        for (host, number) in [(&switch, 1), (&far, 2)] {
            host.run(&format!("ip addr add 192.0.2.{number}/24 dev u0"))?;
        }
        far.run("ip addr add 192.0.2.3/24 dev u0")?;
        for host in [&lan, &far, &partner] {
            host.run("ip link add lan type bridge && ip link set lan up")?;
        }
        partner.run(
            "ip link add bond0 type bond mode 802.3ad lacp_rate fast miimon 50 xmit_hash_policy layer3+4 && \
             for eth in eth1 eth2; do ip link set $eth down && ip link set $eth master bond0 || exit 1; done && \
             ip link set bond0 up && ip link set bond0 master lan",
        )?;
        let (five, six) = (Mode::of(Vlans::Access(5)), Mode::of(Vlans::Access(6)));
        let mut stations = Vec::new();
        for (number, mode) in (1..).zip([
            Mode::of(Vlans::Trunk),
            five,
            six,
            Mode::of(Vlans::NativeUntagged(5)),
            Mode { protected: true, ..five },
            Mode { protected: true, ..five },
        ]) {
            stations.push(Station::connect(world, number, (&switch, &format!("p{number}")), Some(BRIDGED.to_owned()), mode)?);
        }
        let behind = five.of_bridge(Bridge::Second);
        stations.push(Station::connect(world, PATCHED + 1, (&switch, "p7"), Some(BRIDGED.to_owned()), behind)?);
        for (at, near) in [(BONDED, &lan), (TUNNELLED, &far), (AGGREGATED, &partner)] {
            stations.push(Station::connect(world, at + 1, (near, "port"), None, Mode::of(Vlans::Trunk))?);
            near.run("ip link set port master lan")?;
        }
        stations.push(Station::connect(world, COMMANDED + 1, (&switch, "p11"), None, five)?);
        stations[TUNNELLED].port = "t0".to_owned();
        let bond = BondFile { mode: "balance-slb", members: MEMBERS.into() };
        let running = switch.spawn("ovsdp agent")?;
        eventually(SOON, || agent(&switch))?;
        let (fake, tunnel, leased) = (None, Tunnel::default(), Leased::serve(world, &switch)?);
        let mut scene = Scene { switch, lan, far, partner, stations, bond, aggregate: "balance-tcp", patch: "b", fake, tunnel, leased };
        scene.bring_up()?;
        Ok((scene, running))
    }

    fn bring_up(&mut self) -> anyhow::Result<()> {
        plain_bridge(&self.switch, "br0", &[])?;
        plain_bridge(&self.switch, "br1", &[])?;
        self.write_patch()?;
        self.write_bond()?;
        self.write_aggregate()?;
        self.write_tunnel();
        for at in 0..self.stations.len() {
            self.write_file(at, self.stations[at].modes.now())?;
        }
        self.leased.write_files(&self.switch)?;
        self.switch.run("ovsdp up")?;
        self.leased.watch(&self.switch)?;
        let commanded = &self.stations[COMMANDED];
        self.switch.run(&format!("ovsdp vsctl add-port br0 {} {}", commanded.port, commanded.modes.now().columns()))?;
        self.answer()?;
        // Not before: as two ports of their own the members would be a loop.
        self.lan.run("for eth in eth1 eth2 eth3; do ip link set $eth master lan || exit 1; done")?;
        self.bond_is_up()?;
        self.aggregate_is_up()
    }

    /// Waits until each member of the bond carries frames.
    pub(super) fn bond_is_up(&self) -> anyhow::Result<()> {
        eventually(SOON, || {
            let shown = self.switch.run("ovsdp appctl bond/show bond0")?.stdout;
            let enabled = |member: &&str| shown.contains(&format!("member {member}: enabled"));
            ensure!(self.bond.members.iter().all(enabled) && shown.matches("\nmember ").count() == self.bond.members.len(), "{shown}");
            Ok(())
        })
    }

    /// Waits until LACP has agreed on both cables of the other one.
    pub(super) fn aggregate_is_up(&self) -> anyhow::Result<()> {
        eventually(SOON, || {
            let shown = self.switch.run("ovsdp appctl lacp/show bond1 && ovsdp appctl bond/show bond1")?.stdout;
            let agreed = |member: &&str| {
                shown.contains(&format!("member: {member}: current attached")) && shown.contains(&format!("member {member}: enabled"))
            };
            ensure!(AGGREGATE.iter().all(agreed), "{shown}");
            Ok(())
        })
    }

    /// Puts what the switch knows and does into the log, for whoever has to find out why: of the log only the end is kept. Flows of what went
    /// round for a bond are many and say nothing.
    pub(super) fn tell(&mut self) {
        self.leased.end();
        let flows = "ovs-dpctl dump-flows ovs-system | grep 'recirc_id(0)' | head -c 50000";
        for command in [flows, "ovsdp appctl lacp/show", "ovsdp appctl bond/show", "ovsdp show", "ovsdp fdb"] {
            let _ = self.switch.try_run(command);
        }
    }
}
