//! The difference between what one interface carries and what it is to carry, as steps.
//!
//! The kernel takes more away than it is told to: an address's subnet goes with it, so do the addresses that followed it
//! there and the routes that preferred it as their source, and with the last IPv4 address go all routes. Whatever would
//! vanish that way is removed by a step of its own first, so that its undo brings it back.

use ipnet::IpNet;
use ovsdp_proto::IfName;

use super::before::{carried_by, rank};
use super::goal::Goal;
use super::memory::OwnAddress;
use super::observed::{ADDRESS_SECONDARY, Address, Observed, Route};
use super::routes;
use super::step::Step;

/// The steps for one interface.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// To be removed before anything is added: what cannot stand beside its successor.
    pub(super) first: Vec<Step>,
    /// To be added.
    pub(super) add: Vec<Step>,
    /// To be removed when everything is added, on this interface and all others.
    pub(super) remove: Vec<Step>,
}

/// What is ours on an interface so far.
pub(super) struct Own<'a> {
    pub(super) addresses: &'a [OwnAddress],
    pub(super) routes: &'a [Route],
}

/// From what `me` carries to `goal`. Of what is there and not in the goal only what is ours goes. `renewed`: the addresses
/// whose lifetimes the kernel is to be told anew. `all`: the routes that all of the bridge's interfaces are to carry.
pub(super) fn towards(observed: &Observed, me: IfName, goal: &Goal, own: &Own<'_>, renewed: &[IpNet], all: &[Route]) -> Change {
    let there: Vec<&Address> = observed.addresses_on(me).collect();
    let routes_there: Vec<&Route> = observed.routes_on(me).chain(routes::nowhere(observed, &goal.routes, own)).collect();
    let is_wanted = |address: &Address| goal.addresses.iter().any(|wanted| wanted.is_same(address));
    // What the files said once of a route and no longer do is a difference, although nothing asks for another.
    let meets = |there: &Route, wanted: &Route| wanted.is_met_by(there) && !more_was_asked(there, wanted, own);
    let route_is_wanted = |route: &Route| goal.routes.iter().any(|wanted| meets(route, wanted));
    let (going, staying): (Vec<&Address>, Vec<&Address>) =
        there.iter().partition(|address| own.addresses.iter().any(|ours| ours.is(address)) && !is_wanted(address));
    let arriving: Vec<&Address> = goal.addresses.iter().filter(|wanted| !there.iter().any(|there| wanted.is_same(there))).collect();

    let mut change = Change::default();
    let displaces = |old: &&Address| {
        let mut others = staying.iter().chain(&arriving);
        old.flags & ADDRESS_SECONDARY == 0 && others.any(|other| other.shares_subnet(old))
    };
    let made_anew = |there: &&Address| goal.addresses.iter().any(|wanted| wanted.is_same(there) && wanted.must_be_made_anew(there));
    if going.iter().any(displaces) || staying.iter().any(made_anew) {
        // Its successor would be made to follow the old one and vanish with it, or be taken for the old one: everything of IPv4 is laid anew.
        let v4 = |address: &&&Address| matches!(address.address, IpNet::V4(_));
        change.first.extend(removed_routes(routes_there.iter().filter(|route| falls_with_addresses(route)).copied()));
        change.first.extend(there.iter().rev().filter(v4).map(|address| removed(address)));
        let anew = goal.addresses.iter().filter(|address| matches!(address.address, IpNet::V4(_))).cloned();
        let foreign = staying.iter().filter(v4).filter(|address| !is_wanted(address)).map(|address| address.settable());
        let after: Vec<Address> = anew.chain(foreign).collect();
        change.add.extend(after.iter().map(|address| added(address, goal)));
        let foreign_routes = routes_there.iter().filter(|route| falls_with_addresses(route) && !route_is_wanted(route));
        let foreign_routes = foreign_routes.filter(|route| !is_ours(route, own) && source_is_there(route, &after)).map(|route| (*route).clone());
        let routes: Vec<Route> = goal.routes.iter().filter(|route| falls_with_addresses(route)).cloned().chain(foreign_routes).collect();
        // Somebody else's whose gateway went with the old addresses would be refused.
        let carried = carried_by(&routes, &after);
        let is_carried = |route: &Route| carried.iter().any(|carried| carried.competes_with(route) && carried.leads_as(route));
        let routes: Vec<Route> = routes.into_iter().filter(is_carried).collect();
        change.add.extend(added_routes(&routes, goal));
    }
    let relaid = !change.first.is_empty();
    let untouched = |v6: bool| v6 || !relaid;

    for wanted in arriving.iter().filter(|address| untouched(matches!(address.address, IpNet::V6(_)))) {
        change.add.push(added(wanted, goal));
    }
    for wanted in goal.addresses.iter().filter(|address| untouched(matches!(address.address, IpNet::V6(_)))) {
        let changed = there.iter().find(|there| wanted.is_same(there)).filter(|there| differs(there, wanted, renewed.contains(&wanted.address)));
        change.add.extend(changed.map(|there| Step::ChangeAddress { from: (*there).clone(), to: in_place(there, wanted) }));
    }
    let missing: Vec<Route> = goal.routes.iter().filter(|wanted| !routes_there.iter().any(|there| meets(there, wanted))).cloned().collect();
    let missing: Vec<Route> = missing.into_iter().filter(|route| untouched(!falls_with_addresses(route))).collect();
    let is_gone = |route: &Route| relaid && falls_with_addresses(route) && routes_there.contains(&route);
    let may_go = |route: &Route| routes_there.contains(&route) && !route_is_wanted(route);
    let (changed, superseded, missing) = in_the_way(observed, missing, all, &is_gone, &may_go);
    change.first.extend(removed_routes(superseded.iter().copied()));
    change.add.extend(added_routes(&missing, goal));
    change.add.extend(changed.iter().map(|(from, to)| Step::ChangeRoute { from: (*from).clone(), to: to.clone() }));
    let goes_first = |route: &Route| superseded.contains(&route) || changed.iter().any(|(from, _)| *from == route);

    let v4_ends = !going.is_empty() && !staying.iter().chain(&arriving).any(|address| matches!(address.address, IpNet::V4(_)));
    let after: Vec<Address> = staying.iter().chain(&arriving).map(|address| (*address).clone()).collect();
    let doomed = |route: &&&Route| {
        let ours = is_ours(route, own) && !route_is_wanted(route);
        let falls =
            falls_with_addresses(route) && (v4_ends || (route.prefsrc.is_some() && !source_is_there(route, &after) && came_with(route, &going)));
        untouched(!falls_with_addresses(route)) && (ours || falls) && !goes_first(route)
    };
    change.remove.extend(removed_routes(routes_there.iter().filter(doomed).copied()));
    let gone = going.iter().rev().filter(|address| untouched(matches!(address.address, IpNet::V6(_))));
    change.remove.extend(gone.map(|address| removed(address)));
    change
}

