//! VLANs on the kernel: what the switch decides about tags is taken by it, and done, as other people's 802.1Q devices see it.

use std::time::Duration;

use anyhow::ensure;

use super::stage::{DIR, changed_nothing, file, ifcfg, is_as_before, plain_bridge, snapshot};
use super::switching::star;
use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("vlan::a_trunk_keeps_vlans_apart_and_takes_priority_tags_off", trunks),
    Test::new("vlan::access_and_tunnel_ports_speak_with_tagged_devices", modes),
    Test::new("vlan::tags_follow_a_packet_through_a_patch", through_a_patch),
    Test::new("vlan::a_fake_bridge_is_a_vlan_of_its_parent", fake_bridge),
];

fn answers(from: &Host, to: &str) -> anyhow::Result<()> {
    from.run(&format!("ping -n -c 3 -i 0.2 -w 20 {to}")).map(drop)
}

fn flows(switch: &Host) -> anyhow::Result<String> {
    Ok(switch.run("ovs-dpctl dump-flows ovs-system")?.stdout)
}

fn trunks(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 3)?;
    for (station, vlan, last) in [(&stations[0], 5, 1), (&stations[1], 5, 2), (&stations[2], 6, 3)] {
        station.run(&format!("ip link add link eth0 name v type vlan id {vlan} && ip link set v up && ip addr add 10.5.0.{last}/24 dev v"))?;
    }
    answers(&stations[0], "10.5.0.2")?;
    let apart = stations[0].try_run("ping -n -c 2 -i 0.2 -w 2 10.5.0.3")?;
    ensure!(apart.code != 0, "VLAN 5 reaches VLAN 6: {apart}");

    // A device of VLAN 0 sends tags that only give a priority.
    stations[0].run("ip link add link eth0 name prio type vlan id 0 egress-qos-map 0:3 && ip link set prio up")?;
    stations[0].run("ip addr add 10.6.0.1/24 dev prio && ip neigh add 10.6.0.2 lladdr 00:16:3e:02:00:02 dev prio nud permanent")?;
    let heard = stations[1].capture("eth0", "host 10.6.0.2")?;
    stations[0].try_run("ping -n -c 2 -i 0.2 -w 2 10.6.0.2")?;
    let line = heard.wait_for("10.6.0.2", Duration::from_secs(10))?;
    ensure!(line.contains("ethertype IPv4") && !line.contains("802.1Q"), "the tag is still there: {line}");
    let all = flows(&switch)?;
    ensure!(all.lines().any(|line| line.contains("vlan(vid=0") && line.contains("actions:pop_vlan,")), "{all}");
    Ok(())
}

/// Has ports switch so, as their files ask: bridge, port and options. What is up changes in place, and a second time nothing does.
fn with_options(switch: &Host, ports: &[(&str, &str, &str)]) -> anyhow::Result<()> {
    for (bridge, port, options) in ports {
        file(switch, port, &format!("TYPE=OVSPort\nOVS_BRIDGE={bridge}\nOVS_OPTIONS=\"{options}\"\n"))?;
    }
    let up = switch.run("ovsdp up")?;
    ensure!(!up.stdout.contains("detach"), "a port was taken off for its VLAN: {up}");
    changed_nothing(&switch.run("ovsdp up")?)
}

/// Station 1 sends tags of VLAN 5 to stations 2 and 3, in that VLAN without tags on the same bridge, and to 4 and 5, on the other one
/// with tags and without. One list of actions does it all: what the other bridge does to the tags must not be seen here.
fn through_a_patch(world: &mut World) -> anyhow::Result<()> {
    let (switch, mut stations) = star(world, 3)?;
    for number in [4, 5] {
        let station = world.host(&format!("s{number}"))?;
        world.veth(&switch, &format!("p{number}"), &station, "eth0")?;
        station.run(&format!("ip addr add 10.0.0.{number}/24 dev eth0"))?;
        stations.push(station);
    }
    plain_bridge(&switch, "br1", &["p4", "p5"])?;
    for (name, bridge, peer) in [("a", "br0", "b"), ("b", "br1", "a")] {
        ifcfg(&switch, name, &format!("DEVICE={name} TYPE=OVSPatchPort OVS_BRIDGE={bridge} OVS_PATCH_PEER={peer} ONBOOT=yes"))?;
    }
    switch.run("ovsdp up br0 br1")?;
    with_options(&switch, &[("br0", "p2", "tag=5"), ("br0", "p3", "tag=5"), ("br1", "p5", "tag=5")])?;
    for (number, station) in [(1, &stations[0]), (4, &stations[3])] {
        station.run("ip addr flush dev eth0 && ip link add link eth0 name v type vlan id 5 && ip link set v up")?;
        station.run(&format!("ip addr add 10.0.0.{number}/24 dev v"))?;
    }
    let heard = [&stations[1], &stations[2]].map(|station| station.capture("eth0", "arp"));
    for to in [5, 4, 3, 2] {
        answers(&stations[0], &format!("10.0.0.{to}"))?;
    }
    for heard in heard {
        let line = heard?.wait_for("10.0.0.5", Duration::from_secs(10))?;
        ensure!(line.contains("ethertype ARP") && !line.contains("802.1Q"), "a tag is still there: {line}");
    }
    answers(&stations[4], "10.0.0.2")?;
    answers(&stations[3], "10.0.0.3")?;
    let all = flows(&switch)?;
    ensure!(all.lines().any(|line| line.contains("dst=ff:ff:ff:ff:ff:ff") && line.contains("clone(")), "{all}");
    Ok(())
}

