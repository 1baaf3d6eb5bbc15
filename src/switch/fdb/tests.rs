use proptest::prelude::*;

use super::*;

const P: [PortId; 4] = [PortId(1), PortId(2), PortId(3), PortId(4)];

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x02, 0, a, b, c, d])
}

fn small() -> Fdb {
    Fdb::new(Limits::new(Duration::from_secs(300), 10))
}

fn addresses(fdb: &Fdb) -> Vec<(Mac, PortId)> {
    fdb.iter().map(|((_, mac), found)| (mac, found.port)).collect()
}

fn seconds(seconds: u64) -> Moment {
    Moment(seconds * 1000)
}

#[test]
fn limits_are_clamped_as_open_vswitch_does() {
    let low = Limits::new(Duration::ZERO, 0);
    assert_eq!((low.aging().as_secs(), low.size()), (15, 10));
    let high = Limits::new(Duration::from_secs(9999), 2_000_000);
    assert_eq!((high.aging().as_secs(), high.size()), (3600, 1_000_000));
    assert_eq!((Limits::default().aging().as_secs(), Limits::default().size()), (300, 8192));
}

#[test]
fn a_station_is_learned_touched_and_moved() {
    let mut fdb = small();
    assert_eq!(fdb.learn(seconds(1), (5, mac(1)), P[0]), Learn::New { evicted: None });
    assert_eq!(fdb.learn(seconds(2), (5, mac(1)), P[0]), Learn::Known);
    assert_eq!(fdb.find((5, mac(1))), Some(Found { port: P[0], used: seconds(2), is_static: false }));
    assert_eq!(fdb.find((6, mac(1))), None, "another VLAN is another address");
    assert_eq!(fdb.learn(seconds(3), (5, mac(1)), P[1]), Learn::Moved { from: P[0] });
    assert_eq!(fdb.find((5, mac(1))).unwrap().port, P[1]);
    let stats = fdb.stats();
    assert_eq!((stats.current, stats.max, stats.learned, stats.moved), (1, 10, 1, 1));
}

#[test]
fn a_group_address_is_never_learned() {
    let mut fdb = small();
    for group in [Mac::BROADCAST, Mac([1, 0, 0x5e, 0, 0, 1]), Mac([3, 0, 0, 0, 0, 0])] {
        assert_eq!(fdb.learn(Moment(0), (0, group), P[0]), Learn::Refused);
    }
    assert!(fdb.is_empty());
}

#[test]
fn silence_expires_and_speech_does_not() {
    let mut fdb = small();
    fdb.learn(seconds(0), (0, mac(1)), P[0]);
    fdb.learn(seconds(0), (0, mac(2)), P[0]);
    fdb.learn(seconds(100), (0, mac(1)), P[0]);
    let mut gone = Vec::new();
    fdb.expire(Moment(299_999), &mut |address| gone.push(address));
    assert!(gone.is_empty());
    assert_eq!(fdb.next_expiry(), Some(seconds(300)));
    fdb.expire(seconds(300), &mut |address| gone.push(address));
    assert_eq!(gone, [(0, mac(2))]);
    assert_eq!(fdb.next_expiry(), Some(seconds(400)));
    assert_eq!(fdb.stats().expired, 1);
}

#[test]
fn a_clock_read_out_of_order_does_no_harm() {
    let mut fdb = small();
    fdb.learn(seconds(10), (0, mac(1)), P[0]);
    fdb.learn(seconds(9), (0, mac(2)), P[0]);
    assert_eq!(fdb.find((0, mac(2))).unwrap().used, seconds(10));
}

/// The test "MAC table overflow" of Open vSwitch: the least recently used address goes, of the port with most.
#[test]
fn a_full_table_evicts_fairly() {
    let mut fdb = small();
    for number in 0..10 {
        fdb.learn(seconds(u64::from(number)), (0, mac(number)), P[0]);
    }
    fdb.learn(seconds(20), (0, mac(0)), P[0]);
    // One port has all: each newcomer, its own or another's, costs it its oldest.
    assert_eq!(fdb.learn(seconds(21), (0, mac(10)), P[0]), Learn::New { evicted: Some((0, mac(1))) });
    for (number, evicted) in [(11, 2), (12, 3), (13, 4), (14, 5), (15, 6)] {
        assert_eq!(fdb.learn(seconds(22), (0, mac(number)), P[1]), Learn::New { evicted: Some((0, mac(evicted))) });
    }
    // Five each. The port that was there first stands at the root and pays for a third one.
    assert_eq!(fdb.learn(seconds(23), (0, mac(16)), P[2]), Learn::New { evicted: Some((0, mac(7))) });
    // Now the second has most: it pays for its own.
    assert_eq!(fdb.learn(seconds(24), (0, mac(17)), P[1]), Learn::New { evicted: Some((0, mac(11))) });
    let count = |port| addresses(&fdb).iter().filter(|(_, other)| *other == port).count();
    assert_eq!((count(P[0]), count(P[1]), count(P[2])), (4, 5, 1));
    assert_eq!((fdb.stats().evicted, fdb.len()), (8, 10));
}

