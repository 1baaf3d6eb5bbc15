//! `OVS_EXTRA` and `OVS_OPTIONS` on a kernel: what is applied is there, changes in place, and what is recorded is shown.

use anyhow::ensure;

use super::stage::{ADDRESS, DIR, SERVER, Stage, changed_nothing, ifcfg, is_as_before, mac, snapshot};
use crate::guest::World;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[Test::new("extra::applied_in_place_and_recorded", applied)];

fn applied(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    ifcfg(host, "eth0", "DEVICE=eth0 DEVICETYPE=ovs TYPE=OVSPort OVS_BRIDGE=ovsbr0 ONBOOT=yes OVS_OPTIONS=external_ids:who=me")?;
    let bridge = |size: u32| {
        format!(
            "DEVICE=ovsbr0\nDEVICETYPE=ovs\nTYPE=OVSBridge\nIPADDR={ADDRESS}\nPREFIX=24\nGATEWAY={SERVER}\n\
             OVS_EXTRA=\"set bridge $DEVICE other-config:hwaddr=52:54:00:12:34:56 fail_mode=standalone -- \
             set bridge $DEVICE other-config:mac-table-size={size} -- set Interface $DEVICE mtu_request=1400 -- del-controller $DEVICE -- \
             br-set-external-id $DEVICE bridge-id $DEVICE\"\n"
        )
    };
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &bridge(50_000))?;
    let before = snapshot(host)?;
    host.run("ovsdp up")?;
    changed_nothing(&host.run("ovsdp up")?)?;
    ensure!(mac(host, "ovsbr0")? == "52:54:00:12:34:56", "hwaddr was not applied: {}", mac(host, "ovsbr0")?);
    ensure!(host.run("ip link show dev ovsbr0")?.stdout.contains("mtu 1400"), "mtu_request was not applied");
    let limit = |size: u64| -> anyhow::Result<()> {
        let status = host.json("ovsdp status ovsbr0 --json")?;
        ensure!(status.to_string().contains(&format!("\"macs_max\":{size}")), "{status:#}");
        Ok(())
    };
    limit(50_000)?;
    let shown = host.json("ovsdp show --json")?;
    ensure!(shown["bridges"][0]["external_ids"]["bridge-id"] == "ovsbr0", "{shown:#}");
    let ports = shown["bridges"][0]["ports"].to_string();
    ensure!(ports.contains("\"external_ids\":{\"who\":\"me\"}"), "{shown:#}");
    stage.pings_both_ways()?;

    // Another size in place: one line, and no link is touched.
    let link = host.run("ip -o link show dev ovsbr0")?.stdout;
    host.write(&format!("{DIR}/ifcfg-ovsbr0"), &bridge(20_000))?;
    let up = host.run("ovsdp up")?;
    ensure!(up.stdout.contains("MAC table") && up.stdout.lines().count() == 1, "{up}");
    limit(20_000)?;
    ensure!(host.run("ip -o link show dev ovsbr0")?.stdout == link, "the link changed");
    changed_nothing(&host.run("ovsdp up")?)?;
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    Ok(())
}