/// Station 1 is a customer behind a tunnel port, station 3 is behind an access port, station 2 sees the tags of both.
fn modes(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 3)?;
    let (customer, tagged, plain) = (&stations[0], &stations[1], &stations[2]);
    let stream = customer.ping_stream("10.0.0.2", 10)?;
    stream.wait_replies(20, Duration::from_secs(20))?;
    with_options(&switch, &[("br0", "p3", "tag=10")])?;
    stream.wait_replies(40, Duration::from_secs(20))?;
    ensure!(stream.stop()?.lost() == 0, "another port's tag lost packets");
    with_options(&switch, &[("br0", "p1", "vlan_mode=dot1q-tunnel tag=100 cvlans=7")])?;

    tagged
        .run("ip addr flush dev eth0 && ip link add link eth0 name v10 type vlan id 10 && ip link set v10 up && ip addr add 10.0.0.2/24 dev v10")?;
    answers(plain, "10.0.0.2")?;
    let all = flows(&switch)?;
    ensure!(all.contains("actions:push_vlan(vid=10,pcp=0),") && all.contains("actions:pop_vlan,"), "{all}");

    customer.run("ip link add link eth0 name c7 type vlan id 7 && ip link set c7 up && ip addr add 10.7.0.1/24 dev c7")?;
    tagged.run("ip link add link eth0 name s100 type vlan proto 802.1ad id 100 && ip link set s100 up")?;
    tagged.run("ip link add link s100 name c7 type vlan id 7 && ip link set c7 up && ip addr add 10.7.0.2/24 dev c7")?;
    answers(customer, "10.7.0.2")?;
    let all = flows(&switch)?;
    ensure!(all.contains("actions:push_vlan(tpid=0x88a8,vid=100,pcp=0),"), "{all}");

    // Another VLAN of the customer's is not let through.
    customer.run("ip link add link eth0 name c8 type vlan id 8 && ip link set c8 up && ip addr add 10.8.0.1/24 dev c8")?;
    let heard = tagged.capture("eth0", "ether src 00:16:3e:02:00:01")?;
    customer.try_run("ping -n -c 2 -i 0.2 -w 2 10.8.0.2")?;
    answers(customer, "10.7.0.2")?;
    heard.wait_for("10.7.0.2", Duration::from_secs(10))?;
    let lines = heard.stop()?;
    ensure!(!lines.iter().any(|line| line.contains("10.8.0.2")), "VLAN 8 came through: {lines:#?}");
    Ok(())
}

/// The fake bridge has an address and a port of its own; beyond the parent's trunk its VLAN has a tag.
fn fake_bridge(world: &mut World) -> anyhow::Result<()> {
    let (switch, stations) = star(world, 2)?;
    let before = snapshot(&switch)?;
    file(&switch, "vlan20", "TYPE=OVSBridge\nOVS_OPTIONS=\"br0 20\"\nBOOTPROTO=none\nIPADDR=10.20.0.9\nPREFIX=24\n")?;
    ifcfg(&switch, "p2", "DEVICE=p2 TYPE=OVSPort OVS_BRIDGE=vlan20 ONBOOT=yes")?;
    switch.run("ovsdp up")?;
    changed_nothing(&switch.run("ovsdp up")?)?;
    stations[0].run("ip link add link eth0 name v type vlan id 20 && ip link set v up && ip addr add 10.20.0.1/24 dev v")?;
    stations[1].run("ip addr add 10.20.0.2/24 dev eth0")?;
    for station in &stations {
        answers(station, "10.20.0.9")?;
    }
    answers(&stations[1], "10.20.0.1")?;
    ensure!(stations[1].try_run("ping -n -c 2 -i 0.2 -w 2 10.0.0.1")?.code != 0, "VLAN 20 reaches the untagged");
    switch.run("ovsdp down vlan20")?;
    ensure!(switch.try_run("ip link show vlan20")?.code != 0, "vlan20 is still there");
    switch.run(&format!("rm {DIR}/ifcfg-vlan20"))?;
    ifcfg(&switch, "p2", "DEVICE=p2 TYPE=OVSPort OVS_BRIDGE=br0 ONBOOT=yes")?;
    switch.run("ovsdp up")?;
    is_as_before(&switch, &before, "without the fake bridge")
}
