//! Keys that mean something elsewhere and nothing where they stand: each is told of, but for those that say what is so anyway.
//!
//! It comes after every other reader and must not repeat what one of them has said.

use super::address::Ask;
use super::assign::Var;
use super::code::Code;
use super::diag::Diagnostic;
use super::keys::is_false;
use super::lease;
use super::settings::{Reader, Role, value_span};

/// The keys of interfaces with addresses that have no number, beside those of a lease ([`lease::KEYS`]). Those that only take something away are
/// not among them: `DEFROUTE`, `GATEWAYDEV`, `PEERDNS`, `IPV6INIT`.
const OF_ADDRESSED: [&str; 28] = [
    "ACD_TIMEOUT",
    "ARPING_TRIES",
    "ARPING_UPDATE_WAIT",
    "ARPING_WAIT",
    "BOOTPROTO",
    "DHCPV6C",
    "DHCPV6C_OPTIONS",
    "DOMAIN",
    "GATEWAY",
    "IPV4_ROUTE_METRIC",
    "IPV4_ROUTE_TABLE",
    "IPV6ADDR",
    "IPV6ADDR_SECONDARIES",
    "IPV6FORWARDING",
    "IPV6_AUTOCONF",
    "IPV6_DEFAULTDEV",
    "IPV6_DEFAULTGW",
    "IPV6_DHCP_TIMEOUT",
    "IPV6_FORCE_ACCEPT_RA",
    "IPV6_MTU",
    "IPV6_PRIVACY",
    "METRIC",
    "OVSBOOTPROTO",
    "OVSDHCPINTERFACES",
    "PERSISTENT_DHCLIENT_IPV6",
    "SCOPE",
    "SEARCH",
    "SRCADDR",
];

/// Their keys that may have a number.
const NUMBERED: [&str; 7] = ["BROADCAST", "DNS", "IPADDR", "NETMASK", "PREFIX", "ARPCHECK", "ARPUPDATE"];
/// Those of them that mean nothing without the address of their number.
const OF_ONE: [&str; 4] = ["NETMASK", "PREFIX", "ARPCHECK", "ARPUPDATE"];
/// What aliases take over from their interface's file.
const INHERITED: [&str; 2] = ["NETMASK", "PREFIX"];

/// Tells of the keys of the file that do nothing on an interface like this one. Returned is what holds unless the interface has an alias.
pub(super) fn read(reader: &mut Reader<'_>, role: &Role, ask: &Ask) -> Vec<Diagnostic> {
    let vars = reader.vars;
    let own = vars.of(reader.file).filter_map(|(name, var)| Some((name, var, split(name)?)));
    if !role.has_addresses() {
        let (why, help) = match role {
            Role::Tunnel(..) => ("a tunnel is no device of the host's", "remove it"),
            Role::Patch(..) => ("a patch port is no device of the host's", "remove it"),
            _ => ("a port carries no address", "write it in the bridge's file, or remove it"),
        };
        // The address that a port does not carry is told of elsewhere, and what belongs to it with it.
        let address = if let Ask::OnPort { at } = ask { Some(*at) } else { None };
        for (name, var, (stem, _)) in own {
            let known = OF_ADDRESSED.contains(&name) || lease::KEYS.contains(&name) || NUMBERED.contains(&stem);
            let belongs = ["BOOTPROTO", "IPADDR", "BROADCAST"].contains(&stem) || OF_ONE.contains(&stem);
            let told = address.is_some_and(|at| belongs || at == value_span(var));
            if known && !told && asks(name, var) {
                tell(reader, var, format!("`{name}` has no effect: {why}"), help);
            }
        }
        return Vec::new();
    }
    let leased = matches!(ask, Ask::Dhcp { .. });
    let mut unless_inherited = Vec::new();
    for (name, var, (stem, number)) in own.filter(|(_, var, _)| !is_blank(var)) {
        let beside = leased && (stem == "IPADDR" || INHERITED.contains(&stem));
        let address = format!("IPADDR{number}");
        let lonely = OF_ONE.contains(&stem) && reader.text(&address).is_none() && (INHERITED.contains(&stem) || !number.is_empty());
        let (why, help) = if beside {
            ("beside DHCP: the lease brings the address".to_owned(), "remove it".to_owned())
        } else if lonely {
            (format!("without `{address}`"), format!("add `{address}=`, or remove it"))
        } else {
            continue;
        };
        let message = format!("`{name}` has no effect {why}");
        if INHERITED.contains(&name) {
            unless_inherited.push(Diagnostic::warning(Code::NoEffect, reader.file, message).at(value_span(var)).help(help));
        } else {
            tell(reader, var, message, help);
        }
    }
    unless_inherited
}

/// The name without its number, and the number.
fn split(name: &str) -> Option<(&str, &str)> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((stem, name.get(stem.len()..)?))
}

fn is_blank(var: &Var) -> bool {
    var.value.text().is_none_or(|text| text.trim().is_empty())
}

/// Whether a key's value asks for anything.
fn asks(name: &str, var: &Var) -> bool {
    let text = var.value.text().map(str::trim).unwrap_or_default();
    let fixed = name.ends_with("BOOTPROTO") && ["none", "static"].iter().any(|word| text.eq_ignore_ascii_case(word));
    !text.is_empty() && !is_false(text) && !fixed
}

fn tell(reader: &mut Reader<'_>, var: &Var, message: String, help: impl Into<String>) {
    if !reader.sink.speaks_of(&var.file, var.name_span.to(var.value.span())) {
        reader.warning(Code::NoEffect, var, message, help);
    }
}
