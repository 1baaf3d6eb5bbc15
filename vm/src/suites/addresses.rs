//! Addresses beside the neighbours: nobody else's before they are used, announced when they moved, IPv6 by file and by router.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{ADDRESS, DIR, SERVER, STATION, Stage, addresses, changed_nothing, file, ifcfg, is_as_before, snapshot};
use crate::guest::{Host, World, eventually};
use crate::peers::{Dnsmasq, Resolved};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("addresses::announced", announced),
    Test::new("addresses::in_use", in_use),
    Test::new("addresses::search_list", search_list),
    Test::new("addresses::ipv6_by_file", ipv6_by_file),
    Test::new("addresses::ipv6_in_use", ipv6_in_use),
    Test::new("addresses::ipv6_by_router", ipv6_by_router),
    Test::new("addresses::aliases", aliases),
    Test::new("addresses::reach", reach),
    Test::new("addresses::systemd_resolved", systemd_resolved),
];

/// The bridge's MAC where it is not the port's.
const OTHER_MAC: &str = "52:54:00:aa:bb:cc";
const STATION_MAC: &str = "00:16:3e:00:02:02";
const V6: &str = "2001:db8:3::140";

fn bridge_file(host: &Host, more: &str) -> anyhow::Result<()> {
    ifcfg(host, "eth0", "DEVICE=eth0 ONBOOT=yes OVS_BRIDGE=ovsbr0 TYPE=OVSPort")?;
    ifcfg(host, "ovsbr0", &format!("DEVICE=ovsbr0 ONBOOT=yes TYPE=OVSBridge {more}"))
}

/// The global IPv6 addresses of an interface, with prefix lengths, in order of their text.
fn global(host: &Host, interface: &str) -> anyhow::Result<Vec<String>> {
    let links = host.json(&format!("ip -j -6 addr show dev {interface} scope global"))?;
    let empty = Vec::new();
    let list = links.as_array().and_then(|links| links.iter().find_map(|link| link["addr_info"].as_array())).unwrap_or(&empty);
    // ip leaves an empty object where it left something out.
    let text = |address: &serde_json::Value| Some(format!("{}/{}", address["local"].as_str()?, address["prefixlen"]));
    let mut list: Vec<_> = list.iter().filter_map(text).collect();
    list.sort();
    Ok(list)
}

fn setting(host: &Host, interface: &str, name: &str) -> anyhow::Result<String> {
    // Whoever reads it sees its own namespace's.
    Ok(host.run(&format!("cat /proc/sys/net/ipv6/conf/{interface}/{name}"))?.stdout.trim().to_owned())
}

fn neighbour(host: &Host, address: &str) -> anyhow::Result<String> {
    let list = host.json(&format!("ip -j neigh show to {address} dev eth0"))?;
    Ok(list[0]["lladdr"].as_str().with_context(|| format!("{address} is not known: {list}"))?.to_owned())
}

/// A neighbour that knew the host at the port's MAC sends to the bridge's without having asked.
fn announced(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let (host, station) = (&stage.host, &stage.station);
    host.run(&format!("ip addr add {V6}/64 dev eth0 nodad"))?;
    station.run("ip addr add 2001:db8:3::2/64 dev eth0 nodad")?;
    station.run(&format!("ping -n -c 1 -w 10 {ADDRESS}"))?;
    station.run(&format!("ping -n -c 1 -w 10 {V6}"))?;
    let capture = station.capture("eth0", "arp or icmp6")?;
    bridge_file(host, &format!("BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER} MACADDR={OTHER_MAC}"))?;
    host.run("ovsdp up")?;
    capture.wait_for(&format!("Reply {ADDRESS} is-at {OTHER_MAC}"), Duration::from_secs(10))?;
    capture.wait_for(&format!("neighbor advertisement, tgt is {V6}"), Duration::from_secs(10))?;
    for address in [ADDRESS, V6] {
        eventually(Duration::from_secs(10), || {
            let known = neighbour(station, address)?;
            ensure!(known == OTHER_MAC, "{address} is still at {known}");
            Ok(())
        })?;
    }
    // Once more, for whoever missed the first.
    eventually(Duration::from_secs(20), || {
        let lines = capture.lines();
        let own = |line: &&String| line.contains(&format!("{OTHER_MAC} > ff:ff:ff:ff:ff:ff")) && line.contains(ADDRESS);
        ensure!(lines.iter().filter(own).count() >= 2, "not twice: {lines:#?}");
        ensure!(lines.iter().filter(|line| line.contains(&format!("tgt is {V6}"))).count() >= 2, "not twice: {lines:#?}");
        Ok(())
    })?;
    let lines = capture.stop()?;
    ensure!(!lines.iter().any(|line| line.contains("tell 0.0.0.0")), "its own address was asked about: {lines:#?}");
    // Back on the port it is said there.
    let capture = station.capture("eth0", "arp")?;
    host.run("ovsdp down ovsbr0")?;
    capture.wait_for(&format!("Reply {ADDRESS} is-at {}", super::stage::MAC), Duration::from_secs(10))?;
    Ok(())
}

