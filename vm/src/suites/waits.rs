//! What is waited for before things go on: a port's device, its carrier, and what must come up first.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{ADDRESS, DIR, SERVER, Stage, addresses, changed_nothing, ifcfg, snapshot};
use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("waits::the_device_comes_later", the_device_comes_later),
    Test::new("waits::the_carrier_comes_later", the_carrier_comes_later),
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
