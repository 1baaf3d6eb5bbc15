//! Between what the kernel says ([`crate::rtnl`], devices by index) and what the plan reasons about ([`crate::plan`],
//! devices by name). What the plan does not look at travels along and comes back unchanged.

use std::collections::BTreeMap;

use ipnet::IpNet;
use ovsdp_proto::IfName;

use crate::model::{Device, Hop, Mark, PolicyRule, RouteKind, RouteMetric, RuleAction};
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
        rtnl::Tunnel::Vxlan { port, gbp, gpe } => Device::Vxlan { port, gbp, gpe },
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
        Device::Vxlan { port, gbp, gpe } => rtnl::Tunnel::Vxlan { port, gbp, gpe },
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

/// A route as the plan sees it: none when its device is gone meanwhile or an IPv4 one leads out of several devices, and one for
/// each gateway of IPv6, where the kernel puts together what was made piece by piece.
pub fn routes(route: &rtnl::Route, names: &Names) -> Vec<plan::Route> {
    const NEXT_HOP_OBJECT: u16 = 30;
    if route.next_hops.is_empty() {
        return one(route, route.oif, names).into_iter().collect();
    }
    let hop = |hop: &rtnl::NextHop| {
        let single = rtnl::Route { gateway: hop.gateway, flags: u32::from(hop.flags), next_hops: Vec::new(), ..route.clone() };
        one(&single, Some(hop.oif), names)
    };
    // One by a next hop object is put together by whoever made that.
    let of_its_own = !route.extra.iter().any(|raw| raw.number() == NEXT_HOP_OBJECT);
    let apart = route.dst.addr().is_ipv6() && of_its_own;
    if !apart {
        return together(route, names).filter(|_| of_its_own).into_iter().collect();
    }
    route.next_hops.iter().filter_map(hop).collect()
}

/// A route over several gateways out of one device.
fn together(route: &rtnl::Route, names: &Names) -> Option<plan::Route> {
    let oif = route.next_hops.first()?.oif;
    let hop = |hop: &rtnl::NextHop| {
        let onlink = u32::from(hop.flags) & plan::ROUTE_ONLINK != 0;
        let plain = hop.oif == oif && hop.extra.is_empty();
        plain.then_some(Hop { via: hop.gateway?, weight: u16::from(hop.weight) + 1, onlink })
    };
    let hops = route.next_hops.iter().map(hop).collect::<Option<Vec<Hop>>>()?;
    Some(plan::Route { hops, ..one(route, Some(oif), names)? })
}

fn one(route: &rtnl::Route, oif: Option<u32>, names: &Names) -> Option<plan::Route> {
    let nowhere = RouteKind::of_number(route.kind).is_some_and(RouteKind::leads_nowhere);
    let ifname = if nowhere { IfName::new(plan::NOWHERE).ok()? } else { *names.get(&oif?)? };
    let typed = |raw: &rtnl::Raw| Some((RouteMetric::of_number(raw.number())?, raw.u32()?));
    Some(plan::Route {
        dst: route.dst,
        via: route.gateway,
        hops: Vec::new(),
        ifname,
        table: route.table,
        protocol: route.protocol,
        scope: route.scope,
        kind: route.kind,
        metric: route.metric,
        prefsrc: route.prefsrc,
        tos: route.tos,
        flags: route.flags,
        metrics: route.metrics.iter().filter_map(typed).collect(),
        carried: carried(route),
    })
}

/// What the plan does not look at. Empty where there is nothing, so that a route somebody else made compares equal to one
/// the plan would make.
fn carried(route: &rtnl::Route) -> Vec<u8> {
    // The kernel answers every IPv6 route with a router preference; medium (0) is what none means.
    const RTA_PREF: u16 = 20;
    let extra: Vec<_> = route.extra.iter().filter(|raw| !(raw.number() == RTA_PREF && raw.bytes == [0])).cloned().collect();
    let metrics: Vec<_> = route.metrics.iter().filter(|raw| RouteMetric::of_number(raw.number()).is_none()).cloned().collect();
    if route.src.is_none() && metrics.is_empty() && extra.is_empty() {
        return Vec::new();
    }
    // What ticks must not make two equal routes different.
    let kept = rtnl::Route { src: route.src, metrics, extra, ..rtnl::Route::new(route.dst, None, None, 0) };
    serde_json::to_vec(&kept).unwrap_or_default()
}

