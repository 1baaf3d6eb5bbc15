//! Random traffic under random events: links, stations that move, changed files, an agent that is killed. All the while no frame may
//! be heard where its VLAN or the ports forbid it, or twice, and after each event everybody who may hears everybody.
//!
//! It is `cargo vm bench soak`: ten minutes are no test that is run with every other.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::bonds::bond_file;
use super::stage::{agent_pid, file, ifcfg, plain_bridge};
use super::steady::kill_agent;
use crate::guest::{Host, Process, Wire, World, eventually, wire};
use crate::registry::{Kind, MEMORY, Program};

/// `cargo vm bench soak` and `cargo vm bench soak-again`, with other events.
pub const PROGRAMS: [Program; 2] = [
    Program { name: "soak", run: |world| minutes(world, 0x5eed_0f10), ..SOAK },
    Program { name: "soak-again", run: |world| minutes(world, 0x0dd_ba11), ..SOAK },
];

const SOAK: Program = Program {
    name: "",
    kind: Kind::Bench,
    summary: "ten minutes of random traffic and events, and nothing where it must not be",
    run: |_| Ok(()),
    timeout: Duration::from_secs(1500),
    memory: MEMORY,
    record: None,
};

fn minutes(world: &World, seed: u64) -> anyhow::Result<()> {
    println!("{}", soak(world, seed, Duration::from_secs(600))?);
    Ok(())
}

/// How long an event may take to be over.
const SOON: Duration = Duration::from_secs(60);
/// After so long a frame that was not heard is sent anew.
const AGAIN: Duration = Duration::from_millis(300);
/// The address of everyone.
const EVERYONE: [u8; 6] = [0xff; 6];
/// How many frames are sent between two events.
const BURST: u32 = 150;

/// Numbers that look random and are the same for the same seed (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }
}

/// How a port switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mode {
    vlans: Vlans,
    protected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vlans {
    Trunk,
    Access(u16),
    NativeUntagged(u16),
}

impl Mode {
    const fn of(vlans: Vlans) -> Mode {
        Mode { vlans, protected: false }
    }

    fn options(self) -> String {
        let protected = if self.protected { " protected=true" } else { "" };
        match self.vlans {
            Vlans::Trunk => format!("trunks=[]{protected}"),
            Vlans::Access(vlan) => format!("tag={vlan}{protected}"),
            Vlans::NativeUntagged(vlan) => format!("vlan_mode=native-untagged tag={vlan}{protected}"),
        }
    }

    /// The VLAN of a frame with this tag; `None` when it is not taken.
    fn admits(self, tag: Option<u16>) -> Option<u16> {
        match (self.vlans, tag) {
            (Vlans::Trunk, tag) => Some(tag.unwrap_or(0)),
            (Vlans::Access(vlan) | Vlans::NativeUntagged(vlan), None) => Some(vlan),
            (Vlans::Access(_), Some(_)) => None,
            (Vlans::NativeUntagged(_), Some(tag)) => Some(tag),
        }
    }

    fn carries(self, vlan: u16) -> bool {
        match self.vlans {
            Vlans::Trunk => true,
            Vlans::Access(own) => vlan == own,
            Vlans::NativeUntagged(_) => vlan != 0,
        }
    }
}

