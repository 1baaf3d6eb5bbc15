//! What cannot be done is refused with one clear error, the right exit code, and nothing changed.

use anyhow::ensure;

use super::stage::{DIR, Stage, ifcfg, plain_bridge, scene_files, snapshot};
use crate::guest::World;
use crate::peers::OpenVswitch;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("refusals::another_switch", another_switch),
    Test::new("refusals::no_module", no_module).fresh_boot_without(&["openvswitch"]),
    Test::new("refusals::an_ordinary_user", an_ordinary_user),
    Test::new("refusals::files", files),
    Test::new("refusals::devices", devices),
    Test::new("refusals::files_while_the_agent_runs", files_while_the_agent_runs).seconds(60),
];

fn another_switch(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    scene_files(&stage.host)?;
    let ovs = OpenVswitch::start(&stage.host)?;
    ovs.vsctl("add-br br9")?;
    let before = snapshot(&stage.host)?;
    let up = stage.host.try_run("ovsdp up ovsbr0")?.fails_with(7)?;
    ensure!(up.stderr.contains("ovs-vswitchd"), "{up}");
    ensure!(snapshot(&stage.host)? == before && ovs.vsctl("list-br")?.stdout == "br9\n");
    Ok(())
}

fn no_module(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    scene_files(&stage.host)?;
    let before = snapshot(&stage.host)?;
    let up = stage.host.try_run("ovsdp up ovsbr0")?.fails_with(6)?;
    ensure!(up.stderr.contains("openvswitch"), "{up}");
    let flows = stage.host.try_run("ovsdp flows")?.fails_with(6)?;
    ensure!(flows.stderr.contains("openvswitch"), "{flows}");
    ensure!(snapshot(&stage.host)? == before);
    Ok(())
}

fn an_ordinary_user(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    host.run("ip link add p1 type dummy")?;
    ifcfg(&host, "br1", "DEVICE=br1 TYPE=OVSBridge")?;
    // Nobody's agent runs: the user may not start one.
    let up = host.try_run_as_user("ovsdp up br1")?.fails_with(5)?;
    ensure!(up.stderr.contains("root"), "{up}");
    plain_bridge(&host, "br0", &["p1"])?;
    // One runs: the user may not talk to it, but may look.
    let up = host.try_run_as_user("ovsdp up br0")?.fails_with(5)?;
    ensure!(up.stderr.contains("root"), "{up}");
    let (mine, theirs) = (host.try_run_as_user("ovsdp show")?.success()?, host.run("ovsdp show")?);
    ensure!(mine.stdout == theirs.stdout && mine.stdout.contains("Bridge br0"), "{mine}");
    host.try_run_as_user("ovsdp flows")?.success()?;
    host.try_run_as_user("ovsdp plan")?.success()?;
    host.try_run_as_user("ovsdp status br0")?.success()?;
    Ok(())
}

