//! Which flows are busiest: what each had counted in the reading before, and a choice among them. 100,000 flows take some ten
//! megabytes. Text of flows is not made here.

use std::cmp::Ordering;

use hashbrown::HashMap;
use ovsdp_proto::flow::{Flow, Ufid};

use super::super::reading::growth;

/// The most flows that are ranked and can be scrolled or filtered among.
pub(super) const RANKED: usize = 500;

/// What a flow is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Id {
    /// Its identifier.
    Named(Ufid),
    /// Its key, for one installed without an identifier.
    Nameless(Box<[u8]>),
}

/// A flow's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    packets: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Known {
    /// In the reading before; `None` when there was none.
    before: Option<Counts>,
    now: Counts,
    used: Option<u64>,
    /// The reading that saw it last.
    reading: u64,
}

/// One of the busiest flows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FlowRow {
    /// What it is known by.
    pub(super) id: Id,
    /// Packets that matched.
    pub(super) packets: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Packets a second; `None` when it is not known.
    pub(super) packet_rate: Option<f64>,
    /// Bytes a second; `None` when it is not known.
    pub(super) byte_rate: Option<f64>,
    /// Milliseconds since it was last used; `None`: never.
    pub(super) idle_ms: Option<u64>,
}

/// How a row is ranked: the larger, the earlier. What is not known comes last.
pub(super) type Rank = fn(&FlowRow) -> Option<f64>;

/// Every flow of a datapath with its counts of the last two readings.
#[derive(Debug, Default)]
pub(super) struct FlowTable {
    known: HashMap<Id, Known>,
    reading: u64,
    at_ms: u64,
    elapsed_ms: u64,
}

impl FlowTable {
    /// Begins a reading, at `now_ms` on the monotonic clock.
    pub(super) fn begin(&mut self, now_ms: u64) {
        self.elapsed_ms = now_ms.saturating_sub(self.at_ms);
        self.at_ms = now_ms;
        self.reading += 1;
    }

    /// Sees one flow. Seen twice in one reading, which the kernel may do, its later counts are the ones that count.
    pub(super) fn see(&mut self, flow: &Flow<'_>) {
        let id = match (flow.ufid, flow.key) {
            (Some(ufid), _) => Id::Named(ufid),
            (None, Some(key)) => Id::Nameless(key.into()),
            (None, None) => return,
        };
        let now = Counts { packets: flow.stats.packets, bytes: flow.stats.bytes };
        let reading = self.reading;
        // A flow that was not there before has counted everything since. What the first reading sees was there for who knows how
        // long.
        let before = (reading > 1).then(Counts::default);
        let known = self.known.entry(id).or_insert(Known { before, now, used: flow.used, reading });
        if known.reading != reading {
            known.before = Some(known.now);
        }
        (known.now, known.used, known.reading) = (now, flow.used, reading);
    }

