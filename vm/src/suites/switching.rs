//! The switch itself, among hosts that know nothing of it: learning, flooding, moving, isolation.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{agent_pid, changed_nothing, ifcfg, plain_bridge};
use super::steady::kill_agent;
use crate::guest::{Host, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("switching::a_third_host_sees_no_unicast", a_third_host_sees_no_unicast),
    Test::new("switching::a_moved_host_is_found_within_one_packet", a_moved_host_is_found),
    Test::new("switching::two_bridges_are_apart", two_bridges_are_apart),
    Test::new("switching::five_hundred_macs", five_hundred_macs).seconds(120),
    Test::new("switching::internal_port", internal_port),
    Test::new("switching::a_socket_a_vport", a_socket_a_vport),
    Test::new("switching::idle_flows_are_removed", idle_flows_are_removed).seconds(90),
    Test::new("switching::reserved_multicast_is_dropped", reserved_multicast_is_dropped),
    Test::new("switching::internal_ports_follow_the_smallest_mtu", mtu_follows),
];

/// A switch host with `count` stations on the ports p1, p2, … of br0, at 10.0.0.1, 10.0.0.2, …
pub(super) fn star(world: &World, count: u32) -> anyhow::Result<(Host, Vec<Host>)> {
    let switch = world.host("switch")?;
    let mut stations = Vec::new();
    for number in 1..=count {
        let station = world.host(&format!("s{number}"))?;
        world.veth_with_macs(
            &switch,
            (&format!("p{number}"), &format!("00:16:3e:01:00:{number:02x}")),
            &station,
            ("eth0", &format!("00:16:3e:02:00:{number:02x}")),
        )?;
        station.run(&format!("ip addr add 10.0.0.{number}/24 dev eth0"))?;
        stations.push(station);
    }
    let ports: Vec<_> = (1..=count).map(|number| format!("p{number}")).collect();
    plain_bridge(&switch, "br0", &ports.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok((switch, stations))
}

fn a_third_host_sees_no_unicast(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 3)?;
    let (a, b, c) = (&stations[0], &stations[1], &stations[2]);
    a.run("ping -n -c 2 -i 0.1 -w 10 10.0.0.2")?;
    c.run("ping -n -c 1 -w 10 10.0.0.1")?;
    let heard = c.capture("eth0", "icmp or arp")?;
    let there = a.ping_stream("10.0.0.2", 10)?;
    let back = b.ping_stream("10.0.0.1", 10)?;
    there.wait_replies(100, Duration::from_secs(30))?;
    back.wait_replies(100, Duration::from_secs(30))?;
    ensure!(there.stop()?.lost() == 0 && back.stop()?.lost() == 0);
    let strangers: Vec<_> = heard.stop()?.into_iter().filter(|line| line.contains("ICMP")).collect();
    ensure!(strangers.is_empty(), "the third host overheard: {strangers:#?}");
    let fdb = switch.json("ovsdp fdb br0 --json")?;
    let learned = fdb["entries"].as_array().map_or(0, Vec::len);
    ensure!(learned >= 3, "learned only {fdb}");
    // The kernel does the work: three stations' traffic takes few upcalls.
    let flows = switch.run("ovsdp flows br0")?;
    ensure!(flows.stdout.lines().filter(|line| line.contains("eth_type(0x0800)")).count() >= 2, "{flows}");
    Ok(())
}

