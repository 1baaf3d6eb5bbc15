//! `/etc/sysconfig/network`: what it says of the whole host, and what of it each interface takes over.
//!
//! It must not read values for interfaces: their readers see them as if they stood in their own files.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::assign::Vars;
use super::code::Code;
use super::diag::{Diagnostic, Severity, shown};
use super::file::NETWORK;
use super::host::Host;
use super::keys::{self, is_false};
use super::settings::value_span;

/// When there is something to say of a key that has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Set,
    Yes,
    No,
}

use When::{No, Set, Yes};

const IPX: &str = "no kernel of today knows IPX";
const RADVD: &str = "nothing is told to radvd, which notices by itself";
const SIX_TO_FOUR: &str = "no 6to4 tunnel is made";

/// The keys of the host as a whole that nothing here acts on, with what there is to say.
const KEYS: &[(&str, When, &str, &str)] = &[
    ("FORWARD_IPV4", Set, "nothing has read it for years", "write `net.ipv4.ip_forward = 1` into a file of /etc/sysctl.d"),
    (
        "IFDOWN_ON_SHUTDOWN",
        Yes,
        "nothing is taken down at shutdown: bridges carry traffic to the end",
        "remove it, or have a unit of your own run `ovsdp down`",
    ),
    ("IPV6TO4INIT", Yes, SIX_TO_FOUR, "remove it"),
    ("IPV6TO4_RADVD_PIDFILE", Set, RADVD, "remove it"),
    ("IPV6_AUTOTUNNEL", Yes, "no tunnel is made by itself", "write a file with `TYPE=OVSTunnel` for each"),
    ("IPV6_CONTROL_RADVD", Yes, RADVD, "remove it"),
    ("IPV6_RADVD_PIDFILE", Set, RADVD, "remove it"),
    ("IPV6_RADVD_TRIGGER_ACTION", Set, RADVD, "remove it"),
    ("IPX", Yes, IPX, "remove it"),
    ("IPXAUTOFRAME", Yes, IPX, "remove it"),
    ("IPXAUTOPRIMARY", Yes, IPX, "remove it"),
    ("IPXINTERNALNETNUM", Set, IPX, "remove it"),
    ("IPXINTERNALNODENUM", Set, IPX, "remove it"),
    (
        "NETWORKDELAY",
        Yes,
        "`ovsdp restart` ends when addresses and leases are there, and not later",
        "write `LINKDELAY=` into the file of a port whose switch takes its time, or have what comes after wait for what it needs",
    ),
    (
        "NETWORKING",
        No,
        "network-scripts brought nothing up at boot then; `ovsdp restart` and `ovsdp up` do",
        "remove it; `systemctl disable ovsdp-network` keeps everything down at boot, and `ONBOOT=no` one interface",
    ),
    ("NETWORKING_IPV6", No, "`IPV6INIT=` says of each interface whether IPv6 is its file's business", "write `IPV6INIT=no`"),
    ("NETWORKWAIT", Yes, "nothing here is started before its devices are there", "remove it"),
    ("NISDOMAIN", Set, "the NIS domain is not set from here", "set it with `nisdomainname`, from a unit of your own"),
    ("VLAN", Yes, "the kernel's own VLAN devices are not made here, and its modules need not be loaded", "remove it"),
    ("VLAN_NAME_TYPE", Set, "the kernel's own VLAN devices are not made here", "remove it"),
    (
        "WAIT_UNTIL_REACHABLE",
        Set,
        "no host is waited for when everything is up",
        "say `ovsdp restart --probe=ADDRESS` for a neighbour that has to answer, or have what comes after wait for what it needs",
    ),
];

/// Keys that make one interface what it is.
const OF_ONE: [&str; 15] = [
    "BOND_IFACES",
    "DEVICE",
    "DEVICETYPE",
    "HWADDR",
    "IPADDR",
    "IPV6ADDR",
    "IPV6ADDR_SECONDARIES",
    "MACADDR",
    "OVSREQUIRES",
    "OVS_BRIDGE",
    "OVS_EXTRA",
    "OVS_OPTIONS",
    "OVS_PATCH_PEER",
    "OVS_TUNNEL_OPTIONS",
    "TYPE",
];