    /// Ends a reading: flows it did not see are gone.
    pub(super) fn end(&mut self) {
        let reading = self.reading;
        self.known.retain(|_, known| known.reading == reading);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The first `limit` by `rank`, in order; the last when `ascending`. Of equals, the one with more packets comes first.
    pub(super) fn best(&self, rank: Rank, ascending: bool, limit: usize) -> Vec<FlowRow> {
        // A row would copy the identifier of each: what is compared is made first, and rows only of those chosen.
        let mut all: Vec<_> = self.known.iter().map(|(id, known)| (self.bare(known), id)).map(|(row, id)| (rank(&row), row.packets, id)).collect();
        let order = |a: &(Option<f64>, u64, &Id), b: &(Option<f64>, u64, &Id)| by_rank(a.0, b.0, ascending).then(b.1.cmp(&a.1)).then(a.2.cmp(b.2));
        if all.len() > limit && limit > 0 {
            all.select_nth_unstable_by(limit - 1, order);
        }
        all.truncate(limit);
        all.sort_unstable_by(order);
        let row = |(_, _, id): (_, _, &Id)| self.known.get(id).map(|known| FlowRow { id: id.clone(), ..self.bare(known) });
        all.into_iter().filter_map(row).collect()
    }

    /// A row without its identifier.
    fn bare(&self, known: &Known) -> FlowRow {
        let rate = |count: fn(&Counts) -> u64| growth(count(known.before.as_ref()?), count(&known.now), self.elapsed_ms);
        FlowRow {
            id: Id::Named(Ufid([0; 16])),
            packets: known.now.packets,
            bytes: known.now.bytes,
            packet_rate: rate(|counts| counts.packets),
            byte_rate: rate(|counts| counts.bytes),
            idle_ms: known.used.map(|used| self.at_ms.saturating_sub(used)),
        }
    }
}

/// The larger first, or the smaller when `ascending`; what is not known last either way.
pub(super) fn by_rank(a: Option<f64>, b: Option<f64>, ascending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if ascending => a.total_cmp(&b),
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::flow::{self, Put};
    use ovsdp_proto::uapi::flow::attr;
    use ovsdp_proto::{Request, nla};
    use proptest::prelude::*;

    use super::*;

    fn see(table: &mut FlowTable, number: u32, packets: u64, bytes: u64) {
        let mut ufid = [0; 16];
        ufid[..4].copy_from_slice(&number.to_be_bytes());
        see_as(table, Put { ufid: Some(Ufid(ufid)), ..Put::default() }, packets, bytes);
    }

    fn see_as(table: &mut FlowTable, put: Put<'_>, packets: u64, bytes: u64) {
        let mut out = Vec::new();
        flow::new(&mut out, Request::new(30, 0, 0), &put).unwrap();
        let stats: Vec<u8> = [packets, bytes].into_iter().flat_map(u64::to_ne_bytes).collect();
        nla::put(&mut out, attr::STATS, &stats).unwrap();
        table.see(&Flow::parse(&out[16..]).unwrap());
    }

    const PACKETS: Rank = |row| row.packet_rate;

    fn packet_rates(table: &FlowTable) -> Vec<Option<f64>> {
        table.best(PACKETS, false, RANKED).iter().map(|row| row.packet_rate).collect()
    }

    #[test]
    fn rates_need_two_readings_and_a_new_flow_has_one_at_once() {
        let mut table = FlowTable::default();
        table.begin(1_000);
        see(&mut table, 1, 1000, 1);
        see(&mut table, 2, 50, 1);
        table.end();
        assert_eq!(packet_rates(&table), [None, None]);
        table.begin(3_000);
        see(&mut table, 1, 1010, 1);
        see(&mut table, 2, 40, 1);
        see(&mut table, 3, 8, 1);
        // Twice in one reading.
        see(&mut table, 1, 1020, 1);
        table.end();
        // The one that went backwards comes last.
        assert_eq!(packet_rates(&table), [Some(10.0), Some(4.0), None]);
        table.begin(4_000);
        see_as(&mut table, Put { key: Some(b"key!"), ..Put::default() }, 1, 1);
        table.end();
        assert_eq!((table.len(), packet_rates(&table)), (1, vec![Some(1.0)]));
        assert_eq!(table.best(PACKETS, false, 1)[0].id, Id::Nameless(b"key!".as_slice().into()));
    }

    proptest! {
        #[test]
        fn the_best_are_the_best(counts in proptest::collection::vec(0u64..50, 0..60), limit in 0usize..70, ascending: bool) {
            let mut table = FlowTable::default();
            table.begin(0);
            table.end();
            table.begin(1_000);
            for (number, packets) in counts.iter().enumerate() {
                see(&mut table, u32::try_from(number).unwrap(), *packets, 0);
            }
            table.end();
            let chosen: Vec<_> = table.best(PACKETS, ascending, limit).iter().map(|row| row.packets).collect();
            let mut wanted = counts;
            wanted.sort_unstable_by_key(|packets| if ascending { *packets } else { u64::MAX - *packets });
            wanted.truncate(limit);
            prop_assert_eq!(chosen, wanted);
        }
    }
}
