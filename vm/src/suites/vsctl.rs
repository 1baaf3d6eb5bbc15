//! The ovs-vsctl dialect on a kernel, through a link named `ovs-vsctl`: libvirt's and LXC's own command lines, lines that fail, agents that
//! are killed in between. `ip`, `ovs-dpctl` and packets are the witnesses.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{ADDRESS, DIR, Stage, agent_pid, changed_nothing, ifcfg, is_as_before, snapshot};
use super::steady::kill_agent;
use crate::guest::{Host, Output, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("vsctl::hypervisors", hypervisors).seconds(180),
    Test::new("vsctl::another_device_by_the_same_line", another_device),
    Test::new("vsctl::whole_or_not_at_all", whole_or_not_at_all).once(),
    Test::new("vsctl::bridges_without_files", bridges_without_files),
];

/// The link it is called through.
const OURS: &str = "/run/ours/ovs-vsctl";

fn link(host: &Host) -> anyhow::Result<()> {
    host.run(&format!("mkdir -p /run/ours && ln -sf /usr/bin/ovsdp {OURS}")).map(drop)
}

fn vsctl(host: &Host, words: &str) -> anyhow::Result<Output> {
    host.run(&format!("{OURS} {words}"))
}

/// The datapath's ports as Open vSwitch's own tool lists them.
fn ports(host: &Host) -> anyhow::Result<String> {
    let shown = host.run("ovs-dpctl show ovs-system")?.stdout;
    // What it counts goes on counting.
    Ok(shown.lines().filter(|line| line.trim_start().starts_with("port ")).map(|line| format!("{line}\n")).collect())
}

/// What libvirt says when a virtual machine starts.
fn start(bridge: &str, tap: &str, mac: &str) -> String {
    format!(
        "--timeout=5 -- --if-exists del-port {tap} -- add-port {bridge} {tap} tag=10 \
         -- set Interface {tap} 'external-ids:attached-mac=\"{mac}\"' -- set Interface {tap} 'external-ids:iface-id=\"5ec0de00\"' \
         -- set Interface {tap} 'external-ids:vm-id=\"web-1\"' -- set Interface {tap} external-ids:iface-status=active"
    )
}

/// The scene's bridge with static addresses, up from its files.
fn scene(world: &World) -> anyhow::Result<Stage> {
    let stage = Stage::with_static_address(world)?;
    ifcfg(&stage.host, "eth0", "DEVICE=eth0 DEVICETYPE=ovs TYPE=OVSPort OVS_BRIDGE=ovsbr0 ONBOOT=yes")?;
    let bridge = format!("DEVICE=ovsbr0 DEVICETYPE=ovs TYPE=OVSBridge IPADDR={ADDRESS} PREFIX=24 GATEWAY={} ONBOOT=yes", super::stage::SERVER);
    ifcfg(&stage.host, "ovsbr0", &bridge)?;
    link(&stage.host)?;
    Ok(stage)
}

