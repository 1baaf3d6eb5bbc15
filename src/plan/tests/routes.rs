//! Routes, rules and aliases the files write down.

use super::*;
use crate::model::{self, Alias, PolicyRule, RouteKind, RouteMetric, RuleAction};

const ADDRESS: &str = "192.0.2.10/24";

/// A host whose `eth0` has an address and a default route.
fn host() -> World {
    let mut world = World::new();
    world.add_nic("eth0", "52:54:00:12:34:56", true);
    world.add_address("eth0", ADDRESS, None);
    world.add_route(default_route("eth0", "192.0.2.1"));
    world
}

fn asked(dst: &str, via: Option<&str>) -> model::Route {
    model::Route::new(net(dst), via.map(ip))
}

fn files(routes: &[model::Route]) -> Intent {
    let mut bridge = bridge("br0", fixed(&[ADDRESS, "192.0.2.11/24"], Some("192.0.2.1"), &[]), &["eth0"]);
    bridge.local.ipv6.addresses = vec!["2001:db8::10/64".parse().unwrap()];
    bridge.local.routes = routes.to_vec();
    intent([bridge])
}

/// The routes that are not the kernel's own, in the kernel's order.
fn told(world: &World) -> Vec<String> {
    world.state.routes.iter().filter(|route| route.protocol != PROTOCOL_KERNEL).map(ToString::to_string).collect()
}

fn hops(weights: &[(&str, u16)]) -> Vec<model::Hop> {
    weights.iter().map(|(via, weight)| model::Hop { via: ip(via), weight: *weight, onlink: false }).collect()
}

#[test]
fn several_gateways_move_and_go_back_together() {
    let mut world = host();
    let several = Route { hops: hops(&[("192.0.2.7", 1), ("192.0.2.8", 2)]), ..Route::main(name("eth0"), net("10.7.0.0/16"), None, PROTOCOL_STATIC) };
    world.add_route(Route { scope: 0, ..several });
    let before = world.snapshot();
    let route = |weights: &[(&str, u16)]| model::Route { hops: hops(weights), ..asked("10.9.0.0/16", None) };
    let moved = "10.7.0.0/16 nexthop via 192.0.2.7 weight 1 nexthop via 192.0.2.8 weight 2 dev br0";
    for (weights, wanted) in [
        ([("192.0.2.1", 1), ("192.0.2.2", 1)], "10.9.0.0/16 nexthop via 192.0.2.1 weight 1 nexthop via 192.0.2.2 weight 1 dev br0"),
        // Their order is none.
        ([("192.0.2.2", 1), ("192.0.2.1", 1)], "10.9.0.0/16 nexthop via 192.0.2.1 weight 1 nexthop via 192.0.2.2 weight 1 dev br0"),
        ([("192.0.2.1", 1), ("192.0.2.2", 9)], "10.9.0.0/16 nexthop via 192.0.2.1 weight 1 nexthop via 192.0.2.2 weight 9 dev br0"),
    ] {
        let intent = files(&[route(&weights)]);
        breaks_nowhere(&world, &Target::Up { intent: &intent, names: &[] });
        up_for_good(&mut world, &intent);
        let told = told(&world);
        assert!(told.iter().any(|route| route == moved) && told.iter().any(|route| route == wanted) && told.len() == 3, "{told:#?}");
    }
    down_for_good(&mut world);
    assert_eq!(world.snapshot(), before);
    // One gateway that nothing leads to is one too many.
    let intent = files(&[route(&[("192.0.2.1", 1), ("203.0.113.1", 1)])]);
    up_for_good(&mut world, &intent);
    assert!(!told(&world).iter().any(|route| route.starts_with("10.9")), "{:#?}", told(&world));
}

