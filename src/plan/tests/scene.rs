//! The scene: eth0 holds a lease, two files, and a bridge takes its place.

use super::*;

const LIFETIME: u32 = 3000;

pub(super) fn host() -> World {
    let mut world = World::new();
    world.add_nic("eth0", "52:54:00:12:34:56", true);
    world.add_address("eth0", "172.16.3.140/24", Some(LIFETIME));
    world.add_route(default_route("eth0", "172.16.3.1"));
    world.state.dhcp_clients.push(DhcpClient { pid: 77, start_time: 5, name: "dhclient".to_owned(), ifname: name("eth0"), paused: false });
    world.server = Some(lease());
    world
}

fn files() -> Intent {
    intent([bridge("ovsbr0", dhcp(&["eth0"]), &["eth0"])])
}

fn lines(report: &Report) -> Vec<String> {
    report.steps.iter().filter(|step| !step.is_quiet()).map(ToString::to_string).collect()
}

#[test]
fn the_bridge_takes_the_ports_place() {
    let mut world = host();
    let report = up_for_good(&mut world, &files());
    assert_eq!(
        lines(&report),
        [
            "creating the datapath ovs-system",
            "pausing dhclient (process 77) on eth0",
            "creating bridge ovsbr0",
            "setting the MAC of ovsbr0 to 52:54:00:12:34:56",
            "attaching eth0 to ovsbr0",
            "bringing ovsbr0 up",
            "moving 172.16.3.140/24 from eth0 to ovsbr0",
            "moving route default via 172.16.3.1 dev ovsbr0 from eth0",
            "removing route default via 172.16.3.1 dev eth0",
            "removing 172.16.3.140/24 from eth0",
            "asking for a lease of 172.16.3.140 on ovsbr0",
            "changing 172.16.3.140/24 on ovsbr0 to be valid 3600 s",
        ]
    );
    let state = &world.state;
    assert_eq!(fake::macs(state)["ovsbr0"], "52:54:00:12:34:56");
    let on = |ifname: &str| state.addresses_on(name(ifname)).map(|a| a.address.to_string()).collect::<Vec<_>>();
    assert_eq!(on("eth0"), ["fe80::5054:ff:fe12:3456/64"], "the port keeps its link-local address");
    assert!(on("ovsbr0").contains(&"172.16.3.140/24".to_owned()));
    let defaults: Vec<String> = state.routes.iter().filter(|r| r.is_default()).map(ToString::to_string).collect();
    assert_eq!(defaults, ["default via 172.16.3.1 dev ovsbr0"]);
    assert!(state.dhcp_clients[0].paused);
    assert!(state.memory.bridges[&name("ovsbr0")].resolver_before.is_some());
}

#[test]
fn down_gives_everything_back() {
    let mut world = host();
    let before = world.snapshot();
    up_for_good(&mut world, &files());
    down_for_good(&mut world);
    let mut after = world.snapshot();
    // The lease was renewed meanwhile: the address comes back with the time that is left of it now.
    let address = after.addresses.iter_mut().find(|a| a.address == net("172.16.3.140/24")).unwrap();
    assert_eq!(address.valid_lft, Some(3600));
    (address.valid_lft, address.preferred_lft) = (Some(LIFETIME), Some(LIFETIME));
    assert_same(&after, &before, "after down");
    assert!(world.released.is_empty(), "the port goes on with the address: the server must not give it to another");
}

#[test]
fn whatever_fails_everything_is_as_it_was() {
    breaks_nowhere(&host(), &Target::Up { intent: &files(), names: &[] });
    let mut world = host();
    up_for_good(&mut world, &files());
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
}

#[test]
fn a_silent_server_is_rolled_back() {
    let mut world = World { server: None, ..host() };
    let before = world.snapshot();
    let report = up(&mut world, &files());
    assert!(matches!(&report.outcome, Outcome::RolledBack(Cause::Step { step, .. }) if matches!(**step, Step::ObtainLease { .. })));
    assert_same(&world.snapshot(), &before, "no lease");
}

#[test]
fn another_lease_takes_over_and_what_the_port_had_beyond_goes() {
    let mut world = host();
    world.add_address("eth0", "172.16.3.9/24", None);
    world.add_address("eth0", "10.0.0.9/8", None);
    world.add_address("eth0", "2001:db8::9/64", None);
    world.add_route(Route::main(name("eth0"), net("192.168.0.0/16"), Some(ip("10.0.0.1")), PROTOCOL_STATIC));
    let mut other = lease();
    other.address = "172.16.3.150/24".parse().unwrap();
    other.domain = Some("example.net".to_owned());
    other.mtu = Some(1400);
    other.dns = vec!["172.16.3.2".parse().unwrap()];
    world.server = Some(other);
    let before = world.snapshot();
    breaks_nowhere(&world, &Target::Up { intent: &files(), names: &[] });
    up_for_good(&mut world, &files());
    let state = &world.state;
    let on: Vec<String> = state.addresses_on(name("ovsbr0")).filter(|a| !a.is_link_local_v6()).map(|a| a.address.to_string()).collect();
    assert_eq!(on, ["2001:db8::9/64", "172.16.3.150/24"]);
    assert_eq!(state.routes_on(name("ovsbr0")).map(ToString::to_string).collect::<Vec<_>>(), ["default via 172.16.3.1 dev ovsbr0"]);
    assert_eq!(state.links[&name("ovsbr0")].mtu, 1400);
    assert_eq!(state.resolver.content.as_deref(), Some("# Written by ovsdp for ovsbr0\nsearch example.net\nnameserver 172.16.3.2\n"));
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
    assert_eq!(world.released, ["172.16.3.150".parse::<std::net::Ipv4Addr>().unwrap()]);
}

