//! What the kernel counts of its datapaths, read at one time, and what two readings say together. `stats`, `top` and
//! `metrics` show these numbers; how they look is theirs.
//!
//! [`take`] asks the kernel; everything else here is pure.

mod flows;
mod pace;
mod rates;
mod take;

use ovsdp_proto::IfName;
use serde::Serialize;

pub(super) use flows::{FlowTotals, IDLE_MS};
pub(super) use pace::pause;
#[cfg(test)]
pub(super) use rates::tests;
pub(super) use rates::{DatapathRates, PortRates, growth};
pub(super) use take::{datapaths, read, read_without_flows};

/// One datapath's numbers. All but those of `flows`, `masks` and `totals` count since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Datapath {
    /// Its name.
    pub(super) name: IfName,
    /// Its local port's interface index: another datapath of the same name has another one.
    #[serde(skip)]
    pub(super) index: u32,
    /// When it was read, in milliseconds on the monotonic clock.
    #[serde(skip)]
    pub(super) at_ms: u64,
    /// Packets a flow matched.
    pub(super) hit: u64,
    /// Packets no flow matched.
    pub(super) missed: u64,
    /// Of those, packets that could not be sent up.
    pub(super) lost: u64,
    /// Flows there are, as the datapath counts them.
    pub(super) flows: u64,
    /// Masks; `None` when the kernel does not tell.
    #[serde(flatten)]
    pub(super) masks: Option<Masks>,
    /// Its ports, by number.
    pub(super) ports: Vec<Port>,
    /// What its flows have counted; `None` when they were not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flow_totals: Option<FlowTotals>,
}

/// What a datapath counts of its masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Masks {
    /// Masks there are.
    pub(super) masks: u32,
    /// Masks tried, over all packets.
    pub(super) mask_hit: u64,
    /// Packets for which the mask cache knew which one to try.
    pub(super) cache_hit: u64,
}

/// One port's numbers, as its device counts them: what the datapath puts out of an internal port is received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Port {
    /// Its number in the datapath.
    pub(super) number: u32,
    /// Its device's name.
    pub(super) name: IfName,
    /// Its device's interface index: a port made anew has another one.
    #[serde(skip)]
    pub(super) ifindex: Option<u32>,
    /// Packets received.
    pub(super) rx_packets: u64,
    /// Bytes received.
    pub(super) rx_bytes: u64,
    /// Bad packets received.
    pub(super) rx_errors: u64,
    /// Packets dropped on the way in.
    pub(super) rx_dropped: u64,
    /// Packets sent.
    pub(super) tx_packets: u64,
    /// Bytes sent.
    pub(super) tx_bytes: u64,
    /// Packets that could not be sent.
    pub(super) tx_errors: u64,
    /// Packets dropped on the way out.
    pub(super) tx_dropped: u64,
    /// Packets sent up (6.3 and later); `None` when the kernel does not tell.
    pub(super) upcalls: Option<u64>,
    /// Packets that could not be sent up (6.3 and later); `None` when the kernel does not tell.
    pub(super) upcall_errors: Option<u64>,
}

impl Datapath {
    /// Masks tried for a packet, on average; `None` before the first packet.
    pub(super) fn masks_per_packet(&self) -> Option<f64> {
        ratio(self.masks?.mask_hit, self.hit.saturating_add(self.missed))
    }

    /// The share of packets for which the mask cache knew the mask, 0 to 1; `None` before the first packet.
    pub(super) fn cache_share(&self) -> Option<f64> {
        ratio(self.masks?.cache_hit, self.hit.saturating_add(self.missed))
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits behind the point")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole != 0).then(|| part as f64 / whole as f64)
}
