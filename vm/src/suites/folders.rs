//! A folder for each type of interface, as the guide of Open vSwitch for RHEL shows them: brought up, changed in place under
//! traffic, and taken down to what was before.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::stage::{DIR, changed_nothing, file, is_as_before, snapshot};
use crate::guest::{Host, World};
use crate::registry::Test;

/// The tests of this suite.
pub const TESTS: &[Test] = &[
    Test::new("folders::a_bridge_and_its_port", |world| check(world, &BRIDGE)),
    Test::new("folders::an_internal_port", |world| check(world, &INTERNAL)),
    Test::new("folders::an_internal_port_of_a_vlan", |world| check(world, &VLAN)),
    Test::new("folders::a_bond", |world| check(world, &BOND)),
    Test::new("folders::a_tunnel", |world| check(world, &TUNNEL)),
    Test::new("folders::patch_ports", |world| check(world, &PATCH)),
    Test::new("folders::what_needs_the_userspace_datapath_is_refused", refused),
];

/// What is in a folder, and what comes of it.
struct Folder {
    /// Names and contents of its files, `DEVICE` and `ONBOOT` left out.
    files: &'static [(&'static str, &'static str)],
    /// The datapath's ports.
    vports: &'static [&'static str],
    /// Which interfaces have which addresses.
    addresses: &'static [(&'static str, &'static str)],
    /// A file that is written anew, what is then to be seen of it and by which command: nothing may be lost by that.
    change: (&'static str, &'static str, &'static str, &'static str),
}

/// The bridge that has the host's address, and the port it was on.
const OVSBRIDGE0: (&str, &str) = ("ovsbridge0", "TYPE=OVSBridge\nBOOTPROTO=static\nIPADDR=10.0.0.5\nNETMASK=255.255.255.0\nHOTPLUG=no\n");
const ETH0: (&str, &str) = ("eth0", "TYPE=OVSPort\nOVS_BRIDGE=ovsbridge0\nBOOTPROTO=none\nHOTPLUG=no\n");

const BRIDGE: Folder = Folder {
    files: &[OVSBRIDGE0, ETH0],
    vports: &["ovsbridge0 (internal)", "eth0"],
    addresses: &[("ovsbridge0", "10.0.0.5/24")],
    change: (
        "ovsbridge0",
        "TYPE=OVSBridge\nBOOTPROTO=static\nIPADDR=10.0.0.5\nNETMASK=255.255.255.0\nIPADDR1=10.0.0.6\nPREFIX1=24\nMTU=1400\n",
        "ip addr show ovsbridge0",
        "10.0.0.6/24",
    ),
};

const INTERNAL: Folder = Folder {
    files: &[
        OVSBRIDGE0,
        ETH0,
        ("intbr0", "TYPE=OVSIntPort\nOVS_BRIDGE=ovsbridge0\nBOOTPROTO=static\nIPADDR=10.9.0.5\nNETMASK=255.255.255.0\nHOTPLUG=no\n"),
        ("intbr1", "TYPE=OVSIntPort\nOVS_BRIDGE=ovsbridge0\nHOTPLUG=no\n"),
    ],
    vports: &["ovsbridge0 (internal)", "eth0", "intbr0 (internal)", "intbr1 (internal)"],
    addresses: &[("ovsbridge0", "10.0.0.5/24"), ("intbr0", "10.9.0.5/24")],
    change: (
        "intbr1",
        "TYPE=OVSIntPort\nOVS_BRIDGE=ovsbridge0\nOVS_EXTRA=\"set Interface intbr1 mtu_request=1300\"\n",
        "ip link show intbr1",
        "mtu 1300",
    ),
};

