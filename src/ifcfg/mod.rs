//! RHEL-style interface files to [`Intent`]: text → assignments → typed settings → what the folder asks for, with a place
//! for everything that is wrong.
//!
//! Read top to bottom: `dir` and `file` hold the text, `lex`, `word` and `ansi` take it apart (`refuse` says what is no assignment), `assign`
//! evaluates, `keys`, `settings`, `address`, `resolver`, `lease`, `reach`, `ethtool`, `arp`, `ipv6`, `patience`, `zone`, `requires`, `tunnel` and
//! `extra` give it types, `idle` says what means nothing where it stands and `network` what of the host's own file does, `companion` adds the
//! routes and rules beside it, `folder` puts the files together, `plain` adds the devices that bridges need and that are no port, `diag` says
//! what was found. `check` adds what only a linter says (`lint`, `overhead`, `surroundings`, `manager`) and `explain` what each code means. Files
//! are evaluated, never executed: no process is started and, past `dir`, nothing is read. Depends on `model`, and on `vsctl` for the words of
//! `OVS_EXTRA`.

mod address;
mod ansi;
mod arp;
mod assign;
mod bond;
mod check;
mod code;
mod companion;
mod dhcp6;
mod diag;
mod dir;
mod ethtool;
mod explain;
mod extra;
mod fake;
mod file;
mod folder;
mod host;
mod idle;
mod ipv6;
mod joined;
mod keys;
mod lease;
mod lex;
mod lint;
mod manager;
mod names;
mod network;
mod numbers;
mod overhead;
mod patience;
mod plain;
mod quote;
mod reach;
mod refuse;
mod requires;
mod resolver;
mod settings;
#[cfg(test)]
mod silence;
mod span;
mod suggest;
mod surroundings;
mod tunnel;
mod value;
mod word;
mod zone;

pub use assign::{MAX_TOTAL, MAX_VALUE, Var, Vars};
pub use check::Check;
pub use code::Code;
pub use diag::{Diagnostic, Related, Severity, Style};
pub use dir::{load, load_file, read};
pub use explain::{EXPLANATIONS, Explanation, explain};
pub use file::{MAX_FILE, NETWORK, STATIC_ROUTES, Sources, is_backup, is_companion, is_interface};
pub use host::Host;
pub use manager::Manager;
pub use names::{Found, Names};
pub use numbers::{Numbered, Numbers};
pub use quote::quoted;
pub use span::{Position, Span, position};
pub use surroundings::{Access, Device, NamingRule, Obstacle, Surroundings};
pub use value::Value;

use std::collections::BTreeSet;

use crate::model::Intent;
use bond::Member;
use diag::Sink;
use folder::Other;
use ipnet::IpNet;
use names::{Entry, State};
use ovsdp_proto::IfName;
use settings::Settings;

/// What a folder comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the files ask for; `None` when there is an error among the diagnostics.
    pub intent: Option<Intent>,
    /// Everything found, by file and place, with lines and columns filled in.
    pub diagnostics: Vec<Diagnostic>,
    /// What names on a command line mean, broken files' included.
    pub names: Names,
    /// The network devices that come up by themselves, are no port of any bridge, and that no bridge needs: they are others' to keep.
    pub left: Vec<IfName>,
}

impl Outcome {
    /// Whether anything found forbids going on.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.severity == Severity::Error)
    }
}

/// What one file sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The variables, those of the network file and of network-scripts itself included; [`Vars::of`] picks the file's own.
    pub vars: Vars,
    /// What was found in the text of the network file and of the file. With an error among it, `vars` holds what could be read.
    pub diagnostics: Vec<Diagnostic>,
}

impl Evaluation {
    /// Whether anything found makes the variables' values uncertain.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.severity == Severity::Error)
    }
}

/// Evaluates one file of the folder as network-scripts would: the network file first, then `HOSTNAME`, `DEVNAME` and
/// `CONFIG` set, then the file. A file that is not there sets nothing.
pub fn evaluate(sources: &Sources, name: &str, host: &Host) -> Evaluation {
    let before = if name == NETWORK { None } else { Some(network(sources, host)) };
    let (base, sink) = before.map_or_else(|| (Vars::before(host), Sink::default()), |before| (before.vars, before.sink));
    let mut diagnostics = sink.into_list();
    diagnostics.extend(sources.unreadable().filter(|(file, _)| *file == name || *file == NETWORK).map(unreadable));
    let evaluated = evaluate_on(sources, name, &base, host);
    diagnostics.extend(evaluated.sink.into_list());
    arrange(&mut diagnostics, sources);
    Evaluation { vars: evaluated.vars, diagnostics }
}

fn network(sources: &Sources, host: &Host) -> assign::Evaluated {
    assign::evaluate(NETWORK, sources.get(NETWORK).unwrap_or_default(), &Vars::before(host), host)
}

