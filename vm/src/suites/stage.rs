//! The stage of the main scene, and pieces of it for other suites: a LAN with a DHCP server and a second station, a host
//! whose `eth0` is on it, and the two files.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::guest::{Host, Output, World, eventually};
use crate::peers::{Dhclient, Dnsmasq};

/// The folder `ovsdp` reads when nobody says otherwise.
pub(super) const DIR: &str = "/etc/sysconfig/network-scripts";
/// The host's address in the scene.
pub(super) const ADDRESS: &str = "172.16.3.140";
/// The host's MAC in the scene: a vendor-assigned one.
pub(super) const MAC: &str = "00:16:3e:00:00:8c";
/// The server's address, which is router and resolver too.
pub(super) const SERVER: &str = "172.16.3.1";
/// The second station's address.
pub(super) const STATION: &str = "172.16.3.2";

/// What the agent writes its journal to: a file that takes the journal's place, and the journal. One of them is opened before each step.
pub(super) const JOURNAL: [&str; 2] = ["journal.json.new", "journal.json"];

/// The hosts and servers of the scene.
pub(super) struct Stage {
    /// The host that is being set up.
    pub host: Host,
    /// DHCP server, router and resolver.
    pub server: Host,
    /// A second station behind the same switch as the server.
    pub station: Host,
    /// The DHCP server; dropping it silences it.
    pub dnsmasq: Option<Dnsmasq>,
    /// The client that got the host its first lease and still runs.
    pub dhclient: Option<Dhclient>,
}

impl Stage {
    /// A host with a lease on `eth0`, and the scene's files in its folder.
    pub(super) fn with_lease(world: &World) -> anyhow::Result<Stage> {
        let mut stage = Self::bare(world)?;
        let range = format!("{ADDRESS},{ADDRESS},255.255.255.0,1h");
        let options = [format!("--dhcp-option=option:router,{SERVER}"), format!("--dhcp-option=option:dns-server,{SERVER}")];
        stage.dnsmasq = Some(Dnsmasq::start(&stage.server, "lan", &range, &[&options[0], &options[1]])?);
        stage.dhclient = Some(Dhclient::start(&stage.host, "eth0")?);
        scene_files(&stage.host)?;
        Ok(stage)
    }

    /// A host with an address somebody set by hand, a default route and a resolver.
    pub(super) fn with_static_address(world: &World) -> anyhow::Result<Stage> {
        let stage = Self::bare(world)?;
        stage.host.run(&format!("ip addr add {ADDRESS}/24 brd + dev eth0 && ip route add default via {SERVER} dev eth0"))?;
        stage.host.write("/etc/resolv.conf", &format!("nameserver {SERVER}\n"))?;
        Ok(stage)
    }

    pub(super) fn bare(world: &World) -> anyhow::Result<Stage> {
        let (host, server, station) = (world.host("host")?, world.host("server")?, world.host("station")?);
        world.veth_with_macs(&host, ("eth0", MAC), &server, ("p0", "00:16:3e:00:01:01"))?;
        world.veth_with_macs(&station, ("eth0", "00:16:3e:00:02:02"), &server, ("p1", "00:16:3e:00:01:02"))?;
        server.run("ip link add lan type bridge && ip link set lan up && ip link set p0 master lan && ip link set p1 master lan")?;
        server.run(&format!("ip addr add {SERVER}/24 dev lan"))?;
        station.run(&format!("ip addr add {STATION}/24 dev eth0"))?;
        Ok(Stage { host, server, station, dnsmasq: None, dhclient: None })
    }

    /// Both directions, through whatever is between the host and the LAN.
    pub(super) fn pings_both_ways(&self) -> anyhow::Result<()> {
        for (from, to) in [(&self.server, ADDRESS), (&self.station, ADDRESS), (&self.host, SERVER), (&self.host, STATION)] {
            from.run(&format!("ping -n -c 2 -i 0.05 -w 10 {to}"))?;
        }
        Ok(())
    }

