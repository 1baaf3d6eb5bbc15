use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use ovsdp_proto::flow::{Put, Ufid, Which};
use ovsdp_proto::key::KeyBuf;
use ovsdp_proto::{IfName, Mac};

use crate::dp::tests::in_namespace;
use crate::dp::{Counters, Dispatch, Requests, SYSTEM};

use super::*;

/// How often flows are read while they change.
const READS: usize = 200;

/// Changes flows: some with an identifier, every third without.
struct Flows<'a> {
    requests: &'a mut Requests,
    datapath: u32,
}

impl Flows<'_> {
    fn each(dp: &mut Dp, datapath: u32, numbers: std::ops::Range<u32>, change: impl Fn(&mut Flows<'_>, Option<Ufid>, &[u8], &[u8])) {
        let mut requests = Requests::new(dp.families());
        let mut flows = Flows { requests: &mut requests, datapath };
        let mut mask = KeyBuf::default();
        mask.in_port(u32::MAX).ethernet(Mac::BROADCAST, Mac::BROADCAST).eth_type(0xffff);
        for n in numbers {
            let [a, b, c, d] = n.to_be_bytes();
            let mut key = KeyBuf::default();
            key.in_port(1).ethernet(Mac([2, 0, a, b, c, d]), Mac::BROADCAST).eth_type(0x88b5);
            let ufid = (!n.is_multiple_of(3)).then_some(Ufid([a, b, c, d, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]));
            change(&mut flows, ufid, key.as_bytes(), mask.as_bytes());
        }
        assert!(dp.run(&mut requests, |_, _| ()).iter().all(Result::is_ok));
    }

    fn add(dp: &mut Dp, datapath: u32, numbers: std::ops::Range<u32>) {
        Self::each(dp, datapath, numbers, |flows, ufid, key, mask| {
            let (key, mask, dp_ifindex) = (Some(key), Some(mask), flows.datapath);
            flows.requests.put_flow(&Put { dp_ifindex, ufid, key, mask, actions: Some(&[]), ..Put::default() }).unwrap();
        });
    }

    fn delete(dp: &mut Dp, datapath: u32, numbers: std::ops::Range<u32>) {
        Self::each(dp, datapath, numbers, |flows, ufid, key, _| {
            flows.requests.delete_flow(flows.datapath, ufid.map_or(Which::Key(key), Which::Ufid), false).unwrap();
        });
    }
}

/// Reads all flows, and returns how it went and the keys that came.
fn read(dp: &mut Dp, datapath: &Datapath) -> (Reading, HashSet<Vec<u8>>) {
    let mut keys = HashSet::new();
    let reading = dp.read_flows(datapath, |flow| {
        assert!(keys.insert((flow.key.unwrap().to_vec(), flow.ufid)), "{flow:?} comes twice");
        ControlFlow::Continue(())
    });
    (reading.unwrap(), keys.into_iter().map(|(key, _)| key).collect())
}

#[test]
fn every_flow_comes_once() {
    in_namespace("every_flow_comes_once", |families| {
        let mut dp = Dp::new(families).unwrap();
        let name = IfName::new(SYSTEM).unwrap();
        let empty = dp.create_datapath(&name, &[], Dispatch::PerCpu).unwrap();
        assert_eq!(read(&mut dp, &empty), (Reading::default(), HashSet::new()));
        // One datagram, two, and many; a datapath that was looked at before there were any.
        for (from, to) in [(0, 30), (30, 150), (150, 4000)] {
            Flows::add(&mut dp, empty.index, from..to);
            let now = dp.datapath(&name).unwrap().unwrap();
            for datapath in [&empty, &now] {
                let (reading, keys) = read(&mut dp, datapath);
                assert_eq!((reading, keys.len()), (Reading { flows: to.into(), ..Reading::default() }, to as usize));
            }
        }
        // Who has seen enough ends it, at once and early, and the socket is good for the next.
        let now = dp.datapath(&name).unwrap().unwrap();
        for enough in [1, 50, 2000] {
            let mut seen = 0;
            let reading = dp.read_flows(&now, |_| {
                seen += 1;
                if seen < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            assert_eq!((reading, seen), (Ok(Reading { flows: enough, stopped: true, ..Reading::default() }), enough));
        }
        // Fewer flows than were counted: what is missing is said, when it is still counted.
        let mut more = now.clone();
        more.stats.as_mut().unwrap().flows += 1;
        let (reading, _) = read(&mut dp, &more);
        assert_eq!((reading.flows, reading.expected), (4000, 4000));
        dp.delete_datapath(&name).unwrap();
        assert!(dp.read_flows(&now, |_| ControlFlow::Continue(())).is_err());
        assert_eq!(dp.counters(), Counters::default());
    });
}

#[test]
fn flows_that_come_and_go_come_at_most_once() {
    in_namespace("flows_that_come_and_go_come_at_most_once", |families| {
        let (mut dp, mut other) = (Dp::new(families).unwrap(), Dp::new(families).unwrap());
        let name = IfName::new(SYSTEM).unwrap();
        let datapath = dp.create_datapath(&name, &[], Dispatch::PerCpu).unwrap();
        // These stay.
        Flows::add(&mut dp, datapath.index, 0..100);
        let (stays, mut all) = (read(&mut dp, &datapath).1, 0);
        let (ended, changes) = (AtomicBool::new(false), std::sync::atomic::AtomicU32::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    // The kernel's table doubles on the way up, and everything in it moves.
                    Flows::add(&mut other, datapath.index, 1000..2000);
                    Flows::delete(&mut other, datapath.index, 1000..2000);
                    changes.fetch_add(1, Ordering::Relaxed);
                }
            });
            let mut reads = 0;
            // As many as are wanted, and as long as it takes that flows changed among them.
            while reads < READS || changes.load(Ordering::Relaxed) < 3 {
                let now = dp.datapath(&name).unwrap().unwrap();
                let (reading, keys) = read(&mut dp, &now);
                assert_eq!((reading.unreadable, reading.restarts, reading.stopped), (0, 0, false));
                all += keys.len();
                // What stood still all the time may only be missing where that is said.
                let missing = stays.difference(&keys).count();
                assert!(missing == 0 || reading.flows < reading.expected || keys.len() > stays.len(), "{missing} are missing: {reading:?}");
                reads += 1;
            }
            ended.store(true, Ordering::Relaxed);
        });
        assert!(all > READS * stays.len(), "no flow was seen that came and went");
        let (reading, keys) = read(&mut dp, &datapath);
        assert_eq!((reading.flows, &keys), (100, &stays));

        dp.delete_datapath(&name).unwrap();
    });
}
