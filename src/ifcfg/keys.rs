//! Every key a RHEL-style interface file may hold, and what this version does with each: act on it, say that it has no
//! effect, or refuse it because leaving it out would change what happens to traffic. No key is passed over in silence.
//!
//! It must not read values beyond what a rule's condition needs. A key that becomes supported changes its row here and
//! gets its reader in `settings` or `address`.

use super::code::Code;
use super::diag::Diagnostic;
use super::suggest;
use super::value::Value;

/// When a rule bites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// The value is not empty.
    Set,
    /// The value is not empty and not one of initscripts' words for no.
    Yes,
    /// The value is one of initscripts' words for no.
    No,
}

/// What is done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Read by `settings` or one of those it asks, or true of every host this runs on.
    Acted,
    /// Reported as without effect, because of the reason.
    Inert(When, &'static str),
    /// Refused, because of the reason.
    Refused(When, &'static str),
    /// As the two above, with a code of the published list.
    Coded(Code, bool, When, &'static str),
}

use Rule::{Acted, Coded, Inert, Refused};
use When::{No, Set, Yes};

const SHELL: &str = "only network-scripts' own programs read it";
const NM: &str = "only NetworkManager reads it";
const MEMBER: &str = "a device cannot belong to an Open vSwitch bridge and to this at the same time";
const ROUTE: &str = "the default route would be made without it";

/// Keys without a number at the end.
const KEYS: &[(&str, Rule)] = &[
    ("ACD_TIMEOUT", Acted),
    ("ALLMULTI", Coded(Code::Obsolete, false, Set, "nothing has read it for years")),
    ("ARP", Refused(No, "the interface would answer ARP all the same")),
    ("ARPING_TRIES", Acted),
    ("ARPING_UPDATE_WAIT", Acted),
    ("ARPING_WAIT", Acted),
    ("AUTOCONNECT_PRIORITY", Inert(Set, NM)),
    ("BONDING_MASTER", Refused(Yes, MEMBER)),
    ("BONDING_OPTS", Inert(Set, "the kernel's own bonds are not set up here")),
    ("BOND_IFACES", Acted),
    ("BOOTPROTO", Acted),
    ("BRIDGE", Refused(Set, MEMBER)),
    ("BRIDGING_OPTS", Inert(Set, "it belongs to the kernel's own bridges")),
    ("BROWSER_ONLY", Inert(Yes, NM)),
    ("CONNECTION_METERED", Inert(Set, NM)),
    ("DATAPATH", Acted),
    ("DEFROUTE", Acted),
    ("DELAY", Inert(Set, "it belongs to the kernel's own bridges")),
    ("DEVICE", Acted),
    ("DEVICETYPE", Acted),
    ("DEVTIMEOUT", Acted),
    ("DHCLIENTARGS", Refused(Set, "there is no dhclient here that could take them")),
    ("DHCLIENT_IGNORE_GATEWAY", Acted),
    ("DHCPRELEASE", Acted),
    ("DHCPV6C", Acted),
    ("DHCPV6C_OPTIONS", Acted),
    ("DHCP_CLIENT_ID", Acted),
    ("DHCP_FQDN", Acted),
    ("DHCP_HOSTNAME", Acted),
    ("DHCP_IAID", Acted),
    ("DHCP_SEND_HOSTNAME", Acted),
    ("DHCP_VENDOR_CLASS_IDENTIFIER", Acted),
    ("DOMAIN", Acted),
    ("ETHTOOL_DELAY", Inert(Set, "a device is there before anything is asked of it")),
    ("ETHTOOL_OPTS", Acted),
    ("EXTRA_ROUTE_OPTS", Refused(Set, ROUTE)),
    ("GATEWAY", Acted),
    ("GATEWAYDEV", Acted),
    ("GVRP", Inert(Yes, "it belongs to the kernel's own VLAN devices")),
    ("HOTPLUG", Acted),
    ("HWADDR", Acted),
    ("IPV4_DHCP_TIMEOUT", Acted),
    ("IPV4_FAILURE_FATAL", Inert(Set, "a failure is always one here")),
    ("IPV4_ROUTE_METRIC", Acted),
    ("IPV4_ROUTE_TABLE", Acted),
    ("IPV6ADDR", Acted),
    ("IPV6ADDR_SECONDARIES", Acted),
    ("IPV6FORWARDING", Acted),
    ("IPV6INIT", Acted),
    ("IPV6_ADDR_GEN_MODE", Inert(Set, NM)),
    ("IPV6_AUTOCONF", Acted),
    ("IPV6_DEFAULTDEV", Acted),
    ("IPV6_DEFAULTGW", Acted),
    ("IPV6_DEFROUTE", Inert(Set, NM)),
    ("IPV6_DHCP_TIMEOUT", Acted),
    ("IPV6_FAILURE_FATAL", Inert(Set, NM)),
    ("IPV6_FORCE_ACCEPT_RA", Acted),
    ("IPV6_MTU", Acted),
    ("IPV6_PEERDNS", Inert(Set, NM)),
    ("IPV6_PEERROUTES", Inert(Set, NM)),
    ("IPV6_PRIVACY", Acted),
    ("IPV6_ROUTER", Acted),
    ("IPV6_SET_SYSCTLS", Acted),
    ("LINKDELAY", Acted),
    ("LINKSTATUS", Acted),
    ("MACADDR", Acted),
    ("MASTER", Refused(Set, MEMBER)),
    ("METRIC", Acted),
    ("MTU", Acted),
    ("NAME", Acted),
    ("NETWORK", Inert(Set, "it follows from the address and its prefix")),
    ("NM_CONTROLLED", Acted),
    // No route to 169.254.0.0/16 is ever made here.
    ("NOZEROCONF", Acted),
    // The host's name is never set from a lease.
    ("NO_DHCP_HOSTNAME", Acted),
    ("ONBOOT", Acted),
    ("ONPARENT", Inert(Set, "it belongs into alias files")),
    ("OVSBOOTPROTO", Acted),
    ("OVSDHCPINTERFACES", Acted),
    ("OVSREQUIRES", Acted),
    ("OVS_BRIDGE", Acted),
    ("OVS_EXTRA", Acted),
    ("OVS_OPTIONS", Acted),
    ("OVS_PATCH_PEER", Acted),
    ("OVS_PORT_MODE", Inert(Set, "it belongs to DPDK ports")),
    ("OVS_PORT_PATH", Inert(Set, "it belongs to DPDK ports")),
    ("OVS_TUNNEL_OPTIONS", Acted),
    ("OVS_TUNNEL_TYPE", Acted),
    ("PEERDNS", Acted),
    ("PEERROUTES", Acted),
    ("PERSISTENT_DHCLIENT", Acted),
    ("PERSISTENT_DHCLIENT_IPV6", Acted),
    ("PHYSDEV", Coded(Code::KernelVlan, true, Set, "it makes a kernel VLAN device; an Open vSwitch port has a tag instead")),
    ("PROMISC", Coded(Code::Obsolete, false, Set, "nothing has read it for years")),
    ("PROXY_METHOD", Inert(Set, NM)),
    ("REAL_DEVICETYPE", Inert(Set, SHELL)),
    ("REORDER_HDR", Inert(Set, "it belongs to the kernel's own VLAN devices")),
    ("RESOLV_MODS", Acted),
    ("RES_OPTIONS", Inert(Set, "the resolver's options are not written yet")),
    ("SCOPE", Acted),
    ("SEARCH", Acted),
    ("SLAVE", Refused(Yes, MEMBER)),
    ("SRCADDR", Acted),
    ("STP", Refused(Yes, "there is no spanning tree yet: a loop it was to break would stay")),
    ("TEAM_CONFIG", Inert(Set, "team devices are not set up here")),
    ("TEAM_MASTER", Refused(Set, MEMBER)),
    ("TEAM_PORT_CONFIG", Inert(Set, "team devices are not set up here")),
    ("TYPE", Acted),
    ("USERCTL", Inert(Yes, SHELL)),
    ("USERS", Inert(Set, SHELL)),
    ("UUID", Inert(Set, NM)),
    ("VID", Inert(Set, "it belongs to the kernel's own VLAN devices")),
    ("VLAN", Coded(Code::KernelVlan, true, Yes, "it makes a kernel VLAN device; an Open vSwitch port has a tag instead")),
    ("WINDOW", Refused(Set, ROUTE)),
    ("ZONE", Acted),
];

/// Keys that may have a number at the end.
const NUMBERED: &[(&str, Rule)] =
    &[("ARPCHECK", Acted), ("ARPUPDATE", Acted), ("BROADCAST", Acted), ("DNS", Acted), ("IPADDR", Acted), ("NETMASK", Acted), ("PREFIX", Acted)];

/// Keys that mark another distribution's dialect.
const SUSE: &[&str] = &["STARTMODE", "OVS_BRIDGE_PORT_DEVICE_1", "OVS_BRIDGE_PORT_DEVICE_0", "BOOTPROTO4", "LLADDR", "REMOTE_IPADDR"];

/// What a file says instead of SUSE's keys.
pub(super) const RHEL: &str = "a RHEL-style file says `ONBOOT=`, `TYPE=OVSBridge` and `OVS_BRIDGE=`";

/// Whether a key is one of SUSE's and nobody else's.
pub(super) fn is_suse(name: &str) -> bool {
    SUSE.contains(&name)
}

fn rule(name: &str) -> Option<Rule> {
    if let Ok(at) = KEYS.binary_search_by_key(&name, |(key, _)| key) {
        return KEYS.get(at).map(|(_, rule)| *rule);
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.get(stem.len()..).unwrap_or_default();
    // `DNS` alone is read by nobody; the others start without a number.
    let plain = number.is_empty() && stem != "DNS";
    let counted = number.parse::<u8>().is_ok_and(|n| n.to_string() == number);
    NUMBERED.iter().find(|(key, _)| *key == stem && (plain || counted)).map(|(_, rule)| *rule)
}

/// Whether a value is one of initscripts' words for yes.
pub(super) fn is_true(text: &str) -> bool {
    ["t", "y", "yes", "on", "true", "1"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a value is one of initscripts' words for no.
pub(super) fn is_false(text: &str) -> bool {
    ["f", "n", "no", "off", "false", "0"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// What there is to say about key `name` with `value`, when it is not one that is acted on. `helper`: other lines use it.
pub(super) fn judge(file: &str, name: &str, value: &Value, helper: bool) -> Option<Diagnostic> {
    let text = value.text().unwrap_or("?");
    let bites = |when: When| match when {
        Set => !text.trim().is_empty(),
        Yes => !text.trim().is_empty() && !is_false(text.trim()),
        No => is_false(text.trim()),
    };
    let (code, refused, when, why) = match rule(name) {
        Some(Acted) => return None,
        Some(Inert(when, why)) => (Code::NoEffect, false, when, why),
        Some(Refused(when, why)) => (Code::Unsupported, true, when, why),
        Some(Coded(code, refused, when, why)) => (code, refused, when, why),
        None => return unknown(file, name, helper),
    };
    if !bites(when) {
        return None;
    }
    Some(if refused {
        Diagnostic::error(code, file, format!("`{name}` is not supported yet: {why}")).help(format!("remove `{name}` if this host can do without it"))
    } else {
        Diagnostic::warning(code, file, format!("`{name}` has no effect here: {why}"))
    })
}

fn unknown(file: &str, name: &str, helper: bool) -> Option<Diagnostic> {
    if is_suse(name) {
        let found = Diagnostic::warning(Code::Dialect, file, format!("`{name}` belongs to SUSE's dialect and has no effect here"));
        return Some(found.help(RHEL));
    }
    if name.starts_with("IPADDR_") || name.starts_with("CLONENUM_") {
        let found =
            Diagnostic::error(Code::Unsupported, file, format!("`{name}` belongs into a file of its own: the range's addresses would be missing"));
        return Some(found.help("write it into a file whose name ends in `-range0`"));
    }
    let numbered = NUMBERED.iter().map(|(key, _)| if *key == "DNS" { "DNS1" } else { key });
    let near = suggest::nearest(name, KEYS.iter().map(|(key, _)| *key).chain(numbered));
    if helper {
        return None;
    }
    let found = Diagnostic::warning(Code::UnknownKey, file, format!("nothing reads `{name}`"));
    Some(match near {
        Some(key) => found.help(format!("did you mean `{key}`?")),
        None => found.help("remove it"),
    })
}

/// The keys that are read, those that may have a number at the end among them.
#[cfg(test)]
pub(super) fn acted() -> impl Iterator<Item = &'static str> {
    KEYS.iter().chain(NUMBERED).filter(|(_, rule)| *rule == Acted).map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use super::super::diag::Severity;
    use super::super::span::Span;
    use super::*;

    fn verdict(name: &str, text: &str) -> Option<(Severity, Code)> {
        let mut value = Value::new(Span::default());
        value.push(text.as_bytes(), Span::default(), true);
        judge("x", name, &value, false).map(|found| (found.severity, found.code))
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(KEYS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn verdicts() {
        use Severity::{Error, Warning};
        for (name, text, expected) in [
            ("DEVICE", "x", None),
            ("IPADDR", "x", None),
            ("IPADDR12", "x", None),
            ("DNS1", "x", None),
            ("DNS", "x", Some((Warning, Code::UnknownKey))),
            ("IPADDR01", "x", Some((Warning, Code::UnknownKey))),
            ("IPADDR256", "x", Some((Warning, Code::UnknownKey))),
            ("OVS_EXTRA", "set port x tag=1", None),
            ("STP", "no", None),
            ("STP", "on", Some((Error, Code::Unsupported))),
            ("VLAN", "yes", Some((Error, Code::KernelVlan))),
            ("ARP", "yes", None),
            ("ARP", "no", Some((Error, Code::Unsupported))),
            ("USERCTL", "no", None),
            ("USERCTL", "yes", Some((Warning, Code::NoEffect))),
            ("UUID", "x", Some((Warning, Code::NoEffect))),
            ("PROMISC", "yes", Some((Warning, Code::Obsolete))),
            ("STARTMODE", "auto", Some((Warning, Code::Dialect))),
            ("device", "x", Some((Warning, Code::UnknownKey))),
            ("IPV6ADDR", "::1", None),
            ("DHCPV6C", "yes", None),
        ] {
            assert_eq!(verdict(name, text), expected, "{name}={text}");
        }
    }

    #[test]
    fn misspelt_keys_are_recognised() {
        for (name, meant) in [("DNS", "DNS1"), ("device", "DEVICE"), ("OVS_EXTRAS", "OVS_EXTRA"), ("GATEWYA", "GATEWAY"), ("IPADR", "IPADDR")] {
            let found = unknown("x", name, false).unwrap();
            assert!(found.help.as_ref().unwrap().contains(&format!("`{meant}`")), "{name}: {:?}", found.help);
        }
        assert_eq!(unknown("x", "VLAN_ID", true), None);
    }
}
