//! The default route as the files weigh it: beside `ip`, in place, again without a change, and gone with the bridge.

use anyhow::{Context, ensure};

use super::stage::{ADDRESS, DIR, SERVER, Stage, changed_nothing, ifcfg, is_as_before, snapshot};
use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("routes::metric_and_source_in_place", metric_and_source_in_place),
    Test::new("routes::a_gateway_over_the_link", a_gateway_over_the_link),
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
