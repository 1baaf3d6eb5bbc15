//! What devices are asked for themselves: done before they carry anything, compared as far as it can be, given back.

use super::shapes::host;
use super::*;
use crate::model::{Tuning, TuningSetting as Setting};

fn tuning(features: &[(&str, bool)], settings: &[(Setting, u32)]) -> Tuning {
    Tuning { features: features.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect(), settings: settings.iter().copied().collect() }
}

fn files(tuning: Tuning) -> Intent {
    let mut bridge = bridge("br0", fixed(&["192.0.2.10/24"], Some("192.0.2.1"), &[]), &["eth0"]);
    bridge.ports.get_mut(&name("eth0")).unwrap().interfaces[0].tuning = tuning;
    intent([bridge])
}

fn with_hardware() -> World {
    let mut world = host();
    let feature = |wanted| Feature { changeable: true, wanted, active: wanted };
    let features = [("rx-gro", true), ("tx-checksum-ipv4", true), ("tx-checksum-ip-generic", true)];
    let mut hardware = Hardware {
        features: features.into_iter().map(|(name, on)| (name.to_owned(), feature(on))).collect(),
        settings: [(Setting::RingRx, 256), (Setting::RingTx, 256), (Setting::Autoneg, 1), (Setting::Speed, 1000), (Setting::Duplex, 1)].into(),
    };
    hardware.features.insert("rx-lro".to_owned(), Feature { changeable: false, wanted: false, active: false });
    world.state.hardware.insert(name("eth0"), hardware);
    world
}

fn wanted(world: &World, feature: &str) -> bool {
    world.state.hardware[&name("eth0")].features[feature].wanted
}

fn number(world: &World, setting: Setting) -> u32 {
    world.state.hardware[&name("eth0")].settings[&setting]
}

#[test]
fn asked_changed_and_given_back() {
    let mut world = with_hardware();
    let before = world.snapshot();
    let all = files(tuning(&[("tx", false), ("tx-checksum-ipv4", true), ("gro", false)], &[(Setting::RingRx, 512), (Setting::RingTx, 512)]));
    breaks_nowhere(&world, &Target::Up { intent: &all, names: &[] });
    let report = up_for_good(&mut world, &all);
    assert!(!wanted(&world, "tx-checksum-ip-generic") && wanted(&world, "tx-checksum-ipv4") && !wanted(&world, "rx-gro"));
    assert_eq!((number(&world, Setting::RingRx), number(&world, Setting::RingTx)), (512, 512));
    let at = |wanted: fn(&Step) -> bool| report.steps.iter().position(wanted).unwrap();
    assert!(at(|step| matches!(step, Step::Tune { .. })) < at(|step| matches!(step, Step::AttachSystem { .. })));
    assert_eq!(report.steps.iter().filter(|step| matches!(step, Step::Tune { .. })).count(), 2, "a step for each message");
    // One line less: that alone goes back.
    let fewer = files(tuning(&[("gro", false)], &[(Setting::RingRx, 512)]));
    breaks_nowhere(&world, &Target::Up { intent: &fewer, names: &[] });
    up_for_good(&mut world, &fewer);
    assert!(wanted(&world, "tx-checksum-ip-generic") && !wanted(&world, "rx-gro"));
    assert_eq!((number(&world, Setting::RingRx), number(&world, Setting::RingTx)), (512, 256));
    breaks_nowhere(&world, &Target::Down { names: &[], with_foreign_ports: false });
    down_for_good(&mut world);
    assert_same(&world.snapshot(), &before, "after down");
}

/// A driver that rounds is not told the same again and again, but a feature somebody else turned on is turned off.
#[test]
fn numbers_are_set_once_and_features_kept() {
    let mut world = with_hardware();
    let files = files(tuning(&[("gro", false)], &[(Setting::RingRx, 500)]));
    up_for_good(&mut world, &files);
    world.state.hardware.get_mut(&name("eth0")).unwrap().settings.insert(Setting::RingRx, 512);
    assert_eq!(up(&mut world, &files).outcome, Outcome::Unchanged);
    world.state.hardware.get_mut(&name("eth0")).unwrap().features.get_mut("rx-gro").unwrap().wanted = true;
    up_for_good(&mut world, &files);
    assert!(!wanted(&world, "rx-gro"));
    down_for_good(&mut world);
    assert!(wanted(&world, "rx-gro"));
    assert_eq!(number(&world, Setting::RingRx), 256);
}

#[test]
fn what_a_device_cannot_do_is_said() {
    let mut world = with_hardware();
    let files = files(tuning(&[("lro", true), ("lro", false), ("rxhash", true), ("tx", true)], &[(Setting::PauseRx, 1)]));
    let report = up_for_good(&mut world, &files);
    let about: Vec<&String> = report.notes.iter().filter(|note| note.contains("stays without")).collect();
    assert_eq!(
        about,
        [
            "eth0 stays without `lro on`: the device does not let it be changed",
            "eth0 stays without `rxhash on`: the device has no such feature",
            "eth0 stays without `pause rx on`: the device has no pause frames to set",
        ]
    );
}

/// What it has can only be seen once it is there, but what its file asks for is known.
#[test]
fn what_is_asked_of_a_bridge_that_is_yet_to_be_made_is_shown() {
    let mut world = host();
    let mut files = files(Tuning::default());
    files.bridges.get_mut(&name("br0")).unwrap().local.tuning = tuning(&[("gro", false)], &[(Setting::RingRx, 512)]);
    let plan = super::super::up(&files, &[], &world.state).unwrap();
    assert!(plan.steps.iter().all(|step| !matches!(step, Step::Tune { .. })));
    assert!(plan.render().contains("\n~ settings of br0: gro off; ring rx 512, once it is there\n"), "{}", plan.render());
    up_for_good(&mut world, &files);
    assert_eq!(super::super::up(&files, &[], &world.state).unwrap(), Plan::default());
}
