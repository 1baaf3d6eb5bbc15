//! The keys that say how a DHCP server is asked, and what is taken of the lease besides the address.
//!
//! It must not decide whether there is one to ask: that is `address`'s.

use super::assign::Var;
use super::code::Code;
use super::diag::shown;
use super::patience;
use super::settings::Reader;
use crate::model::{Asking, ClientId, HostName, Iaid};

/// The keys read here.
pub(super) const KEYS: [&str; 11] = [
    "DHCLIENT_IGNORE_GATEWAY",
    "DHCPRELEASE",
    "DHCP_CLIENT_ID",
    "DHCP_FQDN",
    "DHCP_HOSTNAME",
    "DHCP_IAID",
    "DHCP_SEND_HOSTNAME",
    "DHCP_VENDOR_CLASS_IDENTIFIER",
    "IPV4_DHCP_TIMEOUT",
    "PEERROUTES",
    "PERSISTENT_DHCLIENT",
];

/// Those of them that a DHCPv6 server hears of, too.
const SHARED: [&str; 4] = ["DHCPRELEASE", "DHCP_FQDN", "DHCP_HOSTNAME", "DHCP_SEND_HOSTNAME"];

/// Reports the keys of a file that asks for no lease, of IPv4 at least: `ipv6` says whether of IPv6; `help`: what to do about it.
pub(super) fn without(reader: &mut Reader<'_>, ipv6: bool, help: &str) {
    if ipv6 {
        let _ = (name(reader), reader.flag("DHCPRELEASE"));
    }
    for key in KEYS.into_iter().filter(|key| !(ipv6 && SHARED.contains(key))) {
        if let Some((_, var)) = reader.text(key).filter(|(_, var)| &*var.file == reader.file) {
            reader.warning(Code::NoEffect, var, format!("`{key}` has no effect without DHCP"), help);
        }
    }
}

/// How the server is asked.
pub(super) fn asking(reader: &mut Reader<'_>) -> Asking {
    Asking {
        name: name(reader),
        client_id: client_id(reader),
        vendor_class: vendor_class(reader),
        // 0 is NetworkManager's word for its own default.
        timeout_secs: patience::seconds(reader, "IPV4_DHCP_TIMEOUT").filter(|secs| *secs > 0),
        persistent: reader.flag("PERSISTENT_DHCLIENT").unwrap_or(false),
        release: reader.flag("DHCPRELEASE").unwrap_or(true),
    }
}

/// `DHCP_FQDN` before `DHCP_HOSTNAME` before the host's own name, or none of them.
pub(super) fn name(reader: &mut Reader<'_>) -> HostName {
    let (full, host) = (reader.text("DHCP_FQDN"), reader.text("DHCP_HOSTNAME"));
    let silent = reader.flag("DHCP_SEND_HOSTNAME") == Some(false);
    for (key, found, beside) in [
        ("DHCP_FQDN", full.filter(|_| silent), "DHCP_SEND_HOSTNAME=no"),
        ("DHCP_HOSTNAME", host.filter(|_| silent), "DHCP_SEND_HOSTNAME=no"),
        ("DHCP_HOSTNAME", host.filter(|_| !silent && full.is_some()), "DHCP_FQDN"),
    ] {
        if let Some((_, var)) = found.filter(|(_, var)| &*var.file == reader.file) {
            reader.warning(Code::NoEffect, var, format!("`{key}` has no effect beside `{beside}`"), "remove one of them");
        }
    }
    if silent {
        return HostName::Silent;
    }
    if let Some((text, var)) = full {
        return domain(reader, "DHCP_FQDN", text, var).map_or(HostName::System, HostName::Full);
    }
    match host {
        Some((text, var)) => domain(reader, "DHCP_HOSTNAME", text, var).map_or(HostName::System, HostName::Host),
        None => HostName::System,
    }
}

/// A host's name or a domain's.
fn domain(reader: &mut Reader<'_>, key: &str, text: &str, var: &Var) -> Option<String> {
    let is_label = |label: &str| (1..64).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.len() <= 253 && name.split('.').all(is_label) {
        return Some(name.to_owned());
    }
    let message = format!("`{}` is no host's name: letters, digits and `-`, with dots between", shown(text.as_bytes()));
    reader.error(Code::BadValue, var, message, format!("write a name such as `{key}=web1.example.org`"));
    None
}

