//! Routes as the files ask for them: beside `ip`, in place, again without a change, and gone with the bridge.

use anyhow::{Context, ensure};

use super::stage::{ADDRESS, DIR, SERVER, Stage, agent_pid, changed_nothing, ifcfg, is_as_before, snapshot};
use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("routes::metric_and_source_in_place", metric_and_source_in_place),
    Test::new("routes::a_gateway_over_the_link", a_gateway_over_the_link),
    Test::new("routes::written_down", written_down),
    Test::new("routes::refused_by_the_kernel", refused_by_the_kernel),
    Test::new("routes::rules", rules),
];

/// Another address of the host in the LAN's network.
const SECOND: &str = "172.16.3.141";

/// The one default route's metric and preferred source.
fn default(host: &Host) -> anyhow::Result<(Option<u64>, Option<String>)> {
    let routes = host.json("ip -j route show default")?;
    let [route] = routes.as_array().map(Vec::as_slice).unwrap_or_default() else { anyhow::bail!("not one default route: {routes}") };
    ensure!(route["gateway"] == SERVER && route["dev"] == "ovsbr0", "{route}");
    Ok((route["metric"].as_u64(), route["prefsrc"].as_str().map(str::to_owned)))
}

fn metric_and_source_in_place(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    ifcfg(host, "eth0", "DEVICE=eth0 TYPE=OVSPort OVS_BRIDGE=ovsbr0")?;
    let bridge = format!("DEVICE=ovsbr0 TYPE=OVSBridge IPADDR={ADDRESS} PREFIX=24 IPADDR1={SECOND} PREFIX1=24 GATEWAY={SERVER}");
    let second = format!("SRCADDR={SECOND}");
    for (more, wanted) in [
        (format!("METRIC=50 {second}"), (Some(50), Some(SECOND.to_owned()))),
        (second, (None, Some(SECOND.to_owned()))),
        ("METRIC=60".to_owned(), (Some(60), None)),
        (String::new(), (None, None)),
    ] {
        ifcfg(host, "ovsbr0", &format!("{bridge} {more}"))?;
        host.run("ovsdp up ovsbr0").context(more.clone())?;
        ensure!(default(host)? == wanted, "{more}: {:?}", default(host)?);
        changed_nothing(&host.run("ovsdp up ovsbr0")?)?;
        // The kernel's own choice of a source follows.
        let chosen = host.json("ip -j route get 198.51.100.1")?;
        ensure!(chosen[0]["prefsrc"] == wanted.1.as_deref().unwrap_or(ADDRESS), "{more}: {chosen}");
    }
    // Into a table of its own, and back.
    host.write(&format!("{DIR}/route-ovsbr0"), "198.51.100.0/24 via 172.16.3.2\n10.9.0.0/16 via 172.16.3.3 table main\n")?;
    host.write(&format!("{DIR}/rule-ovsbr0"), &format!("from {SECOND} table 100 priority 1000\n"))?;
    ifcfg(host, "ovsbr0", &format!("{bridge} METRIC=60 IPV4_ROUTE_TABLE=100"))?;
    host.run("ovsdp up ovsbr0")?;
    let own = host.run("ip route show table 100")?.stdout;
    let wanted = format!("default via {SERVER} dev ovsbr0 proto static metric 60");
    ensure!(own.lines().any(|line| line.trim() == wanted) && own.contains("198.51.100.0/24 via 172.16.3.2") && !own.contains("10.9."), "{own}");
    let main = host.run("ip route show")?.stdout;
    ensure!(main.contains("10.9.0.0/16") && !main.contains("198.51.100.0/24") && !main.contains("metric 60"), "{main}");
    let chosen = host.json(&format!("ip -j route get 198.51.100.1 from {SECOND}"))?;
    ensure!(chosen[0]["gateway"] == "172.16.3.2", "{chosen}");
    changed_nothing(&host.run("ovsdp up ovsbr0")?)?;
    host.run(&format!("rm {DIR}/route-ovsbr0 {DIR}/rule-ovsbr0"))?;
    ifcfg(host, "ovsbr0", &bridge)?;
    host.run("ovsdp up ovsbr0")?;
    ensure!(default(host)? == (None, None) && host.try_run("ip route show table 100")?.stdout.is_empty(), "something is left of the table");
    stage.pings_both_ways()?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}

