//! Bonds and LACP against Linux: its bonding driver as the partner, its bridge as a switch that knows nothing of the bond.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::stage::{agent_pid, changed_nothing, file, ifcfg, plain_bridge, port_number};
use crate::guest::{Host, Process, World, eventually};
use crate::peers::OpenVswitch;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("bonds::active_backup", active_backup),
    Test::new("bonds::lacp", lacp).seconds(180),
    Test::new("bonds::slb", slb),
    Test::new("bonds::cables_are_pulled", cables),
    Test::new("bonds::a_cable_that_lies", a_cable_that_lies),
    Test::new("bonds::from_tunnels_and_patch_ports", from_tunnels_and_patch_ports).seconds(180),
    Test::new("bonds::the_text_is_open_vswitchs", the_text_is_open_vswitchs).seconds(240),
];

/// How long a bond may take to notice and settle, on a machine that does much else.
const SOON: Duration = Duration::from_secs(30);

/// A switch with a station at `p1` of `br0` and two cables, `m1` and `m2`, to the `eth1` and `eth2` of a peer.
struct Scene {
    switch: Host,
    station: Host,
    peer: Host,
    agent: Process,
}

impl Scene {
    /// With the two members as `bond0`, of these options. `peer` is what is done at the other ends first.
    fn new(world: &World, peer: &str, options: &str) -> anyhow::Result<Scene> {
        let (switch, station, peer_host) = (world.host("switch")?, world.host("station")?, world.host("peer")?);
        world.veth_with_macs(&switch, ("p1", "00:16:3e:01:00:01"), &station, ("eth0", "00:16:3e:02:00:01"))?;
        for number in 1..=2 {
            let (here, there) = (format!("00:16:3e:01:01:0{number}"), format!("00:16:3e:02:01:0{number}"));
            world.veth_with_macs(&switch, (&format!("m{number}"), &here), &peer_host, (&format!("eth{number}"), &there))?;
        }
        station.run("ip addr add 10.0.0.1/24 dev eth0")?;
        peer_host.run(peer)?;
        let agent = switch.spawn("ovsdp agent")?;
        eventually(SOON, || agent_pid(&switch))?;
        plain_bridge(&switch, "br0", &["p1"])?;
        bond_file(&switch, options)?;
        switch.run("ovsdp up")?;
        changed_nothing(&switch.run("ovsdp up")?)?;
        Ok(Scene { switch, station, peer: peer_host, agent })
    }

    fn show(&self, command: &str) -> anyhow::Result<String> {
        Ok(self.switch.run(&format!("ovsdp appctl {command}"))?.stdout)
    }

    /// Waits until `command` prints all of these.
    fn says(&self, command: &str, wanted: &[&str]) -> anyhow::Result<()> {
        eventually(SOON, || {
            let text = self.show(command)?;
            let missing: Vec<_> = wanted.iter().filter(|part| !text.contains(**part)).collect();
            ensure!(missing.is_empty(), "{command} does not say {missing:?}:\n{text}");
            Ok(())
        })
    }

    /// The member that carries what only one does.
    fn active(&self) -> anyhow::Result<String> {
        let text = self.show("bond/show bond0")?;
        let before = text.split("\n  active member").next().context("nothing is shown")?;
        let member = before.rsplit("member ").next().and_then(|rest| rest.split(':').next());
        member.map(str::to_owned).context("no member is active")
    }

    fn restart(&mut self) -> anyhow::Result<()> {
        let pid = agent_pid(&self.switch)?;
        self.switch.run(&format!("kill -9 {pid}"))?;
        self.agent.wait(SOON)?;
        self.agent = self.switch.spawn("ovsdp agent")?;
        eventually(SOON, || agent_pid(&self.switch)).map(drop)
    }
}

/// The file of `bond0` over `m1` and `m2`.
pub(super) fn bond_file(switch: &Host, options: &str) -> anyhow::Result<()> {
    file(switch, "bond0", &format!("TYPE=OVSBond\nOVS_BRIDGE=br0\nBOND_IFACES=\"m1 m2\"\nOVS_OPTIONS=\"{options}\"\n"))
}

/// The partner's own bond over the two cables.
fn linux_bond(options: &str) -> String {
    format!(
        "ip link add bond0 type bond {options} && for eth in eth1 eth2; do ip link set $eth down && ip link set $eth master bond0; done && \
         ip link set bond0 up && ip addr add 10.0.0.2/24 dev bond0"
    )
}