/// An address somebody has is refused with the one who has it, and everything is back.
fn in_use(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    bridge_file(host, &format!("BOOTPROTO=static IPADDR={STATION} PREFIX=24 IPADDR1=172.16.3.9 PREFIX1=24"))?;
    let up = host.try_run("ovsdp up")?.fails_with(1)?;
    ensure!(up.stderr.contains(&format!("{STATION} is in use")) && up.stderr.contains(STATION_MAC), "{up}");
    ensure!(up.stderr.contains("everything is as it was"), "{up}");
    is_as_before(host, &before, "the rollback is not complete")?;
    stage.pings_both_ways()?;
    // A free one is taken, and one that need not be asked about.
    bridge_file(host, &format!("BOOTPROTO=static IPADDR=172.16.3.9 PREFIX=24 IPADDR1={STATION} PREFIX1=24 ARPCHECK1=no"))?;
    let up = host.run("ovsdp up")?;
    ensure!(up.stdout.contains("172.16.3.9 (ovsbr0)") && !up.stdout.contains(&format!("{STATION} (ovsbr0)")), "{up}");
    ensure!(addresses(host, "ovsbr0")? == ["172.16.3.9/24".to_owned(), format!("{STATION}/24")], "{:?}", addresses(host, "ovsbr0")?);
    changed_nothing(&host.run("ovsdp up")?)?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}

/// `DOMAIN` comes first in the resolver's search list, and goes again; another program's file is left alone.
fn search_list(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    host.write("/etc/resolv.conf", &format!("search old.example\noptions timeout:2\nnameserver {SERVER}\n"))?;
    let before = snapshot(host)?;
    let v4 = format!("BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER}");
    for (domain, list) in [("example.org", "example.org old.example"), ("example.net", "example.net old.example")] {
        bridge_file(host, &format!("{v4} DOMAIN={domain}"))?;
        host.run("ovsdp up")?;
        let text = host.read("/etc/resolv.conf")?;
        ensure!(text.lines().any(|line| line == format!("search {list}")), "{text}");
        ensure!(text.contains("options timeout:2") && text.contains(&format!("nameserver {SERVER}")), "{text}");
        changed_nothing(&host.run("ovsdp up")?)?;
    }
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    host.run("mv /etc/resolv.conf /etc/kept && ln -s kept /etc/resolv.conf")?;
    let up = host.run("ovsdp up")?;
    ensure!(up.stdout.contains("/etc/resolv.conf is a link") && up.stdout.contains("example.net"), "{up}");
    ensure!(!host.read("/etc/kept")?.contains("example.net"), "another program's file was written");
    Ok(())
}

