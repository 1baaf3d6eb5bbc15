//! What one of a bridge's own interfaces is to carry: addresses and routes, from the files, from a lease, or from the
//! ports whose place it takes.
//!
//! It must not know steps or their order.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use ovsdp_proto::IfName;

use super::before::{carried_by, is_somewhere, lifetimes};
use super::ipv6;
use super::lease6::Lease6;
use super::memory::{Before, Lease, OwnAddress};
use super::observed::{ADDRESS_NOPREFIXROUTE, Address, KIND_UNICAST, Observed, PROTOCOL_DHCP, PROTOCOL_KERNEL, PROTOCOL_STATIC, Route, TABLE_MAIN};
use super::reach;
use super::routes;
use crate::model::{Addressing, Dhcp, Interface, Static};

/// What an interface is to carry.
#[derive(Debug, Clone, Default)]
pub(super) struct Goal {
    pub(super) addresses: Vec<Address>,
    pub(super) routes: Vec<Route>,
    /// What is ours on it: the above, and what ends by itself and may have.
    pub(super) own_addresses: Vec<OwnAddress>,
    pub(super) own_routes: Vec<Route>,
    /// The ports that have these addresses now.
    pub(super) sources: BTreeMap<IfName, Vec<IpNet>>,
    /// The routes that go through a port now, and through which one.
    pub(super) route_sources: Vec<(Route, IfName)>,
}

/// What an interface carries of ours already.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept<'a> {
    pub(super) addresses: Vec<Address>,
    pub(super) routes: Vec<Route>,
    /// What has been ours, there or not.
    pub(super) own_addresses: &'a [OwnAddress],
    pub(super) own_routes: &'a [Route],
}

/// What the ports whose place an interface takes had, relabelled for it.
struct Inherited {
    addresses: Vec<Address>,
    routes: Vec<Route>,
}

/// What `interface` is to carry, when its bridge's ports had `befores` (empty for an internal port, which takes nobody's
/// place) and these leases, of either family, are held for it. `kept` stays until a lease says otherwise.
pub(super) fn of(
    observed: &Observed,
    interface: &Interface,
    befores: &BTreeMap<IfName, Before>,
    (lease, lease6): (Option<&Lease>, Option<&Lease6>),
    kept: &Kept<'_>,
) -> Goal {
    let me = interface.name;
    let written = routes::asked(me, &interface.routes);
    // First, so that nothing with another next hop is taken over from a port in their place.
    let (mut addresses, mut routes) = (Vec::new(), written.clone());
    let inherited = inherit(me, befores);
    let v6 = || lease6.and_then(|lease| lease.carried_by(me)).into_iter().chain(ipv6::addresses(me, &interface.ipv6, &inherited.addresses));
    let aliases = || reach::aliases(interface);
    let is_v4 = |address: &&Address| matches!(address.address, IpNet::V4(_));
    match &interface.addressing {
        // The files give the interface no address: its ports' stay remembered, to be given back.
        Addressing::None if !interface.is_addressed() => return Goal::default(),
        Addressing::None => {
            addresses.extend(aliases());
            addresses.extend(v6());
            routes.extend(ipv6::gateway(me, &interface.ipv6, &addresses));
            inherit_routes(&mut routes, &inherited.routes, Route::is_ipv6);
        }
        Addressing::Static(fixed) => {
            addresses.extend(reach::fixed(interface));
            routes.extend(gateway(me, fixed, &addresses));
            addresses.extend(aliases());
            addresses.extend(v6());
            routes.extend(ipv6::gateway(me, &interface.ipv6, &addresses));
            inherit_routes(&mut routes, &inherited.routes, |_| true);
        }
        Addressing::Dhcp(dhcp) => {
            match lease {
                Some(lease) => {
                    addresses.push(leased(me, lease));
                    routes.extend(lease_routes(me, lease, dhcp));
                }
                // Until a server answers, everything goes on as it is.
                None if kept.addresses.iter().any(|address| is_v4(&address) && !interface.has_alias(address.address)) => {
                    addresses.extend(kept.addresses.iter().filter(is_v4).map(Address::settable));
                    routes.extend(kept.routes.iter().filter(|route| !route.is_ipv6()).cloned());
                }
                None => {
                    addresses.extend(inherited.addresses.iter().filter(is_v4).cloned());
                    routes.extend(inherited.routes.iter().filter(|route| !route.is_ipv6()).cloned());
                }
            }
            addresses.extend(aliases());
            addresses.extend(v6());
            routes.extend(ipv6::gateway(me, &interface.ipv6, &addresses));
            inherit_routes(&mut routes, &inherited.routes, Route::is_ipv6);
        }
    }
    routes.retain(|route| ipv6::takes_over(&interface.ipv6, route));
    dedup(&mut addresses);
    routes.retain(|route| !addresses.iter().any(|address| comes_with(route, address)));
    // What a route file says has the last word, as with network-scripts.
    let more: Vec<Route> = routes.split_off(written.len().min(routes.len()));
    routes.extend(more.into_iter().filter(|route| !written.iter().any(|written| written.competes_with(route))));
    let routes = carried_by(&routes, &addresses);
    let mut goal = settle(observed, me, befores, (addresses, routes), kept);
    let leaving: Vec<IfName> = befores.keys().copied().chain([me]).collect();
    let sourced = |routes| routes::sourced(observed, &written, &goal.addresses, &leaving, routes);
    (goal.routes, goal.own_routes) = (sourced(goal.routes.clone()), sourced(goal.own_routes.clone()));
    // One that leads nowhere stays when the device goes: it is ours only where it was not there before.
    let is_ours = |there: &Route| kept.own_routes.iter().any(|own| own.ifname == me && own.leads_nowhere() && own.is_met_by(there));
    let was_there = |route: &Route| observed.routes_nowhere().any(|there| route.is_met_by(there) && !is_ours(there));
    goal.own_routes.retain(|route| !(route.leads_nowhere() && was_there(route)));
    goal
}