/// Divides what is `missing` by what is there, and does not go before anything is added (`is_gone`), to the same next hop, which `may_go`
/// says is not wanted: what takes the place of such a
/// route, such routes that must go first, for the kernel would refuse the new one beside them, and what is just to be added.
fn in_the_way<'a>(
    observed: &'a Observed,
    missing: Vec<Route>,
    all: &[Route],
    is_gone: &dyn Fn(&Route) -> bool,
    may_go: &dyn Fn(&Route) -> bool,
) -> (Vec<(&'a Route, Route)>, Vec<&'a Route>, Vec<Route>) {
    let (mut changed, mut first, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for wanted in missing {
        let competing: Vec<&Route> = observed.routes.iter().filter(|there| there.competes_with(&wanted) && !is_gone(there)).collect();
        let standing = competing.iter().filter(|there| there.stands_in_the_way_of(&wanted) && may_go(there));
        match competing.as_slice() {
            // The kernel replaces the first it finds: there must be no other by then.
            [only] if standing.clone().next().is_some() && !all.iter().any(|other| other.ifname != wanted.ifname && other.competes_with(&wanted)) => {
                changed.push((*only, wanted))
            }
            _ => {
                // Of IPv4 both may be there for a moment.
                first.extend(standing.filter(|there| !falls_with_addresses(there)));
                rest.push(wanted);
            }
        }
    }
    (changed, first, rest)
}

/// Whether the kernel takes a route away with the last IPv4 address of its device.
fn falls_with_addresses(route: &Route) -> bool {
    !route.is_ipv6() && !route.leads_nowhere()
}

/// Takes everything off `me` that somebody put there, which is what removing the device or making it a port means.
pub(super) fn strip(observed: &Observed, me: IfName) -> Vec<Step> {
    let leaving: Vec<&Address> = super::before::addresses_to_leave(observed, me).collect();
    let routes = removed_routes(observed.routes_on(me));
    routes.into_iter().chain(leaving.iter().rev().map(|address| removed(address))).collect()
}

/// Takes away those of `own` that lead nowhere: they would outlive the device for whose sake they are there.
pub(super) fn strip_nowhere(observed: &Observed, own: &[Route]) -> Vec<Step> {
    removed_routes(routes::nowhere(observed, &[], &Own { addresses: &[], routes: own }))
}

/// Adds what is missing of a port's former addresses and routes; removes nothing.
pub(super) fn give_back(observed: &Observed, port: IfName, from: IfName, addresses: &[Address], routes: &[Route]) -> Vec<Step> {
    let mut steps = Vec::new();
    let source = |there: bool| there.then_some(from);
    for address in addresses {
        match observed.addresses_on(port).find(|there| address.is_same(there)) {
            None => {
                let moves = observed.addresses_on(from).any(|there| there.address == address.address);
                steps.push(Step::AddAddress { address: address.clone(), from: source(moves) });
            }
            Some(there) if differs(there, address, false) => {
                steps.push(Step::ChangeAddress { from: there.clone(), to: in_place(there, address) });
            }
            Some(_) => {}
        }
    }
    for route in routes.iter().filter(|route| !observed.routes_on(port).any(|there| route.is_met_by(there))) {
        let moves = observed.routes_on(from).any(|there| Route { ifname: from, ..route.clone() }.is_met_by(there));
        steps.push(Step::AddRoute { route: route.clone(), from: source(moves) });
    }
    steps
}

/// Whether an address must be told anew: for ever against limited, or another metric. That time passes is no difference.
fn differs(there: &Address, wanted: &Address, renewed: bool) -> bool {
    let metric = wanted.metric.is_some() && wanted.metric.unwrap_or(0) != there.metric.unwrap_or(0);
    there.valid_lft.is_some() != wanted.valid_lft.is_some() || metric || (renewed && wanted.valid_lft.is_some())
}

fn in_place(there: &Address, wanted: &Address) -> Address {
    let metric = wanted.metric.or(there.metric);
    Address { valid_lft: wanted.valid_lft, preferred_lft: wanted.preferred_lft, metric, ..there.clone() }
}

fn is_ours(route: &Route, own: &Own<'_>) -> bool {
    own.routes.iter().any(|ours| ours.is_met_by(route))
}

/// Whether `there` is as it is because we were asked for something that `wanted` no longer says.
fn more_was_asked(there: &Route, wanted: &Route, own: &Own<'_>) -> bool {
    own.routes.iter().any(|ours| ours.asks_for_more_than(wanted) && ours.is_met_by(there))
}

fn source_is_there(route: &Route, addresses: &[Address]) -> bool {
    route.prefsrc.is_none_or(|source| addresses.iter().any(|address| address.address.addr() == source))
}

fn came_with(route: &Route, going: &[&Address]) -> bool {
    going.iter().any(|address| Some(address.address.addr()) == route.prefsrc)
}

fn added(address: &Address, goal: &Goal) -> Step {
    let from = goal.sources.iter().find(|(_, nets)| nets.contains(&address.address)).map(|(port, _)| *port);
    Step::AddAddress { address: address.clone(), from }
}

fn added_routes(routes: &[Route], goal: &Goal) -> Vec<Step> {
    let mut routes: Vec<&Route> = routes.iter().collect();
    routes.sort_by_key(|route| rank(route));
    let from =
        |route: &Route| goal.route_sources.iter().find(|(known, _)| known.competes_with(route) && known.leads_as(route)).map(|(_, port)| *port);
    routes.into_iter().map(|route| Step::AddRoute { route: route.clone(), from: from(route) }).collect()
}

fn removed(address: &Address) -> Step {
    Step::RemoveAddress { address: address.clone() }
}

fn removed_routes<'a>(routes: impl Iterator<Item = &'a Route>) -> Vec<Step> {
    let mut routes: Vec<&Route> = routes.collect();
    // Added again in the opposite order, routes find their gateways and keep their places in the kernel's list.
    routes.sort_by_key(|route| rank(route));
    routes.into_iter().rev().map(|route| Step::RemoveRoute { route: route.clone() }).collect()
}
