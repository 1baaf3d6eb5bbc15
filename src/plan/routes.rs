//! The routes the files write down for an interface, as the kernel is to have them.
//!
//! It must not know what else an interface is to carry.

use ovsdp_proto::IfName;

use super::diff::Own;
use super::goal::Goal;
use super::observed::{Address, Observed, PROTOCOL_STATIC, ROUTE_ONLINK, Route};
use crate::model;

/// The routes `routes` asks for, for the sake of `me`.
pub(super) fn asked(me: IfName, routes: &[model::Route]) -> Vec<Route> {
    routes.iter().map(|route| one(me, route)).collect()
}

fn one(me: IfName, route: &model::Route) -> Route {
    let model::Route { dst, kind, via, hops, onlink, table, metric, source, scope, protocol, tos, metrics } = route.clone();
    let plain = Route::main(me, dst, via, protocol.unwrap_or(PROTOCOL_STATIC));
    let natural = Route::natural_scope(kind.number(), via.is_some() || !hops.is_empty(), plain.is_ipv6());
    Route {
        kind: kind.number(),
        scope: scope.unwrap_or(natural),
        flags: if onlink { ROUTE_ONLINK } else { 0 },
        prefsrc: source,
        table,
        metric,
        tos,
        metrics,
        hops,
        ..plain
    }
}

/// Of `routes`, which may have lost their sources on the way, those that have what `asked` says, where the host has that address:
/// on the interface, whose addresses are `addresses`, or on a device that keeps its own.
pub(super) fn sourced(observed: &Observed, asked: &[Route], addresses: &[Address], leaving: &[IfName], routes: Vec<Route>) -> Vec<Route> {
    let is_there = |source| {
        let elsewhere = observed.addresses.iter().filter(|there| !leaving.contains(&there.ifname));
        addresses.iter().chain(elsewhere).any(|there| there.address.addr() == source)
    };
    let with_source = |route: Route| {
        let same = |asked: &&Route| asked.competes_with(&route) && asked.leads_as(&route) && asked.ifname == route.ifname;
        let source = asked.iter().find(same).and_then(|asked| asked.prefsrc);
        source.is_none_or(is_there).then(|| Route { prefsrc: source.or(route.prefsrc), ..route })
    };
    routes.into_iter().filter_map(with_source).collect()
}

/// The routes to nowhere that are there and are `wanted` or our own.
pub(super) fn nowhere<'a>(observed: &'a Observed, wanted: &[Route], own: &Own<'_>) -> impl Iterator<Item = &'a Route> {
    let concerns = |there: &&Route| {
        let known = own.routes.iter().any(|ours| ours.leads_nowhere() && ours.is_met_by(there));
        known || wanted.iter().any(|wanted| wanted.leads_nowhere() && (wanted.is_met_by(there) || there.stands_in_the_way_of(wanted)))
    };
    observed.routes_nowhere().filter(concerns).collect::<Vec<_>>().into_iter()
}

/// Why a route that the files ask for is not among the `goal`'s, in words.
pub(super) fn why_not(route: &Route, goal: &Goal) -> String {
    let source = route.prefsrc.filter(|source| !goal.addresses.iter().any(|address| address.address.addr() == *source));
    let why = match (source, route.gateways().next()) {
        (Some(source), _) => format!("this host does not have the address {source}"),
        (None, Some(_)) if !route.hops.is_empty() => format!("not all of its gateways are in networks of {}", route.ifname),
        (None, Some((via, _))) => format!("nothing on {} leads to {via}", route.ifname),
        (None, None) => format!("{} has no address of its family", route.ifname),
    };
    format!("the route {route} is not made: {why}")
}
