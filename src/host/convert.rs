//! Between what the kernel says ([`crate::rtnl`], devices by index) and what the plan reasons about ([`crate::plan`],
//! devices by name). What the plan does not look at travels along and comes back unchanged.

use std::collections::BTreeMap;

use ipnet::IpNet;
use ovsdp_proto::IfName;

use crate::model::Device;
use crate::plan;
use crate::rtnl;

/// Devices' names by index.
pub type Names = BTreeMap<u32, IfName>;

/// The names of `links`.
pub fn names(links: &[rtnl::Link]) -> Names {
    links.iter().map(|link| (link.index, link.name)).collect()
}

/// A link as the plan sees it.
pub fn link(link: &rtnl::Link, names: &Names) -> plan::Link {
    plan::Link {
        index: link.index,
        mac: link.mac,
        permanent_mac: link.permanent_mac,
        mtu: link.mtu,
        up: link.up,
        kind: link.kind.clone(),
        tunnel: link.tunnel.map(device),
        ethernet: link.ethernet,
        loopback: link.loopback,
        master: link.master.and_then(|index| names.get(&index).copied()),
        lower: link.lower.and_then(|index| names.get(&index).copied()),
    }
}

/// A tunnel device as the plan sees it.
const fn device(tunnel: rtnl::Tunnel) -> Device {
    match tunnel {
        rtnl::Tunnel::Vxlan { port, gbp } => Device::Vxlan { port, gbp },
        rtnl::Tunnel::Geneve { port } => Device::Geneve { port },
        rtnl::Tunnel::Gre => Device::Gre,
        rtnl::Tunnel::Ip6Gre => Device::Ip6Gre,
        rtnl::Tunnel::Erspan => Device::Erspan,
        rtnl::Tunnel::Ip6Erspan => Device::Ip6Erspan,
    }
}

/// A tunnel device as the kernel is to make it.
pub const fn to_tunnel(device: Device) -> rtnl::Tunnel {
    match device {
        Device::Vxlan { port, gbp } => rtnl::Tunnel::Vxlan { port, gbp },
        Device::Geneve { port } => rtnl::Tunnel::Geneve { port },
        Device::Gre => rtnl::Tunnel::Gre,
        Device::Ip6Gre => rtnl::Tunnel::Ip6Gre,
        Device::Erspan => rtnl::Tunnel::Erspan,
        Device::Ip6Erspan => rtnl::Tunnel::Ip6Erspan,
    }
}

/// An address as the plan sees it; `None` when its device is gone meanwhile.
pub fn address(address: &rtnl::Address, names: &Names) -> Option<plan::Address> {
    Some(plan::Address {
        ifname: *names.get(&address.index)?,
        address: IpNet::new(address.ip, address.prefix).ok()?,
        peer: address.peer,
        broadcast: address.broadcast,
        label: address.label.clone(),
        scope: address.scope,
        flags: address.flags,
        valid_lft: address.valid_lft,
        preferred_lft: address.preferred_lft,
        metric: address.metric,
    })
}

/// An address as the kernel is to have it on the device `index`.
pub fn to_address(address: &plan::Address, index: u32) -> rtnl::Address {
    rtnl::Address {
        peer: address.peer,
        broadcast: address.broadcast,
        label: address.label.clone(),
        scope: address.scope,
        flags: address.flags,
        valid_lft: address.valid_lft,
        preferred_lft: address.preferred_lft,
        metric: address.metric,
        ..rtnl::Address::new(index, address.address.addr(), address.address.prefix_len())
    }
}

/// A route as the plan sees it; `None` for one without a device, or over several.
pub fn route(route: &rtnl::Route, names: &Names) -> Option<plan::Route> {
    if !route.next_hops.is_empty() {
        return None;
    }
    Some(plan::Route {
        dst: route.dst,
        via: route.gateway,
        ifname: *names.get(&route.oif?)?,
        table: route.table,
        protocol: route.protocol,
        scope: route.scope,
        kind: route.kind,
        metric: route.metric,
        prefsrc: route.prefsrc,
        tos: route.tos,
        flags: route.flags,
        carried: carried(route),
    })
}

/// What the plan does not look at. Empty where there is nothing, so that a route somebody else made compares equal to one
/// the plan would make.
fn carried(route: &rtnl::Route) -> Vec<u8> {
    // The kernel answers every IPv6 route with a router preference; medium (0) is what none means.
    const RTA_PREF: u16 = 20;
    let extra: Vec<_> = route.extra.iter().filter(|raw| !(raw.number() == RTA_PREF && raw.bytes == [0])).cloned().collect();
    if route.src.is_none() && route.metrics.is_empty() && extra.is_empty() {
        return Vec::new();
    }
    // What ticks must not make two equal routes different.
    let kept = rtnl::Route { src: route.src, metrics: route.metrics.clone(), extra, ..rtnl::Route::new(route.dst, None, None, 0) };
    serde_json::to_vec(&kept).unwrap_or_default()
}

/// How long an advertised route lives that the kernel did not make itself and so does not renew: a router that is still
/// there has said so again by then (RFC 4861 6.2.1: it must within 1800 s).
const ADVERTISED_SECS: u32 = 1800;

/// A route as the kernel is to have it out of the device `index`.
pub fn to_route(route: &plan::Route, index: u32) -> rtnl::Route {
    let kept = serde_json::from_slice::<rtnl::Route>(&route.carried);
    let kept = kept.unwrap_or_else(|_| rtnl::Route::new(route.dst, None, None, 0));
    rtnl::Route {
        dst: route.dst,
        gateway: route.via,
        oif: Some(index),
        table: route.table,
        protocol: route.protocol,
        scope: route.scope,
        kind: route.kind,
        metric: route.metric,
        prefsrc: route.prefsrc,
        tos: route.tos,
        flags: route.flags,
        expires: route.is_transient().then_some(ADVERTISED_SECS).filter(|_| route.is_ipv6()),
        ..kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices() -> Names {
        Names::from([(2, IfName::new("eth0").unwrap()), (3, IfName::new("br0").unwrap())])
    }

    #[test]
    fn what_the_plan_does_not_look_at_comes_back() {
        let metric = rtnl::Raw { kind: 2, bytes: 1400_u32.to_ne_bytes().to_vec() };
        let there = rtnl::Route {
            metrics: vec![metric],
            metric: Some(7),
            ..rtnl::Route::new("10.0.0.0/8".parse().unwrap(), Some("10.1.1.1".parse().unwrap()), Some(2), 4)
        };
        let seen = route(&there, &devices()).unwrap();
        assert_eq!(seen.ifname.as_str(), "eth0");
        assert_eq!(to_route(&seen, 2), there);
        assert_eq!(to_route(&seen, 3), there.moved(2, 3));
    }

    #[test]
    fn a_plain_route_carries_nothing() {
        let there = rtnl::Route::new("0.0.0.0/0".parse().unwrap(), Some("10.1.1.1".parse().unwrap()), Some(2), 4);
        assert!(route(&there, &devices()).unwrap().carried.is_empty());
        assert_eq!(to_route(&route(&there, &devices()).unwrap(), 2), there);
    }

    #[test]
    fn an_address_comes_back() {
        let there = rtnl::Address { valid_lft: Some(9), label: Some("eth0:1".into()), ..rtnl::Address::new(2, "10.0.0.1".parse().unwrap(), 24) };
        assert_eq!(to_address(&address(&there, &devices()).unwrap(), 2), there);
        assert_eq!(address(&rtnl::Address::new(9, "10.0.0.1".parse().unwrap(), 24), &devices()), None);
    }
}
