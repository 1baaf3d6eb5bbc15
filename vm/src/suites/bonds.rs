//! Bonds and LACP against Linux: its bonding driver as the partner, its bridge as a switch that knows nothing of the bond.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{agent_pid, changed_nothing, file, plain_bridge, port_number};
use crate::guest::{Host, Process, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("bonds::active_backup", active_backup),
    Test::new("bonds::lacp", lacp).seconds(180),
    Test::new("bonds::slb", slb),
    Test::new("bonds::cables_are_pulled", cables),
    Test::new("bonds::a_cable_that_lies", a_cable_that_lies),
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
    // A person says otherwise.
    let said = scene.switch.run("ovsdp appctl bond/set-active-member bond0 m1")?;
    ensure!(said.stdout == "done\n", "{said}");
    scene.peer.run("ip link set bond0 type bond active_slave eth1")?;
    pings.wait_replies(150, SOON)?;
    pings.stop()?;
    ensure!(scene.switch.try_run("ovsdp appctl bond/show bond9")?.code == 4);
    ensure!(scene.switch.try_run("ovsdp appctl bond/nothing")?.code == 2);
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

/// Each cable in turn is pulled under a hundred pings a second. The peer takes either at once, so what is lost is lost here.
fn cables(world: &mut World) -> anyhow::Result<()> {
    let lan = "ip link add lan type bridge && ip link set eth1 master lan && ip link set eth2 master lan && ip link set lan up && \
               ip addr add 10.0.0.2/24 dev lan";
    let scene = Scene::new(world, lan, "bond_mode=active-backup")?;
    scene.says("bond/show bond0", &["member m1: enabled", "member m2: enabled"])?;
    let mut active = scene.active()?;
    for _ in 0..4 {
        let (eth, other) = if active == "m1" { ("eth1", "m2") } else { ("eth2", "m1") };
        let pings = scene.station.ping_stream("10.0.0.2", 10)?;
        pings.wait_replies(100, SOON)?;
        scene.peer.run(&format!("ip link set {eth} down"))?;
        pings.wait_replies(100, SOON)?;
        let report = pings.stop()?;
        ensure!(report.lost() <= 2, "{eth} was pulled: {report:?}");
        ensure!(scene.active()? == other, "{other} is not active");
        scene.peer.run(&format!("ip link set {eth} up"))?;
        scene.says("bond/show bond0", &["member m1: enabled", "member m2: enabled"])?;
        active = other.to_owned();
    }
    Ok(())
}

/// A cable that has a carrier and carries nothing: only LACP finds out, three seconds after the last packet.
fn a_cable_that_lies(world: &mut World) -> anyhow::Result<()> {
    let peer = linux_bond("mode 802.3ad lacp_rate fast miimon 50 xmit_hash_policy layer3+4");
    let scene = Scene::new(world, &peer, "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast")?;
    scene.says("lacp/show bond0", &["member: m1: current attached", "member: m2: current attached"])?;
    let pings = scene.station.ping_stream("10.0.0.2", 10)?;
    pings.wait_replies(100, SOON)?;
    scene.switch.run("tc qdisc add dev m1 root netem loss 100%")?;
    scene.peer.run("tc qdisc add dev eth1 root netem loss 100%")?;
    scene.says("bond/show bond0", &["member m1: disabled", "member m2: enabled\n  active member\n"])?;
    pings.wait_replies(100, SOON)?;
    let report = pings.stop()?;
    ensure!(report.lost() <= 350, "more than three seconds and what an emulated machine takes beside: {report:?}");
    Ok(())
}