fn active_backup(world: &mut World) -> anyhow::Result<()> {
    let mut scene = Scene::new(world, &linux_bond("mode active-backup miimon 50"), "bond_mode=active-backup")?;
    scene.says(
        "bond/show bond0",
        &["bond_mode: active-backup", "member m1: enabled\n  active member\n", "member m2: enabled\n  may_enable: true\n"],
    )?;
    let pings = scene.station.ping_stream("10.0.0.2", 20)?;
    pings.wait_replies(20, SOON)?;
    // The active member fails: the other takes over, and says for the station behind the switch where that is now.
    let heard = scene.peer.capture("eth2", "ether proto 0x8035")?;
    scene.peer.run("ip link set eth1 down")?;
    scene.says("bond/show", &["member m1: disabled\n  may_enable: false\n", "member m2: enabled\n  active member\n"])?;
    heard.wait_for("00:16:3e:02:00:01", SOON)?;
    pings.wait_replies(50, SOON)?;
    // Back again it carries packets and is not active; nor is it behind another agent.
    scene.peer.run("ip link set eth1 up")?;
    scene.says("bond/show", &["member m1: enabled\n  may_enable: true\n", "member m2: enabled\n  active member\n"])?;
    scene.restart()?;
    scene.says("bond/show", &["member m1: enabled\n  may_enable: true\n", "member m2: enabled\n  active member\n"])?;
    pings.wait_replies(100, SOON)?;
    // A member's own file says which device is meant, and what address it is to have.
    file(&scene.switch, "m1", "HWADDR=00:16:3e:01:01:02\n")?;
    let up = scene.switch.try_run("ovsdp up")?;
    ensure!(up.stderr.contains("m1, a port of br0: its address is 00:16:3e:01:01:01, not 00:16:3e:01:01:02"), "{up}");
    file(&scene.switch, "m1", "HWADDR=00:16:3e:01:01:01\nMACADDR=52:54:00:00:01:01\nLINKDELAY=1\n")?;
    scene.switch.run("ovsdp up")?;
    ensure!(scene.switch.run("ip link show dev m1")?.stdout.contains("52:54:00:00:01:01"), "its MACADDR is not in force");
    changed_nothing(&scene.switch.run("ovsdp up")?)?;
    // A person says otherwise.
    let said = scene.switch.run("ovsdp appctl bond/set-active-member bond0 m1")?;
    ensure!(said.stdout == "done\n", "{said}");
    scene.peer.run("ip link set bond0 type bond active_slave eth1")?;
    pings.wait_replies(150, SOON)?;
    pings.stop()?;
    ensure!(scene.switch.try_run("ovsdp appctl bond/show bond9")?.code == 4);
    ensure!(scene.switch.try_run("ovsdp appctl bond/nothing")?.code == 2);
    transceivers(&scene)?;
    registers(world, &scene)
}

/// The members are asked, in place. A dormant device has a cable that works, and is not running: there the two ways to know differ.
fn transceivers(scene: &Scene) -> anyhow::Result<()> {
    bond_file(&scene.switch, "bond_mode=active-backup other_config:bond-detect-mode=miimon other_config:bond-miimon-interval=100")?;
    scene.switch.run("ovsdp up")?;
    changed_nothing(&scene.switch.run("ovsdp up")?)?;
    scene.switch.run("ip link set m1 mode dormant")?;
    scene.peer.run("ip link set eth1 down")?;
    scene.says("bond/show bond0", &["member m1: disabled\n  may_enable: false\n", "member m2: enabled\n  active member\n"])?;
    scene.peer.run("ip link set eth1 up")?;
    scene.says("bond/show bond0", &["member m1: enabled\n  may_enable: true\n"])?;
    let link = scene.switch.json("ip -j link show dev m1")?;
    ensure!(link[0]["operstate"] == "DORMANT", "{link}");
    bond_file(&scene.switch, "bond_mode=active-backup")?;
    scene.switch.run("ovsdp up")?;
    scene.says("bond/show bond0", &["member m1: disabled\n  may_enable: false\n", "member m2: enabled\n  active member\n"])
}

