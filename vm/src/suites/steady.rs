//! What must not be noticed: an agent that is killed, a device that comes and goes, stock tools that look, a young kernel.

use std::time::Duration;

use anyhow::ensure;

use super::stage::{ADDRESS, DIR, SERVER, Stage, addresses, agent_pid, changed_nothing, ifcfg, is_as_before, mac, plain_bridge, port_number};
use crate::guest::{Host, World, eventually, uptime};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("steady::killed_under_traffic", killed_under_traffic),
    Test::new("steady::a_restarted_agent_adopts", a_restarted_agent_adopts),
    Test::new("steady::killed_with_a_lease", killed_with_a_lease),
    Test::new("steady::unplugged_and_replugged", unplugged_and_replugged),
    Test::new("steady::stock_tools_only_look", stock_tools_only_look),
    Test::new("steady::up_in_the_first_seconds", up_in_the_first_seconds).fresh_boot_in_counted_time(),
    Test::new("steady::a_foreign_port_stays", a_foreign_port_stays),
    Test::new("steady::changed_in_place_under_traffic", changed_in_place),
    Test::new("steady::restart_goes_on_past_a_failure", restart_goes_on),
    Test::new("steady::varlink_answers", varlink_answers),
];

fn pair(world: &World) -> anyhow::Result<(Host, Host, Host)> {
    let (switch, a, b) = (world.host("switch")?, world.host("a")?, world.host("b")?);
    world.veth_with_macs(&switch, ("p1", "00:16:3e:01:00:01"), &a, ("eth0", "00:16:3e:02:00:01"))?;
    world.veth_with_macs(&switch, ("p2", "00:16:3e:01:00:02"), &b, ("eth0", "00:16:3e:02:00:02"))?;
    a.run("ip addr add 10.0.0.1/24 dev eth0")?;
    b.run("ip addr add 10.0.0.2/24 dev eth0")?;
    plain_bridge(&switch, "br0", &["p1", "p2"])?;
    Ok((switch, a, b))
}

pub(super) fn kill_agent(host: &Host) -> anyhow::Result<String> {
    let pid = agent_pid(host)?;
    end_agent(host, &pid, "KILL")?;
    Ok(pid)
}

/// Sends the agent a signal that ends it, and waits until it has.
pub(super) fn end_agent(host: &Host, pid: &str, signal: &str) -> anyhow::Result<()> {
    host.run(&format!("kill -{signal} {pid}"))?;
    // Its first thread may end before others, which still have its files, and its lock.
    let runs = format!("test -d /proc/{pid} && ! {{ grep -q zombie /proc/{pid}/status && test $(ls /proc/{pid}/task | wc -l) = 1; }}");
    eventually(Duration::from_secs(30), || {
        ensure!(host.try_run(&runs)?.code != 0, "{pid} still runs");
        Ok(())
    })
}

/// Established flows never stop: not while there is no agent, not when the next one starts.
fn killed_under_traffic(world: &mut World) -> anyhow::Result<()> {
    let (switch, a, _b) = pair(world)?;
    a.run("ip neigh replace 10.0.0.2 lladdr 00:16:3e:02:00:02 dev eth0 nud permanent")?;
    _b.run("ip neigh replace 10.0.0.1 lladdr 00:16:3e:02:00:01 dev eth0 nud permanent")?;
    let pings = a.ping_stream("10.0.0.2", 10)?;
    pings.wait_replies(100, Duration::from_secs(20))?;
    let old = kill_agent(&switch)?;
    pings.wait_replies(100, Duration::from_secs(20))?;
    switch.run("ovsdp up br0")?;
    ensure!(agent_pid(&switch)? != old);
    // The requests of the last moment do not count.
    pings.wait_replies(250, Duration::from_secs(30))?;
    let report = pings.stop()?;
    ensure!(report.sent >= 400 && report.lost() == 0, "{report:?}");
    Ok(())
}

