//! Where it happens: a switch with stations at its ports, at those of a second bridge behind a patch, beyond a bond and beyond a tunnel.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::oracle::{Mode, Modes, TAGS, Vlans};
use crate::guest::{Host, Process, Wire, World, eventually, wire};
use crate::suites::stage::{agent_pid, file, ifcfg, plain_bridge};

/// How long an event may take to be over.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// The address of everyone.
pub(super) const EVERYONE: [u8; 6] = [0xff; 6];

/// The station behind the patch, counted from 0 as all here.
pub(super) const PATCHED: usize = 6;
/// The one beyond the bond, and the switch there that knows nothing of it.
pub(super) const BONDED: usize = 7;
/// The one beyond the tunnel.
pub(super) const TUNNELLED: usize = 8;
/// The stations whose ports have files that say how they switch and may be changed.
pub(super) const PORTS: [usize; 7] = [1, 2, 3, 4, 5, PATCHED, TUNNELLED];

/// A station.
pub(super) struct Station {
    pub(super) host: Host,
    wire: Wire,
    /// The devices that frames arrive at: each one's number, and the tag they had.
    devices: Vec<(usize, Option<u16>)>,
    /// The file that says how its port switches: its name, and all but that.
    file: Option<(String, String)>,
    pub(super) modes: Modes,
    pub(super) mac: [u8; 6],
    pub(super) up: bool,
}

impl Station {
    /// Connects a station to `port` of `near`.
    fn connect(world: &World, number: usize, (near, port): (&Host, &str), file: Option<String>, mode: Mode) -> anyhow::Result<Station> {
        let host = world.host(&format!("s{number}"))?;
        // What the kernel says by itself is not of interest.
        host.run("for all in all default; do echo 1 >/proc/sys/net/ipv6/conf/$all/disable_ipv6; done")?;
        world.veth(near, port, &host, "eth0")?;
        let mut devices = Vec::new();
        for tag in TAGS {
            let mut device = "eth0".to_owned();
            if let Some(vlan) = tag {
                device = format!("eth0.{vlan}");
                host.run(&format!("ip link add link eth0 name {device} type vlan id {vlan} && ip link set {device} up"))?;
            }
            let index = host.run(&format!("cat /sys/class/net/{device}/ifindex"))?.stdout.trim().parse()?;
            devices.push((index, tag));
        }
        let wire = Wire::of_arrivals(&host, "eth0")?;
        let mac = [2, 0, 0, 0, 0, u8::try_from(number)?];
        Ok(Station { host, wire, devices, file: file.map(|lines| (port.to_owned(), lines)), modes: Modes::new(mode), mac, up: true })
    }

    /// Sends frame number `number`.
    pub(super) fn send(&self, dst: [u8; 6], tag: Option<u16>, number: u32) -> anyhow::Result<()> {
        let mut frame = [dst, self.mac].concat();
        if let Some(tag) = tag {
            frame.extend([0x81, 0x00]);
            frame.extend(tag.to_be_bytes());
        }
        frame.extend(wire::ETHER_TYPE.to_be_bytes());
        frame.extend(number.to_be_bytes());
        frame.resize(frame.len().max(60), 0);
        self.wire.send(&frame)
    }

    /// Hands over the tag and the number of each frame that was heard.
    pub(super) fn heard(&self, mut each: impl FnMut(Option<u16>, u32) -> anyhow::Result<()>) -> anyhow::Result<()> {
        while let Some((device, frame)) = self.wire.arrived()? {
            let (_, tag) = self.devices.iter().find(|(index, _)| *index == device).with_context(|| format!("a frame at device {device}"))?;
            let number = frame.get(14..18).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            each(*tag, number.context("a frame cut short")?)?;
        }
        Ok(())
    }
}

/// What may be members of the bond: the ends of three cables, to the `eth1` to `eth3` of the switch beyond.
pub(super) const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];

/// The bond, as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BondFile {
    pub(super) mode: &'static str,
    pub(super) members: Vec<&'static str>,
}

/// All of it.
pub(super) struct Scene {
    pub(super) switch: Host,
    /// The switch beyond the bond.
    pub(super) lan: Host,
    /// The host beyond the tunnel.
    pub(super) far: Host,
    pub(super) stations: Vec<Station>,
    pub(super) bond: BondFile,
}

const BRIDGED: &str = "TYPE=OVSPort\nOVS_BRIDGE=br0\n";

