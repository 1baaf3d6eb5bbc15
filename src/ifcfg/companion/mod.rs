//! What stands beside an interface's file and belongs to it: the routes of `route-NAME`, `route6-NAME` and `NAME.route`, the rules of
//! `rule-NAME` and `rule6-NAME`, the routes that `static-routes` has for it, the addresses of
//! its aliases (`alias`).
//!
//! It must not act on them; what they come to goes into the interface's settings. `line` and `words` take the arguments for `ip` apart,
//! `route` and `rule` read one line of them, `shell` the other form of routes, `legacy` the lines of `static-routes`, `judge` looks at all routes of an interface together.

mod alias;
mod judge;
mod legacy;
mod line;
mod route;
mod rule;
mod shell;
mod words;

use std::collections::BTreeSet;

use super::address::Ask;
use super::assign::Vars;
use super::code::Code;
use super::diag::{Diagnostic, Sink};
use super::file::Sources;
use super::host::Host;
use super::settings::{Role, Settings};
use super::span::Span;
use super::suggest;
use crate::model::{PolicyRule, Route};
use line::Word;
use words::{Context, Read};

pub(super) use alias::{parent, read as read_alias};

/// Something a file beside the interface's own says, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) file: String,
    pub(super) span: Span,
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Arguments for `ip`, or IPv4 assignments where one is `ADDRESSn=`.
    Either,
    /// Arguments for `ip`.
    Lines,
    /// Assignments.
    Shell,
}

/// The names that the files of `settings` may have, in the order network-scripts read them: the device's, then the file's.
fn names(settings: &Settings) -> Vec<String> {
    let device = settings.device.name.as_str();
    let nick = settings.file.strip_prefix("ifcfg-").unwrap_or(device);
    std::iter::once(device).chain(Some(nick).filter(|nick| *nick != device)).map(str::to_owned).collect()
}

/// Whether `file` holds routes or rules of the interface.
pub(super) fn belongs(settings: &Settings, file: &str) -> bool {
    names(settings).iter().any(|name| stem(file) == Some(name))
}

/// Reads what belongs to each of `list` into it, and reports into `found` what is wrong.
pub(super) fn read(list: &mut [Settings], sources: &Sources, base: &Vars, host: &Host, found: &mut Vec<Diagnostic>) {
    let mut of_the_host = legacy::read(list, sources, host, found);
    for (at, settings) in list.iter_mut().enumerate() {
        of_members(settings, sources, found);
        let folder = Folder { settings, sources, base, host };
        let mut routes = folder.routes(found);
        routes.extend(of_the_host.extract_if(.., |(of, _)| *of == at).map(|(_, route)| route));
        let rules = folder.rules(found);
        let mut sink = Sink::default();
        settings.routes = judge::routes(settings, routes, &mut sink);
        settings.rules = judge::rules(rules, &mut sink);
        found.extend(sink.into_list());
    }
}

/// Reports the routes, rules and aliases of a bond's devices, which carry none.
fn of_members(settings: &Settings, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let Role::Bond(bridge, members) = &settings.role else { return };
    for member in members {
        let name = member.name;
        let alias = |file: &str| parent(file) == Some(name.as_str());
        let aliases = sources.interfaces().filter(|(file, _)| alias(file));
        let beside = sources.companions().filter(|(file, _)| stem(file) == Some(name.as_str()));
        for (file, _) in aliases.chain(beside).filter(|(_, src)| says_something(src)) {
            let message = format!("`{name}` is a device of the bond `{}` and carries nothing of what this file says", settings.device.name);
            let to = file.replacen(name.as_str(), bridge.name.as_str(), 1);
            found.push(Diagnostic::error(Code::Companion, file, message).help(format!("rename the file to `{to}`, and `{name}` in it with it")));
        }
    }
}

/// One interface and the folder its files are in.
struct Folder<'a> {
    settings: &'a Settings,
    sources: &'a Sources,
    base: &'a Vars,
    host: &'a Host,
}

