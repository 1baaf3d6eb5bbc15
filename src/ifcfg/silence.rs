//! No key is passed over in silence: on whatever it stands, a value that is not what goes without saying changes what the folder asks
//! for, or is told of by name.

use super::diag::Diagnostic;
use super::{Host, Sources, Understood, arrange, keys, understand};

/// Keys with a value that is not what is so without it.
const VALUES: &[(&str, &str)] = &[
    ("ACD_TIMEOUT", "9000"),
    ("ARPCHECK", "no"),
    ("ARPCHECK1", "no"),
    ("ARPING_TRIES", "7"),
    ("ARPING_UPDATE_WAIT", "7"),
    ("ARPING_WAIT", "7"),
    ("ARPUPDATE", "no"),
    ("ARPUPDATE1", "no"),
    ("BOND_IFACES", "eth7 eth8"),
    ("BOOTPROTO", "dhcp"),
    ("BROADCAST", "192.0.2.254"),
    ("BROADCAST1", "192.0.2.254"),
    ("DATAPATH", "netdev"),
    ("DEFROUTE", "no"),
    ("DEVICETYPE", "eth"),
    ("DEVTIMEOUT", "7"),
    ("DHCLIENT_IGNORE_GATEWAY", "yes"),
    ("DHCPRELEASE", "no"),
    ("DHCPV6C", "yes"),
    ("DHCPV6C_OPTIONS", "-S"),
    ("DHCP_CLIENT_ID", "mac"),
    ("DHCP_FQDN", "a.example.org"),
    ("DHCP_HOSTNAME", "a"),
    ("DHCP_IAID", "7"),
    ("DHCP_SEND_HOSTNAME", "no"),
    ("DHCP_VENDOR_CLASS_IDENTIFIER", "a"),
    ("DNS1", "192.0.2.53"),
    ("DNS2", "192.0.2.54"),
    ("DOMAIN", "example.org"),
    ("ETHTOOL_OPTS", "-K ${DEVICE} gro off"),
    ("GATEWAY", "192.0.2.9"),
    ("GATEWAYDEV", "eth9"),
    ("HWADDR", "52:54:00:00:00:07"),
    ("IPADDR", "192.0.2.7"),
    ("IPADDR0", "192.0.2.70"),
    ("IPADDR1", "192.0.2.71"),
    ("IPADDR2", "192.0.2.72"),
    ("IPADDR3", "192.0.2.73"),
    ("IPV4_DHCP_TIMEOUT", "7"),
    ("IPV4_ROUTE_METRIC", "7"),
    ("IPV4_ROUTE_TABLE", "7"),
    ("IPV6ADDR", "2001:db8::7"),
    ("IPV6ADDR_SECONDARIES", "2001:db8::8"),
    ("IPV6FORWARDING", "yes"),
    ("IPV6INIT", "no"),
    ("IPV6_AUTOCONF", "no"),
    ("IPV6_DEFAULTDEV", "eth9"),
    ("IPV6_DEFAULTGW", "2001:db8::9"),
    ("IPV6_DHCP_TIMEOUT", "7"),
    ("IPV6_FORCE_ACCEPT_RA", "yes"),
    ("IPV6_MTU", "1300"),
    ("IPV6_PRIVACY", "rfc3041"),
    ("IPV6_ROUTER", "no"),
    ("IPV6_SET_SYSCTLS", "no"),
    ("LINKDELAY", "7"),
    ("LINKSTATUS", "down"),
    ("MACADDR", "52:54:00:00:00:08"),
    ("METRIC", "7"),
    ("MTU", "1400"),
    ("NETMASK", "255.255.255.128"),
    ("NETMASK0", "255.255.255.128"),
    ("NETMASK1", "255.255.255.128"),
    ("NM_CONTROLLED", "yes"),
    ("ONBOOT", "no"),
    ("OVSBOOTPROTO", "dhcp"),
    ("OVSDHCPINTERFACES", "eth0"),
    ("OVSREQUIRES", "eth5"),
    ("OVS_BRIDGE", "ovsbr1"),
    ("OVS_EXTRA", "set bridge ovsbr0 other-config:mac-table-size=7"),
    ("OVS_OPTIONS", "tag=7"),
    ("OVS_PATCH_PEER", "other"),
    ("OVS_TUNNEL_OPTIONS", "options:remote_ip=198.51.100.7"),
    ("OVS_TUNNEL_TYPE", "gre"),
    ("PEERDNS", "no"),
    ("PEERROUTES", "no"),
    ("PERSISTENT_DHCLIENT", "yes"),
    ("PERSISTENT_DHCLIENT_IPV6", "yes"),
    ("PREFIX", "25"),
    ("PREFIX0", "25"),
    ("PREFIX1", "25"),
    ("RESOLV_MODS", "no"),
    ("SCOPE", "scope link"),
    ("SEARCH", "example.org"),
    ("SRCADDR", "192.0.2.5"),
    ("TYPE", "Bond"),
    ("ZONE", "trusted"),
];