fn evaluate_on(sources: &Sources, name: &str, base: &Vars, host: &Host) -> assign::Evaluated {
    let mut before = base.clone();
    before.give("DEVNAME", name.strip_prefix("ifcfg-").unwrap_or(name));
    before.give("CONFIG", name);
    assign::evaluate(name, sources.get(name).unwrap_or_default(), &before, host)
}

fn unreadable((name, why): (&str, &str)) -> Diagnostic {
    Diagnostic::error(Code::Unreadable, name, format!("this file cannot be read: {why}")).help("make it readable, or move it out of the folder")
}

fn arrange(diagnostics: &mut [Diagnostic], sources: &Sources) {
    for found in diagnostics.iter_mut() {
        found.locate(sources);
    }
    diagnostics.sort_by(|a, b| (&a.file, a.span.map(|span| span.start)).cmp(&(&b.file, b.span.map(|span| span.start))));
}

/// A folder's files, read and put together.
#[derive(Debug)]
struct Understood {
    list: Vec<Settings>,
    others: Vec<Other>,
    entries: Vec<Entry>,
    /// What the files ask for; counts only when no error stands.
    intent: Intent,
    /// The plain devices nobody needs.
    left: Vec<IfName>,
    /// What was found, without its lines and columns.
    diagnostics: Vec<Diagnostic>,
}

/// What the files ask for.
///
/// An error in a file of Open vSwitch's, or in the network file, leaves no intent at all: half a folder is not acted on. An
/// error in another interface's file is a warning, and the file is passed over.
pub fn intent(sources: &Sources, host: &Host) -> Outcome {
    let Understood { entries, intent, left, mut diagnostics, .. } = understand(sources, host);
    arrange(&mut diagnostics, sources);
    let mut outcome = Outcome { intent: None, diagnostics, names: Names(entries), left };
    if !outcome.has_errors() {
        outcome.intent = Some(intent);
    }
    outcome
}

fn understand(sources: &Sources, host: &Host) -> Understood {
    let assign::Evaluated { vars: base, sink, mut used } = network(sources, host);
    let mut diagnostics = sink.into_list();
    diagnostics.extend(sources.unreadable().map(unreadable));
    let mut list = Vec::new();
    let mut others = Vec::new();
    let mut plain: Vec<plain::Plain> = Vec::new();
    let mut entries = Vec::new();
    // Aliases last: only then is it known whose they are.
    let (aliases, own): (Vec<_>, Vec<_>) = sources.interfaces().partition(|(name, _)| companion::parent(name).is_some());
    for (name, src) in own.into_iter().chain(aliases) {
        let parent = companion::parent(name);
        let of = |settings: &&mut Settings| parent == Some(settings.device.name.as_str());
        if let Some(settings) = list.iter_mut().filter(|_| parent.is_some()).find(of) {
            let inherited = evaluate_on(sources, &settings.file.clone(), &base, host).vars;
            companion::read_alias(name, evaluate_on(sources, name, &base, host), &inherited, settings, &mut diagnostics);
            continue;
        }
        let of = |one: &&mut plain::Plain| companion::parent(name) == Some(one.name.as_str());
        if let Some(plain::Plain { settings: Some(settings), found, .. }) = plain.iter_mut().find(of) {
            let inherited = evaluate_on(sources, &settings.file.clone(), &base, host).vars;
            companion::read_alias(name, evaluate_on(sources, name, &base, host), &inherited, settings, found);
            continue;
        }
        let mut evaluated = evaluate_on(sources, name, &base, host);
        used.extend(evaluated.used.iter().cloned());
        let text = |key: &str| evaluated.vars.get(key).and_then(|var| var.value.text()).filter(|text| !text.is_empty()).map(str::to_owned);
        let (device, alias) = (text("DEVICE"), text("NAME"));
        let device_span = evaluated.vars.get("DEVICE").filter(|var| &*var.file == name).map_or_else(Span::default, |var| var.value.span());
        let broken = evaluated.sink.has_errors();
        let state = if settings::is_ours(&evaluated.vars) || (broken && settings::may_be_ours(src)) {
            // A file that could not be read to its end has settings nobody wrote.
            let settings = if broken { None } else { settings::read(name, &evaluated.vars, &mut evaluated.sink) };
            let mut keys = Sink::default();
            // What the keys of a type that is not built would do is not known.
            if !evaluated.sink.has(Code::BadType) && !evaluated.sink.has(Code::Userspace) {
                settings::judge_keys(name, &evaluated.vars, &evaluated.used, &mut keys);
            }
            let refused = keys.has_errors();
            diagnostics.extend(keys.into_list());
            diagnostics.extend(evaluated.sink.into_list());
            let state = settings.as_ref().filter(|_| !refused).map_or(State::Broken, |settings| State::Ours(settings.device.name));
            match settings {
                Some(settings) => list.push(settings),
                None => others.push(Other { file: name.to_owned(), device: device.clone(), device_span, broken: true, says: Member::default() }),
            }
            state
        } else {
            if broken {
                diagnostics.extend(first_as_warning(evaluated.sink));
            } else if let Some((key, var)) = evaluated.vars.of(name).find(|(key, _)| keys::is_suse(key)) {
                let found = Diagnostic::warning(Code::Dialect, name, format!("`{key}` belongs to SUSE's dialect: this file is passed over"));
                diagnostics.push(found.at(var.name_span).help(keys::RHEL));
            } else if let Some((key, var)) = evaluated.vars.of(name).find(|(key, var)| key.starts_with("OVS") && !var.value.bytes().is_empty()) {
                let found = Diagnostic::warning(Code::NoEffect, name, format!("`{key}` has no effect in a file that is not Open vSwitch's"));
                diagnostics.push(found.at(var.name_span).help("add `DEVICETYPE=ovs` and `TYPE=OVSPort`, or remove it"));
            }
            if !broken {
                plain.extend(plain::read(name, &evaluated.vars, &evaluated.used));
            }
            others.push(Other { file: name.to_owned(), device: device.clone(), device_span, broken: false, says: Member::default() });
            State::Foreign
        };
        let device = match state {
            State::Ours(device) => Some(device.as_str().to_owned()),
            _ => device,
        };
        entries.push(Entry { file: name.to_owned(), device, alias, state });
    }
    bond::read_members(&list, &mut others, |file| evaluate_on(sources, file, &base, host));
    diagnostics.extend(network::judge(&base, &used, host));
    list.iter_mut().for_each(|settings| diagnostics.append(&mut spare(settings)));
    for one in &mut plain {
        one.found.extend(one.settings.as_mut().map(spare).unwrap_or_default());
    }
    plain.retain(|one| list.iter().all(|settings| !settings.is_about(one.name)));
    beside(&mut list, &mut plain, |list, found| companion::read(list, sources, &base, host, found), &mut diagnostics);
    let described = described(&entries);
    diagnostics.extend(companion::orphans(sources, &described));
    diagnostics.extend(network::default_route(&base, &described, || networks(&list, &plain, &others)));
    let names: Vec<IfName> = plain.iter().map(|one| one.name).collect();
    let mut intent = folder::build(&list, &others, &names, &mut diagnostics);
    let left = plain::take(&list, plain, &mut intent, &mut diagnostics);
    Understood { list, others, entries, intent, left, diagnostics }
}

