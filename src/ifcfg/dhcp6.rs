//! The keys that say what a DHCPv6 server is asked, and how.
//!
//! It must not decide whether IPv6 is the file's business at all: that is `ipv6`'s.

use super::code::Code;
use super::diag::{Diagnostic, Sink, shown};
use super::keys::{is_false, is_true};
use super::settings::Reader;
use super::span::Span;
use super::{lease, patience, resolver};
use crate::model::Dhcp6;

/// The keys that mean nothing without `DHCPV6C=yes`.
const KEYS: [&str; 3] = ["DHCPV6C_OPTIONS", "IPV6_DHCP_TIMEOUT", "PERSISTENT_DHCLIENT_IPV6"];

/// Whether a server is asked, as far as a look without a word tells.
pub(super) fn is_asked(reader: &mut Reader<'_>) -> bool {
    let off = reader.text("IPV6INIT").is_some_and(|(text, _)| is_false(text));
    !off && reader.text("DHCPV6C").is_some_and(|(text, _)| is_true(text))
}

/// Reads what a server is asked, where one is.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Dhcp6> {
    if reader.flag("DHCPV6C") != Some(true) {
        for key in KEYS {
            if let Some((_, var)) = reader.text(key).filter(|(_, var)| &*var.file == reader.file) {
                reader.warning(Code::NoEffect, var, format!("`{key}` has no effect without DHCPv6"), "add `DHCPV6C=yes`, or remove it");
            }
        }
        return None;
    }
    let address = options(reader);
    // What is wrong with these is said once, by whoever reads them for a lease of IPv4 or says that there is none.
    let mut unheard = Sink::default();
    let mut quiet = Reader { file: reader.file, vars: reader.vars, sink: &mut unheard };
    let (name, release) = (lease::name(&mut quiet), quiet.flag("DHCPRELEASE").unwrap_or(true));
    Some(Dhcp6 {
        address,
        peer_dns: resolver::unwanted_by(reader).is_none(),
        name,
        timeout_secs: patience::seconds(reader, "IPV6_DHCP_TIMEOUT").filter(|secs| *secs > 0),
        persistent: reader.flag("PERSISTENT_DHCLIENT_IPV6").unwrap_or(false),
        release,
    })
}

/// What dhclient was told: whether an address is asked for.
fn options(reader: &mut Reader<'_>) -> bool {
    let mut address = true;
    let Some((_, var)) = reader.text("DHCPV6C_OPTIONS") else { return address };
    for (word, span) in var.value.words() {
        let at = if &*var.file == reader.file { span } else { Span::default() };
        let (code, message, help) = match word {
            "-S" => {
                address = false;
                continue;
            }
            // What is done anyway.
            "-1" | "-6" | "-N" => continue,
            "-P" => (Code::Unsupported, "`-P`: no prefix is asked for, so none could be passed on", "remove it"),
            "-T" => (
                Code::Unsupported,
                "`-T`: no temporary address is asked for",
                "remove it; `IPV6_PRIVACY=rfc3041` makes some of what routers advertise",
            ),
            "-D" => (
                Code::Unsupported,
                "`-D`: who this host is to servers is made of its machine-id, and of nothing else",
                "remove it and the word behind it",
            ),
            "-d" | "-q" | "-v" => (Code::NoEffect, "this word has no effect: it is about what dhclient prints", "remove it"),
            _ => (Code::Unsupported, "", "remove it; `-S` asks for no address"),
        };
        let message =
            if message.is_empty() { format!("there is no dhclient here that could take `{}`", shown(word.as_bytes())) } else { message.to_owned() };
        let found = if code == Code::NoEffect { Diagnostic::warning(code, &var.file, message) } else { Diagnostic::error(code, &var.file, message) };
        reader.sink.push(found.at(at).help(help));
    }
    address
}
