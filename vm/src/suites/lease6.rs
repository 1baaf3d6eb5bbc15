//! Leases of IPv6 (`DHCPV6C`), with dnsmasq as the server: what the host has, and what the server sees of it.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{SERVER, Stage, agent_pid, changed_nothing, ifcfg, is_as_before, snapshot};
use super::steady::kill_agent;
use crate::guest::{Host, World, eventually};
use crate::peers::Dnsmasq;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("lease6::held_over_a_restart_and_given_back", held_over_a_restart_and_given_back),
    Test::new("lease6::until_a_server_answers", until_a_server_answers).once(),
    Test::new("lease6::declined_when_somebody_has_the_address", declined_when_somebody_has_the_address).once(),
];

const BRIDGE: &str = "DEVICE=ovsbr0 TYPE=OVSBridge BOOTPROTO=none IPV6INIT=yes IPV6_AUTOCONF=no IPV6_FORCE_ACCEPT_RA=yes DHCPV6C=yes";
const FIRST: &str = "fd00:6::10";
const SOON: Duration = Duration::from_secs(30);

/// A host without an address, and a LAN whose server has one of IPv6.
fn stage(world: &World) -> anyhow::Result<Stage> {
    let stage = Stage::bare(world)?;
    stage.server.run("ip addr add fd00:6::1/64 dev lan nodad")?;
    // What it had is to be compared with what it has in the end, whenever a router is heard.
    stage.host.run("echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_ra")?;
    ifcfg(&stage.host, "eth0", "DEVICE=eth0 TYPE=OVSPort OVS_BRIDGE=ovsbr0")?;
    stage.host.write("/etc/resolv.conf", &format!("nameserver {SERVER}\n"))?;
    Ok(stage)
}

/// A server of the addresses from [`FIRST`] to `last` for two minutes, dnsmasq's shortest lease, and a router.
fn server(stage: &Stage, last: &str) -> anyhow::Result<Dnsmasq> {
    let options = ["--enable-ra", "--dhcp-option=option6:dns-server,[fd00:6::53]", "--dhcp-option=option6:domain-search,lab.example.org"];
    Dnsmasq::start(&stage.server, "lan", &format!("{FIRST},{last},64,2m"), &options)
}

fn log(dnsmasq: &Dnsmasq) -> String {
    dnsmasq.process.stderr() + &dnsmasq.process.stdout()
}

/// The global IPv6 addresses of an interface, with prefix lengths and how long they are valid.
fn addresses(host: &Host, interface: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let links = host.json(&format!("ip -j -6 addr show dev {interface} scope global"))?;
    let list = links[0]["addr_info"].as_array().cloned().unwrap_or_default();
    let one = |address: &serde_json::Value| {
        let net = format!("{}/{}", address["local"].as_str().unwrap_or("?"), address["prefixlen"]);
        Ok((net, address["valid_life_time"].as_u64().context("no lifetime")?))
    };
    // Of an address that the filter leaves out an empty entry stays.
    list.iter().filter(|address| address.get("local").is_some()).map(one).collect()
}

/// The bridge's one address, without its prefix length.
fn leased(host: &Host) -> anyhow::Result<String> {
    let there = addresses(host, "ovsbr0")?;
    let [(net, valid)] = there.as_slice() else { anyhow::bail!("{there:?}") };
    ensure!((1..=120).contains(valid), "valid for {valid} s");
    Ok(net.strip_suffix("/128").with_context(|| net.clone())?.to_owned())
}

