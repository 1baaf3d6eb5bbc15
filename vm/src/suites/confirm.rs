//! `--confirm`, `ovsdp confirm` and `ovsdp rollback`; who waits for whom; what others attached.

use std::time::Duration;

use anyhow::ensure;

use super::stage::{ADDRESS, DIR, JOURNAL, MAC, SERVER, Stage, addresses, agent_pid, changed_nothing, ifcfg, is_as_before, plain_bridge, snapshot};
use super::steady::kill_agent;
use crate::guest::{Then, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("confirm::a_confirmed_change_stays", confirmed).seconds(180),
    Test::new("confirm::taken_back_at_once", taken_back_at_once).seconds(180),
    Test::new("confirm::a_gateway_that_does_not_answer", a_gateway_that_does_not_answer).seconds(180),
    Test::new("confirm::who_is_to_answer_does_or_does_not", probes).once(),
    Test::new("confirm::a_killed_agents_successor_keeps_the_deadline", successor_keeps_the_deadline).once().seconds(180),
    Test::new("confirm::what_cannot_be_taken_back_is_tried_again", tried_again).once(),
    Test::new("confirm::the_second_command_waits_for_the_first", second_waits),
    Test::new("confirm::down_refuses_while_others_have_ports", down_refuses),
];

fn confirmed(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    ensure!(host.try_run("ovsdp confirm")?.fails_with(4)?.stderr.contains("no change waits"));
    let up = host.run("ovsdp up --confirm 3600")?;
    ensure!(up.stdout.contains("ovsdp confirm"), "{up}");
    stage.is_up()?;
    let status = host.json("ovsdp status --json")?;
    let unconfirmed = &status["agent"]["unconfirmed"];
    ensure!(unconfirmed["seconds"] == 3600 && unconfirmed["by"].as_str().is_some_and(|by| by.contains("up --confirm 3600")), "{status}");
    for other in ["ovsdp up", "ovsdp restart", "ovsdp down ovsbr0"] {
        let refused = host.try_run(other)?.fails_with(1)?;
        ensure!(refused.stderr.contains("(ovsdp up --confirm 3600) waits to be confirmed") && refused.stderr.contains("nothing was changed"));
    }
    stage.is_up()?;
    // Whoever comes after the agent goes on waiting.
    kill_agent(host)?;
    let said = host.run("ovsdp confirm")?;
    ensure!(said.stdout.contains("(ovsdp up --confirm 3600) stays"), "{said}");
    ensure!(host.try_run("test -e /run/ovsdp/journal.json")?.code != 0, "the journal is still there");
    host.try_run("ovsdp confirm")?.fails_with(4)?;
    host.try_run("ovsdp rollback")?.fails_with(4)?;
    changed_nothing(&host.run("ovsdp up --confirm 1")?)?;
    kill_agent(host)?;
    changed_nothing(&host.run("ovsdp up")?)?;
    stage.is_up()
}

fn taken_back_at_once(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    let is_back = |when: &str| -> anyhow::Result<()> {
        is_as_before(host, &before, when)?;
        ensure!(!host.run("cat /proc/$(pidof dhclient)/stat")?.stdout.contains(") T "), "{when}: dhclient was not resumed");
        Ok(())
    };
    host.run("ovsdp restart --confirm 3600")?;
    stage.is_up()?;
    let said = host.run("ovsdp rollback")?;
    ensure!(said.stdout.contains("[UNDONE]"), "{said}");
    is_back("after rollback")?;
    host.run("ovsdp up --confirm 3600")?;
    kill_agent(host)?;
    host.run("ovsdp rollback")?;
    is_back("after a kill and rollback")?;
    stage.pings_both_ways()?;
    // The same once more, of a change of what is up.
    host.run("ovsdp up")?;
    stage.is_up()?;
    let up = snapshot(host)?;
    let file = host.read(&format!("{DIR}/ifcfg-ovsbr0"))?;
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &format!("{file}MTU=1400\nDEFROUTE=no\n"))?;
    host.run("ovsdp up --confirm 3600")?;
    ensure!(!host.run("ip route")?.stdout.contains("default"), "the change is not there");
    host.run("ovsdp rollback")?;
    is_as_before(host, &up, "after the rollback of a change of what is up")
}

