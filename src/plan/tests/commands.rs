//! What commands make of bridges: whole bridges said one by one, ports the files know nothing of.

use super::fake::{World, name};
use super::*;
use crate::model::Record;

fn by_command(ifname: &str) -> Port {
    Port { by_command: true, ..Port::new(Interface::new(name(ifname), Kind::System)) }
}

fn with(mut bridge: Bridge, ports: &[&str]) -> Bridge {
    bridge.ports.extend(ports.iter().map(|port| (name(port), by_command(port))));
    bridge
}

fn set(world: &mut World, bridges: &[(&str, Option<Bridge>)]) -> Report {
    let bridges: Vec<_> = bridges.iter().map(|(bridge, target)| (name(bridge), target.clone())).collect();
    apply(world, &Target::Set { bridges: &bridges, rows: None }, &mut |_| {})
}

/// A host with two network cards.
fn world() -> World {
    let mut world = World::new();
    world.add_nic("eth0", "00:16:3e:00:00:00", true);
    world.add_nic("eth1", "00:16:3e:00:00:01", true);
    world
}

/// Its device goes, as the kernel tells it.
fn unplug(world: &mut World, ifname: &str) {
    let gone = name(ifname);
    world.state.links.remove(&gone);
    world.state.vports.remove(&gone);
    world.state.addresses.retain(|address| address.ifname != gone);
    world.state.routes.retain(|route| route.ifname != gone);
}

fn plain(ifname: &str) -> Bridge {
    bridge(ifname, Addressing::None, &[])
}

#[test]
fn a_line_is_whole_or_not_at_all() {
    let mut world = world();
    let start = world.clone();
    let made = [(name("br0"), Some(with(plain("br0"), &["eth0"]))), (name("br1"), Some(plain("br1")))];
    breaks_nowhere(&start, &Target::Set { bridges: &made, rows: None });
    assert_eq!(apply(&mut world, &Target::Set { bridges: &made, rows: None }, &mut |_| {}).outcome, Outcome::Applied);
    assert_eq!(apply(&mut world, &Target::Set { bridges: &made, rows: None }, &mut |_| {}).outcome, Outcome::Unchanged);
    // The port moves, and the bridge it was on goes.
    let moved = [(name("br0"), None), (name("br1"), Some(with(plain("br1"), &["eth0"])))];
    breaks_nowhere(&world, &Target::Set { bridges: &moved, rows: None });
    assert_eq!(apply(&mut world, &Target::Set { bridges: &moved, rows: None }, &mut |_| {}).outcome, Outcome::Applied);
    assert_eq!(world.state.memory.bridges.keys().copied().collect::<Vec<_>>(), [name("br1")]);
    assert_eq!(set(&mut world, &[("br1", None)]).outcome, Outcome::Applied);
    assert!(!world.state.datapath && world.state.memory == Memory::default());
}

#[test]
fn files_keep_what_they_do_not_name() {
    let mut world = world();
    let files = intent([bridge("br0", Addressing::None, &["eth0"])]);
    up_for_good(&mut world, &files);
    let mut wanted = with(files.bridges[&name("br0")].clone(), &["eth1"]);
    let said = |row: &str| Record { table: "Port".into(), row: row.into(), columns: [("qos".to_owned(), None)].into() };
    wanted.records = vec![said("eth1"), said("eth0")];
    assert_eq!(set(&mut world, &[("br0", Some(wanted))]).outcome, Outcome::Applied);
    let kept = world.state.memory.with_commanded(files.clone());
    assert!(kept.bridges[&name("br0")].ports[&name("eth1")].by_command);
    assert_eq!(kept.bridges[&name("br0")].records, [said("eth1")], "what was said of a file's port is the files' to say");
    up_for_good(&mut world, &kept);
    assert!(world.state.vports.contains_key(&name("eth1")));
    // A file names it, as a port or as a member of a bond: then it is the file's.
    let named = intent([bridge("br0", Addressing::None, &["eth0"]), bridge("br1", Addressing::None, &["eth1"])]);
    assert_eq!(world.state.memory.with_commanded(named.clone()), named);
}

#[test]
fn a_device_that_is_gone_does_not_keep_others_waiting() {
    let mut world = world();
    let one = with(bridge("br0", Addressing::None, &["eth0"]), &["eth1"]);
    assert_eq!(set(&mut world, &[("br0", Some(one.clone()))]).outcome, Outcome::Applied);
    unplug(&mut world, "eth1");
    let mut two = one;
    two.external_ids.insert("a".into(), "b".into());
    assert_eq!(set(&mut world, &[("br0", Some(two.clone()))]).outcome, Outcome::Applied);
    // One that never was there is refused, and so is a file's.
    assert!(matches!(set(&mut world, &[("br0", Some(with(two.clone(), &["eth9"])))]).outcome, Outcome::Refused(_)));
    unplug(&mut world, "eth0");
    assert!(matches!(set(&mut world, &[("br0", Some(two))]).outcome, Outcome::Refused(_)));
}

#[test]
fn a_bridge_with_ports_of_others_stays() {
    let mut world = world();
    assert_eq!(set(&mut world, &[("br0", Some(with(plain("br0"), &["eth0"]))), ("br1", Some(plain("br1")))]).outcome, Outcome::Applied);
    let refused = apply(&mut world, &Target::Down { names: &[name("br0")], with_foreign_ports: false }, &mut |_| {});
    let Outcome::Refused(Cause::Plan(PlanError::HeldPorts { names, .. })) = refused.outcome else { panic!("{:?}", refused.outcome) };
    assert_eq!(names, [name("eth0")]);
    assert_eq!(apply(&mut world, &Target::Down { names: &[name("br0")], with_foreign_ports: true }, &mut |_| {}).outcome, Outcome::Applied);
    down_for_good(&mut world);
}

#[test]
fn what_belongs_to_no_bridge_is_of_the_same_line() {
    let mut world = world();
    let start = world.clone();
    let rows = [Record { table: "QoS".into(), row: "x".repeat(36), columns: [("type".to_owned(), Some("linux-htb".to_owned()))].into() }];
    let made = [(name("br0"), Some(with(plain("br0"), &["eth0"])))];
    let target = Target::Set { bridges: &made, rows: Some(&rows) };
    breaks_nowhere(&start, &target);
    assert_eq!(apply(&mut world, &target, &mut |_| {}).outcome, Outcome::Applied);
    assert_eq!(world.state.memory.rows, rows);
    // It stays when bridges go, and goes alone.
    assert_eq!(set(&mut world, &[("br0", None)]).outcome, Outcome::Applied);
    assert_eq!(world.state.memory.rows, rows);
    assert_eq!(apply(&mut world, &Target::Set { bridges: &[], rows: Some(&[]) }, &mut |_| {}).outcome, Outcome::Applied);
    assert_eq!(apply(&mut world, &Target::Set { bridges: &[], rows: Some(&[]) }, &mut |_| {}).outcome, Outcome::Unchanged);
    assert_eq!(world.state.memory, Memory::default());
}