/// What there is to say of the keys of the file. `used`: those whose values other lines take up.
pub(super) fn judge(vars: &Vars, used: &BTreeSet<String>, host: &Host) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, var) in vars.of(NETWORK) {
        let Some(text) = var.value.text().map(str::trim).filter(|text| !text.is_empty()) else { continue };
        if let Some((_, when, why, help)) = KEYS.iter().find(|(key, ..)| *key == name) {
            let bites = match when {
                Set => true,
                Yes => !is_false(text),
                No => is_false(text),
            };
            if bites {
                let message = format!("`{name}` has no effect: {why}");
                found.push(Diagnostic::warning(Code::NoEffect, NETWORK, message).at(var.name_span.to(var.value.span())).help(*help));
            }
            continue;
        }
        if name == "HOSTNAME" {
            if text != host.name() {
                let message =
                    format!("`HOSTNAME={}`: this host is called `{}`, and its name is not set from here", shown(text.as_bytes()), host.name());
                let found_here = Diagnostic::warning(Code::NoEffect, NETWORK, message).at(value_span(var));
                found.push(found_here.help("`hostnamectl set-hostname` sets it; files here see this line's as `$HOSTNAME`"));
            }
            continue;
        }
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if OF_ONE.contains(&stem) {
            let message = format!("`{name}` becomes that of every interface whose own file does not set it");
            found.push(
                Diagnostic::warning(Code::BadValue, NETWORK, message)
                    .at(var.name_span)
                    .help("write it into the file of the interface it is meant for"),
            );
        } else if let Some(judged) = keys::judge(NETWORK, name, &var.value, used.contains(name)) {
            // Not every interface has to do with it.
            found.push(Diagnostic { severity: Severity::Warning, ..judged }.at(var.name_span));
        }
    }
    found
}

