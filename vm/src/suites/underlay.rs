//! Network devices that are no port of any bridge and that bridges need: brought up before them, left alone otherwise.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{DIR, addresses, changed_nothing, ifcfg, is_as_before, snapshot};
use super::steady::kill_agent;
use crate::guest::{Host, World, eventually};
use crate::peers::Dnsmasq;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] =
    &[Test::new("underlay::a_plain_device_carries_a_tunnel", carries_a_tunnel), Test::new("underlay::a_plain_device_has_a_lease", has_a_lease)];

/// The ends of the cable between the hosts.
const CABLE: ((&str, &str), (&str, &str)) = (("eth1", "00:16:3e:01:00:01"), ("eth1", "00:16:3e:02:00:01"));

/// A host whose `eth1` leads to another one, as a reboot leaves it: down and without an address.
fn hosts(world: &World) -> anyhow::Result<(Host, Host)> {
    let (host, far) = (world.host("host")?, world.host("far")?);
    world.veth_with_macs(&host, CABLE.0, &far, CABLE.1)?;
    host.run("ip link set eth1 down && ip link add eth2 type dummy && ip link set lo up")?;
    far.run("ip addr add 192.0.2.2/24 dev eth1")?;
    ifcfg(&host, "lo", "DEVICE=lo IPADDR=127.0.0.1 NETMASK=255.0.0.0 ONBOOT=yes")?;
    ifcfg(&host, "eth2", "DEVICE=eth2 TYPE=Ethernet ONBOOT=yes IPADDR=198.51.100.7 PREFIX=24")?;
    Ok((host, far))
}

fn carries_a_tunnel(world: &mut World) -> anyhow::Result<()> {
    let (host, far) = hosts(world)?;
    far.run("ip link add vx type vxlan id 42 remote 192.0.2.1 dstport 4789 && ip addr add 10.0.0.2/24 dev vx && ip link set vx up")?;
    ifcfg(&host, "aaa", "DEVICE=aaa TYPE=OVSBridge ONBOOT=yes BOOTPROTO=static IPADDR=10.0.0.1 PREFIX=24 ARPCHECK=no")?;
    let tunnel = "DEVICE=vx0\nTYPE=OVSTunnel\nOVS_BRIDGE=aaa\nONBOOT=yes\nOVS_TUNNEL_TYPE=vxlan\n";
    host.write(&format!("{DIR}/ifcfg-vx0"), &format!("{tunnel}OVS_TUNNEL_OPTIONS=\"options:remote_ip=192.0.2.2 options:key=42\"\n"))?;
    ifcfg(&host, "eth1", "DEVICE=eth1 TYPE=Ethernet ONBOOT=yes BOOTPROTO=none IPADDR2=192.0.2.1 PREFIX2=24 MTU=1600")?;
    host.write(&format!("{DIR}/route-eth1"), "203.0.113.0/24 via 192.0.2.2\n")?;
    host.write(&format!("{DIR}/rule-eth1"), "from 192.0.2.1 table main priority 100\n")?;
    far.run("ip link set eth1 mtu 1600")?;
    let before = snapshot(&host)?;

    // One change with `up`: taken back, the device is as it was found.
    host.run("ovsdp up --confirm 3600")?;
    ensure!(addresses(&host, "eth1")? == ["192.0.2.1/24"], "{:?}", addresses(&host, "eth1")?);
    host.run("ovsdp rollback")?;
    is_as_before(&host, &before, "after rollback")?;

    let restart = host.run("ovsdp restart")?;
    let at = |text: &str| restart.stdout.find(text).with_context(|| format!("no {text:?}: {restart}"));
    ensure!(at("eth1 is up")? < at("creating bridge aaa")? && at("creating bridge aaa")? < at("aaa is up")?, "{restart}");
    ensure!(restart.stdout.contains("no bridge needs eth2: left to whoever keeps it"), "{restart}");
    let is_up = || -> anyhow::Result<()> {
        ensure!(addresses(&host, "eth1")? == ["192.0.2.1/24"], "{:?}", addresses(&host, "eth1")?);
        ensure!(host.run("ip link show dev eth1")?.stdout.contains("mtu 1600"));
        ensure!(host.run("ip route")?.stdout.contains("203.0.113.0/24 via 192.0.2.2 dev eth1"));
        ensure!(host.run("ip rule")?.stdout.matches("from 192.0.2.1 lookup main").count() == 1);
        ensure!(addresses(&host, "eth2")?.is_empty() && !host.run("ip link show dev eth2")?.stdout.contains("UP"), "eth2 was touched");
        host.run("ping -n -c 2 -i 0.1 -w 15 10.0.0.2").map(drop)
    };
    is_up()?;
    changed_nothing(&host.run("ovsdp restart")?)?;
    let status = host.run("ovsdp status")?.stdout;
    let own = status.split("\neth1: up, mac").nth(1).with_context(|| format!("no eth1: {status}"))?;
    ensure!(own.contains("address 192.0.2.1/24") && own.contains("no port: here because bridges need it") && !status.contains("eth2"), "{status}");
    let status = host.json("ovsdp status eth1 --json")?;
    ensure!(status["devices"][0]["name"] == "eth1" && status["bridges"] == serde_json::json!([]), "{status}");
    // As after a reboot, with the agent gone as well.
    host.run("ip addr flush dev eth1 && ip link set eth1 down")?;
    kill_agent(&host)?;
    host.run("ovsdp restart")?;
    is_up()?;
    changed_nothing(&host.run("ovsdp up")?)?;
    // Unplugged and plugged in again it becomes what it was, whoever asks.
    host.run("ip link del eth1")?;
    world.veth_with_macs(&host, CABLE.0, &far, CABLE.1)?;
    far.run("ip addr add 192.0.2.2/24 dev eth1 && ip link set eth1 mtu 1600")?;
    eventually(Duration::from_secs(30), is_up)?;
    changed_nothing(&host.run("ovsdp up")?)?;
    // What the file no longer says goes; the bridge may go without the device.
    host.write(&format!("{DIR}/rule-eth1"), "")?;
    host.run("ovsdp restart")?;
    ensure!(!host.run("ip rule")?.stdout.contains("192.0.2.1"), "the rule is still there");
    host.run("ovsdp down aaa")?;
    ensure!(addresses(&host, "eth1")? == ["192.0.2.1/24"], "down took the device along");

    // One that fails does not keep the others down.
    host.run("ip link set eth1 down && ip link set eth1 name gone1")?;
    let failed = host.try_run("ovsdp restart --json")?.fails_with(4)?;
    let lines: Vec<serde_json::Value> = failed.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let results: Vec<_> = lines.iter().filter(|line| line["stage"] == "not_up" || line["stage"] == "up").collect();
    ensure!(results.len() == 2 && results[1]["text"] == "aaa", "{failed}");
    ensure!(results[0]["text"].as_str().is_some_and(|text| text.starts_with("eth1: eth1: there is no such device")), "{failed}");
    ensure!(addresses(&host, "aaa")? == ["10.0.0.1/24"], "{:?}", addresses(&host, "aaa")?);
    Ok(())
}

