//! Other shapes than the scene's: static addresses, internal ports, several bridges, changes in place, refusals.

use ovsdp_proto::IfName;

use super::*;

pub(super) fn host() -> World {
    let mut world = World::new();
    world.add_nic("eth0", "00:16:3e:00:00:02", true);
    world.add_nic("eth1", "00:16:3e:00:00:01", false);
    world.add_address("eth0", "192.0.2.10/24", None);
    world.add_address("eth0", "192.0.2.11/24", None);
    world.add_address("eth0", "2001:db8::10/64", None);
    world.add_route(Route::main(name("eth0"), net("10.0.0.0/8"), Some(ip("192.0.2.2")), PROTOCOL_STATIC));
    world.add_route(Route { table: 100, ..default_route("eth0", "192.0.2.3") });
    world.add_route(Route { metric: Some(100), prefsrc: Some(ip("192.0.2.10")), ..default_route("eth0", "192.0.2.1") });
    world.add_route(Route { metric: Some(1024), ..Route::main(name("eth0"), net("::/0"), Some(ip("fe80::1")), PROTOCOL_STATIC) });
    world
}

fn routes(world: &World, ifname: &str) -> Vec<String> {
    let mut routes: Vec<String> = world.state.routes_on(name(ifname)).map(ToString::to_string).collect();
    routes.sort();
    routes
}

fn global(world: &World, ifname: &str) -> Vec<String> {
    world.state.addresses_on(name(ifname)).filter(|a| !a.is_link_local_v6()).map(|a| a.address.to_string()).collect()
}

