//! What stands beside an interface's file and belongs to it: the routes of `route-NAME`, `route6-NAME` and `NAME.route`.
//!
//! It must not act on them; what they come to goes into the interface's settings. `line` and `words` take the arguments for `ip` apart,
//! `route` reads one line of them, `shell` the other form, `judge` looks at all routes of an interface together.

mod judge;
mod line;
mod route;
mod shell;
mod words;

use ovsdp_proto::IfName;

use super::address::Ask;
use super::assign::Vars;
use super::code::Code;
use super::diag::{Diagnostic, Sink};
use super::file::Sources;
use super::host::Host;
use super::settings::{Role, Settings};
use super::span::Span;
use crate::model::Route;
use words::Context;

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

/// The files of routes that `settings` may have, in the order network-scripts read them: by the device's name, then by the file's.
fn files(settings: &Settings) -> Vec<(String, bool, Form)> {
    let device = settings.device.name.as_str();
    let nick = settings.file.strip_prefix("ifcfg-").unwrap_or(device);
    let mut files = Vec::new();
    for name in std::iter::once(device).chain(Some(nick).filter(|nick| *nick != device)) {
        files.push((format!("route-{name}"), false, Form::Either));
        files.push((format!("route6-{name}"), true, Form::Lines));
    }
    files.push((format!("{nick}.route"), false, Form::Shell));
    files
}

/// Reads what belongs to each of `list` into it, and reports into `found` what is wrong.
pub(super) fn read(list: &mut [Settings], sources: &Sources, base: &Vars, host: &Host, found: &mut Vec<Diagnostic>) {
    for settings in list {
        let mut routes = Vec::new();
        for (file, ipv6, form) in files(settings) {
            let Some(src) = sources.get(&file) else { continue };
            if !says_something(src) || has_no_place(settings, &file, found) {
                continue;
            }
            let context = Context { file: &file, device: settings.device.name.as_str(), ipv6, code: Code::RouteFile, numbers: host.numbers() };
            let list = match form {
                Form::Shell => shell::read(context, src, base, host, found),
                Form::Either if shell::is_shell(src) => shell::read(context, src, base, host, found),
                Form::Either | Form::Lines => lines(context, src, found),
            };
            routes.extend(list.into_iter().map(|(value, span)| Written { value, file: file.clone(), span }));
        }
        settings.routes = judge::routes(settings, routes, found);
    }
}

/// Whether there is more than comments in a file.
fn says_something(src: &[u8]) -> bool {
    src.split(|&b| b == b'\n').any(|line| !matches!(line.trim_ascii_start().first(), None | Some(b'#')))
}

/// Whether an interface can have no routes, which is reported then.
fn has_no_place(settings: &Settings, file: &str, found: &mut Vec<Diagnostic>) -> bool {
    let name: IfName = settings.device.name;
    let diagnostic = match &settings.role {
        Role::Port(bridge) => {
            let to = file.replacen(name.as_str(), bridge.name.as_str(), 1);
            let message = format!("`{name}` is a port and has no routes of its own: this host would be without those of this file");
            Diagnostic::error(Code::Companion, file, message).help(format!("rename the file to `{to}`, and `dev {name}` in it with it"))
        }
        Role::Tunnel(..) | Role::Patch(..) => {
            Diagnostic::warning(Code::NoEffect, file, format!("this file has no effect: there is no network device `{name}`")).help("remove it")
        }
        Role::Bridge | Role::Internal(_) if settings.ask == Ask::None && !settings.ipv6.is_asked_for() => {
            Diagnostic::error(Code::Companion, file, format!("`{name}` has no address, so it can have no routes"))
                .help(format!("add an address to `{}`, or move this file away", settings.file))
        }
        Role::Bridge | Role::Internal(_) => return false,
    };
    found.push(diagnostic);
    true
}

/// The routes of a file of arguments for `ip`.
fn lines(context: Context<'_>, src: &[u8], found: &mut Vec<Diagnostic>) -> Vec<(Route, Span)> {
    let mut sink = Sink::default();
    let mut routes = Vec::new();
    for line in line::split(context.file, src, &mut sink) {
        let place = line.first().zip(line.last()).map_or(Span::default(), |(first, last)| first.span.to(last.span));
        match route::read(context, &line) {
            Ok(route) => routes.push((route, place)),
            Err(bad) => sink.push(*bad),
        }
        if sink.is_full() {
            break;
        }
    }
    found.extend(sink.into_list());
    routes
}
