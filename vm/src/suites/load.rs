//! The switch under load: more new flows than it can set up, and another agent that takes over meanwhile.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{agent_pid, changed_nothing, plain_bridge};
use crate::guest::{Host, Traffic, World, eventually};
use crate::protocol::GUEST_PATH;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("load::a_flood_starves_nobody_else", a_flood_starves_nobody_else).seconds(300),
    Test::new("load::replaced_under_traffic", replaced_under_traffic).seconds(240),
    Test::new("load::a_manager_keeps_the_sockets", a_manager_keeps_the_sockets).seconds(240),
    Test::new("load::a_successor_that_dies_changes_nothing", a_successor_that_dies).seconds(120),
];

/// The sides of made-up stations: who floods and whom, who speaks seldom and to whom.
const FLOODER: u8 = 20;
const FLOODED: u8 = 21;
const SELDOM: u8 = 22;
const LISTENER: u8 = 23;
/// No packet comes for this long: it is lost.
const QUIET: Duration = Duration::from_secs(10);

/// A host with the devices p1, p2, … to be ports, and the hosts behind them, which say nothing by themselves.
fn cabled(world: &World, count: usize) -> anyhow::Result<(Host, Vec<Host>)> {
    let switch = world.host("switch")?;
    let stations = (1..=count).map(|number| world.host(&format!("s{number}"))).collect::<anyhow::Result<Vec<_>>>()?;
    for one in stations.iter().chain([&switch]) {
        one.run("for all in all default; do echo 1 >/proc/sys/net/ipv6/conf/$all/disable_ipv6; done")?;
    }
    for (number, station) in (1..).zip(&stations) {
        world.veth(&switch, &format!("p{number}"), station, "eth0")?;
    }
    Ok((switch, stations))
}