#[test]
fn static_addresses() {
    let mut world = host();
    let before = world.snapshot();
    let files = intent([bridge("br0", fixed(&["192.0.2.10/24"], Some("192.0.2.1"), &["192.0.2.53"]), &["eth0"])]);
    breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
    up_for_good(&mut world, &files);
    assert_eq!(global(&world, "br0"), ["192.0.2.10/24", "2001:db8::10/64"]);
    assert_eq!(
        routes(&world, "br0"),
        [
            "10.0.0.0/8 via 192.0.2.2 dev br0",
            "default via 192.0.2.1 dev br0",
            "default via 192.0.2.3 dev br0 table 100",
            "default via fe80::1 dev br0 metric 1024"
        ]
    );
    assert!(global(&world, "eth0").is_empty() && routes(&world, "eth0").is_empty());
    assert_eq!(world.state.resolver.content.as_deref(), Some("# Written by ovsdp for br0\nnameserver 192.0.2.53\n"));
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

/// The default route's metric and source change in place, and go when the file no longer names them.
#[test]
fn a_default_route_as_the_file_weighs_it() {
    let mut world = host();
    let before = world.snapshot();
    let files = |metric: Option<u32>, source: Option<&str>| {
        let Addressing::Static(plain) = fixed(&["192.0.2.10/24", "192.0.2.12/24"], Some("192.0.2.1"), &[]) else { unreachable!() };
        let asked = Static { metric, source: source.map(|source| source.parse().unwrap()), ..plain };
        intent([bridge("br0", Addressing::Static(asked), &["eth0"])])
    };
    const WEIGHTS: [(Option<u32>, Option<&str>); 6] =
        [(None, None), (Some(50), Some("192.0.2.12")), (Some(50), Some("192.0.2.10")), (Some(60), None), (None, Some("192.0.2.12")), (None, None)];
    let default = |world: &World| {
        let of_main = |route: &&Route| route.is_default() && !route.is_ipv6() && route.table == TABLE_MAIN;
        let found: Vec<_> = world.state.routes_on(name("br0")).filter(of_main).map(|route| (route.metric, route.prefsrc)).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0]
    };
    for (metric, source) in WEIGHTS {
        let files = files(metric, source);
        breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
        let report = up_for_good(&mut world, &files);
        assert_eq!(default(&world), (metric, source.map(ip)));
        let added = report.steps.iter().position(|step| matches!(step, Step::AddRoute { .. } | Step::ChangeRoute { .. }));
        let removed = report.steps.iter().position(|step| matches!(step, Step::RemoveRoute { .. }));
        assert!(
            added.is_some() && removed.is_none_or(|removed| added < Some(removed)),
            "the host is without a default route for a moment: {report:#?}"
        );
    }
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn a_lease_weighed_by_the_file() {
    let mut world = host();
    world.server = Some(Lease { address: "192.0.2.10/24".parse().unwrap(), routers: vec!["192.0.2.1".parse().unwrap()], ..lease() });
    let files = |metric| intent([bridge("br0", Addressing::Dhcp(Dhcp { through: vec![name("eth0")], metric, ..Dhcp::default() }), &["eth0"])]);
    for metric in [Some(300), None] {
        up_for_good(&mut world, &files(metric));
        let weights: Vec<_> = world.state.routes_on(name("br0")).filter(|r| r.is_default() && !r.is_ipv6()).map(|r| r.metric).collect();
        assert_eq!(weights, [metric]);
    }
}

/// What a file and a lease route goes into the table the file names, into another one when that changes, and leaves none behind.
#[test]
fn routes_in_a_table_of_their_own() {
    let mut world = host();
    let before = world.snapshot();
    world.server = Some(Lease { address: "192.0.2.10/24".parse().unwrap(), routers: vec!["192.0.2.1".parse().unwrap()], ..lease() });
    let Addressing::Static(plain) = fixed(&["192.0.2.10/24"], Some("192.0.2.1"), &[]) else { unreachable!() };
    let asked = |table| intent([bridge("br0", Addressing::Static(Static { table, ..plain.clone() }), &["eth0"])]);
    let leased = |table| intent([bridge("br0", Addressing::Dhcp(Dhcp { through: vec![name("eth0")], table, ..Dhcp::default() }), &["eth0"])]);
    for (files, table) in
        [(asked(Some(100)), 100), (asked(Some(200)), 200), (leased(Some(200)), 200), (leased(Some(7)), 7), (asked(None), TABLE_MAIN)]
    {
        breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
        up_for_good(&mut world, &files);
        let ours = |route: &&Route| route.is_default() && !route.is_ipv6() && route.via == Some(ip("192.0.2.1"));
        let tables: Vec<u32> = world.state.routes_on(name("br0")).filter(ours).map(|route| route.table).collect();
        assert!(tables.contains(&table) && tables.iter().all(|one| [table, TABLE_MAIN].contains(one)), "{table}: {tables:?}");
    }
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn links_that_stay_down() {
    let mut world = host();
    let before = world.snapshot();
    let files = |down| {
        let mut files = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0", "eth1"])]);
        let bridge = files.bridges.get_mut(&name("br0")).unwrap();
        bridge.ports.get_mut(&name("eth1")).unwrap().interfaces[0].down = down;
        files
    };
    for down in [true, false, true] {
        breaks_nowhere(&world, &Target::Up { intent: &files(down), names: &[] });
        up_for_good(&mut world, &files(down));
        assert_eq!(["eth0", "eth1", "br0"].map(|device| world.state.links[&name(device)].up), [true, !down, true]);
    }
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn an_address_changed_within_its_subnet() {
    let mut world = host();
    let one = intent([bridge("br0", fixed(&["192.0.2.10/24", "192.0.2.12/24"], Some("192.0.2.1"), &[]), &["eth0"])]);
    let other = intent([bridge("br0", fixed(&["192.0.2.20/24", "192.0.2.12/24"], Some("192.0.2.1"), &[]), &["eth0"])]);
    up_for_good(&mut world, &one);
    world.add_address("br0", "192.0.2.99/24", None);
    world.add_route(Route::main(name("br0"), net("198.51.100.0/24"), Some(ip("192.0.2.98")), PROTOCOL_STATIC));
    breaks_nowhere(&world, &Target::Up { intent: &other, names: &[] });
    let report = up_for_good(&mut world, &other);
    assert_eq!(global(&world, "br0"), ["2001:db8::10/64", "192.0.2.20/24", "192.0.2.12/24", "192.0.2.99/24"]);
    assert!(routes(&world, "br0").contains(&"198.51.100.0/24 via 192.0.2.98 dev br0".to_owned()), "what others put there stays");
    assert!(!report.steps.iter().any(|step| matches!(step, Step::DetachVport { .. } | Step::SetDown { .. })), "the bridge stays up");
}

#[test]
fn mac_and_mtu_follow_the_ports_and_change_in_place() {
    let mut world = host();
    let mut files = intent([bridge("br0", Addressing::None, &["eth0", "eth1"])]);
    world.state.links.get_mut(&name("eth1")).unwrap().mtu = 1400;
    let report = up_for_good(&mut world, &files);
    assert_eq!(report.notes[0], "eth0 loses 192.0.2.10/24: it becomes a port and br0 asks for no address");
    let link = |world: &World, ifname: &str| world.state.links[&name(ifname)].clone();
    assert_eq!((link(&world, "br0").mtu, link(&world, "br0").mac.unwrap().to_string().as_str()), (1400, "00:16:3e:00:00:01"));
    assert!(link(&world, "eth1").up);
    let settings = files.bridges.get_mut(&name("br0")).unwrap();
    settings.local.mac = Some("02:00:00:00:00:07".parse().unwrap());
    settings.ports.get_mut(&name("eth1")).unwrap().interfaces[0].mtu = Some(9000);
    settings.ports.get_mut(&name("eth0")).unwrap().interfaces[0].mtu = Some(2000);
    let report = up_for_good(&mut world, &files);
    let kinds = |report: &Report| report.steps.iter().filter(|s| !s.is_quiet()).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        kinds(&report),
        [
            "setting the MAC of br0 to 02:00:00:00:00:07",
            "setting the MTU of br0 to 2000",
            "setting the MTU of eth0 to 2000",
            "setting the MTU of eth1 to 9000"
        ]
    );
    // What is no longer asked for is as it was.
    files.bridges.get_mut(&name("br0")).unwrap().ports.get_mut(&name("eth1")).unwrap().interfaces[0].mtu = None;
    up_for_good(&mut world, &files);
    assert_eq!(link(&world, "eth1").mtu, 1400);
    down_for_good(&mut world);
    assert_eq!((link(&world, "eth1").up, link(&world, "eth0").mtu), (false, 1500));
}

#[test]
fn internal_ports_and_two_bridges() {
    let mut world = host();
    let before = world.snapshot();
    let mut one = bridge("br0", Addressing::None, &["eth1"]);
    let port = interface("int0", Kind::Internal, fixed(&["198.51.100.5/24"], Some("198.51.100.1"), &["198.51.100.53"]));
    one.ports.insert(name("int0"), Port::new(port));
    let two = bridge("br1", fixed(&["192.0.2.10/24"], None, &["192.0.2.53"]), &["eth0"]);
    let files = intent([one, two]);
    breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
    up_for_good(&mut world, &files);
    assert_eq!(global(&world, "int0"), ["198.51.100.5/24"]);
    assert_eq!(world.state.resolver.content.as_deref(), Some("# Written by ovsdp for br0, br1\nnameserver 198.51.100.53\nnameserver 192.0.2.53\n"));
    let mac = fake::macs(&world.state)["int0"].clone();
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });

    // One goes, the other one stays as it is.
    let br1 = world.state.addresses_on(name("br1")).cloned().collect::<Vec<_>>();
    let report = apply(&mut world, &Target::Down { names: &[name("br0")], with_foreign_ports: false }, &mut |_| {});
    assert_eq!(report.outcome, Outcome::Applied);
    assert!(world.state.datapath && !world.state.links.contains_key(&name("int0")));
    assert_eq!(world.state.addresses_on(name("br1")).cloned().collect::<Vec<_>>(), br1);
    assert_eq!(world.state.resolver.content.as_deref(), Some("# Written by ovsdp for br1\nnameserver 192.0.2.53\n"));
    up_for_good(&mut world, &files);
    assert_eq!(fake::macs(&world.state)["int0"], mac, "an invented MAC stays");
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn a_port_removed_from_the_files_gets_back_what_it_had() {
    let mut world = host();
    world.add_address("eth1", "203.0.113.7/24", None);
    let before = world.snapshot();
    let both = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0", "eth1"])]);
    let one = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0"])]);
    up_for_good(&mut world, &both);
    assert!(global(&world, "eth1").is_empty());
    breaks_nowhere(&world, &Target::Up { intent: &one, names: &[] });
    up_for_good(&mut world, &one);
    assert_eq!(global(&world, "eth1"), ["203.0.113.7/24"]);
    assert!(!world.state.links[&name("eth1")].up && !world.state.vports.contains_key(&name("eth1")));
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn what_the_bridge_keeps_of_a_removed_port_is_owed_to_it() {
    let mut world = host();
    let before = world.snapshot();
    let both = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0", "eth1"])]);
    let one = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth1"])]);
    up_for_good(&mut world, &both);
    breaks_nowhere(&world, &Target::Up { intent: &one, names: &[] });
    up_for_good(&mut world, &one);
    assert_eq!(
        (global(&world, "eth0"), global(&world, "br0")),
        (vec!["192.0.2.11/24".to_owned(), "2001:db8::10/64".to_owned()], vec!["192.0.2.10/24".to_owned()])
    );
    down_for_good(&mut world);
    let mut after = world.snapshot();
    // Which of two addresses in one subnet came first is the one difference.
    assert_eq!(global(&world, "eth0").len(), 3);
    after.addresses.clone_from(&before.addresses);
    after.routes.retain(|r| r.protocol != PROTOCOL_KERNEL);
    let mut expected = before.clone();
    expected.routes.retain(|r| r.protocol != PROTOCOL_KERNEL);
    assert_same(&after, &expected, "after down");
}

#[test]
fn a_port_taken_down_by_its_name_and_a_port_that_moves_to_another_bridge() {
    let mut world = host();
    let files = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0", "eth1"]), bridge("br1", Addressing::None, &[])]);
    up_for_good(&mut world, &files);
    let report = apply(&mut world, &Target::Down { names: &[name("eth1")], with_foreign_ports: false }, &mut |_| {});
    assert_eq!(report.outcome, Outcome::Applied);
    assert!(!world.state.vports.contains_key(&name("eth1")) && world.state.vports.contains_key(&name("eth0")));
    up_for_good(&mut world, &files);

    let moved = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0"]), bridge("br1", Addressing::None, &["eth1"])]);
    let alone = apply(&mut world, &Target::Up { intent: &moved, names: &[name("br1")] }, &mut |_| {});
    assert!(matches!(alone.outcome, Outcome::Refused(Cause::Plan(PlanError::InOtherBridge { .. }))));
    up_for_good(&mut world, &moved);
    assert_eq!(world.state.memory.bridge_of(name("eth1")), Some(name("br1")));
}

#[test]
fn a_port_is_the_device_its_file_means() {
    let mut world = host();
    let (mine, other) = (world.state.links[&name("eth0")].mac.unwrap(), world.state.links[&name("eth1")].mac.unwrap());
    let files = |hwaddr, mac| {
        let mut one = bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0"]);
        let port = &mut one.ports.get_mut(&name("eth0")).unwrap().interfaces[0];
        (port.hwaddr, port.mac) = (Some(hwaddr), mac);
        intent([one])
    };
    let report = up(&mut world, &files(other, None));
    let Outcome::Refused(Cause::Plan(error)) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(error.to_string(), format!("eth0, a port of br0: its address is {mine}, not {other} as HWADDR says"));
    assert!(error.advice().contains("eth1 has"), "{}", error.advice());
    // Given another address by its own file, it is still the one it was.
    let pinned = "02:00:00:00:00:77".parse().unwrap();
    up_for_good(&mut world, &files(mine, Some(pinned)));
    assert_eq!(world.state.links[&name("eth0")].mac, Some(pinned));
    up_for_good(&mut world, &files(mine, None));
    world.state.links.get_mut(&name("eth0")).unwrap().permanent_mac = Some(other);
    assert_eq!(up(&mut world, &files(other, None)).outcome, Outcome::Applied);
}

#[test]
fn two_bridges_swap_their_ports() {
    let mut world = host();
    let before = world.snapshot();
    let one = fixed(&["192.0.2.10/24"], None, &[]);
    let files = intent([bridge("br0", one.clone(), &["eth0"]), bridge("br1", Addressing::None, &["eth1"])]);
    let swapped = intent([bridge("br0", one, &["eth1"]), bridge("br1", Addressing::None, &["eth0"])]);
    up_for_good(&mut world, &files);
    breaks_nowhere(&world, &Target::Up { intent: &swapped, names: &[] });
    up_for_good(&mut world, &swapped);
    assert_eq!(world.state.memory.bridge_of(name("eth0")), Some(name("br1")));
    assert!(global(&world, "eth0").is_empty());
    assert_eq!(global(&world, "br0"), ["192.0.2.10/24"]);
    down_for_good(&mut world);
    assert_eq!(world.snapshot().addresses.len(), before.addresses.len());
}

/// As `ifdown eth0` in `service network stop`: the lease is eth0's again, and nobody waits for a server that cannot hear.
#[test]
fn the_last_port_is_taken_down_and_the_bridge_waits_for_it() {
    let mut world = super::scene::host();
    let files = intent([bridge("br0", dhcp(&["eth0"]), &["eth0"])]);
    up_for_good(&mut world, &files);
    let address = global(&world, "br0");
    breaks_nowhere(&world, &Target::Down { names: &[name("eth0")], with_foreign_ports: false });
    let report = apply(&mut world, &Target::Down { names: &[name("eth0")], with_foreign_ports: false }, &mut |_| {});
    assert_eq!(report.outcome, Outcome::Applied);
    assert!(!report.steps.iter().any(|step| matches!(step, Step::ObtainLease { .. })), "{:#?}", report.steps);
    assert_eq!((global(&world, "eth0"), global(&world, "br0").len()), (address.clone(), 0));
    up_for_good(&mut world, &files);
    assert_eq!((global(&world, "br0"), global(&world, "eth0").len()), (address, 0));
}

#[test]
fn the_lease_goes_with_the_port_that_had_its_address() {
    let mut world = super::scene::host();
    world.add_nic("eth1", "52:54:00:00:00:01", true);
    let both = intent([bridge("br0", dhcp(&[]), &["eth0", "eth1"])]);
    let one = intent([bridge("br0", dhcp(&[]), &["eth1"])]);
    up_for_good(&mut world, &both);
    let mut other = lease();
    other.address = "172.16.3.200/24".parse().unwrap();
    world.server = Some(other);
    breaks_nowhere(&world, &Target::Up { intent: &one, names: &[] });
    up_for_good(&mut world, &one);
    assert_eq!(global(&world, "eth0"), ["172.16.3.140/24"]);
    assert_eq!(global(&world, "br0"), ["172.16.3.200/24"]);
    assert!(world.released.is_empty());
    assert!(!world.state.dhcp_clients[0].paused, "its own client goes on");
}

#[test]
fn from_lease_to_static_and_back() {
    let mut world = super::scene::host();
    let before = world.snapshot();
    let leased = intent([bridge("br0", dhcp(&["eth0"]), &["eth0"])]);
    let settled = intent([bridge("br0", fixed(&["172.16.3.140/24"], Some("172.16.3.1"), &["172.16.3.1"]), &["eth0"])]);
    up_for_good(&mut world, &leased);
    breaks_nowhere(&world, &Target::Up { intent: &settled, names: &[] });
    let report = up_for_good(&mut world, &settled);
    assert!(!report.steps.iter().any(|step| matches!(step, Step::RemoveAddress { .. })));
    assert_eq!(world.state.addresses_on(name("br0")).find(|a| !a.is_link_local_v6()).unwrap().valid_lft, None);
    breaks_nowhere(&world, &Target::Up { intent: &leased, names: &[] });
    up_for_good(&mut world, &leased);
    down_for_good(&mut world);
    let mut after = world.snapshot();
    for (now, then) in after.addresses.iter_mut().zip(&before.addresses) {
        (now.valid_lft, now.preferred_lft) = (then.valid_lft, then.preferred_lft);
    }
    assert_same(&after, &before, "after down");
}

#[test]
fn foreign_ports_and_foreign_addresses_stay() {
    let mut world = host();
    let files = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0"])]);
    up_for_good(&mut world, &files);
    world.add_nic("vnet0", "fe:54:00:00:00:01", true);
    world.state.vports.insert(name("vnet0"), Vport { port_no: 40, kind: Kind::System, tunnel: false });
    world.state.links.get_mut(&name("vnet0")).unwrap().master = Some(name("ovs-system"));
    world.add_address("br0", "203.0.113.9/24", None);
    assert_eq!(up(&mut world, &files).outcome, Outcome::Unchanged);
    // An internal one that somebody set up, too.
    world.new_internal(name("tap1"), 41);
    world.set_up(name("tap1"));
    world.add_address("tap1", "198.51.100.7/24", None);
    let before = world.snapshot();
    let refused = PlanError::ForeignPorts { names: vec![name("tap1"), name("vnet0")], bridges: vec![name("br0")] };
    assert_eq!(take_down(&mut world).outcome, Outcome::Refused(Cause::Plan(refused)));
    assert_same(&world.snapshot(), &before, "refused");
    let whole = Target::Down { names: &[name("br0")], with_foreign_ports: true };
    breaks_nowhere(&world, &whole);
    assert_eq!(apply(&mut world, &whole, &mut |_| {}).outcome, Outcome::Applied);
    assert!(!world.state.datapath && world.state.vports.is_empty() && world.state.links.contains_key(&name("vnet0")));
}

#[test]
fn bridges_are_apart_unless_one_takes_a_port_of_another() {
    let mut world = host();
    world.add_nic("eth2", "00:16:3e:00:00:03", true);
    let three = |a: &str, b: &str, c: &str| {
        intent([bridge("br0", Addressing::None, &[a]), bridge("br1", Addressing::None, &[b]), bridge("br2", Addressing::None, &[c])])
    };
    let names = |files: &Intent, world: &World| {
        let groups = apart(files, &world.state.memory).into_iter();
        groups.map(|group| group.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")).collect::<Vec<_>>()
    };
    let files = three("eth0", "eth1", "eth2");
    assert_eq!(names(&files, &world), ["br0", "br1", "br2"]);
    up_for_good(&mut world, &files);
    assert_eq!(names(&files, &world), ["br0", "br1", "br2"]);
    assert_eq!(names(&three("eth2", "eth1", "eth0"), &world), ["br1", "br0+br2"]);
    assert_eq!(names(&three("eth1", "eth2", "eth0"), &world), ["br0+br1+br2"]);
    let mut off = files;
    off.bridges.get_mut(&name("br1")).unwrap().onboot = false;
    assert_eq!(names(&off, &world), ["br0", "br2"]);
}

#[test]
fn a_foreign_tunnel_is_never_detached_and_another_bridge_keeps_the_datapath() {
    let mut world = host();
    let files = intent([bridge("br0", Addressing::None, &["eth0"]), bridge("br1", Addressing::None, &["eth1"])]);
    up_for_good(&mut world, &files);
    world.state.vports.insert(name("vx0"), Vport { port_no: 40, kind: Kind::System, tunnel: true });
    let down = |world: &mut World, names: &[IfName], with| apply(world, &Target::Down { names, with_foreign_ports: with }, &mut |_| {}).outcome;
    assert_eq!(down(&mut world, &[], true), Outcome::Refused(Cause::Plan(PlanError::ForeignTunnel { name: name("vx0") })));
    assert_eq!(down(&mut world, &[name("br0")], true), Outcome::Applied);
    assert!(world.state.vports.contains_key(&name("vx0")));
}

#[test]
fn what_others_stand_on_is_not_deleted() {
    let mut world = host();
    let mut files = intent([bridge("br0", Addressing::None, &["eth0"])]);
    let port = Port::new(interface("int0", Kind::Internal, Addressing::None));
    files.bridges.get_mut(&name("br0")).unwrap().ports.insert(name("int0"), port);
    up_for_good(&mut world, &files);
    world.add_nic("int0.7", "00:16:3e:00:00:07", true);
    let vlan = world.state.links.get_mut(&name("int0.7")).unwrap();
    (vlan.kind, vlan.lower) = (Some("vlan".to_owned()), Some(name("int0")));
    let refused = Outcome::Refused(Cause::Plan(PlanError::StoodOn { name: name("int0"), on: vec![name("int0.7")] }));
    assert_eq!(take_down(&mut world).outcome, refused);
    files.bridges.get_mut(&name("br0")).unwrap().ports.remove(&name("int0"));
    assert_eq!(up(&mut world, &files).outcome, refused);
    // The other end of a veth does not fall.
    world.state.links.get_mut(&name("int0.7")).unwrap().kind = Some("veth".to_owned());
    up_for_good(&mut world, &files);
    down_for_good(&mut world);
}

#[test]
fn what_others_attached_meanwhile_survives_a_rollback() {
    let mut world = host();
    let files = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0"])]);
    let (_, journal) = apply_unconfirmed(&mut world, &Target::Up { intent: &files, names: &[] }, terms, &mut |_| {});
    world.add_nic("vnet0", "fe:54:00:00:00:01", true);
    world.state.vports.insert(name("vnet0"), Vport { port_no: 40, kind: Kind::System, tunnel: false });
    rollback(&mut world, journal, &mut |_| {}).unwrap();
    assert!(world.state.datapath && world.state.vports.contains_key(&name("vnet0")));
    assert_eq!(global(&world, "eth0"), ["192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64"]);
}

#[test]
fn a_port_that_was_unplugged_comes_back_and_one_that_is_gone_does_not_hinder_down() {
    let mut world = host();
    let files = intent([bridge("br0", fixed(&["192.0.2.10/24"], None, &[]), &["eth0", "eth1"])]);
    up_for_good(&mut world, &files);
    let unplug = |world: &mut World| {
        world.state.vports.remove(&name("eth1"));
        world.state.links.remove(&name("eth1"));
        world.state.addresses.retain(|a| a.ifname != name("eth1"));
        world.state.routes.retain(|r| r.ifname != name("eth1"));
    };
    unplug(&mut world);
    let refused = up(&mut world, &files);
    assert_eq!(refused.outcome, Outcome::Refused(Cause::Plan(PlanError::NoDevice { name: name("eth1"), bridge: name("br0") })));
    world.add_nic("eth1", "00:16:3e:00:00:01", true);
    up_for_good(&mut world, &files);
    unplug(&mut world);
    down_for_good(&mut world);
}

#[test]
fn names_and_onboot() {
    let world = host();
    let mut quiet = bridge("br1", Addressing::None, &["eth1"]);
    quiet.onboot = false;
    quiet.ports.get_mut(&name("eth1")).unwrap().onboot = false;
    let files = intent([bridge("br0", Addressing::None, &["eth0"]), quiet]);
    assert_eq!(bridges_of(&files, &[]).unwrap(), [name("br0")]);
    assert_eq!(bridges_of(&files, &[name("eth1"), name("br1")]).unwrap(), [name("br1")]);
    assert_eq!(bridges_of(&files, &[name("br7")]).unwrap_err().kind(), ErrorKind::NotFound);
    let attaches = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|n| name(n)).collect();
        let plan = super::super::up(&files, &names, &world.state).unwrap();
        plan.steps.iter().any(|step| matches!(step, Step::AttachSystem { name: port, .. } if *port == name("eth1")))
    };
    assert!(!attaches(&["br1"]) && attaches(&["eth1"]));
    let plan = super::super::down(&[name("br0")], false, &world.state).unwrap();
    assert_eq!((plan.is_empty(), plan.notes), (true, vec!["br0 is not up".to_owned()]));
}

#[test]
fn what_cannot_be_a_port_is_refused_before_anything_changes() {
    let mut world = host();
    world.add_nic("br0", "00:16:3e:00:00:09", true);
    let link = |world: &mut World, change: fn(&mut Link)| change(world.state.links.get_mut(&name("eth1")).unwrap());
    let error = |world: &World, files: &Intent| super::super::up(files, &[], &world.state).unwrap_err();
    let files = intent([bridge("br1", Addressing::None, &["eth1"])]);
    assert!(matches!(error(&world, &intent([bridge("br0", Addressing::None, &[])])), PlanError::NameTaken { .. }));
    assert!(matches!(error(&world, &intent([bridge("br1", Addressing::None, &["lo"])])), PlanError::Loopback { .. }));
    link(&mut world, |l| l.master = Some(name("bond0")));
    assert_eq!(error(&world, &files).to_string(), "eth1, a port of br1: it is enslaved to bond0");
    link(&mut world, |l| l.ethernet = false);
    assert!(matches!(error(&world, &files), PlanError::NotEthernet { .. }));
    let all = obstacles(&intent([bridge("br0", Addressing::None, &["eth0", "eth1"])]), &world.state);
    let kinds: Vec<_> = all.iter().map(|(device, error)| (*device, matches!(error, PlanError::NameTaken { .. }))).collect();
    assert_eq!(kinds, [(name("br0"), true), (name("eth1"), false)]);
}

#[test]
fn what_does_not_stick_is_a_failure_and_taken_back() {
    let mut world = World { stubborn_mtu: true, ..host() };
    let before = world.snapshot();
    let mut files = intent([bridge("br0", Addressing::None, &["eth0"])]);
    files.bridges.get_mut(&name("br0")).unwrap().local.mtu = Some(1400);
    let report = up(&mut world, &files);
    assert!(
        matches!(&report.outcome, Outcome::RolledBack(Cause::NotConverged { remaining }) if remaining.render() == "~ mtu of br0: 1500 -> 1400\n")
    );
    assert_same(&world.snapshot(), &before, "never converged");
}

#[test]
fn addresses_without_their_own_connected_route_take_the_one_beside_them_along() {
    let mut world = World::new();
    world.add_nic("eth0", "52:54:00:00:00:01", true);
    // As NetworkManager sets them up.
    world.add_address("eth0", "192.0.2.10/24", Some(900));
    world.state.addresses.last_mut().unwrap().flags |= ADDRESS_NOPREFIXROUTE;
    world.state.routes.retain(|r| r.is_ipv6());
    let connected =
        Route { metric: Some(100), prefsrc: Some(ip("192.0.2.10")), ..Route::main(name("eth0"), net("192.0.2.0/24"), None, PROTOCOL_KERNEL) };
    world.add_route(connected);
    world.add_route(Route { metric: Some(100), ..default_route("eth0", "192.0.2.1") });
    let files = intent([bridge("br0", dhcp(&["eth0"]), &["eth0"])]);
    let mut own = lease();
    own.address = "192.0.2.10/24".parse().unwrap();
    own.routers = vec!["192.0.2.1".parse().unwrap()];
    world.server = Some(own);
    let plan = super::super::up(&files, &[], &world.state).unwrap();
    assert!(
        plan.render().contains("+ route 192.0.2.0/24 dev br0 metric 100\n+ route default via 192.0.2.1 dev br0 metric 100\n"),
        "{}",
        plan.render()
    );
    breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
    up_for_good(&mut world, &files);
}