/// The files name a gateway that is not there, so nobody can come and confirm. Somebody sets the clock back meanwhile, and a
/// virtual machine starts.
fn a_gateway_that_does_not_answer(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    ifcfg(host, "eth0", "DEVICE=eth0 ONBOOT=yes OVS_BRIDGE=ovsbr0 TYPE=OVSPort")?;
    ifcfg(host, "ovsbr0", "DEVICE=ovsbr0 ONBOOT=yes TYPE=OVSBridge BOOTPROTO=static IPADDR=172.16.3.140 PREFIX=24 GATEWAY=172.16.3.99")?;
    let before = snapshot(host)?;
    // Its time is up when everything else goes back.
    host.run("ip addr add 10.8.0.1 peer 10.8.0.2/32 dev eth0 valid_lft 4 preferred_lft 4")?;
    host.run("ovsdp up --confirm 5")?;
    ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")]);
    host.run("date -s @$(($(date +%s) - 86400))")?;
    host.run("ip link add tap0 type dummy && ovs-dpctl add-if ovs-system tap0")?;
    let back = eventually(Duration::from_secs(60), || {
        ensure!(host.try_run("ip link show dev ovsbr0")?.code != 0, "ovsbr0 is still there");
        Ok(())
    });
    host.run("date -s @$(($(date +%s) + 86400))")?;
    back?;
    ensure!(host.run("ovs-dpctl show ovs-system")?.stdout.contains(": tap0"), "what was attached meanwhile is gone");
    host.run("ovs-dpctl del-dp ovs-system && ip link delete tap0")?;
    is_as_before(host, &before, "not everything went back")?;
    let late = host.try_run("ovsdp confirm")?.fails_with(4)?;
    ensure!(late.stderr.contains("was not confirmed within 5 s and is taken back"), "{late}");
    stage.pings_both_ways()
}

/// `--probe`: the gateway answers, and the change stays; it takes its address away while the change is made, and everything goes back.
fn probes(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let (host, server) = (&stage.host, &stage.server);
    ifcfg(host, "eth0", "DEVICE=eth0 ONBOOT=yes OVS_BRIDGE=ovsbr0 TYPE=OVSPort")?;
    let bridge = format!("DEVICE=ovsbr0 ONBOOT=yes TYPE=OVSBridge BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER}");
    ifcfg(host, "ovsbr0", &format!("{bridge} IPV6ADDR=2001:db8:3::140/64 IPV6_DEFAULTGW=2001:db8:3::1"))?;
    server.run("ip -6 addr add 2001:db8:3::1/64 dev lan nodad")?;
    let before = snapshot(host)?;
    host.run("mkdir -p /run/ovsdp")?;
    for family in ["172.16.3.1/24", "2001:db8:3::1/64"] {
        // Held where the first step is written down: until then it is asked, and answers.
        let gate = host.gate("/run/ovsdp", &JOURNAL, 1, Then::Hold)?;
        let mut up = host.spawn("ovsdp up --probe")?;
        gate.wait(Duration::from_secs(60))?;
        server.run(&format!("ip addr del {family} dev lan"))?;
        gate.open();
        let code = up.wait(Duration::from_secs(60))?;
        let address = family.split('/').next().unwrap_or_default();
        ensure!(code == 1 && up.stderr().contains(&format!("{address} does not answer on ovsbr0")), "{code}: {}{}", up.stdout(), up.stderr());
        ensure!(up.stderr().contains("everything is as it was before") && !up.stderr().contains("did not answer before"), "{}", up.stderr());
        is_as_before(host, &before, "the gateway did not answer")?;
        server.run(&format!("ip addr add {family} dev lan $(case {family} in *:*) echo nodad;; esac)"))?;
    }
    // One that never answers, and one that nobody can ask.
    let silent = host.try_run("ovsdp restart --probe=172.16.3.77")?.fails_with(1)?;
    ensure!(silent.stderr.contains("it did not answer before the change either"), "{silent}");
    let far = host.try_run("ovsdp up --probe=198.51.100.1")?.fails_with(1)?;
    ensure!(far.stderr.contains("198.51.100.1 is in no network of this host"), "{far}");
    host.try_run("ovsdp up --probe=nobody")?.fails_with(2)?;
    is_as_before(host, &before, "nobody answered")?;
    host.run("ovsdp up --probe")?;
    ensure!(host.try_run("test -e /run/ovsdp/journal.json")?.code != 0, "it waits to be confirmed");
    ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")]);
    stage.pings_both_ways()?;
    changed_nothing(&host.run("ovsdp up --probe")?)?;
    // Who answers still has to be confirmed where that was asked for.
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &format!("{}MTU=1400\n", host.read(&format!("{DIR}/ifcfg-ovsbr0"))?))?;
    host.run("ovsdp restart --probe --confirm 3600")?;
    host.run("ovsdp rollback")?;
    ensure!(!host.run("ip link show dev ovsbr0")?.stdout.contains("mtu 1400"), "it was not taken back");
    Ok(())
}