/// The moved host says one thing from its new place, and the very next packet to it arrives there.
fn a_moved_host_is_found(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 3)?;
    let (a, b, c) = (&stations[0], &stations[1], &stations[2]);
    // Neighbours are fixed so that the only packets are the ones sent on purpose.
    a.run("ip neigh replace 10.0.0.2 lladdr 00:16:3e:02:00:02 dev eth0 nud permanent")?;
    for round in 0..5 {
        let (old, new, port) = if round % 2 == 0 { (b, c, "3") } else { (c, b, "2") };
        for host in [b, c] {
            host.run("ip addr flush dev eth0 scope global && ip neigh flush dev eth0")?;
        }
        old.run("ip link set eth0 address 00:16:3e:02:00:02 && ip addr add 10.0.0.2/24 dev eth0")?;
        old.run("ip neigh replace 10.0.0.1 lladdr 00:16:3e:02:00:01 dev eth0 nud permanent")?;
        // An established flow leads to the old place.
        a.run("ping -n -c 3 -i 0.05 -w 10 10.0.0.2")?;
        old.run("ip addr flush dev eth0 scope global && ip link set eth0 address 00:16:3e:02:00:0f")?;
        new.run("ip link set eth0 address 00:16:3e:02:00:02 && ip addr add 10.0.0.2/24 dev eth0")?;
        new.run("ip neigh replace 10.0.0.1 lladdr 00:16:3e:02:00:01 dev eth0 nud permanent")?;
        // The one packet: a request whose reply must find the new place.
        let one = new.try_run("ping -n -c 1 -w 2 10.0.0.1")?;
        ensure!(one.code == 0, "round {round}: the reply went to the old place: {one}\n{}", switch.run("ovsdp fdb br0; ovsdp flows br0")?);
        let fdb = switch.run("ovsdp fdb br0")?;
        let line = fdb.stdout.lines().find(|line| line.contains("00:16:3e:02:00:02")).unwrap_or_default().to_owned();
        let number = super::stage::port_number(&switch, &format!("p{port}"))?;
        ensure!(line.split_ascii_whitespace().next() == Some(&number.to_string()), "not at p{port} ({number}): {line}");
    }
    Ok(())
}

fn two_bridges_are_apart(world: &mut World) -> anyhow::Result<()> {
    let switch = world.host("switch")?;
    let mut stations = Vec::new();
    for number in 1..=4 {
        let station = world.host(&format!("s{number}"))?;
        world.veth(&switch, &format!("p{number}"), &station, "eth0")?;
        // The same addresses on both bridges: nothing but the switch keeps them apart.
        station.run(&format!("ip addr add 10.0.0.{}/24 dev eth0", 2 - number % 2))?;
        stations.push(station);
    }
    plain_bridge(&switch, "br0", &["p1", "p2"])?;
    plain_bridge(&switch, "br1", &["p3", "p4"])?;
    let overheard = stations[2].capture("eth0", "icmp")?;
    let first = stations[0].capture("eth0", "arp and host 10.0.0.9")?;
    stations[0].run("ping -n -c 3 -i 0.1 -w 10 10.0.0.2")?;
    // Broadcasts of one bridge stay there.
    stations[3].try_run("ping -n -c 1 -w 1 10.0.0.9")?;
    stations[3].run("ping -n -c 3 -i 0.1 -w 10 10.0.0.1")?;
    // tcpdump may still have the last one to read.
    eventually(Duration::from_secs(10), || {
        ensure!(overheard.lines().len() >= 6, "6 packets of br1's own: {:#?}", overheard.lines());
        Ok(())
    })?;
    let packets = overheard.stop()?;
    ensure!(packets.len() == 6, "{} packets on br1, 6 were its own: {packets:#?}", packets.len());
    let packets = first.stop()?;
    ensure!(packets.is_empty(), "a broadcast of br1 reached br0: {packets:#?}");
    // One goes, the other does not notice.
    let pings = stations[0].ping_stream("10.0.0.2", 10)?;
    pings.wait_replies(20, Duration::from_secs(10))?;
    switch.run("ovsdp down br1")?;
    pings.wait_replies(20, Duration::from_secs(10))?;
    let report = pings.stop()?;
    ensure!(report.lost() == 0, "{report:?}");
    Ok(())
}

fn five_hundred_macs(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 2)?;
    let (a, b) = (&stations[0], &stations[1]);
    // 500 stations behind one port: as many devices, each with its own MAC and address, on top of it. Each speaks up by
    // itself when it comes up: IPv6 asks whether anyone has its address.
    a.write(
        "/tmp/many",
        "ip link set eth0 promisc on\n\
         for i in $(seq 0 499); do echo link add link eth0 name m$i type macvlan mode private; echo link set m$i up; \
         echo addr add 10.1.$((i / 250)).$((i % 250 + 1))/16 dev m$i; done | ip -batch -\n",
    )?;
    a.run("sh /tmp/many")?;
    eventually(Duration::from_secs(60), || {
        let fdb = switch.json("ovsdp fdb br0 --json")?;
        let behind = fdb["entries"].as_array().map_or(0, |entries| entries.iter().filter(|entry| entry["port"] == "p1").count());
        ensure!(behind >= 500, "{behind} addresses learned behind p1");
        Ok(())
    })?;
    b.run("ip addr add 10.1.255.254/16 dev eth0")?;
    for station in ["10.1.0.1", "10.1.0.250", "10.1.1.1", "10.1.1.125", "10.1.1.250"] {
        b.run(&format!("ping -n -c 1 -w 10 {station}"))?;
    }
    let status = switch.json("ovsdp status br0 --json")?;
    ensure!(status["agent"]["overruns"] == 0, "upcalls were lost: {status}");
    Ok(())
}