impl Scene {
    /// Six stations on `br0`, one on `br1` behind a patch, one beyond a bond of three cables and a switch that knows nothing of it, one beyond
    /// a tunnel. Returns it with the agent.
    pub(super) fn new(world: &World) -> anyhow::Result<(Scene, Process)> {
        let (switch, lan, far) = (world.host("switch")?, world.host("lan")?, world.host("far")?);
        for (cable, member) in (1..).zip(MEMBERS) {
            world.veth(&switch, member, &lan, &format!("eth{cable}"))?;
        }
        world.veth(&switch, "u0", &far, "u0")?;
        for (host, number) in [(&switch, 1), (&far, 2)] {
            host.run(&format!("ip addr add 192.0.2.{number}/24 dev u0"))?;
        }
        for host in [&lan, &far] {
            host.run("ip link add lan type bridge && ip link set lan up")?;
        }
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
        let patched = "TYPE=OVSPort\nOVS_BRIDGE=br1\n".to_owned();
        stations.push(Station::connect(world, PATCHED + 1, (&switch, "p7"), Some(patched), five)?);
        for (at, near) in [(BONDED, &lan), (TUNNELLED, &far)] {
            stations.push(Station::connect(world, at + 1, (near, "port"), None, Mode::of(Vlans::Trunk))?);
            near.run("ip link set port master lan")?;
        }
        let bond = BondFile { mode: "balance-slb", members: MEMBERS.into() };
        let agent = switch.spawn("ovsdp agent")?;
        eventually(SOON, || agent_pid(&switch))?;
        let mut scene = Scene { switch, lan, far, stations, bond };
        scene.bring_up()?;
        Ok((scene, agent))
    }

    fn bring_up(&mut self) -> anyhow::Result<()> {
        plain_bridge(&self.switch, "br0", &[])?;
        plain_bridge(&self.switch, "br1", &[])?;
        for (name, bridge, peer) in [("a", "br0", "b"), ("b", "br1", "a")] {
            ifcfg(&self.switch, name, &format!("DEVICE={name} TYPE=OVSPatchPort OVS_BRIDGE={bridge} OVS_PATCH_PEER={peer} ONBOOT=yes"))?;
        }
        self.write_bond()?;
        self.set_key(1)?;
        for at in 0..self.stations.len() {
            self.write_file(at, self.stations[at].modes.now())?;
        }
        self.switch.run("ovsdp up")?;
        self.answer(1)?;
        // Not before: as two ports of their own the members would be a loop.
        self.lan.run("for eth in eth1 eth2 eth3; do ip link set $eth master lan || exit 1; done")?;
        self.bond_is_up()
    }

    /// Has a station's file say how its port is to switch.
    pub(super) fn write_file(&self, at: usize, mode: Mode) -> anyhow::Result<()> {
        let Some((name, lines)) = &self.stations[at].file else { return Ok(()) };
        file(&self.switch, name, &format!("{lines}OVS_OPTIONS=\"{}\"\n", mode.options()))
    }

    /// Has the bond's file say what it is.
    pub(super) fn write_bond(&self) -> anyhow::Result<()> {
        let BondFile { mode, members } = &self.bond;
        let members = members.join(" ");
        file(&self.switch, "bond0", &format!("TYPE=OVSBond\nOVS_BRIDGE=br0\nBOND_IFACES=\"{members}\"\nOVS_OPTIONS=\"bond_mode={mode}\"\n"))
    }

    /// Has the tunnel's file say another key from its next writing on.
    pub(super) fn set_key(&mut self, key: u32) -> anyhow::Result<()> {
        let lines =
            format!("TYPE=OVSTunnel\nOVS_BRIDGE=br0\nOVS_TUNNEL_TYPE=vxlan\nOVS_TUNNEL_OPTIONS=\"options:remote_ip=192.0.2.2 options:key={key}\"\n");
        self.stations[TUNNELLED].file = Some(("t0".to_owned(), lines));
        self.write_file(TUNNELLED, self.stations[TUNNELLED].modes.now())
    }

    /// Has the far host answer to a key.
    pub(super) fn answer(&self, key: u32) -> anyhow::Result<()> {
        self.far.run(&format!(
            "ip link add vx type vxlan id {key} remote 192.0.2.1 local 192.0.2.2 dstport 4789 && ip link set vx master lan && ip link set vx up"
        ))?;
        Ok(())
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

    /// Puts what the switch knows and does into the log, for whoever has to find out why.
    pub(super) fn tell(&self) {
        for command in ["ovsdp fdb", "ovsdp appctl bond/show", "ovs-dpctl dump-flows -m ovs-system"] {
            let _ = self.switch.try_run(command);
        }
    }
}
