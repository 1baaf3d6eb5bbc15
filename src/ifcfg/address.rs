//! Addressing: `BOOTPROTO` and `OVSBOOTPROTO` as the one setting they are, addresses, gateway and resolver.
//!
//! It must not look at other files; which ports a lease goes through is checked in `folder`.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use ovsdp_proto::IfName;

use super::assign::Var;
use super::code::Code;
use super::diag::shown;
use super::keys::is_true;
use super::settings::{Named, Reader, Role};
use super::span::Span;
use super::{dhcp6, lease, resolver};
use crate::model::{Dhcp, Route, Static};

/// How an interface is to get its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// Not at all.
    None,
    /// From the file.
    Static(Static),
    /// By DHCP. `through`: what `OVSDHCPINTERFACES` names; `at`: the line that asked; `lease`: what is taken of the lease,
    /// its own `through` still empty.
    Dhcp { through: Vec<Named>, at: Span, lease: Dhcp },
    /// A port's file asks for an address a port does not carry; `at`: the line that asks.
    OnPort { at: Span },
}

impl Ask {
    /// The addresses the file names.
    pub(super) fn addresses(&self) -> &[IpNet] {
        if let Self::Static(fixed) = self { &fixed.addresses } else { &[] }
    }

    /// The table its IPv4 routes go into, where that is not the main one.
    pub(super) const fn table(&self) -> Option<u32> {
        match self {
            Self::Static(fixed) => fixed.table,
            Self::Dhcp { lease, .. } => lease.table,
            Self::None | Self::OnPort { .. } => None,
        }
    }
}

/// What `BOOTPROTO` or `OVSBOOTPROTO` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proto {
    Dhcp,
    Fixed,
}

/// Reads how `device` is to be addressed. `ipv6`: it has IPv6 addresses in any case.
pub(super) fn read(reader: &mut Reader<'_>, role: Option<&Role>, device: Option<IfName>, ipv6: bool) -> Ask {
    if let Some(Role::Tunnel(..) | Role::Patch(..)) = role {
        return Ask::None;
    }
    let ovs = proto(reader, "OVSBOOTPROTO");
    let boot = proto(reader, "BOOTPROTO");
    let first_address = first_address(reader);
    if role.is_some_and(Role::is_uplink) {
        let first_address = first_address.or_else(|| reader.text("IPV6ADDR").map(|(_, var)| var));
        let first_address = first_address.or_else(|| reader.text("DHCPV6C").filter(|(text, _)| is_true(text)).map(|(_, var)| var));
        return on_port(reader, boot, first_address);
    }
    let (at, asked) = match (ovs, boot) {
        (Some((Proto::Dhcp, at)), None) => (at, None),
        (Some((Proto::Dhcp, at)), Some((Proto::Fixed, fixed))) => {
            if first_address.is_some() {
                let message = "a lease and a fixed address: `OVSBOOTPROTO=dhcp` asks for one, `BOOTPROTO` and `IPADDR` for the other";
                reader.error(Code::DhcpInterfaces, at, message, "keep one of them");
                return Ask::None;
            }
            let message = "`OVSBOOTPROTO=dhcp` decides, although `BOOTPROTO` says otherwise";
            reader.warning(Code::DhcpInterfaces, fixed, message, "remove `BOOTPROTO`; with both, network-scripts never asked for a lease");
            (at, None)
        }
        (Some((Proto::Dhcp, at)), Some((Proto::Dhcp, _))) => (at, None),
        (_, Some((Proto::Dhcp, at))) => (at, Some(at)),
        _ => return fixed(reader, first_address, device, ipv6),
    };
    if let (Some(var), Some(Role::Bridge)) = (asked, role) {
        let message = "`BOOTPROTO=dhcp` on a bridge is taken as `OVSBOOTPROTO=dhcp`: the lease is asked for once the ports are attached";
        reader.warning(Code::BootprotoOnBridge, var, message, "write `OVSBOOTPROTO=dhcp`; network-scripts would ask before any port is there");
    }
    leased(reader, at, device)
}