/// How long an advertised route lives that the kernel did not make itself and so does not renew: a router that is still
/// there has said so again by then (RFC 4861 6.2.1: it must within 1800 s).
const ADVERTISED_SECS: u32 = 1800;

/// [`plan::ROUTE_ONLINK`] as a next hop of several has it.
const ONLINK: u8 = 4;

/// The device a request about `route` names to the kernel: its own, for IPv6 the loopback where it leads nowhere, for IPv4 none then.
pub fn device_of(route: &plan::Route) -> Option<IfName> {
    match (route.leads_nowhere(), route.is_ipv6()) {
        (false, _) => Some(route.ifname),
        (true, true) => IfName::new(plan::NOWHERE).ok(),
        (true, false) => None,
    }
}

/// A route as the kernel is to have it, out of the device `index` unless it leads out of none.
pub fn to_route(route: &plan::Route, index: Option<u32>) -> rtnl::Route {
    let kept = serde_json::from_slice::<rtnl::Route>(&route.carried);
    let mut kept = kept.unwrap_or_else(|_| rtnl::Route::new(route.dst, None, None, 0));
    // One kept by an older agent has them among what is carried along.
    kept.metrics.retain(|raw| RouteMetric::of_number(raw.number()).is_none_or(|metric| !route.metrics.contains_key(&metric)));
    kept.metrics.extend(route.metrics.iter().map(|(metric, value)| rtnl::Raw { kind: metric.number(), bytes: value.to_ne_bytes().to_vec() }));
    let hop = |hop: &Hop| rtnl::NextHop {
        oif: index.unwrap_or(0),
        gateway: Some(hop.via),
        weight: u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX),
        flags: if hop.onlink { ONLINK } else { 0 },
        extra: Vec::new(),
    };
    rtnl::Route {
        dst: route.dst,
        gateway: route.via,
        oif: index.filter(|_| route.hops.is_empty()),
        next_hops: route.hops.iter().map(hop).collect(),
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

/// Who made a rule of ours (`RTPROT_STATIC`).
const STATIC: u8 = 4;

/// A rule as the plan sees it; `None` for one that the kernel says more of than it knows.
pub fn rule(rule: &rtnl::Rule) -> Option<PolicyRule> {
    let name = |name: &Option<String>| name.as_deref().map(IfName::new).transpose().ok();
    let suppress = rule.suppress.map(u8::try_from).transpose().ok()?;
    let action = match rule.action {
        1 if rule.l3mdev => RuleAction::Vrf,
        1 => RuleAction::Lookup { table: rule.table, suppress, suppress_group: rule.suppress_group },
        2 => RuleAction::Goto(rule.goto?),
        3 => RuleAction::Nop,
        6 => RuleAction::Blackhole,
        7 => RuleAction::Unreachable,
        8 => RuleAction::Prohibit,
        _ => return None,
    };
    let is_plain = matches!(action, RuleAction::Lookup { .. }) || (suppress.is_none() && rule.suppress_group.is_none());
    (!rule.more && is_plain).then_some(PolicyRule {
        ipv6: rule.ipv6,
        priority: rule.priority,
        not: rule.invert,
        from: rule.from,
        to: rule.to,
        iif: name(&rule.iif)?,
        oif: name(&rule.oif)?,
        mark: rule.mark.map(|(value, mask)| Mark { value, mask }),
        tos: rule.tos,
        ipproto: rule.ip_proto,
        sport: rule.sport,
        dport: rule.dport,
        uids: rule.uids,
        tunnel: rule.tunnel,
        action,
    })
}

/// A rule as the kernel is to have it.
pub fn to_rule(rule: &PolicyRule) -> rtnl::Rule {
    let (mut table, mut suppress, mut suppress_group, mut goto) = (0, None, None, None);
    let action = match rule.action {
        RuleAction::Lookup { table: of, suppress: length, suppress_group: group } => {
            (table, suppress, suppress_group) = (of, length.map(u32::from), group);
            1
        }
        RuleAction::Vrf => 1,
        RuleAction::Goto(target) => {
            goto = Some(target);
            2
        }
        RuleAction::Nop => 3,
        RuleAction::Blackhole => 6,
        RuleAction::Unreachable => 7,
        RuleAction::Prohibit => 8,
    };
    rtnl::Rule {
        ipv6: rule.ipv6,
        priority: rule.priority,
        invert: rule.not,
        from: rule.from,
        to: rule.to,
        iif: rule.iif.map(|name| name.to_string()),
        oif: rule.oif.map(|name| name.to_string()),
        mark: rule.mark.map(|Mark { value, mask }| (value, mask)),
        tos: rule.tos,
        ip_proto: rule.ipproto,
        sport: rule.sport,
        dport: rule.dport,
        uids: rule.uids,
        tunnel: rule.tunnel,
        action,
        l3mdev: rule.action == RuleAction::Vrf,
        table,
        suppress,
        suppress_group,
        goto,
        protocol: STATIC,
        more: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices() -> Names {
        Names::from([(2, IfName::new("eth0").unwrap()), (3, IfName::new("br0").unwrap())])
    }

    fn plain() -> rtnl::Route {
        rtnl::Route::new("10.0.0.0/8".parse().unwrap(), Some("10.1.1.1".parse().unwrap()), Some(2), 4)
    }

    fn single(there: &rtnl::Route) -> plan::Route {
        let [seen] = routes(there, &devices()).try_into().unwrap();
        seen
    }

    #[test]
    fn what_the_plan_does_not_look_at_comes_back() {
        let raw = |kind, value: u32| rtnl::Raw { kind, bytes: value.to_ne_bytes().to_vec() };
        let there = rtnl::Route { metrics: vec![raw(16, 7), raw(2, 1400)], metric: Some(7), ..plain() };
        let seen = single(&there);
        assert_eq!(seen.ifname.as_str(), "eth0");
        assert_eq!(seen.metrics, BTreeMap::from([(RouteMetric::Mtu, 1400)]));
        assert_eq!(to_route(&seen, Some(2)), there);
        assert_eq!(to_route(&seen, Some(3)), there.moved(2, 3));
    }

    #[test]
    fn metrics_an_older_agent_kept_are_not_sent_twice() {
        let raw = |value: u32| rtnl::Raw { kind: 2, bytes: value.to_ne_bytes().to_vec() };
        let older = rtnl::Route { metrics: vec![raw(1400)], ..rtnl::Route::new(plain().dst, None, None, 0) };
        let mut seen = plan::Route { carried: serde_json::to_vec(&older).unwrap(), ..single(&plain()) };
        assert_eq!(to_route(&seen, Some(2)).metrics, [raw(1400)]);
        seen.metrics.insert(RouteMetric::Mtu, 1300);
        assert_eq!(to_route(&seen, Some(2)).metrics, [raw(1300)]);
    }

    #[test]
    fn a_plain_route_carries_nothing() {
        assert!(single(&plain()).carried.is_empty());
        assert_eq!(to_route(&single(&plain()), Some(2)), plain());
    }

    #[test]
    fn a_route_that_leads_nowhere_has_no_device() {
        let dropped = rtnl::Route { kind: 6, scope: 0, ..rtnl::Route::new("10.0.0.0/8".parse().unwrap(), None, None, 4) };
        let seen = single(&dropped);
        assert_eq!((seen.ifname.as_str(), device_of(&seen)), ("lo", None));
        assert_eq!(to_route(&seen, None), dropped);
        let v6 = rtnl::Route { dst: "2001:db8::/32".parse().unwrap(), oif: Some(1), ..dropped };
        assert_eq!(device_of(&single(&v6)).unwrap().as_str(), "lo");
    }

    #[test]
    fn gateways_the_kernel_put_together_are_seen_apart() {
        let hop = |oif, gateway: &str| rtnl::NextHop { oif, gateway: gateway.parse().ok(), weight: 0, flags: 0, extra: Vec::new() };
        let next_hops = vec![hop(2, "fe80::1"), hop(3, "fe80::2"), hop(9, "fe80::3")];
        let both = rtnl::Route { next_hops, ..rtnl::Route::new("::/0".parse().unwrap(), None, None, 9) };
        let seen: Vec<_> = routes(&both, &devices()).iter().map(|route| (route.ifname.to_string(), route.via.unwrap().to_string())).collect();
        assert_eq!(seen, [("eth0".to_owned(), "fe80::1".to_owned()), ("br0".to_owned(), "fe80::2".to_owned())]);
        let v4 = rtnl::Route { dst: "0.0.0.0/0".parse().unwrap(), ..both };
        assert!(routes(&v4, &devices()).is_empty(), "an IPv4 one is made and removed whole");
    }

    #[test]
    fn gateways_of_one_device_are_one_route() {
        let hop = |gateway: &str, weight, flags| rtnl::NextHop { oif: 2, gateway: gateway.parse().ok(), weight, flags, extra: Vec::new() };
        let next_hops = vec![hop("10.1.1.1", 0, 0), hop("10.1.1.2", 255, 4)];
        let there = rtnl::Route { next_hops, ..rtnl::Route::new("10.0.0.0/8".parse().unwrap(), None, None, 4) };
        let seen = single(&there);
        assert_eq!(seen.hops.iter().map(|hop| (hop.weight, hop.onlink)).collect::<Vec<_>>(), [(1, false), (256, true)]);
        assert_eq!(to_route(&seen, Some(2)), there);
        assert_eq!(to_route(&seen, Some(3)), there.moved(2, 3));
    }

    #[test]
    fn a_rule_comes_back() {
        let plain = PolicyRule {
            priority: Some(7),
            ..PolicyRule::new(false, RuleAction::Lookup { table: 1000, suppress: Some(0), suppress_group: Some(3) })
        };
        let all = PolicyRule {
            not: true,
            from: "192.0.2.0/24".parse().ok(),
            to: "198.51.100.0/24".parse().ok(),
            iif: IfName::new("eth0").ok(),
            oif: IfName::new("br0").ok(),
            mark: Some(Mark { value: 1, mask: 0xff }),
            tos: 16,
            ipproto: 6,
            sport: Some((1, 2)),
            dport: Some((3, 3)),
            uids: Some((5, 6)),
            tunnel: 1 << 40,
            ..plain.clone()
        };
        let of = |action| PolicyRule { action, ..plain.clone() };
        for there in [
            all,
            of(RuleAction::Vrf),
            of(RuleAction::Goto(9)),
            of(RuleAction::Nop),
            of(RuleAction::Blackhole),
            of(RuleAction::Unreachable),
            of(RuleAction::Prohibit),
        ] {
            assert_eq!(rule(&to_rule(&there)), Some(there));
        }
        assert_eq!(rule(&rtnl::Rule { more: true, ..to_rule(&plain) }), None);
    }

    #[test]
    fn an_address_comes_back() {
        let there = rtnl::Address { valid_lft: Some(9), label: Some("eth0:1".into()), ..rtnl::Address::new(2, "10.0.0.1".parse().unwrap(), 24) };
        assert_eq!(to_address(&address(&there, &devices()).unwrap(), 2), there);
        assert_eq!(address(&rtnl::Address::new(9, "10.0.0.1".parse().unwrap(), 24), &devices()), None);
    }
}
