//! The firewall's zones: before a device comes up, back when nobody asks any longer, and only what is ours.

use super::shapes::host;
use super::*;
use crate::model::Zone;

fn files(local: Option<&str>, port: Option<&str>) -> Intent {
    let mut bridge = bridge("br0", fixed(&["192.0.2.10/24"], Some("192.0.2.1"), &[]), &["eth0"]);
    bridge.local.zone = local.map(|zone| Zone::new(zone).unwrap());
    bridge.ports.get_mut(&name("eth0")).unwrap().interfaces[0].zone = port.map(|zone| Zone::new(zone).unwrap());
    intent([bridge])
}

fn with_firewall(eth0: Option<&str>) -> World {
    let mut world = host();
    let zones = ["public", "dmz", "internal"].map(str::to_owned).into();
    let interfaces = eth0.map(|zone| (name("eth0"), zone.to_owned())).into_iter().collect();
    world.state.firewall = Some(Firewall { default: "public".to_owned(), zones, interfaces });
    world
}

fn zone<'a>(world: &'a World, ifname: &str) -> Option<&'a str> {
    world.state.firewall.as_ref().unwrap().interfaces.get(&name(ifname)).map(String::as_str)
}

#[test]
fn asked_changed_and_given_back() {
    let mut world = with_firewall(Some("internal"));
    let before = world.snapshot();
    let first = files(Some("dmz"), Some("dmz"));
    breaks_nowhere(&world, &Target::Up { intent: &first, names: &[] });
    let report = up_for_good(&mut world, &first);
    assert_eq!((zone(&world, "br0"), zone(&world, "eth0")), (Some("dmz"), Some("dmz")));
    let at = |wanted: &dyn Fn(&Step) -> bool| report.steps.iter().position(wanted).unwrap();
    let put = |which: &str| at(&|step| matches!(step, Step::SetZone { name: put, .. } if *put == name(which)));
    assert!(put("br0") < at(&|step| matches!(step, Step::SetUp { name: up } if *up == name("br0"))), "open in the wrong zone");
    assert!(put("br0") < at(&|step| matches!(step, Step::AddAddress { .. })) && put("eth0") < at(&|step| matches!(step, Step::AttachSystem { .. })));
    // Another zone, in place, and the port's line taken away.
    let second = files(Some(""), None);
    breaks_nowhere(&world, &Target::Up { intent: &second, names: &[] });
    let report = up_for_good(&mut world, &second);
    assert_eq!((zone(&world, "br0"), zone(&world, "eth0")), (Some("public"), Some("internal")));
    let lines: Vec<String> = report.steps.iter().filter(|step| matches!(step, Step::SetZone { .. })).map(ToString::to_string).collect();
    assert_eq!(lines, ["putting br0 into the default zone of the firewall", "putting eth0 into the zone internal of the firewall"]);
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

#[test]
fn where_somebody_else_puts_it_it_stays() {
    let mut world = with_firewall(None);
    up_for_good(&mut world, &files(Some("dmz"), None));
    let firewall = world.state.firewall.as_mut().unwrap();
    // Another than was asked for.
    firewall.interfaces.insert(name("br0"), "internal".to_owned());
    up_for_good(&mut world, &files(None, None));
    assert_eq!(zone(&world, "br0"), Some("internal"));
    // Asked for again, what was there before is that.
    up_for_good(&mut world, &files(Some("dmz"), None));
    world.state.firewall.as_mut().unwrap().zones.remove("internal");
    down_for_good(&mut world);
    assert_eq!(zone(&world, "br0"), None);
}

#[test]
fn a_zone_that_is_not_there_changes_nothing() {
    let mut world = with_firewall(None);
    let before = world.snapshot();
    let report = up(&mut world, &files(None, Some("dmzz")));
    let Outcome::Refused(Cause::Plan(error)) = report.outcome else { panic!("{:#?}", report.outcome) };
    assert_eq!(error.to_string(), "eth0: firewalld has no zone dmzz");
    assert_eq!(error.kind(), ErrorKind::BadConfiguration);
    assert_same(&world.snapshot(), &before, "refused");
}

#[test]
fn without_a_firewall_it_is_said() {
    let mut world = host();
    let before = world.snapshot();
    let report = up_for_good(&mut world, &files(Some("dmz"), None));
    assert_eq!(
        report.notes.iter().filter(|note| note.contains("zone")).collect::<Vec<_>>(),
        ["firewalld does not run: nobody is told that br0 is to be in the zone dmz"]
    );
    assert!(!report.steps.iter().any(|step| matches!(step, Step::SetZone { .. })));
    // It runs by now: told at the next `up`.
    world.state.firewall = with_firewall(None).state.firewall;
    up_for_good(&mut world, &files(Some("dmz"), None));
    assert_eq!(zone(&world, "br0"), Some("dmz"));
    world.state.firewall = None;
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}
