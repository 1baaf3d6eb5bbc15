//! What is hardly meant although it can be carried out, seen from the files beside each other.
//!
//! It must not find errors: what `up` refuses is found where `up` finds it.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use super::code::Code;
use super::diag::Diagnostic;
use super::file::{Sources, backup_of};
use super::folder::Other;
use super::settings::{Placed, Role, Settings};
use super::surroundings::Device;

/// Reports into `found`. `devices`: the host's, when they are known.
pub(super) fn folder(list: &[Settings], others: &[Other], devices: &[Device], sources: &Sources, found: &mut Vec<Diagnostic>) {
    loops(list, found);
    mtu(list, devices, found);
    backups(list, others, sources, found);
}

/// How devices are called that lead to a guest and not to a network.
const GUESTS: [&str; 6] = ["dummy", "macvtap", "tap", "veth", "vif", "vnet"];

/// The ports of each bridge that lead out of the host, each device once.
fn uplinks(list: &[Settings]) -> BTreeMap<IfName, Vec<&Settings>> {
    let mut bridges: BTreeMap<IfName, Vec<&Settings>> = BTreeMap::new();
    for settings in list {
        let (Role::Port(bridge) | Role::Bond(bridge, _)) = &settings.role else { continue };
        let ports = bridges.entry(bridge.name).or_default();
        let guests = GUESTS.iter().any(|prefix| settings.device.name.starts_with(prefix));
        if !guests && !ports.iter().any(|port| port.device.name == settings.device.name) {
            ports.push(settings);
        }
    }
    bridges.retain(|name, _| list.iter().any(|settings| settings.role == Role::Bridge && settings.device.name == *name));
    bridges
}

fn loops(list: &[Settings], found: &mut Vec<Diagnostic>) {
    for (bridge, ports) in uplinks(list) {
        let [first, second, rest @ ..] = ports.as_slice() else { continue };
        let device = |settings: &Settings| format!("`{}`", settings.device.name);
        let mut names = device(first);
        for port in std::iter::once(second).chain(rest) {
            names += " and ";
            names += &device(port);
        }
        let message = format!("{names} lead out of `{bridge}`: where they reach the same network, frames circle for ever");
        let diagnostic = Diagnostic::warning(Code::Loop, &second.file, message).at(second.device.span);
        let diagnostic = diagnostic.note("neither a bond nor a spanning tree keeps one of them quiet");
        let diagnostic = diagnostic.help(format!("leave one of them in `{bridge}`, unless they lead to different networks"));
        found.push(diagnostic.related(&first.file, first.device.span, "the first of them"));
    }
}

fn mtu(list: &[Settings], devices: &[Device], found: &mut Vec<Diagnostic>) {
    for settings in list {
        let bridge = match &settings.role {
            Role::Bridge => settings.device.name,
            Role::Internal(bridge) | Role::Fake(bridge, _) => bridge.name,
            Role::Port(_) | Role::Tunnel(..) | Role::Patch(..) | Role::Bond(..) | Role::Plain | Role::Member => continue,
        };
        let Some(Placed { value: mtu, span }) = settings.mtu else { continue };
        for port in list.iter().filter(|port| matches!(&port.role, Role::Port(of) | Role::Bond(of, _) if of.name == bridge)) {
            let name = port.device.name;
            let device = devices.iter().find(|device| device.name == name);
            let (carried, now) = match (port.mtu, device) {
                (Some(asked), _) => (asked.value, ""),
                (None, Some(device)) => (device.mtu, " now, and no file changes that"),
                (None, None) => continue,
            };
            if carried >= mtu {
                continue;
            }
            let message =
                format!("`{}` sends packets of up to {mtu} bytes, the port `{name}` of `{bridge}` carries {carried}{now}", settings.device.name);
            let diagnostic = Diagnostic::warning(Code::Mtu, &settings.file, message).at(span).note("the kernel drops what is too large for a port");
            let diagnostic = diagnostic.help(format!("write `MTU={mtu}` into `{}`, or a smaller one here", port.file));
            found.push(match port.mtu {
                Some(asked) => diagnostic.related(&port.file, asked.span, "the port's"),
                None => diagnostic,
            });
        }
    }
}

fn backups(list: &[Settings], others: &[Other], sources: &Sources, found: &mut Vec<Diagnostic>) {
    for name in sources.skipped() {
        let Some((original, ending)) = backup_of(name) else { continue };
        let Some(device) = original.strip_prefix("ifcfg-").filter(|device| !device.is_empty() && *device != "lo") else { continue };
        let described = sources.get(original).is_some()
            || list.iter().any(|settings| *settings.device.name == *device)
            || others.iter().any(|other| other.device.as_deref() == Some(device));
        if !described {
            let message = format!("this file is passed over because its name ends in `{ending}`, and no other one describes `{device}`");
            let diagnostic = Diagnostic::warning(Code::Backup, name, message);
            found.push(diagnostic.help(format!("rename it to `{original}` if it is to count, or move it out of the folder")));
        }
    }
}
