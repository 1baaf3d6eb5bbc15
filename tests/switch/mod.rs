//! The learning switch in virtual time, on a datapath made of a list.

mod alloc;
mod bond;
mod bundles;
mod datapath;
mod due;
mod lacp;
mod naive;
mod patch;
mod pieces;
mod property;
mod restart;
mod revalidate;
mod rules;
mod sim;
mod statics;
mod trace;
mod tunnel;
mod vlan;
mod wiring;

use std::time::Duration;

use ovsdp::switch::{Bridge, Moment, Switch, Topology};
use ovsdp_proto::{IfName, Mac};

/// A device's name.
fn name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

/// A station's address.
fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x52, 0x54, a, b, c, d])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `br0` with its local port 1 and `ports` 2, 3, … named `p2`, `p3`, ….
fn one_bridge(ports: u32) -> Topology {
    let bridge = (2..2 + ports).fold(Bridge::new(name("br0"), 1), |bridge, port| bridge.port(name(&format!("p{port}")), port));
    Topology { bridges: vec![bridge] }
}

fn switch(topology: Topology) -> Switch {
    let mut switch = Switch::new();
    assert!(switch.set_topology(Moment(0), topology).unwrap());
    switch
}
