//! Tunnels and patch ports, against the kernel's own tunnel devices and Debian's Open vSwitch on the other host.

use std::time::Duration;

use anyhow::ensure;

use super::stage::{agent_pid, changed_nothing, ifcfg, is_as_before, plain_bridge, snapshot};
use crate::guest::wire::ETHER_TYPE;
use crate::guest::{Host, Wire, World, eventually};
use crate::peers::OpenVswitch;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("tunnel::each_type_reaches_the_kernels_own_device", each_type).seconds(240),
    Test::new("tunnel::many_ports_share_a_device", many_ports_share_a_device),
    Test::new("tunnel::a_flood_by_more_ports_than_a_flow_holds", more_than_a_flow_holds).seconds(240),
    Test::new("tunnel::open_vswitch_is_the_other_end", open_vswitch_is_the_other_end).seconds(180),
    Test::new("tunnel::what_the_outer_header_inherits", inherited),
    Test::new("tunnel::a_device_that_is_there", a_device_that_is_there),
    Test::new("tunnel::no_module", no_module).fresh_boot_without(&["geneve"]),
    Test::new("tunnel::an_agent_that_is_killed", an_agent_that_is_killed),
    Test::new("tunnel::patch_ports_join_bridges", patch_ports_join_bridges),
];

/// A switch host and a far host with a cable between them: 192.0.2.1 and fd00::1 here, 192.0.2.2 and fd00::2 there.
fn underlay(world: &World) -> anyhow::Result<(Host, Host)> {
    let (switch, far) = (world.host("switch")?, world.host("far")?);
    world.veth(&switch, "u0", &far, "u0")?;
    for (host, number) in [(&switch, 1), (&far, 2)] {
        host.run(&format!("ip addr add 192.0.2.{number}/24 dev u0 && ip addr add fd00::{number}/64 dev u0 nodad"))?;
    }
    Ok((switch, far))
}

/// A bridge with an address of its own, on which tunnels are to be.
fn bridge(host: &Host, name: &str, address: &str) -> anyhow::Result<()> {
    ifcfg(host, name, &format!("DEVICE={name} TYPE=OVSBridge ONBOOT=yes BOOTPROTO=static IPADDR={address} PREFIX=24"))
}

fn tunnel_port(host: &Host, name: &str, bridge: &str, kind: &str, options: &[&str]) -> anyhow::Result<()> {
    let options: Vec<String> = options.iter().map(|option| format!("options:{option}")).collect();
    let text = format!(
        "DEVICE={name}\nTYPE=OVSTunnel\nOVS_BRIDGE={bridge}\nONBOOT=yes\nOVS_TUNNEL_TYPE={kind}\nOVS_TUNNEL_OPTIONS=\"{}\"\n",
        options.join(" ")
    );
    host.write(&format!("{}/ifcfg-{name}", super::stage::DIR), &text)
}

fn pings(from: &Host, to: &str) -> anyhow::Result<()> {
    from.run(&format!("ping -n -c 2 -i 0.1 -w 15 {to}")).map(drop)
}

