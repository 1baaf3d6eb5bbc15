//! NetworkManager: it lets go of devices before anything else is done, and has back what it had by a profile of its own.

use std::collections::BTreeSet;

use ovsdp_proto::IfName;

use super::shapes::host;
use super::*;

const UUID: &str = "11111111-2222-3333-4444-555555555555";

fn files(ports: &[&str]) -> Intent {
    intent([bridge("br0", fixed(&["192.0.2.10/24"], Some("192.0.2.1"), &[]), ports)])
}

fn managed() -> World {
    let mut world = host();
    world.add_profile("eth0", UUID);
    world
}

fn told(world: &World) -> Vec<&str> {
    world.state.manager.told.iter().map(IfName::as_str).collect()
}

fn on(world: &World, ifname: &str) -> BTreeSet<String> {
    world.state.addresses_on(name(ifname)).filter(|a| !a.is_link_local_v6()).map(|a| a.address.to_string()).collect()
}

#[test]
fn it_lets_go_first_and_has_it_back_last() {
    let mut world = managed();
    let before = world.snapshot();
    let had = on(&world, "eth0");
    breaks_nowhere(&world, &Target::Up { intent: &files(&["eth0"]), names: &[] });
    let report = up_for_good(&mut world, &files(&["eth0"]));
    assert_eq!(report.steps[0].to_string(), "having NetworkManager leave br0, eth0 alone");
    assert!(report.steps.iter().any(|step| matches!(step, Step::SetUp { name: up } if *up == name("eth0"))), "it took the link down");
    assert_eq!(told(&world), ["br0", "eth0"]);
    // As if it had not let go: what the port had is known, and what the bridge inherits is there.
    assert_eq!(on(&world, "br0"), ["192.0.2.10/24", "2001:db8::10/64"].map(str::to_owned).into());
    assert!(world.state.memory.bridges[&name("br0")].members[&name("eth0")].up);
    assert_eq!(world.state.memory.bridges[&name("br0")].let_go, [(name("eth0"), Some(UUID.to_owned()))].into());
    // Another port, that it has nothing to do with: only a name more.
    let more = files(&["eth0", "eth1"]);
    breaks_nowhere(&world, &Target::Up { intent: &more, names: &[] });
    let report = up_for_good(&mut world, &more);
    assert_eq!(report.steps[0].to_string(), "having NetworkManager leave eth1 alone");
    assert_eq!(world.state.memory.bridges[&name("br0")].let_go.len(), 1);
    let report = up_for_good(&mut world, &files(&["eth0"]));
    assert_eq!(report.steps.last().unwrap().to_string(), "no longer having NetworkManager leave eth1 alone");
    let mut with_port = world.clone();
    let report = down_for_good(&mut world);
    assert_eq!(report.steps.last().unwrap().to_string(), "no longer having NetworkManager leave br0, eth0 alone");
    assert_eq!(on(&world, "eth0"), had);
    assert_same(&world.snapshot(), &before, "after down");
    // The port alone goes: it has that back, and leaves the bridge alone.
    let port = [name("eth0")];
    let report = apply(&mut with_port, &Target::Down { names: &port, with_foreign_ports: false }, &mut |_| {});
    assert!(matches!(report.outcome, Outcome::Applied), "{:#?}", report.outcome);
    assert_eq!(told(&with_port), ["br0"]);
}

/// What it does not configure by a profile stays as it is, there and back; what its file leaves to it, it keeps.
#[test]
fn only_what_is_not_its_own() {
    let mut world = host();
    world.state.manager.manages = Some([(name("eth0"), None), (name("eth1"), None)].into());
    let mut both = files(&["eth0", "eth1"]);
    both.bridges.get_mut(&name("br0")).unwrap().ports.get_mut(&name("eth1")).unwrap().interfaces[0].nm_controlled = true;
    let had = on(&world, "eth0");
    up_for_good(&mut world, &both);
    assert_eq!(told(&world), ["br0", "eth0"]);
    down_for_good(&mut world);
    assert_eq!((on(&world, "eth0"), told(&world)), (had, Vec::new()));
}

#[test]
fn names_of_bridges_that_are_yet_to_come_stay() {
    let mut world = managed();
    // As after a reboot: the file is there, the memory is not.
    world.state.manager.told = ["br0", "br1", "eth0", "eth1"].map(name).into();
    let all = intent([bridge("br0", Addressing::None, &["eth0"]), bridge("br1", Addressing::None, &["eth1"])]);
    let one = [name("br0")];
    let report = apply(&mut world, &Target::Up { intent: &all, names: &one }, &mut |_| {});
    assert!(!report.steps.iter().any(|step| matches!(step, Step::LeaveAlone { .. })));
    assert_eq!(told(&world).len(), 4);
    // With the last bridge that is up all of it goes.
    down_for_good(&mut world);
    assert_eq!(told(&world), [""; 0]);
}

#[test]
fn without_it_nothing_is_written() {
    let mut world = host();
    let report = up_for_good(&mut world, &files(&["eth0"]));
    assert!(!report.steps.iter().any(|step| matches!(step, Step::LeaveAlone { .. })));
    down_for_good(&mut world);
}

/// The route to its own network that it makes itself, with a metric of its own, is not the bridge's: the kernel makes that one.
#[test]
fn its_own_connected_routes_end_with_its_address() {
    let mut world = World::new();
    world.add_nic("eth0", "00:16:3e:00:00:02", true);
    let address = Address { flags: ADDRESS_NOPREFIXROUTE, ..Address::lasting(name("eth0"), net("192.0.2.10/24")) };
    world.state.addresses.push(address);
    let connected = Route { prefsrc: Some(ip("192.0.2.10")), ..Route::main(name("eth0"), net("192.0.2.0/24"), None, PROTOCOL_KERNEL) };
    world.add_route(Route { metric: Some(100), ..connected });
    world.add_route(Route { metric: Some(100), ..default_route("eth0", "192.0.2.1") });
    let before = world.snapshot();
    up_for_good(&mut world, &files(&["eth0"]));
    let metrics: Vec<_> = world.state.routes_on(name("br0")).filter(|route| route.protocol == PROTOCOL_KERNEL).collect();
    assert!(metrics.is_empty(), "{metrics:?}");
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}
