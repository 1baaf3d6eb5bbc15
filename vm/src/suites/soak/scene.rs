//! Where it happens: a switch with stations at its ports, at those of a second bridge behind a patch, beyond a bond and beyond a tunnel.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::oracle::{Mode, Modes, TAGS, Vlans};
use crate::guest::{Host, Process, Wire, World, eventually};
use crate::suites::stage::{agent_pid, file, ifcfg, plain_bridge};

/// How long an event may take to be over.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// The Ethernet type of the frames, and how many bytes of headers they have when their tag is off.
const IPV4: u16 = 0x0800;
const HEADERS: usize = 14 + 20 + 8;
/// The address of everyone.
pub(super) const EVERYONE: [u8; 6] = [0xff; 6];

/// The station behind the patch, counted from 0 as all here.
pub(super) const PATCHED: usize = 6;
/// The one beyond the bond, and the switch there that knows nothing of it.
pub(super) const BONDED: usize = 7;
/// The one beyond the tunnel.
pub(super) const TUNNELLED: usize = 8;
/// The one beyond the bond that speaks LACP.
pub(super) const AGGREGATED: usize = 9;
/// Those at `br0` itself whose ports have files.
pub(super) const FIVE_PORTS: [usize; 5] = [1, 2, 3, 4, 5];
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
        let wire = Wire::of_arrivals(&host, "eth0", IPV4)?;
        let mac = [2, 0, 0, 0, 0, u8::try_from(number)?];
        Ok(Station { host, wire, devices, file: file.map(|lines| (port.to_owned(), lines)), modes: Modes::new(mode), mac, up: true })
    }

    /// Sends frame number `number`: IPv4 and UDP, with ports of its own, so that what shares a load by them does. Its header has no checksum,
    /// and no host that gets it says anything.
    pub(super) fn send(&self, dst: [u8; 6], tag: Option<u16>, number: u32) -> anyhow::Result<()> {
        let mut frame = [dst, self.mac].concat();
        if let Some(tag) = tag {
            frame.extend([0x81, 0x00]);
            frame.extend(tag.to_be_bytes());
        }
        frame.extend(IPV4.to_be_bytes());
        let [.., from] = self.mac;
        let [.., high, low] = number.to_be_bytes();
        frame.extend([0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, from, 198, 51, 100, 200]);
        frame.extend([high, low, 0, 9, 0, 40, 0, 0]);
        frame.extend(number.to_be_bytes());
        frame.resize(frame.len() + 28, 0);
        self.wire.send(&frame)
    }

    /// Hands over the tag and the number of each frame that was heard.
    pub(super) fn heard(&self, mut each: impl FnMut(Option<u16>, u32) -> anyhow::Result<()>) -> anyhow::Result<()> {
        while let Some((device, frame)) = self.wire.arrived()? {
            let (_, tag) = self.devices.iter().find(|(index, _)| *index == device).with_context(|| format!("a frame at device {device}"))?;
            let number = frame.get(HEADERS..HEADERS + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            each(*tag, number.context("a frame cut short")?)?;
        }
        Ok(())
    }
}

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
}

const BRIDGED: &str = "TYPE=OVSPort\nOVS_BRIDGE=br0\n";

impl Scene {
    /// Six stations on `br0`, one on `br1` behind a patch, one beyond a bond of three cables and a switch that knows nothing of it, one beyond
    /// a tunnel, one beyond a bond that speaks LACP with Linux's. Returns it with the agent.
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
        let patched = "TYPE=OVSPort\nOVS_BRIDGE=br1\n".to_owned();
        stations.push(Station::connect(world, PATCHED + 1, (&switch, "p7"), Some(patched), five)?);
        for (at, near) in [(BONDED, &lan), (TUNNELLED, &far), (AGGREGATED, &partner)] {
            stations.push(Station::connect(world, at + 1, (near, "port"), None, Mode::of(Vlans::Trunk))?);
            near.run("ip link set port master lan")?;
        }
        let bond = BondFile { mode: "balance-slb", members: MEMBERS.into() };
        let agent = switch.spawn("ovsdp agent")?;
        eventually(SOON, || agent_pid(&switch))?;
        let mut scene = Scene { switch, lan, far, partner, stations, bond, aggregate: "balance-tcp", patch: "b" };
        scene.bring_up()?;
        Ok((scene, agent))
    }

    fn bring_up(&mut self) -> anyhow::Result<()> {
        plain_bridge(&self.switch, "br0", &[])?;
        plain_bridge(&self.switch, "br1", &[])?;
        self.write_patch()?;
        self.write_bond()?;
        self.write_aggregate()?;
        self.set_key(1)?;
        for at in 0..self.stations.len() {
            self.write_file(at, self.stations[at].modes.now())?;
        }
        self.switch.run("ovsdp up")?;
        self.answer(1)?;
        // Not before: as two ports of their own the members would be a loop.
        self.lan.run("for eth in eth1 eth2 eth3; do ip link set $eth master lan || exit 1; done")?;
        self.bond_is_up()?;
        self.aggregate_is_up()
    }

    /// Has the files of the patch's ends say which they are.
    pub(super) fn write_patch(&self) -> anyhow::Result<()> {
        for (name, bridge, peer) in [("a", "br0", self.patch), (self.patch, "br1", "a")] {
            ifcfg(&self.switch, name, &format!("DEVICE={name} TYPE=OVSPatchPort OVS_BRIDGE={bridge} OVS_PATCH_PEER={peer} ONBOOT=yes"))?;
        }
        Ok(())
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

    /// Has the file of the bond that speaks LACP say how it shares the load.
    pub(super) fn write_aggregate(&self) -> anyhow::Result<()> {
        let (members, mode) = (AGGREGATE.join(" "), self.aggregate);
        let options = format!("bond_mode={mode} lacp=active other_config:lacp-time=fast");
        file(&self.switch, "bond1", &format!("TYPE=OVSBond\nOVS_BRIDGE=br0\nBOND_IFACES=\"{members}\"\nOVS_OPTIONS=\"{options}\"\n"))
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

    /// Puts what the switch knows and does into the log, for whoever has to find out why.
    pub(super) fn tell(&self) {
        for command in ["ovsdp fdb", "ovsdp appctl bond/show", "ovsdp appctl lacp/show", "ovs-dpctl dump-flows -m ovs-system"] {
            let _ = self.switch.try_run(command);
        }
    }
}
