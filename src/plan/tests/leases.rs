//! How a lease is asked for, what is taken of it and what becomes of it.

use super::scene::host;
use super::*;
use crate::model::{Asking, HostName};

fn files(dhcp: Dhcp) -> Intent {
    intent([bridge("ovsbr0", Addressing::Dhcp(Dhcp { through: vec![name("eth0")], ..dhcp }), &["eth0"])])
}

fn asking(asking: Asking) -> Intent {
    files(Dhcp { asking, ..Dhcp::default() })
}

#[test]
fn of_the_routes_only_the_default_one() {
    let mut world = host();
    let mut with_routes = lease();
    with_routes.classless = [("0.0.0.0/0", "10.9.9.9"), ("10.0.0.0/8", "172.16.3.1"), ("10.9.9.0/24", "0.0.0.0")]
        .map(|(dst, via)| ClasslessRoute { dst: dst.parse().unwrap(), via: via.parse().unwrap() })
        .into();
    world.server = Some(with_routes);
    up_for_good(&mut world, &files(Dhcp { peer_routes: false, ..Dhcp::default() }));
    let routes: Vec<String> = world.state.routes_on(name("ovsbr0")).map(ToString::to_string).collect();
    // The gateway is reached over the link, as the server's own route would have had it.
    assert_eq!(routes, ["10.9.9.9/32 dev ovsbr0", "default via 10.9.9.9 dev ovsbr0"]);
}

#[test]
fn the_server_is_told_unless_the_file_says_otherwise() {
    for release in [true, false] {
        let mut world = host();
        let other = "172.16.3.150/24".parse().unwrap();
        world.server = Some(Lease { address: other, ..lease() });
        up_for_good(&mut world, &asking(Asking { release, ..Asking::default() }));
        down_for_good(&mut world);
        assert_eq!(world.released.contains(&other.addr()), release);
    }
}

/// Everything goes on as it is until a server answers, and nobody waits for it a second time.
#[test]
fn it_is_asked_for_until_a_server_answers() {
    let mut world = host();
    world.server = None;
    let files = asking(Asking { persistent: true, ..Asking::default() });
    breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
    let report = up_for_good(&mut world, &files);
    assert_eq!(report.steps.iter().filter(|step| matches!(step, Step::ObtainLease { .. })).count(), 1);
    let there = |world: &World| world.state.addresses_on(name("ovsbr0")).filter(|a| !a.is_link_local_v6()).map(|a| a.address).collect::<Vec<_>>();
    assert_eq!(there(&world), [net("172.16.3.140/24")]);
    // The agent hears of one in the end.
    let late = Lease { address: "172.16.3.151/24".parse().unwrap(), obtained: 5, ..lease() };
    world.state.memory.bridges.get_mut(&name("ovsbr0")).unwrap().leases.insert(name("ovsbr0"), late);
    up_for_good(&mut world, &files);
    assert_eq!(there(&world), [net("172.16.3.151/24")]);
    down_for_good(&mut world);
}

#[test]
fn another_name_for_the_server_is_a_change_people_see() {
    let mut world = host();
    up_for_good(&mut world, &asking(Asking::default()));
    let report = up_for_good(&mut world, &asking(Asking { name: HostName::Host("web1".to_owned()), ..Asking::default() }));
    let lines: Vec<String> = report.steps.iter().filter(|step| !step.is_quiet()).map(ToString::to_string).collect();
    assert_eq!(lines, ["changing ovsbr0: how a lease is asked for"]);
}