fn ipv6_by_file(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let (host, server) = (&stage.host, &stage.server);
    server.run("ip addr add 2001:db8:3::1/64 dev lan nodad && ip addr add fe80::1/64 dev lan nodad")?;
    host.run("ip addr add 2001:db8:3::77/64 dev eth0 nodad")?;
    let before = snapshot(host)?;
    let v4 = format!("BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER}");
    let v6 = format!("IPV6INIT=yes IPV6ADDR={V6} IPV6_DEFAULTGW=fe80::1%ovsbr0 IPV6_AUTOCONF=no IPV6_MTU=1400 IPV6_PRIVACY=rfc3041");
    bridge_file(host, &format!("{v4} {v6} IPV6ADDR_SECONDARIES=2001:db8:9::140/48"))?;
    host.run("ovsdp up")?;
    ensure!(global(host, "ovsbr0")? == [format!("{V6}/64"), "2001:db8:9::140/48".to_owned()], "{:?}", global(host, "ovsbr0")?);
    ensure!(global(host, "eth0")?.is_empty(), "{:?}", global(host, "eth0")?);
    let tentative = host.run("ip -6 addr show dev ovsbr0 scope global tentative")?;
    ensure!(tentative.stdout.trim().is_empty(), "up ended before the addresses could be used: {tentative}");
    let routes = host.json("ip -j -6 route show default")?;
    ensure!(routes[0]["gateway"] == "fe80::1" && routes[0]["dev"] == "ovsbr0", "{routes}");
    for (name, value) in [("accept_ra", "0"), ("autoconf", "0"), ("accept_redirects", "0"), ("mtu", "1400"), ("use_tempaddr", "2")] {
        ensure!(setting(host, "ovsbr0", name)? == value, "{name} is {}", setting(host, "ovsbr0", name)?);
    }
    host.run("ping -n -c 1 -w 10 2001:db8:3::1")?;
    server.run(&format!("ping -n -c 1 -w 10 {V6}"))?;
    changed_nothing(&host.run("ovsdp up")?)?;
    // In place: another second address, and settings nobody asks for any longer.
    bridge_file(host, &format!("{v4} IPV6ADDR={V6}/64 IPV6ADDR_SECONDARIES=2001:db8:9::141/48 MTU=1450"))?;
    host.run("ovsdp up")?;
    ensure!(global(host, "ovsbr0")? == [format!("{V6}/64"), "2001:db8:9::141/48".to_owned()], "{:?}", global(host, "ovsbr0")?);
    ensure!(host.json("ip -j -6 route show default")?.as_array().is_some_and(Vec::is_empty), "the default route stayed");
    let default = setting(host, "default", "accept_ra")?;
    for (name, value) in [("accept_ra", default.as_str()), ("mtu", "1450"), ("use_tempaddr", "0")] {
        ensure!(setting(host, "ovsbr0", name)? == value, "{name} is {}", setting(host, "ovsbr0", name)?);
    }
    changed_nothing(&host.run("ovsdp up")?)?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}

/// Duplicate address detection has the last word.
fn ipv6_in_use(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    stage.station.run(&format!("ip addr add {V6}/64 dev eth0 nodad"))?;
    let before = snapshot(host)?;
    bridge_file(host, &format!("BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER} IPV6ADDR={V6}/64"))?;
    let up = host.try_run("ovsdp up")?.fails_with(1)?;
    ensure!(up.stderr.contains(V6) && up.stderr.contains("dadfailed") && up.stderr.contains("everything is as it was"), "{up}");
    is_as_before(host, &before, "the rollback is not complete")?;
    stage.pings_both_ways()
}

