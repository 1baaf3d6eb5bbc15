//! A reading as text for a person.

use std::fmt::Write;

use super::super::reading::{Datapath, DatapathRates, IDLE_MS, Port, PortRates};
use super::super::table::{Column, table};

const COUNTS: [Column; 12] = [
    Column::Number("PORT"),
    Column::Words("NAME"),
    Column::Number("RX-PACKETS"),
    Column::Number("RX-BYTES"),
    Column::Number("RX-ERRORS"),
    Column::Number("RX-DROPS"),
    Column::Number("TX-PACKETS"),
    Column::Number("TX-BYTES"),
    Column::Number("TX-ERRORS"),
    Column::Number("TX-DROPS"),
    Column::Number("UPCALLS"),
    Column::Number("UPCALL-ERRORS"),
];
const RATES: [Column; 5] =
    [Column::Number("RX/s"), Column::Number("RX-BYTES/s"), Column::Number("TX/s"), Column::Number("TX-BYTES/s"), Column::Number("UPCALLS/s")];

/// One datapath's numbers; with rates behind the first reading.
pub(super) fn datapath(now: &Datapath, rates: Option<&DatapathRates>) -> String {
    let mut out = format!("{}: {} ports, {} flows", now.name, now.ports.len(), now.flows);
    // Writing to a String cannot fail.
    if let Some(masks) = now.masks {
        let _ = write!(out, ", {} masks", masks.masks);
    }
    let with = |count: u64, of: &str, rate: fn(&DatapathRates) -> Option<f64>| counted(count, of, rates.map(rate));
    let _ = writeln!(
        out,
        "\n  packets: {}, {}, {}",
        with(now.hit, "hit", |rates| rates.hit),
        with(now.missed, "missed", |rates| rates.missed),
        with(now.lost, "lost", |rates| rates.lost)
    );
    if let Some(masks) = now.masks {
        let _ = writeln!(
            out,
            "  masks: {} tried, {} a packet; {} packets by the mask cache ({} %)",
            masks.mask_hit,
            now.masks_per_packet().map_or_else(|| "-".into(), |value| format!("{value:.2}")),
            masks.cache_hit,
            now.cache_share().map_or_else(|| "-".into(), |value| format!("{:.2}", value * 100.0))
        );
    }
    if let Some(totals) = now.flow_totals {
        let _ = writeln!(
            out,
            "  flows: {}, {} idle for {} s or longer; {}, {}",
            totals.flows,
            totals.idle,
            IDLE_MS / 1000,
            with(totals.packets, "packets", |rates| rates.flow_packets),
            with(totals.bytes, "bytes", |rates| rates.flow_bytes)
        );
    }
    let columns: Vec<_> = COUNTS.into_iter().chain(rates.into_iter().flat_map(|_| RATES)).collect();
    let rows: Vec<_> = now.ports.iter().enumerate().map(|(at, port)| row(port, rates.map(|rates| rates.ports.get(at).copied()))).collect();
    out.push_str(&table("  ", &columns, &rows));
    out
}

fn row(port: &Port, rates: Option<Option<PortRates>>) -> Vec<String> {
    let known = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let counts = [port.rx_packets, port.rx_bytes, port.rx_errors, port.rx_dropped, port.tx_packets, port.tx_bytes, port.tx_errors, port.tx_dropped];
    let mut row = vec![port.number.to_string(), port.name.to_string()];
    row.extend(counts.map(|count| count.to_string()));
    row.extend([known(port.upcalls), known(port.upcall_errors)]);
    if let Some(rates) = rates {
        let rates = rates.unwrap_or_default();
        row.extend([rates.rx_packets, rates.rx_bytes, rates.tx_packets, rates.tx_bytes, rates.upcalls].map(rate));
    }
    row
}

/// A rate with one digit behind the point, or `-` when it is not known.
fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"))
}

/// A count of something, and in parentheses its rate when rates are shown.
fn counted(count: u64, of: &str, shown: Option<Option<f64>>) -> String {
    shown.map_or_else(|| format!("{count} {of}"), |known| format!("{count} {of} ({}/s)", rate(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::reading::tests::{datapath as empty, port};
    use crate::cli::reading::{FlowTotals, Masks};

    #[test]
    fn the_text_of_a_reading_and_of_one_that_follows() {
        let mut before = empty(vec![port(0, "ovs-system"), Port { upcalls: None, upcall_errors: None, ..port(1, "eth0") }]);
        before.flows = 2;
        before.masks = Some(Masks { masks: 1, mask_hit: 48, cache_hit: 4 });
        (before.hit, before.missed) = (10, 20);
        before.flow_totals = Some(FlowTotals { flows: 2, packets: 10, bytes: 980, idle: 1 });
        let once = "\
ovs-system: 2 ports, 2 flows, 1 masks
  packets: 10 hit, 20 missed, 0 lost
  masks: 48 tried, 1.60 a packet; 4 packets by the mask cache (13.33 %)
  flows: 2, 1 idle for 5 s or longer; 10 packets, 980 bytes
  PORT  NAME        RX-PACKETS  RX-BYTES  RX-ERRORS  RX-DROPS  TX-PACKETS  TX-BYTES  TX-ERRORS  TX-DROPS  UPCALLS  UPCALL-ERRORS
     0  ovs-system           0         0          0         0           0         0          0         0        0              0
     1  eth0                 0         0          0         0           0         0          0         0        -              -
";
        assert_eq!(datapath(&before, None), once);
        let mut now = before.clone();
        now.at_ms += 2_000;
        now.hit += 5;
        now.ports[1].rx_packets = 3;
        now.flow_totals = Some(FlowTotals { flows: 2, packets: 9, bytes: 1000, idle: 1 });
        let text = datapath(&now, Some(&DatapathRates::between(Some(&before), &now)));
        assert!(text.contains("  packets: 15 hit (2.5/s), 20 missed (0.0/s), 0 lost (0.0/s)\n"), "{text}");
        assert!(text.contains("; 9 packets (-/s), 1000 bytes (10.0/s)\n"), "{text}");
        assert!(text.ends_with("  1.5         0.0   0.0         0.0          -\n"), "{text}");
    }

    #[test]
    fn nothing_is_divided_by_no_packets() {
        let text = datapath(&empty(Vec::new()), None);
        assert!(text.contains("  masks: 0 tried, - a packet; 0 packets by the mask cache (- %)\n"), "{text}");
        assert!(!datapath(&Datapath { masks: None, ..empty(Vec::new()) }, None).contains("masks"));
    }
}