#[test]
fn they_come_change_and_go_with_the_file() {
    let mtu = |value| [(RouteMetric::Mtu, value)].into();
    let first = [
        asked("10.9.0.0/16", Some("10.8.0.1")),
        asked("10.8.0.0/24", None),
        model::Route { kind: RouteKind::Blackhole, ..asked("10.0.0.0/8", None) },
        model::Route { kind: RouteKind::Unreachable, ..asked("2001:db8:9::/48", None) },
        asked("2001:db8:7::/48", Some("fe80::1")),
    ];
    let steps = [
        (
            first.to_vec(),
            vec![
                "default via 192.0.2.1 dev br0",
                "10.8.0.0/24 dev br0",
                "10.9.0.0/16 via 10.8.0.1 dev br0",
                "blackhole 10.0.0.0/8",
                "unreachable 2001:db8:9::/48",
                "2001:db8:7::/48 via fe80::1 dev br0",
            ],
        ),
        (
            vec![
                model::Route { metrics: mtu(1400), source: Some(ip("192.0.2.11")), ..asked("10.9.0.0/16", Some("192.0.2.254")) },
                model::Route { kind: RouteKind::Prohibit, ..asked("10.0.0.0/8", None) },
                model::Route { metrics: mtu(1300), ..asked("2001:db8:7::/48", Some("fe80::1")) },
            ],
            vec![
                "default via 192.0.2.1 dev br0",
                "10.9.0.0/16 via 192.0.2.254 dev br0 src 192.0.2.11 mtu 1400",
                "prohibit 10.0.0.0/8",
                "2001:db8:7::/48 via fe80::1 dev br0 mtu 1300",
            ],
        ),
        (
            vec![asked("2001:db8:7::/48", Some("fe80::1")), asked("10.9.0.0/16", Some("192.0.2.254"))],
            vec!["default via 192.0.2.1 dev br0", "10.9.0.0/16 via 192.0.2.254 dev br0", "2001:db8:7::/48 via fe80::1 dev br0"],
        ),
        (vec![], vec!["default via 192.0.2.1 dev br0"]),
    ];
    let mut world = host();
    let before = world.snapshot();
    for (routes, mut expected) in steps {
        breaks_nowhere(&world, &Target::Up { intent: &files(&routes), names: &[] });
        up_for_good(&mut world, &files(&routes));
        let mut there = told(&world);
        there.sort();
        expected.sort_unstable();
        assert_eq!(there, expected);
    }
    up_for_good(&mut world, &files(&first));
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn what_others_made_stays() {
    let mut world = host();
    let nowhere =
        |kind: RouteKind, dst| Route { kind: kind.number(), scope: SCOPE_UNIVERSE, ..Route::main(name("lo"), net(dst), None, PROTOCOL_BOOT) };
    world.add_route(nowhere(RouteKind::Blackhole, "10.0.0.0/8"));
    world.add_route(nowhere(RouteKind::Blackhole, "11.0.0.0/8"));
    let before = world.snapshot();
    // One of them the file asks for as well.
    let routes = [model::Route { kind: RouteKind::Blackhole, ..asked("10.0.0.0/8", None) }, asked("12.0.0.0/8", Some("192.0.2.254"))];
    let report = up_for_good(&mut world, &files(&routes));
    assert!(!report.steps.iter().any(|step| step.to_string().contains("blackhole")), "{:#?}", report.steps);
    world.add_route(Route::main(name("br0"), net("13.0.0.0/8"), Some(ip("192.0.2.254")), PROTOCOL_BOOT));
    up_for_good(&mut world, &files(&[]));
    assert_eq!(told(&world), ["blackhole 10.0.0.0/8", "blackhole 11.0.0.0/8", "default via 192.0.2.1 dev br0", "13.0.0.0/8 via 192.0.2.254 dev br0"]);
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

/// Somebody made the route without what the file asks of it: the file has the last word.
#[test]
fn a_route_that_is_there_by_half_is_made_whole() {
    let mut world = host();
    up_for_good(&mut world, &files(&[]));
    for dst in ["12.0.0.0/8", "2001:db8:7::/48"] {
        let via = if dst.contains(':') { "2001:db8::1" } else { "192.0.2.254" };
        world.add_route(Route::main(name("br0"), net(dst), Some(ip(via)), PROTOCOL_BOOT));
        let route = model::Route { metrics: [(RouteMetric::Mtu, 1400)].into(), ..asked(dst, Some(via)) };
        let report = up_for_good(&mut world, &files(&[route]));
        let lines: Vec<_> = report.steps.iter().filter(|step| !step.is_quiet()).map(ToString::to_string).collect();
        let changed = format!("changing route {dst} via {via} dev br0 mtu 1400");
        assert!(lines.contains(&changed), "{lines:#?}");
        up_for_good(&mut world, &files(&[]));
    }
}

/// What the kernel would refuse is told, and everything else done.
#[test]
fn what_cannot_be_is_told() {
    let mut world = host();
    world.add_nic("eth1", "52:54:00:12:34:57", true);
    world.add_address("eth1", "198.51.100.5/32", None);
    let routes = [
        asked("12.0.0.0/8", Some("203.0.113.1")),
        model::Route { onlink: true, ..asked("13.0.0.0/8", Some("203.0.113.1")) },
        model::Route { source: Some(ip("198.51.100.5")), ..asked("14.0.0.0/8", None) },
        model::Route { source: Some(ip("198.51.100.6")), ..asked("15.0.0.0/8", None) },
    ];
    let report = up_for_good(&mut world, &files(&routes));
    assert_eq!(
        report.notes,
        [
            "the route 12.0.0.0/8 via 203.0.113.1 dev br0 is not made: nothing on br0 leads to 203.0.113.1",
            "the route 15.0.0.0/8 dev br0 src 198.51.100.6 is not made: this host does not have the address 198.51.100.6",
        ]
    );
    let there = told(&world);
    for made in ["13.0.0.0/8 via 203.0.113.1 dev br0 onlink", "14.0.0.0/8 dev br0 src 198.51.100.5"] {
        assert!(there.contains(&made.to_owned()), "{there:#?}");
    }
}

/// A gateway in the lease's network waits for the lease; a default route of the file's takes the place of the lease's.
#[test]
fn beside_a_lease() {
    let mut world = host();
    world.server = Some(Lease { address: "198.51.100.10/24".parse().unwrap(), routers: vec!["198.51.100.1".parse().unwrap()], ..lease() });
    let mut bridge = bridge("br0", dhcp(&["eth0"]), &["eth0"]);
    bridge.local.routes = vec![asked("10.0.0.0/8", Some("198.51.100.7")), asked("0.0.0.0/0", Some("198.51.100.2"))];
    let files = intent([bridge]);
    breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
    let report = up_for_good(&mut world, &files);
    assert!(report.notes.is_empty(), "{:#?}", report.notes);
    assert_eq!(told(&world), ["10.0.0.0/8 via 198.51.100.7 dev br0", "default via 198.51.100.2 dev br0"]);
}

#[test]
fn rules_come_change_and_go_with_the_file() {
    let lookup = RuleAction::lookup;
    let rule = |priority, table| PolicyRule { priority, ..PolicyRule::new(false, lookup(table)) };
    let files = |rules: &[PolicyRule]| {
        let mut files = files(&[model::Route { table: 200, ..asked("10.0.0.0/8", Some("192.0.2.254")) }]);
        files.bridges.values_mut().for_each(|bridge| bridge.local.rules = rules.to_vec());
        files
    };
    let told = |world: &World| world.state.rules.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut world = host();
    world.state.rules = vec![rule(Some(0), 255), rule(Some(77), 9), rule(Some(32766), 254)];
    let before = world.snapshot();
    for (rules, expected) in [
        // One of them somebody made before, and one is put where the kernel likes.
        (
            vec![rule(Some(500), 200), rule(None, 201), rule(Some(77), 9)],
            vec!["lookup 201 priority 76", "lookup 9 priority 77", "lookup 200 priority 500"],
        ),
        (vec![rule(Some(500), 202), rule(None, 201)], vec!["lookup 201 priority 76", "lookup 9 priority 77", "lookup 202 priority 500"]),
        (vec![], vec!["lookup 9 priority 77"]),
        (vec![rule(None, 203)], vec!["lookup 203 priority 76", "lookup 9 priority 77"]),
    ] {
        breaks_nowhere(&world, &Target::Up { intent: &files(&rules), names: &[] });
        let report = up_for_good(&mut world, &files(&rules));
        let expected: Vec<_> = std::iter::once("lookup 255 priority 0").chain(expected).chain(["lookup 254 priority 32766"]).collect();
        assert_eq!(told(&world), expected.iter().map(|rule| format!("from all {rule}")).collect::<Vec<_>>());
        let at = |what: &str| report.steps.iter().position(|step| step.to_string().starts_with(what));
        assert!(at("adding route").is_none_or(|route| at("adding rule").is_none_or(|rule| route < rule)), "a rule leads to an empty table");
    }
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn aliases_beside_fixed_addresses_and_beside_a_lease() {
    let alias = |address: &str, label: &str| Alias { address: address.parse().unwrap(), label: label.to_owned() };
    let of = |world: &World| {
        let labelled = |address: &Address| Some((address.label.clone()?, address.address.to_string()));
        world.state.addresses_on(name("br0")).filter_map(labelled).collect::<Vec<_>>()
    };
    let told = |list: &[(&str, &str)]| list.iter().map(|(label, address)| ((*label).to_owned(), (*address).to_owned())).collect::<Vec<_>>();
    for addressing in [fixed(&[ADDRESS], Some("192.0.2.1"), &[]), dhcp(&["eth0"]), Addressing::None] {
        let mut world = host();
        world.server = Some(Lease { address: "192.0.2.50/24".parse().unwrap(), routers: vec!["192.0.2.1".parse().unwrap()], ..lease() });
        let before = world.snapshot();
        let files = |aliases: &[Alias]| {
            let mut bridge = bridge("br0", addressing.clone(), &["eth0"]);
            bridge.local.aliases = aliases.to_vec();
            intent([bridge])
        };
        for (aliases, expected) in [
            (vec![alias("192.0.2.60/24", "br0:1"), alias("10.0.0.1/8", "br0:2")], vec![("br0:1", "192.0.2.60/24"), ("br0:2", "10.0.0.1/8")]),
            (vec![alias("10.0.0.1/8", "br0:2")], vec![("br0:2", "10.0.0.1/8")]),
        ] {
            breaks_nowhere(&world, &Target::Up { intent: &files(&aliases), names: &[] });
            up_for_good(&mut world, &files(&aliases));
            let mut there = of(&world);
            there.sort();
            assert_eq!(there, told(&expected), "{addressing:?}");
            // Without a lease nothing but an alias's own address goes with the bridge.
            let lease = world.state.addresses_on(name("br0")).any(|there| there.address == net("192.0.2.50/24"));
            assert_eq!(lease, matches!(addressing, Addressing::Dhcp(_)));
        }
        breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
        down_for_good(&mut world);
        assert_same(&world.snapshot(), &before, "after down");
    }
}

/// What a line of one to nowhere no longer says changes it, and it is ours as before: it goes with the bridge.
#[test]
fn one_to_nowhere_that_changes_stays_ours() {
    let mut world = host();
    let before = world.snapshot();
    let nowhere = model::Route { kind: RouteKind::Unreachable, ..asked("2001:db8:50::/48", None) };
    let with_mtu = model::Route { metrics: [(RouteMetric::Mtu, 1280)].into(), ..nowhere.clone() };
    for route in [with_mtu, nowhere] {
        up_for_good(&mut world, &files(&[route]));
    }
    down_for_good(&mut world);
    assert_eq!(world.snapshot().routes, before.routes);
}