/// What a router advertised to the port goes on on the bridge, and only there.
fn ipv6_by_router(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let (host, server) = (&stage.host, &stage.server);
    server.run("ip addr add 2001:db8:3::1/64 dev lan nodad")?;
    let router = Dnsmasq::advertise(server, "lan", &["2001:db8:3::"])?;
    let made = |interface: &str, prefix: &str| -> anyhow::Result<String> {
        eventually(Duration::from_secs(30), || {
            let found = global(host, interface)?.into_iter().find(|address| address.starts_with(prefix));
            found.with_context(|| format!("{interface} has no address of {prefix}"))
        })
    };
    let address = made("eth0", "2001:db8:3:")?;
    eventually(Duration::from_secs(20), || {
        ensure!(host.run("ip -6 route show default dev eth0")?.stdout.contains("via fe80::"), "no default route");
        Ok(())
    })?;
    bridge_file(host, &format!("BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER}"))?;
    host.run("ovsdp up")?;
    ensure!(global(host, "ovsbr0")? == [address.clone()], "{:?}", global(host, "ovsbr0")?);
    ensure!(global(host, "eth0")?.is_empty(), "{:?}", global(host, "eth0")?);
    let life = host.json("ip -j -6 addr show dev ovsbr0 scope global")?;
    let left = life[0]["addr_info"].as_array().and_then(|list| list.iter().find_map(|one| one["valid_life_time"].as_u64())).unwrap_or_default();
    ensure!((1..=3600).contains(&left), "valid for {left} s: {life}");
    ensure!(host.run("ip -6 route show default")?.stdout.contains("dev ovsbr0"), "the default route did not move");
    host.run("ping -n -c 1 -w 10 2001:db8:3::1")?;
    // Another prefix: the bridge makes an address of it, the port does not.
    drop(router);
    server.run("ip addr add 2001:db8:4::1/64 dev lan nodad")?;
    let router = Dnsmasq::advertise(server, "lan", &["2001:db8:3::", "2001:db8:4::"])?;
    made("ovsbr0", "2001:db8:4:")?;
    ensure!(global(host, "eth0")?.is_empty(), "the port takes addresses from routers: {:?}", global(host, "eth0")?);
    changed_nothing(&host.run("ovsdp up")?)?;
    host.run("ovsdp down ovsbr0")?;
    ensure!(global(host, "eth0")?.contains(&address), "{:?}", global(host, "eth0")?);
    ensure!(host.run("ip -6 route show default")?.stdout.contains("dev eth0"), "the default route did not come back");
    drop(router);
    server.run("ip addr add 2001:db8:5::1/64 dev lan nodad")?;
    let _router = Dnsmasq::advertise(server, "lan", &["2001:db8:3::", "2001:db8:5::"])?;
    made("eth0", "2001:db8:5:")?;
    // The file has the last word: no address from routers, and what they made is not carried over.
    let file = host.read(&format!("{DIR}/ifcfg-ovsbr0"))?;
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &format!("{file}IPV6_AUTOCONF=no\n"))?;
    host.run("ovsdp up")?;
    ensure!(global(host, "ovsbr0")?.is_empty(), "{:?}", global(host, "ovsbr0")?);
    ensure!(setting(host, "ovsbr0", "accept_ra")? == "0", "accept_ra is {}", setting(host, "ovsbr0", "accept_ra")?);
    Ok(())
}