/// The devices that files describe.
fn described(entries: &[Entry]) -> BTreeSet<&str> {
    entries.iter().flat_map(|entry| entry.device.as_deref().into_iter().chain(entry.file.strip_prefix("ifcfg-"))).collect()
}

/// The networks of all addresses that files name; `None` when there is a file of which that is not known.
fn networks(list: &[Settings], plain: &[plain::Plain], others: &[Other]) -> Option<Vec<IpNet>> {
    let is_known = |other: &Other| plain.iter().any(|one| other.device.as_deref().is_some_and(|device| *one.name == *device));
    if !others.iter().all(is_known) || plain.iter().any(|one| one.settings.is_none()) {
        return None;
    }
    let settings = list.iter().chain(plain.iter().filter_map(|one| one.settings.as_ref()));
    let nets = settings.flat_map(|one| one.ask.addresses().iter().copied().chain(one.aliases.iter().map(|alias| IpNet::V4(alias.value.address))));
    Some(nets.collect())
}

/// What there is to say of an interface's keys that no alias takes over.
fn spare(settings: &mut Settings) -> Vec<Diagnostic> {
    let found = std::mem::take(&mut settings.unless_inherited);
    if settings.aliases.is_empty() { found } else { Vec::new() }
}

/// Reads the files beside those of Open vSwitch's interfaces and of plain devices, which `static-routes` has in common.
fn beside(
    list: &mut Vec<Settings>,
    plain: &mut [plain::Plain],
    read: impl FnOnce(&mut [Settings], &mut Vec<Diagnostic>),
    diagnostics: &mut Vec<Diagnostic>,
) {
    let ours = list.len();
    list.extend(plain.iter_mut().filter_map(|one| one.settings.take()));
    let mut found = Vec::new();
    read(list, &mut found);
    for settings in list.drain(ours..) {
        if let Some(one) = plain.iter_mut().find(|one| one.name == settings.device.name && one.settings.is_none()) {
            one.settings = Some(settings);
        }
    }
    diagnostics.extend(plain::sort(plain, found));
}

/// The first error of a file that is nobody's business here, as a warning.
fn first_as_warning(sink: Sink) -> Option<Diagnostic> {
    let mut found = sink.into_list().into_iter().find(|found| found.severity == Severity::Error)?;
    found.severity = Severity::Warning;
    Some(found.note("nothing in this file is Open vSwitch's, so it is passed over"))
}