/// Whether the kernel makes a route's like by itself with `address`. NetworkManager makes such routes in its place, and marks them as the kernel's:
/// where a file gives the address they could not be told from that.
fn comes_with(route: &Route, address: &Address) -> bool {
    let marked = route.protocol == PROTOCOL_KERNEL && route.kind == KIND_UNICAST && !route.has_gateway();
    marked && route.table == TABLE_MAIN && address.flags & ADDRESS_NOPREFIXROUTE == 0 && address.opposite().trunc() == route.dst.trunc()
}

/// Leaves out what has ended by itself, and takes the remaining lifetimes from the kernel.
fn settle(
    observed: &Observed,
    me: IfName,
    befores: &BTreeMap<IfName, Before>,
    (addresses, routes): (Vec<Address>, Vec<Route>),
    kept: &Kept<'_>,
) -> Goal {
    let mut devices = vec![me];
    devices.extend(befores.keys());
    let mut goal = Goal::default();
    for mut address in addresses {
        let own = OwnAddress::from(&address);
        let inherited = befores.iter().find(|(_, before)| before.addresses.iter().any(|old| old.address == address.address));
        if let Some((port, before)) = inherited {
            if observed.addresses_on(*port).any(|there| there.address == address.address) {
                goal.sources.entry(*port).or_default().push(address.address);
            }
            let was_limited = before.addresses.iter().any(|old| old.address == address.address && old.valid_lft == address.valid_lft);
            if address.valid_lft.is_some() && was_limited {
                let Some((valid, preferred)) = lifetimes(observed, &devices, address.address) else {
                    // What ended stays ours: so it is known not to have been given up unasked.
                    goal.own_addresses.extend(kept.own_addresses.contains(&own).then_some(own));
                    continue;
                };
                (address.valid_lft, address.preferred_lft) = (valid, preferred);
            }
        }
        goal.addresses.push(address);
        goal.own_addresses.push(own);
    }
    goal.route_sources = befores.keys().flat_map(|port| observed.routes_on(*port).map(|route| (route.clone(), *port))).collect();
    // What has no address under it any longer would be refused.
    goal.routes =
        carried_by(&routes, &goal.addresses).into_iter().filter(|route| !route.is_transient() || goes_on(observed, me, befores, route)).collect();
    goal.own_routes = routes.into_iter().filter(|route| goal.routes.contains(route) || kept.own_routes.contains(route)).collect();
    goal
}

/// Whether a route that ends by itself has not: it is there, or at the port whose it was.
fn goes_on(observed: &Observed, me: IfName, befores: &BTreeMap<IfName, Before>, route: &Route) -> bool {
    let at_its_port = |(port, before): (&IfName, &Before)| {
        let mut was = before.routes.iter().filter(|was| Route { ifname: me, ..was.stand_in() }.competes_with(route) && was.leads_as(route));
        was.any(|was| is_somewhere(observed, was, &[*port]))
    };
    is_somewhere(observed, route, &[me]) || befores.iter().any(at_its_port)
}

