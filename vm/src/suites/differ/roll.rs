//! Bridges made up at random.

use std::collections::BTreeSet;

use super::config::{Bridge, CUSTOMERS, Flavour, Kind, Port, Setup};
use super::dice::Dice;

/// What a setup may have.
#[derive(Debug, Clone)]
pub(super) struct Stock {
    /// Devices that may be members of bonds, in pairs.
    pub(super) members: Vec<[String; 2]>,
    pub(super) flavour: Flavour,
    /// The number of the next bridge: names are met once.
    pub(super) next: usize,
}

/// VLANs that are met often, so that ports and packets agree often enough.
pub(super) const VLANS: [u16; 6] = [0, 5, 10, 20, 4094, 7];

/// The far ends of most tunnels.
pub(super) const REMOTES: [&str; 2] = ["10.0.0.2", "10.0.0.3"];

impl Setup {
    /// Makes one up of what is in stock.
    pub(super) fn roll(dice: &mut Dice, stock: &mut Stock) -> Setup {
        let count = 1 + dice.below(3);
        let flavour = match count {
            1 => Flavour::Alone,
            _ => dice.pick(&[Flavour::Priorities, Flavour::Customers]),
        };
        stock.flavour = flavour;
        let mut bridges: Vec<Bridge> = (0..count).map(|_| Bridge::roll(dice, stock)).collect();
        // A chain, sometimes a ring or two cables beside each other: not of customers' packets, which get a tag each time they go round.
        let joins = match flavour {
            Flavour::Alone => 0,
            Flavour::Priorities => dice.below(count + 1),
            Flavour::Customers => dice.below(count),
        };
        for join in 0..joins {
            let (a, b) = (join % count, (join + 1) % count);
            let (here, there) = (format!("{}j{join}a", bridges[0].name), format!("{}j{join}b", bridges[0].name));
            for (at, name, peer) in [(a, &here, &there), (b, &there, &here)] {
                let mut settings = port_settings(dice, stock);
                settings.retain(|setting| match flavour {
                    Flavour::Priorities => !setting.contains("priority-tags"),
                    _ => count == 2 || setting != CUSTOMERS,
                });
                let on = bridges[at].name.clone();
                bridges[at].ports.push(Port { name: name.clone(), on, kind: Kind::Patch { peer: peer.clone() }, settings });
            }
        }
        Setup { bridges, flavour }
    }
}

impl Bridge {
    fn roll(dice: &mut Dice, stock: &mut Stock) -> Bridge {
        let number = stock.next;
        stock.next += 1;
        let name = format!("b{number}");
        let mut settings = Vec::new();
        if dice.one_in(4) {
            settings.push(format!("flood_vlans={}", vlans(dice)));
        }
        if dice.one_in(4) {
            settings.push("other_config:forward-bpdu=true".to_owned());
        }
        let local = if dice.one_in(2) { port_settings(dice, stock) } else { Vec::new() };
        let fakes: Vec<(String, u16)> = if dice.one_in(4) { vec![(format!("f{number}"), dice.pick(&[5, 10]))] } else { Vec::new() };
        let mut ports: Vec<Port> = (0..2 + dice.below(4))
            .map(|port| {
                let settings = port_settings(dice, stock);
                Port { name: format!("b{number}p{port}"), on: name.clone(), kind: Kind::Internal, settings }
            })
            .collect();
        if let (Some((fake, _)), Some(port)) = (fakes.first(), ports.last_mut()) {
            (port.on, port.settings) = (fake.clone(), extras(dice, stock));
        }
        if dice.one_in(3)
            && let Some(members) = stock.members.pop()
        {
            let mode = dice.pick(&["active-backup", "balance-slb", "balance-slb", "balance-tcp"]);
            let mut settings = port_settings(dice, stock);
            settings.push(format!("bond_mode={mode}"));
            let lacp = dice.one_in(4);
            if lacp {
                settings.push(format!("lacp={}", dice.pick(&["active", "passive"])));
            }
            ports.push(Port { name: format!("bond{number}"), on: name.clone(), kind: Kind::Bond { members: members.into(), lacp }, settings });
        }
        ports.extend(tunnels(dice, stock, number, &name));
        Bridge { name, settings, local, fakes, ports }
    }
}

