//! A traced packet is treated as told, and a static address is where a person put it.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{agent_pid, port_number};
use super::steady::kill_agent;
use super::switching::star;
use crate::guest::{Host, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("trace::a_trace_is_what_the_kernel_then_does", a_trace_is_what_the_kernel_then_does),
    Test::new("trace::a_static_address_steers_and_stays", a_static_address_steers_and_stays),
];

/// An address that no station has.
const NOBODY: &str = "00:16:3e:02:00:99";

/// The kernel's flow from the first station to `dst`, as Debian's `ovs-dpctl` prints it: what it matches, and its actions.
fn kernels(switch: &Host, dst: &str) -> anyhow::Result<(String, String)> {
    let flows = switch.run("ovs-dpctl dump-flows ovs-system")?.stdout;
    // A flow that drops for its destination does not name the sender.
    let (from, to) = (format!("in_port({}),", port_number(switch, "p1")?), format!("dst={dst}),eth_type(0x0800)"));
    let wanted = |line: &&str| line.contains(&from) && line.contains(&to);
    let line = flows.lines().find(wanted).with_context(|| format!("no flow with {from} and {to}:\n{flows}"))?;
    let (key, rest) = line.split_once(", packets:").with_context(|| line.to_owned())?;
    let (_, actions) = rest.split_once("actions:").with_context(|| line.to_owned())?;
    Ok((key.to_owned(), actions.to_owned()))
}

/// What `ovsdp trace` says of a packet from the first station to `dst`.
fn traced(switch: &Host, dst: &str) -> anyhow::Result<(String, String)> {
    let flow = format!("in_port(p1),eth(src=00:16:3e:02:00:01,dst={dst}),eth_type(0x0800),ipv4(src=10.0.0.1,frag=no)");
    let text = switch.run(&format!("ovsdp trace br0 '{flow}'"))?.stdout;
    let after = |what: &str| text.lines().find_map(|line| line.strip_prefix(what)).map(str::to_owned).with_context(|| text.clone());
    Ok((after("Megaflow: ")?, after("Datapath actions: ")?))
}

/// Sends one packet to `dst`, whoever has it.
fn send(from: &Host, dst: &str) -> anyhow::Result<()> {
    from.run(&format!("ip neigh replace 10.0.0.77 lladdr {dst} dev eth0 nud permanent"))?;
    from.try_run("ping -n -c 1 -W 1 10.0.0.77").map(drop)
}

fn a_trace_is_what_the_kernel_then_does(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 3)?;
    stations[0].run("ping -n -c 2 -i 0.1 -w 10 10.0.0.2")?;
    stations[2].run("ping -n -c 1 -w 10 10.0.0.1")?;
    for dst in ["00:16:3e:02:00:02", "00:16:3e:02:00:03", NOBODY, "01:00:5e:00:00:63", "01:80:c2:00:00:02"] {
        let told = traced(&switch, dst)?;
        send(&stations[0], dst)?;
        let done = kernels(&switch, dst)?;
        ensure!(told == done, "{dst}: told {told:?}, the kernel has {done:?}");
    }
    // A stranger's packet is told about, and nothing is learned from it.
    let stranger = "in_port(p2),eth(src=00:16:3e:02:00:55,dst=00:16:3e:02:00:01),eth_type(0x0806)";
    let json = switch.json(&format!("ovsdp trace br0 '{stranger}' --json"))?;
    ensure!(json.to_string().contains("00:16:3e:02:00:55 would be learned"), "{json}");
    ensure!(!switch.run("ovsdp fdb br0")?.stdout.contains("00:16:3e:02:00:55"), "a trace was learned from");
    for (words, code) in [("br9 'in_port(1),eth()'", 4), ("br0 'in_port(p9),eth()'", 4), ("br0 'in_port(p1),eht()'", 2), ("br0 'eth()'", 2)] {
        switch.try_run(&format!("ovsdp trace {words}"))?.fails_with(code)?;
    }
    // From files alone, for anyone: one port of three is there to send to, and so is the bridge itself.
    let offline = switch.try_run_as_user(&format!("ovsdp trace --dir /etc/sysconfig/network-scripts br0 '{stranger}'"))?.success()?;
    ensure!(offline.stdout.ends_with("Datapath actions: br0,p1,p3\n"), "{offline}");
    Ok(())
}

fn a_static_address_steers_and_stays(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 3)?;
    let (a, b, c) = (&stations[0], &stations[1], &stations[2]);
    // A flow that floods, from before: it must follow.
    send(a, NOBODY)?;
    ensure!(switch.run(&format!("ovsdp fdb add br0 p3 0 {NOBODY}"))?.stdout.contains("static"));
    let three = port_number(&switch, "p3")?.to_string();
    let steered = || -> anyhow::Result<()> {
        let (overheard, heard) = (b.capture("eth0", &format!("ether dst {NOBODY}"))?, c.capture("eth0", &format!("ether dst {NOBODY}"))?);
        send(a, NOBODY)?;
        heard.wait_for(NOBODY, Duration::from_secs(10))?;
        let strangers = overheard.stop()?;
        ensure!(strangers.is_empty(), "it was flooded: {strangers:#?}");
        let (_, actions) = kernels(&switch, NOBODY)?;
        ensure!(actions == three, "{actions} is not {three}");
        ensure!(switch.run("ovsdp fdb br0")?.stdout.contains(&format!("{NOBODY}  static")), "{}", switch.run("ovsdp fdb br0")?);
        Ok(())
    };
    steered()?;
    switch.run("ovsdp fdb flush br0")?;
    steered()?;
    // It is on file when `add` has returned: even a killed agent leaves it to the next.
    kill_agent(&switch)?;
    let _agent = switch.spawn("ovsdp agent")?;
    eventually(Duration::from_secs(20), || agent_pid(&switch))?;
    steered()?;
    let stats = switch.run("ovsdp fdb stats br0")?;
    ensure!(stats.stdout.contains("Current static MAC entries in the table : 1\n"), "{stats}");
    ensure!(switch.run(&format!("ovsdp fdb add br0 p3 0 {NOBODY}"))?.stdout.starts_with("nothing to do"));
    // Taken out, packets to it go everywhere again.
    switch.run(&format!("ovsdp fdb del br0 0 {NOBODY}"))?;
    let heard = b.capture("eth0", &format!("ether dst {NOBODY}"))?;
    send(a, NOBODY)?;
    heard.wait_for(NOBODY, Duration::from_secs(10))?;
    for words in [&format!("del br0 0 {NOBODY}"), "add br9 p1 0 00:16:3e:02:00:98", "add br0 p9 0 00:16:3e:02:00:98", "show br9", "stats br9"] {
        switch.try_run(&format!("ovsdp fdb {words}"))?.fails_with(4)?;
    }
    switch.try_run("ovsdp fdb add br0 p1 0 01:00:5e:00:00:01")?.fails_with(2).map(drop)
}