/// One type after the other, in place: our port here, the kernel's own device there.
fn each_type(world: &mut World) -> anyhow::Result<()> {
    let (switch, far) = underlay(world)?;
    let before = snapshot(&switch)?;
    bridge(&switch, "br0", "10.0.0.1")?;
    for (kind, options, device, theirs) in [
        ("vxlan", &["remote_ip=192.0.2.2", "key=42"][..], "vxlan_sys_4789", "vxlan id 42 remote 192.0.2.1 dstport 4789"),
        (
            "vxlan",
            &["remote_ip=192.0.2.2", "local_ip=192.0.2.1", "key=7", "dst_port=8472", "exts=gbp", "csum=true"],
            "vxlan_sys_8472",
            "vxlan id 7 remote 192.0.2.1 dstport 8472 gbp",
        ),
        ("vxlan", &["remote_ip=fd00::2", "key=42"], "vxlan_sys_4789", "vxlan id 42 remote fd00::1 dstport 4789 udp6zerocsumrx"),
        ("geneve", &["remote_ip=192.0.2.2", "key=42"], "genev_sys_6081", "geneve id 42 remote 192.0.2.1"),
        ("geneve", &["remote_ip=fd00::2", "csum=true"], "genev_sys_6081", "geneve id 0 remote fd00::1"),
        ("gre", &["remote_ip=192.0.2.2"], "gre_sys", "gretap remote 192.0.2.1 local 192.0.2.2"),
        (
            "gre",
            &["remote_ip=192.0.2.2", "key=4294967295", "csum=true", "df_default=false"],
            "gre_sys",
            "gretap remote 192.0.2.1 local 192.0.2.2 key 4294967295 icsum",
        ),
        ("ip6gre", &["remote_ip=fd00::2", "key=42"], "ip6gre_sys", "ip6gretap remote fd00::1 local fd00::2 key 42"),
        (
            "erspan",
            &["remote_ip=192.0.2.2", "key=42", "erspan_ver=1", "erspan_idx=5"],
            "erspan_sys",
            "erspan remote 192.0.2.1 local 192.0.2.2 seq key 42 erspan_ver 1 erspan 9",
        ),
        (
            "erspan",
            &["remote_ip=192.0.2.2", "key=42", "erspan_ver=2", "erspan_dir=1", "erspan_hwid=6"],
            "erspan_sys",
            "erspan remote 192.0.2.1 local 192.0.2.2 seq key 42 erspan_ver 2 erspan_dir egress erspan_hwid 4",
        ),
        (
            "ip6erspan",
            &["remote_ip=fd00::2", "key=42", "erspan_ver=1"],
            "ip6erspan_sys",
            "ip6erspan remote fd00::1 local fd00::2 seq key 42 erspan_ver 1 erspan 9",
        ),
    ] {
        tunnel_port(&switch, "t0", "br0", kind, options)?;
        let up = switch.run("ovsdp up")?;
        ensure!(up.stdout.contains("t0"), "nothing said of the port: {up}");
        changed_nothing(&switch.run("ovsdp up")?)?;
        let link = switch.run(&format!("ip -d link show {device}"))?;
        ensure!(link.stdout.contains("mtu 65000") && link.stdout.contains("external") && link.stdout.contains("master ovs-system"), "{link}");
        ensure!(switch.run("ip -d link")?.stdout.matches("external").count() == 1, "devices of types before are left");
        // Always the same address: the switch host's ARP table is none of this test's.
        far.run(&format!("ip link add t0 address 00:16:3e:00:00:02 type {theirs} && ip addr add 10.0.0.2/24 dev t0 && ip link set t0 up"))?;
        pings(&switch, "10.0.0.2")?;
        pings(&far, "10.0.0.1")?;
        let shown = switch.run("ovsdp show")?;
        ensure!(shown.stdout.contains("        Port t0\n            Interface t0\n") && shown.stdout.contains(&format!("type: {kind}\n")), "{shown}");
        let flows = switch.run("ovs-dpctl dump-flows")?;
        ensure!(flows.stdout.contains("set(tunnel(") && flows.stdout.contains(",tunnel("), "no flows with tunnels: {flows}");
        far.run("ip link del t0")?;
    }
    let shown = switch.run("ovsdp show")?;
    ensure!(shown.stdout.contains("options: {erspan_idx=\"0\", erspan_ver=\"1\", key=\"42\", remote_ip=\"fd00::2\"}\n"), "{shown}");
    switch.run("ovsdp down br0")?;
    is_as_before(&switch, &before, "down did not give back what was")?;
    Ok(())
}

