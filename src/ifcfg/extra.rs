//! `OVS_OPTIONS` and `OVS_EXTRA`: what they set of the bridge, port and interface a file describes.
//!
//! The file's rows are made as ifup-ovs would have made them, and the commands carried out on them. It must not know the dialect; that is
//! `vsctl`'s.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use super::assign::Var;
use super::code::Code;
use super::diag::Diagnostic;
use super::settings::{Reader, Role, value_span};
use super::span::Span;
use crate::model::{BridgeRules, Interface, Kind, Port, Record};
use crate::vsctl::{self, At, Database, Error, Outcome, Table, Uuid};

/// What the file's rows say in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extra {
    /// How the bridge switches; a bridge's file only.
    pub(super) rules: BridgeRules,
    /// What is to be remembered of the bridge; a bridge's file only.
    pub(super) external_ids: BTreeMap<String, String>,
    /// The port, a bridge's own one in a bridge's file.
    pub(super) port: Port,
    /// What is only kept of all these.
    pub(super) records: Vec<Record>,
}

impl Extra {
    /// What goes with a port of which nothing is set.
    fn plain(port: Port) -> Self {
        Self { rules: BridgeRules::default(), external_ids: BTreeMap::new(), port, records: Vec::new() }
    }

    /// What most files come to, without their rows: a bridge, port or internal port of which nothing is set. `None` where the rows have to be
    /// asked: what else they are, and names that the dialect may take for something else.
    fn unsaid(role: &Role, device: IfName) -> Option<Self> {
        let kind = match role {
            Role::Bridge | Role::Internal(_) => Kind::Internal,
            Role::Port(_) => Kind::System,
            _ => return None,
        };
        let bridge = role.bridge().map(|bridge| bridge.name);
        let plain = |name: IfName| {
            name.as_str().starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        (bridge != Some(device) && plain(device) && bridge.is_none_or(plain)).then(|| Self::plain(Port::new(Interface::new(device, kind))))
    }

    /// The interface of a port that has one.
    pub(super) fn interface(&self) -> Option<&Interface> {
        self.port.interfaces.first()
    }

    /// The interface of that name.
    pub(super) fn member(&self, name: IfName) -> Option<&Interface> {
        self.port.interfaces.iter().find(|interface| interface.name == name)
    }
}

/// The variables, in the order they count.
const KEYS: [&str; 2] = ["OVS_OPTIONS", "OVS_EXTRA"];

/// The commands a file may give, each about rows it describes.
const OF_FILES: &[&str] =
    &["set", "add", "remove", "clear", "br-set-external-id", "set-fail-mode", "del-fail-mode", "set-controller", "del-controller", "comment", "init"];

/// What there is to do about the others.
const INSTEAD: &[(&[&str], &str)] = &[
    (&["add-br", "del-br", "add-port", "add-bond", "del-port"], "give it a file of its own in the folder"),
    (&["add-bond-iface", "del-bond-iface"], "write the bond's interfaces into BOND_IFACES of its file"),
    (&["create", "destroy", "emer-reset", "wait-until"], "say it with `ovsdp vsctl` when the bridge is up"),
];

/// Columns other keys of a file have the say in.
const OF_KEYS: &[(&str, &str, &str)] = &[
    ("Interface", "type", "TYPE says what an interface is"),
    ("Interface", "options", "OVS_TUNNEL_OPTIONS and OVS_PATCH_PEER are the places for them"),
    ("Port", "interfaces", "BOND_IFACES names a bond's interfaces"),
    ("Port", "fake_bridge", "a bridge's file makes a fake bridge: OVS_OPTIONS=\"PARENT VLAN\""),
    ("Bridge", "ports", "files of their own name a bridge's ports"),
];

/// A file being read: who it describes, and its rows so far.
struct Rows<'a> {
    role: &'a Role,
    device: IfName,
    /// The real bridge it is or is in.
    bridge: IfName,
    database: Database,
}

/// What is said of a word, though it is carried out.
type Remark = (Option<usize>, String);

/// What is wrong with a variable's words, and with which.
struct Fault {
    word: Option<usize>,
    text: String,
    help: String,
}

