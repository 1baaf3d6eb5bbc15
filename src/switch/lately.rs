//! Stations that a bridge was made to forget a moment ago: a port has other VLANs now, a patch port is gone, or a person flushed the table. What
//! the bridge sent for them by an SLB bond is still on its way, and comes back from the network; taken for new it would be forwarded a second time, and
//! the station be looked for beyond the bond. Nothing else asks here: by any other port a station is found at once.

use foldhash::quality::RandomState;
use hashbrown::HashMap;

use super::fdb::{Address, Fdb};
use super::time::{Moment, RETURN};
use super::topology::PortId;

/// The stations, each with the port it was behind.
#[derive(Debug, Default)]
pub(super) struct Lately {
    stations: HashMap<Address, PortId, RandomState>,
    /// Until when it is known of all of them.
    until: Moment,
}

impl Lately {
    /// Notes what the table learned behind `port`, or behind every port, before that is forgotten. No more stations than the table may have.
    pub(super) fn note(&mut self, now: Moment, fdb: &Fdb, port: Option<PortId>) {
        self.expire(now);
        self.until = now + RETURN;
        for (station, found) in fdb.iter().filter(|(_, found)| !found.is_static && port.is_none_or(|port| found.port == port)) {
            if self.stations.len() < fdb.limits().size() as usize {
                self.stations.insert(station, found.port);
            }
        }
    }

    /// Whether a station was behind another port than `port`, as far as is known.
    pub(super) fn was_elsewhere(&self, now: Moment, station: Address, port: PortId) -> bool {
        now < self.until && self.stations.get(&station).is_some_and(|before| *before != port)
    }

    /// Lets go of what nothing comes back for any more, and its memory.
    pub(super) fn expire(&mut self, now: Moment) {
        if now >= self.until && !self.stations.is_empty() {
            self.stations = HashMap::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use ovsdp_proto::Mac;

    use super::super::fdb::Limits;
    use super::*;

    const fn station(number: u8) -> Address {
        (5, Mac([2, 0, 0, 0, 0, number]))
    }

    #[test]
    fn what_was_learned_is_known_for_a_while() {
        let mut fdb = Fdb::new(Limits::default());
        fdb.learn(Moment(0), station(1), PortId(1));
        fdb.learn(Moment(0), station(2), PortId(2));
        fdb.pin(Moment(0), station(3), PortId(1));
        let mut lately = Lately::default();
        let known = |lately: &Lately, at| [1, 2, 3].map(|number| lately.was_elsewhere(Moment(at), station(number), PortId(9)));
        lately.note(Moment(1000), &fdb, Some(PortId(1)));
        assert_eq!(known(&lately, 1000), [true, false, false], "a static one is not forgotten");
        assert!(!lately.was_elsewhere(Moment(1000), station(1), PortId(1)), "it was there");
        assert_eq!(known(&lately, 5999), [true, false, false]);
        assert_eq!(known(&lately, 6000), [false; 3]);
        lately.note(Moment(7000), &fdb, None);
        assert_eq!(known(&lately, 7000), [true, true, false]);
        lately.expire(Moment(12_000));
        assert_eq!(lately.stations.capacity(), 0);
    }

    #[test]
    fn there_are_never_more_than_the_table_may_have() {
        let mut fdb = Fdb::new(Limits::new(Duration::from_secs(300), 10));
        let mut lately = Lately::default();
        for round in 0..5 {
            for number in 0..10 {
                fdb.learn(Moment(0), station(10 * round + number), PortId(1));
            }
            lately.note(Moment(1), &fdb, None);
            fdb.flush(&mut |_| {});
        }
        assert_eq!(lately.stations.len(), 10);
    }
}
