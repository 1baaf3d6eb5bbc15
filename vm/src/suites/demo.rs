//! `cargo vm demo`: the main job, played for a person to read. The suites prove it; this shows it, and checks what it shows.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{ADDRESS, DIR, SERVER, Stage, changed_nothing, is_as_before, snapshot};
use crate::guest::{Host, Output, World};
use crate::registry::{Kind, MEMORY, Program, Test};

/// What `cargo vm demo` plays.
pub const PROGRAM: Program = Program {
    name: "scene",
    kind: Kind::Demo,
    summary: "two ifcfg files become a switching bridge, and back",
    run: play,
    timeout: Duration::from_secs(120),
    memory: MEMORY,
    record: None,
};

/// The README's first command is run by the suites too. What it prints is in the log of a failure.
pub const TESTS: &[Test] = &[Test::new("demo::plays", play).seconds(120)];

fn play(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let (host, server) = (&stage.host, &stage.server);

    say(&format!(
        "A host has eth0 up with {ADDRESS}/24, leased from a DHCP server. Two ifcfg files ask for a bridge\n\
         in its place. This is Linux {}, in a virtual machine.",
        host.run("uname -r")?.stdout.trim()
    ));
    title("Before");
    addresses(host)?;
    for file in ["/etc/resolv.conf", &format!("{DIR}/ifcfg-eth0"), &format!("{DIR}/ifcfg-ovsbr0")] {
        show(host, &format!("cat {file}"))?;
    }
    let before = snapshot(host)?;

    title("One command");
    show(host, "ovsdp up ovsbr0")?;
    stage.is_up()?;

    title("After: the bridge has eth0's MAC, its lease, its routes; eth0 is a port");
    addresses(host)?;
    show(host, "ovsdp show")?;
    say("\nThe DHCP server is another host. It reaches the bridge, and the bridge reaches it:");
    show(server, &format!("ping -c 3 -i 0.2 -w 10 {ADDRESS}"))?;
    show(host, &format!("ping -c 3 -i 0.2 -w 10 {SERVER}"))?;
    say("\nWho was learned where, and the flows the kernel switches by:");
    show(host, "ovsdp fdb ovsbr0")?;
    show(host, "ovsdp flows ovsbr0")?;
    say("\nThe same datapath, as Open vSwitch's own tool sees it:");
    let seen = show(host, "ovs-dpctl show")?;
    ensure!(seen.stdout.contains(": eth0") && seen.stdout.contains(": ovsbr0 (internal)"), "ovs-dpctl sees something else: {seen}");

    title("Once more: nothing is left to do");
    changed_nothing(&show(host, "ovsdp up ovsbr0")?)?;

    title("And back");
    show(host, "ovsdp down ovsbr0")?;
    addresses(host)?;
    is_as_before(host, &before, "down did not give back what was")?;
    stage.pings_both_ways()?;
    say("\neth0 has its address, routes and resolver again, exactly as they were.");
    Ok(())
}

fn addresses(host: &Host) -> anyhow::Result<()> {
    show(host, "ip addr")?;
    show(host, "ip route")?;
    Ok(())
}

/// Runs a command that must succeed, in front of the person.
fn show(host: &Host, line: &str) -> anyhow::Result<Output> {
    let place = if host.name() == "host" { String::new() } else { format!("({}) ", host.name()) };
    println!("\n{place}$ {line}");
    host.stream(line, |said| println!("{said}")).with_context(|| format!("{line} failed"))
}

fn title(text: &str) {
    println!("\n{text}\n{}", "-".repeat(text.chars().count()));
}

fn say(text: &str) {
    println!("{text}");
}
