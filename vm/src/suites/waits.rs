//! What is waited for before things go on: a port's device, its carrier, and what must come up first.

use std::time::Duration;

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;

use super::stage::{ADDRESS, DIR, SERVER, Stage, addresses, changed_nothing, ifcfg, is_as_before, snapshot};
use crate::guest::{Host, World, eventually};
use crate::peers::Dnsmasq;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("waits::the_device_comes_later", the_device_comes_later),
    Test::new("waits::the_carrier_comes_later", the_carrier_comes_later),
    Test::new("waits::the_time_is_up", the_time_is_up).once().seconds(180),
    Test::new("waits::others_are_answered_meanwhile", others_are_answered_meanwhile),
    Test::new("waits::what_is_required_comes_first", what_is_required_comes_first),
];

/// How long a command may take to notice what it waits for.
const SOON: Duration = Duration::from_secs(20);

fn is_port(host: &Host, name: &str) -> anyhow::Result<bool> {
    Ok(host.try_run(&format!("ip link show dev {name}"))?.stdout.contains("master ovs-system"))
}

/// A port's device that appears while `up` waits for it is attached; one that does not is refused when the time is up.
fn the_device_comes_later(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    ifcfg(&host, "br0", "DEVICE=br0 TYPE=OVSBridge BOOTPROTO=none")?;
    ifcfg(&host, "eth5", "DEVICE=eth5 TYPE=OVSPort OVS_BRIDGE=br0 DEVTIMEOUT=1")?;
    let before = snapshot(&host)?;
    let up = host.try_run("ovsdp up")?.fails_with(4)?;
    ensure!(up.stdout.contains("waiting for the device eth5 (1 s at most)") && up.stderr.contains("there is no such device"), "{up}");
    ensure!(snapshot(&host)? == before, "something was changed");
    let check = host.run("ovsdp check")?;
    ensure!(check.stdout.contains("warning[L49]: eth5, a port of br0"), "{check}");
    for (command, name) in [("ovsdp up", "eth5"), ("ovsdp restart", "eth6")] {
        ifcfg(&host, name, &format!("DEVICE={name} TYPE=OVSPort OVS_BRIDGE=br0 DEVTIMEOUT=60"))?;
        let mut up = host.spawn(command)?;
        up.wait_log(&format!("waiting for the device {name} (60 s at most)"), SOON)?;
        // First under another name, as udev renames devices.
        host.run("ip link add late type dummy")?;
        ensure!(up.poll()?.is_none(), "{command} did not wait for {name}: {}", up.stdout());
        host.run(&format!("ip link set late name {name}"))?;
        let code = up.wait(SOON)?;
        ensure!(code == 0, "{command} ended with {code}: {}{}", up.stdout(), up.stderr());
        ensure!(is_port(&host, name)?, "{name} is not attached");
    }
    changed_nothing(&host.run("ovsdp up")?)
}

/// Nobody is asked for a lease before the link is there.
fn the_carrier_comes_later(world: &mut World) -> anyhow::Result<()> {
    let mut stage = Stage::with_lease(world)?;
    stage.dhclient = None;
    let host = &stage.host;
    host.run("ip addr flush dev eth0 scope global")?;
    host.run(&format!("echo LINKDELAY=60 >>{DIR}/ifcfg-eth0"))?;
    stage.server.run("ip link set p0 down")?;
    let mut up = host.spawn("ovsdp up")?;
    up.wait_log("waiting for carrier on eth0 (60 s at most)", SOON)?;
    ensure!(up.poll()?.is_none() && !up.stdout().contains("asking for a lease"), "it did not wait: {}", up.stdout());
    stage.server.run("ip link set p0 up")?;
    let code = up.wait(Duration::from_secs(60))?;
    ensure!(code == 0, "up ended with {code}: {}{}", up.stdout(), up.stderr());
    ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "ovsbr0")?);
    changed_nothing(&host.run("ovsdp up")?)?;
    // Without carrier things go on when the time is up.
    host.run("ovsdp down ovsbr0")?;
    stage.server.run("ip link set p0 down")?;
    ifcfg(host, "ovsbr0", &format!("DEVICE=ovsbr0 TYPE=OVSBridge IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER} ARPCHECK=no"))?;
    ifcfg(host, "eth0", "DEVICE=eth0 TYPE=OVSPort OVS_BRIDGE=ovsbr0 LINKDELAY=1")?;
    host.run("ovsdp up")?;
    ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "ovsbr0")?);
    Ok(())
}