/// Beside a lease of IPv4 too: had, told the resolver, kept by the agent's successor without asking for it anew, given back. In place of the
/// address only what the resolver needs.
fn held_over_a_restart_and_given_back(world: &mut World) -> anyhow::Result<()> {
    let stage = stage(world)?;
    let host = &stage.host;
    let dnsmasq = server(&stage, FIRST)?;
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} DHCP_HOSTNAME=web6"))?;
    let before = snapshot(host)?;
    let plan = host.run("ovsdp plan")?;
    ensure!(plan.stdout.contains("+ DHCPv6 lease on ovsbr0"), "{plan}");
    host.run("ovsdp up")?;
    ensure!(leased(host)? == FIRST, "{:?}", addresses(host, "ovsbr0")?);
    ensure!(host.run("ip -6 addr show tentative")?.stdout.trim().is_empty(), "up ended before the address may be used");
    let resolver = host.read("/etc/resolv.conf")?;
    ensure!(resolver.contains("nameserver fd00:6::53\n") && resolver.contains("search lab.example.org\n"), "{resolver}");
    let leases = stage.server.read("/run/dnsmasq-lan.leases")?;
    ensure!(leases.contains(FIRST) && leases.contains("web6"), "{leases}");
    // The way back leads over the router that was heard of.
    eventually(SOON, || stage.server.run(&format!("ping -6 -n -c 1 -w 2 {FIRST}")).map(drop))?;
    changed_nothing(&host.run("ovsdp up")?)?;
    let status = host.run("ovsdp status")?;
    ensure!(status.stdout.contains(&format!("lease {FIRST}/128 on ovsbr0 from fe80::")), "{status}");

    // The link may have become another one.
    let confirmed = || log(&dnsmasq).matches("DHCPCONFIRM(lan)").count();
    let is_confirmed_since = |before: usize| {
        ensure!(confirmed() > before, "the lease is not confirmed:\n{}", log(&dnsmasq));
        Ok(())
    };
    let has_carrier = || Ok::<_, anyhow::Error>(host.json("ip -j link show dev eth0")?[0]["operstate"] == "UP");
    let before_carrier = confirmed();
    stage.server.run("ip link set p0 down")?;
    eventually(SOON, || {
        ensure!(!has_carrier()?, "eth0 still has carrier");
        Ok(())
    })?;
    stage.server.run("ip link set p0 up")?;
    eventually(SOON, || is_confirmed_since(before_carrier))?;

    let before_kill = confirmed();
    let agent = kill_agent(host)?;
    changed_nothing(&host.run("ovsdp up")?)?;
    ensure!(agent_pid(host)? != agent, "the agent lives on");
    eventually(SOON, || is_confirmed_since(before_kill))?;
    ensure!(leased(host)? == FIRST && log(&dnsmasq).matches("DHCPSOLICIT(lan)").count() == 1, "{}", log(&dnsmasq));
    host.run("ovsdp down ovsbr0")?;
    let gone = stage.server.read("/run/dnsmasq-lan.leases")?;
    ensure!(log(&dnsmasq).contains("DHCPRELEASE(lan) 00:04") && !gone.contains(FIRST), "{gone}\n{}", log(&dnsmasq));
    is_as_before(host, &before, "after down")?;

    ifcfg(host, "ovsbr0", &format!("{BRIDGE} DHCPV6C_OPTIONS=-S"))?;
    host.run("ovsdp up")?;
    ensure!(
        addresses(host, "ovsbr0")?.is_empty() && log(&dnsmasq).contains("DHCPINFORMATION-REQUEST(lan)"),
        "{:?}\n{}",
        addresses(host, "ovsbr0")?,
        log(&dnsmasq)
    );
    ensure!(host.read("/etc/resolv.conf")?.contains("nameserver fd00:6::53\n"));
    // In place.
    ifcfg(host, "ovsbr0", BRIDGE)?;
    host.run("ovsdp up")?;
    ensure!(leased(host)? == FIRST);
    changed_nothing(&host.run("ovsdp up")?)
}

/// Nobody answers: `up` fails and takes everything back, or with `PERSISTENT_DHCLIENT_IPV6` ends well, and the agent and its successor go on
/// asking.
fn until_a_server_answers(world: &mut World) -> anyhow::Result<()> {
    let stage = stage(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} IPV6_DHCP_TIMEOUT=8"))?;
    let up = host.try_run("ovsdp up")?.fails_with(8)?;
    ensure!(up.stderr.contains("no DHCPv6 server answered on ovsbr0 within 8 s"), "{up}");
    is_as_before(host, &before, "after a failure")?;
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} IPV6_DHCP_TIMEOUT=1 PERSISTENT_DHCLIENT_IPV6=yes"))?;
    host.run("ovsdp up")?;
    changed_nothing(&host.run("ovsdp up")?)?;
    let status = host.run("ovsdp status")?;
    ensure!(status.stdout.contains("no DHCPv6 lease on ovsbr0: asking for one"), "{status}");
    kill_agent(host)?;
    changed_nothing(&host.run("ovsdp up")?)?;
    let dnsmasq = server(&stage, FIRST)?;
    eventually(Duration::from_secs(90), || leased(host).map(drop))?;
    changed_nothing(&host.run("ovsdp up")?)?;
    host.run("ovsdp down ovsbr0")?;
    drop(dnsmasq);
    is_as_before(host, &before, "after down")
}

/// A leased address that somebody else has is not used; the server is told and has another one. An internal port has one as well, beside what
/// routers advertise.
fn declined_when_somebody_has_the_address(world: &mut World) -> anyhow::Result<()> {
    let stage = stage(world)?;
    let host = &stage.host;
    let dnsmasq = server(&stage, "fd00:6::13,slaac")?;
    ifcfg(host, "ovsbr0", BRIDGE)?;
    host.run("ovsdp up")?;
    let first = leased(host)?;
    host.run("ovsdp down ovsbr0")?;
    stage.station.run(&format!("ip addr add {first}/64 dev eth0 nodad"))?;
    host.run("ovsdp up")?;
    let second = leased(host)?;
    ensure!(second != first && log(&dnsmasq).contains("DHCPDECLINE(lan)"), "{first} {second}\n{}", log(&dnsmasq));
    ifcfg(host, "int0", "DEVICE=int0 TYPE=OVSIntPort OVS_BRIDGE=ovsbr0 IPV6INIT=yes IPV6_AUTOCONF=yes DHCPV6C=yes")?;
    host.run("ovsdp up")?;
    eventually(SOON, || {
        let there = addresses(host, "int0")?;
        let of = |prefix: &str| there.iter().filter(|(net, _)| net.starts_with("fd00:6::") && net.ends_with(prefix)).count();
        let third = there.iter().find(|(net, _)| net.ends_with("/128")).map(|(net, _)| net.trim_end_matches("/128").to_owned());
        ensure!((of("/128"), there.len()) == (1, 2), "{there:?}");
        ensure!(third.is_some_and(|third| third != first && third != second), "{there:?}");
        Ok(())
    })?;
    ensure!(leased(host)? == second);
    changed_nothing(&host.run("ovsdp up")?)
}