impl Folder<'_> {
    fn context<'a>(&'a self, file: &'a str, ipv6: bool, code: Code) -> Context<'a> {
        let table = self.settings.ask.table().filter(|_| !ipv6).unwrap_or(Route::MAIN);
        Context { file, device: self.settings.device.name.as_str(), ipv6, table, code, numbers: self.host.numbers() }
    }

    /// The text of a file that says something.
    fn text(&self, file: &str) -> Option<&[u8]> {
        self.sources.get(file).filter(|src| says_something(src))
    }

    fn routes(&self, found: &mut Vec<Diagnostic>) -> Vec<Written<Route>> {
        let names = names(self.settings);
        let mut files = Vec::new();
        for name in &names {
            files.push((format!("route-{name}"), false, Form::Either));
            files.push((format!("route6-{name}"), true, Form::Lines));
        }
        files.extend(names.last().map(|nick| (format!("{nick}.route"), false, Form::Shell)));
        let mut routes = Vec::new();
        for (file, ipv6, form) in &files {
            let Some(src) = self.text(file) else { continue };
            if has_no_place(self.settings, file, "routes", found) || has_no_address(self.settings, file, found) {
                continue;
            }
            let context = self.context(file, *ipv6, Code::RouteFile);
            let list = match form {
                Form::Shell => shell::read(context, src, self.base, self.host, found),
                Form::Either if shell::is_shell(src) => shell::read(context, src, self.base, self.host, found),
                Form::Either | Form::Lines => lines(context, src, route::read, found),
            };
            routes.extend(list.into_iter().map(|(value, span)| Written { value, file: file.clone(), span }));
        }
        routes
    }

    fn rules(&self, found: &mut Vec<Diagnostic>) -> Vec<Written<PolicyRule>> {
        let mut rules = Vec::new();
        for name in names(self.settings) {
            for (file, ipv6) in [(format!("rule-{name}"), false), (format!("rule6-{name}"), true)] {
                let Some(src) = self.text(&file) else { continue };
                if has_no_place(self.settings, &file, "rules", found) {
                    continue;
                }
                let list = lines(self.context(&file, ipv6, Code::RuleFile), src, rule::read, found);
                rules.extend(list.into_iter().map(|(value, span)| Written { value, file: file.clone(), span }));
            }
        }
        rules
    }
}

/// Reports the files beside interfaces' own, and the lines of `static-routes`, that belong to none of the `described`.
pub(super) fn orphans(sources: &Sources, described: &BTreeSet<&str>) -> Vec<Diagnostic> {
    let aliases = sources.interfaces().filter_map(|(file, src)| Some((file, parent(file)?, src)));
    let beside = sources.companions().filter_map(|(file, src)| Some((file, stem(file)?, src)));
    let lost = aliases.chain(beside).filter(|(_, name, src)| !(*name == "lo" || described.contains(name)) && says_something(src));
    let report = |(file, name, _): (&str, &str, _)| {
        let found = Diagnostic::warning(Code::Companion, file, format!("no file describes `{name}`, so nobody reads this one"));
        let near = suggest::nearest(name, described.iter().copied().filter(|known| !known.contains(':')));
        found.help(near.map_or_else(
            || format!("add `ifcfg-{name}`, or move this file away"),
            |near| format!("did you mean `{}`?", file.replacen(name, near, 1)),
        ))
    };
    lost.map(report).chain(legacy::orphans(sources, described)).collect()
}

/// The interface that a file of routes or rules is called after.
fn stem(file: &str) -> Option<&str> {
    ["route-", "route6-", "rule-", "rule6-"].iter().find_map(|kind| file.strip_prefix(kind)).or_else(|| file.strip_suffix(".route"))
}

/// Whether there is more than comments in a file.
fn says_something(src: &[u8]) -> bool {
    src.split(|&b| b == b'\n').any(|line| !matches!(line.trim_ascii_start().first(), None | Some(b'#')))
}

/// Whether an interface can have no files of this kind (`what`), which is reported then.
fn has_no_place(settings: &Settings, file: &str, what: &str, found: &mut Vec<Diagnostic>) -> bool {
    let name = settings.device.name;
    let diagnostic = match &settings.role {
        Role::Port(bridge) | Role::Bond(bridge, _) => {
            let to = file.replacen(name.as_str(), bridge.name.as_str(), 1);
            let message = format!("`{name}` is a port and has no {what} of its own: this host would be without those of this file");
            Diagnostic::error(Code::Companion, file, message).help(format!("rename the file to `{to}`, and `{name}` in it with it"))
        }
        Role::Tunnel(..) | Role::Patch(..) => {
            Diagnostic::warning(Code::NoEffect, file, format!("this file has no effect: there is no network device `{name}`")).help("remove it")
        }
        Role::Bridge | Role::Fake(..) | Role::Internal(_) | Role::Plain | Role::Member => return false,
    };
    found.push(diagnostic);
    true
}

/// Whether an interface has nothing that routes could go out with, which is reported then.
fn has_no_address(settings: &Settings, file: &str, found: &mut Vec<Diagnostic>) -> bool {
    let without = settings.ask == Ask::None && settings.aliases.is_empty() && !settings.ipv6.is_asked_for();
    if without {
        let message = format!("`{}` has no address, so it can have no routes", settings.device.name);
        let help = format!("add an address to `{}`, or move this file away", settings.file);
        found.push(Diagnostic::error(Code::Companion, file, message).help(help));
    }
    without
}

/// What the lines of a file of arguments for `ip` come to, each with its place.
fn lines<T>(
    context: Context<'_>,
    src: &[u8],
    read: impl for<'a> Fn(Context<'a>, &'a [Word<'a>]) -> Read<T>,
    found: &mut Vec<Diagnostic>,
) -> Vec<(T, Span)> {
    let mut sink = Sink::default();
    let mut list = Vec::new();
    for line in line::split(context.file, src, &mut sink) {
        let place = line.first().zip(line.last()).map_or(Span::default(), |(first, last)| first.span.to(last.span));
        match read(context, &line) {
            Ok(value) => list.push((value, place)),
            Err(bad) => sink.push(*bad),
        }
        if sink.is_full() {
            break;
        }
    }
    found.extend(sink.into_list());
    list
}