/// Two bridges, two ends and three keys on one device: each packet is one port's, or nobody's.
fn many_ports_share_a_device(world: &mut World) -> anyhow::Result<()> {
    let (switch, far) = underlay(world)?;
    for number in [1, 2] {
        bridge(&switch, &format!("br{number}"), &format!("10.{number}.0.1"))?;
        tunnel_port(&switch, &format!("vx{number}"), &format!("br{number}"), "vxlan", &["remote_ip=192.0.2.2", &format!("key={number}")])?;
    }
    switch.run("ovsdp up")?;
    for number in [1, 2, 3] {
        far.run(&format!("ip link add v{number} type vxlan id {number} remote 192.0.2.1 local 192.0.2.2 dstport 4789 noudpcsum"))?;
        far.run(&format!("ip addr add 10.{number}.0.2/24 dev v{number} && ip link set v{number} up"))?;
    }
    pings(&far, "10.1.0.1")?;
    pings(&far, "10.2.0.1")?;
    // What belongs to no port is dropped by a flow that covers nothing else.
    let stranger = far.ping_stream("10.3.0.1", 50)?;
    eventually(Duration::from_secs(20), || {
        let flows = switch.run("ovs-dpctl dump-flows")?;
        let strangers: Vec<_> = flows.stdout.lines().filter(|line| line.contains("tun_id=0x3")).collect();
        ensure!(!strangers.is_empty() && strangers.iter().all(|line| line.ends_with("actions:drop")), "{flows}");
        Ok(())
    })?;
    pings(&far, "10.1.0.1")?;
    drop(stranger);
    let shown = switch.run("ovs-dpctl show")?;
    ensure!(shown.stdout.matches("vxlan_sys_4789").count() == 1, "{shown}");
    // Learned behind the tunnels, by name.
    let fdb = switch.run("ovsdp fdb br1")?;
    ensure!(fdb.stdout.contains("vx1"), "{fdb}");
    // The sender is checked too.
    far.run("ip addr add 192.0.2.9/24 dev u0 && ip link del v1")?;
    far.run("ip link add v1 type vxlan id 1 remote 192.0.2.1 local 192.0.2.9 dstport 4789 && ip addr add 10.1.0.2/24 dev v1 && ip link set v1 up")?;
    ensure!(far.try_run("ping -n -c 2 -i 0.1 -w 2 10.1.0.1")?.code != 0, "a stranger's packets came in");
    // The device stays with its last port.
    switch.run("ovsdp down br2")?;
    switch.run("ip link show vxlan_sys_4789")?;
    switch.run("ovsdp down br1")?;
    ensure!(switch.try_run("ip link show vxlan_sys_4789")?.code != 0, "the device is left");
    Ok(())
}

/// One packet to 1,100 tunnels: their actions are longer than an attribute, and more copies than the kernel queues in one go.
fn more_than_a_flow_holds(world: &mut World) -> anyhow::Result<()> {
    const TUNNELS: usize = 1100;
    let (switch, far) = underlay(world)?;
    switch.run("ip route add 10.9.0.0/16 via 192.0.2.2")?;
    // One device there is the other end of all.
    far.run("ip route add local 10.9.0.0/16 dev lo && ip link add ends type vxlan id 7 dstport 4789 && ip link set ends up")?;
    bridge(&switch, "br0", "10.0.0.1")?;
    for number in 0..TUNNELS {
        let remote = format!("remote_ip=10.9.{}.{}", number / 256, number % 256);
        tunnel_port(&switch, &format!("t{number}"), "br0", "vxlan", &[&remote, "local_ip=192.0.2.1", "key=7"])?;
    }
    switch.run("ovsdp up")?;
    pings(&switch, "192.0.2.2")?;
    let [high, low] = ETHER_TYPE.to_be_bytes();
    let frame = [&[0xff; 6][..], &[0x52, 0x54, 0, 0, 0, 1, high, low], &[0; 46]].concat();
    let (sender, receiver) = (Wire::open(&switch, "br0")?, Wire::open(&far, "ends")?);
    sender.send(&frame)?;
    let mut copies = 0;
    eventually(Duration::from_secs(20), || {
        while receiver.heard()?.is_some() {
            copies += 1;
        }
        ensure!(copies >= TUNNELS, "{copies} of {TUNNELS} copies arrived");
        Ok(())
    })?;
    ensure!(copies == TUNNELS, "{copies} copies arrived, there are {TUNNELS} tunnels");
    let flows = switch.run("ovs-dpctl dump-flows")?;
    ensure!(!flows.stdout.contains("10.9.4.75"), "{flows}");
    Ok(())
}

