//! The main job: two files in, a bridge that carries the host's address out, and back.

use std::time::Duration;

use anyhow::ensure;

use super::stage::{ADDRESS, DIR, MAC, SERVER, Stage, addresses, changed_nothing, ifcfg, is_as_before, snapshot};
use crate::guest::{Host, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("scene::dhcp", dhcp),
    Test::new("scene::restart", |world| by_other_words(world, "restart")),
    Test::new("scene::up_without_a_name", |world| by_other_words(world, "up")),
    Test::new("scene::lease_in_part", lease_in_part),
    Test::new("scene::static_addresses", static_addresses),
    Test::new("scene::every_route_moves", every_route_moves),
    Test::new("scene::connection_survives", connection_survives),
    Test::new("scene::silent_dhcp_server", silent_dhcp_server).once().seconds(120),
    Test::new("scene::lease_is_released_when_nobody_gets_it_back", lease_is_released),
    Test::new("scene::lease_is_renewed", lease_is_renewed).seconds(150),
];

fn dhcp(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    stage.pings_both_ways()?;
    let before = snapshot(host)?;

    let up = host.run("ovsdp up ovsbr0")?;
    ensure!(up.stdout.contains("[  OK  ]"), "no verdicts: {up}");
    stage.is_up()?;
    let first_show = host.run("ovsdp show")?.stdout;
    // The same server leased the same address, to the bridge this time.
    let log = stage.dnsmasq.as_ref().map(|dnsmasq| dnsmasq.process.stderr() + &dnsmasq.process.stdout()).unwrap_or_default();
    let acks = log.lines().filter(|line| line.contains("DHCPACK") && line.contains(ADDRESS) && line.contains(MAC)).count();
    ensure!(acks >= 2, "{acks} leases in:\n{log}");
    // The client that had it before will not put it back on eth0.
    let state = host.run("cat /proc/$(pidof dhclient)/stat")?;
    ensure!(state.stdout.contains(") T "), "dhclient still runs: {state}");

    changed_nothing(&host.run("ovsdp up ovsbr0")?)?;
    changed_nothing(&host.run("ovsdp up eth0")?)?;
    changed_nothing(&host.run("ovsdp restart")?)?;
    stage.is_up()?;
    ensure!(host.run("ovsdp show")?.stdout == first_show, "the UUID is not stable");

    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    ensure!(host.try_run("ip link show dev ovsbr0")?.code != 0, "ovsbr0 is still there");
    ensure!(!host.run("cat /proc/$(pidof dhclient)/stat")?.stdout.contains(") T "), "dhclient was not resumed");
    stage.pings_both_ways()?;
    changed_nothing(&host.run("ovsdp down ovsbr0")?)?;

    host.run("ovsdp up ovsbr0")?;
    stage.is_up()
}

fn by_other_words(world: &mut World, command: &str) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    stage.host.run(&format!("ovsdp {command}"))?;
    stage.is_up()
}

/// The file has the last word on what is taken of a lease, also when it changes its mind.
fn lease_in_part(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    let file = host.read(&format!("{DIR}/ifcfg-ovsbr0"))?;
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &format!("{file}DEFROUTE=no\nDNS1=192.0.2.53\n"))?;
    host.run("ovsdp up ovsbr0")?;
    ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "ovsbr0")?);
    let routes = host.run("ip route")?;
    ensure!(!routes.stdout.contains("default") && routes.stdout.contains("172.16.3.0/24 dev ovsbr0"), "{routes}");
    let resolver = host.read("/etc/resolv.conf")?;
    let servers: Vec<_> = resolver.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
    ensure!(servers == ["192.0.2.53", SERVER], "{resolver}");
    changed_nothing(&host.run("ovsdp up")?)?;
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &file)?;
    host.run("ovsdp up")?;
    stage.is_up()?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}