/// `--timeout` ends a change, and a command that is ended itself does not: exactly the old state, or exactly the new one.
fn the_time_is_up(world: &mut World) -> anyhow::Result<()> {
    let mut stage = Stage::with_lease(world)?;
    let bridge = stage.host.read(&format!("{DIR}/ifcfg-ovsbr0"))?;
    // Nobody answers any longer, and the other port's device does not come.
    stage.dnsmasq = None;
    let host = &stage.host;
    let before = snapshot(host)?;
    let up = host.try_run("ovsdp up --timeout 3")?.fails_with(8)?;
    ensure!(up.stdout.contains("[FAILED]") && up.stderr.contains("the 3 s are up that --timeout gives"), "{up}");
    is_as_before(host, &before, "its time was up while a lease was asked for")?;
    ifcfg(host, "eth5", "DEVICE=eth5 TYPE=OVSPort OVS_BRIDGE=ovsbr0 DEVTIMEOUT=90")?;
    for command in ["up", "restart"] {
        let late = host.try_run(&format!("ovsdp {command} --timeout 1"))?.fails_with(8)?;
        ensure!(late.stderr.contains("eth5 is not there") && late.stderr.contains("nothing was changed"), "{late}");
    }
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut up = host.spawn("ovsdp up")?;
        up.wait_log("waiting for the device eth5", SOON)?;
        // Another one that waits for it has a time of its own.
        let line = host.try_run("ovsdp up --timeout 1")?.fails_with(8)?;
        ensure!(line.stdout.contains("waiting for process") && line.stderr.contains("nothing was changed"), "{line}");
        up.signal(signal)?;
        up.wait(SOON)?;
        // The agent sees that nobody waits any longer, and is free again.
        let next = host.try_run("ovsdp up --timeout 6 eth5")?.fails_with(8)?;
        ensure!(next.stderr.contains("eth5 is not there"), "the agent was not free: {next}");
    }
    is_as_before(host, &before, "nothing was to be changed")?;
    // While a lease is asked for the change goes on without whoever asked for it, and ends in either state.
    host.run(&format!("rm {DIR}/ifcfg-eth5"))?;
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &format!("{bridge}IPV4_DHCP_TIMEOUT=2\n"))?;
    let mut up = host.spawn("ovsdp up")?;
    up.wait_log("asking for a lease", SOON)?;
    up.signal(Signal::SIGINT)?;
    up.wait(SOON)?;
    eventually(Duration::from_secs(60), || {
        ensure!(host.try_run("test -e /run/ovsdp/journal.json")?.code != 0, "the change has not ended");
        Ok(())
    })?;
    is_as_before(host, &before, "no lease came")?;
    let mut up = host.spawn("ovsdp up")?;
    up.wait_log("asking for a lease", SOON)?;
    up.signal(Signal::SIGTERM)?;
    up.wait(SOON)?;
    let options = [format!("--dhcp-option=option:router,{SERVER}"), format!("--dhcp-option=option:dns-server,{SERVER}")];
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &bridge)?;
    stage.dnsmasq = Some(Dnsmasq::start(&stage.server, "lan", &format!("{ADDRESS},{ADDRESS},255.255.255.0,1h"), &[&options[0], &options[1]])?);
    host.run("ovsdp up")?;
    changed_nothing(&host.run("ovsdp up")?)?;
    stage.is_up()
}

