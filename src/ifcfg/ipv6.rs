//! IPv6: addresses, default route and the kernel's settings, as network-scripts decided them.
//!
//! A setting none of a file's keys speaks of is left as the kernel has it: network-scripts wrote every one, and a host that
//! routes for its guests stopped.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::Ipv6Net;
use ovsdp_proto::IfName;

use super::code::Code;
use super::dhcp6;
use super::diag::{Diagnostic, shown};
use super::settings::{Placed, Reader, Role};
use super::span::Span;
use crate::model::{Ipv6, Ipv6Setting, Ipv6Settings};

/// What the prefix length is when nothing is written.
const PREFIX: u8 = 64;
/// The smallest MTU IPv6 works with (RFC 8200 5).
const LEAST_MTU: u32 = 1280;

/// The keys that have no effect where IPv6 is none of the file's business.
const KEYS: [&str; 14] = [
    "DHCPV6C",
    "DHCPV6C_OPTIONS",
    "IPV6ADDR",
    "IPV6ADDR_SECONDARIES",
    "IPV6_DEFAULTGW",
    "IPV6_DEFAULTDEV",
    "IPV6_DHCP_TIMEOUT",
    "IPV6_AUTOCONF",
    "IPV6_FORCE_ACCEPT_RA",
    "IPV6_MTU",
    "IPV6_PRIVACY",
    "IPV6_ROUTER",
    "IPV6FORWARDING",
    "PERSISTENT_DHCLIENT_IPV6",
];

/// Reads what `device` is to have of IPv6. `mtu`: what the file says of the device's own.
pub(super) fn read(reader: &mut Reader<'_>, role: Option<&Role>, device: Option<IfName>, mtu: Option<Placed<u32>>) -> Ipv6 {
    if role.is_some_and(Role::is_uplink) {
        // An address there has a finding of its own.
        ignored(reader, "on a port", "write it in the bridge's file", |key| !matches!(key, "IPV6ADDR" | "DHCPV6C"));
        return Ipv6::default();
    }
    if reader.flag("IPV6INIT") == Some(false) {
        ignored(reader, "beside `IPV6INIT=no`", "remove one of them", |_| true);
        return Ipv6::default();
    }
    let addresses = addresses(reader);
    let gateway = gateway(reader, device, &addresses);
    let autoconf = reader.flag("IPV6_AUTOCONF");
    let settings = settings(reader, autoconf, mtu);
    Ipv6 { addresses, gateway, autoconf, settings, dhcp: dhcp6::read(reader) }
}

/// Says of every key of this file that it has no effect, unless its value is one for no.
fn ignored(reader: &mut Reader<'_>, place: &str, help: &str, which: impl Fn(&str) -> bool) {
    for key in KEYS.into_iter().filter(|key| which(key)) {
        let set = reader.text(key).filter(|(text, var)| &*var.file == reader.file && !super::keys::is_false(text));
        if let Some((_, var)) = set {
            reader.warning(Code::NoEffect, var, format!("`{key}` has no effect {place}"), help);
        }
    }
}

fn addresses(reader: &mut Reader<'_>) -> Vec<Ipv6Net> {
    let mut list: Vec<Ipv6Net> = Vec::new();
    for key in ["IPV6ADDR", "IPV6ADDR_SECONDARIES"] {
        let Some((_, var)) = reader.text(key) else { continue };
        let words: Vec<_> = var.value.words().collect();
        if key == "IPV6ADDR" && words.len() > 1 {
            reader.error(Code::BadValue, var, "`IPV6ADDR` takes one address", "write the others into `IPV6ADDR_SECONDARIES`");
            continue;
        }
        for (word, span) in words {
            let at = if &*var.file == reader.file { span } else { Span::default() };
            let found = match parse(word) {
                Ok(net) if list.contains(&net) => {
                    Diagnostic::warning(Code::AddressTwice, &var.file, format!("`{net}` is written twice")).help("remove one of them")
                }
                Ok(net) => {
                    list.push(net);
                    continue;
                }
                Err((message, help)) => Diagnostic::error(Code::BadValue, &var.file, message).help(help),
            };
            reader.sink.push(found.at(at));
        }
    }
    list
}

