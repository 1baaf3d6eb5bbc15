//! Two readings of the same thing become rates: growth a second. A counter that went backwards, or that belongs to another
//! port or datapath of the same name, has no rate: what it counted before is gone, and a guess would be a wrong number.

use serde::Serialize;

use super::{Datapath, Port};

/// The growth a second from `before` to `now`, `elapsed_ms` later; `None` when it went backwards or no time passed.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown with one digit behind the point")]
pub(in crate::cli) fn growth(before: u64, now: u64, elapsed_ms: u64) -> Option<f64> {
    let grown = now.checked_sub(before)?;
    (elapsed_ms != 0).then(|| grown as f64 * 1000.0 / elapsed_ms as f64)
}

/// A datapath's rates, each a second.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in crate::cli) struct DatapathRates {
    /// Packets a flow matched.
    pub(in crate::cli) hit: Option<f64>,
    /// Packets no flow matched.
    pub(in crate::cli) missed: Option<f64>,
    /// Packets that could not be sent up.
    pub(in crate::cli) lost: Option<f64>,
    /// Packets of all flows; `None` also when flows went and took more along than the others counted.
    pub(in crate::cli) flow_packets: Option<f64>,
    /// Bytes of all flows; `None` as for packets.
    pub(in crate::cli) flow_bytes: Option<f64>,
    /// Its ports' rates, in the order of the later reading's ports.
    #[serde(skip)]
    pub(in crate::cli) ports: Vec<PortRates>,
}

/// A port's rates, each a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(in crate::cli) struct PortRates {
    /// Packets received.
    pub(in crate::cli) rx_packets: Option<f64>,
    /// Bytes received.
    pub(in crate::cli) rx_bytes: Option<f64>,
    /// Packets sent.
    pub(in crate::cli) tx_packets: Option<f64>,
    /// Bytes sent.
    pub(in crate::cli) tx_bytes: Option<f64>,
    /// Errors of both directions.
    pub(in crate::cli) errors: Option<f64>,
    /// Drops of both directions.
    pub(in crate::cli) dropped: Option<f64>,
    /// Packets sent up.
    pub(in crate::cli) upcalls: Option<f64>,
    /// Packets that could not be sent up.
    pub(in crate::cli) upcall_errors: Option<f64>,
}

impl DatapathRates {
    /// What happened between two readings of one datapath. Without an earlier one, or when the earlier one was of another
    /// datapath of the same name, no rate is known.
    pub(in crate::cli) fn between(before: Option<&Datapath>, now: &Datapath) -> Self {
        let Some(before) = before.filter(|before| before.name == now.name && before.index == now.index) else {
            return Self { ports: vec![PortRates::default(); now.ports.len()], ..Self::default() };
        };
        let elapsed = now.at_ms.saturating_sub(before.at_ms);
        let of = |count: fn(&Datapath) -> Option<u64>| growth(count(before)?, count(now)?, elapsed);
        let ports = now.ports.iter().map(|port| {
            let same = |before: &&Port| before.number == port.number && before.name == port.name && before.ifindex == port.ifindex;
            before.ports.iter().find(same).map_or_else(PortRates::default, |before| PortRates::between(before, port, elapsed))
        });
        Self {
            hit: of(|datapath| Some(datapath.hit)),
            missed: of(|datapath| Some(datapath.missed)),
            lost: of(|datapath| Some(datapath.lost)),
            flow_packets: of(|datapath| Some(datapath.flow_totals?.packets)),
            flow_bytes: of(|datapath| Some(datapath.flow_totals?.bytes)),
            ports: ports.collect(),
        }
    }
}

impl PortRates {
    fn between(before: &Port, now: &Port, elapsed_ms: u64) -> Self {
        let of = |count: fn(&Port) -> Option<u64>| growth(count(before)?, count(now)?, elapsed_ms);
        let both = |one: fn(&Port) -> Option<u64>, other: fn(&Port) -> Option<u64>| Some(of(one)? + of(other)?);
        Self {
            rx_packets: of(|port| Some(port.rx_packets)),
            rx_bytes: of(|port| Some(port.rx_bytes)),
            tx_packets: of(|port| Some(port.tx_packets)),
            tx_bytes: of(|port| Some(port.tx_bytes)),
            errors: both(|port| Some(port.rx_errors), |port| Some(port.tx_errors)),
            dropped: both(|port| Some(port.rx_dropped), |port| Some(port.tx_dropped)),
            upcalls: of(|port| port.upcalls),
            upcall_errors: of(|port| port.upcall_errors),
        }
    }
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use ovsdp_proto::IfName;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::reading::{FlowTotals, Masks};