fn has_a_lease(world: &mut World) -> anyhow::Result<()> {
    let (host, far) = hosts(world)?;
    let dnsmasq = Dnsmasq::start(&far, "eth1", "192.0.2.10,192.0.2.10,255.255.255.0,1h", &["--dhcp-option=option:router,192.0.2.2"])?;
    ifcfg(&host, "br0", "DEVICE=br0 TYPE=OVSBridge ONBOOT=yes BOOTPROTO=none OVSREQUIRES=eth1")?;
    ifcfg(&host, "eth1", "DEVICE=eth1 ONBOOT=no BOOTPROTO=dhcp")?;
    let is_up = || -> anyhow::Result<()> {
        ensure!(addresses(&host, "eth1")? == ["192.0.2.10/24"], "{:?}", addresses(&host, "eth1")?);
        ensure!(host.run("ip route")?.stdout.contains("default via 192.0.2.2 dev eth1"));
        Ok(())
    };
    host.run("ovsdp restart")?;
    is_up()?;
    changed_nothing(&host.run("ovsdp restart")?)?;
    kill_agent(&host)?;
    changed_nothing(&host.run("ovsdp restart")?)?;
    is_up()?;
    // It becomes a port: the bridge goes on with the address.
    ifcfg(&host, "br0", "DEVICE=br0 TYPE=OVSBridge ONBOOT=yes OVSBOOTPROTO=dhcp OVSDHCPINTERFACES=eth1")?;
    ifcfg(&host, "eth1", "DEVICE=eth1 ONBOOT=yes TYPE=OVSPort OVS_BRIDGE=br0")?;
    host.run("ovsdp restart")?;
    ensure!(addresses(&host, "br0")? == ["192.0.2.10/24"] && addresses(&host, "eth1")?.is_empty(), "{:?}", addresses(&host, "br0")?);
    host.run("ping -n -c 2 -i 0.1 -w 15 192.0.2.2")?;
    ensure!(!(dnsmasq.process.stderr() + &dnsmasq.process.stdout()).contains("DHCPRELEASE"), "the lease was given back");
    Ok(())
}
