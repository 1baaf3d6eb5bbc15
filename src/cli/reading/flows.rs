//! What the flows of a datapath have counted together, summed while they come out of the kernel. Nothing is kept of a flow and
//! nothing allocated for it, so that reading costs what receiving costs. The price: a flow the kernel hands out twice while its
//! table is rebuilt counts twice.

use ovsdp_proto::flow::Flow;
use serde::Serialize;

/// A flow that no packet matched for this long is called idle. Half of what the agent lets a flow idle before it removes it.
pub(in crate::cli) const IDLE_MS: u64 = 5_000;

/// What flows have counted together. Flows that go take their packets along: these numbers may fall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct FlowTotals {
    /// How many there are.
    pub(in crate::cli) flows: u64,
    /// Packets that matched.
    pub(in crate::cli) packets: u64,
    /// Their bytes.
    pub(in crate::cli) bytes: u64,
    /// Flows that matched nothing for [`IDLE_MS`], or never.
    pub(in crate::cli) idle: u64,
}

impl FlowTotals {
    /// Adds one flow, seen at `now_ms` on the monotonic clock.
    pub(in crate::cli) fn add(&mut self, flow: &Flow<'_>, now_ms: u64) {
        self.flows += 1;
        self.packets = self.packets.saturating_add(flow.stats.packets);
        self.bytes = self.bytes.saturating_add(flow.stats.bytes);
        self.idle += u64::from(flow.used.is_none_or(|used| now_ms.saturating_sub(used) >= IDLE_MS));
    }
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::flow::{self, Put, Ufid};
    use ovsdp_proto::nla;
    use ovsdp_proto::uapi::flow::attr;
    use ovsdp_proto::{Request, nlmsg::Messages};

    use super::*;

    /// A flow as the kernel answers a terse dump, with its header.
    fn message(number: u8, packets: u64, bytes: u64, used: Option<u64>) -> Vec<u8> {
        let mut out = Vec::new();
        let put = Put { dp_ifindex: 7, ufid: Some(Ufid([number; 16])), ..Put::default() };
        flow::new(&mut out, Request::new(30, 0, 0), &put).unwrap();
        let stats: Vec<u8> = [packets, bytes].into_iter().flat_map(u64::to_ne_bytes).collect();
        nla::put(&mut out, attr::STATS, &stats).unwrap();
        if let Some(used) = used {
            nla::put(&mut out, attr::USED, &used.to_ne_bytes()).unwrap();
        }
        let length = u32::try_from(out.len()).unwrap();
        out[..4].copy_from_slice(&length.to_ne_bytes());
        out
    }

    fn sum(datagram: &[u8], now_ms: u64) -> FlowTotals {
        let mut totals = FlowTotals::default();
        for message in Messages::new(datagram) {
            totals.add(&Flow::parse(message.unwrap().payload).unwrap(), now_ms);
        }
        totals
    }

    #[test]
    fn sums_and_who_is_idle() {
        let datagram = [message(1, 10, 1000, Some(99_000)), message(2, 1, 60, Some(95_000)), message(3, 0, 0, None)].concat();
        assert_eq!(sum(&datagram, 100_000), FlowTotals { flows: 3, packets: 11, bytes: 1060, idle: 2 });
        // A clock that stands before the kernel's stamp: just used.
        assert_eq!(sum(&datagram, 0).idle, 1);
        assert_eq!(sum(&[message(1, u64::MAX, 1, None), message(2, 5, 1, None)].concat(), 0).packets, u64::MAX);
    }

    #[test]
    fn no_flow_costs_an_allocation() {
        let datagram: Vec<u8> = (0..200).flat_map(|number| message(number, 1, 2, Some(3))).collect();
        let info = allocation_counter::measure(|| assert_eq!(sum(&datagram, 0).flows, 200));
        assert_eq!(info.count_total, 0);
    }
}