/// Datapath, port numbers, flows and the MAC table are the same behind the next agent.
fn a_restarted_agent_adopts(world: &mut World) -> anyhow::Result<()> {
    let (switch, a, _b) = pair(world)?;
    let pings = a.ping_stream("10.0.0.2", 50)?;
    pings.wait_replies(10, Duration::from_secs(20))?;
    let ports = || anyhow::Ok((port_number(&switch, "p1")?, port_number(&switch, "p2")?, port_number(&switch, "br0")?));
    let ufids = || -> anyhow::Result<Vec<String>> {
        let flows = switch.run("ovs-dpctl dump-flows -m ovs-system")?.stdout;
        let mut ufids: Vec<_> = flows
            .lines()
            .filter(|line| line.contains("eth_type(0x0800)"))
            .map(|line| line.split(',').next().unwrap_or_default().to_owned())
            .collect();
        ufids.sort();
        Ok(ufids)
    };
    let known = || -> anyhow::Result<Vec<String>> {
        let fdb = switch.json("ovsdp fdb br0 --json")?;
        let entries = fdb["entries"].as_array().cloned().unwrap_or_default();
        let mut known: Vec<_> =
            entries.iter().map(|entry| format!("{} {}", entry["mac"], entry["port"])).filter(|line| line.contains("00:16:3e:02")).collect();
        known.sort();
        Ok(known)
    };
    let (before_ports, before_flows, before_macs) = (ports()?, ufids()?, known()?);
    ensure!(before_flows.len() == 2 && before_macs.len() == 2, "{before_flows:?} {before_macs:?}");
    // The table is written down within a second or two of a change.
    eventually(Duration::from_secs(10), || {
        ensure!(switch.read("/run/ovsdp/fdb.json")?.contains("00:16:3e:02:00:02"), "the MAC table is not on file");
        Ok(())
    })?;
    kill_agent(&switch)?;
    let _agent = switch.spawn("ovsdp agent")?;
    eventually(Duration::from_secs(20), || agent_pid(&switch))?;
    ensure!(ports()? == before_ports, "port numbers changed: {before_ports:?} {:?}", ports()?);
    ensure!(known()? == before_macs, "the MAC table changed: {before_macs:?} {:?}", known()?);
    // The revalidator has looked at every flow by then and found each to be right.
    pings.wait_replies(40, Duration::from_secs(30))?;
    ensure!(ufids()? == before_flows, "flows were not adopted: {before_flows:?} {:?}", ufids()?);
    changed_nothing(&switch.run("ovsdp up br0")?)?;
    ensure!(pings.stop()?.lost() == 0);
    // And it answers upcalls: a new station is learned.
    a.run("ip link add m0 link eth0 type macvlan && ip addr add 10.0.0.9/24 dev m0 && ip link set m0 up")?;
    a.run("ping -n -I m0 -c 2 -i 0.1 -w 10 10.0.0.2")?;
    Ok(())
}

/// The next agent goes on renewing what the one before leased, and `down` still gives back what was before.
fn killed_with_a_lease(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let before = super::stage::snapshot(&stage.host)?;
    stage.host.run("ovsdp up")?;
    kill_agent(&stage.host)?;
    changed_nothing(&stage.host.run("ovsdp up")?)?;
    stage.pings_both_ways()?;
    let status = stage.host.json("ovsdp status ovsbr0 --json")?;
    let leases = &status["bridges"][0]["leases"];
    ensure!(leases[0]["address"] == "172.16.3.140/24" && leases[0]["server"] == "172.16.3.1", "the lease was forgotten: {status}");
    ensure!(status.to_string().matches("\"leases\"").count() == 1, "leases are told twice: {status}");
    stage.host.run("ovsdp down ovsbr0")?;
    is_as_before(&stage.host, &before, "down did not give back what was")?;
    Ok(())
}