#[test]
fn a_flood_of_addresses_evicts_none_of_the_others() {
    let mut fdb = Fdb::new(Limits::new(Duration::from_secs(300), 100));
    for number in 0..40 {
        fdb.learn(seconds(0), (0, mac(number)), P[0]);
    }
    for number in 1000..101_000 {
        fdb.learn(seconds(1), (0, mac(number)), P[1]);
    }
    let kept = addresses(&fdb).into_iter().filter(|(_, port)| *port == P[0]).count();
    assert_eq!((kept, fdb.len(), fdb.stats().evicted), (40, 100, 100_000 - 60));
}

#[test]
fn flushing_a_port_leaves_the_others() {
    let mut fdb = small();
    for number in 0..9 {
        fdb.learn(seconds(0), (0, mac(number)), P[number as usize % 3]);
    }
    let mut gone = 0;
    fdb.flush_port(P[1], &mut |_| gone += 1);
    fdb.flush_port(P[3], &mut |_| gone += 100);
    assert_eq!((gone, fdb.len()), (3, 6));
    assert!(fdb.forget((0, mac(0))));
    assert!(!fdb.forget((0, mac(0))));
    fdb.flush(&mut |_| gone += 1);
    assert_eq!((gone, fdb.is_empty()), (8, true));
}

#[test]
fn a_smaller_table_lets_the_surplus_go_fairly() {
    let mut fdb = Fdb::new(Limits::default());
    for number in 0..30 {
        fdb.learn(seconds(0), (0, mac(number)), if number < 5 { P[0] } else { P[1] });
    }
    let mut gone = 0;
    fdb.set_limits(Limits::new(Duration::from_secs(15), 10), &mut |_| gone += 1);
    assert_eq!((gone, fdb.len()), (20, 10));
    assert_eq!(addresses(&fdb).iter().filter(|(_, port)| *port == P[0]).count(), 5);
}

#[test]
fn restoring_keeps_ages_and_what_is_newer() {
    let mut fdb = small();
    fdb.learn(seconds(1000), (0, mac(1)), P[0]);
    let one = |number, port, used| Restored { address: (0, mac(number)), port, used, is_static: false };
    let old = [
        one(1, P[1], seconds(999)),
        one(2, P[1], seconds(950)),
        one(3, P[1], seconds(980)),
        one(3, P[2], seconds(985)),
        one(4, P[1], seconds(100)),
        Restored { address: (0, Mac::BROADCAST), port: P[1], used: seconds(999), is_static: false },
        Restored { address: (0, Mac::BROADCAST), port: P[1], used: seconds(999), is_static: true },
    ];
    assert_eq!(fdb.restore(seconds(1001), old.into_iter()), 2);
    assert_eq!(addresses(&fdb), [(mac(2), P[1]), (mac(3), P[2]), (mac(1), P[0])]);
    let mut gone = Vec::new();
    fdb.expire(seconds(1250), &mut |(_, mac)| gone.push(mac));
    assert_eq!(gone, [mac(2)]);
}

#[derive(Debug, Clone)]
enum Op {
    Learn { number: u32, vlan: u16, port: usize },
    Wait(u64),
    Pin { number: u32, vlan: u16, port: usize },
    Forget { number: u32, vlan: u16 },
    Flush,
    FlushPort(usize),
    ForgetPort(usize),
    Resize(u32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => (0..40u32, 0..2u16, 0..4usize).prop_map(|(number, vlan, port)| Op::Learn { number, vlan, port }),
        3 => (0..40_000u64).prop_map(Op::Wait),
        1 => (0..40u32, 0..2u16).prop_map(|(number, vlan)| Op::Forget { number, vlan }),
        3 => (0..40u32, 0..2u16, 0..4usize).prop_map(|(number, vlan, port)| Op::Pin { number, vlan, port }),
        1 => Just(Op::Flush),
        1 => (0..4usize).prop_map(Op::FlushPort),
        1 => (0..4usize).prop_map(Op::ForgetPort),
        1 => (10..30u32).prop_map(Op::Resize),
    ]
}

/// One address of the model: where it is, when it was last seen there, whether it is static.
type Line = (Address, PortId, Moment, bool);

/// The same table as a list: the static ones, then the least recently used first. It does not choose among ports that tie:
/// it is told.
#[derive(Default)]
struct Model(Vec<Line>);

