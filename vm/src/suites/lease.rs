//! The keys that say how a lease is asked for and what becomes of it, as the server sees it.

use std::time::Duration;

use anyhow::ensure;

use super::stage::{ADDRESS, SERVER, Stage, addresses, agent_pid, changed_nothing, ifcfg};
use super::steady::kill_agent;
use crate::guest::{Host, World, eventually};
use crate::peers::Dnsmasq;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("lease::who_the_client_says_to_be", who_the_client_says_to_be).once(),
    Test::new("lease::until_a_server_answers", until_a_server_answers),
    Test::new("lease::given_back_or_kept", given_back_or_kept).once(),
    Test::new("lease::declined_when_somebody_has_the_address", declined_when_somebody_has_the_address).once(),
    Test::new("lease::of_its_routes_what_is_wanted", of_its_routes_what_is_wanted).once(),
];

const BRIDGE: &str = "DEVICE=ovsbr0 TYPE=OVSBridge OVSBOOTPROTO=dhcp OVSDHCPINTERFACES=eth0";

/// A host without an address, and a LAN without a DHCP server.
fn without_lease(world: &World) -> anyhow::Result<Stage> {
    let mut stage = Stage::with_lease(world)?;
    (stage.dhclient, stage.dnsmasq) = (None, None);
    stage.host.run("ip addr flush dev eth0 scope global")?;
    Ok(stage)
}

/// A server of one address for two minutes, dnsmasq's shortest lease.
fn server(stage: &Stage, options: &[&str]) -> anyhow::Result<Dnsmasq> {
    Dnsmasq::start(&stage.server, "lan", &format!("{ADDRESS},{ADDRESS},255.255.255.0,2m"), options)
}

fn log(dnsmasq: &Dnsmasq) -> String {
    dnsmasq.process.stderr() + &dnsmasq.process.stdout()
}

fn has_address(host: &Host) -> anyhow::Result<()> {
    let there = addresses(host, "ovsbr0")?;
    ensure!(there == [format!("{ADDRESS}/24")], "{there:?}");
    Ok(())
}

/// What dnsmasq logs of a client is what the file says, and a lease that is held goes on under another name.
fn who_the_client_says_to_be(world: &mut World) -> anyhow::Result<()> {
    let stage = without_lease(world)?;
    let host = &stage.host;
    // Option 58 sets the time to renew.
    let dnsmasq = server(&stage, &["--dhcp-option=option:T1,5"])?;
    // No device here was made with an address of its own.
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} DHCP_CLIENT_ID=perm-mac"))?;
    let up = host.try_run("ovsdp up")?.fails_with(1)?;
    ensure!(up.stderr.contains("`perm-mac`") && up.stderr.contains("everything is as it was"), "{up}");
    let identity = "DHCP_CLIENT_ID=duid DHCP_IAID=0:11:22:33 DHCP_VENDOR_CLASS_IDENTIFIER=rack7";
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} {identity} DHCP_FQDN=web9.example.org"))?;
    let capture = stage.server.capture("lan", "udp port 67")?;
    host.run("ovsdp up")?;
    has_address(host)?;
    let seen = log(&dnsmasq);
    ensure!(seen.contains("vendor class: rack7") && seen.contains("client provides name: web9.example.org"), "{seen}");
    let leases = stage.server.read("/run/dnsmasq-lan.leases")?;
    ensure!(leases.contains(ADDRESS) && leases.contains("web9") && leases.contains("ff:00:11:22:33:00:04"), "{leases}");
    let packets = capture.stop()?.join("\n");
    ensure!(packets.contains("BOOTP/DHCP, Request"), "{packets}");

    ifcfg(host, "ovsbr0", &format!("{BRIDGE} {identity} DHCP_HOSTNAME=web8"))?;
    let up = host.run("ovsdp up")?;
    ensure!(up.stdout.contains("changing ovsbr0: how a lease is asked for"), "{up}");
    changed_nothing(&host.run("ovsdp up")?)?;
    eventually(Duration::from_secs(60), || {
        ensure!(log(&dnsmasq).contains("client provides name: web8"), "{}", log(&dnsmasq));
        Ok(())
    })?;
    has_address(host)?;
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} {identity} DHCP_SEND_HOSTNAME=no"))?;
    let before = log(&dnsmasq).matches("DHCPACK").count();
    host.run("ovsdp up")?;
    let said = eventually(Duration::from_secs(60), || {
        let log = log(&dnsmasq);
        let at = log.match_indices("DHCPACK").nth(before + 1).map(|(at, _)| at);
        at.and_then(|at| log.get(at..).map(str::to_owned)).ok_or_else(|| anyhow::anyhow!("no renewal in:\n{log}"))
    })?;
    ensure!(!said.contains("client provides name"), "{said}");
    Ok(())
}

