//! Many ports: what bringing them up costs beside half as many, counted and not timed. An emulator's time says nothing.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{agent_pid, changed_nothing, file};
use crate::guest::{Host, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[Test::new("many::twice_the_ports_cost_twice_as_much", twice).seconds(300)];

/// What a command costs.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Bytes of netlink messages in the host, whoever sends them: nlmon counts them.
    netlink: u64,
    /// Bytes the agent writes: the journal and what it remembers.
    written: u64,
}

fn counted(host: &Host, agent: &str, line: &str) -> anyhow::Result<Cost> {
    let number = |text: &str| text.trim().parse::<u64>().with_context(|| format!("no number: {text}"));
    let now = || -> anyhow::Result<Cost> {
        let io = host.run(&format!("cat /proc/{agent}/io"))?.stdout;
        let written = io.lines().find_map(|line| line.strip_prefix("wchar:")).context("the kernel does not count what is written")?;
        let netlink = host.run("cat /sys/class/net/nlmon0/statistics/rx_bytes")?.stdout;
        Ok(Cost { netlink: number(&netlink)?, written: number(written)? })
    };
    let before = now()?;
    host.run(line)?;
    let after = now()?;
    Ok(Cost { netlink: after.netlink - before.netlink, written: after.written - before.written })
}

/// Up, with nothing to do, the same of each bridge on its own, and the first down. A tenth as many bridges have no port, and as many are fake ones.
fn costs(world: &World, ports: u32) -> anyhow::Result<[(&'static str, Cost); 4]> {
    let host = world.host(&format!("host{ports}"))?;
    host.run("for all in all default; do echo 1 >/proc/sys/net/ipv6/conf/$all/disable_ipv6; done")?;
    host.write("/tmp/plug", &(1..=ports).map(|port| format!("link add p{port} up type dummy\n")).collect::<String>())?;
    host.run("modprobe nlmon && ip link add nlmon0 up type nlmon && ip -batch /tmp/plug")?;
    file(&host, "br0", "TYPE=OVSBridge\nBOOTPROTO=none\n")?;
    for port in 1..=ports {
        file(&host, &format!("p{port}"), "TYPE=OVSPort\nOVS_BRIDGE=br0\n")?;
    }
    for one in 1..=ports / 10 {
        file(&host, &format!("br{one}"), "TYPE=OVSBridge\nBOOTPROTO=none\n")?;
        file(&host, &format!("vlan{one}"), &format!("TYPE=OVSBridge\nBOOTPROTO=none\nOVS_OPTIONS=\"br0 {one}\"\n"))?;
    }
    let _agent = host.spawn("ovsdp agent")?;
    let agent = eventually(Duration::from_secs(20), || agent_pid(&host))?;
    let up = counted(&host, &agent, "ovsdp up")?;
    let again = counted(&host, &agent, "ovsdp up")?;
    changed_nothing(&host.run("ovsdp up")?)?;
    let apart = counted(&host, &agent, "ovsdp restart")?;
    // What the agent does by itself meanwhile is little.
    ensure!(apart.netlink * 10 <= again.netlink * 11 + 40_960, "each bridge reads everything: {apart:?}, {again:?} for all at once");
    let attached = host.run("ovsdp show")?.stdout.matches("Port ").count();
    ensure!(attached > usize::try_from(ports)?, "{attached} ports of {ports}");
    let down = counted(&host, &agent, "ovsdp down br0")?;
    Ok([("up", up), ("up with nothing to do", again), ("restart with nothing to do", apart), ("down", down)])
}

fn twice(world: &mut World) -> anyhow::Result<()> {
    let (few, many) = (costs(world, 100)?, costs(world, 200)?);
    for ((what, few), (_, many)) in few.iter().zip(&many) {
        world.note(&format!("{what}: {few:?} for 100 ports, {many:?} for 200"));
        // What the agent does by itself meanwhile is little.
        let within = |all: u64, half: u64| all * 10 <= half * 22 + 40_960;
        ensure!(within(many.netlink, few.netlink) && within(many.written, few.written), "{what}: {few:?} for 100 ports, {many:?} for 200");
    }
    Ok(())
}