/// Makes p1, p2, … ports of a bridge.
fn bridge(switch: &Host, count: usize) -> anyhow::Result<()> {
    let ports: Vec<_> = (1..=count).map(|number| format!("p{number}")).collect();
    plain_bridge(switch, "br0", &ports.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(())
}

/// As [`cabled`], and the devices are ports of a bridge.
fn quiet_star(world: &World, count: usize) -> anyhow::Result<(Host, Vec<Host>)> {
    let (switch, stations) = cabled(world, count)?;
    bridge(&switch, count)?;
    Ok((switch, stations))
}

/// Has station 0 of a side say where it is, to everyone who listens.
fn announce(from: &Host, side: u8, heard_by: &Host) -> anyhow::Result<()> {
    let heard = heard_by.arrivals("eth0", 1, QUIET)?;
    from.blast("eth0", &Traffic::of_each(side, 1, 255))?.wait(Duration::from_secs(10))?;
    ensure!(heard.wait(Duration::from_secs(20))?.packets >= 1, "the first packet did not arrive");
    Ok(())
}

fn agent(switch: &Host, what: &str) -> anyhow::Result<u64> {
    let status = switch.json("ovsdp status --json")?;
    status["agent"][what].as_u64().with_context(|| format!("no {what} in {status}"))
}

/// One port sends more packets of new stations than can be answered; another one's new stations get through nevertheless.
fn a_flood_starves_nobody_else(world: &mut World) -> anyhow::Result<()> {
    let (switch, hosts) = quiet_star(world, 4)?;
    let [flooder, flooded, seldom, listener] = &hosts[..] else { anyhow::bail!("four hosts were asked for") };
    announce(flooded, FLOODED, listener)?;
    announce(listener, LISTENER, flooded)?;
    const FLOOD: u32 = 250_000;
    const FEW: u32 = 100;
    let through = flooded.arrivals("eth0", FLOOD, QUIET)?;
    let heard = listener.arrivals("eth0", FEW, QUIET)?;
    let flood = flooder.blast("eth0", &Traffic::of_each(FLOODER, FLOOD, FLOODED))?;
    // The flood is under way before the first of the few.
    eventually(Duration::from_secs(30), || {
        ensure!(agent(&switch, "upcalls")? > 1000, "the flood has not begun");
        Ok(())
    })?;
    seldom.blast("eth0", &Traffic { rate: 50, ..Traffic::of_each(SELDOM, FEW, LISTENER) })?.wait(Duration::from_secs(60))?;
    let heard = heard.wait(Duration::from_secs(120))?;
    let sent = flood.wait(Duration::from_secs(120))?;
    let through = through.wait(Duration::from_secs(240))?;
    let (dropped, overruns) = (agent(&switch, "dropped")?, agent(&switch, "overruns")?);
    ensure!(heard.packets == FEW, "{} of {FEW} got through beside the flood ({dropped} dropped, {overruns} overruns)", heard.packets);
    // What was lost was the flood's, and is told.
    let lost = u64::from(sent.packets - through.packets.min(sent.packets));
    ensure!(lost == 0 || dropped + overruns > 0, "{lost} packets were lost without a word");
    ensure!(overruns > 0 || lost <= dropped, "{lost} packets were lost, {dropped} are told");
    Ok(())
}

/// Sends `packets`, of which each hundredth begins a flow, a hundred a second, and the others are of flows that have begun; has
/// `meanwhile` done, and returns how many packets did not arrive.
fn lost_meanwhile(switch: &Host, (a, b): (&Host, &Host), packets: u32, meanwhile: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<u32> {
    announce(b, LISTENER, a)?;
    let arrivals = b.arrivals("eth0", packets, QUIET)?;
    let traffic = Traffic { pace: 100, count: packets, rate: 10_000, ..Traffic::of_each(SELDOM, packets / 100, LISTENER) };
    let blast = a.blast("eth0", &traffic)?;
    let flows = |at_least: u64| {
        eventually(Duration::from_secs(60), || {
            ensure!(agent(switch, "flows")? >= at_least, "fewer than {at_least} flows");
            Ok(())
        })
    };
    flows(100)?;
    meanwhile()?;
    flows(200)?;
    let sent = blast.wait(Duration::from_secs(120))?;
    let arrived = arrivals.wait(Duration::from_secs(120))?;
    ensure!(sent.packets == packets && arrived.packets <= packets, "{sent:?} {arrived:?}");
    // For whoever looks for packets that were lost.
    switch.run("cat /proc/net/netlink; ip -s link show dev p1; ip -s link show dev p2; ovsdp status --json; ovsdp metrics")?;
    let shown = switch.run("ovs-dpctl show ovs-system")?;
    ensure!(shown.stdout.contains("lost:0"), "{shown}");
    Ok(packets - arrived.packets)
}

/// Another agent takes over while a hundred new flows a second come up: no packet is lost.
fn replaced_under_traffic(world: &mut World) -> anyhow::Result<()> {
    let (switch, hosts) = quiet_star(world, 2)?;
    let [a, b] = &hosts[..] else { anyhow::bail!("two hosts were asked for") };
    let old = agent_pid(&switch)?;
    let mut successor = None;
    let lost = lost_meanwhile(&switch, (a, b), 100_000, || {
        let mut process = switch.spawn("ovsdp agent --replace")?;
        process.wait_log("ready", Duration::from_secs(60))?;
        ensure!(agent_pid(&switch)? != old, "the agent is still {old}");
        successor = Some(process);
        Ok(())
    })?;
    ensure!(lost == 0, "{lost} packets were lost");
    ensure!(switch.try_run(&format!("test -d /proc/{old} && ! grep -q zombie /proc/{old}/status"))?.code != 0, "the old agent still runs");
    changed_nothing(&switch.run("ovsdp up")?)
}

/// The agent is restarted, and killed, by a manager that keeps its sockets: new flows wait for the next one.
fn a_manager_keeps_the_sockets(world: &mut World) -> anyhow::Result<()> {
    let (switch, hosts) = cabled(world, 2)?;
    let [a, b] = &hosts[..] else { anyhow::bail!("two hosts were asked for") };
    let mut manager = switch.spawn(&format!("{GUEST_PATH} manager ovsdp agent"))?;
    manager.wait_log("READY=1", Duration::from_secs(30))?;
    bridge(&switch, 2)?;
    let next = |signal: &str| -> anyhow::Result<()> {
        let old = agent_pid(&switch)?;
        switch.run(&format!("kill -{signal} {old}"))?;
        eventually(Duration::from_secs(30), || {
            ensure!(agent_pid(&switch)? != old, "{old} still runs");
            Ok(())
        })
    };
    let lost = lost_meanwhile(&switch, (a, b), 50_000, || next("TERM"))?;
    ensure!(lost == 0, "{lost} packets were lost over a restart");
    // What it had received and not answered dies with it, and nothing else: a batch of each handler.
    let lost = lost_meanwhile(&switch, (a, b), 50_000, || next("KILL"))?;
    ensure!(lost <= 128, "{lost} packets were lost over a kill");
    ensure!(manager.stdout().contains("2 descriptors are kept"), "{}", manager.stdout());
    changed_nothing(&switch.run("ovsdp up")?)
}

/// The sockets are asked for and nothing more is said: the agent goes on. And one that a service manager runs does not hand over.
fn a_successor_that_dies(world: &mut World) -> anyhow::Result<()> {
    let (switch, hosts) = quiet_star(world, 2)?;
    let [a, b] = &hosts[..] else { anyhow::bail!("two hosts were asked for") };
    announce(b, LISTENER, a)?;
    let old = agent_pid(&switch)?;
    let asked =
        switch.run(r#"{ printf '{"method":"io.ovsdp.HandOver","parameters":{}}\000'; sleep 1; } | nc.openbsd -q 1 -U /run/ovsdp/io.ovsdp"#)?;
    ensure!(asked.stdout.contains(r#""sockets":"#), "{asked}");
    let heard = b.arrivals("eth0", 10, QUIET)?;
    a.blast("eth0", &Traffic::of_each(SELDOM, 10, LISTENER))?.wait(Duration::from_secs(10))?;
    ensure!(heard.wait(Duration::from_secs(60))?.packets == 10, "the agent does not go on");
    ensure!(agent_pid(&switch)? == old, "it is another agent");
    switch.run(&format!("kill {old}"))?;
    eventually(Duration::from_secs(10), || {
        ensure!(switch.try_run("pidof ovsdp")?.code != 0, "the agent still runs");
        Ok(())
    })?;
    let mut managed = switch.spawn("env NOTIFY_SOCKET=/run/nobody ovsdp agent")?;
    managed.wait_log("ready", Duration::from_secs(30))?;
    let refused = switch.try_run("ovsdp agent --replace")?.fails_with(1)?;
    ensure!(refused.stderr.contains("systemctl restart ovsdp"), "{refused}");
    ensure!(managed.poll()?.is_none(), "the agent ended");
    Ok(())
}