fn hypervisors(world: &mut World) -> anyhow::Result<()> {
    let stage = scene(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    host.run("ovsdp up")?;
    let (guests, container, third) = ([world.host("vm0")?, world.host("vm1")?], world.host("lxc")?, world.host("vm2")?);
    for (number, guest) in guests.iter().enumerate() {
        let (here, there) = (format!("fe:54:00:00:00:0{number}"), format!("52:54:00:00:00:0{number}"));
        world.veth_with_macs(host, (&format!("vnet{number}"), &here), guest, ("eth0", &there))?;
        guest.run(&format!("ip addr add 10.7.0.{}/24 dev eth0", number + 1))?;
    }

    // Both machines of libvirt's; LXC's own line for a container in no VLAN.
    for number in 0..2 {
        vsctl(host, &start("ovsbr0", &format!("vnet{number}"), &format!("52:54:00:00:00:0{number}")))?;
    }
    world.veth_with_macs(host, ("veth1000", "fe:00:00:00:00:09"), &container, ("eth0", "52:54:00:00:00:09"))?;
    vsctl(host, "add-port ovsbr0 veth1000")?;
    for port in ["vnet0", "vnet1", "veth1000"] {
        ensure!(host.run(&format!("ip link show dev {port}"))?.stdout.contains("master ovs-system"), "{port} is not in the datapath");
        ensure!(ports(host)?.contains(port), "{}", ports(host)?);
    }
    let reach = |wanted: bool| -> anyhow::Result<()> {
        let ping = guests[0].try_run("ping -n -c 2 -i 0.1 -w 2 10.7.0.2")?;
        ensure!((ping.code == 0) == wanted, "reached: {wanted} was wanted: {ping}");
        Ok(())
    };
    reach(true)?;
    stage.pings_both_ways()?;

    // What libvirt asks.
    let says = |words: &str, wanted: &str| -> anyhow::Result<()> {
        let text = vsctl(host, words)?.stdout;
        ensure!(text == wanted, "{words}: {text:?}, not {wanted:?}");
        Ok(())
    };
    says("--timeout=5 iface-to-br vnet0", "ovsbr0\n")?;
    says("--timeout=5 --if-exists get Interface vnet0 external_ids:vm-id", "web-1\n")?;
    says("--timeout=5 --if-exists get Interface vnet9 external_ids:PortData", "")?;
    says("--data=bare --no-headings --columns=name find Interface external_ids:iface-id=5ec0de00", "vnet0\n\nvnet1\n")?;
    says("get Port vnet0 tag", "10\n")?;
    let number = super::stage::port_number(host, "vnet0")?;
    says("get Interface vnet0 ofport", &format!("{number}\n"))?;
    let statistics = vsctl(host, "--timeout=5 --if-exists --format=list --data=json --no-headings --columns=statistics list Interface vnet0")?;
    ensure!(statistics.stdout.starts_with("[\"map\",[[\"rx_bytes\",") && statistics.stdout.contains("tx_packets"), "{statistics}");
    says("list-ports ovsbr0", "eth0\nveth1000\nvnet0\nvnet1\n")?;
    host.try_run(&format!("{OURS} br-exists ovsbr0"))?.fails_with(0)?;
    host.try_run(&format!("{OURS} br-exists ovsbr9"))?.fails_with(2)?;

    // libvirt's change of a running machine's VLAN, in place.
    vsctl(
        host,
        "--timeout=5 -- --if-exists clear Port vnet1 tag -- --if-exists clear Port vnet1 trunk -- --if-exists clear Port vnet1 vlan_mode -- --if-exists set Port vnet1 tag=11",
    )?;
    reach(false)?;
    vsctl(host, "set Port vnet1 tag=10")?;
    eventually(Duration::from_secs(10), || reach(true))?;

    // Files say nothing of these ports: they stay, whoever answers for them.
    changed_nothing(&host.run("ovsdp up")?)?;
    kill_agent(host)?;
    let _agent = host.spawn("ovsdp agent")?;
    eventually(Duration::from_secs(20), || agent_pid(host))?;
    says("get Port vnet0 tag", "10\n")?;
    says("get Interface vnet1 external_ids:attached-mac", "\"52:54:00:00:00:01\"\n")?;
    reach(true)?;
    changed_nothing(&host.run("ovsdp up")?)?;

    // A machine that ends takes its device along; another starts meanwhile.
    host.run("ip link del vnet1")?;
    changed_nothing(&host.run("ovsdp up")?)?;
    world.veth_with_macs(host, ("vnet2", "fe:54:00:00:00:03"), &third, ("eth0", "52:54:00:00:00:03"))?;
    vsctl(host, &start("ovsbr0", "vnet2", "52:54:00:00:00:03"))?;
    ensure!(vsctl(host, "get Interface vnet1 error")?.stdout.contains("No such device"), "a lost device is not told");
    vsctl(host, "--timeout=5 -- --if-exists del-port vnet1")?;
    vsctl(host, "--timeout=5 -- --if-exists del-port vnet2")?;
    says("list-ports ovsbr0", "eth0\nveth1000\nvnet0\n")?;
    ensure!(!host.run("ip link show dev vnet2")?.stdout.contains("master"), "vnet2 is still in the datapath");

    // Their owners have not let go of the others.
    let down = host.try_run("ovsdp down ovsbr0")?.fails_with(1)?;
    ensure!(down.stderr.contains("vnet0") && down.stderr.contains("veth1000") && down.stderr.contains("--with-foreign-ports"), "{down}");
    vsctl(host, "del-port ovsbr0 veth1000")?;
    host.run("ovsdp down ovsbr0 --with-foreign-ports")?;
    host.run("ip link del vnet0 && ip link del vnet2 && ip link del veth1000")?;
    is_as_before(host, &before, "down did not give back what was")
}

/// A machine that ended without a word starts again: its device is another, the line that attaches it the same as what is remembered.
fn another_device(world: &mut World) -> anyhow::Result<()> {
    let (host, guest) = (world.host("host")?, world.host("vm0")?);
    link(&host)?;
    vsctl(&host, "add-br br0")?;
    let line = start("br0", "vnet0", "52:54:00:00:00:01").replace("--timeout=5", "--timeout=60");
    for round in 0..3 {
        world.veth_with_macs(&host, ("vnet0", "fe:54:00:00:00:01"), &guest, ("eth0", "52:54:00:00:00:01"))?;
        vsctl(&host, &line)?;
        ensure!(host.run("ip link show dev vnet0")?.stdout.contains("master ovs-system"), "round {round}: vnet0 is not in the datapath");
        // The second time nobody sees it go.
        if round == 1 {
            kill_agent(&host)?;
        }
        host.run("ip link del vnet0")?;
    }
    Ok(())
}

fn whole_or_not_at_all(world: &mut World) -> anyhow::Result<()> {
    let stage = scene(world)?;
    let host = &stage.host;
    // Nothing is started for a line that changes nothing, or that is wrong.
    vsctl(host, "--if-exists del-port vnet0 -- --if-exists del-br br9")?;
    host.try_run(&format!("{OURS} del-port vnet0"))?.fails_with(1)?;
    host.try_run(&format!("{OURS} frobnicate"))?.fails_with(1)?;
    ensure!(host.try_run("pidof ovsdp")?.code != 0, "an agent was started for nothing");

    host.run("ovsdp up")?;
    host.run("ip link add p1 type veth peer name p1x && ip link add p2 type veth peer name p2x")?;
    let before = (snapshot(host)?, ports(host)?, vsctl(host, "show")?.stdout);
    for (line, clue) in [
        ("add-port ovsbr0 p1 -- add-port ovsbr0 nowhere0", "nowhere0"),
        ("add-port ovsbr0 p1 tag=5000", "5000"),
        ("add-port ovsbr0 p1 -- set Interface p1 type=dpdk", "dpdk"),
        ("add-br br9 -- add-port br9 p1 -- add-port ovsbr0 p1", "p1"),
        ("add-port ovsbr0 p1 -- set bridge ovsbr0 stp_enable=true", "spanning tree"),
        ("add-port ovsbr0 lo", "lo"),
        ("set Open_vSwitch . db_version=9", "what the switch says"),
        ("wait-until Port p1 -- add-port ovsbr0 p1", "no row"),
        ("add-port ovsbr0 name-of-17-bytes0", "15 bytes"),
    ] {
        let failed = host.try_run(&format!("{OURS} {line}"))?.fails_with(1)?;
        ensure!(failed.stderr.starts_with("ovs-vsctl: ") && failed.stderr.contains(clue), "{line}: no {clue}: {failed}");
        let after = (snapshot(host)?, ports(host)?, vsctl(host, "show")?.stdout);
        ensure!(after.0 == before.0 && after.1 == before.1 && after.2 == before.2, "{line} changed something: {}", after.2);
    }
    vsctl(host, "--dry-run add-port ovsbr0 p1")?;
    ensure!(ports(host)? == before.1, "a dry run attached a port");

    // What has no meaning here is kept, said so, and shown again, by the next agent too.
    let kept = vsctl(host, "-- --id=@q create QoS type=linux-htb -- add-port ovsbr0 p1 qos=@q other_config:colour=blue")?;
    ensure!(kept.stderr.contains("colour=blue") && kept.stderr.contains("has no effect"), "{kept}");
    kill_agent(host)?;
    ensure!(vsctl(host, "get Port p1 other_config")?.stdout == "{colour=blue}\n", "what was only kept is lost");
    ensure!(vsctl(host, "get QoS p1 type")?.stdout == "linux-htb\n", "the row of a port is lost");
    // External ids of what files describe stay beside the files', and rows that belong to no bridge until they are destroyed.
    vsctl(host, "br-set-external-id ovsbr0 mine 1 -- set Interface eth0 external_ids:nic=a -- set Open_vSwitch . external_ids:system-id=x")?;
    vsctl(host, "create QoS type=linux-hfsc -- clear Port p1 qos")?;
    let ids = || -> anyhow::Result<String> {
        let line = "get Bridge ovsbr0 external_ids -- get Interface eth0 external_ids -- get Open_vSwitch . external_ids -- --columns=type list QoS";
        Ok(vsctl(host, line)?.stdout)
    };
    let kept = ids()?;
    ensure!(kept.contains("mine") && kept.contains("{nic=a}") && kept.contains("linux-htb") && kept.contains("linux-hfsc"), "{kept}");
    changed_nothing(&host.run("ovsdp up")?)?;
    kill_agent(host)?;
    host.run("ovsdp up")?;
    ensure!(ids()?.lines().count() == kept.lines().count() && ids()?.contains("{nic=a}") && ids()?.contains("mine"), "{}", ids()?);
    vsctl(host, "-- --all destroy QoS")?;
    ensure!(vsctl(host, "list QoS")?.stdout.is_empty(), "what was destroyed is there");
    // What is waited for comes with another's command.
    let mut waiting = host.spawn(&format!("{OURS} --timeout=60 wait-until Port p1 tag=44 -- set Port p1 external_ids:waited=yes"))?;
    let told = vsctl(host, "-v set Port p1 tag=44")?;
    ensure!(told.stderr.contains("VLANs") && told.stderr.contains(": done"), "{told}");
    ensure!(waiting.wait(Duration::from_secs(60))? == 0, "what was waited for is so: {}", waiting.stderr());
    ensure!(vsctl(host, "get Port p1 external_ids:waited")?.stdout.trim_matches(['"', '\n']) == "yes", "nobody waited");
    vsctl(host, "--retry --timeout=60 clear Port p1 tag")?;
    // A change of a file's port lasts until the files are asked again.
    let changed = vsctl(host, "set Port eth0 tag=7 -- add-port ovsbr0 p2")?;
    ensure!(changed.stderr.contains("tag=7 of Port eth0 lasts until the next `ovsdp up`"), "{changed}");
    ensure!(host.try_run(&format!("ping -n -c 1 -w 2 {}", super::stage::SERVER))?.code != 0, "tag=7 has no effect");
    let up = host.run("ovsdp up")?;
    ensure!(up.stdout.contains("VLANs") && up.stdout.lines().count() == 1, "{up}");
    stage.pings_both_ways()?;
    ensure!(vsctl(host, "list-ports ovsbr0")?.stdout == "eth0\np1\np2\n", "files took away what they do not name");
    // A file that names a port has the say from then on.
    ifcfg(host, "p2", "DEVICE=p2 TYPE=OVSPort OVS_BRIDGE=ovsbr0 ONBOOT=yes")?;
    host.run("ovsdp up")?;
    host.run(&format!("rm {DIR}/ifcfg-p2"))?;
    host.run("ovsdp up")?;
    ensure!(vsctl(host, "list-ports ovsbr0")?.stdout == "eth0\np1\n", "p2 was the files'");
    Ok(())
}

fn bridges_without_files(world: &mut World) -> anyhow::Result<()> {
    let (host, one, two) = (world.host("host")?, world.host("one")?, world.host("two")?);
    world.veth_with_macs(&host, ("p1", "00:16:3e:00:00:01"), &one, ("eth0", "00:16:3e:00:01:01"))?;
    world.veth_with_macs(&host, ("p2", "00:16:3e:00:00:02"), &two, ("eth0", "00:16:3e:00:01:02"))?;
    one.run("ip addr add 10.0.0.1/24 dev eth0")?;
    two.run("ip addr add 10.0.0.2/24 dev eth0")?;
    link(&host)?;
    let before = snapshot(&host)?;
    // The agent comes with the first line that needs it.
    vsctl(
        &host,
        "add-br br0 -- add-br br1 -- add-port br0 p1 -- add-port br1 p2 \
        -- add-port br0 left -- set Interface left type=patch options:peer=right \
        -- add-port br1 right -- set Interface right type=patch options:peer=left -- add-br vlan5 br0 5",
    )?;
    let text = host.run("ovsdp show")?.stdout;
    ensure!(text == vsctl(&host, "show")?.stdout || text.contains("Bridge br1"), "{text}");
    ensure!(vsctl(&host, "list-br")?.stdout == "br0\nbr1\nvlan5\n", "{}", vsctl(&host, "show")?);
    for bridge in ["br0", "br1", "vlan5"] {
        ensure!(ports(&host)?.contains(&format!("{bridge} (internal)")), "{}", ports(&host)?);
    }
    one.run("ping -n -c 2 -i 0.1 -w 5 10.0.0.2").context("through the patch")?;
    vsctl(&host, "del-port left")?;
    ensure!(one.try_run("ping -n -c 1 -w 2 10.0.0.2")?.code != 0, "half a patch carries packets");
    // A port moves to another bridge.
    vsctl(&host, "del-port p2 -- add-port br0 p2")?;
    eventually(Duration::from_secs(10), || one.run("ping -n -c 1 -w 2 10.0.0.2"))?;
    vsctl(&host, "del-br br1 -- del-br br0")?;
    ensure!(vsctl(&host, "list-br")?.stdout.is_empty(), "{}", vsctl(&host, "show")?);
    ensure!(host.try_run("ovs-dpctl show ovs-system")?.code != 0, "the datapath is still there");
    is_as_before(&host, &before, "del-br did not give back what was")
}