fn internal_port(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 1)?;
    ifcfg(
        &switch,
        "int0",
        "DEVICE=int0 TYPE=OVSIntPort OVS_BRIDGE=br0 ONBOOT=yes BOOTPROTO=static IPADDR=10.0.0.100 PREFIX=24 MACADDR=00:16:3e:03:00:01 MTU=1400",
    )?;
    switch.run("ovsdp up int0")?;
    stations[0].run("ping -n -c 2 -i 0.1 -w 10 10.0.0.100")?;
    let link = switch.run("ip -d link show dev int0")?;
    ensure!(link.stdout.contains("mtu 1400") && link.stdout.contains("00:16:3e:03:00:01"), "{link}");
    let shown = switch.run("ovsdp show")?;
    ensure!(shown.stdout.contains("        Port int0\n            Interface int0\n                type: internal\n"), "{shown}");
    let again = switch.run("ovsdp up")?;
    super::stage::changed_nothing(&again)?;
    // Out of the files, out of the bridge.
    switch.run("rm /etc/sysconfig/network-scripts/ifcfg-int0 && ovsdp up br0")?;
    ensure!(switch.try_run("ip link show dev int0")?.code != 0, "int0 is still there");
    Ok(())
}

/// What kernels before 5.15 need: a socket for each vport. Every later kernel still has it.
fn a_socket_a_vport(world: &mut World) -> anyhow::Result<()> {
    let switch = world.host("switch")?;
    let (a, b) = (world.host("a")?, world.host("b")?);
    world.veth(&switch, "p1", &a, "eth0")?;
    world.veth(&switch, "p2", &b, "eth0")?;
    a.run("ip addr add 10.0.0.1/24 dev eth0")?;
    b.run("ip addr add 10.0.0.2/24 dev eth0")?;
    let mut agent = switch.spawn("ovsdp agent --dispatch per-vport")?;
    eventually(Duration::from_secs(20), || switch.run("test -S /run/ovsdp/io.ovsdp"))?;
    plain_bridge(&switch, "br0", &["p1", "p2"])?;
    a.run("ping -n -c 3 -i 0.1 -w 10 10.0.0.2")?;
    let status = switch.json("ovsdp status --json")?;
    ensure!(status["agent"]["dispatch"] == "per-vport", "{status}");
    // Killed and restarted it takes over each port's socket.
    agent.signal(nix::sys::signal::Signal::SIGKILL)?;
    agent.wait(Duration::from_secs(5))?;
    let _agent = switch.spawn("ovsdp agent --dispatch per-vport")?;
    eventually(Duration::from_secs(20), || agent_pid(&switch))?;
    b.run("ip addr add 10.0.0.3/24 dev eth0 && ip neigh flush all")?;
    a.run("ip neigh flush all && ping -n -c 3 -i 0.1 -w 10 10.0.0.3")?;
    Ok(())
}