const VLAN: Folder = Folder {
    files: &[
        OVSBRIDGE0,
        ETH0,
        (
            "vlan100",
            "TYPE=OVSIntPort\nBOOTPROTO=static\nIPADDR=10.100.0.5\nNETMASK=255.255.255.0\nOVS_BRIDGE=ovsbridge0\nOVS_OPTIONS=\"tag=100\"\n\
             OVS_EXTRA=\"set Interface $DEVICE external-ids:iface-id=$(hostname -s)-$DEVICE-vif\"\nHOTPLUG=no\n",
        ),
    ],
    vports: &["ovsbridge0 (internal)", "eth0", "vlan100 (internal)"],
    addresses: &[("ovsbridge0", "10.0.0.5/24"), ("vlan100", "10.100.0.5/24")],
    change: (
        "vlan100",
        "TYPE=OVSIntPort\nBOOTPROTO=static\nIPADDR=10.100.0.5\nNETMASK=255.255.255.0\nOVS_BRIDGE=ovsbridge0\nOVS_OPTIONS=\"tag=101\"\n",
        "ovsdp show",
        "tag: 101",
    ),
};

const BOND: Folder = Folder {
    files: &[
        OVSBRIDGE0,
        ETH0,
        (
            "bond0",
            "TYPE=OVSBond\nOVS_BRIDGE=ovsbridge0\nBOOTPROTO=none\nBOND_IFACES=\"gige-1b-0 gige-1b-1\"\n\
             OVS_OPTIONS=\"bond_mode=balance-tcp lacp=active\"\nHOTPLUG=no\n",
        ),
        ("gige-1b-0", "HOTPLUG=no\n"),
        ("gige-1b-1", "HOTPLUG=no\n"),
    ],
    vports: &["ovsbridge0 (internal)", "eth0", "gige-1b-0", "gige-1b-1"],
    addresses: &[("ovsbridge0", "10.0.0.5/24")],
    change: (
        "bond0",
        "TYPE=OVSBond\nOVS_BRIDGE=ovsbridge0\nBOND_IFACES=\"gige-1b-0 gige-1b-1\"\nOVS_OPTIONS=\"bond_mode=active-backup\"\n",
        "ovsdp appctl bond/show bond0",
        "bond_mode: active-backup",
    ),
};

const TUNNEL: Folder = Folder {
    files: &[
        OVSBRIDGE0,
        ("ovsbridge1", "TYPE=OVSBridge\nBOOTPROTO=static\nIPADDR=10.50.0.5\nNETMASK=255.255.255.0\n"),
        ETH0,
        ("ovs-gre0", "TYPE=OVSTunnel\nOVS_BRIDGE=ovsbridge1\nOVS_TUNNEL_TYPE=gre\nOVS_TUNNEL_OPTIONS=\"options:remote_ip=10.0.0.1\"\n"),
    ],
    vports: &["ovsbridge0 (internal)", "ovsbridge1 (internal)", "eth0", "gre_sys"],
    addresses: &[("ovsbridge0", "10.0.0.5/24"), ("ovsbridge1", "10.50.0.5/24")],
    change: (
        "ovs-gre0",
        "TYPE=OVSTunnel\nOVS_BRIDGE=ovsbridge1\nOVS_TUNNEL_TYPE=gre\nOVS_TUNNEL_OPTIONS=\"options:remote_ip=10.0.0.1 options:key=7\"\n",
        "ovsdp show",
        "key=\"7\"",
    ),
};

const PATCH: Folder = Folder {
    files: &[
        OVSBRIDGE0,
        ETH0,
        ("ovsbridge1", "TYPE=OVSBridge\nBOOTPROTO=none\n"),
        ("patch-ovs-0", "TYPE=OVSPatchPort\nOVS_BRIDGE=ovsbridge0\nOVS_PATCH_PEER=patch-ovs-1\n"),
        ("patch-ovs-1", "TYPE=OVSPatchPort\nOVS_BRIDGE=ovsbridge1\nOVS_PATCH_PEER=patch-ovs-0\n"),
    ],
    vports: &["ovsbridge0 (internal)", "ovsbridge1 (internal)", "eth0"],
    addresses: &[("ovsbridge0", "10.0.0.5/24")],
    change: (
        "ovsbridge1",
        "TYPE=OVSBridge\nBOOTPROTO=none\nOVS_EXTRA=\"br-set-external-id ovsbridge1 role storage\"\n",
        "ovsdp vsctl br-get-external-id ovsbridge1 role",
        "storage",
    ),
};