fn proto<'a>(reader: &mut Reader<'a>, key: &str) -> Option<(Proto, &'a Var)> {
    let (text, var) = reader.text(key)?;
    let lower = text.to_ascii_lowercase();
    let known = match lower.as_str() {
        "dhcp" => Proto::Dhcp,
        "bootp" => {
            reader.warning(Code::BadValue, var, "`bootp` is taken as `dhcp`", format!("write `{key}=dhcp`"));
            return Some((Proto::Dhcp, var));
        }
        "static" | "none" => return Some((Proto::Fixed, var)),
        _ => {
            // Whoever has written an address meant it to be set; anyone else would be left without one.
            let message = format!("`{}` is no way to get an address", shown(text.as_bytes()));
            let help = format!("write `{key}=dhcp`, `{key}=static` or `{key}=none`");
            if first_address(reader).is_some() && suggest_not_dhcp(&lower) {
                reader.warning(Code::BadValue, var, format!("{message}; it is taken as `static`, as network-scripts does"), help);
                return Some((Proto::Fixed, var));
            }
            reader.error(Code::BadValue, var, message, help);
            return None;
        }
    };
    if text != lower {
        let code = if key == "OVSBOOTPROTO" { Code::DhcpInterfaces } else { Code::BadValue };
        let message = format!("`{text}` is taken as `{lower}`; network-scripts know lower case only");
        reader.warning(code, var, message, format!("write `{key}={lower}`"));
    }
    Some((known, var))
}

/// The line of the first address that is read: before a gap, numbers from 2 on begin with 2.
fn first_address<'a>(reader: &mut Reader<'a>) -> Option<&'a Var> {
    ["IPADDR", "IPADDR0", "IPADDR1", "IPADDR2"].into_iter().find_map(|key| reader.text(key)).map(|(_, var)| var)
}

fn suggest_not_dhcp(lower: &str) -> bool {
    super::suggest::distance(lower.as_bytes(), b"dhcp") > 2
}

fn on_port(reader: &mut Reader<'_>, boot: Option<(Proto, &Var)>, address: Option<&Var>) -> Ask {
    for key in ["OVSBOOTPROTO", "OVSDHCPINTERFACES"] {
        if let Some((_, var)) = reader.text(key) {
            reader.warning(Code::NoEffect, var, format!("`{key}` has no effect on a port"), "write it in the bridge's file");
        }
    }
    lease::without(reader, false, "write it in the bridge's file, or remove it");
    if let Some(var) = address {
        return Ask::OnPort { at: reader.span(var) };
    }
    match boot {
        Some((Proto::Dhcp, var)) => Ask::OnPort { at: reader.span(var) },
        _ => Ask::None,
    }
}

fn leased(reader: &mut Reader<'_>, at: &Var, device: Option<IfName>) -> Ask {
    for (key, what) in [("IPADDR", "address"), ("GATEWAY", "gateway")] {
        if let Some((_, var)) = reader.text(key).filter(|(_, var)| &*var.file == reader.file) {
            reader.warning(Code::NoEffect, var, format!("`{key}` has no effect beside DHCP: the lease brings the {what}"), "remove it");
        }
    }
    let mut through: Vec<Named> = Vec::new();
    if let Some((_, var)) = reader.text("OVSDHCPINTERFACES") {
        for (word, span) in var.value.words() {
            match IfName::new(word) {
                Ok(name) if through.iter().any(|named| named.name == name) => {}
                Ok(name) => through.push(Named { name, span: if &*var.file == reader.file { span } else { Span::default() } }),
                Err(bad) => {
                    let found = super::diag::Diagnostic::error(
                        Code::BadName,
                        &var.file,
                        format!("`{}` cannot be a device's name: {bad}", shown(word.as_bytes())),
                    );
                    reader.sink.push(found.at(span).help("`OVSDHCPINTERFACES` takes the names of the bridge's ports, with blanks between them"));
                }
            }
        }
    }
    // Both asked, so that a word that is neither yes nor no is reported.
    let (default_route, takes_gateway) = (may_have_default(reader, device), lease::takes_gateway(reader));
    let default_route = default_route && takes_gateway;
    let peer_dns = resolver::unwanted_by(reader).is_none();
    let (metric, table) = (metric(reader), table(reader));
    if let Some((_, var)) = reader.text("SRCADDR") {
        let message = "`SRCADDR` cannot be had beside DHCP: the lease decides which address there is";
        reader.error(Code::Unsupported, var, message, "remove it; the kernel prefers the lease's address anyway");
    }
    let (peer_routes, asking) = (lease::takes_routes(reader), lease::asking(reader));
    let lease = Dhcp {
        default_route,
        peer_routes,
        metric,
        table,
        peer_dns,
        dns: resolver::servers(reader),
        search: resolver::search(reader),
        asking,
        ..Dhcp::default()
    };
    Ask::Dhcp { through, at: reader.span(at), lease }
}

