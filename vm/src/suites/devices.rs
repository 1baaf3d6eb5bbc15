//! Devices themselves: features, speed, and what one of them refuses; and the firewall's zones they are in. The witnesses are ethtool and
//! firewalld.

use anyhow::ensure;

use super::stage::{ADDRESS, SERVER, Stage, changed_nothing, file, is_as_before, snapshot};
use crate::guest::{Host, World};
use crate::peers::Firewalld;
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[Test::new("devices::tuned", tuned), Test::new("devices::zones", zones).with_companions().once().seconds(240)];

/// The lines of `ethtool -k` that are about these features.
fn features(host: &Host, device: &str, names: &[&str]) -> anyhow::Result<Vec<String>> {
    let all = host.run(&format!("ethtool -k {device}"))?.stdout;
    let about = |line: &&str| names.iter().any(|name| line.trim().starts_with(&format!("{name}:")));
    Ok(all.lines().filter(about).map(|line| line.trim().to_owned()).collect())
}

/// What the files ask of port and bridge holds, and goes with them; what a device refuses takes all of the change back.
fn tuned(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    // Its first time up leaves it with another queueing discipline, whoever does it.
    host.run("modprobe tun && ip tuntap add mode tap tap0 && ip link set tap0 up && ip link set tap0 down")?;
    let before = snapshot(host)?;
    let offloads = |device: &str| features(host, device, &["tx-checksum-ip-generic", "generic-segmentation-offload", "scatter-gather"]);
    let (own, link) = (offloads("eth0")?, host.run("ethtool tap0")?.stdout);
    ensure!(own.iter().all(|line| line.ends_with(": on")), "{own:?}");

    let port = |device: &str, asked: &str| file(host, device, &format!("TYPE=OVSPort\nOVS_BRIDGE=ovsbr0\nETHTOOL_OPTS=\"{asked}\"\n"));
    let address = format!("TYPE=OVSBridge\nBOOTPROTO=static\nIPADDR={ADDRESS}\nPREFIX=24\nGATEWAY={SERVER}\n");
    file(host, "ovsbr0", &format!("{address}ETHTOOL_OPTS=\"-K ovsbr0 gso off\"\n"))?;
    port("tap0", "speed 100 duplex half autoneg off")?;
    port("eth0", "-K ${DEVICE} tx off; -K eth0 gso off; -s eth0 speed 100 duplex half autoneg off")?;
    let up = host.try_run("ovsdp up")?.fails_with(6)?;
    ensure!(up.stderr.contains("eth0") && up.stderr.contains("ETHTOOL_OPTS") && up.stderr.contains("everything is as it was"), "{up}");
    is_as_before(host, &before, "the rollback is not complete")?;
    ensure!(offloads("eth0")? == own && host.run("ethtool tap0")?.stdout == link, "what the device itself had is not back");

    port("eth0", "-K ${DEVICE} tx off; -K eth0 gso off; -G eth0 rx 512")?;
    let planned = host.run("ovsdp plan")?.stdout;
    ensure!(planned.contains("tx-generic-segmentation off") && planned.contains("speed 100"), "{planned}");
    ensure!(planned.contains("settings of ovsbr0: gso off, once it is there"), "{planned}");
    let up = host.run("ovsdp up")?;
    ensure!(up.stdout.contains("eth0 stays without `ring rx 512`"), "{up}");
    let now = offloads("eth0")?;
    ensure!(now.iter().filter(|line| line.contains(": off")).count() >= 2, "{now:?}");
    ensure!(features(host, "ovsbr0", &["generic-segmentation-offload"])?.iter().all(|line| line.contains(": off")), "the bridge's are not off");
    let text = host.run("ethtool tap0")?.stdout;
    ensure!(text.contains("Speed: 100Mb/s") && text.contains("Duplex: Half"), "{text}");
    changed_nothing(&host.run("ovsdp up")?)?;
    stage.pings_both_ways()?;
    // Somebody else turned it on again; and a line that goes takes only its own along.
    host.run("ethtool -K eth0 gso on")?;
    port("tap0", "")?;
    host.run("ovsdp up")?;
    ensure!(offloads("eth0")? == now, "{:?}", offloads("eth0")?);
    ensure!(host.run("ethtool tap0")?.stdout == link, "{}", host.run("ethtool tap0")?);
    changed_nothing(&host.run("ovsdp up")?)?;
    // A port whose link is to be down, and no longer is.
    for (line, up) in [("LINKSTATUS=down\n", false), ("", true)] {
        file(host, "tap0", &format!("TYPE=OVSPort\nOVS_BRIDGE=ovsbr0\n{line}"))?;
        host.run("ovsdp up")?;
        let flags = host.json("ip -j link show tap0")?[0]["flags"].to_string();
        ensure!(flags.contains(r#""UP""#) == up, "{line:?}: {flags}");
        changed_nothing(&host.run("ovsdp up")?)?;
    }
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;
    ensure!(offloads("eth0")? == own, "{:?}", offloads("eth0")?);
    Ok(())
}

/// firewalld has each interface in the zone its file names while it is up; an unknown zone, and a firewalld that is silent, change nothing.
fn zones(world: &mut World) -> anyhow::Result<()> {
    let stage = Stage::with_static_address(world)?;
    let host = &stage.host;
    let before = snapshot(host)?;
    let address = format!("TYPE=OVSBridge\nBOOTPROTO=static\nIPADDR={ADDRESS}\nPREFIX=24\nGATEWAY={SERVER}\n");
    let files = |bridge: &str, port: &str| {
        file(host, "eth0", &format!("TYPE=OVSPort\nOVS_BRIDGE=ovsbr0\n{port}"))?;
        file(host, "ovsbr0", &format!("{address}{bridge}"))
    };
    files("ZONE=external\n", "ZONE=dmz\n")?;
    // Nobody is there to be told: that is said, here and by the linter, and all else is done.
    ensure!(host.run("ovsdp check")?.stdout.contains("firewalld does not run on this host"), "the linter is silent");
    let up = host.run("ovsdp up")?;
    ensure!(up.stdout.contains("firewalld does not run: nobody is told that ovsbr0 is to be in the zone external"), "{up}");
    host.run("ovsdp down ovsbr0")?;
    is_as_before(host, &before, "down did not give back what was")?;

    let firewall = Firewalld::start(host)?;
    firewall.put("eth0", "trusted")?;
    let are = |bridge: &str, port: &str| {
        let zones = (firewall.zone_of("ovsbr0")?, firewall.zone_of("eth0")?);
        ensure!(zones == (bridge.to_owned(), port.to_owned()), "{zones:?}");
        Ok(())
    };
    files("ZONE=nowhere\n", "")?;
    let up = host.try_run("ovsdp up")?.fails_with(3)?;
    ensure!(up.stderr.contains("ovsbr0: firewalld has no zone nowhere"), "{up}");
    ensure!(host.try_run("ovsdp check")?.stdout.contains("firewalld has no zone nowhere"), "the linter does not know it");
    are("", "trusted")?;
    is_as_before(host, &before, "it was refused")?;

    files("ZONE=external\n", "ZONE=dmz\n")?;
    let planned = host.run("ovsdp plan")?.stdout;
    ensure!(planned.contains("zone of ovsbr0: none -> external") && planned.contains("zone of eth0: trusted -> dmz"), "{planned}");
    host.run("ovsdp up")?;
    are("external", "dmz")?;
    changed_nothing(&host.run("ovsdp up")?)?;
    stage.pings_both_ways()?;
    // Changed in place, an unconfirmed change goes back, and so does a line that goes.
    files("ZONE=\n", "")?;
    host.run("ovsdp up --confirm 60")?;
    are("public", "trusted")?;
    host.run("ovsdp rollback")?;
    are("external", "dmz")?;
    host.run("ovsdp up")?;
    are("public", "trusted")?;
    // What a person has put elsewhere is put back while the file asks.
    firewall.put("ovsbr0", "drop")?;
    host.run("ovsdp up")?;
    are("public", "trusted")?;
    host.run("ovsdp down ovsbr0")?;
    are("", "trusted")?;
    is_as_before(host, &before, "down did not give back what was")?;

    // It holds its name, and answers nobody.
    host.run("kill -STOP $(pidof firewalld)")?;
    let up = host.try_run("ovsdp up")?.fails_with(8)?;
    ensure!(up.stderr.contains("cannot ask firewalld for its zones: no answer on the system bus within 10 s"), "{up}");
    is_as_before(host, &before, "it was refused")?;
    Ok(())
}