/// A host address alone (/32) beside a gateway that no network of its own holds, as clouds give it.
fn a_gateway_over_the_link(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    ifcfg(host, "eth0", "DEVICE=eth0 TYPE=OVSPort OVS_BRIDGE=ovsbr0")?;
    ifcfg(host, "ovsbr0", &format!("DEVICE=ovsbr0 TYPE=OVSBridge IPADDR={ADDRESS} PREFIX=32 GATEWAY={SERVER} METRIC=7"))?;
    let up = host.run("ovsdp up ovsbr0")?;
    ensure!(up.stderr.contains("over the link"), "no word about the gateway: {up}");
    ensure!(default(host)? == (Some(7), None), "{:?}", default(host)?);
    let to_gateway = host.json(&format!("ip -j route show {SERVER}/32"))?;
    ensure!(to_gateway[0]["dev"] == "ovsbr0" && to_gateway[0]["scope"] == "link", "{to_gateway}");
    host.run(&format!("ping -n -c 2 -i 0.05 -w 10 {SERVER}"))?;
    changed_nothing(&host.run("ovsdp up ovsbr0")?)?;
    host.run(&format!("rm {DIR}/ifcfg-ovsbr0"))?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}

/// The routes that no kernel made, as `ip` tells them, sorted.
fn told(host: &Host) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for family in ["-4", "-6"] {
        let shown = host.run(&format!("ip {family} route show table all"))?;
        let own = |line: &&str| !line.contains("proto kernel") && !line.starts_with("multicast") && !line.starts_with("anycast");
        lines.extend(shown.stdout.lines().filter(own).map(|line| line.trim().trim_end_matches(" pref medium").to_owned()));
    }
    lines.sort();
    Ok(lines)
}

/// Brings the bridge up with these route files, twice, and fails unless the host has exactly `wanted`.
fn comes_to(host: &Host, v4: &str, v6: &str, wanted: &[&str]) -> anyhow::Result<()> {
    host.write(&format!("{DIR}/route-ovsbr0"), v4)?;
    host.write(&format!("{DIR}/route6-ovsbr0"), v6)?;
    host.run("ovsdp up ovsbr0")?;
    let there = told(host)?;
    ensure!(there == wanted, "the files\n{v4}{v6}came to {there:#?}");
    changed_nothing(&host.run("ovsdp up ovsbr0")?)
}