/// Reads both; what is wrong with them is reported. `None` when an error was.
pub(super) fn read(reader: &mut Reader<'_>, role: Option<&Role>, device: Option<IfName>) -> Option<Extra> {
    let (role, device) = (role?, device?);
    if matches!(role, Role::Plain | Role::Member) {
        return Some(Extra::plain(Port::new(Interface::new(device, Kind::System))));
    }
    if reader.sink.has_errors() && role.bridge().is_some_and(|bridge| bridge.name == device) {
        return None;
    }
    if KEYS.iter().all(|key| reader.vars.get(key).is_none())
        && let Some(extra) = Extra::unsaid(role, device)
    {
        return Some(extra);
    }
    let mut rows = match Rows::new(role, device) {
        Ok(rows) => rows,
        Err(error) => {
            reader.sink.push(Diagnostic::error(Code::Unsupported, reader.file, error.text).help("give each a name of its own"));
            return None;
        }
    };
    let mut extra = None;
    for key in KEYS {
        let Some(var) = reader.vars.get(key) else { continue };
        let words: Vec<(&str, Span)> = var.value.words().collect();
        let texts: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        match rows.take(key, &texts) {
            Ok((done, notes)) => {
                extra = Some(done);
                for (at, text) in notes {
                    let found = Diagnostic::warning(Code::NoEffect, &var.file, format!("`{key}`: {text}"));
                    reader.sink.push(found.at(place(var, &words, at)).help("remove it, unless somebody reads it"));
                }
            }
            Err(fault) => {
                let found = Diagnostic::error(Code::Unsupported, &var.file, format!("`{key}`: {}", fault.text));
                reader.sink.push(found.at(place(var, &words, fault.word)).help(fault.help));
            }
        }
    }
    // Without either, it is as the other keys have it.
    extra.or_else(|| rows.extra().ok())
}

fn place(var: &Var, words: &[(&str, Span)], at: Option<usize>) -> Span {
    at.and_then(|at| words.get(at)).map_or_else(|| value_span(var), |(_, span)| *span)
}

/// The commands that make what a file describes, before anything is set of it.
fn made(role: &Role, device: IfName) -> String {
    let add_port = |bridge: IfName, kind: &str| format!("add-br {bridge} -- add-port {bridge} {device} -- set Interface {device} type={kind}");
    match role {
        // Nothing is said of devices in others' files in this language.
        Role::Bridge | Role::Plain | Role::Member => format!("add-br {device}"),
        Role::Fake(parent, vlan) => format!("add-br {0} -- add-br {device} {0} {1}", parent.name, u16::from(*vlan)),
        Role::Port(bridge) => format!("add-br {0} -- add-port {0} {device}", bridge.name),
        Role::Internal(bridge) => add_port(bridge.name, "internal"),
        Role::Bond(bridge, members) => {
            let members: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
            format!("add-br {0} -- add-bond {0} {device} {1}", bridge.name, members.join(" "))
        }
        Role::Patch(bridge, peer) => format!("{} options:peer={}", add_port(bridge.name, "patch"), peer.name),
        Role::Tunnel(bridge, tunnel) => {
            let options: Vec<String> = tunnel.options().iter().map(|(option, value)| format!("options:{option}=\"{value}\"")).collect();
            format!("{} {}", add_port(bridge.name, tunnel.encap.type_name()), options.join(" "))
        }
    }
}

impl<'a> Rows<'a> {
    fn new(role: &'a Role, device: IfName) -> Result<Self, Error> {
        let bridge = role.bridge().map_or(device, |bridge| bridge.name);
        // Rows without a name of two files are told apart.
        let empty = Database::new(Uuid::derived(Uuid::default(), &device));
        let database = empty.transact(&vsctl::commands(&vsctl::split(&made(role, device)))?)?.database;
        Ok(Self { role, device, bridge, database })
    }

    /// Carries out what the words of `key` say. Nothing of it when something is wrong.
    fn take(&mut self, key: &str, words: &[&str]) -> Result<(Extra, Vec<Remark>), Fault> {
        // The options of add-br and add-port end where another command begins.
        let options = if key == "OVS_OPTIONS" { words.iter().take_while(|word| **word != "--").count() } else { 0 };
        if options > 0 && *self.role == Role::Bridge {
            return Err(Fault {
                word: Some(0),
                text: "a bridge takes no options but those of a fake bridge, its parent and VLAN".to_owned(),
                help: "write what is to be set into OVS_EXTRA, such as `set Bridge NAME other_config:mac-table-size=50000`".to_owned(),
            });
        }
        let is_fake = matches!(self.role, Role::Fake(..));
        let (before, from) = match options {
            0 => (Vec::new(), 0),
            // Its parent and VLAN made it.
            _ if is_fake => (Vec::new(), options),
            _ => (vec!["set", "Port", self.device.as_str()], 0),
        };
        let count = before.len();
        let line = vsctl::words(before.into_iter().chain(words.get(from..).unwrap_or_default().iter().copied()));
        let word = |at: &At| (at.word + from).checked_sub(count);
        let fault = |error: Error| self.fault(error, &word);
        let commands = vsctl::commands(&line).map_err(fault)?;
        if let Some(command) = commands.iter().find(|command| !OF_FILES.contains(&command.verb())) {
            let help = INSTEAD.iter().find(|(verbs, _)| verbs.contains(&command.verb())).map_or("it only prints; remove it", |(_, help)| help);
            let text = format!("`{}` cannot be done from a file", command.verb());
            return Err(Fault { word: word(&command.at()), text, help: help.to_owned() });
        }
        let outcome = self.database.transact(&commands).map_err(fault)?;
        self.judge(&outcome, &word)?;
        let extra = Self { database: outcome.database.clone(), ..*self }.extra_of(&outcome).map_err(fault)?;
        let notes = outcome.notes.iter().map(|note| (word(&note.at), note.text.clone())).collect();
        self.database = outcome.database;
        Ok((extra, notes))
    }