fn open_vswitch_is_the_other_end(world: &mut World) -> anyhow::Result<()> {
    let (switch, far) = underlay(world)?;
    bridge(&switch, "br0", "10.0.0.1")?;
    let ovs = OpenVswitch::start(&far)?;
    ovs.vsctl("add-br br0")?;
    far.run("ip addr add 10.0.0.2/24 dev br0 && ip link set br0 up")?;
    for (kind, options) in [
        ("vxlan", &["key=42"][..]),
        ("geneve", &["key=42", "csum=true"]),
        ("gre", &["key=42", "tos=inherit", "ttl=inherit"]),
        ("vxlan", &["key=42", "dst_port=4790", "exts=gbp", "tos=0x28"]),
        ("vxlan", &["key=42", "dst_port=4791", "exts=gpe"]),
    ] {
        tunnel_port(&switch, "t0", "br0", kind, &[&["remote_ip=192.0.2.2"], options].concat())?;
        switch.run("ovsdp up")?;
        let theirs: Vec<String> = [&["remote_ip=192.0.2.1"], options].concat().iter().map(|option| format!("options:{option}")).collect();
        ovs.vsctl(&format!("--if-exists del-port t0 -- add-port br0 t0 -- set interface t0 type={kind} {}", theirs.join(" ")))?;
        pings(&switch, "10.0.0.2")?;
        pings(&far, "10.0.0.1")?;
        // Both say the same of it.
        let block = |text: &str| -> Vec<String> {
            let lines = text.lines().skip_while(|line| line.trim() != "Interface t0").take(3);
            lines.map(|line| line.replace("192.0.2.2", "192.0.2.1").trim().to_owned()).collect()
        };
        let (ours, theirs) = (switch.run("ovsdp show")?, ovs.vsctl("show")?);
        let same = kind != "vxlan" || options.len() > 1 || block(&ours.stdout) == block(&theirs.stdout);
        ensure!(same, "{ours}\n{theirs}");
    }
    Ok(())
}

/// Outer fields as `tcpdump` sees them.
fn inherited(world: &mut World) -> anyhow::Result<()> {
    let (switch, far) = underlay(world)?;
    bridge(&switch, "br0", "10.0.0.1")?;
    tunnel_port(&switch, "t0", "br0", "gre", &["remote_ip=192.0.2.2", "tos=inherit", "ttl=inherit"])?;
    switch.run("ovsdp up")?;
    far.run("ip link add t0 type gretap remote 192.0.2.1 local 192.0.2.2 && ip addr add 10.0.0.2/24 dev t0 && ip link set t0 up")?;
    pings(&switch, "10.0.0.2")?;
    let seen = far.capture("u0", "ip proto 47 and src 192.0.2.1 and ip[1] = 0xb8 and ip[8] = 9")?;
    switch.run("ping -n -c 3 -i 0.1 -w 10 -Q 0xb8 -t 9 10.0.0.2")?;
    let seen = seen.stop()?;
    ensure!(seen.len() >= 3, "{seen:#?}");
    // An inner packet that can tell congestion passes its mark out (the kernel's devices do that), one flow for all marks.
    let seen = far.capture("u0", "ip proto 47 and src 192.0.2.1 and ip[1] & 3 = 1")?;
    switch.run("ping -n -c 3 -i 0.1 -w 10 -Q 0x01 10.0.0.2")?;
    ensure!(seen.stop()?.len() >= 3, "the mark was lost");
    let flows = switch.run("ovs-dpctl dump-flows")?;
    ensure!(flows.stdout.contains("ipv4(tos=0xb8/0xfc,ttl=9"), "{flows}");
    // The host's rules know what leaves by the tunnel by its mark, and nothing else has it.
    tunnel_port(&switch, "t0", "br0", "gre", &["remote_ip=192.0.2.2", "egress_pkt_mark=7"])?;
    switch.run("ovsdp up")?;
    pings(&switch, "10.0.0.2")?;
    let flows = switch.run("ovs-dpctl dump-flows")?;
    ensure!(flows.stdout.contains("clone(set(skb_mark(0x7)),set(tunnel(dst=192.0.2.2"), "{flows}");
    switch.run("ip rule add pref 10 fwmark 7 blackhole")?;
    ensure!(switch.try_run("ping -n -c 2 -i 0.1 -w 2 10.0.0.2")?.code != 0, "the tunnel's packets have no mark");
    pings(&switch, "192.0.2.2")?;
    switch.run("ip rule del pref 10")?;
    pings(&switch, "10.0.0.2")?;
    Ok(())
}