fn tunnels(dice: &mut Dice, stock: &Stock, number: usize, on: &str) -> Vec<Port> {
    let mut ports = Vec::new();
    for at in 0..dice.below(3) {
        let kind = dice.pick(&["vxlan", "geneve", "gre"]);
        // Each takes packets of its own: no two have the same key, and one that takes any has a far end for itself.
        let key = 1 + number * 8 + at;
        let v6 = kind != "gre" && dice.one_in(4);
        let remote = if v6 { "fd00::2" } else { dice.pick(&REMOTES) };
        let mut options = vec![format!("remote_ip={remote}")];
        match dice.below(6) {
            0 => options.extend([format!("in_key={key}"), format!("out_key={}", key + 100)]),
            1 => options.extend([format!("in_key={key}"), "out_key=flow".to_owned()]),
            2 => options = vec![format!("remote_ip=10.1.{number}.{at}"), "key=flow".to_owned()],
            3 => options = vec![format!("remote_ip=10.1.{number}.{at}"), "in_key=flow".to_owned(), format!("out_key={key}")],
            _ => options.push(format!("key={key}")),
        }
        let local = if options[0].contains(':') { "fd00::1" } else { "10.0.0.1" };
        let mark = key.to_string();
        for (option, values) in [
            ("local_ip", &[local][..]),
            ("tos", &["inherit", "0x10", "12"]),
            ("ttl", &["inherit", "7", "255"]),
            ("df_default", &["false", "true"]),
            ("csum", &["true", "false"]),
            ("egress_pkt_mark", &[&mark, "0"]),
        ] {
            if dice.one_in(4) {
                options.push(format!("{option}={}", dice.pick(values)));
            }
        }
        // What a port does with tags is asked for by its name, and theirs tells only its device's: all do the same.
        let settings = match stock.flavour {
            Flavour::Alone if dice.one_in(2) => vec![format!("trunks={}", vlans(dice))],
            Flavour::Alone => Vec::new(),
            Flavour::Priorities | Flavour::Customers => port_settings(dice, stock),
        };
        ports.push(Port { name: format!("b{number}t{at}"), on: on.to_owned(), kind: Kind::Tunnel { kind, options }, settings });
    }
    ports
}

fn vlans(dice: &mut Dice) -> String {
    let chosen: BTreeSet<u16> = (0..1 + dice.below(3)).map(|_| dice.pick(&VLANS)).collect();
    chosen.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn port_settings(dice: &mut Dice, stock: &Stock) -> Vec<String> {
    let customers = stock.flavour != Flavour::Priorities;
    let own = if stock.flavour == Flavour::Customers { &VLANS[1..] } else { &VLANS[..] };
    let tag = format!("tag={}", dice.pick(own));
    let trunks = format!("trunks={}", vlans(dice));
    let cvlans = format!("cvlans={}", vlans(dice));
    let modes = ["access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"];
    let mode = format!("vlan_mode={}", dice.pick(&modes[..if customers { 5 } else { 4 }]));
    let ethertype = format!("other_config:qinq-ethtype={}", dice.pick(&["802.1q", "802.1ad"]));
    let [with_tag, with_trunks, with_cvlans, with_type] = [0; 4].map(|_| dice.one_in(2));
    let chosen = |parts: &[(bool, &String)]| parts.iter().filter(|(wanted, _)| *wanted).map(|(_, part)| (*part).clone()).collect::<Vec<_>>();
    let mut settings = match dice.below(10) {
        0 | 1 => Vec::new(),
        2 | 3 => vec![tag],
        4 => vec![trunks],
        5 => chosen(&[(true, &"vlan_mode=native-tagged".to_owned()), (true, &tag), (with_trunks, &trunks)]),
        6 => chosen(&[(true, &"vlan_mode=native-untagged".to_owned()), (true, &tag), (with_trunks, &trunks)]),
        7 | 8 if customers => chosen(&[(true, &CUSTOMERS.to_owned()), (true, &tag), (with_cvlans, &cvlans), (with_type, &ethertype)]),
        _ => chosen(&[
            (true, &mode),
            (with_tag || stock.flavour == Flavour::Customers, &tag),
            (with_trunks, &trunks),
            (with_cvlans, &cvlans),
            (with_type, &ethertype),
        ]),
    };
    settings.extend(extras(dice, stock));
    settings
}

fn extras(dice: &mut Dice, stock: &Stock) -> Vec<String> {
    let mut settings = Vec::new();
    let priority = match stock.flavour {
        Flavour::Alone => dice.pick(&["never", "if-nonzero", "always", "true"]),
        Flavour::Priorities => dice.pick(&["if-nonzero", "true", "no"]),
        Flavour::Customers => dice.pick(&["never", "false"]),
    };
    if dice.one_in(3) {
        settings.push(format!("other_config:priority-tags={priority}"));
    }
    if dice.one_in(5) {
        settings.push("protected=true".to_owned());
    }
    settings
}
