//! Killed at any instant: the agent, or the command that asked, at every step of the scene in turn. Afterwards one command reaches
//! exactly the new state or exactly the old one.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{JOURNAL, Stage, agent_pid, changed_nothing, file, is_as_before, same, snapshot, snapshot_anew};
use crate::guest::{Host, Then, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("chaos::up_killed_at_each_step_then_up", |world| up(world, Repair::Up)).seconds(900),
    Test::new("chaos::up_killed_at_each_step_then_rollback", |world| up(world, Repair::Rollback)).once().seconds(900),
    Test::new("chaos::down_killed_at_each_step", down).once().seconds(900),
    Test::new("chaos::rollback_killed_at_each_step", rollback).once().seconds(900),
    Test::new("chaos::each_step_fails", each_step_fails).once().seconds(900),
    Test::new("chaos::the_command_is_killed_at_each_step", command).once().seconds(900),
    Test::new("chaos::a_bond_with_vlans_killed_at_each_step", bond_with_vlans).once().seconds(900),
    Test::new("chaos::a_bond_with_vlans_whose_command_is_killed_at_each_step", command_of_a_bond).once().seconds(900),
];

/// More steps than the scene has.
const ENOUGH: u32 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repair {
    Up,
    Rollback,
}

/// Runs `line`, and kills the agent as it is about to write down its `nth` step: then those before are done. Says whether there was
/// such a step.
fn killed_at(host: &Host, nth: u32, line: &str) -> anyhow::Result<bool> {
    let gate = host.gate("/run/ovsdp", &JOURNAL, nth, Then::Kill)?;
    let output = host.try_run(line)?;
    let Some(pid) = gate.stopped() else {
        output.success()?;
        return Ok(false);
    };
    ensure!(output.code == 1, "the agent was killed and the command ended with {}: {output}", output.code);
    eventually(Duration::from_secs(10), || {
        ensure!(!std::path::Path::new(&format!("/proc/{pid}/fd/0")).exists(), "the agent still runs");
        Ok(())
    })?;
    Ok(true)
}

fn is_back(stage: &Stage, old: &str, when: &str) -> anyhow::Result<()> {
    is_as_before(&stage.host, old, when)?;
    let client = stage.host.run("cat /proc/$(pidof dhclient)/stat")?;
    ensure!(!client.stdout.contains(") T "), "{when}: dhclient is still stopped");
    Ok(())
}

/// The scene's two states; it is in the old one afterwards.
fn states(stage: &Stage) -> anyhow::Result<(String, String)> {
    let host = &stage.host;
    let old = snapshot(host)?;
    host.run("ovsdp up")?;
    let new = snapshot_anew(host)?;
    host.run("ovsdp down ovsbr0")?;
    is_back(stage, &old, "down")?;
    Ok((old, new))
}

fn up(world: &mut World, repair: Repair) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let (old, new) = states(&stage)?;
    for nth in 1..=ENOUGH {
        if !killed_at(host, nth, "ovsdp up")? {
            ensure!(nth > 10, "the scene has only {nth} steps");
            return Ok(());
        }
        let when = format!("killed at step {nth}");
        match repair {
            Repair::Up => {
                host.run("ovsdp up").context(when.clone())?;
                same(&snapshot_anew(host)?, &new, &when)?;
                changed_nothing(&host.run("ovsdp up")?)?;
                host.run("ovsdp down ovsbr0")?;
            }
            // Before the first step is written down there is nothing to take back.
            Repair::Rollback if nth == 1 => drop(host.try_run("ovsdp rollback")?.fails_with(4)?),
            Repair::Rollback => {
                // As if it had been killed while it wrote that step down.
                host.run(r#"printf '{"begun":{"set-u' >>/run/ovsdp/journal.json"#)?;
                host.run("ovsdp rollback").context(when.clone())?;
            }
        }
        is_back(&stage, &old, &when)?;
    }
    anyhow::bail!("the scene has no end")
}

/// Where the host's address is on a device that becomes a bond's member, and beside the bridge there is a VLAN with an address.
/// A host with a bond that has a VLAN beside it in its files, and its two states; it is in the old one afterwards.
fn bonded(world: &World) -> anyhow::Result<(Host, Host, String, String)> {
    let (host, peer) = (world.host("host")?, world.host("peer")?);
    for number in 0..2 {
        world.veth(&host, &format!("eth{number}"), &peer, &format!("e{number}"))?;
    }
    host.run("ip addr add 10.0.0.5/24 dev eth0 && ip route add default via 10.0.0.1")?;
    file(&host, "br0", "TYPE=OVSBridge\nBOOTPROTO=none\nIPADDR=10.0.0.5\nPREFIX=24\nGATEWAY=10.0.0.1\n")?;
    file(&host, "bond0", "TYPE=OVSBond\nOVS_BRIDGE=br0\nBOND_IFACES=\"eth0 eth1\"\nOVS_OPTIONS=\"bond_mode=active-backup trunks=0,20\"\n")?;
    file(&host, "vlan20", "TYPE=OVSBridge\nOVS_OPTIONS=\"br0 20\"\nBOOTPROTO=none\nIPADDR=10.20.0.5\nPREFIX=24\n")?;
    let old = snapshot(&host)?;
    host.run("ovsdp up")?;
    let new = snapshot_anew(&host)?;
    host.run("ovsdp down br0")?;
    is_as_before(&host, &old, "down")?;
    Ok((host, peer, old, new))
}

