//! A port's counters as `show -s` prints them.

use std::fmt;

use super::tunnel;
use crate::dp::{Vport, VportKind};
use crate::rtnl::{LinkStats, Rtnl};

/// A port's counters; `None` for a tunnel's, of which nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shown(Option<LinkStats>);

impl Shown {
    /// The counters of `vport`. A device that cannot be asked any more, or is in another namespace, is shown by what the
    /// datapath knows of it.
    pub(super) fn of(rtnl: &mut Rtnl, vport: &Vport) -> Self {
        // ovs-vswitchd counts a tunnel's packets in its memory, which neither program has: zeros, as ovs-dpctl prints.
        if tunnel::is_tunnel(vport) {
            return Self::default();
        }
        let device = match vport.kind {
            VportKind::Internal => None,
            _ if vport.netnsid.is_some() => None,
            _ => rtnl.link_stats(&vport.name).ok().flatten(),
        };
        Self::merge(vport, device)
    }

    /// The device counts more than the datapath tells of it.
    fn merge(vport: &Vport, device: Option<LinkStats>) -> Self {
        let of = vport.stats.unwrap_or_default();
        let stats = device.unwrap_or(LinkStats {
            rx_packets: of.rx_packets,
            tx_packets: of.tx_packets,
            rx_bytes: of.rx_bytes,
            tx_bytes: of.tx_bytes,
            rx_errors: of.rx_errors,
            tx_errors: of.tx_errors,
            rx_dropped: of.rx_dropped,
            tx_dropped: of.tx_dropped,
            ..LinkStats::default()
        });
        Self(Some(stats))
    }
}

/// A counter, or `?`.
struct Count(Option<u64>);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(count) => count.fmt(f),
            None => f.write_str("?"),
        }
    }
}

/// Bytes, and in the largest unit they fill.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let Some((unit, shift)) = units.into_iter().find(|(_, shift)| self.0 >> shift != 0) else { return Ok(()) };
        #[expect(clippy::cast_precision_loss, reason = "printed with one digit behind the point")]
        let value = self.0 as f64 / (1u64 << shift) as f64;
        write!(f, " ({value:.1} {unit})")
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = |field: fn(LinkStats) -> u64| Count(self.0.map(field));
        let stats = self.0.unwrap_or_default();
        writeln!(
            f,
            "    RX packets:{} errors:{} dropped:{} overruns:{} frame:{}",
            stats.rx_packets,
            more(|more| more.rx_errors),
            more(|more| more.rx_dropped),
            more(|more| more.rx_over_errors),
            more(|more| more.rx_frame_errors)
        )?;
        writeln!(
            f,
            "    TX packets:{} errors:{} dropped:{} aborted:{} carrier:{}",
            stats.tx_packets,
            more(|more| more.tx_errors),
            more(|more| more.tx_dropped),
            more(|more| more.tx_aborted_errors),
            more(|more| more.tx_carrier_errors)
        )?;
        writeln!(f, "    collisions:{}", more(|more| more.collisions))?;
        writeln!(f, "    RX bytes:{}  TX bytes:{}", Bytes(stats.rx_bytes), Bytes(stats.tx_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_ovs_dpctl() {
        // ovs-dpctl -s show, Open vSwitch 3.1: a tunnel, and another port
        let tunnel = "    RX packets:0 errors:? dropped:? overruns:? frame:?\n    TX packets:0 errors:? dropped:? aborted:? carrier:?\n    collisions:?\n    RX bytes:0  TX bytes:0\n";
        assert_eq!(Shown::default().to_string(), tunnel);
        let other = Shown(Some(LinkStats { rx_packets: 9, tx_bytes: 1536, rx_bytes: 3 << 40, ..LinkStats::default() }));
        let text = "    RX packets:9 errors:0 dropped:0 overruns:0 frame:0\n    TX packets:0 errors:0 dropped:0 aborted:0 carrier:0\n    collisions:0\n    RX bytes:3298534883328 (3.0 TiB)  TX bytes:1536 (1.5 KiB)\n";
        assert_eq!(other.to_string(), text);
        assert_eq!(Bytes(1023).to_string(), "1023");
    }
}