fn unplugged_and_replugged(world: &mut World) -> anyhow::Result<()> {
    let (switch, a, b) = pair(world)?;
    a.run("ping -n -c 1 -w 10 10.0.0.2")?;
    let goes = |host: Host| {
        drop(host);
        eventually(Duration::from_secs(10), || {
            ensure!(switch.try_run("ip link show dev p2")?.code != 0, "p2 is still there");
            Ok(())
        })
    };
    goes(b)?;
    eventually(Duration::from_secs(10), || {
        ensure!(!switch.run("ovsdp fdb br0")?.stdout.contains("00:16:3e:02:00:02"), "its stations are still known");
        Ok(())
    })?;
    let comes = |name: &str| {
        let b = world.host(name)?;
        world.veth_with_macs(&switch, ("p2", "00:16:3e:01:00:02"), &b, ("eth0", "00:16:3e:02:00:02"))?;
        b.run("ip addr add 10.0.0.2/24 dev eth0")?;
        anyhow::Ok(b)
    };
    let b = comes("again")?;
    eventually(Duration::from_secs(10), || port_number(&switch, "p2"))?;
    a.run("ip neigh flush all && ping -n -c 2 -i 0.1 -w 10 10.0.0.2")?;
    changed_nothing(&switch.run("ovsdp up br0")?)?;
    // The same while there is no agent: the next one finds it there.
    kill_agent(&switch)?;
    goes(b)?;
    let _b = comes("once-more")?;
    let _agent = switch.spawn("ovsdp agent")?;
    eventually(Duration::from_secs(10), || port_number(&switch, "p2"))?;
    a.run("ip neigh flush all && ping -n -c 2 -i 0.1 -w 10 10.0.0.2")?;
    changed_nothing(&switch.run("ovsdp up br0")?)
}

/// `ovs-dpctl` rewrites the datapath's features by looking at it. It must not hurt, and must understand what it sees.
fn stock_tools_only_look(world: &mut World) -> anyhow::Result<()> {
    let (switch, a, _b) = pair(world)?;
    let pings = a.ping_stream("10.0.0.2", 10)?;
    pings.wait_replies(20, Duration::from_secs(10))?;
    for _ in 0..5 {
        let shown = switch.run("ovs-dpctl show -s")?;
        ensure!(
            shown.stdout.contains("system@ovs-system:") && shown.stdout.contains(": br0 (internal)") && shown.stdout.contains(": p1\n"),
            "{shown}"
        );
        let flows = switch.run("ovs-dpctl dump-flows")?;
        ensure!(flows.stdout.contains("eth_type(0x0800)"), "{flows}");
    }
    // New flows still come up to the agent, on whatever CPU.
    for station in 0..4 {
        a.run(&format!(
            "ip link add m{station} link eth0 type macvlan && ip addr add 10.0.0.1{station}/24 dev m{station} && ip link set m{station} up"
        ))?;
        a.run(&format!("ping -n -I m{station} -c 1 -w 10 10.0.0.2"))?;
    }
    ensure!(pings.stop()?.lost() == 0);
    let shown = switch.run("ovs-dpctl show ovs-system")?;
    ensure!(shown.stdout.contains("lost:0"), "{shown}");
    // The same flows in the same words: ours and theirs, but for the counters.
    let words = |text: &str| {
        let mut lines: Vec<_> = text
            .lines()
            .filter_map(|line| Some(format!("{} {}", line.split(", packets:").next()?, line.split("actions:").nth(1)?)))
            .filter(|line| line.contains("eth_type(0x0800)"))
            .collect();
        lines.sort();
        lines
    };
    let (ours, theirs) = (words(&switch.run("ovsdp flows")?.stdout), words(&switch.run("ovs-dpctl dump-flows")?.stdout));
    ensure!(!ours.is_empty() && ours == theirs, "ours {ours:#?} theirs {theirs:#?}");
    Ok(())
}