/// Further addresses by files of their own come with their names, go with their files, and leave the lease alone.
fn aliases(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let labels = || -> anyhow::Result<Vec<String>> {
        let links = host.json("ip -j -4 addr show dev ovsbr0")?;
        let all = links[0]["addr_info"].as_array().cloned().unwrap_or_default();
        let mut all: Vec<_> = all
            .iter()
            .map(|one| format!("{} {}/{}", one["label"].as_str().unwrap_or("?"), one["local"].as_str().unwrap_or("?"), one["prefixlen"]))
            .collect();
        all.sort();
        Ok(all)
    };
    let lease = format!("ovsbr0 {ADDRESS}/24");
    ifcfg(host, "ovsbr0:1", "DEVICE=ovsbr0:1 IPADDR=172.16.3.150 PREFIX=24 ONPARENT=yes")?;
    ifcfg(host, "ovsbr0:2", "IPADDR=10.66.0.1 NETMASK=255.255.255.0")?;
    ifcfg(host, "ovsbr0-range0", "IPADDR_START=10.77.0.1 IPADDR_END=10.77.0.3 CLONENUM_START=10 PREFIX=24")?;
    host.run("ovsdp up ovsbr0")?;
    let all = ["ovsbr0:10 10.77.0.1/24", "ovsbr0:11 10.77.0.2/24", "ovsbr0:12 10.77.0.3/24", "ovsbr0:1 172.16.3.150/24", "ovsbr0:2 10.66.0.1/24"];
    let wanted = |names: &[&str]| {
        let mut wanted: Vec<String> = names.iter().map(|name| (*name).to_owned()).chain([lease.clone()]).collect();
        wanted.sort();
        wanted
    };
    ensure!(labels()? == wanted(&all), "{:#?}", labels()?);
    changed_nothing(&host.run("ovsdp up ovsbr0")?)?;
    stage.station.run("ping -n -c 1 -w 10 172.16.3.150")?;
    stage.pings_both_ways()?;
    host.run(&format!("rm {DIR}/ifcfg-ovsbr0-range0"))?;
    ifcfg(host, "ovsbr0:1", "DEVICE=ovsbr0:1 IPADDR=172.16.3.150 PREFIX=24 ONPARENT=no")?;
    host.run("ovsdp up ovsbr0")?;
    ensure!(labels()? == wanted(&all[4..]), "{:#?}", labels()?);
    changed_nothing(&host.run("ovsdp up ovsbr0")?)?;
    stage.pings_both_ways()?;
    host.run("ovsdp down ovsbr0")?;
    ensure!(addresses(host, "eth0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "eth0")?);
    Ok(())
}

/// Scope, peer and broadcast address are as the file says, and change with it.
fn reach(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let (host, station) = (&stage.host, &stage.station);
    let before = snapshot(host)?;
    let shown = || -> anyhow::Result<Vec<String>> {
        let list = host.run("ip -o -4 addr show dev ovsbr0")?.stdout;
        Ok(list
            .lines()
            .map(|line| line.split_whitespace().skip(3).take_while(|word| !word.starts_with("ovsbr0")).collect::<Vec<_>>().join(" "))
            .collect())
    };
    file(host, "eth0", "TYPE=OVSPort\nOVS_BRIDGE=ovsbr0\n")?;
    let more = |lines: &str| {
        let plain = format!("TYPE=OVSBridge\nIPADDR={ADDRESS}\nPREFIX=24\nGATEWAY={SERVER}\n");
        file(host, "ovsbr0", &format!("{plain}{lines}"))
    };
    for (lines, expected) in [
        ("", format!("{ADDRESS}/24 brd 172.16.3.255 scope global")),
        ("SCOPE=\"scope link\"\n", format!("{ADDRESS}/24 brd 172.16.3.255 scope link")),
        ("SCOPE=\"scope link\"\nBROADCAST=172.16.3.0\n", format!("{ADDRESS}/24 brd 172.16.3.0 scope link")),
        ("SCOPE=\"peer 172.16.3.1\"\n", format!("{ADDRESS} peer {SERVER}/32 scope global")),
        ("", format!("{ADDRESS}/24 brd 172.16.3.255 scope global")),
    ] {
        more(lines)?;
        host.run("ovsdp up")?;
        ensure!(shown()? == [expected], "{lines}: {:?}", shown()?);
        changed_nothing(&host.run("ovsdp up")?)?;
        ensure!(host.run("ip route")?.stdout.contains(&format!("default via {SERVER} dev ovsbr0")), "{}", host.run("ip route")?);
        stage.server.run(&format!("ping -n -c 2 -i 0.05 -w 10 {ADDRESS}"))?;
    }
    station.run(&format!("ping -n -c 1 -w 10 {ADDRESS}"))?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}

/// Where systemd-resolved keeps the resolver's file it is told, for the bridge, and forgets what no file asks for any longer. Its own list of
/// servers is the witness.
fn systemd_resolved(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    let _resolved = Resolved::start(host)?;
    let before = snapshot(host)?;
    let v4 = format!("BOOTPROTO=static IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER}");
    let says = |servers: &[&str], search: &str| {
        eventually(Duration::from_secs(10), || {
            let text = host.read("/run/systemd/resolve/resolv.conf")?;
            let list: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
            ensure!(list == servers, "{text}");
            ensure!(text.lines().any(|line| line == format!("search {search}")) || search == ".", "{text}");
            Ok(())
        })
    };
    says(&[], ".")?;
    for (more, servers, search) in [
        (format!("DNS1={SERVER} DOMAIN=example.org"), vec![SERVER], "example.org"),
        (format!("DNS1={STATION} DNS2={SERVER}"), vec![STATION, SERVER], "."),
        (String::new(), Vec::new(), "."),
        (format!("DNS1={SERVER}"), vec![SERVER], "."),
    ] {
        bridge_file(host, &format!("{v4} {more}"))?;
        let up = host.run("ovsdp up")?;
        ensure!(!up.stdout.contains("/etc/resolv.conf"), "{up}");
        says(&servers, search)?;
        changed_nothing(&host.run("ovsdp up")?)?;
    }
    ensure!(host.run("readlink /etc/resolv.conf")?.stdout.trim() == "../run/systemd/resolve/stub-resolv.conf", "the link was replaced");
    host.run("ovsdp down ovsbr0")?;
    says(&[], ".")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}