fn static_addresses(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    ifcfg(host, "eth0", "DEVICE=eth0 ONBOOT=yes OVS_BRIDGE=ovsbr0 TYPE=OVSPort")?;
    let bridge =
        "DEVICE=ovsbr0 ONBOOT=yes TYPE=OVSBridge BOOTPROTO=static IPADDR=172.16.3.140 NETMASK=255.255.255.0 GATEWAY=172.16.3.1 DNS1=172.16.3.1";
    ifcfg(host, "ovsbr0", bridge)?;
    let before = snapshot(host)?;
    let plan = host.run("ovsdp plan")?;
    ensure!(plan.stdout.contains("ovsbr0") && snapshot(host)? == before, "the plan is empty, or did something: {plan}");
    host.run("ovsdp up")?;
    stage.is_up()?;
    changed_nothing(&host.run("ovsdp up")?)?;
    // In place: another MTU and a second thought about the prefix.
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &host.read(&format!("{DIR}/ifcfg-ovsbr0"))?.replace("NETMASK=255.255.255.0", "PREFIX=25\nMTU=1400"))?;
    // 172.16.3.1 is outside 172.16.3.128/25: the gateway is dropped with a warning, as initscripts dropped it.
    let up = host.run("ovsdp up")?;
    ensure!(up.stderr.contains("GATEWAY"), "no word about the gateway: {up}");
    ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/25")], "{:?}", addresses(host, "ovsbr0")?);
    ensure!(host.run("ip link show dev ovsbr0")?.stdout.contains("mtu 1400"));
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}

/// Routes of every kind somebody set up on the port lead through the bridge afterwards, and all of it goes back.
fn every_route_moves(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    for line in [
        "addr add 172.16.3.141/24 brd + dev eth0 label eth0:one",
        "addr add 10.9.0.1/24 dev eth0 scope link",
        "addr add 10.8.0.1 peer 10.8.0.2/32 dev eth0 valid_lft 3600 preferred_lft 1800",
        "-6 addr add 2001:db8:3::140/64 dev eth0 nodad",
        "route add 10.20.0.0/16 via 172.16.3.1 dev eth0 metric 50",
        "route add 10.20.0.0/16 via 172.16.3.2 dev eth0 metric 60",
        "route add 10.21.0.0/16 dev eth0 scope link",
        "route add 10.22.0.0/16 via 192.0.2.1 dev eth0 onlink",
        "route add 10.23.0.0/16 via 172.16.3.1 dev eth0 src 172.16.3.140 mtu 1300 advmss 1200",
        "route add 172.16.3.0/24 dev eth0 scope link src 172.16.3.140 table 100",
        "route add default via 172.16.3.1 dev eth0 table 100",
        "-6 route add 2001:db8:5::/64 dev eth0 metric 77",
        "-6 route add 2001:db8:6::/64 via 2001:db8:3::1 dev eth0",
        "-6 route add default via fe80::1 dev eth0 metric 200",
        "-6 route add default via 2001:db8:3::1 dev eth0 table 100",
    ] {
        host.run(&format!("ip {line}"))?;
    }
    ifcfg(host, "eth0", "DEVICE=eth0 ONBOOT=yes OVS_BRIDGE=ovsbr0 TYPE=OVSPort")?;
    ifcfg(host, "ovsbr0", "DEVICE=ovsbr0 ONBOOT=yes TYPE=OVSBridge BOOTPROTO=static IPADDR=172.16.3.140 PREFIX=24 GATEWAY=172.16.3.1")?;
    let before = snapshot(host)?;
    let wanted = routes(host, "eth0")?;
    ensure!(wanted.len() == 12, "{wanted:#?}");
    let up = host.run("ovsdp up")?;
    for lost in ["172.16.3.141/24", "10.9.0.1/24", "10.8.0.1/32"] {
        ensure!(up.stdout.contains(&format!("eth0 loses {lost}")), "no word about {lost}: {up}");
    }
    let (left, there) = (routes(host, "eth0")?, routes(host, "ovsbr0")?);
    ensure!(left.is_empty() && there == wanted, "on eth0 {left:#?}\nwanted {wanted:#?}\nthere {there:#?}");
    let v6 = host.run("ip -6 addr show dev ovsbr0 scope global")?;
    ensure!(v6.stdout.contains("inet6 2001:db8:3::140/64") && !v6.stdout.contains("tentative"), "{v6}");
    stage.pings_both_ways()?;
    changed_nothing(&host.run("ovsdp up")?)?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}

/// The routes out of `interface` that somebody asked for, sorted, without the interface, who made them, and what only counts.
fn routes(host: &Host, interface: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for family in ["-4", "-6"] {
        let all = host.json(&format!("ip -j -d {family} route show table all dev {interface}"))?;
        for route in all.as_array().into_iter().flatten() {
            let mut route = route.as_object().cloned().unwrap_or_default();
            let is = |key: &str, text: &str| route.get(key).is_some_and(|value| value == text);
            if is("protocol", "kernel") || is("table", "local") || is("dst", "ff00::/8") {
                continue;
            }
            ["dev", "protocol", "pref", "expires", "cache"].iter().for_each(|key| drop(route.remove(*key)));
            found.push(serde_json::to_string(&route)?);
        }
    }
    found.sort();
    Ok(found)
}

