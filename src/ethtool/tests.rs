//! Against the running kernel, in a network namespace of its own with a pair of veth and a tap: they need root and iproute2. Without, they
//! say loudly that they were skipped.

use std::process::Command;

use super::*;
use crate::nl::namespace::{self, PAIR};

fn in_namespace(name: &str, test: impl FnOnce() + Send) {
    // Without its module there is no /dev/net/tun; where it is built in this fails, and does not matter.
    let _ = Command::new("modprobe").arg("tun").status();
    namespace::in_namespace(name, &[PAIR, "tuntap add mode tap t0"], test);
}

#[test]
fn features_are_read_and_changed() {
    in_namespace("features_are_read_and_changed", || {
        let mut ethtool = Ethtool::open().unwrap().unwrap();
        let before = ethtool.features("v0").unwrap().unwrap();
        let gso = before["tx-generic-segmentation"];
        assert!(gso.changeable && gso.wanted && gso.active, "{gso:?}");
        assert!(before.values().any(|feature| !feature.changeable), "{before:?}");
        let wanted = BTreeMap::from([("tx-generic-segmentation".to_owned(), false), ("rx-gro".to_owned(), true)]);
        ethtool.set_features("v0", &wanted).unwrap();
        let after = ethtool.features("v0").unwrap().unwrap();
        assert!(!after["tx-generic-segmentation"].wanted && !after["tx-generic-segmentation"].active);
        assert!(after["rx-gro"].wanted);
        assert_eq!(after.len(), before.len());
        let bad = BTreeMap::from([("no-such-feature".to_owned(), true)]);
        assert!(ethtool.set_features("v0", &bad).unwrap_err().to_string().contains("v0"));
        assert_eq!(ethtool.features("none").unwrap(), None);
    });
}

#[test]
fn numbers_are_read_and_changed() {
    in_namespace("numbers_are_read_and_changed", || {
        let mut ethtool = Ethtool::open().unwrap().unwrap();
        ethtool.set_numbers(What::Link, "t0", &[Some(0), Some(1000), Some(1)]).unwrap();
        assert_eq!(ethtool.numbers(What::Link, "t0").unwrap(), [Some(0), Some(1000), Some(1)]);
        ethtool.set_numbers(What::Link, "t0", &[None, Some(100), None]).unwrap();
        assert_eq!(ethtool.numbers(What::Link, "t0").unwrap(), [Some(0), Some(100), Some(1)]);
        assert!(ethtool.numbers(What::Pause, "t0").unwrap().is_empty());
        let refused = ethtool.set_numbers(What::Wake, "t0", &[Some(32)]).unwrap_err();
        assert_eq!(refused.kind(), Kind::NotSupported, "{refused}");
    });
}

#[test]
fn wake_bits_go_there_and_back() {
    let mut out = Vec::new();
    wire::set(&mut out, What::Wake, "eth0", &[Some(0b10_0010)]).unwrap();
    // Read back it is the answer's form as well: a set without a mask.
    assert_eq!(wire::numbers(&out, What::Wake).unwrap(), [Some(0b10_0010)]);
    assert!(wire::numbers(&out[..7], What::Wake).is_err());
}