impl Model {
    fn evict(&mut self, address: Address) {
        let count = |port: PortId| self.0.iter().filter(|(_, other, ..)| *other == port).count();
        let (_, port, ..) = *self.0.iter().find(|(other, ..)| *other == address).unwrap();
        assert_eq!(count(port), P.iter().map(|port| count(*port)).max().unwrap(), "its port has most");
        let of_port = || self.0.iter().filter(|(_, other, ..)| *other == port);
        let oldest = of_port().find(|(.., is_static)| !is_static).or_else(|| of_port().next()).unwrap();
        assert_eq!(oldest.0, address, "it is its port's least recently used, and static only if all are");
        self.take(address);
    }

    fn take(&mut self, address: Address) -> Option<Line> {
        self.0.iter().position(|(other, ..)| *other == address).map(|at| self.0.remove(at))
    }

    fn put(&mut self, line: Line) {
        let at = if line.3 { self.0.iter().filter(|(.., is_static)| *is_static).count() } else { self.0.len() };
        self.0.insert(at, line);
    }

    /// Checks what the table said it did to an address that was `before`, and does the same.
    fn follow(&mut self, learn: Learn, before: Option<Line>, room: bool, (address, port, now, pinned): Line) {
        match (learn, before) {
            (Learn::Static { port: at }, Some(line @ (_, was, _, true))) => {
                assert!(at == was && (!pinned || was == port));
                return self.put(line);
            }
            (Learn::Known, Some((_, was, _, false))) => assert_eq!(was, port),
            (Learn::Moved { from }, Some((_, was, _, was_static))) => assert!(from == was && was != port && (pinned || !was_static)),
            (Learn::New { evicted: Some(evicted) }, None) => {
                assert!(!room);
                self.evict(evicted);
            }
            (Learn::New { evicted: None }, None) => assert!(room),
            other => panic!("{other:?}"),
        }
        self.put((address, port, now, pinned));
    }
}

proptest! {
    #[test]
    fn it_behaves_as_a_naive_table(ops in proptest::collection::vec(op(), 1..300)) {
        let aging = Duration::from_secs(60);
        let mut fdb = Fdb::new(Limits::new(aging, 12));
        let (mut model, mut now) = (Model::default(), Moment(0));
        for op in ops {
            match op {
                Op::Learn { number, vlan, port } | Op::Pin { number, vlan, port } => {
                    let (address, pinned) = ((vlan, mac(number)), matches!(op, Op::Pin { .. }));
                    let order = model.0.clone();
                    let before = model.take(address);
                    let room = order.len() < fdb.limits().size() as usize;
                    let foreseen = fdb.foresee(address, P[port]);
                    let learn = if pinned { fdb.pin(now, address, P[port]) } else { fdb.learn(now, address, P[port]) };
                    assert!(pinned || foreseen == learn, "{foreseen:?} came otherwise: {learn:?}");
                    model.follow(learn, before, room, (address, P[port], now, pinned));
                    if matches!(learn, Learn::Static { .. }) {
                        model.0 = order;
                    }
                }
                Op::Wait(ms) => {
                    now = now + Duration::from_millis(ms);
                    let mut gone = Vec::new();
                    fdb.expire(now, &mut |address| gone.push(address));
                    let is_due = |(_, _, used, is_static): &Line| !is_static && now.since(*used) >= aging;
                    assert_eq!(gone, model.0.iter().filter(|line| is_due(line)).map(|(address, ..)| *address).collect::<Vec<_>>());
                    model.0.retain(|line| !is_due(line));
                }
                Op::Forget { number, vlan } => assert_eq!(fdb.forget((vlan, mac(number))), model.take((vlan, mac(number))).is_some()),
                Op::Flush => {
                    fdb.flush(&mut |_| {});
                    model.0.retain(|(.., is_static)| *is_static);
                }
                Op::FlushPort(port) => {
                    fdb.flush_port(P[port], &mut |_| {});
                    model.0.retain(|(_, other, _, is_static)| *is_static || *other != P[port]);
                }
                Op::ForgetPort(port) => {
                    fdb.forget_port(P[port], &mut |_| {});
                    model.0.retain(|(_, other, ..)| *other != P[port]);
                }
                Op::Resize(size) => fdb.set_limits(Limits::new(aging, size), &mut |address| model.evict(address)),
            }
            let all: Vec<_> = fdb.iter().map(|(address, Found { port, used, is_static })| (address, port, used, is_static)).collect();
            assert_eq!(all, model.0);
            let statics = model.0.iter().filter(|(.., is_static)| *is_static).count();
            assert_eq!((fdb.stats().current as usize, fdb.stats().statics as usize), (model.0.len(), statics));
            for (address, port, used, is_static) in &model.0 {
                assert_eq!(fdb.find(*address), Some(Found { port: *port, used: *used, is_static: *is_static }));
            }
        }
    }
}