fn bond_with_vlans(world: &mut World) -> anyhow::Result<()> {
    let (host, _peer, old, new) = bonded(world)?;
    for nth in 1..=ENOUGH {
        let when = format!("killed at step {nth}");
        if !killed_at(&host, nth, "ovsdp up")? {
            ensure!(nth > 10, "it has only {nth} steps");
            return Ok(());
        }
        host.run("ovsdp up").context(when.clone())?;
        same(&snapshot_anew(&host)?, &new, &when)?;
        changed_nothing(&host.run("ovsdp up")?)?;
        host.run("ovsdp down br0")?;
        is_as_before(&host, &old, &when)?;
        killed_at(&host, nth, "ovsdp up")?;
        let back = host.try_run("ovsdp rollback")?;
        ensure!(back.code == if nth == 1 { 4 } else { 0 }, "{when}: {back}");
        is_as_before(&host, &old, &format!("{when}, rolled back"))?;
    }
    anyhow::bail!("it has no end")
}

fn down(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let (old, new) = states(&stage)?;
    for nth in 1..=ENOUGH {
        host.run("ovsdp up")?;
        let killed = killed_at(host, nth, "ovsdp down ovsbr0")?;
        let when = format!("down killed at step {nth}");
        if !killed {
            ensure!(nth > 10, "down has only {nth} steps");
            return is_back(&stage, &old, &when);
        }
        // Any command that needs the agent starts one, and that takes back what was begun.
        host.run("ovsdp up").context(when.clone())?;
        same(&snapshot_anew(host)?, &new, &when)?;
        host.run("ovsdp down ovsbr0")?;
        is_back(&stage, &old, &when)?;
    }
    anyhow::bail!("down has no end")
}

fn rollback(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let (old, _) = states(&stage)?;
    for nth in 1..=ENOUGH {
        host.run("ovsdp up --confirm 3600")?;
        let killed = killed_at(host, nth, "ovsdp rollback")?;
        let when = format!("rollback killed at step {nth}");
        if !killed {
            ensure!(nth > 10, "rollback has only {nth} steps");
            return is_back(&stage, &old, &when);
        }
        host.run("ovsdp rollback").context(when.clone())?;
        is_back(&stage, &old, &when)?;
    }
    anyhow::bail!("rollback has no end")
}

/// The journal cannot be written before a step, of `up` and of `down`: everything is as it was, and the agent lives.
fn each_step_fails(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let (old, new) = states(&stage)?;
    let failed_at = |nth: u32, line: &str| -> anyhow::Result<bool> {
        let gate = host.gate("/run/ovsdp", &JOURNAL, nth, Then::Refuse)?;
        let output = host.try_run(line)?;
        if gate.stopped().is_none() {
            output.success()?;
            return Ok(false);
        }
        let failed = output.fails_with(1)?;
        ensure!(failed.stderr.contains("journal.json"), "no word about what failed: {failed}");
        Ok(true)
    };
    let agent = agent_pid(host)?;
    let mut steps = 0;
    for nth in 1..=ENOUGH {
        if !failed_at(nth, "ovsdp up")? {
            break;
        }
        is_back(&stage, &old, &format!("step {nth} of up failed"))?;
        steps = nth;
    }
    same(&snapshot_anew(host)?, &new, "nothing failed")?;
    for nth in 1..=ENOUGH {
        if !failed_at(nth, "ovsdp down ovsbr0")? {
            break;
        }
        same(&snapshot_anew(host)?, &new, &format!("step {nth} of down failed"))?;
        changed_nothing(&host.run("ovsdp up")?)?;
        steps += 1;
    }
    is_back(&stage, &old, "nothing failed")?;
    ensure!(steps > 20 && agent_pid(host)? == agent, "{steps} steps, or another agent");
    Ok(())
}

/// Runs `ovsdp up` and kills the command as the agent is about to write down its `nth` step; the agent goes on without it, and the next
/// command waits for its turn and finds nothing to do. Says whether there was such a step.
fn command_killed_at(host: &Host, nth: u32) -> anyhow::Result<bool> {
    let gate = host.gate("/run/ovsdp", &JOURNAL, nth, Then::Hold)?;
    let mut up = host.spawn("ovsdp up")?;
    let held = eventually(Duration::from_secs(60), || {
        ensure!(gate.stopped().is_some() || up.poll()?.is_some(), "neither held nor done");
        Ok(gate.stopped().is_some())
    })?;
    if held {
        up.signal(nix::sys::signal::Signal::SIGKILL)?;
        up.wait(Duration::from_secs(10))?;
        gate.open();
        changed_nothing(&host.run("ovsdp up")?)?;
    }
    Ok(held)
}

fn command(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let (old, new) = states(&stage)?;
    for nth in 1..=ENOUGH {
        let when = format!("the command was killed at step {nth}");
        if !command_killed_at(host, nth)? {
            ensure!(nth > 10, "the scene has only {nth} steps");
            return Ok(());
        }
        same(&snapshot_anew(host)?, &new, &when)?;
        host.run("ovsdp down ovsbr0")?;
        is_back(&stage, &old, &when)?;
    }
    anyhow::bail!("the scene has no end")
}

fn command_of_a_bond(world: &mut World) -> anyhow::Result<()> {
    let (host, _peer, old, new) = bonded(world)?;
    for nth in 1..=ENOUGH {
        let when = format!("the command was killed at step {nth}");
        if !command_killed_at(&host, nth)? {
            ensure!(nth > 10, "it has only {nth} steps");
            return Ok(());
        }
        same(&snapshot_anew(&host)?, &new, &when)?;
        host.run("ovsdp down br0")?;
        is_as_before(&host, &old, &when)?;
    }
    anyhow::bail!("it has no end")
}