    /// A port that has counted nothing.
    pub(in crate::cli) fn port(number: u32, name: &str) -> Port {
        Port {
            number,
            name: IfName::new(name).unwrap(),
            ifindex: Some(number + 10),
            rx_packets: 0,
            rx_bytes: 0,
            rx_errors: 0,
            rx_dropped: 0,
            tx_packets: 0,
            tx_bytes: 0,
            tx_errors: 0,
            tx_dropped: 0,
            upcalls: Some(0),
            upcall_errors: Some(0),
        }
    }

    /// A datapath that has counted nothing.
    pub(in crate::cli) fn datapath(ports: Vec<Port>) -> Datapath {
        Datapath {
            name: IfName::new("ovs-system").unwrap(),
            index: 3,
            at_ms: 10_000,
            hit: 0,
            missed: 0,
            lost: 0,
            flows: 0,
            masks: Some(Masks { masks: 0, mask_hit: 0, cache_hit: 0 }),
            ports,
            flow_totals: Some(FlowTotals::default()),
        }
    }

    #[test]
    fn growth_a_second() {
        assert_eq!(growth(10, 35, 500), Some(50.0));
        assert_eq!(growth(10, 10, 500), Some(0.0));
        assert_eq!(growth(10, 9, 500), None);
        assert_eq!(growth(10, 20, 0), None);
    }

    #[test]
    fn a_port_made_anew_has_no_rate_though_it_counted_more() {
        let before = datapath(vec![port(1, "eth0"), port(2, "eth1"), port(3, "eth2")]);
        let mut now = before.clone();
        now.at_ms += 2_000;
        now.hit = 100;
        now.ports[0].rx_packets = 20;
        now.ports[0].tx_errors = 3;
        now.ports[0].rx_errors = 1;
        now.ports[1] = Port { ifindex: Some(99), rx_packets: 7, ..now.ports[1].clone() };
        now.ports.remove(2);
        now.ports.push(port(4, "eth3"));
        let rates = DatapathRates::between(Some(&before), &now);
        assert_eq!((rates.hit, rates.missed), (Some(50.0), Some(0.0)));
        assert_eq!((rates.ports[0].rx_packets, rates.ports[0].errors), (Some(10.0), Some(2.0)));
        assert_eq!(rates.ports[1..], [PortRates::default(); 2]);
    }

    #[test]
    fn counters_that_went_backwards_have_no_rate_and_the_others_do() {
        let mut before = datapath(vec![port(1, "eth0")]);
        before.ports[0].rx_packets = 50;
        before.flow_totals = Some(FlowTotals { flows: 2, packets: 90, bytes: 900, idle: 0 });
        let mut now = before.clone();
        now.at_ms += 1_000;
        now.ports[0].rx_packets = 20;
        now.ports[0].tx_packets = 5;
        now.flow_totals = Some(FlowTotals { flows: 1, packets: 40, bytes: 1000, idle: 0 });
        let rates = DatapathRates::between(Some(&before), &now);
        assert_eq!((rates.ports[0].rx_packets, rates.ports[0].tx_packets), (None, Some(5.0)));
        assert_eq!((rates.flow_packets, rates.flow_bytes), (None, Some(100.0)));
    }

    #[test]
    fn another_datapath_of_the_name_and_a_first_reading_have_no_rates() {
        let now = datapath(vec![port(1, "eth0")]);
        let other = Datapath { index: 4, at_ms: 0, ..now.clone() };
        for before in [None, Some(&other)] {
            assert_eq!(DatapathRates::between(before, &now), DatapathRates { ports: vec![PortRates::default()], ..DatapathRates::default() });
        }
    }

    proptest! {
        #[test]
        fn a_rate_is_never_negative_nor_more_than_what_was_counted(before: u64, now: u64, elapsed in 0u64..=86_400_000) {
            match growth(before, now, elapsed) {
                None => prop_assert!(now < before || elapsed == 0),
                Some(rate) => {
                    let counted = rate * elapsed as f64 / 1000.0;
                    let grown = (now - before) as f64;
                    prop_assert!(rate >= 0.0 && rate.is_finite() && (counted - grown).abs() <= grown * 1e-9);
                }
            }
        }

        #[test]
        fn rates_stand_in_the_order_of_the_ports(numbers in proptest::collection::hash_set(0u32..50, 0..20), counted in 1u64..1000) {
            let ports: Vec<_> = numbers.iter().map(|number| port(*number, &format!("p{number}"))).collect();
            let before = datapath(ports.iter().rev().cloned().collect());
            let mut now = datapath(ports);
            now.at_ms += 1_000;
            for port in &mut now.ports {
                port.rx_packets = counted * u64::from(port.number);
            }
            let rates = DatapathRates::between(Some(&before), &now);
            for (port, rates) in now.ports.iter().zip(&rates.ports) {
                prop_assert_eq!(rates.rx_packets, Some((counted * u64::from(port.number)) as f64));
            }
        }
    }
}