#[test]
fn only_what_is_asked_for_is_taken_of_a_lease() {
    let bridge = |dhcp| intent([bridge("ovsbr0", Addressing::Dhcp(Dhcp { through: vec![name("eth0")], ..dhcp }), &["eth0"])]);
    let mut world = host();
    let mut with_routes = lease();
    with_routes.classless =
        ["0.0.0.0/0", "10.0.0.0/8"].map(|dst| ClasslessRoute { dst: dst.parse().unwrap(), via: "172.16.3.1".parse().unwrap() }).into();
    world.server = Some(with_routes);
    let before = world.snapshot();
    let own = bridge(Dhcp { default_route: false, dns: vec![ip("192.0.2.53")], ..Dhcp::default() });
    breaks_nowhere(&world, &Target::Up { intent: &own, names: &[] });
    up_for_good(&mut world, &own);
    let routes = |world: &World| world.state.routes_on(name("ovsbr0")).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(routes(&world), ["10.0.0.0/8 via 172.16.3.1 dev ovsbr0"]);
    let resolver = |world: &World| world.state.resolver.content.clone();
    assert_eq!(resolver(&world).as_deref(), Some("# Written by ovsdp for ovsbr0\nnameserver 192.0.2.53\nnameserver 172.16.3.1\n"));
    // In place: the default route after all, but nobody's name servers.
    up_for_good(&mut world, &bridge(Dhcp { peer_dns: false, ..Dhcp::default() }));
    assert_eq!(routes(&world), ["10.0.0.0/8 via 172.16.3.1 dev ovsbr0", "default via 172.16.3.1 dev ovsbr0"]);
    assert_eq!(resolver(&world), before.resolver.content);
    down_for_good(&mut world);
    let after = world.snapshot();
    assert_eq!((after.routes, after.resolver), (before.routes, before.resolver));
}

#[test]
fn a_renewed_lease_changes_lifetimes_and_time_alone_changes_nothing() {
    let mut world = host();
    up_for_good(&mut world, &files());
    for address in &mut world.state.addresses {
        address.valid_lft = address.valid_lft.map(|seconds| seconds - 500);
    }
    assert_eq!(up(&mut world, &files()).outcome, Outcome::Unchanged);
    world.state.memory.bridges.get_mut(&name("ovsbr0")).unwrap().leases.get_mut(&name("ovsbr0")).unwrap().obtained += 500;
    let report = up_for_good(&mut world, &files());
    assert_eq!(lines(&report), ["changing 172.16.3.140/24 on ovsbr0 to be valid 3600 s"]);
}

#[test]
fn a_lost_lease_is_asked_for_again_without_letting_go_of_the_address() {
    let mut world = host();
    up_for_good(&mut world, &files());
    world.state.memory.bridges.get_mut(&name("ovsbr0")).unwrap().leases.clear();
    let report = up_for_good(&mut world, &files());
    assert_eq!(lines(&report)[0], "asking for a lease of 172.16.3.140 on ovsbr0");
    assert!(!report.steps.iter().any(|step| matches!(step, Step::RemoveAddress { .. })));
}

#[test]
fn an_address_that_comes_back_to_the_port_is_removed_again() {
    let mut world = host();
    up_for_good(&mut world, &files());
    world.add_address("eth0", "172.16.3.77/24", None);
    let report = up_for_good(&mut world, &files());
    assert_eq!(lines(&report), ["removing 172.16.3.77/24 from eth0"]);
}

#[test]
fn gateways_outside_the_subnet_and_classless_routes() {
    let mut world = host();
    let mut far = lease();
    far.address = "172.16.3.140/32".parse().unwrap();
    far.classless = vec![
        ClasslessRoute { dst: "0.0.0.0/0".parse().unwrap(), via: "172.16.3.1".parse().unwrap() },
        ClasslessRoute { dst: "169.254.169.254/32".parse().unwrap(), via: "0.0.0.0".parse().unwrap() },
    ];
    world.server = Some(far);
    up_for_good(&mut world, &files());
    let routes: Vec<String> = world.state.routes_on(name("ovsbr0")).map(ToString::to_string).collect();
    assert_eq!(
        routes,
        ["default via 172.16.3.1 dev ovsbr0", "169.254.169.254/32 dev ovsbr0", "172.16.3.1/32 dev ovsbr0"],
        "the default route was moved first and is kept"
    );
}

#[test]
fn a_plan_reads_well_and_survives_json() {
    let world = host();
    let plan = super::super::up(&files(), &[name("eth0")], &world.state).unwrap();
    let text = plan.render();
    assert!(text.starts_with("+ datapath ovs-system\n~ dhclient (process 77) on eth0: running -> paused\n+ bridge ovsbr0\n"), "{text}");
    assert!(text.contains("- address 172.16.3.140/24 on eth0\n"), "{text}");
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    assert_eq!(Plan::default().render(), "nothing to change\n");
    let mut world = world;
    up_for_good(&mut world, &files());
    let json = serde_json::to_string(&world.state).unwrap();
    assert_eq!(serde_json::from_str::<Observed>(&json).unwrap(), world.state);
}