/// Open vSwitch 3.1 started this early loses every upcall.
fn up_in_the_first_seconds(world: &mut World) -> anyhow::Result<()> {
    let (switch, a, _b) = pair(world)?;
    let up = uptime()?;
    ensure!(up < Duration::from_secs(5), "the bridge was up {up:?} after the kernel");
    a.run("ping -n -c 3 -i 0.1 -w 10 10.0.0.2")?;
    let shown = switch.run("ovs-dpctl show ovs-system")?;
    ensure!(shown.stdout.contains("lost:0"), "{shown}");
    Ok(())
}

/// MTU and a secondary address change while a peer pings a hundred times a second: it does not notice.
fn changed_in_place(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    ifcfg(host, "eth0", "DEVICE=eth0 ONBOOT=yes OVS_BRIDGE=ovsbr0 TYPE=OVSPort")?;
    let bridge = "DEVICE=ovsbr0 ONBOOT=yes TYPE=OVSBridge BOOTPROTO=static IPADDR=172.16.3.140 PREFIX=24 GATEWAY=172.16.3.1";
    ifcfg(host, "ovsbr0", bridge)?;
    host.run("ovsdp up")?;
    let index = host.json("ip -j link show dev ovsbr0")?[0]["ifindex"].clone();
    let pings = stage.server.ping_stream(ADDRESS, 10)?;
    let mut replies = 0;
    for more in ["MTU=1400", "MTU=1400 IPADDR1=172.16.3.141 PREFIX1=24", "MTU=1300 IPADDR1=172.16.3.142 PREFIX1=24", "MTU=1500"] {
        replies += 100;
        pings.wait_replies(replies, Duration::from_secs(60))?;
        ifcfg(host, "ovsbr0", &format!("{bridge} {more}"))?;
        let up = host.run("ovsdp up")?;
        ensure!(up.stdout.contains("[  OK  ]") && !up.stdout.contains("down"), "{up}");
        ensure!(host.run("ip link show dev ovsbr0")?.stdout.contains(&format!("mtu {}", &more[4..8])), "another MTU than in {more}");
        let secondary = more.split_once("IPADDR1=").and_then(|(_, rest)| rest.split(' ').next());
        let wanted: Vec<_> = [Some(ADDRESS), secondary].into_iter().flatten().map(|address| format!("{address}/24")).collect();
        ensure!(addresses(host, "ovsbr0")? == wanted, "{:?}", addresses(host, "ovsbr0")?);
    }
    pings.wait_replies(replies + 100, Duration::from_secs(60))?;
    let report = pings.stop()?;
    ensure!(report.lost() == 0, "{report:?}");
    // Another MAC: the peer must ask again, so it is the host that speaks first.
    let routes = host.run("ip route")?.stdout;
    ifcfg(host, "ovsbr0", &format!("{bridge} MACADDR=02:00:00:00:00:77"))?;
    host.run("ovsdp up")?;
    ensure!(mac(host, "ovsbr0")? == "02:00:00:00:00:77" && host.run("ip route")?.stdout == routes, "routes were lost");
    host.run(&format!("ping -n -c 1 -w 10 {SERVER}"))?;
    stage.pings_both_ways()?;
    ensure!(host.json("ip -j link show dev ovsbr0")?[0]["ifindex"] == index, "the bridge is another device");
    Ok(())
}

