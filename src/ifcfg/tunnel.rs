//! Ports that are no device of the host's: tunnels (`OVS_TUNNEL_TYPE`, `OVS_TUNNEL_OPTIONS`) and patch ports
//! (`OVS_PATCH_PEER`).
//!
//! It must not look at other files: whether a peer points back is `folder`'s.

use ovsdp_proto::IfName;

use super::assign::Var;
use super::code::Code;
use super::diag::{Diagnostic, shown};
use super::settings::{Named, Reader, value_span};
use super::span::Span;
use crate::model::{BadTunnel, Tunnel};

/// Keys that say something about a device, which neither has, and what is said of them.
const OF_A_DEVICE: &[(&str, Code)] = &[
    ("IPADDR", Code::Tunnel),
    ("IPADDR0", Code::Tunnel),
    ("IPADDR1", Code::Tunnel),
    ("GATEWAY", Code::Tunnel),
    ("OVSBOOTPROTO", Code::NoEffect),
    ("OVSDHCPINTERFACES", Code::NoEffect),
    ("MTU", Code::NoEffect),
    ("MACADDR", Code::NoEffect),
];

/// One word of `OVS_TUNNEL_OPTIONS`: an option and its value.
fn option(word: &str) -> Option<(&str, &str)> {
    let (column, value) = word.split_once('=')?;
    let (column, option) = column.split_once(':')?;
    // ovs-vsctl takes any prefix of a column's name that is no other's.
    let is_options = !column.is_empty() && column.len() >= 2 && "options".starts_with(column);
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    is_options.then_some((option, value))
}

/// The tunnel a file describes; `None` when an error was reported.
pub(super) fn tunnel(reader: &mut Reader<'_>) -> Option<Tunnel> {
    of_no_device(reader, "a tunnel port");
    let Some((kind, kind_var)) = reader.text("OVS_TUNNEL_TYPE") else {
        let found = Diagnostic::error(Code::MissingKey, reader.file, "`TYPE=OVSTunnel` without `OVS_TUNNEL_TYPE`");
        reader.sink.push(found.at(type_span(reader)).help("add `OVS_TUNNEL_TYPE=vxlan`, or geneve, gre, ip6gre, erspan, ip6erspan"));
        return None;
    };
    let options_var = reader.vars.get("OVS_TUNNEL_OPTIONS");
    let words: Vec<(&str, Span)> = options_var.into_iter().flat_map(|var| var.value.words()).collect();
    let mut options = Vec::new();
    for (word, span) in &words {
        match option(word) {
            Some(option) => options.push(option),
            None => {
                let var = options_var?;
                let message = format!("`{}` is not supported yet: a tunnel takes `options:NAME=VALUE` only", shown(word.as_bytes()));
                reader.sink.push(Diagnostic::error(Code::Unsupported, &var.file, message).at(*span).help("remove it if this host can do without it"));
                return None;
            }
        }
    }
    match Tunnel::parse(kind, options.iter().copied()) {
        Ok(tunnel) => Some(tunnel),
        Err(bad) => {
            let place = bad.option().and_then(|name| words.iter().rev().find(|(word, _)| option(word).is_some_and(|(option, _)| option == name)));
            let (code, var, span) = match (&bad, place, options_var) {
                (_, Some((_, span)), Some(var)) => (Code::BadValue, var, *span),
                (BadTunnel::Missing { .. }, _, Some(var)) => (Code::Tunnel, var, value_span(var)),
                (BadTunnel::Missing { .. }, _, None) => (Code::Tunnel, kind_var, value_span(kind_var)),
                _ => (Code::BadValue, kind_var, value_span(kind_var)),
            };
            let help = match &bad {
                BadTunnel::Missing { .. } => "write `OVS_TUNNEL_OPTIONS=\"options:remote_ip=192.0.2.1\"` with the other end's address",
                BadTunnel::UnknownType(_) | BadTunnel::NoType(..) => "write `OVS_TUNNEL_TYPE=vxlan`, or geneve, gre, ip6gre, erspan, ip6erspan",
                _ => "change it, or remove it",
            };
            reader.sink.push(Diagnostic::error(code, &var.file, bad.to_string()).at(span).help(help));
            None
        }
    }
}

/// The peer a patch port's file names; `None` when an error was reported.
pub(super) fn peer(reader: &mut Reader<'_>) -> Option<Named> {
    of_no_device(reader, "a patch port");
    let Some((text, var)) = reader.text("OVS_PATCH_PEER") else {
        let found = Diagnostic::error(Code::MissingKey, reader.file, "`TYPE=OVSPatchPort` without `OVS_PATCH_PEER`");
        reader.sink.push(found.at(type_span(reader)).help("add `OVS_PATCH_PEER=` and the name of the other bridge's patch port"));
        return None;
    };
    match IfName::new(text) {
        Ok(name) => Some(Named { name, span: reader.span(var) }),
        Err(bad) => {
            let message = format!("`{}` cannot be a port's name: {bad}", shown(text.as_bytes()));
            reader.error(Code::BadName, var, message, "write the name of the other bridge's patch port after `OVS_PATCH_PEER=`");
            None
        }
    }
}

/// Says of keys that belong to devices that they do nothing here.
fn of_no_device(reader: &mut Reader<'_>, what: &str) {
    for (key, code) in OF_A_DEVICE {
        if let Some((_, var)) = reader.text(key).filter(|(_, var): &(_, &Var)| &*var.file == reader.file) {
            reader.warning(*code, var, format!("`{key}` has no effect on {what}: it is no device of the host's"), "remove it");
        }
    }
}

fn type_span(reader: &Reader<'_>) -> Span {
    reader.vars.get("TYPE").map_or_else(Span::default, |var| reader.span(var))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_options() {
        assert_eq!(option("options:remote_ip=10.0.0.2"), Some(("remote_ip", "10.0.0.2")));
        assert_eq!(option("opt:key=\"7\""), Some(("key", "7")));
        for other in ["remote_ip=10.0.0.2", "ofport_request=7", "options:key", "external_ids:a=b", "other:a=b", "o:a=b", ":a=b", "--"] {
            assert_eq!(option(other), None, "{other}");
        }
    }
}
