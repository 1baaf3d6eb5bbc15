//! What a port had before it became one: taken down when it is attached, given back when it is detached.

use std::net::IpAddr;

use ipnet::IpNet;
use ovsdp_proto::IfName;

use super::memory::{Before, Remembered};
use super::observed::{ADDRESS_NODAD, Address, DhcpClient, KIND_UNICAST, Observed, Route, is_link_local};

/// The addresses a port must not keep: every IPv4 one, and IPv6's except the link-local ones.
pub(super) fn addresses_to_leave(observed: &Observed, port: IfName) -> impl DoubleEndedIterator<Item = &Address> {
    observed.addresses_on(port).filter(|address| !address.is_link_local_v6())
}

/// What `port` has now; `pausing` are the DHCP clients the plan stops.
pub(super) fn capture(observed: &Observed, port: IfName, pausing: Vec<DhcpClient>) -> Before {
    let link = observed.links.get(&port);
    Before {
        up: link.is_some_and(|link| link.up),
        mtu: link.map_or(1500, |link| link.mtu),
        mac: link.and_then(|link| link.mac),
        addresses: addresses_to_leave(observed, port).map(|address| Address { label: address.label.clone(), ..address.settable() }).collect(),
        routes: observed.routes_on(port).cloned().collect(),
        paused_clients: pausing,
    }
}

/// What `port` is to get back from `bridge`, which was `old`: its addresses, but for those that `keeps` says stay with the
/// bridge and those whose time was up meanwhile, and the routes these addresses carry.
pub(super) fn to_give_back(
    observed: &Observed,
    port: IfName,
    before: &Before,
    (bridge, old): (IfName, &Remembered),
    keeps: &dyn Fn(&Address) -> bool,
) -> (Vec<Address>, Vec<Route>) {
    let mut addresses = Vec::new();
    for address in before.addresses.iter().filter(|address| !keeps(address)) {
        let mut address = address.clone();
        if address.valid_lft.is_some() {
            // The kernel has counted the time that passed, on whichever device the address is.
            match lifetimes(observed, &[port, bridge], address.address) {
                Some((Some(valid), preferred)) => (address.valid_lft, address.preferred_lft) = (Some(valid), preferred),
                // A file made it last for ever on the bridge; on the port it does not.
                Some((None, _)) => {}
                // The bridge had it and has it no longer: its time was up.
                None if old.addresses.iter().any(|own| own.ifname == bridge && own.address == address.address) => continue,
                None => {}
            }
        }
        if matches!(address.address, IpNet::V6(_)) {
            address.flags |= ADDRESS_NODAD;
        }
        addresses.push(address);
    }
    let ended = |route: &Route| {
        let there = Route { ifname: bridge, ..route.stand_in() };
        let is_left = |route: &Route| is_somewhere(observed, route, &[port, bridge]);
        route.is_transient() && old.routes.iter().any(|own| there.is_met_by(own)) && !is_left(route) && !is_left(&there)
    };
    let all: Vec<Address> = addresses.iter().chain(observed.addresses_on(port)).cloned().collect();
    // A route that prefers an address which is not there waits for it.
    let sourced = |route: &&Route| route.prefsrc.is_none_or(|source| all.iter().any(|address| address.address.addr() == source));
    let ready: Vec<Route> = before.routes.iter().filter(sourced).cloned().collect();
    let routes = carried_by(&ready, &all).into_iter().filter(|route| !ended(route)).map(|route| route.stand_in()).collect();
    (addresses, routes)
}

/// What of `before` is still owed to the port when it has got `given`.
pub(super) fn still_owed(before: &Before, given: &(Vec<Address>, Vec<Route>), keeps: &dyn Fn(&Address) -> bool) -> Option<Before> {
    let (_, routes) = given;
    let addresses: Vec<Address> = before.addresses.iter().filter(|address| keeps(address)).cloned().collect();
    let has = |route: &Route| routes.iter().any(|given| given.competes_with(&route.stand_in()) && given.leads_as(route));
    let routes = before.routes.iter().filter(|route| !has(route)).cloned().collect();
    (!addresses.is_empty()).then(|| Before { addresses, routes, paused_clients: Vec::new(), ..before.clone() })
}

/// What `port` has now together with what is owed to it.
pub(super) fn with_owed(mut now: Before, owed: Option<&Before>) -> Before {
    for address in owed.into_iter().flat_map(|owed| &owed.addresses) {
        if !now.addresses.iter().any(|known| known.is_same(address)) {
            now.addresses.push(address.clone());
        }
    }
    for route in owed.into_iter().flat_map(|owed| &owed.routes) {
        if !now.routes.iter().any(|known| known.competes_with(route) && known.leads_as(route)) {
            now.routes.push(route.clone());
        }
    }
    now
}

/// The lifetimes the kernel reports for `address` on the first of `devices` that has it.
pub(super) fn lifetimes(observed: &Observed, devices: &[IfName], address: IpNet) -> Option<(Option<u32>, Option<u32>)> {
    let there = |device: &IfName| observed.addresses_on(*device).find(|there| there.address == address);
    devices.iter().find_map(there).map(|there| (there.valid_lft, there.preferred_lft))
}

/// Whether one of `devices` has `route`, but for its device.
pub(super) fn is_somewhere(observed: &Observed, route: &Route, devices: &[IfName]) -> bool {
    devices.iter().any(|device| {
        let wanted = Route { ifname: *device, ..route.clone() };
        observed.routes_on(*device).any(|there| wanted.is_met_by(there))
    })
}

/// Those of `routes` the kernel would take on a device with `addresses` and nothing else, in an order it takes them: what
/// is on the link, then what has a gateway, the default routes last. A preferred source that is not there is dropped.
pub(super) fn carried_by(routes: &[Route], addresses: &[Address]) -> Vec<Route> {
    let mut carried: Vec<Route> = Vec::new();
    let mut sorted: Vec<&Route> = routes.iter().collect();
    sorted.sort_by_key(|route| rank(route));
    for route in sorted {
        let family_is_there = route.is_ipv6() || route.leads_nowhere() || addresses.iter().any(|address| matches!(address.address, IpNet::V4(_)));
        let reachable = route.gateways().all(|(via, onlink)| onlink || is_on_link(via, addresses, &carried));
        if family_is_there && reachable {
            let mut route = route.clone();
            route.prefsrc = route.prefsrc.filter(|source| addresses.iter().any(|address| address.address.addr() == *source));
            carried.push(route);
        }
    }
    carried
}

/// The order in which routes are added; they are removed in the opposite one.
pub(super) fn rank(route: &Route) -> (bool, bool) {
    (route.has_gateway(), route.is_default())
}

fn is_on_link(gateway: IpAddr, addresses: &[Address], on_link: &[Route]) -> bool {
    if matches!(gateway, IpAddr::V6(v6) if is_link_local(v6)) {
        return true;
    }
    let connected = |address: &Address| address.flags & super::observed::ADDRESS_NOPREFIXROUTE == 0 && address.opposite().contains(&gateway);
    addresses.iter().any(connected) || on_link.iter().any(|route| route.kind == KIND_UNICAST && !route.has_gateway() && route.dst.contains(&gateway))
}