/// An SSH-like connection that is open when the address moves, in both directions of the move.
fn connection_survives(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_lease(world)?;
    let host = &stage.host;
    host.write("/tmp/echo", &format!("rm -f /tmp/pipe; mkfifo /tmp/pipe; exec 3<>/tmp/pipe; nc -l {ADDRESS} 2222 <&3 >/tmp/pipe\n"))?;
    let _echo = host.spawn("sh /tmp/echo")?;
    eventually(Duration::from_secs(10), || {
        ensure!(host.run("ss -Hltn sport = :2222")?.stdout.contains("2222"), "nobody listens");
        Ok(())
    })?;
    stage.server.write("/tmp/talk", &format!("rm -f /tmp/say; mkfifo /tmp/say; exec 3<>/tmp/say; nc {ADDRESS} 2222 <&3\n"))?;
    let talk = stage.server.spawn("sh /tmp/talk")?;
    let say = |word: &str| -> anyhow::Result<()> {
        eventually(Duration::from_secs(10), || stage.server.run("test -p /tmp/say"))?;
        stage.server.run(&format!("echo {word} >/tmp/say"))?;
        eventually(Duration::from_secs(20), || {
            ensure!(talk.stdout().contains(word), "{word} did not come back: {}", talk.stdout());
            Ok(())
        })
    };
    say("before")?;
    host.run("ovsdp up ovsbr0")?;
    say("while-up")?;
    host.run("ovsdp down ovsbr0")?;
    say("after")
}

/// A server that fell silent: up fails with the exit code for time-outs and leaves everything as it was.
fn silent_dhcp_server(world: &mut World) -> anyhow::Result<()> {
    let mut stage = Stage::with_lease(world)?;
    stage.dnsmasq = None;
    let host = stage.host.clone();
    let before = snapshot(&host)?;
    let up = host.try_run("ovsdp up ovsbr0")?.fails_with(8)?;
    ensure!(up.stdout.contains("[FAILED]") && up.stderr.contains("ovsbr0"), "{up}");
    is_as_before(&host, &before, "the rollback is not complete")?;
    ensure!(!host.run("cat /proc/$(pidof dhclient)/stat")?.stdout.contains(") T "), "dhclient was not resumed");
    stage.pings_both_ways()
}

/// A port that had no address gets none back, so the server gets the lease.
fn lease_is_released(world: &mut World) -> anyhow::Result<()> {
    let mut stage = Stage::with_lease(world)?;
    stage.dhclient = None;
    let host = &stage.host;
    host.run("ip addr flush dev eth0 scope global")?;
    host.run("ovsdp up")?;
    ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "ovsbr0")?);
    host.run("ovsdp down ovsbr0")?;
    eventually(Duration::from_secs(10), || {
        let log = stage.dnsmasq.as_ref().map(|dnsmasq| dnsmasq.process.stderr() + &dnsmasq.process.stdout()).unwrap_or_default();
        ensure!(log.contains("DHCPRELEASE"), "no release in:\n{log}");
        Ok(())
    })
}

/// The agent asks again at T1, from the bridge, and the address stays.
fn lease_is_renewed(world: &mut World) -> anyhow::Result<()> {
    let mut stage = Stage::with_lease(world)?;
    stage.dnsmasq = None;
    // dnsmasq's shortest lease is two minutes; option 58 sets the time to renew.
    let options = ["--dhcp-option=option:router,172.16.3.1", "--dhcp-option=option:T1,5", "--dhcp-option=option:dns-server,172.16.3.1"];
    let dnsmasq = crate::peers::Dnsmasq::start(&stage.server, "lan", "172.16.3.140,172.16.3.140,255.255.255.0,2m", &options)?;
    stage.host.run("ovsdp up")?;
    let acks = || (dnsmasq.process.stderr() + &dnsmasq.process.stdout()).matches("DHCPACK").count();
    let first = acks();
    eventually(Duration::from_secs(60), || {
        ensure!(acks() > first, "{} acknowledgements", acks());
        Ok(())
    })?;
    stage.pings_both_ways()?;
    let life = stage.host.json("ip -j -4 addr show dev ovsbr0")?;
    let left = life[0]["addr_info"][0]["valid_life_time"].as_u64().unwrap_or_default();
    ensure!((60..=120).contains(&left), "valid for {left} s: {life}");
    Ok(())
}
