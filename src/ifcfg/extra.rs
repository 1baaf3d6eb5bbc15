//! `OVS_OPTIONS` and `OVS_EXTRA`: what they set of the bridge, port and interface a file describes.
//!
//! It must not know the dialect; that is `vsctl`'s.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use super::assign::Var;
use super::code::Code;
use super::diag::Diagnostic;
use super::settings::{Reader, Role, value_span};
use super::span::Span;
use crate::vsctl::{self, BridgeAsk, Command, Fault, InterfaceAsk, PortAsk, Setting, Table};

/// What both ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extra {
    pub(super) bridge: BridgeAsk,
    pub(super) port: PortAsk,
    pub(super) interface: InterfaceAsk,
    /// Of a bond's members.
    pub(super) members: BTreeMap<IfName, InterfaceAsk>,
}

/// The settings of each row of the file's.
#[derive(Clone, Default)]
struct Rows {
    bridge: Vec<Setting>,
    port: Vec<Setting>,
    interface: Vec<Setting>,
    members: BTreeMap<IfName, Vec<Setting>>,
}

/// Reads both; what is wrong with them is reported.
pub(super) fn read(reader: &mut Reader<'_>, role: Option<&Role>, device: Option<IfName>) -> Extra {
    let (mut extra, mut rows) = (Extra::default(), Rows::default());
    let (Some(role), Some(device)) = (role, device) else { return extra };
    for key in ["OVS_OPTIONS", "OVS_EXTRA"] {
        let Some(var) = reader.vars.get(key) else { continue };
        let words: Vec<(&str, Span)> = var.value.words().collect();
        let mut more = rows.clone();
        match take(key, &words.iter().map(|(word, _)| *word).collect::<Vec<_>>(), role, device, &mut more) {
            Ok(all) => (extra, rows) = (all, more),
            Err(fault) => report(reader, key, var, &words, fault),
        }
    }
    extra
}

/// Adds what `words` set to `rows`, in which nothing is wrong before, and returns what all of them ask for.
fn take(key: &str, words: &[&str], role: &Role, device: IfName, rows: &mut Rows) -> Result<Extra, Fault> {
    // The options of add-br and add-port end where another command begins.
    let options = if key == "OVS_OPTIONS" { words.iter().take_while(|word| **word != "--").count() } else { 0 };
    if options > 0 && *role == Role::Bridge {
        return Err(Fault {
            word: 0,
            reason: "a bridge takes no options but those of a fake bridge, its parent and VLAN".to_owned(),
            help: "write what is to be set into OVS_EXTRA, such as `set Bridge NAME other_config:mac-table-size=50000`".to_owned(),
        });
    }
    if !matches!(role, Role::Fake(..)) {
        rows.port.extend(vsctl::settings(Table::Port, 0, words.get(..options).unwrap_or_default())?);
    }
    for command in vsctl::commands(options, words.get(options..).unwrap_or_default())? {
        let (table, record, word, settings) = match command {
            Command::Set { table, record, word, settings } => (table, record, word, settings),
            Command::Done { bridge, word } => (Table::Bridge, bridge, word, Vec::new()),
        };
        let bridge = role.bridge().map_or(device, |bridge| bridge.name);
        let member = if table == Table::Interface { member(role, &record) } else { None };
        let is_own = if table == Table::Bridge { *record == *bridge } else { *record == *device };
        if !is_own && member.is_none() {
            let reason = format!("{} `{record}` is not what this file describes", table.name());
            return Err(Fault {
                word,
                reason,
                help: format!("write it into the file of `{record}`, or name `{}` here", if table == Table::Bridge { bridge } else { device }),
            });
        }
        if table == Table::Bridge && *role != Role::Bridge && !settings.is_empty() {
            return Err(Fault {
                word,
                reason: "a port's file sets nothing of its bridge".to_owned(),
                help: format!("write it into `ifcfg-{bridge}`"),
            });
        }
        match table {
            Table::Bridge => rows.bridge.extend(settings),
            Table::Port => rows.port.extend(settings),
            Table::Interface => match member {
                Some(member) => rows.members.entry(member).or_default().extend(settings),
                None => rows.interface.extend(settings),
            },
        }
    }
    let has_device = matches!(role, Role::Bridge | Role::Port(_) | Role::Internal(_) | Role::Fake(..));
    if let Some(setting) = rows.interface.iter().find(|setting| !setting.is_recorded && !has_device) {
        let help = "remove it".to_owned();
        return Err(Fault { word: setting.word, reason: format!("`{}` belongs to a device, and this port is none", setting.column), help });
    }
    let port = vsctl::port(&rows.port)?;
    of_bonds(role, &port, &rows.port)?;
    let members = rows.members.iter().map(|(name, settings)| Ok((*name, vsctl::interface(settings)?))).collect::<Result<_, Fault>>()?;
    Ok(Extra { bridge: vsctl::bridge(&rows.bridge)?, port, interface: vsctl::interface(&rows.interface)?, members })
}

/// The member of a bond that is called so.
fn member(role: &Role, record: &str) -> Option<IfName> {
    let Role::Bond(_, members) = role else { return None };
    members.iter().map(|member| member.name).find(|name| *record == **name)
}

/// What only bonds have, on another port; what needs network devices, on a port that has none; a primary member that is none.
fn of_bonds(role: &Role, port: &PortAsk, settings: &[Setting]) -> Result<(), Fault> {
    let fault = |word, reason: String, help: &str| Err(Fault { word, reason, help: help.to_owned() });
    let called = |what: &str| settings.iter().rev().find(|setting| setting.column == what || setting.key == what).map_or(0, |setting| setting.word);
    if let (false, Some(word)) = (matches!(role, Role::Bond(..)), port.of_bond) {
        return fault(word, "it belongs to a bond".to_owned(), "make the port `TYPE=OVSBond`, or remove it");
    }
    if port.lacp.is_some() && !role.is_uplink() {
        return fault(called("lacp"), "LACP speaks to another switch, and this port leads to none".to_owned(), "remove it");
    }
    match port.bond.primary {
        Some(primary) if member(role, &primary).is_none() => {
            fault(called("bond-primary"), format!("`{primary}` is no member of the bond"), "name one of `BOND_IFACES`")
        }
        _ => Ok(()),
    }
}

fn report(reader: &mut Reader<'_>, key: &str, var: &Var, words: &[(&str, Span)], fault: Fault) {
    let span = words.get(fault.word).map_or_else(|| value_span(var), |(_, span)| *span);
    let found = Diagnostic::error(Code::Unsupported, &var.file, format!("`{key}`: {}", fault.reason)).at(span);
    reader.sink.push(found.help(fault.help));
}