fn successor_keeps_the_deadline(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    let is_back = || {
        eventually(Duration::from_secs(60), || {
            ensure!(host.try_run("ip link show dev ovsbr0")?.code != 0 && host.try_run("test -e /run/ovsdp/journal.json")?.code != 0);
            Ok(())
        })?;
        is_as_before(host, &before, "not everything went back")?;
        anyhow::Ok(())
    };
    // It is killed and there again before the time is up …
    host.run("ovsdp up --confirm 15")?;
    kill_agent(host)?;
    let agent = host.spawn("ovsdp agent")?;
    eventually(Duration::from_secs(20), || agent_pid(host))?;
    is_back()?;
    drop(agent);
    // … and it is not there when the time is up.
    host.run("ovsdp up --confirm 20")?;
    kill_agent(host)?;
    eventually(Duration::from_secs(60), || {
        let journal = host.read("/run/ovsdp/journal.json")?;
        let journal: serde_json::Value = serde_json::from_str(&journal)?;
        let now = host.run("cat /proc/uptime")?.stdout.split('.').next().unwrap_or_default().parse::<u64>()?;
        ensure!(journal["unconfirmed"]["deadline_ms"].as_u64().is_some_and(|at| at < now * 1000), "there is time left");
        Ok(())
    })?;
    let _agent = host.spawn("ovsdp agent")?;
    is_back()?;
    stage.pings_both_ways()
}

/// The port is unplugged when everything is to go back; it gets what it had when it is there again.
fn tried_again(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let (host, server) = (&stage.host, &stage.server);
    ifcfg(host, "eth0", "DEVICE=eth0 ONBOOT=yes OVS_BRIDGE=ovsbr0 TYPE=OVSPort")?;
    ifcfg(host, "ovsbr0", &format!("DEVICE=ovsbr0 ONBOOT=yes TYPE=OVSBridge BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER}"))?;
    for again in ["ovsdp rollback", "ovsdp down ovsbr0"] {
        host.run("ovsdp up --confirm 3600")?;
        host.run("ip link delete eth0")?;
        let stuck = host.try_run("ovsdp rollback")?.fails_with(1)?;
        ensure!(stuck.stdout.contains(&format!("adding {ADDRESS}/24 to eth0")) && stuck.stdout.contains("[STUCK ]"), "{stuck}");
        ensure!(host.try_run("ip link show dev ovsbr0")?.code != 0, "one failure kept the rest from being undone");
        world.veth_with_macs(host, ("eth0", MAC), server, ("p0", "00:16:3e:00:01:01"))?;
        server.run("ip link set p0 master lan")?;
        if again == "ovsdp rollback" {
            host.run(again)?;
        } else {
            // The next change tries it, too, before it begins: so the bridge takes over, and gives back, what the port had.
            host.run("ovsdp up")?;
            host.run(again)?;
        }
        ensure!(addresses(host, "eth0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "eth0")?);
        ensure!(host.run("ip route")?.stdout.contains(&format!("default via {SERVER} dev eth0")));
        ensure!(host.try_run("test -e /run/ovsdp/journal.json")?.code != 0, "the journal is still there");
        stage.pings_both_ways()?;
    }
    Ok(())
}

fn second_waits(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    host.run("mkdir -p /run/ovsdp")?;
    let gate = host.gate("/run/ovsdp", &JOURNAL, 4, Then::Hold)?;
    let mut first = host.spawn("ovsdp up ovsbr0")?;
    gate.wait(Duration::from_secs(60))?;
    let mut second = host.spawn("ovsdp restart")?;
    second.wait_log("waiting for process", Duration::from_secs(60))?;
    ensure!(second.stdout().contains("(ovsdp up ovsbr0), since "), "{}", second.stdout());
    ensure!(second.poll()?.is_none() && first.poll()?.is_none(), "one did not wait");
    gate.open();
    ensure!(first.wait(Duration::from_secs(60))? == 0 && second.wait(Duration::from_secs(60))? == 0);
    ensure!(second.stdout().contains("nothing to do"), "{}", second.stdout());
    stage.is_up()
}

fn down_refuses(world: &mut World) -> anyhow::Result<()> {
    let (switch, other) = (world.host("switch")?, world.host("other")?);
    world.veth_with_macs(&switch, ("p1", "00:16:3e:01:00:01"), &other, ("eth0", "00:16:3e:02:00:01"))?;
    plain_bridge(&switch, "br0", &["p1"])?;
    switch.run("ip link add tap0 type dummy && ovs-dpctl add-if ovs-system tap0")?;
    let before = snapshot(&switch)?;
    let refused = switch.try_run("ovsdp down br0")?.fails_with(1)?;
    ensure!(refused.stderr.contains("tap0") && refused.stderr.contains("--with-foreign-ports"), "{refused}");
    ensure!(snapshot(&switch)? == before, "it changed something");
    switch.run("ip link add br0.100 link br0 type vlan id 100")?;
    let refused = switch.try_run("ovsdp down br0 --with-foreign-ports")?.fails_with(1)?;
    ensure!(refused.stderr.contains("`ip link delete br0.100`") && switch.try_run("ip link show dev br0.100")?.code == 0, "{refused}");
    switch.run("ip link delete br0.100")?;
    switch.run("ovsdp down br0 --with-foreign-ports")?;
    ensure!(switch.try_run("ip link show dev ovs-system")?.code != 0, "the datapath is still there");
    ensure!(!switch.run("ip link show dev tap0")?.stdout.contains("master"), "tap0 is still a port");
    Ok(())
}