fn files(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    // No folder, and a folder without a file by that name.
    host.try_run("ovsdp up ovsbr0")?.fails_with(4)?;
    scene_files(host)?;
    let up = host.try_run("ovsdp up ovsbr1")?.fails_with(4)?;
    ensure!(up.stderr.contains("ovsbr1") && up.stderr.contains("ovsbr0"), "no suggestion: {up}");
    host.try_run("ovsdp up --dir /nowhere ovsbr0")?.fails_with(4)?;
    host.try_run("ovsdp up --no-such-flag")?.fails_with(2)?;

    // A broken file: located, and nothing is started or changed.
    let good = host.read(&format!("{DIR}/ifcfg-ovsbr0"))?;
    let broken = [
        (good.replace("OVSDHCPINTERFACES=eth0", "OVSDHCPINTERFACES=\"eth0"), "ifcfg-ovsbr0:7:"),
        (good.replace("TYPE=OVSBridge", "TYPE=OVSBrigde"), "OVSBridge"),
        (good.replace("ONBOOT=yes", "ONBOOT=$(reboot)"), "ifcfg-ovsbr0:5:"),
        (good.replace("TYPE=OVSBridge", "TYPE=OVSUserBridge"), "OVSUserBridge"),
        (format!("{good}OVS_EXTRA=\"set bridge ovsbr0 fail_mode=secure\"\n"), "OVS_EXTRA"),
    ];
    for (text, clue) in broken {
        host.write(&format!("{DIR}/ifcfg-ovsbr0"), &text)?;
        let up = host.try_run("ovsdp up")?.fails_with(3)?;
        ensure!(up.stderr.contains(clue) && up.stderr.contains('^') && up.stderr.contains("ifcfg-ovsbr0"), "no {clue} or no caret: {up}");
        host.try_run("ovsdp plan")?.fails_with(3)?;
    }
    ensure!(snapshot(host)? == before, "a refusal changed something");
    ensure!(host.try_run("pidof ovsdp")?.code != 0, "a refusal started an agent");

    // The device of this name is another one than the file means.
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &good)?;
    let port = host.read(&format!("{DIR}/ifcfg-eth0"))?;
    host.write(&format!("{DIR}/ifcfg-eth0"), &format!("{port}HWADDR=52:54:00:99:99:99\n"))?;
    let up = host.try_run("ovsdp up")?.fails_with(3)?;
    ensure!(up.stderr.contains("not 52:54:00:99:99:99 as HWADDR says"), "{up}");
    ensure!(snapshot(host)? == before, "a refusal changed something");
    host.write(&format!("{DIR}/ifcfg-eth0"), &port)?;

    // A misspelt key is a warning with a suggestion, and no obstacle.
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &good.replace("NM_CONTROLLED=no", "NM_CONTROLED=no"))?;
    let plan = host.run("ovsdp plan")?;
    ensure!(plan.stderr.contains("NM_CONTROLLED"), "no suggestion: {plan}");
    Ok(())
}

/// The agent reads them then; what a person is told is the same, and told once.
fn files_while_the_agent_runs(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    host.run("ip link add eth7 type dummy")?;
    let good = "DEVICE=br0 TYPE=OVSBridge BOOTPROTO=none";
    ifcfg(&host, "br0", &format!("{good} NM_CONTROLED=no"))?;
    ifcfg(&host, "eth7", "DEVICE=eth7 TYPE=OVSPort OVS_BRIDGE=br0")?;
    let warning = host.run("ovsdp plan")?.stderr;
    ensure!(warning.contains("NM_CONTROLLED"), "no suggestion: {warning}");
    // The first starts the agent.
    for outcome in ["[  OK  ]", "nothing to do"] {
        let up = host.run("ovsdp up")?;
        ensure!(up.stdout.contains(outcome) && up.stderr == warning, "{up}");
    }
    let show = host.run("ovsdp show")?.stdout;
    ifcfg(&host, "br0", &good.replace("OVSBridge", "OVSBrigde"))?;
    for command in ["up", "up br0", "restart"] {
        let refused = host.try_run(&format!("ovsdp {command}"))?.fails_with(3)?;
        ensure!(refused.stderr.contains("OVSBridge") && refused.stderr.contains('^') && refused.stderr.contains("nothing was changed"), "{refused}");
    }
    ensure!(host.run("ovsdp show")?.stdout == show, "a refusal changed something");
    ifcfg(&host, "br0", good)?;
    host.try_run("ovsdp up br7")?.fails_with(4)?;
    host.try_run("ovsdp up --dir /nowhere")?.fails_with(4)?;
    let empty = host.run("mkdir /tmp/empty && ovsdp up --dir /tmp/empty")?;
    ensure!(empty.stdout.contains("/tmp/empty names no bridge") && empty.stdout.contains("nothing to do"), "{empty}");
    Ok(())
}

fn devices(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    ifcfg(&host, "br0", "DEVICE=br0 TYPE=OVSBridge")?;
    ifcfg(&host, "eth7", "DEVICE=eth7 TYPE=OVSPort OVS_BRIDGE=br0")?;
    let up = host.try_run("ovsdp up")?;
    ensure!(up.code != 0 && up.stderr.contains("eth7"), "{up}");
    ensure!(host.try_run("ip link show dev br0")?.code != 0, "it made half a bridge");
    // A device that is a port of something else already.
    host.run("ip link add eth7 type dummy && ip link add lan type bridge && ip link set eth7 master lan")?;
    let up = host.try_run("ovsdp up")?.fails_with(3)?;
    ensure!(up.stderr.contains("lan"), "{up}");
    ensure!(host.try_run("ip link show dev br0")?.code != 0, "it made half a bridge");
    Ok(())
}