fn inherit(me: IfName, befores: &BTreeMap<IfName, Before>) -> Inherited {
    let mut addresses: Vec<Address> = befores.values().flat_map(|before| &before.addresses).map(|address| address.moved_to(me)).collect();
    dedup(&mut addresses);
    let mut routes: Vec<Route> = Vec::new();
    for route in befores.values().flat_map(|before| &before.routes) {
        let moved = Route { ifname: me, ..route.stand_in() };
        if !routes.iter().any(|known| known.competes_with(&moved)) {
            routes.push(moved);
        }
    }
    Inherited { addresses, routes }
}

/// Takes over the ports' routes that nothing asked for says otherwise about.
fn inherit_routes(routes: &mut Vec<Route>, inherited: &[Route], wanted: impl Fn(&Route) -> bool) {
    let has_default =
        |routes: &[Route], v6: bool| routes.iter().any(|route| route.is_default() && route.is_ipv6() == v6 && route.table == TABLE_MAIN);
    let asked = routes.clone();
    for route in inherited.iter().filter(|route| wanted(route)) {
        let other_default = route.is_default() && route.table == TABLE_MAIN && has_default(&asked, route.is_ipv6());
        if !other_default && !asked.iter().any(|known| known.competes_with(route)) {
            routes.push(route.clone());
        }
    }
}

fn dedup(addresses: &mut Vec<Address>) {
    let mut seen: Vec<OwnAddress> = Vec::new();
    addresses.retain(|address| {
        let new = !seen.iter().any(|known| known.is(address));
        seen.push(OwnAddress::from(address));
        new
    });
}

fn gateway(me: IfName, fixed: &Static, addresses: &[Address]) -> Vec<Route> {
    let Some(gateway) = fixed.gateway else { return Vec::new() };
    let on_link = addresses.iter().any(|address| address.opposite().contains(&IpAddr::V4(gateway)));
    let mut routes = Vec::new();
    if !on_link {
        routes.push(Route::main(me, host(gateway), None, PROTOCOL_STATIC));
    }
    let default = Route::main(me, everywhere(), Some(IpAddr::V4(gateway)), PROTOCOL_STATIC);
    routes.push(Route { metric: fixed.metric, prefsrc: fixed.source.map(IpAddr::V4), ..default });
    routes.iter_mut().for_each(|route| route.table = fixed.table.unwrap_or(TABLE_MAIN));
    routes
}

fn leased(me: IfName, lease: &Lease) -> Address {
    let secs = (lease.lease_secs != u32::MAX).then_some(lease.lease_secs);
    Address { valid_lft: secs, preferred_lft: secs, ..Address::lasting(me, IpNet::V4(lease.address)) }
}

fn lease_routes(me: IfName, lease: &Lease, dhcp: &Dhcp) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    let mut add = |route: Route| {
        if !routes.iter().any(|known| known.competes_with(&route)) {
            routes.push(route);
        }
    };
    let weighed = |route: Route| Route { metric: dhcp.metric.filter(|_| route.is_default()), ..route };
    let through = |dst: IpNet, via: Ipv4Addr| weighed(Route::main(me, dst, Some(IpAddr::V4(via)), PROTOCOL_DHCP));
    // A server may give a gateway outside the address's own subnet (/32 in some clouds): it is then on the link.
    let far = |via: Ipv4Addr| !lease.address.contains(&via);
    let wanted = |dst: &Ipv4Net| if dst.prefix_len() > 0 { dhcp.peer_routes } else { dhcp.default_route };
    for route in lease.classless.iter().filter(|route| route.via.is_unspecified() && wanted(&route.dst)) {
        add(weighed(Route::main(me, IpNet::V4(route.dst.trunc()), None, PROTOCOL_DHCP)));
    }
    let gateways: Vec<(Ipv4Net, Ipv4Addr)> = match lease.classless.is_empty() {
        true => lease.routers.first().map(|router| (Ipv4Net::default(), *router)).into_iter().collect(),
        false => lease.classless.iter().filter(|route| !route.via.is_unspecified()).map(|route| (route.dst.trunc(), route.via)).collect(),
    };
    for (dst, via) in gateways.into_iter().filter(|(dst, _)| wanted(dst)) {
        let listed = lease.classless.iter().any(|route| route.via.is_unspecified() && wanted(&route.dst) && route.dst.contains(&via));
        if far(via) && !listed {
            add(Route::main(me, host(via), None, PROTOCOL_DHCP));
        }
        add(through(IpNet::V4(dst), via));
    }
    routes.iter_mut().for_each(|route| route.table = dhcp.table.unwrap_or(TABLE_MAIN));
    routes
}

fn everywhere() -> IpNet {
    IpNet::V4(Ipv4Net::default())
}

fn host(address: Ipv4Addr) -> IpNet {
    IpNet::V4(Ipv4Net::from(address))
}
