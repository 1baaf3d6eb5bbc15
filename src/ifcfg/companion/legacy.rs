//! `/etc/sysconfig/static-routes`: routes of the whole host, a line each, as arguments for route(8) behind the word `any`.
//!
//! It must not act on routes of other interfaces: whoever sets those up reads the same file.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::super::code::Code;
use super::super::diag::{Diagnostic, Sink, shown};
use super::super::file::{STATIC_ROUTES, Sources};
use super::super::host::Host;
use super::super::settings::{Role, Settings};
use super::super::span::Span;
use super::Written;
use super::line::{self, Word};
use super::words::{Context, Read, Words};
use crate::model::{Route, RouteKind};

/// A route and the device its line names.
struct Line<'a> {
    route: Route,
    device: Option<&'a str>,
    /// What of it is not supported, which matters where the route is made.
    refused: Option<Box<Diagnostic>>,
}

/// Reads the file; the routes go to those of `list` they lead out of, by its place there.
pub(super) fn read(list: &[Settings], sources: &Sources, host: &Host, found: &mut Vec<Diagnostic>) -> Vec<(usize, Written<Route>)> {
    let context = Context { file: STATIC_ROUTES, device: "", ipv6: false, table: Route::MAIN, code: Code::RouteFile, numbers: host.numbers() };
    let mut sink = Sink::default();
    let mut routes = Vec::new();
    for words in line::split(STATIC_ROUTES, sources.get(STATIC_ROUTES).unwrap_or_default(), &mut sink) {
        let place = words.first().zip(words.last()).map_or(Span::default(), |(first, last)| first.span.to(last.span));
        match words.split_first() {
            Some((first, rest)) if first.text == "any" => match one(context, first, rest) {
                Ok(line) => match owner(list, &line) {
                    Some(_) if line.refused.is_some() => line.refused.into_iter().for_each(|bad| sink.push(*bad)),
                    Some(at) => routes.push((at, Written { value: line.route, file: STATIC_ROUTES.to_owned(), span: place })),
                    None => {
                        let message = "this route leads out of no Open vSwitch interface whose addresses are in its file: it is not made here";
                        let help = "write it into the `route-` file of the interface it belongs to";
                        sink.push(Diagnostic::warning(Code::RouteFile, STATIC_ROUTES, message).at(place).help(help));
                    }
                },
                Err(bad) => sink.push(*bad),
            },
            Some((first, _)) if list.iter().any(|settings| *settings.device.name == *first.text) => {
                let message = format!("only lines that begin with `any` are read, and this one begins with `{}`", first.text);
                let help = format!("write the route into `route-{}`", first.text);
                sink.push(Diagnostic::warning(Code::NoEffect, STATIC_ROUTES, message).at(place).help(help));
            }
            _ => {}
        }
    }
    found.extend(sink.into_list());
    routes
}

/// Reports the lines that begin with the name of an interface which none of the files `described` describes.
pub(super) fn orphans(sources: &Sources, described: &BTreeSet<&str>) -> Vec<Diagnostic> {
    let mut sink = Sink::default();
    // What cannot be split was reported by `read`.
    for words in line::split(STATIC_ROUTES, sources.get(STATIC_ROUTES).unwrap_or_default(), &mut Sink::default()) {
        let Some((first, last)) = words.first().zip(words.last()) else { continue };
        if !(matches!(first.text, "any" | "lo") || described.contains(first.text)) {
            let message = format!("no file describes `{}`, and only lines that begin with `any` are read", shown(first.text.as_bytes()));
            let help = "begin it with `any`, or write the route into the `route-` file of the interface it belongs to";
            sink.push(Diagnostic::warning(Code::Companion, STATIC_ROUTES, message).at(first.span.to(last.span)).help(help));
        }
    }
    sink.into_list()
}

fn one<'a>(context: Context<'a>, any: &Word<'a>, line: &'a [Word<'a>]) -> Read<Line<'a>> {
    let mut words = Words::new(context, line);
    let Some(kind) = words.take(&["net", "host", "-net", "-host"]) else {
        return Err(context.bad(
            any.span,
            "neither `net` nor `host` stands behind `any`",
            "write `any net 198.51.100.0 netmask 255.255.255.0 gw 192.0.2.1`",
        ));
    };
    let target = words.value(&kind, "the destination")?;
    let (mut mask, mut via, mut metric, mut device, mut reject, mut refused) = (None, None, None, None, false, None);
    while let Some(word) = words.next() {
        match word.text {
            "netmask" => mask = Some(words.value(&word, "a mask such as 255.255.255.0")?),
            "gw" => via = Some(words.address(&word)?.0),
            "metric" => metric = Some(words.number(&word, 0, u32::MAX)?).filter(|metric| *metric > 0),
            "dev" => device = Some(words.value(&word, "the interface's name")?.text),
            "reject" => reject = true,
            _ => {
                let message = format!("`{}` is no word that is taken here", shown(word.text.as_bytes()));
                refused.get_or_insert_with(|| {
                    context.unsupported(word.span, message, "write the route into a `route-` file, with the words of ip-route(8)")
                });
            }
        }
    }
    let dst = match mask {
        Some(mask) => masked(context, &target, &mask)?,
        None => context.network(&target)?,
    };
    let kind = if reject { RouteKind::Unreachable } else { RouteKind::Unicast };
    let via = via.filter(|_| !reject);
    Ok(Line { route: Route { kind, metric, ..Route::new(dst, via) }, device, refused })
}

fn masked(context: Context<'_>, target: &Word<'_>, mask: &Word<'_>) -> Read<IpNet> {
    let length = mask.text.parse::<Ipv4Addr>().ok().and_then(|mask| ipnet::ipv4_mask_to_prefix(mask).ok());
    let Some(length) = length else {
        return Err(context.bad(mask.span, format!("`{}` is no network mask", shown(mask.text.as_bytes())), "write a mask such as 255.255.255.0"));
    };
    let address = match target.text {
        "default" => Some(Ipv4Addr::UNSPECIFIED),
        text => text.parse().ok(),
    };
    match address.and_then(|address| Ipv4Net::new(address, length).ok()) {
        Some(net) => context.network(&Word { text: &net.to_string(), span: target.span }),
        None => Err(context.bad(target.span, format!("`{}` is no IPv4 address", shown(target.text.as_bytes())), "write four numbers")),
    }
}

/// The interface a route leads out of: the one named, else the one that has a network with the gateway.
fn owner(list: &[Settings], line: &Line<'_>) -> Option<usize> {
    list.iter().position(|settings| {
        let routed = matches!(settings.role, Role::Bridge | Role::Internal(_) | Role::Plain);
        let holds = |via: IpAddr| settings.ask.addresses().iter().any(|net| net.contains(&via));
        routed
            && match line.device {
                Some(device) => *settings.device.name == *device,
                None => line.route.via.is_some_and(holds),
            }
    })
}