/// A register is read where there is one. Linux's own bond has that of a transceiver, and a VLAN device hands on who asks it: set down, it
/// has no carrier and no link by any other way to ask, while the register says that the cable works.
fn registers(world: &World, scene: &Scene) -> anyhow::Result<()> {
    world.veth(&scene.switch, "c1", &scene.peer, "eth3")?;
    scene.switch.run(
        "ip link add lb type bond mode active-backup miimon 50 && ip link set c1 down && ip link set c1 master lb && ip link set lb up && \
         ip link add link lb name v1 type vlan id 7",
    )?;
    let options = "bond_mode=active-backup other_config:bond-detect-mode=miimon other_config:bond-miimon-interval=100";
    file(&scene.switch, "bond0", &format!("TYPE=OVSBond\nOVS_BRIDGE=br0\nBOND_IFACES=\"m2 v1\"\nOVS_OPTIONS=\"{options}\"\n"))?;
    scene.switch.run("ovsdp up")?;
    scene.says("bond/show bond0", &["member v1: enabled\n  may_enable: true\n"])?;
    scene.peer.run("ip link set eth3 down")?;
    scene.says("bond/show bond0", &["member v1: disabled\n  may_enable: false\n"])?;
    scene.switch.run("ip link set v1 down")?;
    scene.peer.run("ip link set eth3 up")?;
    scene.says("bond/show bond0", &["member v1: enabled\n  may_enable: true\n"])?;
    let link = scene.switch.json("ip -j link show dev v1")?;
    ensure!(link[0]["operstate"] == "DOWN", "{link}");
    Ok(())
}

fn lacp(world: &mut World) -> anyhow::Result<()> {
    let peer = linux_bond("mode 802.3ad lacp_rate fast miimon 50 xmit_hash_policy layer3+4");
    let mut scene = Scene::new(world, &peer, "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast")?;
    let both = ["status: active negotiated", "member: m1: current attached", "member: m2: current attached"];
    scene.says("lacp/show bond0", &both)?;
    scene.says("bond/show bond0", &["lacp_status: negotiated", "member m1: enabled", "member m2: enabled", "recirculation: yes"])?;
    // The partner says the same, of one aggregator with both links: each side of each speaks, is fast, together, in sync, and
    // takes and sends packets (63).
    eventually(SOON, || {
        let mut aggregators = Vec::new();
        for link in ["eth1", "eth2"] {
            let link = scene.peer.json(&format!("ip -d -j link show dev {link}"))?;
            let data = &link[0]["linkinfo"]["info_slave_data"];
            ensure!(data["ad_actor_oper_port_state"] == 63 && data["ad_partner_oper_port_state"] == 63, "{link}");
            aggregators.push(data["ad_aggregator_id"].clone());
        }
        ensure!(aggregators[0] == aggregators[1] && aggregators[0].is_u64(), "{aggregators:?}");
        Ok(())
    })?;
    // Connections between many addresses spread over both members, in the kernel.
    scene.station.run("for i in $(seq 11 40); do ip addr add 10.0.0.$i/24 dev eth0; done")?;
    scene.station.run("for i in $(seq 11 40); do ping -n -c 1 -w 10 -I 10.0.0.$i 10.0.0.2 || exit 1; done")?;
    let flows = scene.switch.run("ovs-dpctl dump-flows ovs-system")?.stdout;
    ensure!(flows.contains("actions:hash(l4(0)),recirc(0x"), "nothing goes round:\n{flows}");
    for member in ["m1", "m2"] {
        let to = format!("actions:{}", port_number(&scene.switch, member)?);
        ensure!(flows.lines().any(|line| line.contains("/0xff)") && line.ends_with(&to)), "nothing goes out by {member}:\n{flows}");
    }
    // What is not ours decides nothing: LACP's packets are not forwarded.
    let overheard = scene.station.capture("eth0", "ether proto 0x8809")?;
    let pings = scene.station.ping_stream("10.0.0.2", 20)?;
    pings.wait_replies(50, SOON)?;
    ensure!(overheard.stop()?.is_empty(), "LACP went further than the bond");
    // Behind another agent nothing changed: same flows, same partner, nothing lost.
    scene.restart()?;
    scene.says("lacp/show bond0", &both)?;
    pings.wait_replies(150, SOON)?;
    let report = pings.stop()?;
    ensure!(report.lost() == 0, "{report:?}");
    // A link fails, and comes back.
    scene.peer.run("ip link set eth1 down")?;
    scene.says("bond/show bond0", &["member m1: disabled", "member m2: enabled\n  active member\n"])?;
    scene.station.run("for i in $(seq 11 40); do ping -n -c 1 -w 10 -I 10.0.0.$i 10.0.0.2 || exit 1; done")?;
    scene.peer.run("ip link set eth1 up")?;
    scene.says("lacp/show bond0", &both)?;
    // The partner no longer speaks LACP at all: nothing is sent, so that no loop comes of it.
    scene.peer.run("ip link del bond0 && ip link set eth1 up && ip link set eth2 up")?;
    scene.says("bond/show bond0", &["member m1: disabled", "member m2: disabled"])?;
    scene.says("lacp/show-stats bond0", &["member: m1:\n  TX PDUs: "])
}