    /// Fails unless the bridge is up with the host's address and all that goes with it, and carries traffic.
    pub(super) fn is_up(&self) -> anyhow::Result<()> {
        let host = &self.host;
        ensure!(mac(host, "ovsbr0")? == MAC, "ovsbr0 has another MAC than eth0: {}", mac(host, "ovsbr0")?);
        ensure!(addresses(host, "ovsbr0")? == [format!("{ADDRESS}/24")], "{:?}", addresses(host, "ovsbr0")?);
        ensure!(addresses(host, "eth0")?.is_empty(), "eth0 kept an IPv4 address");
        ensure!(host.run("ip -6 addr show dev eth0 scope link")?.stdout.contains("inet6 fe80::"), "eth0 lost its link-local address");
        ensure!(host.run("ip link show dev eth0")?.stdout.contains("master ovs-system"), "eth0 is not in the datapath");
        for link in ["eth0", "ovsbr0"] {
            ensure!(host.run(&format!("ip link show up dev {link}"))?.stdout.contains(link), "{link} is down");
        }
        let routes = host.run("ip route")?;
        ensure!(routes.stdout.contains(&format!("default via {SERVER} dev ovsbr0")), "{routes}");
        ensure!(!routes.stdout.contains("dev eth0"), "{routes}");
        ensure!(host.read("/etc/resolv.conf")?.contains(&format!("nameserver {SERVER}")), "the resolver was lost");
        let shown = host.run("ovsdp show")?.stdout;
        let lines: Vec<_> = shown.lines().collect();
        ensure!(lines.first().is_some_and(|uuid| uuid.len() == 36), "{shown}");
        ensure!(
            lines[1..lines.len() - 1]
                == [
                    "    Bridge ovsbr0",
                    "        Port eth0",
                    "            Interface eth0",
                    "        Port ovsbr0",
                    "            Interface ovsbr0",
                    "                type: internal",
                ],
            "{shown}"
        );
        ensure!(lines.last().is_some_and(|line| line.starts_with("    ovs_version: \"ovsdp ")), "{shown}");
        self.pings_both_ways()
    }
}

/// Writes `ifcfg-NAME` with one assignment a line.
pub(super) fn ifcfg(host: &Host, name: &str, assignments: &str) -> anyhow::Result<()> {
    let text: String = assignments.split_ascii_whitespace().map(|assignment| format!("{assignment}\n")).collect();
    host.write(&format!("{DIR}/ifcfg-{name}"), &text)
}

/// Writes `ifcfg-NAME` of a device that comes up by itself, with `lines` behind that.
pub(super) fn file(host: &Host, name: &str, lines: &str) -> anyhow::Result<()> {
    host.write(&format!("{DIR}/ifcfg-{name}"), &format!("DEVICE={name}\nONBOOT=yes\n{lines}"))
}

/// The two files of the scene, exactly.
pub(super) fn scene_files(host: &Host) -> anyhow::Result<()> {
    ifcfg(host, "eth0", "DEVICE=eth0 DEVICETYPE=ovs HOTPLUG=no NM_CONTROLLED=no ONBOOT=yes OVS_BRIDGE=ovsbr0 TYPE=OVSPort")?;
    let bridge = "DEVICE=ovsbr0 DEVICETYPE=ovs HOTPLUG=no NM_CONTROLLED=no ONBOOT=yes OVSBOOTPROTO=dhcp OVSDHCPINTERFACES=eth0 TYPE=OVSBridge";
    ifcfg(host, "ovsbr0", bridge)
}

/// A bridge `name` without addresses and its system ports, with an agent behind it.
pub(super) fn plain_bridge(host: &Host, name: &str, ports: &[&str]) -> anyhow::Result<Output> {
    ifcfg(host, name, &format!("DEVICE={name} TYPE=OVSBridge ONBOOT=yes BOOTPROTO=none"))?;
    for port in ports {
        ifcfg(host, port, &format!("DEVICE={port} TYPE=OVSPort OVS_BRIDGE={name} ONBOOT=yes"))?;
    }
    host.run(&format!("ovsdp up {name}"))
}

/// Everything about addresses, routes, links and the resolver that a change may touch and `down` must give back: as
/// `ip` tells it, without what ticks or counts.
pub(super) fn snapshot(host: &Host) -> anyhow::Result<String> {
    told(host, strip)
}