fn write(host: &Host, (name, text): (&str, &str)) -> anyhow::Result<()> {
    let kind = if text.contains("TYPE=") { "DEVICETYPE=ovs\n" } else { "" };
    file(host, name, &format!("{kind}{text}"))
}

/// A host whose address is on `eth0`, with two more cables, and its neighbour.
fn hosts(world: &World) -> anyhow::Result<(Host, Host)> {
    let (host, peer) = (world.host("host")?, world.host("peer")?);
    for (near, far) in [("eth0", "e0"), ("gige-1b-0", "e1"), ("gige-1b-1", "e2")] {
        world.veth(&host, near, &peer, far)?;
    }
    host.run("ip addr add 10.0.0.5/24 dev eth0")?;
    peer.run("ip addr add 10.0.0.1/24 dev e0")?;
    Ok((host, peer))
}

fn check(world: &mut World, folder: &Folder) -> anyhow::Result<()> {
    let (host, peer) = hosts(world)?;
    let before = snapshot(&host)?;
    folder.files.iter().try_for_each(|file| write(&host, *file))?;
    host.run("ovsdp up")?;
    let shown = host.run("ovs-dpctl show")?.stdout;
    for vport in folder.vports {
        ensure!(shown.lines().any(|line| line.ends_with(&format!(": {vport}")) || line.contains(&format!(": {vport} ("))), "no {vport}: {shown}");
    }
    for (device, address) in folder.addresses {
        let found = host.run(&format!("ip -o addr show dev {device}"))?.stdout;
        ensure!(found.contains(&format!(" {address} ")), "{device} has not {address}: {found}");
    }
    ensure!(!host.run("ip -o -4 addr show dev eth0")?.stdout.contains("inet "), "eth0 has an address still");
    changed_nothing(&host.run("ovsdp up")?)?;

    let pings = peer.ping_stream("10.0.0.5", 10)?;
    pings.wait_replies(50, Duration::from_secs(20))?;
    let (name, text, command, wanted) = folder.change;
    write(&host, (name, text))?;
    host.run("ovsdp up")?;
    let seen = host.run(command)?;
    ensure!(seen.stdout.contains(wanted), "{wanted} is not there: {seen}");
    pings.wait_replies(50, Duration::from_secs(20))?;
    let report = pings.stop()?;
    ensure!(report.lost() == 0, "the change lost packets: {report:?}");
    changed_nothing(&host.run("ovsdp up")?)?;

    let bridges = folder.files.iter().filter(|(_, text)| text.contains("OVSBridge")).map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    host.run(&format!("ovsdp down {bridges}"))?;
    is_as_before(&host, &before, "down")
}

/// Each is named with the reason, and nothing is changed.
fn refused(world: &mut World) -> anyhow::Result<()> {
    let (host, _peer) = hosts(world)?;
    let before = snapshot(&host)?;
    for (name, text) in [
        ("obr0", "TYPE=OVSUserBridge\nBOOTPROTO=static\nIPADDR=10.0.0.5\nNETMASK=255.255.255.0\n"),
        ("dpdk0", "TYPE=OVSDPDKPort\nOVS_BRIDGE=ovsbridge0\n"),
        ("vhu0", "TYPE=OVSDPDKVhostUserPort\nOVS_BRIDGE=ovsbridge0\n"),
        ("bond0", "TYPE=OVSDPDKBond\nOVS_BRIDGE=ovsbridge0\nBOND_IFACES=\"dpdk0 dpdk1\"\nOVS_OPTIONS=\"bond_mode=active-backup\"\n"),
    ] {
        for file in [OVSBRIDGE0, ETH0, (name, text)] {
            write(&host, file)?;
        }
        let up = host.try_run("ovsdp up")?;
        let kind = text.split(['=', '\n']).nth(1).context("no type")?;
        ensure!(up.code == 3 && up.stderr.contains(kind) && up.stderr.contains("userspace"), "{up}");
        host.run(&format!("rm {DIR}/ifcfg-*"))?;
    }
    is_as_before(&host, &before, "refused")
}