/// The peer is a switch that has both cables and no idea of the bond: it sends back by one what it gets by the other.
fn slb(world: &mut World) -> anyhow::Result<()> {
    let scene = Scene::new(world, "true", "bond_mode=balance-slb")?;
    scene.says("bond/show bond0", &["bond_mode: balance-slb", "member m1: enabled", "member m2: enabled"])?;
    // Not before: as two ports of their own the members would be a loop with it.
    scene.peer.run(
        "ip link add lan type bridge && ip link set eth1 master lan && ip link set eth2 master lan && ip link set lan up && \
         ip addr add 10.0.0.2/24 dev lan",
    )?;
    // Stations with addresses of their own behind one port.
    for number in 11..=18 {
        scene.station.run(&format!(
            "ip link add v{number} link eth0 type macvlan mode bridge && ip link set v{number} address 00:16:3e:02:00:{number} && \
             ip link set v{number} up && ip addr add 10.0.0.{number}/24 dev v{number}"
        ))?;
        scene.station.run(&format!("ping -n -c 3 -i 0.1 -w 10 -I v{number} 10.0.0.2"))?;
    }
    let fdb = scene.switch.json("ovsdp fdb br0 --json")?;
    let port = |mac: &str| {
        let entries = fdb["entries"].as_array().into_iter().flatten();
        entries.filter(|entry| entry["mac"] == mac).map(|entry| entry["port"].clone()).collect::<Vec<_>>()
    };
    for number in 11..=18 {
        ensure!(port(&format!("00:16:3e:02:00:{number}")) == ["p1"], "a station is taken to be beyond the bond: {fdb}");
    }
    let stats = scene.switch.json("ovsdp fdb stats br0 --json")?;
    ensure!(stats["tables"][0]["moved"] == 0, "a station was taken to have moved: {stats}");
    // Both members are used.
    let flows = scene.switch.run("ovs-dpctl dump-flows ovs-system")?.stdout;
    let from_p1 = format!("in_port({})", port_number(&scene.switch, "p1")?);
    for member in ["m1", "m2"] {
        let to = format!("actions:{}", port_number(&scene.switch, member)?);
        ensure!(flows.lines().any(|line| line.contains(&from_p1) && line.ends_with(&to)), "nothing goes out by {member}:\n{flows}");
    }
    Ok(())
}

/// How often the cables are pulled before the loss is taken to be the switch's.
const PULLS: usize = 10;

/// Each cable in turn is pulled under a hundred pings a second, until each has cost two at most. The peer takes either at once, so what is
/// lost is lost here; but ten milliseconds without a processor cost one as well, now and then. A switch that finds out late loses more each time.
fn cables(world: &mut World) -> anyhow::Result<()> {
    let lan = "ip link add lan type bridge && ip link set eth1 master lan && ip link set eth2 master lan && ip link set lan up && \
               ip addr add 10.0.0.2/24 dev lan";
    let scene = Scene::new(world, lan, "bond_mode=active-backup")?;
    scene.says("bond/show bond0", &["member m1: enabled", "member m2: enabled"])?;
    let mut active = scene.active()?;
    let mut lost = BTreeMap::<&str, Vec<u32>>::new();
    for pull in 1..=PULLS {
        let (eth, other) = if active == "m1" { ("eth1", "m2") } else { ("eth2", "m1") };
        let pings = scene.station.ping_stream("10.0.0.2", 10)?;
        pings.wait_replies(100, SOON)?;
        scene.peer.run(&format!("ip link set {eth} down"))?;
        pings.wait_replies(100, SOON)?;
        lost.entry(eth).or_default().push(pings.stop()?.lost());
        ensure!(scene.active()? == other, "{other} is not active");
        scene.peer.run(&format!("ip link set {eth} up"))?;
        scene.says("bond/show bond0", &["member m1: enabled", "member m2: enabled"])?;
        active = other.to_owned();
        // Twice each, as the way back is not the way there.
        if pull >= 4 && lost.values().all(|of_cable| of_cable.iter().any(|lost| *lost <= 2)) {
            return Ok(());
        }
    }
    bail!("a cable always costs more than two: {lost:?}")
}

