//! `TYPE=OVSBond`: the devices that are one port, and what `OVS_OPTIONS` and `OVS_EXTRA` ask of each.
//!
//! It must not know how a bond shares the load; that is `vsctl`'s to read and `switch`'s to do.

use std::collections::BTreeSet;

use ovsdp_proto::IfName;

use super::address::Ask;
use super::assign::{Evaluated, Vars};
use super::code::Code;
use super::diag::{Diagnostic, Severity, Sink, shown};
use super::folder::Other;
use super::settings::{self, Named, Placed, Reader, Role, Settings};
use super::span::Span;
use crate::model::{Interface, Kind, Patience};

/// What a file that is not Open vSwitch's says of its device, which is one of a bond's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Member {
    /// What it is asked for; `None` when it cannot be carried out.
    pub(super) settings: Option<Box<Settings>>,
    /// What was found.
    pub(super) findings: Vec<Diagnostic>,
}

/// Reads those of `others` as a bond's devices that a bond of `list` names. `evaluate` gives a file's values; one with an error among them is
/// passed over.
pub(super) fn read_members(list: &[Settings], others: &mut [Other], evaluate: impl Fn(&str) -> Evaluated) {
    let mut wanted: BTreeSet<IfName> = list.iter().flat_map(|settings| settings.role.members()).map(|member| member.name).collect();
    for other in others.iter_mut().filter(|other| !other.broken) {
        let device = other.device.as_deref().or_else(|| other.file.strip_prefix("ifcfg-"));
        // Of two files for one device the first counts, as in `file_of`.
        if device.and_then(|device| IfName::new(device).ok()).is_some_and(|device| wanted.remove(&device)) {
            let Evaluated { vars, used, sink } = evaluate(&other.file);
            if !sink.has_errors() {
                other.says = read_member(&other.file, &vars, &used);
            }
        }
    }
}

/// Reads a file that is not Open vSwitch's as that of a bond's device. Keys that are not carried out stop nothing: what the device becomes is
/// said by the bond's file.
fn read_member(file: &str, vars: &Vars, used: &BTreeSet<String>) -> Member {
    let (mut sink, mut keys) = (Sink::default(), Sink::default());
    let settings = settings::read_as(file, vars, &mut sink, Some(Role::Member));
    settings::judge_keys(file, vars, used, &mut keys);
    let mut findings = sink.into_list();
    findings.extend(keys.into_list().into_iter().map(|found| Diagnostic { severity: Severity::Warning, ..found }));
    Member { settings: settings.map(Box::new), findings }
}

/// Reads `BOND_IFACES`; `None` when an error was reported.
pub(super) fn members(reader: &mut Reader<'_>) -> Option<Vec<Named>> {
    const KEY: &str = "BOND_IFACES";
    let help = "write the names of two devices or more: `BOND_IFACES=\"eth0 eth1\"`";
    let Some((_, var)) = reader.text(KEY) else {
        let found = Diagnostic::error(Code::Bond, reader.file, "`TYPE=OVSBond` without `BOND_IFACES`");
        let at = reader.vars.get("TYPE").map(|var| reader.span(var)).unwrap_or_default();
        reader.sink.push(found.at(at).help(help));
        return None;
    };
    let (mut members, mut seen): (Vec<Named>, BTreeSet<IfName>) = Default::default();
    for (word, span) in var.value.words() {
        let complaint = match IfName::new(word) {
            Ok(name) if seen.insert(name) => {
                members.push(Named { name, span });
                continue;
            }
            Ok(name) => Diagnostic::error(Code::Bond, &var.file, format!("`{name}` is named twice")).help("remove one of them"),
            Err(bad) => {
                let message = format!("`{}` cannot be a device's name: {bad}", shown(word.as_bytes()));
                Diagnostic::error(Code::BadName, &var.file, message).help(help)
            }
        };
        reader.sink.push(complaint.at(span));
        return None;
    }
    if members.len() < 2 {
        reader.error(Code::Bond, var, "a bond of one device", format!("{help}; or make it `TYPE=OVSPort`"));
        return None;
    }
    Some(members)
}