/// `PERSISTENT_DHCLIENT`: `up` ends without a lease, and the agent and its successor go on asking.
fn until_a_server_answers(world: &mut World) -> anyhow::Result<()> {
    let stage = without_lease(world)?;
    let host = &stage.host;
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} IPV4_DHCP_TIMEOUT=1"))?;
    let up = host.try_run("ovsdp up")?.fails_with(8)?;
    ensure!(up.stderr.contains("no DHCP server answered on ovsbr0 within 1 s"), "{up}");
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} IPV4_DHCP_TIMEOUT=1 PERSISTENT_DHCLIENT=yes"))?;
    host.run("ovsdp up")?;
    ensure!(addresses(host, "ovsbr0")?.is_empty(), "an address from nobody");
    changed_nothing(&host.run("ovsdp up")?)?;
    let status = host.run("ovsdp status")?;
    ensure!(status.stdout.contains("no lease on ovsbr0: asking for one"), "{status}");
    let agent = kill_agent(host)?;
    changed_nothing(&host.run("ovsdp up")?)?;
    ensure!(agent_pid(host)? != agent, "the agent lives on");
    let dnsmasq = server(&stage, &[])?;
    eventually(Duration::from_secs(90), || has_address(host))?;
    host.run(&format!("ping -n -c 1 -w 10 {SERVER}"))?;
    changed_nothing(&host.run("ovsdp up")?)?;
    host.run("ovsdp down ovsbr0")?;
    drop(dnsmasq);
    Ok(())
}

/// `DHCPRELEASE`: whether the server hears of a lease that nobody needs.
fn given_back_or_kept(world: &mut World) -> anyhow::Result<()> {
    let stage = without_lease(world)?;
    let host = &stage.host;
    let dnsmasq = server(&stage, &[])?;
    for word in ["no", "yes"] {
        ifcfg(host, "ovsbr0", &format!("{BRIDGE} DHCPRELEASE={word}"))?;
        host.run("ovsdp up")?;
        has_address(host)?;
        host.run("ovsdp down ovsbr0")?;
    }
    eventually(Duration::from_secs(10), || {
        ensure!(log(&dnsmasq).contains("DHCPRELEASE"), "no release in:\n{}", log(&dnsmasq));
        Ok(())
    })?;
    // The second one's: when it came, the first one's would long have been there.
    let log = log(&dnsmasq);
    ensure!(log.matches("DHCPRELEASE").count() == 1 && log.find("DHCPRELEASE") > log.rfind("DHCPACK"), "{log}");
    Ok(())
}

/// A leased address that a neighbour answers for is not used; the server is told and has another one. `ARPCHECK=no` asks nobody.
fn declined_when_somebody_has_the_address(world: &mut World) -> anyhow::Result<()> {
    let stage = without_lease(world)?;
    let host = &stage.host;
    stage.station.run(&format!("ip addr add {ADDRESS}/24 dev eth0"))?;
    let range = format!("{ADDRESS},172.16.3.141,255.255.255.0,2m");
    let dnsmasq = Dnsmasq::start(&stage.server, "lan", &range, &["--dhcp-sequential-ip"])?;
    ifcfg(host, "ovsbr0", BRIDGE)?;
    host.run("ovsdp up")?;
    ensure!(addresses(host, "ovsbr0")? == ["172.16.3.141/24"], "{:?}", addresses(host, "ovsbr0")?);
    ensure!(log(&dnsmasq).contains(&format!("DHCPDECLINE(lan) {ADDRESS}")), "{}", log(&dnsmasq));
    host.run(&format!("ping -n -c 1 -w 10 {SERVER}"))?;
    host.run("ovsdp down ovsbr0")?;
    drop(dnsmasq);
    let dnsmasq = server(&stage, &[])?;
    ifcfg(host, "ovsbr0", &format!("{BRIDGE} ARPCHECK=no"))?;
    host.run("ovsdp up")?;
    has_address(host)?;
    ensure!(!log(&dnsmasq).contains("DHCPDECLINE"), "{}", log(&dnsmasq));
    Ok(())
}

/// `PEERROUTES` and `DHCLIENT_IGNORE_GATEWAY`, in place.
fn of_its_routes_what_is_wanted(world: &mut World) -> anyhow::Result<()> {
    let stage = without_lease(world)?;
    let host = &stage.host;
    let _dnsmasq = server(&stage, &[&format!("--dhcp-option=121,10.7.0.0/16,{SERVER},0.0.0.0/0,{SERVER}")])?;
    let (default, other) = (format!("default via {SERVER} dev ovsbr0"), format!("10.7.0.0/16 via {SERVER} dev ovsbr0"));
    for (keys, has_default, has_other) in [
        ("", true, true),
        ("PEERROUTES=no", true, false),
        ("DHCLIENT_IGNORE_GATEWAY=yes", false, true),
        ("PEERROUTES=no DHCLIENT_IGNORE_GATEWAY=yes", false, false),
    ] {
        ifcfg(host, "ovsbr0", &format!("{BRIDGE} {keys}"))?;
        host.run("ovsdp up")?;
        let routes = host.run("ip route")?.stdout;
        ensure!((routes.contains(&default), routes.contains(&other)) == (has_default, has_other), "{keys}: {routes}");
        changed_nothing(&host.run("ovsdp up")?)?;
    }
    Ok(())
}