/// A cable that has a carrier and carries nothing: only LACP finds out, three seconds after the last packet. What an emulated machine takes
/// beside is half a second at most, at one time of a few. That by which nothing went loses nothing and proves nothing.
fn a_cable_that_lies(world: &mut World) -> anyhow::Result<()> {
    let peer = linux_bond("mode 802.3ad lacp_rate fast miimon 50 xmit_hash_policy layer3+4");
    let scene = Scene::new(world, &peer, "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast")?;
    let mut lost = Vec::new();
    for number in [1, 2, 1, 2, 1, 2] {
        scene.says("lacp/show bond0", &["member: m1: current attached", "member: m2: current attached"])?;
        let pings = scene.station.ping_stream("10.0.0.2", 10)?;
        pings.wait_replies(100, SOON)?;
        scene.switch.run(&format!("tc qdisc add dev m{number} root netem loss 100%"))?;
        scene.peer.run(&format!("tc qdisc add dev eth{number} root netem loss 100%"))?;
        scene.says("bond/show bond0", &[&format!("member m{number}: disabled"), &format!("member m{}: enabled\n  active member\n", 3 - number)])?;
        pings.wait_replies(100, SOON)?;
        lost.push(pings.stop()?.lost());
        if lost.iter().any(|lost| (1..=350).contains(lost)) {
            return Ok(());
        }
        scene.switch.run(&format!("tc qdisc del dev m{number} root"))?;
        scene.peer.run(&format!("tc qdisc del dev eth{number} root"))?;
    }
    bail!("more than three seconds and what an emulated machine takes beside: {lost:?}")
}

/// What comes out of a tunnel, and what comes from another bridge, goes on by a bond that hashes: each comes round with the key it came
/// with, and is sent by a flow for its bucket.
fn from_tunnels_and_patch_ports(world: &mut World) -> anyhow::Result<()> {
    let peer = linux_bond("mode 802.3ad lacp_rate fast miimon 50 xmit_hash_policy layer3+4");
    let scene = Scene::new(world, &peer, "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast")?;
    let (far, other) = (world.host("far")?, world.host("other")?);
    world.veth(&scene.switch, "u0", &far, "u0")?;
    world.veth(&scene.switch, "p2", &other, "eth0")?;
    scene.switch.run("ip addr add 192.0.2.1/24 dev u0")?;
    far.run("ip addr add 192.0.2.2/24 dev u0 && ip link add t0 type vxlan id 42 remote 192.0.2.1 dstport 4789 && ip link set t0 up")?;
    file(
        &scene.switch,
        "t0",
        "TYPE=OVSTunnel\nOVS_BRIDGE=br0\nOVS_TUNNEL_TYPE=vxlan\nOVS_TUNNEL_OPTIONS=\"options:remote_ip=192.0.2.2 options:key=42\"\n",
    )?;
    plain_bridge(&scene.switch, "br2", &["p2"])?;
    for (name, bridge, end) in [("a", "br0", "b"), ("b", "br2", "a")] {
        ifcfg(&scene.switch, name, &format!("DEVICE={name} TYPE=OVSPatchPort OVS_BRIDGE={bridge} OVS_PATCH_PEER={end} ONBOOT=yes"))?;
    }
    scene.switch.run("ovsdp up")?;
    scene.says("lacp/show bond0", &["member: m1: current attached", "member: m2: current attached"])?;
    let members = [port_number(&scene.switch, "m1")?, port_number(&scene.switch, "m2")?];
    for (station, device, first, port) in [(&far, "t0", 51, "vxlan_sys_4789"), (&other, "eth0", 81, "p2")] {
        let last = first + 19;
        station.run(&format!("for i in $(seq {first} {last}); do ip addr add 10.0.0.$i/24 dev {device}; done"))?;
        station.run(&format!("for i in $(seq {first} {last}); do ping -n -c 2 -i 0.1 -w 10 -I 10.0.0.$i 10.0.0.2 || exit 1; done"))?;
        let dump = scene.switch.run("ovs-dpctl dump-flows ovs-system")?.stdout;
        let from = format!("in_port({})", port_number(&scene.switch, port)?);
        let flows: Vec<&str> = dump.lines().filter(|line| line.contains(&from)).collect();
        ensure!(flows.iter().any(|line| line.contains("actions:hash(l4(0)),recirc(0x")), "nothing of {port} goes round:\n{dump}");
        for member in members {
            let to = format!("actions:{member}");
            ensure!(flows.iter().any(|line| line.contains("/0xff)") && line.ends_with(&to)), "nothing of {port} goes out by port {member}:\n{dump}");
        }
        let wrapped = flows.iter().any(|line| line.contains("),tunnel(tun_id=0x2a") && line.contains("recirc(0x"));
        ensure!(wrapped == (port == "vxlan_sys_4789"), "what goes round is not what came by {port}:\n{dump}");
    }
    // The way back goes by no bond, and past none.
    let pings = far.ping_stream("10.0.0.2", 20)?;
    pings.wait_replies(50, SOON)?;
    let report = pings.stop()?;
    ensure!(report.lost() == 0, "{report:?}");
    Ok(())
}