/// As [`snapshot`], without what the kernel makes up each time a device is made.
pub(super) fn snapshot_anew(host: &Host) -> anyhow::Result<String> {
    told(host, |value| {
        strip(value);
        for item in value.as_array_mut().into_iter().flatten().filter_map(|item| item.as_object_mut()) {
            ["ifindex", "link_index"].iter().for_each(|key| drop(item.remove(*key)));
            // A random one, that nobody looks at.
            if item.get("ifname").is_some_and(|name| name == "ovs-system") {
                item.remove("address");
            }
        }
    })
}

fn told(host: &Host, strip: impl Fn(&mut serde_json::Value)) -> anyhow::Result<String> {
    // An address is tentative for a second or two after its link came up; the kernel's routes to it come when that ends.
    eventually(Duration::from_secs(20), || {
        let tentative = host.run("ip -6 addr show tentative")?;
        ensure!(tentative.stdout.trim().is_empty(), "{tentative}");
        Ok(())
    })?;
    let mut text = String::new();
    for line in ["ip -j addr", "ip -j route show table all", "ip -j -6 route show table all"] {
        let mut value = host.json(line)?;
        strip(&mut value);
        text.push_str(&format!("{line}\n{value:#}\n"));
    }
    text.push_str(&host.read("/etc/resolv.conf")?);
    Ok(text)
}

/// Fails unless the host's [`snapshot`] is `before`; `when` begins what is said then.
pub(super) fn is_as_before(host: &Host, before: &str, when: &str) -> anyhow::Result<()> {
    same(&snapshot(host)?, before, when)
}

/// Fails unless a [`snapshot`] is another one; `when` begins what is said then.
pub(super) fn same(is: &str, was: &str, when: &str) -> anyhow::Result<()> {
    ensure!(is == was, "{when}: it was\n{was}\nand is now\n{is}");
    Ok(())
}

fn strip(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            for ticking in ["valid_life_time", "preferred_life_time", "stats", "stats64", "expires", "cache"] {
                map.remove(ticking);
            }
            map.values_mut().for_each(strip);
        }
        serde_json::Value::Array(list) => {
            // Interfaces that stand for tunnels the kernel makes by itself when a module is loaded.
            list.retain(|item| {
                !matches!(item.get("ifname").and_then(|name| name.as_str()), Some("gre0" | "gretap0" | "erspan0" | "ip6tnl0" | "sit0" | "ip6gre0"))
            });
            list.iter_mut().for_each(strip);
        }
        _ => {}
    }
}

/// The IPv4 addresses of an interface, with prefix lengths.
pub(super) fn addresses(host: &Host, interface: &str) -> anyhow::Result<Vec<String>> {
    let links = host.json(&format!("ip -j -4 addr show dev {interface}"))?;
    let empty = Vec::new();
    let list = links[0]["addr_info"].as_array().unwrap_or(&empty);
    Ok(list.iter().map(|address| format!("{}/{}", address["local"].as_str().unwrap_or("?"), address["prefixlen"])).collect())
}

/// The MAC of an interface.
pub(super) fn mac(host: &Host, interface: &str) -> anyhow::Result<String> {
    let links = host.json(&format!("ip -j link show dev {interface}"))?;
    Ok(links[0]["address"].as_str().with_context(|| format!("{interface} has no MAC: {links}"))?.to_owned())
}

/// The kernel's port number of a datapath's vport, as stock `ovs-dpctl show` says.
pub(super) fn port_number(host: &Host, interface: &str) -> anyhow::Result<u32> {
    let shown = host.run("ovs-dpctl show ovs-system")?;
    let line = shown.stdout.lines().map(str::trim).find(|line| line.split([' ', ':']).any(|word| word == interface) && line.starts_with("port "));
    let number = line.and_then(|line| line.strip_prefix("port ")?.split(':').next()?.parse().ok());
    number.with_context(|| format!("no port {interface} in: {shown}"))
}

/// The agent's process id, as the host sees it.
pub(super) fn agent_pid(host: &Host) -> anyhow::Result<String> {
    let status = host.json("ovsdp status --json")?;
    let pid = status["agent"]["pid"].as_u64().with_context(|| format!("no agent in {status}"))?;
    Ok(pid.to_string())
}

/// Fails unless `output` says that nothing was changed.
pub(super) fn changed_nothing(output: &Output) -> anyhow::Result<()> {
    ensure!(output.stdout.contains("nothing to do"), "it changed something: {output}");
    ensure!(!output.stdout.contains("[  OK  ]"), "it changed something: {output}");
    Ok(())
}