/// Routes of every kind come, change in place, go with their lines, and leave what others made.
fn written_down(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    host.run("ip route add blackhole 203.0.113.0/24 && ip route add 198.18.0.0/15 via 172.16.3.1 dev eth0 mtu 1400")?;
    host.run("ip route add 10.88.0.0/16 nexthop via 172.16.3.1 dev eth0 weight 1 nexthop via 172.16.3.2 dev eth0 weight 7")?;
    let before = snapshot(host)?;
    host.write("/etc/iproute2/rt_tables.d/isp.conf", "100 isp\n")?;
    ifcfg(host, "eth0", "DEVICE=eth0 TYPE=OVSPort OVS_BRIDGE=ovsbr0")?;
    let addresses = format!("IPADDR={ADDRESS} PREFIX=24 IPADDR1={SECOND} PREFIX1=24 IPV6ADDR=2001:db8:3::140/64");
    ifcfg(host, "ovsbr0", &format!("DEVICE=ovsbr0 TYPE=OVSBridge {addresses} GATEWAY={SERVER}"))?;
    let v4 = "# all sorts\n10.2.0.0/16 via 10.1.0.1\n10.1.0.0/24 dev ovsbr0\n10.3.0.0/16 via 172.16.3.1 table isp src 172.16.3.141 metric 5\n\
              10.4.0.0/16 via 172.16.3.1 mtu lock 1300 advmss 1200 initcwnd 20\n10.5.0.0/16 via 192.0.2.1 onlink proto bird\n\
              blackhole 10.0.0.0/8\nunreachable 10.6.0.0/16 metric 9\nlocal 10.7.0.1\nthrow 10.8.0.0/16 table 100\n10.9.0.0/16 scope global tos 0x10\n\
              10.10.0.0/16 nexthop via 172.16.3.1 weight 3 nexthop via 172.16.3.3 dev ovsbr0\n";
    let v6 = "2001:db8:4::/48 via 2001:db8:3::1 mtu 1400\n2001:db8:5::/48 via fe80::1\nunreachable 2001:db8::/32\ndefault via 2001:db8:9::1 onlink\n";
    let moved = "198.18.0.0/15 via 172.16.3.1 dev ovsbr0 mtu 1400";
    let foreign = "blackhole 203.0.113.0/24";
    let default = "default via 172.16.3.1 dev ovsbr0 proto static";
    comes_to(
        host,
        v4,
        v6,
        &[
            "10.1.0.0/24 dev ovsbr0 proto static scope link",
            "10.10.0.0/16 proto static",
            "10.2.0.0/16 via 10.1.0.1 dev ovsbr0 proto static",
            "10.3.0.0/16 via 172.16.3.1 dev ovsbr0 table isp proto static src 172.16.3.141 metric 5",
            "10.4.0.0/16 via 172.16.3.1 dev ovsbr0 proto static mtu lock 1300 advmss 1200 initcwnd 20",
            "10.5.0.0/16 via 192.0.2.1 dev ovsbr0 proto bird onlink",
            "10.88.0.0/16",
            "10.9.0.0/16 tos 0x10 dev ovsbr0 proto static",
            moved,
            "2001:db8:4::/48 via 2001:db8:3::1 dev ovsbr0 proto static metric 1024 mtu 1400",
            "2001:db8:5::/48 via fe80::1 dev ovsbr0 proto static metric 1024",
            "blackhole 10.0.0.0/8 proto static",
            foreign,
            default,
            "default via 2001:db8:9::1 dev ovsbr0 proto static metric 1024 onlink",
            "local 10.7.0.1 dev ovsbr0 table local proto static scope host",
            "nexthop via 172.16.3.1 dev ovsbr0 weight 1",
            "nexthop via 172.16.3.1 dev ovsbr0 weight 3",
            "nexthop via 172.16.3.2 dev ovsbr0 weight 7",
            "nexthop via 172.16.3.3 dev ovsbr0 weight 1",
            "throw 10.8.0.0/16 table isp proto static",
            "unreachable 10.6.0.0/16 proto static metric 9",
            "unreachable 2001:db8::/32 dev lo proto static metric 1024",
        ],
    )?;
    let dropped = host.try_run("ping -n -c 1 -w 5 10.250.0.1")?;
    ensure!(dropped.code != 0, "the blackhole let a packet through: {dropped}");
    // In place: less, more and something else is asked of the same routes; others are gone.
    host.run("ip route add 10.77.0.0/16 via 172.16.3.1")?;
    let by_hand = "10.77.0.0/16 via 172.16.3.1 dev ovsbr0";
    let v4 = "10.1.0.0/24 mtu 1200\n10.3.0.0/16 via 172.16.3.2 table isp metric 5\n10.4.0.0/16 via 172.16.3.1 mtu 1350\n\
              10.5.0.0/16 via 172.16.3.1\nprohibit 10.0.0.0/8\n\
              10.10.0.0/16 nexthop via 172.16.3.1 weight 3 nexthop via 172.16.3.3 weight 2\n";
    let v6 = "2001:db8:4::/48 via 2001:db8:3::1 mtu 1300\n2001:db8:5::/48 via fe80::2\nprohibit 2001:db8::/32\n";
    comes_to(
        host,
        v4,
        v6,
        &[
            "10.1.0.0/24 dev ovsbr0 proto static scope link mtu 1200",
            "10.10.0.0/16 proto static",
            "10.3.0.0/16 via 172.16.3.2 dev ovsbr0 table isp proto static metric 5",
            "10.4.0.0/16 via 172.16.3.1 dev ovsbr0 proto static mtu 1350",
            "10.5.0.0/16 via 172.16.3.1 dev ovsbr0 proto static",
            by_hand,
            "10.88.0.0/16",
            moved,
            "2001:db8:4::/48 via 2001:db8:3::1 dev ovsbr0 proto static metric 1024 mtu 1300",
            "2001:db8:5::/48 via fe80::2 dev ovsbr0 proto static metric 1024",
            foreign,
            default,
            "nexthop via 172.16.3.1 dev ovsbr0 weight 1",
            "nexthop via 172.16.3.1 dev ovsbr0 weight 3",
            "nexthop via 172.16.3.2 dev ovsbr0 weight 7",
            "nexthop via 172.16.3.3 dev ovsbr0 weight 2",
            "prohibit 10.0.0.0/8 proto static",
            "prohibit 2001:db8::/32 dev lo proto static metric 1024",
        ],
    )?;
    let v4 = "ADDRESS0=10.4.0.0\nNETMASK0=255.255.0.0\nGATEWAY0=172.16.3.1\nMETRIC0=7\n";
    comes_to(
        host,
        v4,
        "2001:db8:4::/48 via 2001:db8:3::1\n",
        &[
            "10.4.0.0/16 via 172.16.3.1 dev ovsbr0 proto static metric 7",
            by_hand,
            "10.88.0.0/16",
            moved,
            "2001:db8:4::/48 via 2001:db8:3::1 dev ovsbr0 proto static metric 1024",
            foreign,
            default,
            "nexthop via 172.16.3.1 dev ovsbr0 weight 1",
            "nexthop via 172.16.3.2 dev ovsbr0 weight 7",
        ],
    )?;
    stage.pings_both_ways()?;
    host.write(&format!("{DIR}/route-ovsbr0"), "blackhole 10.0.0.0/8\n")?;
    host.run("ovsdp up ovsbr0")?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")
}

