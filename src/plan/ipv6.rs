//! What of IPv6 an interface is to carry, and the kernel's settings it is to have.
//!
//! What routers advertised lives on: a bridge that takes the place of a port which listened to them listens to them itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};
use ovsdp_proto::IfName;

use super::memory::Before;
use super::observed::{ADDRESS_NODAD, Address, Ipv6Conf, Observed, PROTOCOL_STATIC, ROUTE_ONLINK, Route, is_link_local};
use super::step::Step;
use crate::model::{Interface, Ipv6, Ipv6Setting, Ipv6Settings};

/// The addresses: the file's, and those of the ports that nothing in the file speaks against.
pub(super) fn addresses(me: IfName, asked: &Ipv6, inherited: &[Address]) -> Vec<Address> {
    let v6 = inherited.iter().filter(|address| matches!(address.address, IpNet::V6(_)));
    let mut addresses = Vec::new();
    for net in &asked.addresses {
        // The host defends it already: asking the link again would only make it unusable for a second.
        let moves = v6.clone().any(|there| there.address.addr() == IpAddr::V6(net.addr()) && there.flags & ADDRESS_NODAD != 0);
        addresses.push(Address { flags: if moves { ADDRESS_NODAD } else { 0 }, ..Address::lasting(me, IpNet::V6(*net)) });
    }
    let goes_on = |address: &&Address| match address.valid_lft {
        None => asked.addresses.is_empty(),
        Some(_) => asked.autoconf != Some(false),
    };
    let named = |address: &&Address| asked.addresses.iter().any(|net| address.address.addr() == IpAddr::V6(net.addr()));
    addresses.extend(v6.filter(goes_on).filter(|address| !named(address)).cloned());
    addresses
}

/// The default route the file asks for.
pub(super) fn gateway(me: IfName, asked: &Ipv6, addresses: &[Address]) -> Option<Route> {
    let gateway = asked.gateway?;
    let mut route = Route::main(me, IpNet::V6(Ipv6Net::default()), Some(IpAddr::V6(gateway)), PROTOCOL_STATIC);
    let in_a_network = addresses.iter().any(|address| address.address.contains(&IpAddr::V6(gateway)));
    if !is_link_local(gateway) && !in_a_network {
        route.flags |= ROUTE_ONLINK;
    }
    Some(route)
}

/// Whether a port's route goes on over the interface.
pub(super) fn takes_over(asked: &Ipv6, route: &Route) -> bool {
    !(route.is_ipv6() && route.is_transient() && asked.settings.get(&Ipv6Setting::AcceptRa) == Some(&0))
}

/// The steps that give `interface` its settings: those before it comes up, and those after. `befores`: what the ports had
/// whose place it takes; `old`: what was asked of it before; `mtu`: what the device's own changes to, when it does.
pub(super) fn settings(
    observed: &Observed,
    interface: &Interface,
    befores: &BTreeMap<IfName, Before>,
    old: Option<&Interface>,
    mtu: Option<u32>,
) -> (Vec<Step>, Vec<Step>) {
    let conf = &observed.ipv6;
    let name = interface.name;
    let is_there = observed.links.contains_key(&name);
    let mtu = mtu.and_then(|mtu| i32::try_from(mtu).ok());
    let mut wanted = if interface.is_addressed() { inherited(conf, befores) } else { Ipv6Settings::new() };
    // Nobody asks any longer for what we set: back to what a new device has.
    for setting in old.into_iter().flat_map(|old| old.ipv6.settings.keys()) {
        let back = match setting {
            // With another MTU of the device's own it is that by itself.
            Ipv6Setting::Mtu if mtu.is_some() => None,
            Ipv6Setting::Mtu => observed.links.get(&name).and_then(|link| i32::try_from(link.mtu).ok()),
            _ => conf.default.get(setting).copied(),
        };
        if let Some(value) = back {
            wanted.entry(*setting).or_insert(value);
        }
    }
    wanted.extend(&interface.ipv6.settings);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (setting, to) in wanted {
        let there = if setting == Ipv6Setting::Mtu { mtu.or_else(|| conf.of(name, setting)) } else { conf.of(name, setting) };
        let from = there.filter(|_| is_there);
        let now = from.or_else(|| conf.default.get(&setting).copied().filter(|_| !is_there && setting != Ipv6Setting::Mtu));
        if now == Some(to) {
            continue;
        }
        let step = Step::SetIpv6 { name, setting, from, to };
        // The kernel sets it to the device's own when that comes up.
        if setting == Ipv6Setting::Mtu { after.push(step) } else { before.push(step) }
    }
    (before, after)
}

/// The step before a device's MTU changes or the device goes down: with either the kernel forgets an MTU of IPv6's own,
/// and only what was a step of its own is taken back.
pub(super) fn free_mtu(observed: &Observed, name: IfName) -> Option<Step> {
    let from = observed.ipv6.of(name, Ipv6Setting::Mtu)?;
    let to = i32::try_from(observed.links.get(&name)?.mtu).ok()?;
    (from != to).then_some(Step::SetIpv6 { name, setting: Ipv6Setting::Mtu, from: Some(from), to })
}

/// The steps that make a device that is down like a new one before it is deleted: made again, it has a new one's settings.
pub(super) fn unset(observed: &Observed, name: IfName) -> Vec<Step> {
    let back = |setting: Ipv6Setting| {
        let (from, to) = (observed.ipv6.of(name, setting)?, *observed.ipv6.default.get(&setting)?);
        (from != to).then_some(Step::SetIpv6 { name, setting, from: Some(from), to })
    };
    Ipv6Setting::ALL.into_iter().filter(|setting| *setting != Ipv6Setting::Mtu).filter_map(back).collect()
}

/// What an interface takes over of the settings of the port whose IPv6 it carries on.
fn inherited(conf: &Ipv6Conf, befores: &BTreeMap<IfName, Before>) -> Ipv6Settings {
    let has_v6 = |before: &Before| before.addresses.iter().any(|address| matches!(address.address, IpNet::V6(_)));
    let Some((port, before)) = befores.iter().find(|(_, before)| has_v6(before)) else { return Ipv6Settings::new() };
    let mut taken = Ipv6Settings::new();
    for setting in [Ipv6Setting::AcceptRa, Ipv6Setting::Autoconf, Ipv6Setting::UseTempaddr] {
        taken.extend(conf.of(*port, setting).map(|value| (setting, value)));
    }
    // Some other program listened to routers for the port: it does not know the bridge, so the kernel does it from now on.
    let advertised = before.addresses.iter().any(|address| matches!(address.address, IpNet::V6(_)) && address.valid_lft.is_some())
        || before.routes.iter().any(|route| route.is_ipv6() && route.is_transient());
    if advertised && taken.get(&Ipv6Setting::AcceptRa) == Some(&0) {
        let forwards = conf.default.get(&Ipv6Setting::Forwarding).is_some_and(|value| *value != 0);
        taken.insert(Ipv6Setting::AcceptRa, if forwards { 2 } else { 1 });
        taken.insert(Ipv6Setting::Autoconf, 1);
    }
    taken
}