/// One as it must be is used and left; any other is refused, and nothing changed.
fn a_device_that_is_there(world: &mut World) -> anyhow::Result<()> {
    let (switch, far) = underlay(world)?;
    bridge(&switch, "br0", "10.0.0.1")?;
    tunnel_port(&switch, "t0", "br0", "vxlan", &["remote_ip=192.0.2.2", "key=42"])?;
    switch.run("ip link add vxlan_sys_4789 type vxlan id 9 remote 192.0.2.9 dstport 4789")?;
    let before = snapshot(&switch)?;
    let up = switch.try_run("ovsdp up")?.fails_with(3)?;
    ensure!(up.stderr.contains("vxlan_sys_4789") && up.stderr.contains("set up otherwise"), "{up}");
    ensure!(snapshot(&switch)? == before, "it changed something");
    let check = switch.try_run("ovsdp check")?;
    ensure!(check.stdout.contains("set up otherwise") || check.stderr.contains("set up otherwise"), "{check}");
    // Under another name it takes the port away: the kernel says so, and all is taken back.
    switch.run("ip link set vxlan_sys_4789 name other && ip link set other up")?;
    let before = snapshot(&switch)?;
    let up = switch.try_run("ovsdp up")?.fails_with(1)?;
    ensure!(up.stderr.contains("vxlan_sys_4789"), "{up}");
    ensure!(snapshot(&switch)? == before, "it left something behind");
    switch.run("ip link del other && ip link add vxlan_sys_4789 type vxlan external dstport 4789 nolearning udp6zerocsumrx")?;
    switch.run("ovsdp up")?;
    far.run("ip link add t0 type vxlan id 42 remote 192.0.2.1 dstport 4789 && ip addr add 10.0.0.2/24 dev t0 && ip link set t0 up")?;
    pings(&far, "10.0.0.1")?;
    switch.run("ovsdp down br0")?;
    let link = switch.run("ip link show vxlan_sys_4789")?;
    ensure!(!link.stdout.contains("master"), "{link}");
    Ok(())
}

fn no_module(world: &mut World) -> anyhow::Result<()> {
    let (switch, _far) = underlay(world)?;
    bridge(&switch, "br0", "10.0.0.1")?;
    tunnel_port(&switch, "t0", "br0", "geneve", &["remote_ip=192.0.2.2"])?;
    let before = snapshot(&switch)?;
    let up = switch.try_run("ovsdp up")?.fails_with(6)?;
    ensure!(up.stderr.contains("genev_sys_6081") && up.stderr.contains("modprobe geneve"), "{up}");
    ensure!(snapshot(&switch)? == before, "it left something behind");
    Ok(())
}