fn fixed(reader: &mut Reader<'_>, first: Option<&Var>, device: Option<IfName>, ipv6: bool) -> Ask {
    let dhcp6 = dhcp6::is_asked(reader);
    lease::without(reader, dhcp6, "add `OVSBOOTPROTO=dhcp`, or remove it");
    if let Some((_, var)) = reader.text("OVSDHCPINTERFACES") {
        reader.warning(Code::DhcpInterfaces, var, "`OVSDHCPINTERFACES` has no effect without DHCP", "add `OVSBOOTPROTO=dhcp`, or remove it");
    }
    let addresses = addresses(reader);
    if first.is_none() {
        // A resolver can be asked over IPv6 alone.
        let others: &[&str] = if ipv6 { &[] } else { &["DNS1", "DNS2", "DNS3", "DOMAIN", "SEARCH"] };
        for key in ["GATEWAY", "METRIC", "IPV4_ROUTE_METRIC", "IPV4_ROUTE_TABLE", "SRCADDR"].iter().chain(others) {
            if let Some((_, var)) = reader.text(key).filter(|(_, var)| &*var.file == reader.file) {
                reader.warning(Code::NoEffect, var, format!("`{key}` has no effect without an address"), "add `IPADDR=`, or remove it");
            }
        }
        let (dns, search) = if ipv6 { (resolver::servers(reader), resolver::search(reader)) } else { (Vec::new(), Vec::new()) };
        return if dns.is_empty() && search.is_empty() { Ask::None } else { Ask::Static(Static { dns, search, ..Static::default() }) };
    }
    let gateway = gateway(reader, &addresses, device);
    let (metric, table, source) = (metric(reader), table(reader), source(reader, &addresses));
    if gateway.is_none() {
        for key in ["METRIC", "IPV4_ROUTE_METRIC", "SRCADDR"] {
            if let Some((_, var)) = reader.text(key).filter(|(_, var)| &*var.file == reader.file) {
                let message = format!("`{key}` has no effect: there is no default route here that it could belong to");
                reader.warning(Code::NoEffect, var, message, "add `GATEWAY=`, or remove it");
            }
        }
    }
    let (dns, search) = (resolver::servers(reader), resolver::search(reader));
    Ask::Static(Static { addresses: addresses.into_iter().map(IpNet::V4).collect(), gateway, metric, table, source, dns, search })
}

/// The largest number that stands behind `key` in a variable's name.
pub(super) fn last(reader: &Reader<'_>, key: &str) -> Option<u8> {
    reader.vars.iter().filter_map(|(name, _)| name.strip_prefix(key)?.parse().ok()).max()
}

/// `IPADDR`, `IPADDR0`, `IPADDR1` and on to the first gap, as network-scripts read them.
fn addresses(reader: &mut Reader<'_>) -> Vec<Ipv4Net> {
    let mut list: Vec<Ipv4Net> = Vec::new();
    let mut gap = None;
    for n in std::iter::once(None).chain((0..=last(reader, "IPADDR").unwrap_or(0)).map(Some)) {
        let suffix = n.map(|n| n.to_string()).unwrap_or_default();
        let Some((text, var)) = reader.text(&format!("IPADDR{suffix}")) else {
            if n.is_some_and(|n| n >= 2) {
                gap.get_or_insert(suffix);
            }
            continue;
        };
        if let Some(missing) = &gap {
            let message = format!("`IPADDR{suffix}` is not read: `IPADDR{missing}` is missing before it");
            reader.warning(Code::BadValue, var, message, format!("rename it to `IPADDR{missing}`"));
            continue;
        }
        let Some(address) = ipv4(reader, text, var, &suffix) else { continue };
        let Some(prefix) = prefix(reader, address, var, &suffix) else { continue };
        let Ok(net) = Ipv4Net::new(address, prefix) else { continue };
        if list.contains(&net) {
            reader.warning(Code::AddressTwice, var, format!("`{net}` is written twice"), "remove one of them");
        } else {
            list.push(net);
        }
    }
    list
}

