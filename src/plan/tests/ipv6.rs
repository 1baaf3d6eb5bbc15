//! IPv6, and addresses that are asked about before they are used.

use super::*;
use crate::model::{Ipv6, Ipv6Setting, Ipv6Settings};

const SLAAC: &str = "2001:db8::5054:ff:fe12:3456/64";

fn conf(accept_ra: i32, forwarding: i32) -> Ipv6Settings {
    Ipv6Settings::from([
        (Ipv6Setting::Forwarding, forwarding),
        (Ipv6Setting::AcceptRa, accept_ra),
        (Ipv6Setting::AcceptRedirects, 1),
        (Ipv6Setting::Autoconf, 1),
        (Ipv6Setting::UseTempaddr, 0),
        (Ipv6Setting::Mtu, 1500),
    ])
}

/// A host whose `eth0` has an address of each kind and a default route a router advertised.
fn host() -> World {
    let mut world = World::new();
    world.add_nic("eth0", "52:54:00:12:34:56", true);
    world.add_address("eth0", "172.16.3.140/24", None);
    world.add_address("eth0", SLAAC, Some(1800));
    world.add_address("eth0", "2001:db8::9/64", None);
    world.add_route(Route::main(name("eth0"), net("::/0"), Some(ip("fe80::1")), PROTOCOL_RA));
    world.state.ipv6.default = conf(1, 0);
    world.state.ipv6.devices.insert(name("eth0"), conf(1, 0));
    world
}

fn files(addressing: Addressing, ipv6: Ipv6) -> Intent {
    let mut bridge = bridge("br0", addressing, &["eth0"]);
    bridge.local.ipv6 = ipv6;
    intent([bridge])
}

fn on(world: &World, ifname: &str) -> Vec<String> {
    world.state.addresses_on(name(ifname)).filter(|a| !a.is_link_local_v6()).map(|a| a.address.to_string()).collect()
}

fn lines(report: &Report) -> Vec<String> {
    report.steps.iter().filter(|step| !step.is_quiet()).map(ToString::to_string).collect()
}

#[test]
fn what_no_file_speaks_of_moves_and_the_bridge_listens_to_routers_as_the_port_did() {
    for (port, forwarding, expected) in [(1, 0, 1), (2, 0, 2), (0, 0, 1), (0, 1, 2)] {
        let mut world = host();
        world.state.ipv6.default = conf(1, forwarding);
        world.state.ipv6.devices.insert(name("eth0"), conf(port, forwarding));
        let before = world.snapshot();
        let files = files(fixed(&["172.16.3.140/24"], None, &[]), Ipv6::default());
        breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
        up_for_good(&mut world, &files);
        assert_eq!(on(&world, "br0"), ["172.16.3.140/24", SLAAC, "2001:db8::9/64"]);
        // The kernel's own has 1024 when the router is heard again.
        assert_eq!(world.state.routes_on(name("br0")).map(ToString::to_string).collect::<Vec<_>>(), ["default via fe80::1 dev br0 metric 1025"]);
        assert_eq!(world.state.ipv6.of(name("br0"), Ipv6Setting::AcceptRa), Some(expected), "port {port}, forwarding {forwarding}");
        down_for_good(&mut world);
        assert_same(&world.snapshot(), &before, "after down");
    }
}

#[test]
fn a_port_that_did_not_listen_to_routers_has_a_bridge_that_does_not() {
    let mut world = World::new();
    world.add_nic("eth0", "52:54:00:12:34:56", true);
    world.add_address("eth0", "2001:db8::9/64", None);
    world.state.ipv6.default = conf(1, 0);
    world.state.ipv6.devices.insert(name("eth0"), conf(0, 0));
    let report = up_for_good(&mut world, &files(fixed(&["172.16.3.140/24"], None, &[]), Ipv6::default()));
    let lines = lines(&report);
    let at = |line: &str| lines.iter().position(|known| known == line).unwrap_or_else(|| panic!("no {line} in {lines:#?}"));
    assert!(at("setting IPv6 accept_ra of br0 to 0") < at("bringing br0 up"), "a router would be heard in between");
}