/// `ADDRESS` or `ADDRESS/PREFIX`; else what is wrong, and what to write.
pub(super) fn parse(word: &str) -> Result<Ipv6Net, (String, &'static str)> {
    let (address, prefix) = word.split_once('/').map_or((word, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<Ipv6Addr>() else {
        let help = if address.parse::<IpAddr>().is_ok() { "IPv4 addresses go into `IPADDR`" } else { "write an address such as `2001:db8::10/64`" };
        return Err((format!("`{}` is no IPv6 address", shown(word.as_bytes())), help));
    };
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        return Err((format!("no interface can have `{address}`"), "write the host's own address"));
    }
    let length = match prefix {
        None => Some(PREFIX),
        Some(text) => text.parse::<u8>().ok().filter(|length| (1..=128).contains(length) && text.bytes().all(|b| b.is_ascii_digit())),
    };
    match length.and_then(|length| Ipv6Net::new(address, length).ok()) {
        Some(net) => Ok(net),
        None => {
            Err((format!("`{}` is no prefix length", shown(prefix.unwrap_or_default().as_bytes())), "write a number from 1 to 128, such as `/64`"))
        }
    }
}

/// The default route's next hop, when it is on this interface: the device behind a `%` counts, else `IPV6_DEFAULTDEV`.
fn gateway(reader: &mut Reader<'_>, device: Option<IfName>, addresses: &[Ipv6Net]) -> Option<Ipv6Addr> {
    let by_default = reader.text("IPV6_DEFAULTDEV");
    let Some((text, var)) = reader.text("IPV6_DEFAULTGW") else {
        if let Some((_, var)) = by_default.filter(|(_, var)| &*var.file == reader.file) {
            reader.warning(Code::NoEffect, var, "`IPV6_DEFAULTDEV` has no effect without `IPV6_DEFAULTGW`", "add the gateway, or remove it");
        }
        return None;
    };
    let own = &*var.file == reader.file;
    let (address, scope) = text.split_once('%').map_or((text, None), |(address, scope)| (address, Some(scope)));
    let known = address.parse::<Ipv6Addr>().ok().filter(|address| !address.is_unspecified() && !address.is_multicast());
    let Some(gateway) = known else {
        let message = format!("`{}` is no gateway's IPv6 address", shown(text.as_bytes()));
        reader.error(Code::BadValue, var, message, "write an address such as `2001:db8::1` or `fe80::1%ovsbr0`");
        return None;
    };
    let named = scope.or(by_default.map(|(text, _)| text));
    let here = device.is_some_and(|device| named == Some(device.as_str()));
    if named.is_some() && !here {
        if own {
            let message =
                format!("the default route goes through `{}`, so `{gateway}` has no effect here", shown(named.unwrap_or_default().as_bytes()));
            reader.warning(Code::NoEffect, var, message, "write it into that device's file");
        }
        return None;
    }
    if addresses.iter().any(|net| net.addr() == gateway) {
        let message = format!("`{gateway}` is this interface's own address, so there is no default route");
        reader.warning(Code::GatewayOffSubnet, var, message, "write the router's address");
        return None;
    }
    let inside = addresses.iter().any(|net| net.contains(&gateway));
    // The network file's gateway is the host's, and belongs to whichever interface has its network.
    if !own && !here && !inside {
        return None;
    }
    if !gateway.is_unicast_link_local() && !inside && !addresses.is_empty() {
        let message = format!("`{gateway}` is in none of the file's networks: the default route is made as if it were on the link");
        reader.warning(Code::GatewayOffSubnet, var, message, "write a gateway of the interface's network, or its link-local address");
    }
    Some(gateway)
}

fn settings(reader: &mut Reader<'_>, autoconf: Option<bool>, mtu: Option<Placed<u32>>) -> Ipv6Settings {
    let forwarding = reader.flag("IPV6FORWARDING");
    let router = reader.flag("IPV6_ROUTER");
    let force = reader.flag("IPV6_FORCE_ACCEPT_RA");
    let wanted = reader.flag("IPV6_SET_SYSCTLS") != Some(false);
    let privacy = privacy(reader);
    let mut settings = Ipv6Settings::new();
    if wanted {
        let routes = forwarding == Some(true);
        if forwarding.is_some() || router.is_some() {
            settings.insert(Ipv6Setting::Forwarding, i32::from(routes && router != Some(false)));
        }
        if forwarding.is_some() || autoconf.is_some() || force.is_some() {
            let auto = autoconf.unwrap_or(!routes);
            let listens = auto || force == Some(true);
            // What a device that forwards hears of routers counts only with 2; where no key speaks of forwarding it may.
            let always = routes || forwarding.is_none();
            settings.insert(
                Ipv6Setting::AcceptRa,
                if !listens {
                    0
                } else if always {
                    2
                } else {
                    1
                },
            );
            settings.insert(Ipv6Setting::AcceptRedirects, i32::from(auto));
            settings.insert(Ipv6Setting::Autoconf, i32::from(auto));
        }
        if privacy {
            settings.insert(Ipv6Setting::UseTempaddr, 2);
        }
    }
    settings.extend(ipv6_mtu(reader, mtu).map(|mtu| (Ipv6Setting::Mtu, mtu)));
    settings
}

/// Whether temporary addresses are asked for.
fn privacy(reader: &mut Reader<'_>) -> bool {
    let Some((text, var)) = reader.text("IPV6_PRIVACY") else { return false };
    if super::keys::is_false(text) {
        return false;
    }
    // NetworkManager's word for the same names the RFC that came after.
    let known = ["rfc3041", "rfc4941"].iter().any(|rfc| text.eq_ignore_ascii_case(rfc));
    if !known {
        let message = format!("`{}` has no effect: temporary addresses are asked for by the name of their RFC", shown(text.as_bytes()));
        reader.warning(Code::BadValue, var, message, "write `IPV6_PRIVACY=rfc3041`");
    }
    known
}

fn ipv6_mtu(reader: &mut Reader<'_>, device: Option<Placed<u32>>) -> Option<i32> {
    let (text, var) = reader.text("IPV6_MTU")?;
    let most = device.map_or(65535, |mtu| mtu.value);
    let number = text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    match number {
        Some(number) if (LEAST_MTU..=most).contains(&number) => i32::try_from(number).ok(),
        Some(number) if number > most => {
            let message = format!("IPv6 packets of {number} bytes do not fit the device's `MTU` of {most}");
            reader.error(Code::BadValue, var, message, format!("write a number from {LEAST_MTU} to {most}, or a larger `MTU=`"));
            None
        }
        _ => {
            let message = format!("`{}` is no MTU for IPv6: a number of bytes from {LEAST_MTU} to 65535", shown(text.as_bytes()));
            reader.error(Code::BadValue, var, message, "write a number such as `IPV6_MTU=1280`");
            None
        }
    }
}