/// A change that waits for a device keeps nobody else waiting who only asks, and no lease from being renewed.
fn others_are_answered_meanwhile(world: &mut World) -> anyhow::Result<()> {
    let mut stage = Stage::with_lease(world)?;
    stage.dnsmasq = None;
    let options = ["--dhcp-option=option:router,172.16.3.1", "--dhcp-option=option:T1,6", "--dhcp-option=option:dns-server,172.16.3.1"];
    let dnsmasq = Dnsmasq::start(&stage.server, "lan", "172.16.3.140,172.16.3.140,255.255.255.0,2m", &options)?;
    let host = &stage.host;
    host.run("ip link add m1 type dummy && ip link add m2 type dummy && ip link set m1 up && ip link set m2 up")?;
    let bond = "DEVICE=bond0\nONBOOT=yes\nTYPE=OVSBond\nOVS_BRIDGE=ovsbr0\nBOND_IFACES=\"m1 m2\"\nOVS_OPTIONS=\"bond_mode=active-backup\"\n";
    host.write(&format!("{DIR}/ifcfg-bond0"), bond)?;
    host.run("ovsdp up")?;
    ifcfg(host, "eth5", "DEVICE=eth5 TYPE=OVSPort OVS_BRIDGE=ovsbr0 DEVTIMEOUT=90")?;
    let mut up = host.spawn("ovsdp up")?;
    up.wait_log("waiting for the device eth5", SOON)?;
    for command in ["status", "show", "fdb", "flows", "appctl bond/show", "dpctl show", "stats", "vsctl show"] {
        host.run(&format!("ovsdp {command}"))?;
    }
    // The bond goes on, and so does the lease: the address is good for as long as that is again.
    let active = |member: &str| {
        eventually(SOON, || {
            let shown = host.run("ovsdp appctl bond/show bond0")?.stdout;
            ensure!(shown.lines().any(|line| line.starts_with("active member mac:") && line.ends_with(&format!("({member})"))), "{shown}");
            Ok(())
        })
    };
    host.run("ip link set m1 down")?;
    active("m2")?;
    let acks = || (dnsmasq.process.stderr() + &dnsmasq.process.stdout()).matches("DHCPACK").count();
    let life = || -> anyhow::Result<u64> {
        let told = host.json("ip -j -4 addr show dev ovsbr0")?;
        told[0]["addr_info"][0]["valid_life_time"].as_u64().with_context(|| format!("no lifetime: {told}"))
    };
    let (first, least) = (acks(), std::cell::Cell::new(life()?));
    eventually(Duration::from_secs(60), || {
        let now = life()?;
        let renewed = acks() > first && now > least.get();
        least.set(least.get().min(now));
        ensure!(renewed, "{} acknowledgements, valid for {now} s", acks());
        Ok(())
    })?;
    ensure!(up.poll()?.is_none(), "it did not wait: {}{}", up.stdout(), up.stderr());
    host.run("ip link add eth5 type dummy")?;
    let code = up.wait(SOON)?;
    ensure!(code == 0, "up ended with {code}: {}{}", up.stdout(), up.stderr());
    stage.pings_both_ways()
}

/// `OVSREQUIRES` brings another bridge along, before this one and whatever its `ONBOOT` says; a loop is none.
fn what_is_required_comes_first(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    host.run("ip link add eth1 type dummy && ip link add eth2 type dummy && ip link add eth3 type dummy")?;
    ifcfg(&host, "aaa", "DEVICE=aaa TYPE=OVSBridge OVSREQUIRES=eth2")?;
    ifcfg(&host, "eth1", "DEVICE=eth1 TYPE=OVSPort OVS_BRIDGE=aaa")?;
    ifcfg(&host, "zzz", "DEVICE=zzz TYPE=OVSBridge ONBOOT=no OVSREQUIRES=aaa")?;
    ifcfg(&host, "eth2", "DEVICE=eth2 TYPE=OVSPort OVS_BRIDGE=zzz ONBOOT=no")?;
    ifcfg(&host, "eth3", "DEVICE=eth3 TYPE=OVSPort OVS_BRIDGE=zzz ONBOOT=no")?;
    let up = host.run("ovsdp up aaa")?;
    let at = |text: &str| up.stdout.find(text).with_context(|| format!("no {text}: {up}"));
    ensure!(at("creating bridge zzz")? < at("creating bridge aaa")? && at("attaching eth2 to zzz")? < at("attaching eth1 to aaa")?, "{up}");
    ensure!(is_port(&host, "eth2")? && !is_port(&host, "eth3")?, "eth3 was not required");
    ensure!(up.stderr.contains("waits for") && up.stderr.contains("left open"), "no word about the loop: {up}");
    changed_nothing(&host.run("ovsdp up")?)
}
