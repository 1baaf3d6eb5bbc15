//! `OVSREQUIRES`: the interfaces that come up before this one.
//!
//! It must not read text beyond its own key.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use super::code::Code;
use super::diag::{Diagnostic, shown};
use super::fake::Fakes;
use super::settings::{Named, Reader, Settings};
use super::span::Span;

/// The names in it.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<Named> {
    let mut names: Vec<Named> = Vec::new();
    let Some((_, var)) = reader.text("OVSREQUIRES") else { return names };
    for (word, span) in var.value.words() {
        match IfName::new(word) {
            Ok(name) if names.iter().any(|named| named.name == name) => {}
            Ok(name) => names.push(Named { name, span: if &*var.file == reader.file { span } else { Span::default() } }),
            Err(bad) => {
                let message = format!("`{}` cannot be a device's name: {bad}", shown(word.as_bytes()));
                let found = Diagnostic::error(Code::BadName, &var.file, message).at(span);
                reader.sink.push(found.help("`OVSREQUIRES` takes names of interfaces, with blanks between them"));
            }
        }
    }
    names
}

/// What each file's interface really waits for among what it names: the Open vSwitch interfaces that are in another bridge, and `plain`
/// devices. The rest is
/// reported into `found`, and so are files that wait for each other.
pub(super) fn resolve(unique: &[&Settings], plain: &[IfName], fakes: &Fakes, found: &mut Vec<Diagnostic>) -> BTreeMap<IfName, Vec<IfName>> {
    let bridge = |settings: &&Settings| settings.role.bridge().map_or(settings.device.name, |bridge| fakes.resolve(bridge.name).0);
    let bridge_of: BTreeMap<IfName, IfName> = unique.iter().map(|settings| (settings.device.name, bridge(settings))).collect();
    let mut resolved: BTreeMap<IfName, Vec<IfName>> = BTreeMap::new();
    let mut waits: BTreeMap<IfName, Vec<IfName>> = BTreeMap::new();
    for settings in unique {
        let own = bridge_of.get(&settings.device.name);
        for named in &settings.requires {
            let (message, help) = match bridge_of.get(&named.name) {
                None if plain.contains(&named.name) => {
                    resolved.entry(settings.device.name).or_default().push(named.name);
                    continue;
                }
                None => (
                    format!(
                        "`OVSREQUIRES`: no file of this folder describes `{}` as Open vSwitch's or as a plain device, so nothing waits for it",
                        named.name
                    ),
                    "remove it",
                ),
                Some(_) if named.name == settings.device.name => (format!("`OVSREQUIRES` names `{}` itself", named.name), "remove it"),
                Some(other) if Some(other) == own => {
                    (format!("`OVSREQUIRES`: `{}` comes up together with `{}` anyway", named.name, settings.device.name), "remove it")
                }
                Some(other) => {
                    resolved.entry(settings.device.name).or_default().push(named.name);
                    let own = own.copied().unwrap_or(settings.device.name);
                    let is_loop = reaches(&waits, *other, own);
                    waits.entry(own).or_default().push(*other);
                    if !is_loop {
                        continue;
                    }
                    (format!("`OVSREQUIRES`: `{other}` waits for `{own}` itself; which of them is first is left open"), "remove it here or there")
                }
            };
            found.push(Diagnostic::warning(Code::NoEffect, &settings.file, message).at(named.span).help(help));
        }
    }
    resolved
}

/// Whether `from` waits, however far round, for `to`.
fn reaches(waits: &BTreeMap<IfName, Vec<IfName>>, from: IfName, to: IfName) -> bool {
    let mut ahead = vec![from];
    let mut seen = Vec::new();
    while let Some(name) = ahead.pop() {
        if name == to {
            return true;
        }
        if !seen.contains(&name) {
            seen.push(name);
            ahead.extend(waits.get(&name).into_iter().flatten());
        }
    }
    false
}
