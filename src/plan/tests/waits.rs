//! What is waited for, and what comes first.

use super::shapes::host;
use super::*;

/// The files' bridges in the order they come up, each with its ports.
fn order(files: &Intent, names: &[&str]) -> Vec<String> {
    let names: Vec<_> = names.iter().map(|text| name(text)).collect();
    let bridges = brought_up(files, &names, &Memory::default()).unwrap();
    let words = |bridge: &Bridge| bridge.interfaces().map(|one| one.name.to_string()).collect::<Vec<_>>().join(" ");
    bridges.iter().map(words).collect()
}

fn requires(mut bridge: Bridge, needed: &[&str]) -> Bridge {
    bridge.local.requires = needed.iter().map(|text| name(text)).collect();
    bridge
}

#[test]
fn what_is_required_comes_first_and_along() {
    let mut third = bridge("br2", Addressing::None, &["eth2", "eth3"]);
    third.onboot = false;
    third.ports.values_mut().for_each(|port| port.onboot = false);
    let first = requires(bridge("br0", Addressing::None, &["eth0"]), &["br1"]);
    let second = requires(bridge("br1", Addressing::None, &["eth1"]), &["eth3"]);
    let files = intent([first, second, third]);
    assert_eq!(order(&files, &[]), ["br2 eth3", "br1 eth1", "br0 eth0"]);
    assert_eq!(order(&files, &["eth1"]), ["br2 eth3", "br1 eth1"]);
    assert_eq!(order(&files, &["br2"]), ["br2"]);
    assert_eq!(order(&files, &["br2", "eth2", "br1"]), ["br2 eth2 eth3", "br1 eth1"]);
}

#[test]
fn who_need_each_other_come_up_all_the_same() {
    let bridges = [("br0", "br1"), ("br1", "br2"), ("br2", "br0")];
    let files = intent(bridges.map(|(own, needed)| requires(bridge(own, Addressing::None, &[]), &[needed, own])));
    assert_eq!(order(&files, &[]), ["br2", "br1", "br0"]);
    assert_eq!(order(&files, &["br1"]), ["br0", "br2", "br1"]);
}

/// Once, before anybody is asked for a lease; a port that has been up before is not waited for.
#[test]
fn carrier_is_waited_for_where_a_port_begins() {
    let mut world = host();
    world.server = Some(lease());
    let mut files = intent([bridge("br0", dhcp(&["eth0"]), &["eth0", "eth1"])]);
    let target = files.bridges.get_mut(&name("br0")).unwrap();
    target.local.patience.carrier_secs = 5;
    target.ports.get_mut(&name("eth1")).unwrap().interfaces[0].patience.carrier_secs = 9;
    let report = up_for_good(&mut world, &files);
    let at = |wanted: &dyn Fn(&Step) -> bool| report.steps.iter().position(wanted).unwrap();
    let wait = at(&|step| matches!(step, Step::AwaitCarrier { .. }));
    assert_eq!(report.steps[wait], Step::AwaitCarrier { devices: vec![(name("eth0"), 5), (name("eth1"), 9)] });
    assert!(wait < at(&|step| matches!(step, Step::ObtainLease { .. })));
    assert!(report.steps[wait].is_look() && report.steps[wait].undo().is_empty());
    files.bridges.get_mut(&name("br0")).unwrap().local.mtu = Some(1400);
    let again = up(&mut world, &files);
    assert!(!again.steps.iter().any(|step| matches!(step, Step::AwaitCarrier { .. })), "{:#?}", again.steps);
}