pub(super) fn ipv4(reader: &mut Reader<'_>, text: &str, var: &Var, suffix: &str) -> Option<Ipv4Addr> {
    let (message, help) = match text.parse::<Ipv4Addr>() {
        Ok(address) if address.is_unspecified() || address.is_multicast() || address.is_broadcast() => {
            (format!("no interface can have `{address}`"), "write the host's own address".to_owned())
        }
        Ok(address) => return Some(address),
        Err(_) => {
            let help = match (text.split_once('/'), text.parse::<IpAddr>()) {
                (Some((address, prefix)), _) if address.parse::<Ipv4Addr>().is_ok() => {
                    format!("write `IPADDR{suffix}={address}` and `PREFIX{suffix}={prefix}`")
                }
                (_, Ok(_)) => "IPv6 addresses go into `IPV6ADDR`".to_owned(),
                _ => "write four numbers, such as 192.0.2.10".to_owned(),
            };
            (format!("`{}` is no IPv4 address", shown(text.as_bytes())), help)
        }
    };
    reader.error(Code::BadValue, var, message, help);
    None
}

/// `PREFIXn`, else `NETMASKn`, else what the address's class would be.
pub(super) fn prefix(reader: &mut Reader<'_>, address: Ipv4Addr, at: &Var, suffix: &str) -> Option<u8> {
    let mask = match reader.text(&format!("NETMASK{suffix}")) {
        None => None,
        Some((text, var)) => {
            match text.parse::<Ipv4Addr>().ok().and_then(|mask| ipnet::ipv4_mask_to_prefix(mask).ok()).filter(|prefix| *prefix > 0) {
                Some(prefix) => Some((prefix, var)),
                None => {
                    let message = format!("`{}` is no network mask", shown(text.as_bytes()));
                    let help = match text.trim_start_matches('/').parse::<u8>() {
                        Ok(number) if number <= 32 => format!("write `PREFIX{suffix}={number}`"),
                        _ => "write a mask such as 255.255.255.0".to_owned(),
                    };
                    reader.error(Code::BadValue, var, message, help);
                    return None;
                }
            }
        }
    };
    if let Some((text, var)) = reader.text(&format!("PREFIX{suffix}")) {
        let Some(prefix) = text.parse::<u8>().ok().filter(|prefix| (1..=32).contains(prefix) && text.bytes().all(|b| b.is_ascii_digit())) else {
            reader.error(Code::BadValue, var, format!("`{}` is no prefix length", shown(text.as_bytes())), "write a number from 1 to 32");
            return None;
        };
        if let Some((other, at)) = mask.filter(|(other, _)| *other != prefix) {
            let message = format!("`PREFIX{suffix}={prefix}` counts; this mask would be /{other}");
            reader.warning(Code::BadValue, at, message, "remove one of them");
        }
        return Some(prefix);
    }
    if let Some((prefix, _)) = mask {
        return Some(prefix);
    }
    let class = class(address);
    let message = format!("no `PREFIX{suffix}` or `NETMASK{suffix}`: `{address}` gets /{class}, after its class");
    reader.warning(Code::NoPrefix, at, message, format!("add `PREFIX{suffix}={class}`, or what is right"));
    Some(class)
}

/// The length of the prefix an address had by its class.
pub(super) const fn class(address: Ipv4Addr) -> u8 {
    match address.octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        _ => 24,
    }
}

