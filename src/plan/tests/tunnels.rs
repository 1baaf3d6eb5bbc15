//! Tunnel ports share devices; patch ports have none.

use super::fake::{World, name};
use super::*;
use crate::model::{Device, Tunnel};

const VXLAN: Device = Device::Vxlan { port: 4789, gbp: false, gpe: false };

fn tunnel(kind: &str, options: &str) -> Kind {
    Kind::Tunnel(Tunnel::parse(kind, options.split(' ').map(|word| word.split_once('=').unwrap())).unwrap())
}

fn with(mut bridge: Bridge, ports: &[(&str, Kind)]) -> Bridge {
    bridge.ports.extend(ports.iter().map(|(port, kind)| (name(port), Port::new(Interface::new(name(port), *kind)))));
    bridge
}

fn vx(key: u32) -> Kind {
    tunnel("vxlan", &format!("remote_ip=10.0.0.2 key={key}"))
}

fn plain(ifname: &str) -> Bridge {
    bridge(ifname, Addressing::None, &[])
}

fn plan_text(world: &World, intent: &Intent) -> String {
    super::super::up(intent, &[], &world.state).unwrap().render()
}

#[track_caller]
fn refused(world: &World, intent: &Intent, words: &str) {
    let error = super::super::up(intent, &[], &world.state).unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    assert!(!error.advice().is_empty());
    let alone: Vec<String> = obstacles(intent, &world.state).iter().map(|(_, error)| error.to_string()).collect();
    assert!(alone.contains(&error.to_string()), "{alone:?}");
}

#[test]
fn the_first_port_brings_the_device_and_the_last_takes_it_away() {
    let mut world = World::new();
    let one = intent([with(plain("br0"), &[("vx0", vx(1))])]);
    assert_eq!(
        plan_text(&world, &one).lines().take(4).collect::<Vec<_>>(),
        [
            "+ datapath ovs-system",
            "+ tunnel device vxlan_sys_4789",
            "+ port vxlan_sys_4789 of the datapath",
            "~ br0: ports +vx0 (vxlan key=1 remote_ip=10.0.0.2)"
        ]
    );
    breaks_nowhere(&world, &Target::Up { intent: &one, names: &[] });
    up_for_good(&mut world, &one);
    assert_eq!(world.state.memory.tunnels, [VXLAN].into());

    let two = intent([with(plain("br0"), &[("vx0", vx(1))]), with(plain("br1"), &[("vx1", vx(2)), ("gre0", tunnel("gre", "remote_ip=10.0.0.2"))])]);
    up_for_good(&mut world, &two);
    assert_eq!(world.state.memory.tunnels, [VXLAN, Device::Gre].into());
    // Another remote is the switch's matter only, and still a line for people.
    let moved = intent([with(plain("br0"), &[("vx0", tunnel("vxlan", "remote_ip=10.0.0.3"))]), two.bridges[&name("br1")].clone()]);
    assert_eq!(plan_text(&world, &moved), "~ br0: ports ~vx0 (vxlan remote_ip=10.0.0.3)\n");
    up_for_good(&mut world, &moved);

    let report = apply(&mut world, &Target::Down { names: &[name("vx1")], with_foreign_ports: false }, &mut |_| {});
    assert_eq!(report.outcome, Outcome::Applied);
    assert!(world.state.links.contains_key(&VXLAN.name()), "vx0 needs it");
    let report = apply(&mut world, &Target::Down { names: &[name("gre0")], with_foreign_ports: false }, &mut |_| {});
    assert_eq!(report.outcome, Outcome::Applied);
    assert!(!world.state.links.contains_key(&Device::Gre.name()));
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
    down_for_good(&mut world);
    assert!(!world.state.datapath && world.state.memory == Memory::default());
    assert!(!world.state.links.contains_key(&VXLAN.name()));
}