/// What the file says of the default route and no interface takes over. `described`: the devices that files describe; `nets` returns all the
/// networks of their addresses, `None` when they are not all known.
pub(super) fn default_route(vars: &Vars, described: &BTreeSet<&str>, nets: impl FnOnce() -> Option<Vec<IpNet>>) -> Vec<Diagnostic> {
    let own = |key: &str| {
        let var = vars.get(key).filter(|var| &*var.file == NETWORK)?;
        Some((var.value.text()?.trim(), value_span(var))).filter(|(text, _)| !text.is_empty())
    };
    let warning = |message: String, span| Diagnostic::warning(Code::GatewayOffSubnet, NETWORK, message).at(span);
    let mut found = Vec::new();
    if let Some((device, span)) = own("GATEWAYDEV").filter(|(device, _)| !described.contains(device)) {
        let message = format!("no file describes `{}`, and no other interface gets a default route beside this line", shown(device.as_bytes()));
        found.push(warning(message, span).help("name the interface that has the default route, or remove it"));
    } else if let Some((text, span)) = own("GATEWAY")
        && let Ok(gateway) = text.parse::<IpAddr>()
        && let Some(nets) = nets()
        && !nets.iter().any(|net| net.contains(&gateway))
    {
        let message = format!("`{gateway}` is in no network of any file, so it makes no default route");
        found.push(warning(message, span).help("write it into the file of the interface it is reached by, or correct it"));
    }
    let scope = own("IPV6_DEFAULTGW").and_then(|(text, span)| Some((text.split_once('%')?.1, span)));
    if let Some((device, span)) = scope.or_else(|| own("IPV6_DEFAULTDEV")).filter(|(device, _)| !described.contains(device)) {
        let message = format!("no file describes `{}`, so the default route of IPv6 is not made", shown(device.as_bytes()));
        found.push(warning(message, span).help("name the interface that has the default route, or remove it"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, intent};
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(KEYS.is_sorted_by(|a, b| a.0 < b.0));
    }

    fn found(text: &str) -> Vec<(Severity, Code, String)> {
        let mut sources = Sources::new("network-scripts");
        sources.insert_named(NETWORK, text);
        sources.insert(
            "ifcfg-ovsbr0",
            "DEVICE=ovsbr0\nTYPE=OVSBridge\nIPADDR=192.0.2.5\nPREFIX=24\nOVS_EXTRA=\"br-set-external-id ovsbr0 site $SITE\"\n",
        );
        sources.insert("ifcfg-eth0", "DEVICE=eth0\nTYPE=OVSPort\nOVS_BRIDGE=ovsbr0\n");
        let list = intent(&sources, &Host::new("host1")).diagnostics;
        list.into_iter().filter(|found| found.file == NETWORK).map(|found| (found.severity, found.code, found.message)).collect()
    }

    /// What a RHEL host has in the file, and what everybody may take from it.
    #[test]
    fn what_is_so_here_is_not_told() {
        let text = "NETWORKING=yes\nNETWORKING_IPV6=yes\nHOSTNAME=host1\nNOZEROCONF=yes\nGATEWAY=192.0.2.1\nGATEWAYDEV=ovsbr0\n\
                    IPV6INIT=no\nIFDOWN_ON_SHUTDOWN=no\nNETWORKDELAY=0\nSITE=a\nPEERDNS=no\nIPV6_AUTOCONF=no\nVLAN=no\n";
        assert_eq!(found(text), []);
    }

    #[test]
    fn what_nobody_acts_on_is_told_by_name() {
        for (key, value) in [
            ("NETWORKING", "no"),
            ("NETWORKING_IPV6", "NO"),
            ("NETWORKDELAY", "30"),
            ("WAIT_UNTIL_REACHABLE", "192.0.2.9"),
            ("IFDOWN_ON_SHUTDOWN", "yes"),
            ("NISDOMAIN", "example"),
            ("VLAN", "yes"),
            ("HOSTNAME", "other"),
            ("FORWARD_IPV4", "false"),
            ("IPV6_AUTOTUNNEL", "yes"),
            ("RES_OPTIONS", "rotate"),
            ("IPADDR", "192.0.2.9"),
        ] {
            let list = found(&format!("{key}={value}\n"));
            assert!(matches!(list.as_slice(), [(Severity::Warning, _, message)] if message.contains(key)), "{key}: {list:?}");
        }
        assert!(matches!(found("NETWORKNG=yes\n").as_slice(), [(Severity::Warning, Code::UnknownKey, _)]));
        assert!(matches!(found("ARP=no\n").as_slice(), [(Severity::Warning, Code::Unsupported, _)]));
    }

    #[test]
    fn a_default_route_that_nobody_makes_is_told() {
        for text in ["GATEWAY=203.0.113.1\n", "GATEWAYDEV=ovsbr1\n", "GATEWAYDEV=ovsbr1\nGATEWAY=192.0.2.1\n", "IPV6_DEFAULTGW=fe80::1%ovsbr1\n"] {
            assert!(matches!(found(text).as_slice(), [(Severity::Warning, Code::GatewayOffSubnet, _)]), "{text}: {:?}", found(text));
        }
        assert_eq!(found("GATEWAY=192.0.2.1\nGATEWAYDEV=eth0\n"), [], "the port has a file, and the interface's own finding says the rest");
    }

    /// `VLAN=yes` there had the kernel's module loaded; it makes no interface one of a VLAN.
    #[test]
    fn the_hosts_vlan_is_no_interfaces() {
        let mut sources = Sources::new("network-scripts");
        sources.insert_named(NETWORK, "VLAN=yes\n");
        sources.insert("ifcfg-ovsbr0", "DEVICE=ovsbr0\nTYPE=OVSBridge\nOVSREQUIRES=eth6\n");
        sources.insert("ifcfg-eth0", "DEVICE=eth0\nTYPE=OVSPort\nOVS_BRIDGE=ovsbr0\n");
        sources.insert("ifcfg-eth6", "DEVICE=eth6\nIPADDR=192.0.2.5\nPREFIX=24\n");
        assert_eq!(intent(&sources, &Host::new("host1")).intent.unwrap().plain.len(), 1);
    }
}
