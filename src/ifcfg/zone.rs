//! `ZONE`: which of firewalld's zones an interface is to be in. Empty is its default one, as network-scripts had it.
//!
//! It must not know which zones there are.

use super::code::Code;
use super::diag::{Diagnostic, shown};
use super::settings::{Placed, Reader, Role, Settings};
use crate::model::Zone;

const KEY: &str = "ZONE";

/// The zone a file asks for, where there is a network device that can be in one.
pub(super) fn read(reader: &mut Reader<'_>, role: &Role) -> Option<Placed<Zone>> {
    let var = reader.vars.get(KEY)?;
    let why = match role {
        Role::Bond(..) => Some("a bond is no network device: write it into the bridge's file"),
        Role::Tunnel(..) | Role::Patch(..) => Some("there is no network device of this name: remove it"),
        Role::Port(_) | Role::Bridge | Role::Internal(_) | Role::Fake(..) | Role::Plain | Role::Member => None,
    };
    if let Some(why) = why {
        if &*var.file == reader.file {
            reader.warning(Code::NoEffect, var, format!("`{KEY}` has no effect here"), why);
        }
        return None;
    }
    let text = reader.text(KEY).map_or("", |(text, _)| text);
    let Some(value) = Zone::new(text) else {
        let message = format!("`{}` cannot be the name of a zone", shown(text.as_bytes()));
        reader.error(Code::BadValue, var, message, "write one of those that `firewall-cmd --get-zones` names");
        return None;
    };
    Some(Placed { value, span: reader.span(var) })
}

/// What a host without a firewall makes of the zones that files ask for.
pub(super) fn without_firewall(list: &[Settings], found: &mut Vec<Diagnostic>) {
    for settings in list {
        if let Some(Placed { value, span }) = &settings.zone {
            let message = format!("firewalld does not run on this host: nobody is told that `{}` is to be in {value}", settings.device.name);
            let help = "start firewalld before `ovsdp up`, or remove the line";
            found.push(Diagnostic::warning(Code::NoEffect, &settings.file, message).at(*span).help(help));
        }
    }
}
