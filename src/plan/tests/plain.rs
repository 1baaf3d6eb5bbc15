//! Devices that are no port, and that bridges need.

use super::shapes::host;
use super::*;
use crate::plan::apart;

/// A bridge whose port needs eth1, and eth1 as `addressing` has it.
fn files(addressing: Addressing) -> Intent {
    let mut needing = bridge("br0", Addressing::None, &["eth0"]);
    needing.ports.get_mut(&name("eth0")).unwrap().interfaces[0].requires = vec![name("eth1")];
    let mut files = intent([needing]);
    files.plain.insert(name("eth1"), interface("eth1", Kind::System, addressing));
    files
}

fn underlay() -> Intent {
    files(fixed(&["203.0.113.1/24"], Some("203.0.113.254"), &["192.0.2.53"]))
}

#[test]
fn it_comes_up_before_what_needs_it_and_once() {
    let mut world = host();
    let report = up_for_good(&mut world, &underlay());
    let at = |wanted: &dyn Fn(&Step) -> bool| report.steps.iter().position(wanted).unwrap();
    let address = at(&|step| matches!(step, Step::AddAddress { address, .. } if address.ifname == name("eth1")));
    assert!(address < at(&|step| matches!(step, Step::AddRoute { route, .. } if route.is_default())));
    assert!(world.state.links[&name("eth1")].up && !world.state.vports.contains_key(&name("eth1")));
    assert_eq!(world.state.memory.plain.keys().copied().collect::<Vec<_>>(), [name("eth1")]);
    // In place: what the file no longer says goes.
    let other = files(fixed(&["198.51.100.1/24"], None, &[]));
    up_for_good(&mut world, &other);
    let there: Vec<_> = world.state.addresses_on(name("eth1")).filter(|one| one.address.addr().is_ipv4()).map(|one| one.address).collect();
    assert_eq!(there, [net("198.51.100.1/24")]);
    // It stays when the bridges go, and when somebody names it.
    let named = apply(&mut world, &Target::Down { names: &[name("eth1")], with_foreign_ports: false }, &mut |_| {});
    assert_eq!((named.outcome, &*named.notes[0]), (Outcome::Unchanged, "eth1 is no port of a bridge: it stays as it is"));
    take_down(&mut world);
    assert!(world.state.memory.bridges.is_empty() && !world.state.datapath);
    assert_eq!(world.state.addresses_on(name("eth1")).filter(|one| one.address == net("198.51.100.1/24")).count(), 1);
}

#[test]
fn nothing_of_it_is_left_wherever_it_breaks() {
    for files in [underlay(), files(dhcp(&[]))] {
        let mut world = host();
        world.server = Some(lease());
        breaks_nowhere(&world, &Target::Up { intent: &files, names: &[] });
        breaks_nowhere(&world, &Target::Up { intent: &files, names: &[name("eth1")] });
    }
}

#[test]
fn a_lease_is_asked_for_unless_somebody_has_one() {
    let mut world = host();
    world.server = Some(lease());
    up_for_good(&mut world, &files(dhcp(&[])));
    assert_eq!(world.state.addresses_on(name("eth1")).filter(|one| one.address == net("172.16.3.140/24")).count(), 1);
    assert!(world.state.memory.get(name("eth1")).unwrap().leases.contains_key(&name("eth1")));

    let mut kept = host();
    kept.server = Some(lease());
    kept.state.dhcp_clients.push(DhcpClient { pid: 7, start_time: 1, name: "dhclient".to_owned(), ifname: name("eth1"), paused: false });
    let report = up(&mut kept, &files(dhcp(&[])));
    assert_eq!(report.notes[0], "eth1 is left to dhclient (process 7), which keeps its lease");
    assert!(report.outcome == Outcome::Applied && kept.state.memory.plain.is_empty() && !kept.state.dhcp_clients[0].paused);
}

#[test]
fn one_that_becomes_a_port_is_let_go_of() {
    let mut world = host();
    world.server = Some(lease());
    up_for_good(&mut world, &files(dhcp(&[])));
    let port = intent([bridge("br0", dhcp(&["eth1"]), &["eth0", "eth1"])]);
    breaks_nowhere(&world, &Target::Up { intent: &port, names: &[] });
    up_for_good(&mut world, &port);
    assert!(world.state.memory.plain.is_empty() && world.released.is_empty());
    assert_eq!(world.state.addresses_on(name("br0")).filter(|one| one.address == net("172.16.3.140/24")).count(), 1);
    // And back.
    up_for_good(&mut world, &underlay());
    assert!(world.state.memory.plain.contains_key(&name("eth1")) && !world.state.vports.contains_key(&name("eth1")));
}

#[test]
fn each_is_a_change_of_its_own_at_a_restart() {
    let memory = Memory::default();
    assert_eq!(apart(&underlay(), &memory), [vec![name("eth1")], vec![name("br0")]]);
    let mut unneeded = underlay();
    unneeded.bridges.get_mut(&name("br0")).unwrap().onboot = false;
    assert!(apart(&unneeded, &memory).is_empty());
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |change: &dyn Fn(&mut World)| {
        let mut world = host();
        change(&mut world);
        match up(&mut world, &underlay()).outcome {
            Outcome::Refused(Cause::Plan(error)) => error,
            other => panic!("{other:#?}"),
        }
    };
    assert_eq!(refused(&|world| drop(world.state.links.remove(&name("eth1")))), PlanError::NoPlainDevice { name: name("eth1") });
    let bonded = refused(&|world| world.state.links.get_mut(&name("eth1")).unwrap().master = Some(name("bond0")));
    assert_eq!(bonded, PlanError::PlainEnslaved { name: name("eth1"), master: name("bond0") });
    let loopback = refused(&|world| world.state.links.get_mut(&name("eth1")).unwrap().loopback = true);
    assert_eq!(loopback, PlanError::PlainLoopback { name: name("eth1") });
}