/// A bridge whose card is missing does not keep the others down, and `up` of all is all or nothing.
fn restart_goes_on(world: &mut World) -> anyhow::Result<()> {
    let (switch, other) = (world.host("switch")?, world.host("other")?);
    let plug = |number: u32| {
        let (name, ours, theirs) = (format!("p{number}"), format!("00:16:3e:01:00:0{number}"), format!("00:16:3e:02:00:0{number}"));
        world.veth_with_macs(&switch, (&name, &ours), &other, (&name, &theirs))
    };
    plug(1)?;
    plug(3)?;
    for number in 1..=3 {
        ifcfg(&switch, &format!("br{number}"), &format!("DEVICE=br{number} TYPE=OVSBridge ONBOOT=yes BOOTPROTO=none"))?;
        ifcfg(&switch, &format!("p{number}"), &format!("DEVICE=p{number} TYPE=OVSPort OVS_BRIDGE=br{number} ONBOOT=yes"))?;
    }
    let up = switch.try_run("ovsdp up")?.fails_with(4)?;
    ensure!(up.stderr.contains("p2") && switch.try_run("ip link show dev br1")?.code != 0, "up of all did some: {up}");
    let restart = switch.try_run("ovsdp restart")?.fails_with(4)?;
    let results: Vec<&str> = restart.stdout.lines().filter(|line| ["br1 ", "br2:", "br3 "].iter().any(|name| line.starts_with(name))).collect();
    ensure!(results.len() == 3, "{restart}");
    let is = |at: usize, begin: &str, end: &str| results[at].starts_with(begin) && results[at].ends_with(end);
    ensure!(is(0, "br1 is up ", "[  OK  ]") && is(1, "br2: p2, ", "[FAILED]") && is(2, "br3 is up ", "[  OK  ]"), "{restart}");
    ensure!(restart.stderr.contains("p2") && restart.stderr.contains("the other 2 are up"), "{restart}");
    for (bridge, port) in [("br1", "p1"), ("br3", "p3")] {
        ensure!(switch.run(&format!("ip link show dev {port}"))?.stdout.contains("master ovs-system"), "{port} is no port");
        switch.run(&format!("ip link show up dev {bridge}"))?;
    }
    ensure!(switch.try_run("ip link show dev br2")?.code != 0, "br2 is there");
    // The card is plugged in; JSON has a line for each as well.
    plug(2)?;
    let restart = switch.run("ovsdp restart --json")?;
    let stages = restart.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<serde_json::Value>, _>>()?;
    let of = |stage: &str| stages.iter().filter(|line| line["stage"] == stage).map(|line| line["text"].to_string()).collect::<Vec<_>>();
    ensure!(of("unchanged") == ["\"br1\"", "\"br3\""] && of("up") == ["\"br2\""], "{restart}");
    changed_nothing(&switch.run("ovsdp restart")?)
}

/// What libvirt or a person attached is not ovsdp's to take away.
fn a_foreign_port_stays(world: &mut World) -> anyhow::Result<()> {
    let (switch, _a, _b) = pair(world)?;
    switch.run("ip link add tap0 type dummy && ovs-dpctl add-if ovs-system tap0")?;
    changed_nothing(&switch.run("ovsdp up")?)?;
    changed_nothing(&switch.run("ovsdp restart")?)?;
    // A change of the bridge leaves it alone, too.
    let file = switch.read(&format!("{DIR}/ifcfg-br0"))?;
    switch.write(&format!("{DIR}/ifcfg-br0"), &format!("{file}MTU=1400\n"))?;
    let number = port_number(&switch, "tap0")?;
    switch.run("ovsdp restart")?;
    ensure!(port_number(&switch, "tap0")? == number, "the foreign port is another one");
    Ok(())
}

/// The control socket speaks varlink to whoever asks: the introspection call, as its own protocol says.
fn varlink_answers(world: &mut World) -> anyhow::Result<()> {
    let (switch, _a, _b) = pair(world)?;
    let ask = |call: &str| switch.run(&format!("printf '%s\\0' '{call}' | nc -N -U -w 5 /run/ovsdp/io.ovsdp"));
    let described = ask("{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"io.ovsdp\"}}")?;
    ensure!(described.stdout.contains("interface io.ovsdp") && described.stdout.contains("method Up("), "{described}");
    let status = ask("{\"method\":\"io.ovsdp.Status\"}")?;
    ensure!(status.stdout.contains("\"name\":\"br0\""), "{status}");
    let mode = switch.run("stat -c %a /run/ovsdp/io.ovsdp")?;
    ensure!(mode.stdout.trim() == "660", "{mode}");
    Ok(())
}
