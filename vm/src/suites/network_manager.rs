//! Debian's NetworkManager beside ovsdp: it lets go of what becomes a bridge's, and has back what it had. nmcli is the witness.

use std::time::Duration;

use anyhow::ensure;

use super::stage::{ADDRESS, SERVER, Stage, addresses, changed_nothing, file, is_as_before, snapshot};
use crate::guest::{Host, World, eventually};
use crate::peers::NetworkManager;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[Test::new("network_manager::lets_go", lets_go).with_companions().once().seconds(240)];

const FILE: &str = "/etc/NetworkManager/conf.d/zz-ovsdp.conf";

fn is_there(host: &Host) -> anyhow::Result<bool> {
    Ok(host.run(&format!("test -e {FILE} && echo there || echo gone"))?.stdout.contains("there"))
}

fn is(manager: &NetworkManager, device: &str, expected: &str) -> anyhow::Result<()> {
    eventually(Duration::from_secs(20), || {
        let state = manager.state_of(device)?;
        ensure!(state == expected, "{device} is {state}, not {expected}");
        Ok(())
    })
}

fn lets_go(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    file(host, "eth0", "TYPE=OVSPort\nOVS_BRIDGE=ovsbr0\nNM_CONTROLLED=no\n")?;
    file(host, "ovsbr0", &format!("TYPE=OVSBridge\nBOOTPROTO=static\nIPADDR={ADDRESS}\nPREFIX=24\nGATEWAY={SERVER}\n"))?;
    // It does not run: nothing is written.
    host.run("ovsdp up")?;
    ensure!(!is_there(host)?, "it was told though it does not run");
    host.run("ovsdp down ovsbr0")?;

    let mut manager = NetworkManager::start(host)?;
    is(&manager, "eth0", "connected (externally)")?;
    by_hand(&stage, &manager)?;
    by_profile(&stage, &manager)?;

    // It holds its name, and answers nobody.
    let before = snapshot(host)?;
    manager.program.signal(nix::sys::signal::Signal::SIGSTOP)?;
    let up = host.try_run("ovsdp up")?.fails_with(8)?;
    ensure!(up.stderr.contains("NetworkManager: no answer on the system bus within 5 s"), "{up}");
    is_as_before(host, &before, "it was refused")?;
    ensure!(!is_there(host)?, "the file was written");
    Ok(())
}

/// What somebody else has configured moves and comes back as without it, and it does not take that away again.
fn by_hand(stage: &Stage, manager: &NetworkManager) -> anyhow::Result<()> {
    let host = &stage.host;
    let before = snapshot(host)?;
    let check = host.run("ovsdp check")?.stdout;
    ensure!(check.contains("warning[L28]: NetworkManager runs on this host and manages `eth0`"), "{check}");
    let planned = host.run("ovsdp plan")?.stdout;
    ensure!(planned.contains("+ NetworkManager leaves eth0, ovsbr0 alone"), "{planned}");
    host.run("ovsdp up")?;
    ensure!(host.read(FILE)?.contains("\n[keyfile]\nunmanaged-devices+=interface-name:=eth0;interface-name:=ovsbr0\n"), "{}", host.read(FILE)?);
    is(manager, "eth0", "unmanaged")?;
    is(manager, "ovsbr0", "unmanaged")?;
    changed_nothing(&host.run("ovsdp up")?)?;
    ensure!(!host.run("ovsdp check")?.stdout.contains("L28"), "the linter does not know the file");
    stage.pings_both_ways()?;
    host.run("ovsdp down ovsbr0")?;
    ensure!(!is_there(host)?, "the file is still there");
    is_as_before(host, &before, "down did not give back what was")?;
    // It is held off: told to read everything again it still takes nothing away.
    host.run("nmcli general reload")?;
    is(manager, "eth0", "unmanaged")?;
    is_as_before(host, &before, "it took away what down gave back")
}

/// What it has configured itself it takes along, and configures again when the change goes back and after `down`.
fn by_profile(stage: &Stage, manager: &NetworkManager) -> anyhow::Result<()> {
    let host = &stage.host;
    let address = format!("ipv4.method manual ipv4.addresses {ADDRESS}/24 ipv4.gateway {SERVER}");
    host.run("ip addr flush dev eth0")?;
    // Nobody but whoever asks for it brings this one up.
    host.run(&format!("nmcli connection add type ethernet ifname eth0 con-name lan autoconnect no ipv6.method ignore {address}"))?;
    host.run("nmcli device set eth0 managed yes")?;
    host.run("nmcli --wait 20 connection up lan")?;
    is(manager, "eth0", "connected")?;
    let before = snapshot(host)?;
    ensure!(addresses(host, "eth0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "eth0")?);
    for end in ["ovsdp rollback", "ovsdp down ovsbr0"] {
        host.run(if end == "ovsdp rollback" { "ovsdp up --confirm 60" } else { "ovsdp up" })?;
        is(manager, "eth0", "unmanaged")?;
        ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "ovsbr0")?);
        stage.pings_both_ways()?;
        host.run(end)?;
        ensure!(!is_there(host)?, "the file is still there");
        is(manager, "eth0", "connected")?;
        eventually(Duration::from_secs(10), || is_as_before(host, &before, &format!("{end} did not give back what was")))?;
    }
    Ok(())
}
