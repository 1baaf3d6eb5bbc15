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
use crate::vsctl::{self, At, Database, Error, Outcome, Uuid};

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

/// The line that `OVS_TUNNEL_OPTIONS` ends, and the rows it is about.
const LINE: [&str; 3] = ["set", "Interface", "tunnel"];
const ROWS: &str = "add-br bridge -- add-port bridge tunnel";

/// What the words of `OVS_TUNNEL_OPTIONS` set.
fn set(words: &[&str]) -> Result<Outcome, Error> {
    let rows = Database::new(Uuid::default()).transact(&vsctl::commands(&vsctl::split(ROWS))?)?.database;
    let line = vsctl::words(LINE.into_iter().chain(words.iter().copied()));
    let outcome = rows.transact(&if words.is_empty() { Vec::new() } else { vsctl::commands(&line)? })?;
    match outcome.writes.iter().find(|write| write.column != "options") {
        Some(write) => {
            let error = Error::new(vsctl::Kind::Refused, format!("`{}` cannot be set here: these are a tunnel's options", write.column));
            Err(Error { at: Some(write.at.clone()), help: Some("write it into OVS_EXTRA, as `set Interface NAME COLUMN=VALUE`".to_owned()), ..error })
        }
        None => Ok(outcome),
    }
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
    let place = |at: Option<&At>| at.and_then(|at| words.get(at.word.checked_sub(LINE.len())?)).map(|(_, span)| *span);
    let outcome = match set(&words.iter().map(|(word, _)| *word).collect::<Vec<_>>()) {
        Ok(outcome) => outcome,
        Err(error) => {
            let var = options_var?;
            let text = error.text.trim_end_matches('.').to_owned();
            let found = Diagnostic::error(Code::Unsupported, &var.file, text).at(place(error.at.as_ref()).unwrap_or_else(|| value_span(var)));
            reader.sink.push(found.help(error.help.unwrap_or_else(|| "write such as `options:remote_ip=192.0.2.1 options:key=7`".to_owned())));
            return None;
        }
    };
    let options = outcome.database.bridges().flat_map(|bridge| bridge.rows("ports")).flat_map(|port| port.rows("interfaces"));
    let options: Vec<(&str, &str)> = options.filter(|interface| interface.name() == LINE[2]).flat_map(|interface| interface.map("options")).collect();
    match Tunnel::parse(kind, options) {
        Ok(tunnel) => Some(tunnel),
        Err(bad) => {
            let wrote = |name: &str| outcome.writes.iter().rev().find(|write| write.key.as_deref().is_none_or(|key| key == name));
            let at = bad.option().and_then(|name| place(wrote(name).map(|write| &write.at)));
            let (code, var, span) = match (&bad, at, options_var) {
                (_, Some(span), Some(var)) => (Code::BadValue, var, span),
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
    fn words_are_options_in_the_dialect() {
        let options = |words: &[&str]| {
            let outcome = set(words).map_err(|error| error.text)?;
            let port = outcome.database.bridges().next().unwrap().rows("ports").into_iter().find(|port| port.name() == "tunnel").unwrap();
            let options = port.rows("interfaces")[0].map("options");
            Ok::<_, String>(options.into_iter().map(|(option, value)| format!("{option}={value}")).collect::<Vec<_>>())
        };
        assert_eq!(options(&["options:remote_ip=10.0.0.2", "opt:key=\"7\""]).unwrap(), ["key=7", "remote_ip=10.0.0.2"]);
        assert_eq!(options(&["options={remote_ip=10.0.0.2,ttl=7}"]).unwrap(), ["remote_ip=10.0.0.2", "ttl=7"]);
        assert!(options(&[]).unwrap().is_empty());
        for other in ["remote_ip=10.0.0.2", "ofport_request=7", "options:key", "external_ids:a=b", "other:a=b", "o:a=b", ":a=b", "--"] {
            assert!(options(&[other]).is_err(), "{other}");
        }
    }
}