/// Says of keys that belong to a device that they do nothing here. `MTU` is the members'.
pub(super) fn of_no_device(reader: &mut Reader<'_>) {
    if let Some((_, var)) = reader.text("MACADDR").filter(|(_, var)| &*var.file == reader.file) {
        reader.warning(Code::NoEffect, var, "`MACADDR` has no effect on a bond: its members keep their addresses", "write it into the bridge's file");
    }
}

/// The members of the bond `settings` describes, as interfaces. What is said of one by the bond's file counts before what its own
/// says.
pub(super) fn interfaces(settings: &Settings, members: &[Named], others: &[Other]) -> Vec<Interface> {
    let interface = |member: &Named| {
        let own = file_of(others, member.name).and_then(|other| other.says.settings.as_deref());
        let asked = settings.extra.member(member.name);
        let mtu = settings.mtu.or(own.and_then(|own| own.mtu)).map(|Placed { value, .. }| value);
        let patience = own.map(|own| own.patience).unwrap_or_default();
        Interface {
            mac: asked.and_then(|asked| asked.mac).or(own.and_then(|own| own.mac)),
            hwaddr: own.and_then(|own| own.hwaddr).map(|hwaddr| hwaddr.value),
            mtu: asked.and_then(|asked| asked.mtu).or(mtu),
            lacp: asked.map(|asked| asked.lacp).unwrap_or_default(),
            tuning: own.map(|own| own.tuning.clone()).unwrap_or_default(),
            down: own.is_some_and(|own| own.down),
            zone: own.and_then(|own| own.zone.as_ref()).map(|zone| zone.value.clone()),
            nm_controlled: own.and_then(|own| own.nm_controlled).or(settings.nm_controlled) == Some(true),
            patience: Patience {
                device_secs: settings.patience.device_secs.max(patience.device_secs),
                carrier_secs: settings.patience.carrier_secs.max(patience.carrier_secs),
            },
            external_ids: asked.map(|asked| asked.external_ids.clone()).unwrap_or_default(),
            ..Interface::new(member.name, Kind::System)
        }
    };
    members.iter().map(interface).collect()
}

/// What is wrong with what members' own files ask of the devices.
pub(super) fn findings(unique: &[&Settings], others: &[Other]) -> Vec<Diagnostic> {
    let members = unique.iter().flat_map(|settings| settings.role.members());
    members.filter_map(|member| file_of(others, member.name)).flat_map(|other| other.says.findings.clone()).collect()
}

/// The file of a device that is not Open vSwitch's.
pub(super) fn file_of(others: &[Other], device: IfName) -> Option<&Other> {
    let called = |other: &&Other| other.device.as_deref() == Some(&*device) || (other.device.is_none() && *other.file == *format!("ifcfg-{device}"));
    others.iter().filter(|other| !other.broken).find(called)
}

/// Members that are ports as well, or of two bonds.
pub(super) fn of_two(unique: &[&Settings], found: &mut Vec<Diagnostic>) {
    for (at, settings) in unique.iter().enumerate() {
        let Role::Bond(_, members) = &settings.role else { continue };
        for member in members {
            let elsewhere = unique.iter().enumerate().find_map(|(other, one)| match &one.role {
                Role::Bond(_, theirs) if other < at => theirs.iter().find(|named| named.name == member.name).map(|named| (*one, named.span)),
                _ => (one.device.name == member.name).then_some((*one, one.device.span)),
            });
            if let Some((other, span)) = elsewhere {
                let (name, what) = (member.name, if matches!(other.role, Role::Bond(..)) { "in another bond" } else { "a port of its own" });
                let message = format!("`{name}` is a member of the bond `{}` and {what}", settings.device.name);
                let help = format!("take it out of `BOND_IFACES`, or remove it from `{}`", other.file);
                found.push(Diagnostic::error(Code::Bond, &settings.file, message).at(member.span).help(help).related(&other.file, span, "here too"));
            }
        }
    }
}

/// The lines that give members addresses: the file, the place and which device carries none.
pub(super) fn addressed<'a>(settings: &'a Settings, others: &'a [Other]) -> impl Iterator<Item = (&'a str, Span, String)> {
    settings.role.members().iter().filter_map(|member| {
        let other = file_of(others, member.name)?;
        let Ask::OnPort { at } = other.says.settings.as_ref()?.ask else { return None };
        Some((other.file.as_str(), at, format!("`{}` is a member of the bond `{}`", member.name, settings.device.name)))
    })
}