#[test]
fn the_files_addresses_take_the_place_of_lasting_ones() {
    let mut world = host();
    let before = world.snapshot();
    let addresses = vec!["2001:db8::10/64".parse().unwrap(), "2001:db8::9/64".parse().unwrap()];
    let settings = Ipv6Settings::from([(Ipv6Setting::Mtu, 1400), (Ipv6Setting::UseTempaddr, 2)]);
    let asked = Ipv6 { addresses, gateway: Some("2001:db8:7::1".parse().unwrap()), settings, ..Ipv6::default() };
    let both = files(fixed(&["172.16.3.140/24"], None, &[]), asked.clone());
    breaks_nowhere(&world, &Target::Up { intent: &both, names: &[] });
    let report = up_for_good(&mut world, &both);
    let lines = lines(&report);
    assert!(lines.contains(&"waiting until 2001:db8::10 (br0) may be used".to_owned()), "the moved one is not waited for: {lines:#?}");
    assert_eq!(on(&world, "br0"), ["172.16.3.140/24", "2001:db8::10/64", "2001:db8::9/64", SLAAC]);
    assert_eq!(world.state.routes_on(name("br0")).map(ToString::to_string).collect::<Vec<_>>(), ["default via 2001:db8:7::1 dev br0 onlink"]);
    assert_eq!(world.state.ipv6.of(name("br0"), Ipv6Setting::Mtu), Some(1400));
    // In place: what is no longer asked for goes back to what a new device has.
    up_for_good(&mut world, &files(fixed(&["172.16.3.140/24"], None, &[]), Ipv6 { settings: Ipv6Settings::new(), ..asked }));
    assert_eq!(world.state.ipv6.of(name("br0"), Ipv6Setting::Mtu), Some(1500));
    assert_eq!(world.state.ipv6.of(name("br0"), Ipv6Setting::UseTempaddr), Some(0));
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn autoconf_no_leaves_out_what_routers_made() {
    let mut world = host();
    let settings = Ipv6Settings::from([(Ipv6Setting::AcceptRa, 0), (Ipv6Setting::Autoconf, 0)]);
    let asked = Ipv6 { addresses: vec!["2001:db8::10/64".parse().unwrap()], autoconf: Some(false), settings, ..Ipv6::default() };
    up_for_good(&mut world, &files(Addressing::None, asked));
    assert_eq!(on(&world, "br0"), ["2001:db8::10/64"], "IPv6 alone is asked for");
    assert_eq!(world.state.routes_on(name("br0")).count(), 0);
    assert_eq!(world.state.ipv6.of(name("br0"), Ipv6Setting::AcceptRa), Some(0));
}

#[test]
fn only_what_the_host_has_not_is_asked_about_and_nothing_else_waits() {
    let mut world = host();
    world.add_route(Route::main(name("eth0"), net("0.0.0.0/0"), Some(ip("172.16.3.1")), PROTOCOL_STATIC));
    let files = files(fixed(&["172.16.3.141/24", "172.16.3.140/24", "10.0.0.1/8"], Some("172.16.3.1"), &[]), Ipv6::default());
    breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
    let report = up_for_good(&mut world, &files);
    let lines = lines(&report);
    let at = |line: &str| lines.iter().position(|known| known == line).unwrap_or_else(|| panic!("no {line} in {lines:#?}"));
    let asked = at("asking whether anybody has 172.16.3.141 (br0), 10.0.0.1 (br0)");
    assert!(at("bringing br0 up") < asked && at("attaching eth0 to br0") < asked);
    assert!(at("moving 172.16.3.140/24 from eth0 to br0") < asked);
    assert!(at("moving route default via 172.16.3.1 dev br0 from eth0") < asked);
    assert!(asked < at("adding 172.16.3.141/24 to br0") && asked < at("adding 10.0.0.1/8 to br0"));
}

#[test]
fn an_address_somebody_has_is_refused_and_everything_is_as_it_was() {
    let fixed_v4 = || fixed(&["172.16.3.140/24", "172.16.3.141/24"], None, &[]);
    let v6 = Ipv6 { addresses: vec!["2001:db8::10/64".parse().unwrap()], ..Ipv6::default() };
    for (taken, asked) in [("172.16.3.141", Ipv6::default()), ("2001:db8::10", v6)] {
        let mut world = World { taken: vec![ip(taken)], ..host() };
        let before = world.snapshot();
        let report = up(&mut world, &files(fixed_v4(), asked));
        assert!(matches!(&report.outcome, Outcome::RolledBack(Cause::Step { step, .. }) if step.is_look()), "{:#?}", report.outcome);
        assert_same(&world.snapshot(), &before, taken);
    }
    let mut world = World { taken: vec![ip("172.16.3.141")], ..host() };
    let mut unchecked = files(fixed_v4(), Ipv6::default());
    unchecked.bridges.get_mut(&name("br0")).unwrap().local.arp.unchecked.insert("172.16.3.141".parse().unwrap());
    up_for_good(&mut world, &unchecked);
    let mut alone = intent([bridge("br0", fixed_v4(), &[])]);
    alone.bridges.get_mut(&name("br0")).unwrap().local.ipv6 = Ipv6::default();
    let mut world = World { taken: vec![ip("172.16.3.141")], ..World::new() };
    up_for_good(&mut world, &alone);
}

#[test]
fn an_address_replaced_in_its_subnet_stays_until_the_new_one_is_free() {
    let mut world = host();
    up_for_good(&mut world, &files(fixed(&["172.16.3.140/24"], None, &[]), Ipv6::default()));
    let other = files(fixed(&["172.16.3.150/24"], None, &[]), Ipv6::default());
    breaks_nowhere(&world, &Target::Up { intent: &other, names: &[] });
    let lines = lines(&up_for_good(&mut world, &other));
    assert_eq!(lines[0], "asking whether anybody has 172.16.3.150 (br0)", "{lines:#?}");
}

#[test]
fn whoever_is_to_route_on_a_host_that_does_not_is_told() {
    let mut world = host();
    let asked = Ipv6 { settings: Ipv6Settings::from([(Ipv6Setting::Forwarding, 1)]), ..Ipv6::default() };
    let report = up(&mut world, &files(fixed(&["172.16.3.140/24"], None, &[]), asked));
    assert!(report.notes.iter().any(|note| note.contains("net.ipv6.conf.all.forwarding=1")), "{:?}", report.notes);
}