struct Station {
    host: Host,
    wire: Wire,
    /// The file that says how its port switches, if one does: its port and bridge.
    file: Option<(String, &'static str)>,
    /// How its port switches; two ways while that changes.
    modes: Vec<Mode>,
    mac: [u8; 6],
    up: bool,
}

/// A frame that was sent.
struct Sent {
    from: usize,
    /// The VLANs it may be in.
    vlans: Vec<u16>,
    /// Whether its port was surely protected.
    protected: bool,
    /// Whether it may be heard twice: the switch beyond the bond sends what is for a station it does not know by both cables, and an SLB
    /// bond takes what is for one station by either.
    twice: bool,
}

struct Soak {
    switch: Host,
    /// The switch beyond the bond, to which the last station is connected.
    lan: Host,
    stations: Vec<Station>,
    sent: Vec<Sent>,
    heard: BTreeMap<u32, BTreeSet<usize>>,
    dice: Dice,
    /// A bond changes its active member: what it hears twice may be taken twice.
    failing_over: bool,
    count: u32,
    /// The agent, when it was started here.
    agent: Option<Process>,
}

/// A station's frame number `number`.
fn frame(dst: [u8; 6], src: [u8; 6], tag: Option<u16>, number: u32) -> Vec<u8> {
    let mut frame = [dst, src].concat();
    if let Some(tag) = tag {
        frame.extend([0x81, 0x00]);
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(wire::ETHER_TYPE.to_be_bytes());
    frame.extend(number.to_be_bytes());
    frame.resize(frame.len().max(60), 0);
    frame
}

impl Soak {
    /// Six stations on `br0`, one on `br1` behind a patch, one beyond a bond of two cables and a switch that knows nothing of it.
    fn new(world: &World, seed: u64) -> anyhow::Result<Soak> {
        let (switch, lan) = (world.host("switch")?, world.host("lan")?);
        let modes = [
            Mode::of(Vlans::Trunk),
            Mode::of(Vlans::Access(5)),
            Mode::of(Vlans::Access(6)),
            Mode::of(Vlans::NativeUntagged(5)),
            Mode { vlans: Vlans::Access(5), protected: true },
            Mode { vlans: Vlans::Access(5), protected: true },
            Mode::of(Vlans::Access(5)),
            Mode::of(Vlans::Trunk),
        ];
        for number in 1..=2 {
            world.veth(&switch, &format!("m{number}"), &lan, &format!("eth{number}"))?;
        }
        lan.run("ip link add lan type bridge && ip link set lan up")?;
        let mut stations = Vec::new();
        for (at, mode) in modes.into_iter().enumerate() {
            let number = at + 1;
            let host = world.host(&format!("s{number}"))?;
            let beyond = number == modes.len();
            let (near, port) = if beyond { (&lan, "port".to_owned()) } else { (&switch, format!("p{number}")) };
            world.veth(near, &port, &host, "eth0")?;
            if beyond {
                lan.run("ip link set port master lan")?;
            }
            // What the kernel says by itself is not of interest.
            host.run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1")?;
            let bridge = if number == 7 { "br1" } else { "br0" };
            let wire = Wire::open(&host, "eth0")?;
            let mac = [2, 0, 0, 0, 0, u8::try_from(number)?];
            stations.push(Station { host, wire, file: (!beyond).then_some((port, bridge)), modes: vec![mode], mac, up: true });
        }
        let soak =
            Soak { switch, lan, stations, sent: Vec::new(), heard: BTreeMap::new(), dice: Dice(seed), failing_over: false, count: 0, agent: None };
        let Soak { switch, .. } = &soak;
        plain_bridge(switch, "br0", &[])?;
        plain_bridge(switch, "br1", &[])?;
        for (name, bridge, peer) in [("a", "br0", "b"), ("b", "br1", "a")] {
            ifcfg(switch, name, &format!("DEVICE={name} TYPE=OVSPatchPort OVS_BRIDGE={bridge} OVS_PATCH_PEER={peer} ONBOOT=yes"))?;
        }
        bond_file(switch, "bond_mode=balance-slb")?;
        for at in 0..soak.stations.len() {
            soak.write_file(at, soak.mode(at))?;
        }
        switch.run("ovsdp up")?;
        soak.lan.run("ip link set eth1 master lan && ip link set eth2 master lan")?;
        soak.bond_is_up()?;
        Ok(soak)
    }

    /// How a station's port switches, or is to.
    fn mode(&self, at: usize) -> Mode {
        self.stations[at].modes[self.stations[at].modes.len() - 1]
    }

    fn write_file(&self, at: usize, mode: Mode) -> anyhow::Result<()> {
        let Some((port, bridge)) = &self.stations[at].file else { return Ok(()) };
        file(&self.switch, port, &format!("TYPE=OVSPort\nOVS_BRIDGE={bridge}\nOVS_OPTIONS=\"{}\"\n", mode.options()))
    }

    fn bond_is_up(&self) -> anyhow::Result<()> {
        eventually(SOON, || {
            let shown = self.switch.run("ovsdp appctl bond/show bond0")?.stdout;
            ensure!(shown.contains("member m1: enabled") && shown.contains("member m2: enabled"), "{shown}");
            Ok(())
        })
    }

    /// Sends a frame of a station in one of its VLANs; returns its number.
    fn send(&mut self, from: usize, dst: [u8; 6]) -> anyhow::Result<u32> {
        let number = u32::try_from(self.sent.len())?;
        let tag = match self.stations[from].modes[0].vlans {
            Vlans::Access(_) => None,
            Vlans::Trunk | Vlans::NativeUntagged(_) => [None, Some(5), Some(6)][self.dice.below(3)],
        };
        let station = &self.stations[from];
        let vlans = station.modes.iter().filter_map(|mode| mode.admits(tag)).collect();
        let (protected, twice) = (station.modes.iter().all(|mode| mode.protected), from + 1 == self.stations.len() && dst != EVERYONE);
        self.sent.push(Sent { from, vlans, protected, twice });
        station.wire.send(&frame(dst, station.mac, tag, number))?;
        Ok(number)
    }

    /// Reads what was heard, and fails where it must not have been.
    fn listen(&mut self) -> anyhow::Result<()> {
        for at in 0..self.stations.len() {
            while let Some(frame) = self.stations[at].wire.heard()? {
                let number = frame.get(14..18).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes).context("a frame cut short")?;
                let sent = self.sent.get(number as usize).context("a frame nobody sent")?;
                let station = &self.stations[at];
                let who = || format!("frame {number} of station {} in VLAN {:?}, heard by station {}", sent.from + 1, sent.vlans, at + 1);
                ensure!(at != sent.from || sent.twice, "{}: its sender", who());
                let carried = sent.vlans.iter().any(|vlan| station.modes.iter().any(|mode| mode.carries(*vlan)));
                ensure!(carried, "{}, whose port does not carry it: {:?}", who(), station.modes);
                let protected = sent.protected && station.modes.iter().all(|mode| mode.protected);
                ensure!(!protected, "{}: both are protected", who());
                let first = self.heard.entry(number).or_default().insert(at);
                ensure!(first || sent.twice || self.failing_over, "{} twice", who());
                self.count += 1;
            }
        }
        Ok(())
    }

    fn traffic(&mut self, frames: u32) -> anyhow::Result<()> {
        for _ in 0..frames {
            let (from, to) = (self.dice.below(self.stations.len()), self.dice.below(self.stations.len() + 2));
            let dst = self.stations.get(to).map_or(EVERYONE, |station| station.mac);
            self.send(from, dst)?;
            if self.sent.len().is_multiple_of(16) {
                self.listen()?;
            }
        }
        self.listen()
    }

    /// Everybody who is connected hears everybody it may.
    fn resumes(&mut self) -> anyhow::Result<()> {
        for from in 0..self.stations.len() {
            let mode = self.mode(from);
            let deadline = Instant::now() + SOON;
            let mut missing: BTreeMap<Option<u16>, BTreeSet<usize>> = BTreeMap::new();
            for tag in [None, Some(5), Some(6)] {
                let Some(vlan) = mode.admits(tag).filter(|vlan| mode.carries(*vlan)) else { continue };
                let hears = |to: &usize| *to != from && self.mode(*to).carries(vlan) && !(mode.protected && self.mode(*to).protected);
                let up = self.stations[from].up;
                missing.insert(tag, (0..self.stations.len()).filter(hears).filter(|to| up && self.stations[*to].up).collect());
            }
            for (tag, mut missing) in missing {
                while !missing.is_empty() {
                    ensure!(Instant::now() < deadline, "station {} with tag {tag:?} is not heard by {missing:?}, counted from 0", from + 1);
                    let number = u32::try_from(self.sent.len())?;
                    let station = &self.stations[from];
                    self.sent.push(Sent { from, vlans: mode.admits(tag).into_iter().collect(), protected: mode.protected, twice: false });
                    station.wire.send(&frame(EVERYONE, station.mac, tag, number))?;
                    let again = Instant::now() + AGAIN;
                    while !missing.is_empty() && Instant::now() < again {
                        self.listen()?;
                        missing.retain(|to| !self.heard.get(&number).is_some_and(|heard| heard.contains(to)));
                        thread::yield_now();
                    }
                }
            }
        }
        Ok(())
    }

    /// Another way to switch for a port, by its file, with traffic all the while.
    fn reconfigure(&mut self) -> anyhow::Result<()> {
        let at = 1 + self.dice.below(5);
        let vlan = if self.dice.below(2) == 0 { 5 } else { 6 };
        let vlans = if self.dice.below(3) == 0 { Vlans::NativeUntagged(vlan) } else { Vlans::Access(vlan) };
        let mode = Mode { vlans, protected: self.dice.below(3) == 0 };
        self.write_file(at, mode)?;
        self.listen()?;
        self.stations[at].modes.push(mode);
        let mut up = self.switch.spawn("ovsdp up")?;
        while up.poll()?.is_none() {
            self.traffic(8)?;
        }
        ensure!(up.wait(SOON)? == 0, "up failed: {}{}", up.stdout(), up.stderr());
        self.listen()?;
        self.stations[at].modes.remove(0);
        Ok(())
    }

    /// Some traffic, an event, and everybody hears everybody again.
    fn round(&mut self) -> anyhow::Result<()> {
        self.traffic(BURST)?;
        self.event()?;
        self.resumes().context("afterwards")
    }

    /// What the switch knows and does, for whoever has to find out why.
    fn state(&self) -> String {
        let said = ["ovsdp fdb", "ovsdp appctl bond/show", "ovs-dpctl dump-flows -m ovs-system"].map(|command| self.switch.try_run(command));
        said.into_iter().map(|said| said.map_or_else(|error| format!("{error:#}\n"), |said| said.to_string())).collect()
    }

    fn event(&mut self) -> anyhow::Result<()> {
        match self.dice.below(7) {
            0 | 1 => self.reconfigure()?,
            2 => {
                let at = self.dice.below(self.stations.len());
                let station = &mut self.stations[at];
                station.up = !station.up;
                station.host.run(&format!("ip link set eth0 {}", if station.up { "up" } else { "down" }))?;
            }
            3 => {
                // Not to beyond the bond: there a station has to say by gratuitous ARP that it has moved.
                let near = self.stations.len() - 1;
                let (one, other) = (self.dice.below(near), self.dice.below(near));
                self.switch.note(&format!("stations {} and {} change places", one + 1, other + 1));
                let (a, b) = (self.stations[one].mac, self.stations[other].mac);
                (self.stations[one].mac, self.stations[other].mac) = (b, a);
            }
            4 => {
                kill_agent(&self.switch)?;
                self.traffic(BURST / 4)?;
                self.agent = Some(self.switch.spawn("ovsdp agent")?);
                eventually(SOON, || agent_pid(&self.switch))?;
            }
            5 => {
                let cable = format!("eth{}", 1 + self.dice.below(2));
                self.failing_over = true;
                self.lan.run(&format!("ip link set {cable} down"))?;
                self.traffic(BURST / 2)?;
                self.resumes()?;
                self.lan.run(&format!("ip link set {cable} up"))?;
                self.bond_is_up()?;
                self.listen()?;
                self.failing_over = false;
            }
            _ => {
                self.switch.run("ovsdp fdb flush br0")?;
                // Of what is on its way round the bond nobody knows any more who sent it.
                self.sent.iter_mut().for_each(|sent| sent.twice = true);
            }
        }
        self.listen()
    }
}

/// Goes on for `time`; says what was done.
fn soak(world: &World, seed: u64, time: Duration) -> anyhow::Result<String> {
    let mut soak = Soak::new(world, seed)?;
    let (end, mut events) = (Instant::now() + time, 0);
    while Instant::now() < end {
        if let Err(error) = soak.round() {
            return Err(error.context(format!("event {events} of seed {seed:#x}\n{}", soak.state())));
        }
        events += 1;
    }
    ensure!(events > 3, "only {events} events");
    Ok(format!("{} frames sent, {} heard, none where it must not be; {events} events", soak.sent.len(), soak.count))
}