/// The default route's next hop. Network-scripts want it in the network of the first address; here it may be in that of any,
/// and one outside them all is reached over the link where it can be nowhere else: beside a lone host address (/32), or when
/// it is link-local itself.
fn gateway(reader: &mut Reader<'_>, addresses: &[Ipv4Net], device: Option<IfName>) -> Option<Ipv4Addr> {
    let (text, var) = reader.text("GATEWAY")?;
    let own = &*var.file == reader.file;
    let Ok(gateway) = text.parse::<Ipv4Addr>() else {
        reader.error(Code::BadValue, var, format!("`{}` is no IPv4 address", shown(text.as_bytes())), "write four numbers, such as 192.0.2.1");
        return None;
    };
    if !may_have_default(reader, device) {
        return None;
    }
    let first = addresses.first()?;
    let is_self = addresses.iter().any(|net| net.addr() == gateway);
    if first.contains(&gateway) && !is_self {
        return Some(gateway);
    }
    // The network file's gateway is the host's, and belongs to whichever interface has its network.
    if !own {
        return None;
    }
    let help = "write a gateway of the interface's network, or remove it; network-scripts drop it silently";
    if is_self {
        let message = format!("`{gateway}` is this interface's own address, so there is no default route");
        reader.warning(Code::GatewayOffSubnet, var, message, help);
        return None;
    }
    let within = addresses.iter().find(|net| net.contains(&gateway));
    let on_link = gateway.is_link_local() || first.prefix_len() == 32;
    let usable = !(gateway.is_unspecified() || gateway.is_multicast() || gateway.is_broadcast() || gateway.is_loopback());
    let message = match within {
        Some(net) => format!("`{gateway}` is in {}, not in the first address's network; it is used all the same", net.trunc()),
        None if on_link && usable => format!("`{gateway}` is not in {}: it gets a route of its own over the link", first.trunc()),
        None => {
            let message = format!("`{gateway}` is not in {}, so there is no default route", first.trunc());
            reader.warning(Code::GatewayOffSubnet, var, message, help);
            return None;
        }
    };
    reader.warning(Code::GatewayOffSubnet, var, message, "nothing, if it is meant so; network-scripts would make no default route");
    Some(gateway)
}

/// `METRIC`, else NetworkManager's key for the same: of several default routes the lowest wins.
fn metric(reader: &mut Reader<'_>) -> Option<u32> {
    let own = number(reader, "METRIC");
    // -1 is that program's word for its own choice.
    let unset = reader.text("IPV4_ROUTE_METRIC").is_none_or(|(text, _)| text == "-1");
    let other = if unset { None } else { number(reader, "IPV4_ROUTE_METRIC") };
    if let (Some(own), Some(other), Some((_, var))) = (own, other, reader.text("IPV4_ROUTE_METRIC"))
        && own != other
    {
        reader.warning(Code::BadValue, var, format!("`METRIC={own}` counts, not this"), "remove one of them");
    }
    own.or(other).filter(|number| *number > 0)
}

/// NetworkManager's key for the table of the default route, the lease's routes and the lines of route files that name none; `None` is the main
/// one, which is also what it means by 0.
fn table(reader: &mut Reader<'_>) -> Option<u32> {
    let (text, var) = reader.text("IPV4_ROUTE_TABLE")?;
    let number = text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    if number.is_none_or(|number| number == Route::LOCAL) {
        let message = format!("`{}` is no number of a table that routes can be put into", shown(text.as_bytes()));
        reader.error(Code::BadValue, var, message, format!("write a number from 1 to {}, other than {}", u32::MAX, Route::LOCAL));
        return None;
    }
    number.filter(|number| ![0, Route::MAIN].contains(number))
}

fn number(reader: &mut Reader<'_>, key: &str) -> Option<u32> {
    let (text, var) = reader.text(key)?;
    let number = text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    if number.is_none() {
        let message = format!("`{}` is no metric: a number from 0 to {}", shown(text.as_bytes()), u32::MAX);
        reader.error(Code::BadValue, var, message, format!("write a number such as `{key}=100`"));
    }
    number
}

/// `SRCADDR`: which of the interface's addresses the default route prefers. The kernel refuses one the host has not got.
fn source(reader: &mut Reader<'_>, addresses: &[Ipv4Net]) -> Option<Ipv4Addr> {
    let (text, var) = reader.text("SRCADDR")?;
    let Ok(source) = text.parse::<Ipv4Addr>() else {
        reader.error(Code::BadValue, var, format!("`{}` is no IPv4 address", shown(text.as_bytes())), "write one of the file's own addresses");
        return None;
    };
    if !addresses.iter().any(|net| net.addr() == source) {
        let message = format!("`{source}` is no address of this file, so no route can prefer it");
        reader.error(Code::BadValue, var, message, "write one of the file's own addresses, or add it as `IPADDR1=`");
        return None;
    }
    Some(source)
}

/// Whether a default route may go through `device`: not with `DEFROUTE=no`, nor when `GATEWAYDEV` names another one.
fn may_have_default(reader: &mut Reader<'_>, device: Option<IfName>) -> bool {
    let elsewhere = reader.text("GATEWAYDEV").is_some_and(|(dev, _)| device.is_none_or(|device| *device != *dev));
    reader.flag("DEFROUTE") != Some(false) && !elsewhere
}
