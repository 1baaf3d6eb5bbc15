//! What the two bridges of the property tests are made of: ports with rules of every kind, tunnels, a bond, a patch between the two.

use ovsdp::model::{self, BondMode, BridgeRules, LacpMember, Tunnel, Vid};
use ovsdp::switch::{Bridge, Bundle, Bundled, Port, Topology, Way, lacp};
use ovsdp_proto::Mac;
use proptest::prelude::*;

use super::datapath::DEVICE;
use super::naive::{RULES, rules};
use super::{mac, name};

/// Two bridges whose local ports are 0 and 1: on which of them the ports 2 to 7 are, if they are, and what rules hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Wiring {
    /// Of each port from 2: whether on the second bridge, whether at all, its rules' number.
    ports: Vec<(bool, bool, usize)>,
    locals: [usize; 2],
    flood_vlan: Option<u16>,
    forward_bpdu: bool,
    /// The rules' numbers of the two ends of a patch between the bridges, when there is one.
    patch: Option<[usize; 2]>,
    /// A bond of the ports 6 and 7, which then are no ports of their own.
    bond: Option<Bond>,
    /// Of each of [`TUNNELS`]: whether on the second bridge, and its rules' number, when it is there.
    tunnels: Vec<Option<(bool, usize)>>,
}

/// How it shares the load and what it says by LACP, which of the bridges it is a port of, its rules' number.
#[derive(Debug, Clone)]
struct Bond {
    mode: BondMode,
    lacp: Option<lacp::Settings>,
    second: bool,
    rules: usize,
}

/// The tunnel ports there may be, all by one device: named `t0` and so on.
const TUNNELS: [&str; 6] = [
    "remote_ip=10.0.0.2 key=1",
    "remote_ip=10.0.0.3 key=1 tos=inherit",
    "remote_ip=flow key=1",
    "remote_ip=10.0.0.2 key=flow ttl=inherit",
    // To ourselves: what came in by a tunnel never goes out by it.
    "remote_ip=10.0.0.1 key=2 egress_pkt_mark=5",
    "remote_ip=10.0.0.4 in_key=flow out_key=9 tos=inherit ttl=inherit",
];

/// The members of the bond.
pub(super) const MEMBERS: [u32; 2] = [6, 7];

impl Wiring {
    /// Ports of the first bridge, each with the rules of this number.
    pub(super) fn of_ports(rules: impl Iterator<Item = usize>) -> Self {
        Self { ports: rules.map(|rules| (false, true, rules)).collect(), ..Self::default() }
    }

    /// The same without a bond.
    pub(super) fn without_bond(self) -> Self {
        Self { bond: None, ..self }
    }
}

pub(super) fn wiring() -> impl Strategy<Value = Wiring> {
    let rules = || prop_oneof![1 => Just(0), 2 => 0..RULES];
    let port = (any::<bool>(), prop_oneof![1 => Just(false), 2 => Just(true)], rules());
    let locals = proptest::array::uniform2(rules());
    let flood_vlan = prop_oneof![3 => Just(None), 1 => Just(Some(5)), 1 => Just(Some(0))];
    let patch = proptest::option::of(proptest::array::uniform2(rules()));
    let speaks = any::<[bool; 2]>().prop_map(|[fast, fallback_ab]| {
        let system = Mac([2, 0, 0, 0, 0, 1]);
        lacp::Settings { system, system_priority: 65534, active: true, fast, fallback_ab }
    });
    let mode = proptest::sample::select(&BondMode::ALL[..]);
    let bond = (mode, proptest::option::of(speaks), any::<bool>(), rules());
    let bond = proptest::option::of(bond.prop_map(|(mode, lacp, second, rules)| Bond { mode, lacp, second, rules }));
    let tunnel = prop_oneof![2 => Just(None), 1 => (any::<bool>(), rules()).prop_map(Some)];
    let tunnels = prop_oneof![1 => Just(Vec::new()), 1 => proptest::collection::vec(tunnel, TUNNELS.len())];
    let mixed = (proptest::collection::vec(port, 6), locals, flood_vlan, any::<bool>(), patch, bond, tunnels).prop_map(
        |(ports, locals, flood_vlan, forward_bpdu, patch, bond, tunnels)| Wiring { ports, locals, flood_vlan, forward_bpdu, patch, bond, tunnels },
    );
    // Bridges of nothing but plain ports go a shorter way.
    let plain = |wiring: Wiring| {
        let ports = wiring.ports.into_iter().map(|(second, present, _)| (second, present, 0)).collect();
        let bond = wiring.bond.map(|bond| Bond { rules: 0, ..bond });
        let tunnels = wiring.tunnels.into_iter().map(|tunnel| tunnel.map(|(second, _)| (second, 0))).collect();
        Wiring { ports, locals: [0, 0], patch: wiring.patch.map(|_| [0, 0]), bond, tunnels, ..wiring }
    };
    (mixed, prop_oneof![3 => Just(false), 1 => Just(true)]).prop_map(move |(wiring, all_plain)| if all_plain { plain(wiring) } else { wiring })
}

pub(super) fn topology(wiring: &Wiring) -> Topology {
    let bridge_rules = BridgeRules {
        mac_aging: None,
        mac_table_size: Some(10),
        flood_vlans: wiring.flood_vlan.into_iter().map(|vid| Vid::try_from(vid).unwrap()).collect(),
        forward_bpdu: wiring.forward_bpdu,
    };
    let bridge = |text: &str, number: u32, local: usize| Bridge::new(name(text), number).rules(&bridge_rules, &rules(local));
    let mut bridges = [bridge("br0", 0, wiring.locals[0]), bridge("br1", 1, wiring.locals[1])];
    let mut add = |second: bool, port: &str, way: Way, with: usize| {
        let bridge = &mut bridges[usize::from(second)];
        *bridge = bridge.clone().with(Port { name: name(port), way, rules: rules(with) });
    };
    for (number, (second, present, with)) in (2..).zip(&wiring.ports) {
        if *present && (!MEMBERS.contains(&number) || wiring.bond.is_none()) {
            add(*second, &format!("p{number}"), Way::Device(number), *with);
        }
    }
    if let Some(Bond { mode, lacp, second, rules }) = &wiring.bond {
        let member = |number: u32| Bundled {
            name: name(&format!("p{number}")),
            dp_port: number,
            mac: mac(number),
            carrier: true,
            lacp: LacpMember::default(),
        };
        let bond = Some(model::Bond { mode: *mode, ..model::Bond::default() });
        add(*second, "bond0", Way::Bundle(Bundle { bond, lacp: *lacp, members: MEMBERS.map(member).into() }), *rules);
    }
    for (number, (tunnel, options)) in wiring.tunnels.iter().zip(TUNNELS).enumerate() {
        if let Some((second, with)) = tunnel {
            let tunnel = Tunnel::parse("vxlan", options.split(' ').map(|word| word.split_once('=').unwrap())).unwrap();
            add(*second, &format!("t{number}"), Way::Tunnel(DEVICE, tunnel), *with);
        }
    }
    if let Some([here, there]) = wiring.patch {
        add(false, "a", Way::Patch(name("b")), here);
        add(true, "b", Way::Patch(name("a")), there);
    }
    Topology { bridges: bridges.into() }
}
