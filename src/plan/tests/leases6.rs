//! Leases of IPv6: asked for, kept, and let go of once their addresses are gone.

use super::scene::host;
use super::*;
use crate::model::{Dhcp6, Ipv6};

const LEASED: &str = "fd00::10/128";

pub(super) fn lease6() -> Lease6 {
    Lease6 {
        address: Some("fd00::10".parse().unwrap()),
        preferred_secs: 600,
        valid_secs: 1200,
        dns: vec!["fd00::53".parse().unwrap()],
        search: vec!["lab.example.org".to_owned()],
        server: "fe80::1".parse().unwrap(),
        server_duid: vec![0, 1, 7],
        renew_secs: 300,
        rebind_secs: 480,
        obtained: 0,
    }
}

fn files(addressing: Addressing, dhcp: Dhcp6) -> Intent {
    let mut bridge = bridge("ovsbr0", addressing, &["eth0"]);
    bridge.local.ipv6 = Ipv6 { dhcp: Some(dhcp), ..Ipv6::default() };
    intent([bridge])
}

fn world() -> World {
    World { server6: Some(lease6()), ..host() }
}

fn lines(report: &Report) -> Vec<String> {
    report.steps.iter().filter(|step| !step.is_quiet()).map(ToString::to_string).collect()
}

fn leased(world: &World) -> Vec<(String, Option<u32>, Option<u32>)> {
    let there = world.state.addresses_on(name("ovsbr0")).filter(|address| address.address == net(LEASED));
    there.map(|address| (address.address.to_string(), address.valid_lft, address.preferred_lft)).collect()
}

#[test]
fn beside_a_lease_of_ipv4_and_back() {
    let mut world = world();
    let files = files(dhcp(&["eth0"]), Dhcp6::default());
    breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
    let report = up_for_good(&mut world, &files);
    let lines = lines(&report);
    let asked = lines.iter().position(|line| line == "asking for a DHCPv6 lease on ovsbr0").unwrap();
    assert_eq!(lines[asked - 1], "asking for a lease of 172.16.3.140 on ovsbr0");
    assert!(lines[asked..].contains(&format!("adding {LEASED} to ovsbr0")), "{lines:#?}");
    assert_eq!(leased(&world), [(LEASED.to_owned(), Some(1200), Some(600))]);
    let resolver = world.state.resolver.content.clone().unwrap();
    assert!(resolver.contains("nameserver fd00::53") && resolver.contains("search lab.example.org"), "{resolver}");
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
    let report = down_for_good(&mut world);
    assert!(report.steps.iter().any(|step| step.to_string() == "releasing the DHCPv6 lease of fd00::10 on ovsbr0"));
    assert_eq!(world.released6, [lease6().address.unwrap()]);
}

#[test]
fn alone_it_brings_the_bridge_no_address_of_ipv4() {
    let mut world = world();
    let before = world.snapshot();
    up_for_good(&mut world, &files(Addressing::None, Dhcp6 { peer_dns: false, ..Dhcp6::default() }));
    let on: Vec<String> = world.state.addresses_on(name("ovsbr0")).filter(|a| !a.is_link_local_v6()).map(|a| a.address.to_string()).collect();
    assert_eq!(on, [LEASED]);
    assert_eq!(world.state.resolver.content.as_deref(), Some("nameserver 172.16.3.1\n"), "nobody asked for its servers");
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn lifetimes_follow_the_lease_and_another_address_takes_its_place() {
    let mut world = world();
    let files = files(Addressing::None, Dhcp6::default());
    up_for_good(&mut world, &files);
    let hold = |world: &mut World, lease: Lease6| {
        world.state.memory.bridges.get_mut(&name("ovsbr0")).unwrap().leases6.insert(name("ovsbr0"), lease);
    };
    hold(&mut world, Lease6 { obtained: 2000, preferred_secs: u32::MAX, valid_secs: u32::MAX, ..lease6() });
    let report = up_for_good(&mut world, &files);
    assert_eq!(lines(&report), [format!("changing {LEASED} on ovsbr0 to be valid for ever")]);
    assert_eq!(leased(&world), [(LEASED.to_owned(), None, None)]);
    hold(&mut world, Lease6 { obtained: 3000, address: Some("fd00::11".parse().unwrap()), ..lease6() });
    let report = up_for_good(&mut world, &files);
    assert_eq!(lines(&report), ["adding fd00::11/128 to ovsbr0".to_owned(), format!("removing {LEASED} from ovsbr0")]);
}

#[test]
fn only_the_rest_and_an_address_again() {
    let mut world = world();
    let rest = files(Addressing::None, Dhcp6 { address: false, ..Dhcp6::default() });
    up_for_good(&mut world, &rest);
    assert!(leased(&world).is_empty());
    assert!(world.state.resolver.content.as_deref().unwrap().contains("fd00::53"));
    let whole = files(Addressing::None, Dhcp6::default());
    breaks_nowhere(&world, &Target::Up { intent: &whole, names: &[] });
    up_for_good(&mut world, &whole);
    assert_eq!(leased(&world).len(), 1);
    breaks_nowhere(&world, &Target::Up { intent: &rest, names: &[] });
    up_for_good(&mut world, &rest);
    assert!(leased(&world).is_empty());
    assert_eq!(world.released6, [lease6().address.unwrap()]);
    let named = files(Addressing::None, Dhcp6 { address: false, name: crate::model::HostName::Silent, ..Dhcp6::default() });
    assert_eq!(lines(&up_for_good(&mut world, &named)), ["changing ovsbr0: how a lease is asked for"]);
}

#[test]
fn silence_takes_the_change_back_unless_it_is_asked_for_on_and_on() {
    let mut world = World { server6: None, ..world() };
    let before = world.snapshot();
    let report = up(&mut world, &files(Addressing::None, Dhcp6::default()));
    assert!(matches!(&report.outcome, Outcome::RolledBack(Cause::Step { step, .. }) if matches!(**step, Step::ObtainLease6 { .. })));
    assert_same(&world.snapshot(), &before, "nobody answered");
    let files = files(Addressing::None, Dhcp6 { persistent: true, ..Dhcp6::default() });
    up_for_good(&mut world, &files);
    world.state.memory.bridges.get_mut(&name("ovsbr0")).unwrap().leases6.insert(name("ovsbr0"), Lease6 { obtained: 9, ..lease6() });
    up_for_good(&mut world, &files);
    assert_eq!(leased(&world).len(), 1);
}

#[test]
fn the_server_is_told_unless_the_file_says_otherwise() {
    let mut world = world();
    up_for_good(&mut world, &files(Addressing::None, Dhcp6 { release: false, ..Dhcp6::default() }));
    let report = down_for_good(&mut world);
    assert!(report.steps.iter().any(|step| step.to_string() == "no longer renewing the DHCPv6 lease of fd00::10 on ovsbr0"));
    assert!(world.released6.is_empty());
}

#[test]
fn a_memory_of_before_has_none() {
    let mut world = world();
    up_for_good(&mut world, &intent([bridge("ovsbr0", dhcp(&["eth0"]), &["eth0"])]));
    let text = serde_json::to_string(&world.state.memory).unwrap();
    assert!(!text.contains("leases6") && !text.contains("\"dhcp\":null"), "{text}");
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), world.state.memory);
}