/// The rules of both families as `ip` tells them.
fn all_rules(host: &Host) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for family in ["-4", "-6"] {
        let shown = host.run(&format!("ip {family} rule show"))?;
        // `ip` has a name for a protocol where the guest has a list of them.
        let told = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").replace("ipproto ipproto-6", "ipproto tcp");
        lines.extend(shown.stdout.lines().map(told));
    }
    Ok(lines)
}

/// Rules come once, change with their lines, decide over packets, and go, also by an agent that did not make them; others' stay.
fn rules(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    host.run("ip rule add from 203.0.113.0/24 lookup 9 priority 77 && ip rule add uidrange 7-8 lookup 9 priority 78")?;
    let (before, rules_before) = (snapshot(host)?, all_rules(host)?);
    ifcfg(host, "eth0", "DEVICE=eth0 TYPE=OVSPort OVS_BRIDGE=ovsbr0")?;
    ifcfg(host, "ovsbr0", &format!("DEVICE=ovsbr0 TYPE=OVSBridge IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER}"))?;
    host.write(&format!("{DIR}/route-ovsbr0"), "198.51.100.0/24 via 172.16.3.2 table 200\n")?;
    let comes_to = |v4: &str, v6: &str, wanted: &[&str]| -> anyhow::Result<()> {
        host.write(&format!("{DIR}/rule-ovsbr0"), v4)?;
        host.write(&format!("{DIR}/rule6-ovsbr0"), v6)?;
        host.run("ovsdp up ovsbr0")?;
        let added: Vec<String> = all_rules(host)?.into_iter().filter(|rule| !rules_before.contains(rule)).collect();
        ensure!(added == wanted, "the files\n{v4}{v6}came to {added:#?}");
        ensure!(all_rules(host)?.len() == rules_before.len() + wanted.len(), "{:#?}", all_rules(host)?);
        changed_nothing(&host.run("ovsdp up ovsbr0")?)
    };
    comes_to(
        "to 198.51.100.0/24 lookup 200 priority 500\nfrom 192.0.2.0/24 fwmark 0x1/0xff iif ovsbr0 tos 0x10 table main suppress_prefixlength 0 priority 501\n\
         not from 192.0.2.0/24 ipproto tcp dport 5000-5010 goto 32766 priority 502\nto 192.0.2.99 unreachable\nfrom 203.0.113.0/24 lookup 9 priority 77\n\
         uidrange 1000-1999 tun_id 7 table 200 suppress_ifgroup 5 priority 503\nl3mdev priority 504\nuidrange 65534-65534 unreachable priority 400\n",
        "from 2001:db8::/32 lookup 200 priority 500\n",
        &[
            "76: from all to 192.0.2.99 unreachable proto static",
            "400: from all uidrange 65534-65534 unreachable proto static",
            "500: from all to 198.51.100.0/24 lookup 200 proto static",
            "501: from 192.0.2.0/24 tos 0x10 fwmark 0x1/0xff iif ovsbr0 lookup main suppress_prefixlength 0 proto static",
            "502: not from 192.0.2.0/24 ipproto tcp dport 5000-5010 goto 32766 proto static",
            "503: from all uidrange 1000-1999 tun_id 7 lookup 200 suppress_ifgroup 5 proto static",
            "504: from all lookup [l3mdev-table] proto static",
            "500: from 2001:db8::/32 lookup 200 proto static",
        ],
    )?;
    let chosen = host.json("ip -j route get 198.51.100.1")?;
    ensure!(chosen[0]["gateway"] == "172.16.3.2", "the rule does not decide: {chosen}");
    ensure!(host.try_run("ip route get 192.0.2.9 uid 65534")?.code != 0, "a user's packets go on");
    host.run("ip route get 192.0.2.9 uid 65533")?;
    // Another table, others gone; one of somebody else's that a line asked for stays.
    let changed = "to 198.51.100.0/24 lookup main priority 500\n";
    comes_to(changed, "", &["500: from all to 198.51.100.0/24 lookup main proto static"])?;
    let chosen = host.json("ip -j route get 198.51.100.1")?;
    ensure!(chosen[0]["gateway"] == SERVER, "the rule decides as before: {chosen}");
    // What cannot be read changes nothing.
    host.write(&format!("{DIR}/rule-ovsbr0"), "add from 192.0.2.0/24 table 200\n")?;
    let refused = host.try_run("ovsdp up ovsbr0")?.fails_with(3)?;
    ensure!(refused.stderr.contains("L34") && refused.stderr.contains("rule-ovsbr0:1:1"), "{refused}");
    host.write(&format!("{DIR}/rule-ovsbr0"), changed)?;
    // The agent is killed, and its successor takes away what it did not make itself.
    host.run(&format!("kill -9 {}", agent_pid(host)?))?;
    host.run("ovsdp down ovsbr0")?;
    ensure!(all_rules(host)? == rules_before, "{:#?}", all_rules(host)?);
    is_as_before(host, &before, "down did not give back what was")
}