/// A flow that saw nothing for 10 s goes, and nobody wakes up much for it; the address behind it stays known, and is as old as the last
/// packet of a flow in use says.
fn idle_flows_are_removed(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 2)?;
    for (station, other) in [(&stations[0], 2), (&stations[1], 1)] {
        station.run(&format!("ip neigh replace 10.0.0.{other} lladdr 00:16:3e:02:00:0{other} dev eth0 nud permanent"))?;
    }
    let pings = stations[0].ping_stream("10.0.0.2", 10)?;
    pings.wait_replies(40, Duration::from_secs(30))?;
    let fdb = switch.json("ovsdp fdb br0 --json")?;
    let entries = fdb["entries"].as_array().into_iter().flatten();
    let young = entries.filter(|entry| entry["mac"].as_str().is_some_and(|mac| mac.starts_with("00:16:3e:02")) && entry["age"].as_u64() < Some(2));
    ensure!(young.count() == 2, "both speak ten times a second: {fdb}");
    pings.stop()?;
    let flows = || anyhow::Ok(switch.run("ovs-dpctl dump-flows ovs-system")?.stdout.matches("eth_type(0x0800)").count());
    ensure!(flows()? == 2, "{}", switch.run("ovs-dpctl dump-flows ovs-system")?);
    let pid = agent_pid(&switch)?;
    let wake_ups = || -> anyhow::Result<u32> {
        let told = switch.run(&format!("cd /proc/{pid}/task && cat $(grep -l revalidator */comm | sed s/comm/status/)"))?;
        let count = told.stdout.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok());
        count.with_context(|| format!("no count: {told}"))
    };
    let before = wake_ups()?;
    eventually(Duration::from_secs(40), || {
        ensure!(flows()? == 0, "{} flows left", flows()?);
        Ok(())
    })?;
    // Twice a second for ten seconds would be twenty.
    let woken = wake_ups()? - before;
    ensure!(woken <= 10, "the revalidator woke up {woken} times");
    ensure!(switch.run("ovsdp fdb br0")?.stdout.contains("00:16:3e:02:00:01"));
    Ok(())
}

fn reserved_multicast_is_dropped(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 2)?;
    let heard = stations[1].capture("eth0", "ether dst 01:80:c2:00:00:00 or ether dst 01:80:c2:00:00:20")?;
    // A Linux bridge that speaks spanning tree sends to 01:80:c2:00:00:00; the ping goes to an ordinary group.
    stations[0].run("ip neigh replace 10.0.0.77 lladdr 01:80:c2:00:00:20 dev eth0 nud permanent")?;
    stations[0].run("ip neigh replace 10.0.0.78 lladdr 01:80:c2:00:00:00 dev eth0 nud permanent")?;
    stations[0].try_run("ping -n -c 1 -W 1 10.0.0.78")?;
    stations[0].try_run("ping -n -c 1 -W 1 10.0.0.77")?;
    heard.wait_for("01:80:c2:00:00:20", Duration::from_secs(10))?;
    let packets = heard.stop()?;
    ensure!(!packets.iter().any(|line| line.contains("01:80:c2:00:00:00")), "a reserved frame was forwarded: {packets:#?}");
    let flows = switch.run("ovsdp flows br0")?;
    ensure!(flows.stdout.lines().any(|line| line.contains("dst=01:80:c2:00:00:00") && line.ends_with("actions:drop")), "{flows}");
    Ok(())
}

/// What a device outside is made to carry, the bridge sends; what a file says of the bridge's own MTU holds against it.
fn mtu_follows(world: &mut World) -> anyhow::Result<()> {
    let (switch, _stations) = star(world, 2)?;
    let mtu = |wanted: u64| {
        eventually(Duration::from_secs(20), || {
            let link = switch.json("ip -j link show br0")?;
            ensure!(link[0]["mtu"] == wanted, "{link}");
            Ok(())
        })
    };
    for (device, size, least) in [("p1", 1400, 1400), ("p2", 1300, 1300), ("p1", 1500, 1300), ("p2", 1500, 1500)] {
        switch.run(&format!("ip link set {device} mtu {size}"))?;
        mtu(least)?;
    }
    kill_agent(&switch)?;
    let _agent = switch.spawn("ovsdp agent")?;
    eventually(Duration::from_secs(20), || switch.run("ovsdp fdb br0").map(drop))?;
    switch.run("ip link set p1 mtu 1450")?;
    mtu(1450)?;
    ifcfg(&switch, "br0", "DEVICE=br0 TYPE=OVSBridge ONBOOT=yes BOOTPROTO=none MTU=1350")?;
    switch.run("ovsdp up")?;
    mtu(1350)?;
    switch.run("ip link set p1 mtu 1400")?;
    changed_nothing(&switch.run("ovsdp up")?)?;
    mtu(1350)
}