    fn fault(&self, error: Error, word: &dyn Fn(&At) -> Option<usize>) -> Fault {
        let own = if *self.role == Role::Bridge { format!("`{}`", self.device) } else { format!("`{}`, not of others", self.device) };
        let help = error.help.unwrap_or_else(|| match error.kind {
            vsctl::Kind::Absent => format!("a file sets columns of what it describes: {own}; docs/columns.md has the columns"),
            vsctl::Kind::Refused => "remove it if this host can do without it".to_owned(),
            vsctl::Kind::Value => "write a value the column takes, without blanks; docs/columns.md has the columns".to_owned(),
            _ => "write such as `set Port NAME tag=10`, with `--` between commands; a value with a blank in it cannot be written".to_owned(),
        });
        Fault { word: error.at.as_ref().and_then(word), text: error.text.trim_end_matches('.').to_owned(), help }
    }

    /// What a file may not change: rows of others, and what other keys of it say.
    fn judge(&self, outcome: &Outcome, word: &dyn Fn(&At) -> Option<usize>) -> Result<(), Fault> {
        for write in &outcome.writes {
            let Some((table, column)) = Table::of(write.table).and_then(|table| Some((table, table.column(write.column)?))) else { continue };
            let is_new = outcome.database.get(table, write.row, column) != self.database.get(table, write.row, column);
            if !is_new {
                continue;
            }
            let fault = |text: String, help: String| Err(Fault { word: word(&write.at), text, help });
            let name = outcome.database.view(table.name, write.row).map_or("", |row| row.name());
            let of_bridge = table.name == "Bridge" || (name == self.bridge.as_str() && self.bridge != self.device);
            if of_bridge && *self.role != Role::Bridge {
                return fault("a port's file sets nothing of its bridge".to_owned(), format!("write it into `ifcfg-{}`", self.bridge));
            }
            if let Some((.., why)) = OF_KEYS.iter().find(|(of, called, _)| (*of, *called) == (table.name, column.name)) {
                return fault(format!("`{}` cannot be set here: {why}", column.name), "remove it".to_owned());
            }
            let has_device = !matches!(self.role, Role::Tunnel(..) | Role::Patch(..));
            if !has_device && matches!(column.name, "mac" | "mtu_request") {
                return fault(format!("`{}` belongs to a device, and this port is none", column.name), "remove it".to_owned());
            }
        }
        Ok(())
    }

    fn extra_of(&self, outcome: &Outcome) -> Result<Extra, Error> {
        let mut bridges = self.database.intent().map_err(|misfit| outcome.blame(misfit))?;
        let gone = || Error::new(vsctl::Kind::Conflict, format!("what describes `{}` is gone", self.device));
        let bridge = bridges.remove(&self.bridge).ok_or_else(gone)?;
        let port = match self.role {
            Role::Bridge => Port { rules: bridge.local_rules, ..Port::new(bridge.local) },
            _ => bridge.ports.get(&self.device).cloned().ok_or_else(gone)?,
        };
        Ok(Extra { rules: bridge.rules, external_ids: bridge.external_ids, port, records: bridge.records })
    }

    /// What the rows say when nothing was set of them.
    fn extra(&self) -> Result<Extra, Error> {
        let nothing = Outcome { database: self.database.clone(), outputs: Vec::new(), notes: Vec::new(), writes: Vec::new() };
        self.extra_of(&nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Named;
    use super::*;

    #[test]
    fn what_goes_without_rows_is_what_the_rows_say() {
        let name = |text: &str| IfName::new(text).unwrap();
        let named = |text: &str| Named { name: name(text), span: Span::default() };
        for device in ["p0", "eth0.100", "veth-a_b", "0", "add-port", "br1", "ovs-system"] {
            for role in [Role::Bridge, Role::Port(named("br0")), Role::Internal(named("br0"))] {
                let rows = Rows::new(&role, name(device)).map(|rows| rows.extra().unwrap()).map_err(|error| error.text);
                assert_eq!(Ok(Extra::unsaid(&role, name(device)).unwrap()), rows, "{device}: {role:?}");
            }
        }
        for (role, device) in [
            (Role::Port(named("br0")), "br0"),
            (Role::Internal(named("br0")), "br0"),
            (Role::Port(named("-b")), "p0"),
            (Role::Bridge, "--"),
            (Role::Bridge, "a\"b"),
            (Role::Bond(named("br0"), vec![named("p0"), named("p1")]), "bond0"),
            (Role::Patch(named("br0"), named("p1")), "p0"),
        ] {
            assert_eq!(Extra::unsaid(&role, name(device)), None, "{device}: {role:?}");
        }
    }
}
