//! What `ovsdp check` finds only where there are network devices: the files beside the host they are for.

use std::time::Duration;

use anyhow::ensure;

use super::stage::{DIR, ifcfg, snapshot};
use crate::guest::{Host, World, eventually};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[Test::new("check::beside_the_host", beside_the_host)];

const FIRST: &str = "00:16:3e:00:00:11";
const SECOND: &str = "00:16:3e:00:00:22";

/// Runs it as an ordinary user, who may see all there is to see; what it prints.
fn check(host: &Host, code: i32) -> anyhow::Result<String> {
    let output = host.try_run_as_user("ovsdp check")?;
    ensure!(output.code == code && output.stderr.is_empty(), "not {code}: {output}");
    Ok(output.stdout)
}

fn clean(host: &Host) -> anyhow::Result<()> {
    let text = check(host, 0)?;
    ensure!(text == format!("nothing found: 2 files in {DIR}, and this host beside them\n"), "{text}");
    Ok(())
}

/// A program called NetworkManager with the files that one keeps: whether it is told to leave the port alone.
fn network_manager(host: &Host) -> anyhow::Result<()> {
    let number = host.json("ip -j link show dev eth1")?[0]["ifindex"].to_string();
    host.run("mkdir -p /run/NetworkManager/devices /etc/NetworkManager/conf.d")?;
    host.write("/tmp/NetworkManager", "#!/bin/sh\necho $$ >/run/NetworkManager/NetworkManager.pid\necho here\nwhile :; do sleep 1; done\n")?;
    host.run("chmod 755 /tmp/NetworkManager")?;
    let mut program = host.spawn("/tmp/NetworkManager")?;
    program.wait_log("here", Duration::from_secs(20))?;
    let text = check(host, 0)?;
    ensure!(text.contains("warning[L28]: NetworkManager runs on this host, and nothing in its configuration has it leave `eth1` alone"), "{text}");
    host.write("/etc/NetworkManager/conf.d/ours.conf", "[keyfile]\nunmanaged-devices=interface-name:eth1;interface-name:br0\n")?;
    clean(host)?;
    // Its own notes count more than what it was told, which it may not have read yet.
    host.write(&format!("/run/NetworkManager/devices/{number}"), "[device]\nmanaged=true\n")?;
    ensure!(check(host, 0)?.contains("warning[L28]: NetworkManager runs on this host and manages `eth1`"), "its notes were not read");
    // By the number it wrote down: who was started may be a shell that waits for it.
    host.run("kill -9 $(cat /run/NetworkManager/NetworkManager.pid)")?;
    eventually(Duration::from_secs(20), || clean(host))
}

fn beside_the_host(world: &mut World) -> anyhow::Result<()> {
    let host = world.host("h")?;
    host.run(&format!("ip link add eth1 address {FIRST} type dummy && ip link add eth2 address {SECOND} type dummy"))?;
    ifcfg(&host, "br0", "DEVICE=br0 TYPE=OVSBridge BOOTPROTO=none")?;
    let port = format!("DEVICE=eth1 TYPE=OVSPort OVS_BRIDGE=br0 HWADDR={FIRST}");
    ifcfg(&host, "eth1", &port)?;
    let before = snapshot(&host)?;
    clean(&host)?;

    // The name of one device and the address of another.
    ifcfg(&host, "eth1", &port.replace(FIRST, SECOND))?;
    let text = check(&host, 3)?;
    ensure!(text.contains(&format!("error[L23]: `eth1` has the address {FIRST} on this host, not {SECOND}")), "{text}");
    ensure!(text.contains("write `DEVICE=eth2`") && text.contains("1 error: "), "{text}");
    ifcfg(&host, "eth1", &port)?;

    // A device that is not there, and one that is something else than a bridge: what `up` refuses.
    ifcfg(&host, "eth7", "DEVICE=eth7 TYPE=OVSPort OVS_BRIDGE=br7")?;
    ifcfg(&host, "br7", "DEVICE=br7 TYPE=OVSBridge BOOTPROTO=none")?;
    host.run("ip link add br7 type bridge")?;
    let text = check(&host, 3)?;
    ensure!(text.contains("error[L49]: eth7, a port of br7: there is no such device") && text.contains("ifcfg-eth7:1:8"), "{text}");
    ensure!(text.contains("error[L49]: br7: a device of that name exists already and is of kind `bridge`") && text.contains("2 errors: "), "{text}");
    ensure!(host.try_run("ovsdp plan")?.code != 0);
    // The same files as somebody else's.
    host.run(&format!("cp -r {DIR} /tmp/theirs"))?;
    let theirs = host.run("ovsdp check /tmp/theirs")?.stdout;
    ensure!(!theirs.contains("L49") && theirs.contains("looked at by themselves"), "{theirs}");
    host.run(&format!("ip link delete br7 && rm {DIR}/ifcfg-eth7 {DIR}/ifcfg-br7"))?;
    ensure!(snapshot(&host)? == before, "looking changed something");

    // A bridge that is up is no obstacle to itself, and has its port's address. Its own rules catch it only when they look at nothing else.
    host.run("ovsdp up")?;
    clean(&host)?;
    let link = format!("[Match]\nMACAddress={FIRST}\n[Link]\nName=eth1\n");
    host.write("/etc/systemd/network/10-eth1.link", &link)?;
    let text = check(&host, 0)?;
    ensure!(text.contains(&format!("warning[L50]: this rule catches `br0` too, which will have the address {FIRST}, and calls it `eth1`")), "{text}");
    ensure!(text.contains("/etc/systemd/network/10-eth1.link:2:12"), "{text}");
    host.write("/etc/systemd/network/10-eth1.link", &link.replace("MACAddress", "PermanentMACAddress"))?;
    clean(&host)?;

    // The address it had before its own file gave it another is still one it is known by: `check` and `up` say so alike.
    ifcfg(&host, "eth1", &format!("{port} MACADDR=52:54:00:00:00:77"))?;
    host.run("ovsdp up")?;
    ifcfg(&host, "eth1", &port)?;
    ensure!(host.run("ip link show dev eth1")?.stdout.contains("52:54:00:00:00:77"), "MACADDR was not applied");
    clean(&host)?;
    host.run("ovsdp up")?;
    ifcfg(&host, "eth1", &port.replace(FIRST, SECOND))?;
    ensure!(check(&host, 3)?.contains("error[L23]") && host.try_run("ovsdp up")?.code == 3, "another device's address was taken");
    ifcfg(&host, "eth1", &port)?;

    network_manager(&host)?;
    host.run(&format!("chmod o+w {DIR}/ifcfg-br0"))?;
    let text = check(&host, 0)?;
    ensure!(text.contains("warning[L37]: everybody on this host may write this file") && text.contains("ifcfg-br0"), "{text}");
    Ok(())
}