#[test]
fn a_device_that_was_there_is_used_and_stays() {
    let mut world = World::new();
    let one = intent([with(plain("br0"), &[("vx0", vx(1))])]);
    up_for_good(&mut world, &one);
    down_for_good(&mut world);
    let mut maker = World::new();
    up_for_good(&mut maker, &one);
    let link = Link { up: false, master: None, ..maker.state.links[&VXLAN.name()].clone() };
    world.state.links.insert(VXLAN.name(), link.clone());
    up_for_good(&mut world, &one);
    assert!(world.state.memory.tunnels.is_empty() && world.state.links[&VXLAN.name()].up);
    down_for_good(&mut world);
    assert_eq!(world.state.links[&VXLAN.name()], Link { up: true, ..link.clone() });

    for (wrong, words) in [
        (Link { tunnel: None, ..link.clone() }, "of kind `vxlan`, but set up otherwise"),
        (Link { tunnel: None, kind: Some("dummy".to_owned()), ..link.clone() }, "of kind `dummy`"),
        (Link { master: Some(name("br-lan")), ..link }, "enslaved to br-lan"),
    ] {
        world.state.links.insert(VXLAN.name(), wrong);
        refused(&world, &one, words);
    }
}

#[test]
fn other_extensions_are_another_device() {
    let mut world = World::new();
    up_for_good(&mut world, &intent([with(plain("br0"), &[("vx0", vx(1))])]));
    let gbp = intent([with(plain("br0"), &[("vx0", tunnel("vxlan", "remote_ip=10.0.0.2 key=1 exts=gbp"))])]);
    breaks_nowhere(&world, &Target::Up { intent: &gbp, names: &[] });
    up_for_good(&mut world, &gbp);
    let device = Device::Vxlan { port: 4789, gbp: true, gpe: false };
    assert_eq!((world.state.links[&VXLAN.name()].tunnel, &world.state.memory.tunnels), (Some(device), &[device].into()));
}

#[test]
fn two_ports_must_differ() {
    let world = World::new();
    let gbp = tunnel("vxlan", "remote_ip=10.0.0.3 exts=gbp");
    refused(&world, &intent([with(plain("br0"), &[("vx0", vx(1))]), with(plain("br1"), &[("vx1", vx(1))])]), "is the same tunnel");
    let zero = tunnel("vxlan", "remote_ip=10.0.0.2");
    refused(&world, &intent([with(plain("br0"), &[("vx0", vx(0)), ("vx1", zero)])]), "is the same tunnel");
    refused(&world, &intent([with(plain("br0"), &[("vx0", vx(1)), ("vx1", gbp)])]), "with other extensions than");
    let mut world = world;
    let differ = [("vx0", vx(1)), ("vx1", vx(2)), ("vx2", tunnel("vxlan", "remote_ip=10.0.0.2 key=1 local_ip=10.0.0.1")), ("vx3", gbp)];
    up_for_good(&mut world, &intent([with(plain("br0"), &differ[..3])]));
    // Against what is up too, not only what is asked for now.
    let error = super::super::up(&intent([with(plain("br1"), &[("vx9", vx(2))])]), &[], &world.state).unwrap_err();
    assert!(matches!(error, PlanError::SameTunnel { .. }), "{error}");
}

#[test]
fn patch_ports_are_only_remembered() {
    let mut world = World::new();
    let end = |peer: &str| Kind::Patch { peer: name(peer) };
    let both = intent([with(plain("br0"), &[("p0", end("p1"))]), with(plain("br1"), &[("p1", end("p0"))])]);
    let report = up_for_good(&mut world, &both);
    assert_eq!(report.notes, [""; 0]);
    assert_eq!(world.state.vports.len(), 3, "the datapath's and two bridges' own");
    let report = apply(&mut world, &Target::Down { names: &[name("p1")], with_foreign_ports: false }, &mut |_| {});
    assert_eq!(report.outcome, Outcome::Applied);
    assert_eq!(super::super::up(&both, &[name("br0")], &world.state).unwrap().notes, ["patch port p0 of br0 leads nowhere: its peer p1 is not up"]);
    let one_way = intent([with(plain("br0"), &[("p0", end("p1"))]), with(plain("br1"), &[("p1", end("p9"))])]);
    let plan = super::super::up(&one_way, &[], &world.state).unwrap();
    assert!(plan.notes.iter().any(|note| note.contains("p1 of br1 does not name it as its peer")), "{:?}", plan.notes);
    down_for_good(&mut world);
}
