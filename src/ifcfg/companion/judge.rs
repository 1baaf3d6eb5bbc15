//! The routes of one interface beside each other and beside its addresses, and its rules: what the kernel would refuse, and what would
//! be lost.
//!
//! It must not read text.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::address::Ask;
use super::super::code::Code;
use super::super::diag::{Diagnostic, Sink};
use super::super::settings::Settings;
use super::Written;
use crate::model::{PolicyRule, Route, RouteKind};

/// The metric the kernel gives an IPv6 route that has none.
const METRIC_IPV6: u32 = 1024;

/// `routes` without repetitions, after what is wrong with them was reported.
pub(super) fn routes(settings: &Settings, routes: Vec<Written<Route>>, found: &mut Sink) -> Vec<Written<Route>> {
    let routes = unique(routes, found);
    for route in &routes {
        gateway(settings, route, &routes, found);
        default(settings, route, found);
    }
    routes
}

/// The metric the kernel goes by.
fn metric(route: &Route) -> u32 {
    route.metric.unwrap_or(if route.dst.addr().is_ipv6() { METRIC_IPV6 } else { 0 })
}

fn unique(routes: Vec<Written<Route>>, found: &mut Sink) -> Vec<Written<Route>> {
    let mut kept: Vec<Written<Route>> = Vec::new();
    for route in routes {
        let of = |route: &Route| (route.dst, route.table, metric(route), route.tos);
        let Some(first) = kept.iter().find(|first| of(&first.value) == of(&route.value)) else {
            kept.push(route);
            continue;
        };
        let diagnostic = if first.value == route.value {
            Diagnostic::warning(Code::RouteFile, &route.file, "this route is written twice").help("remove one of them")
        } else {
            let message = format!("there is another route to `{}` with this metric: only one of them can be", told(&route.value.dst));
            Diagnostic::error(Code::RouteFile, &route.file, message).help("remove one of them, or give each a `metric` of its own")
        };
        found.push(diagnostic.at(route.span).related(&first.file, first.span, "the first of them"));
    }
    kept
}

fn told(dst: &IpNet) -> String {
    if dst.prefix_len() == 0 { "default".to_owned() } else { dst.to_string() }
}

/// Whether the gateway can be reached over the interface: the kernel refuses a route whose gateway cannot.
fn gateway(settings: &Settings, route: &Written<Route>, all: &[Written<Route>], found: &mut Sink) {
    let value = &route.value;
    value.via.iter().for_each(|via| reachable(settings, route, (*via, value.onlink), all, found));
    value.hops.iter().for_each(|hop| reachable(settings, route, (hop.via, hop.onlink), all, found));
}

fn reachable(settings: &Settings, route: &Written<Route>, (via, onlink): (IpAddr, bool), all: &[Written<Route>], found: &mut Sink) {
    let own = |address: IpAddr| address == via;
    // Which addresses there will be is not known.
    if matches!(settings.ask, Ask::Dhcp { .. }) && via.is_ipv4() {
        return;
    }
    let aliases = settings.aliases.iter().map(|alias| IpNet::V4(alias.value.address));
    let v6 = settings.ipv6.addresses.iter().map(|net| IpNet::V6(*net));
    let nets: Vec<IpNet> = settings.ask.addresses().iter().copied().chain(aliases).chain(v6).collect();
    if nets.iter().any(|net| own(net.addr())) {
        let diagnostic = Diagnostic::error(Code::RouteFile, &route.file, format!("`{via}` is this interface's own address and no gateway"));
        found.push(diagnostic.at(route.span).help("write the router's address, or remove `via` if the destination is on the link"));
        return;
    }
    let on_link = |other: &Written<Route>| other.value.kind == RouteKind::Unicast && !other.value.has_gateway() && other.value.dst.contains(&via);
    let link_local = matches!(via, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if onlink || link_local || nets.iter().any(|net| net.contains(&via)) || all.iter().any(on_link) {
        return;
    }
    let message = format!("`{via}` is in no network of `{}`, so the kernel would refuse this route", settings.device.name);
    let diagnostic = if via.is_ipv6() {
        // A router may advertise the network.
        let message =
            format!("`{via}` is in no network of `{}` that a file names: the route is made where a router advertises one", settings.device.name);
        Diagnostic::warning(Code::RouteFile, &route.file, message)
    } else {
        Diagnostic::error(Code::RouteFile, &route.file, message)
    };
    found.push(diagnostic.at(route.span).help("write a gateway of the interface's networks, or add `onlink` if it is on the link all the same"));
}

/// A default route beside the one that the interface's own file asks for.
fn default(settings: &Settings, route: &Written<Route>, found: &mut Sink) {
    let value = &route.value;
    let table = if value.dst.addr().is_ipv4() { settings.ask.table() } else { None };
    if value.dst.prefix_len() > 0 || value.table != table.unwrap_or(Route::MAIN) || value.tos != 0 {
        return;
    }
    let other = match (&settings.ask, value.dst) {
        (Ask::Static(fixed), IpNet::V4(_)) if fixed.metric.unwrap_or(0) == metric(value) => fixed.gateway.map(IpAddr::V4),
        (_, IpNet::V6(_)) if metric(value) == METRIC_IPV6 => settings.ipv6.gateway.map(IpAddr::V6),
        _ => None,
    };
    if let Some(other) = other.filter(|other| Some(*other) != value.via) {
        let message = format!("this default route takes the place of the one over `{other}`, which `{}` asks for", settings.file);
        let diagnostic = Diagnostic::warning(Code::TwoDefaultRoutes, &route.file, message).at(route.span);
        found.push(diagnostic.help("keep one of them, or give each a metric of its own"));
    }
}

/// `rules` without repetitions, after what is odd about them was reported.
pub(super) fn rules(rules: Vec<Written<PolicyRule>>, found: &mut Sink) -> Vec<Written<PolicyRule>> {
    let mut kept: Vec<Written<PolicyRule>> = Vec::new();
    for rule in rules {
        let warning = |message: &str| Diagnostic::warning(Code::RuleFile, &rule.file, message).at(rule.span);
        if rule.value.priority.is_none() {
            let diagnostic = warning("a rule without `priority`: the kernel puts it before all others");
            let diagnostic = diagnostic.note("network-scripts added such a rule once more with every `ifup`");
            found.push(diagnostic.help("add `priority` and its place among the rules, below 32766 to be before the main table"));
        }
        let same = |first: &&mut Written<PolicyRule>| rule.value.is_met_by(&first.value) || first.value.is_met_by(&rule.value);
        if let Some(first) = kept.iter_mut().find(same) {
            found.push(warning("this rule is written twice").help("remove one of them").related(&first.file, first.span, "the first of them"));
            // Without a priority it is the same wherever it stands.
            first.value.priority = first.value.priority.or(rule.value.priority);
            continue;
        }
        let beside = |first: &&Written<PolicyRule>| {
            first.value.ipv6 == rule.value.ipv6 && first.value.priority.is_some() && first.value.priority == rule.value.priority
        };
        if let Some(first) = kept.iter().find(beside) {
            let diagnostic = warning("another rule has this priority: whichever is made first counts first").help("give each a priority of its own");
            found.push(diagnostic.related(&first.file, first.span, "the other one"));
        }
        kept.push(rule);
    }
    kept
}
