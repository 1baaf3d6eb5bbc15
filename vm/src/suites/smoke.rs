//! Does the guest itself work? Every tool and peer the other suites stand on, without ovsdp.

use std::time::Duration;

use anyhow::ensure;

use crate::guest::{Host, World, eventually};
use crate::peers::{Dhclient, Dnsmasq, OpenVswitch};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("smoke::veth_ping", veth_ping),
    Test::new("smoke::modules_load_on_demand", modules_load_on_demand),
    Test::new("smoke::openvswitch_module", openvswitch_module),
    Test::new("smoke::open_vswitch_switches", open_vswitch_switches).seconds(120),
    Test::new("smoke::dhcp_lease", dhcp_lease),
    Test::new("smoke::hosts_are_apart", hosts_are_apart),
    Test::new("smoke::without_openvswitch", without_openvswitch).fresh_boot_without(&["openvswitch"]),
];

/// Two hosts on a cable reach each other, and the steady ping, the capture and JSON tell so.
fn veth_ping(world: &mut World) -> anyhow::Result<()> {
    let (a, b) = two_hosts(world)?;
    let capture = b.capture("eth0", "icmp")?;
    let pings = a.ping_stream("10.0.0.2", 10)?;
    pings.wait_replies(30, Duration::from_secs(20))?;
    let report = pings.stop()?;
    ensure!(report.sent > 0 && report.lost() == 0, "{report:?}");
    capture.wait_for("10.0.0.1 > 10.0.0.2: ICMP echo request", Duration::from_secs(5))?;
    let packets = capture.stop()?;
    ensure!(packets.len() >= 60, "{} packets captured", packets.len());
    let links = b.json("ip -j addr show dev eth0")?;
    ensure!(links[0]["addr_info"][0]["local"] == "10.0.0.2", "{links}");
    Ok(())
}

/// The kernel calls modprobe by itself for link kinds and generic-netlink families, as on a real host.
fn modules_load_on_demand(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    for link in ["bond0 type bond", "vx0 type vxlan external dstport 4789", "ge0 type geneve external", "gre1 type gretap external"] {
        host.run(&format!("ip link add {link}"))?;
    }
    host.run("ip link add dummy7 type dummy && ip link add link dummy7 name dummy7.5 type vlan id 5")?;
    // Asking for a family nobody registered makes the kernel ask for its module.
    host.run("genl ctrl get name ovs_datapath")?;
    Ok(())
}

/// The kernel's switch takes a datapath and stock ovs-dpctl shows it.
fn openvswitch_module(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    host.run("modprobe openvswitch")?;
    host.run("ovs-dpctl add-dp dp0")?;
    let shown = host.run("ovs-dpctl show")?;
    ensure!(shown.stdout.contains("system@dp0:") && shown.stdout.contains("port 0: dp0 (internal)"), "{shown}");
    // Another network namespace has none of it.
    let other = world.host("other")?;
    let shown = other.run("ovs-dpctl show")?;
    ensure!(!shown.stdout.contains("dp0"), "{shown}");
    Ok(())
}

/// Debian's Open vSwitch joins two hosts: the peer later suites compare with.
fn open_vswitch_switches(world: &mut World) -> anyhow::Result<()> {
    let switch = world.host("switch")?;
    let (a, b) = (world.host("a")?, world.host("b")?);
    world.veth(&a, "eth0", &switch, "p1")?;
    world.veth(&b, "eth0", &switch, "p2")?;
    a.run("ip addr add 10.0.0.1/24 dev eth0")?;
    b.run("ip addr add 10.0.0.2/24 dev eth0")?;
    let ovs = OpenVswitch::start(&switch)?;
    ovs.vsctl("add-br br0 -- add-port br0 p1 -- add-port br0 p2")?;
    a.run("ping -n -c 3 -i 0.1 -w 10 10.0.0.2")?;
    let flows = eventually(Duration::from_secs(5), || {
        let flows = switch.run("ovs-dpctl dump-flows")?;
        ensure!(flows.stdout.contains("recirc_id"), "no flow: {flows}");
        Ok(flows)
    })?;
    ensure!(flows.stdout.contains("actions:"), "{flows}");
    Ok(())
}

/// dnsmasq leases an address, a route and a resolver to dhclient.
fn dhcp_lease(world: &mut World) -> anyhow::Result<()> {
    let (server, client) = (world.host("server")?, world.host("client")?);
    world.veth_with_macs(&server, ("p0", "02:00:00:00:00:01"), &client, ("eth0", "02:00:00:00:00:02"))?;
    server.run("ip addr add 172.16.3.1/24 dev p0")?;
    let range = "172.16.3.140,172.16.3.140,255.255.255.0,1h";
    let options = ["--dhcp-option=option:router,172.16.3.1", "--dhcp-option=option:dns-server,172.16.3.1"];
    let _dnsmasq = Dnsmasq::start(&server, "p0", range, &options)?;
    let _dhclient = Dhclient::start(&client, "eth0")?;
    let addresses = client.run("ip -4 addr show dev eth0")?;
    ensure!(addresses.stdout.contains("172.16.3.140/24"), "{addresses}");
    let routes = client.run("ip route")?;
    ensure!(routes.stdout.contains("default via 172.16.3.1 dev eth0"), "{routes}");
    ensure!(client.read("/etc/resolv.conf")?.contains("nameserver 172.16.3.1"));
    ensure!(server.read("/etc/resolv.conf")?.is_empty(), "the client's resolver leaked into the server");
    client.run("ping -n -c 1 -w 10 172.16.3.1")?;
    Ok(())
}

/// A host has its own name, files, processes, and an ordinary user; what it starts ends with it.
fn hosts_are_apart(world: &mut World) -> anyhow::Result<()> {
    let (a, b) = (world.host("a")?, world.host("b")?);
    a.write("/etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\n")?;
    ensure!(b.read("/etc/sysconfig/network-scripts/ifcfg-eth0").is_err());
    ensure!(a.run("hostname")?.stdout == "a\n");
    ensure!(a.read("/etc/machine-id")? != b.read("/etc/machine-id")?);
    let user = a.try_run_as_user("id -u && ip link add no type dummy")?.fails_with(2)?;
    ensure!(user.stdout == "1000\n", "{user}");
    let mut sleeper = a.spawn("sleep 1000")?;
    ensure!(sleeper.poll()?.is_none() && b.try_run("pidof sleep")?.code == 1);
    drop(a);
    sleeper.wait(Duration::from_secs(10))?;
    Ok(())
}

/// A host whose kernel has no Open vSwitch can be had.
fn without_openvswitch(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    host.try_run("modprobe openvswitch")?.fails_with(1)?;
    ensure!(host.try_run("ovs-dpctl add-dp dp0")?.code != 0);
    Ok(())
}

fn two_hosts(world: &World) -> anyhow::Result<(Host, Host)> {
    let (a, b) = (world.host("a")?, world.host("b")?);
    world.veth(&a, "eth0", &b, "eth0")?;
    a.run("ip addr add 10.0.0.1/24 dev eth0")?;
    b.run("ip addr add 10.0.0.2/24 dev eth0")?;
    Ok((a, b))
}