/// As NetworkManager reads it: bytes in hexadecimal with colons between, or text of type 0, or a word for what the identifier is made of.
fn client_id(reader: &mut Reader<'_>) -> Option<ClientId> {
    let asked = reader.text("DHCP_CLIENT_ID");
    if let Some((_, var)) = reader.text("DHCP_IAID").filter(|_| !asked.is_some_and(|(text, _)| matches!(text, "duid" | "ipv6-duid"))) {
        reader.warning(Code::NoEffect, var, "`DHCP_IAID` has no effect without `DHCP_CLIENT_ID=duid`, which it is a part of", "remove it");
    }
    let (text, var) = asked?;
    match text {
        "mac" => return Some(ClientId::Mac),
        "none" => return None,
        "duid" | "ipv6-duid" => return Some(ClientId::Duid(iaid(reader).unwrap_or(Iaid::Name))),
        "perm-mac" => return Some(ClientId::PermanentMac),
        "stable" | "node-specific" => {
            let message = format!("`{text}`: this version cannot make an identifier of that");
            reader.error(
                Code::Unsupported,
                var,
                message,
                "write `mac`, `perm-mac`, `duid`, the bytes in hexadecimal (`01:52:54:00:12:34:56`), or a text of your own",
            );
            return None;
        }
        _ => {}
    }
    let byte = |part: &str| (1..=2).contains(&part.len()).then(|| u8::from_str_radix(part, 16).ok()).flatten().filter(|_| !part.starts_with('+'));
    let parts: Option<Vec<u8>> = if text.contains(':') { text.split(':').map(byte).collect() } else { None };
    let bytes = parts.unwrap_or_else(|| std::iter::once(0).chain(text.bytes()).collect());
    if bytes.len() > 255 {
        reader.error(Code::BadValue, var, "this identifier is too long", "write 254 bytes at most");
        return None;
    }
    Some(ClientId::Bytes(bytes))
}

/// As NetworkManager reads it: a number, decimal or hexadecimal, its four bytes with colons between, or a word for what it is made of.
fn iaid(reader: &mut Reader<'_>) -> Option<Iaid> {
    let (text, var) = reader.text("DHCP_IAID")?;
    let hex = |text: &str| u32::from_str_radix(text, 16).ok().filter(|_| text.bytes().all(|b| b.is_ascii_hexdigit()));
    let number = match (text.strip_prefix("0x"), text.split(':').collect::<Vec<_>>().as_slice()) {
        (Some(rest), _) => hex(rest),
        (_, parts @ [_, _, _, _]) => {
            let bytes: Option<Vec<u32>> = parts.iter().map(|part| hex(part).filter(|_| part.len() <= 2)).collect();
            bytes.map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | byte))
        }
        _ => text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit())),
    };
    match (text, number) {
        ("ifname", _) => Some(Iaid::Name),
        ("mac", _) => Some(Iaid::Mac),
        ("perm-mac", _) => Some(Iaid::PermanentMac),
        (_, Some(number)) => Some(Iaid::Number(number)),
        ("stable", _) => {
            let message = format!("`{text}`: this version cannot make a number of that");
            reader.error(Code::Unsupported, var, message, "write `ifname`, `mac`, `perm-mac`, or a number such as `DHCP_IAID=0x52540001`");
            None
        }
        _ => {
            let message = format!("`{}` is no number of 32 bits", shown(text.as_bytes()));
            reader.error(Code::BadValue, var, message, "write `ifname`, `mac`, or a number such as `DHCP_IAID=0x52540001`");
            None
        }
    }
}

fn vendor_class(reader: &mut Reader<'_>) -> Option<String> {
    let (text, var) = reader.text("DHCP_VENDOR_CLASS_IDENTIFIER")?;
    if text.len() > 255 {
        reader.error(Code::BadValue, var, "this vendor class is too long", "write 255 bytes at most");
        return None;
    }
    Some(text.to_owned())
}

/// Whether the lease's default route may be set as far as `DHCLIENT_IGNORE_GATEWAY` says.
pub(super) fn takes_gateway(reader: &mut Reader<'_>) -> bool {
    reader.flag("DHCLIENT_IGNORE_GATEWAY") != Some(true)
}

/// Whether the lease's other routes are taken (`PEERROUTES`).
pub(super) fn takes_routes(reader: &mut Reader<'_>) -> bool {
    reader.flag("PEERROUTES").unwrap_or(true)
}