/// Without what differs between two switches with the same bond: addresses, the time to the next look, the numbers the datapath gave,
/// how often something happened.
fn without_what_differs(text: &str) -> Vec<String> {
    let differs = ["next rebalance:", "Recirc-ID :", "PDUs:", "port_id:", "key:", "Expired:", "Defaulted:", "Changed:"];
    let word = |word: &str| if word.matches(':').count() >= 5 { "MAC" } else { word }.to_owned();
    let line = |line: &str| {
        let cut = differs.into_iter().find_map(|part| line.find(part).map(|at| at + part.len()));
        let (kept, rest) = line.split_at(cut.unwrap_or(line.len()));
        let number = rest.trim_start().trim_start_matches('-').trim_start_matches(|c: char| c.is_ascii_digit());
        let words: Vec<String> = kept.split(' ').map(|part| part.split('(').map(word).collect::<Vec<_>>().join("(")).collect();
        format!("{}{}", words.join(" "), if cut.is_some() { format!(" N{number}") } else { String::new() })
    };
    text.lines().map(line).collect()
}

/// The same bonds by Debian's Open vSwitch, in a host of its own and with partners of its own.
fn the_text_is_open_vswitchs(world: &mut World) -> anyhow::Result<()> {
    let peer = linux_bond("mode 802.3ad lacp_rate fast miimon 50 xmit_hash_policy layer3+4");
    let scene = Scene::new(world, &peer, "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast")?;
    let (theirs, partner) = (world.host("theirs")?, world.host("partner")?);
    for number in 1..=2 {
        world.veth(&theirs, &format!("m{number}"), &partner, &format!("eth{number}"))?;
    }
    partner.run(&peer)?;
    let ovs = OpenVswitch::start(&theirs)?;
    for (mode, commands) in [
        ("bond_mode=balance-tcp lacp=active other_config:lacp-time=fast", &["bond/show bond0", "lacp/show bond0", "lacp/show-stats bond0"][..]),
        ("bond_mode=balance-slb bond_updelay=5 other_config:bond-hash-basis=7", &["bond/show bond0", "bond/show"]),
        ("bond_mode=active-backup bond_downdelay=7 other_config:bond-primary=m2", &["bond/show bond0", "bond/show"]),
    ] {
        bond_file(&scene.switch, mode)?;
        scene.switch.run("ovsdp up")?;
        ovs.vsctl(&format!("--if-exists del-br br0 -- add-br br0 -- add-bond br0 bond0 m1 m2 {mode}"))?;
        let by_theirs = |command: &str| theirs.try_run(&format!("ovs-appctl --timeout=10 -t ovs-vswitchd {command}"));
        // Which member was first, and is active for that, is chance.
        eventually(SOON, || {
            let chosen = "bond/set-active-member bond0 m2";
            ensure!(scene.show(chosen)? == by_theirs(chosen)?.stdout, "{mode}: m2 is not active");
            Ok(())
        })?;
        for command in commands {
            eventually(SOON, || {
                let (ours, theirs) = (scene.show(command)?, by_theirs(command)?.stdout);
                ensure!(without_what_differs(&ours) == without_what_differs(&theirs), "{mode}: {command}:\n{ours}\n{theirs}");
                Ok(())
            })?;
        }
    }
    Ok(())
}