/// One route the kernel does not take, and everything is as it was, in the first place and later.
fn refused_by_the_kernel(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    ifcfg(host, "eth0", "DEVICE=eth0 TYPE=OVSPort OVS_BRIDGE=ovsbr0")?;
    ifcfg(host, "ovsbr0", &format!("DEVICE=ovsbr0 TYPE=OVSBridge IPADDR={ADDRESS} PREFIX=24 GATEWAY={SERVER}"))?;
    // A gateway that is this host's own address on another device.
    host.run("ip addr add 10.99.0.1/32 dev lo")?;
    let bad = "blackhole 10.0.0.0/8\n10.3.0.0/16 via 172.16.3.1\n10.4.0.0/16 via 10.99.0.1 onlink\n";
    host.write(&format!("{DIR}/route-ovsbr0"), bad)?;
    let up = host.try_run("ovsdp up ovsbr0")?.fails_with(1)?;
    ensure!(up.stderr.contains("10.4.0.0/16") && up.stderr.contains("everything is as it was"), "{up}");
    host.run("ip addr del 10.99.0.1/32 dev lo")?;
    is_as_before(host, &before, "the rollback is not complete")?;
    host.write(&format!("{DIR}/route-ovsbr0"), "blackhole 10.0.0.0/8\n10.3.0.0/16 via 172.16.3.1 mtu 1400\n")?;
    host.run("ovsdp up ovsbr0")?;
    host.run("ip addr add 10.99.0.1/32 dev lo")?;
    let standing = snapshot(host)?;
    host.write(&format!("{DIR}/route-ovsbr0"), &bad.replace("blackhole", "prohibit"))?;
    host.try_run("ovsdp up ovsbr0")?.fails_with(1)?;
    is_as_before(host, &standing, "the rollback of a change is not complete")?;
    host.run(&format!("rm {DIR}/route-ovsbr0 && ovsdp up ovsbr0"))?;
    ensure!(told(host)? == ["default via 172.16.3.1 dev ovsbr0 proto static"], "{:?}", told(host)?);
    Ok(())
}