/// Keys that are true of every host this runs on, or that are for others' eyes.
const WITHOUT_A_WORD: [&str; 5] = ["DEVICE", "HOTPLUG", "NAME", "NOZEROCONF", "NO_DHCP_HOSTNAME"];

const BRIDGE: &str = "DEVICE=ovsbr0\nTYPE=OVSBridge\n";
const FIXED: &str = "IPADDR=192.0.2.5\nPREFIX=24\nGATEWAY=192.0.2.1\nDNS1=192.0.2.3\n";
const FIXED6: &str = "IPV6ADDR=2001:db8::5/64\nIPV6_DEFAULTGW=2001:db8::1\n";

/// What the keys are tried on: a folder, and the file in it.
struct Scene {
    name: &'static str,
    file: &'static str,
    files: Vec<(&'static str, String)>,
}

fn scenes() -> Vec<Scene> {
    let port = |device: &str| format!("DEVICE={device}\nTYPE=OVSPort\nOVS_BRIDGE=ovsbr0\n");
    let (eth0, bridge) = (("ifcfg-eth0", port("eth0")), ("ifcfg-ovsbr0", format!("{BRIDGE}{FIXED}")));
    let scene = |name, file, own: String, others: &[(&'static str, String)]| {
        let files = std::iter::once((file, own)).chain(others.iter().filter(|(other, _)| *other != file).cloned()).collect();
        Scene { name, file, files }
    };
    let all = [eth0.clone(), bridge.clone()];
    let requires = ("ifcfg-ovsbr0", format!("{BRIDGE}{FIXED}OVSREQUIRES=eth6\n"));
    let bond = ("ifcfg-bond0", "DEVICE=bond0\nTYPE=OVSBond\nOVS_BRIDGE=ovsbr0\nBOND_IFACES=\"eth1 eth2\"\n".to_owned());
    let other = ("ifcfg-ovsbr9", "DEVICE=ovsbr9\nTYPE=OVSBridge\n".to_owned());
    vec![
        scene("a bridge", "ifcfg-ovsbr0", format!("{BRIDGE}{FIXED}{FIXED6}"), &all),
        scene("a bridge with several addresses", "ifcfg-ovsbr0", format!("{BRIDGE}{FIXED}IPADDR1=192.0.2.6\nPREFIX1=24\n"), &all),
        scene(
            "a bridge with a lease",
            "ifcfg-ovsbr0",
            format!("{BRIDGE}OVSBOOTPROTO=dhcp\nOVSDHCPINTERFACES=\"eth0 eth3\"\n"),
            &[eth0.clone(), ("ifcfg-eth3", port("eth3"))],
        ),
        scene("a bridge without an address", "ifcfg-ovsbr0", BRIDGE.to_owned(), &all),
        scene("a bridge with leases of both families", "ifcfg-ovsbr0", format!("{BRIDGE}OVSBOOTPROTO=dhcp\nDHCPV6C=yes\n"), &all),
        scene("a port", "ifcfg-eth0", port("eth0"), &all),
        scene("an internal port", "ifcfg-int0", format!("DEVICE=int0\nTYPE=OVSIntPort\nOVS_BRIDGE=ovsbr0\n{FIXED}{FIXED6}"), &all),
        scene("an internal port with a lease", "ifcfg-int0", "DEVICE=int0\nTYPE=OVSIntPort\nOVS_BRIDGE=ovsbr0\nOVSBOOTPROTO=dhcp\n".to_owned(), &all),
        scene("a fake bridge", "ifcfg-fake0", format!("DEVICE=fake0\nTYPE=OVSBridge\nOVS_OPTIONS=\"ovsbr0 9\"\n{FIXED}{FIXED6}"), &all),
        scene(
            "a fake bridge with a lease",
            "ifcfg-fake0",
            "DEVICE=fake0\nTYPE=OVSBridge\nOVS_OPTIONS=\"ovsbr0 9\"\nOVSBOOTPROTO=dhcp\n".to_owned(),
            &all,
        ),
        scene("a bond", bond.0, bond.1.clone(), &all),
        scene("a bond's member", "ifcfg-eth1", "DEVICE=eth1\n".to_owned(), &[eth0.clone(), bridge.clone(), bond]),
        scene(
            "a tunnel",
            "ifcfg-vx0",
            "DEVICE=vx0\nTYPE=OVSTunnel\nOVS_BRIDGE=ovsbr0\nOVS_TUNNEL_TYPE=vxlan\nOVS_TUNNEL_OPTIONS=options:remote_ip=203.0.113.1\n".to_owned(),
            &all,
        ),
        scene(
            "a patch port",
            "ifcfg-pa0",
            "DEVICE=pa0\nTYPE=OVSPatchPort\nOVS_BRIDGE=ovsbr0\nOVS_PATCH_PEER=pa9\n".to_owned(),
            &[
                eth0.clone(),
                bridge.clone(),
                other,
                ("ifcfg-pa9", "DEVICE=pa9\nTYPE=OVSPatchPort\nOVS_BRIDGE=ovsbr9\nOVS_PATCH_PEER=pa0\n".to_owned()),
            ],
        ),
        scene("a plain device", "ifcfg-eth6", format!("DEVICE=eth6\n{FIXED}{FIXED6}"), &[eth0.clone(), requires.clone()]),
        scene("a plain device with a lease", "ifcfg-eth6", "DEVICE=eth6\nBOOTPROTO=dhcp\n".to_owned(), &[eth0.clone(), requires]),
        scene("an alias", "ifcfg-ovsbr0:1", "DEVICE=ovsbr0:1\nIPADDR=192.0.2.100\nPREFIX=24\n".to_owned(), &all),
        scene(
            "an alias of a plain device",
            "ifcfg-eth6:1",
            "DEVICE=eth6:1\nIPADDR=192.0.2.100\nPREFIX=24\n".to_owned(),
            &[eth0, ("ifcfg-ovsbr0", format!("{BRIDGE}{FIXED}OVSREQUIRES=eth6\n")), ("ifcfg-eth6", format!("DEVICE=eth6\n{FIXED}"))],
        ),
    ]
}

/// Whether there is nothing to tell: what the key says is so without it.
fn is_so_anyway(key: &str, value: &str, scene: &Scene) -> bool {
    let on = |part: &str| scene.name.contains(part);
    match key {
        // It takes something away that is not there.
        _ if value == "no" && ["port", "bond", "tunnel"].iter().any(|part| on(part)) && !on("internal") => true,
        "DEFROUTE" | "GATEWAYDEV" => on("port") || on("bond") || on("tunnel") || on("without an address"),
        "IPV6INIT" | "IPV6_SET_SYSCTLS" => true,
        "PEERDNS" | "RESOLV_MODS" => on("without an address"),
        // The other of the two says so too.
        "BOOTPROTO" | "OVSBOOTPROTO" => on("lease"),
        "OVSDHCPINTERFACES" | "DHCPV6C" => on("both families"),
        // Whoever names it wants it whatever it says.
        "ONBOOT" => on("plain"),
        // An alias comes with its interface and is of its kind.
        "NM_CONTROLLED" => on("alias"),
        // So is a bond's device, which may be of any.
        "DEVICETYPE" | "TYPE" => on("alias") || on("member"),
        _ => false,
    }
}

/// What the folder asks for, and everything said of it with the places.
fn outcome(scene: &Scene, own: &str) -> (String, Vec<Diagnostic>) {
    let mut sources = Sources::new("network-scripts");
    for (name, text) in &scene.files {
        sources.insert_named(*name, if *name == scene.file { own } else { text });
    }
    let Understood { mut diagnostics, intent, left, .. } = understand(&sources, &Host::new("host1"));
    arrange(&mut diagnostics, &sources);
    (format!("{intent:?} {left:?}"), diagnostics)
}

#[test]
fn every_key_has_a_value_to_try() {
    for key in keys::acted().filter(|key| !WITHOUT_A_WORD.contains(key)) {
        let is_tried = |(name, _): &(&str, &str)| *name == key || name.trim_end_matches(|c: char| c.is_ascii_digit()) == key;
        assert!(VALUES.iter().any(is_tried), "{key}");
    }
}

#[test]
fn no_key_is_passed_over_in_silence() {
    let mut silent = Vec::new();
    for scene in scenes() {
        let before = scene.files.iter().find(|(name, _)| *name == scene.file).map(|(_, text)| text.clone()).unwrap_or_default();
        let (asked, told) = outcome(&scene, &before);
        for (key, value) in VALUES {
            let without: String = before.lines().filter(|line| !line.starts_with(&format!("{key}="))).map(|line| format!("{line}\n")).collect();
            let (now, found) = outcome(&scene, &format!("{without}{key}=\"{value}\"\n"));
            let line = Some(without.lines().count() + 1);
            let is_told = |found: &&Diagnostic| (found.file == scene.file && found.line == line) || found.message.contains(key);
            let is_told = found.iter().filter(|found| told.iter().all(|before| before.message != found.message)).any(|found| is_told(&found));
            if now == asked && !is_told && !is_so_anyway(key, value, &scene) {
                silent.push(format!("{key}={value} on {}", scene.name));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