/// Its successor finds devices, ports and flows, and touches none.
fn an_agent_that_is_killed(world: &mut World) -> anyhow::Result<()> {
    let (switch, far) = underlay(world)?;
    bridge(&switch, "br0", "10.0.0.1")?;
    tunnel_port(&switch, "t0", "br0", "vxlan", &["remote_ip=192.0.2.2", "key=42", "tos=inherit"])?;
    switch.run("ovsdp up")?;
    far.run("ip link add t0 address 00:16:3e:00:00:02 type vxlan id 42 remote 192.0.2.1 dstport 4789 && ip addr add 10.0.0.2/24 dev t0 && ip link set t0 up")?;
    pings(&far, "10.0.0.1")?;
    let stream = far.ping_stream("10.0.0.1", 20)?;
    stream.wait_replies(20, Duration::from_secs(20))?;
    let names = || -> anyhow::Result<Vec<String>> {
        let dump = switch.run("ovs-dpctl dump-flows -m")?;
        let mut names: Vec<String> = dump.stdout.lines().filter(|line| line.contains("eth_type(0x0800)")).map(|line| line[..41].to_owned()).collect();
        names.sort();
        Ok(names)
    };
    let before = names()?;
    ensure!(before.len() >= 2, "{before:?}");
    // The table is written down within a second or two of a change.
    eventually(Duration::from_secs(10), || {
        ensure!(switch.read("/run/ovsdp/fdb.json")?.contains("00:16:3e:00:00:02"), "the MAC table is not on file");
        Ok(())
    })?;
    switch.run(&format!("kill -9 {}", agent_pid(&switch)?))?;
    changed_nothing(&switch.run("ovsdp up")?)?;
    eventually(Duration::from_secs(10), || {
        let after = names()?;
        ensure!(before.iter().all(|name| after.contains(name)), "{before:?} became {after:?}");
        Ok(())
    })?;
    stream.wait_replies(60, Duration::from_secs(20))?;
    ensure!(stream.stop()?.lost() == 0, "packets were lost");
    Ok(())
}

fn patch_ports_join_bridges(world: &mut World) -> anyhow::Result<()> {
    let switch = world.host("switch")?;
    let patch = |name: &str, bridge: &str, peer: &str| {
        ifcfg(&switch, name, &format!("DEVICE={name} TYPE=OVSPatchPort OVS_BRIDGE={bridge} OVS_PATCH_PEER={peer} ONBOOT=yes"))
    };
    let mut stations = Vec::new();
    for number in [1, 2] {
        let station = world.host(&format!("s{number}"))?;
        world.veth(&switch, &format!("p{number}"), &station, "eth0")?;
        station.run(&format!("ip addr add 10.0.0.{number}/24 dev eth0"))?;
        plain_bridge(&switch, &format!("br{number}"), &[&format!("p{number}")])?;
        stations.push(station);
    }
    ensure!(stations[0].try_run("ping -n -c 1 -w 1 10.0.0.2")?.code != 0, "the bridges are joined before they are");
    patch("a", "br1", "b")?;
    let up = switch.run("ovsdp up")?;
    ensure!(up.stdout.contains("leads nowhere"), "{up}");
    patch("b", "br2", "a")?;
    let up = switch.run("ovsdp up")?;
    ensure!(!up.stdout.contains("leads nowhere") && up.stdout.contains("+b (patch peer=a)"), "{up}");
    changed_nothing(&switch.run("ovsdp up")?)?;
    // The ping from before is still asking for the neighbour, and takes the next one's packet along when it gives up.
    stations[0].run("ip neigh flush dev eth0")?;
    pings(&stations[0], "10.0.0.2")?;
    pings(&stations[1], "10.0.0.1")?;
    let shown = switch.run("ovsdp show")?;
    ensure!(shown.stdout.contains("            Interface a\n                type: patch\n                options: {peer=b}\n"), "{shown}");
    for (bridge, port) in [("br1", " a "), ("br2", " b ")] {
        let fdb = switch.run(&format!("ovsdp fdb {bridge}"))?;
        ensure!(fdb.stdout.contains(port), "nothing is behind the patch port: {fdb}");
    }
    let trace = switch.run("ovsdp trace br1 'in_port(p1),eth(src=00:16:3e:00:00:01,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806)'")?;
    ensure!(trace.stdout.contains("it comes in by b of br2"), "{trace}");
    switch.run("ovsdp down b")?;
    ensure!(stations[0].try_run("ping -n -c 1 -w 2 10.0.0.2")?.code != 0, "a patch port that is down passes packets");
    switch.run("ovsdp up b")?;
    pings(&stations[0], "10.0.0.2")?;
    switch.run("ovsdp down br1 br2")?;
    Ok(())
}
