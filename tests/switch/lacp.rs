//! LACP in virtual time: two systems joined by cables, their PDUs as bytes.

use std::time::Duration;

use ovsdp::switch::Moment;
use ovsdp::switch::lacp::{Counts, FRAME_LEN, Info, Lacp, Member, Pdu, Received, SLOW_PROTOCOLS, Settings, State, frame};
use ovsdp_proto::{IfName, Mac};

use super::name;

const HERE: Mac = Mac([0x02, 0, 0, 0, 0, 0x0a]);
const THERE: Mac = Mac([0x02, 0, 0, 0, 0, 0x0b]);

fn settings(system: Mac) -> Settings {
    Settings { system, system_priority: 65534, active: true, fast: true, fallback_ab: false }
}

fn member(text: &str, port: u16) -> Member {
    Member { name: name(text), mac: Mac([0x02, 0, 0, 0, 1, port.to_be_bytes()[1]]), port, priority: 65535, key: 0 }
}

/// `p1`, `p2`, … with a carrier.
fn system(settings: Settings, count: u16) -> Lacp {
    let mut lacp = Lacp::new(name("bond0"), settings);
    lacp.set_members(Moment(0), (1..=count).map(|port| (member(&format!("p{port}"), port), true)));
    lacp
}

/// Two systems; `cables` joins a member of the one to a member of the other.
struct Pair {
    now: Moment,
    sides: [Lacp; 2],
    cables: Vec<(IfName, IfName)>,
    /// How many PDUs went over the cables.
    sent: usize,
}

impl Pair {
    fn new(sides: [Lacp; 2]) -> Self {
        Self { now: Moment(0), sides, cables: vec![(name("p1"), name("p1")), (name("p2"), name("p2"))], sent: 0 }
    }

    /// Runs both until neither has anything to say now.
    fn settle(&mut self) {
        for _ in 0..100 {
            let mut quiet = true;
            for at in 0..2 {
                let mut frames: Vec<(IfName, [u8; FRAME_LEN])> = Vec::new();
                self.sides[at].run(self.now, &mut |member, frame| frames.push((member, *frame)));
                quiet &= frames.is_empty();
                for (from, frame) in frames {
                    self.sent += 1;
                    assert_eq!(frame[12..14], SLOW_PROTOCOLS.to_be_bytes());
                    let far = self.cables.iter().find_map(|(a, b)| match at {
                        0 => (*a == from).then_some(*b),
                        _ => (*b == from).then_some(*a),
                    });
                    if let Some(far) = far {
                        self.sides[1 - at].receive(self.now, &far, &frame[14..]);
                    }
                }
            }
            if quiet {
                return;
            }
        }
        panic!("the two never stop talking");
    }

    /// Lets time pass, stopping whenever something is due.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..100_000 {
            self.settle();
            let next = self.sides.iter().filter_map(Lacp::next).min();
            match next.filter(|next| *next <= end) {
                Some(next) => {
                    assert!(next > self.now, "due again at the same moment");
                    self.now = next;
                }
                None => {
                    self.now = end;
                    return self.settle();
                }
            }
        }
        panic!("time does not pass");
    }

    fn usable(&self, at: usize) -> [bool; 2] {
        ["p1", "p2"].map(|member| self.sides[at].may_enable(member))
    }
}

fn show(lacp: &Lacp) -> String {
    let mut text = String::new();
    lacp.show(&mut text);
    text
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn two_systems_agree_at_once_and_then_speak_once_a_second() {
    let mut pair = Pair::new([system(settings(HERE), 2), system(settings(THERE), 2)]);
    pair.settle();
    pair.wait(ms(1000));
    assert!(pair.sides.iter().all(Lacp::negotiated));
    assert_eq!((pair.usable(0), pair.usable(1)), ([true; 2], [true; 2]));
    let before = pair.sent;
    pair.wait(ms(10_000));
    assert_eq!(pair.sent - before, 40, "two members of two systems for ten seconds");
    assert_eq!((pair.usable(0), pair.usable(1)), ([true; 2], [true; 2]));
}

#[test]
fn the_partner_chooses_how_often_it_is_spoken_to() {
    let slow = Settings { fast: false, ..settings(HERE) };
    let mut pair = Pair::new([system(slow, 2), system(settings(THERE), 2)]);
    pair.wait(ms(1_000));
    let sent = |pair: &Pair, at: usize| pair.sides[at].counts("p1").unwrap().sent;
    let before = [0, 1].map(|at| sent(&pair, at));
    pair.wait(ms(60_000));
    assert_eq!([0, 1].map(|at| sent(&pair, at) - before[at]), [60, 2], "the slow one is spoken to every 30 s");
}

#[test]
fn what_show_says_of_an_agreement() {
    let mut pair = Pair::new([system(settings(HERE), 2), system(settings(THERE), 2)]);
    pair.wait(ms(1_500));
    assert_eq!(
        show(&pair.sides[0]),
        "---- bond0 ----
  status: active negotiated
  sys_id: 02:00:00:00:00:0a
  sys_priority: 65534
  aggregation key: 1
  lacp_time: fast

member: p1: current attached
  port_id: 1
  port_priority: 65535
  may_enable: true

  actor sys_id: 02:00:00:00:00:0a
  actor sys_priority: 65534
  actor port_id: 1
  actor port_priority: 65535
  actor key: 1
  actor state: activity timeout aggregation synchronized collecting distributing

  partner sys_id: 02:00:00:00:00:0b
  partner sys_priority: 65534
  partner port_id: 1
  partner port_priority: 65535
  partner key: 1
  partner state: activity timeout aggregation synchronized collecting distributing

member: p2: current attached
  port_id: 2
  port_priority: 65535
  may_enable: true

  actor sys_id: 02:00:00:00:00:0a
  actor sys_priority: 65534
  actor port_id: 2
  actor port_priority: 65535
  actor key: 1
  actor state: activity timeout aggregation synchronized collecting distributing

  partner sys_id: 02:00:00:00:00:0b
  partner sys_priority: 65534
  partner port_id: 2
  partner port_priority: 65535
  partner key: 1
  partner state: activity timeout aggregation synchronized collecting distributing
"
    );
}

/// The first lines of a port nobody has answered yet, as the suite of Open vSwitch has them for one member with `lacp=active`.
#[test]
fn what_show_says_before_anyone_answers() {
    let alone = Settings { fast: false, system_priority: 65535, ..settings(HERE) };
    let mut lacp = system(alone, 1);
    lacp.run(Moment(0), &mut |_, _| {});
    assert_eq!(
        show(&lacp),
        "---- bond0 ----
  status: active negotiated
  sys_id: 02:00:00:00:00:0a
  sys_priority: 65535
  aggregation key: 1
  lacp_time: slow

member: p1: expired attached
  port_id: 1
  port_priority: 65535
  may_enable: false

  actor sys_id: 02:00:00:00:00:0a
  actor sys_priority: 65535
  actor port_id: 1
  actor port_priority: 65535
  actor key: 1
  actor state: activity synchronized collecting distributing expired

  partner sys_id: 00:00:00:00:00:00
  partner sys_priority: 0
  partner port_id: 0
  partner port_priority: 0
  partner key: 0
  partner state: timeout
"
    );
    let mut none = String::new();
    Lacp::new(name("bond0"), alone).show(&mut none);
    assert!(none.contains("aggregation key: none\n"), "{none}");
}

#[test]
fn a_partner_that_falls_silent_is_given_up_in_two_steps() {
    let mut pair = Pair::new([system(settings(HERE), 2), system(settings(THERE), 2)]);
    pair.wait(ms(5_000));
    let cut = pair.now;
    pair.cables.remove(0);
    pair.wait(ms(1_900));
    assert_eq!(pair.usable(0), [true, true], "two may be missing");
    pair.wait(ms(1_200));
    assert_eq!(pair.usable(0), [false, true]);
    assert!(show(&pair.sides[0]).contains("member: p1: expired attached"), "{}", show(&pair.sides[0]));
    pair.wait(ms(3_000));
    let text = show(&pair.sides[0]);
    assert!(text.contains("member: p1: defaulted detached") && text.contains("  actor state: activity timeout aggregation defaulted\n"), "{text}");
    assert!(pair.sides[0].negotiated());
    assert!(pair.now - cut < ms(6_500));
    let Counts { expired, defaulted, .. } = pair.sides[0].counts("p1").unwrap();
    assert_eq!((expired, defaulted), (1, 1));
    // Back again: whoever has no partner speaks every 30 s.
    pair.cables.push((name("p1"), name("p1")));
    pair.wait(ms(31_000));
    assert_eq!((pair.usable(0), pair.usable(1)), ([true; 2], [true; 2]));
}

#[test]
fn two_passive_systems_never_speak() {
    let passive = |system_id| system(Settings { active: false, ..settings(system_id) }, 2);
    let mut pair = Pair::new([passive(HERE), passive(THERE)]);
    pair.wait(ms(100_000));
    assert_eq!((pair.sent, pair.sides[0].negotiated()), (0, false));
    assert_eq!(pair.sides[0].next(), None, "nothing is ever due");
    // One that speaks is answered.
    let mut pair = Pair::new([passive(HERE), system(settings(THERE), 2)]);
    pair.wait(ms(1_000));
    assert_eq!((pair.usable(0), pair.usable(1)), ([true; 2], [true; 2]));
    assert!(show(&pair.sides[0]).contains("  status: passive negotiated\n"));
}

#[test]
fn a_member_with_another_partner_stays_out() {
    let mut lacp = system(settings(HERE), 2);
    let say = |lacp: &mut Lacp, member: &str, system: Mac, key: u16| {
        let state = State(State::ACTIVITY.0 | State::TIMEOUT.0 | State::AGGREGATION.0 | State::SYNCHRONIZED.0);
        let actor = Info { system_priority: 100, system, key, port_priority: 1, port: 1, state };
        let bytes = frame(HERE, &Pdu { actor, partner: Info::default() });
        assert_eq!(lacp.receive(Moment(0), member, &bytes[14..]), Received::Heard);
        lacp.run(Moment(0), &mut |_, _| {});
        ["p1", "p2"].map(|member| lacp.may_enable(member))
    };
    assert_eq!(say(&mut lacp, "p1", THERE, 1), [true, false]);
    assert_eq!(say(&mut lacp, "p2", Mac([2, 0, 0, 0, 0, 1]), 1), [true, false], "another system, though a better one");
    assert_eq!(say(&mut lacp, "p2", THERE, 2), [true, false], "another key");
    assert_eq!(say(&mut lacp, "p2", THERE, 1), [true, true]);
    assert_eq!(say(&mut lacp, "p2", HERE, 1), [true, false], "itself: a loop");
}

#[test]
fn without_a_partner_it_falls_back_where_asked() {
    let mut lacp = system(Settings { fallback_ab: true, ..settings(HERE) }, 2);
    lacp.run(Moment(0), &mut |_, _| {});
    assert_eq!(lacp.next(), Some(Moment(1000)));
    lacp.run(Moment(3000), &mut |_, _| {});
    assert_eq!((lacp.negotiated(), lacp.may_enable("p1"), lacp.may_enable("p2")), (false, true, true));
    // A partner on one ends that for both.
    let state = State(State::SYNCHRONIZED.0);
    let actor = Info { system_priority: 1, system: THERE, key: 1, port_priority: 1, port: 1, state };
    let bytes = frame(HERE, &Pdu { actor, partner: Info::default() });
    lacp.receive(Moment(3000), "p2", &bytes[14..]);
    lacp.run(Moment(3000), &mut |_, _| {});
    assert_eq!((lacp.negotiated(), lacp.may_enable("p1"), lacp.may_enable("p2")), (true, false, true));
}

#[test]
fn without_a_carrier_nothing_is_sent_and_nothing_believed() {
    let mut lacp = system(settings(HERE), 1);
    let mut sent = 0;
    lacp.run(Moment(0), &mut |_, _| sent += 1);
    assert_eq!(sent, 1);
    lacp.set_carrier(Moment(0), "p1", false);
    let bytes = frame(THERE, &Pdu { actor: Info::default(), partner: Info::default() });
    assert_eq!(lacp.receive(Moment(10), "p1", &bytes[14..]), Received::NoCarrier);
    lacp.run(Moment(2000), &mut |_, _| sent += 1);
    lacp.run(Moment(60_000), &mut |_, _| sent += 1);
    lacp.run(Moment(90_000), &mut |_, _| sent += 1);
    assert_eq!((sent, lacp.next()), (1, None));
    lacp.set_carrier(Moment(90_000), "p1", true);
    lacp.run(Moment(90_000), &mut |_, _| sent += 1);
    assert_eq!(sent, 2);
    assert_eq!(lacp.counts("p1").unwrap().carrier_changed, 2);
}

#[test]
fn a_partner_that_never_understands_is_not_answered_without_end() {
    let mut lacp = system(settings(HERE), 1);
    let wrong = frame(THERE, &Pdu { actor: Info { system: THERE, ..Info::default() }, partner: Info::default() });
    let mut sent = Vec::new();
    for at in 0..10_000 {
        lacp.receive(Moment(at), "p1", &wrong[14..]);
        lacp.run(Moment(at), &mut |_, _| sent.push(at));
    }
    assert_eq!(sent.len(), 30, "three a second");
    assert!(sent.windows(4).all(|four| four[3] - four[0] >= 1000));
    assert!(lacp.next().is_some_and(|next| next > Moment(9_999)));
}

#[test]
fn whatever_comes_in_is_counted() {
    let mut lacp = system(settings(HERE), 1);
    let mut marker = frame(THERE, &Pdu { actor: Info::default(), partner: Info::default() });
    marker[14] = 2;
    lacp.receive(Moment(0), "p1", &marker[14..]);
    lacp.receive(Moment(0), "p1", &[1, 2, 3]);
    lacp.receive(Moment(0), "p1", &[]);
    assert_eq!(lacp.receive(Moment(0), "p9", &[]), Received::NoMember);
    let mut text = String::new();
    lacp.show_stats(&mut text);
    assert_eq!(
        text,
        "---- bond0 statistics ----

member: p1:
  TX PDUs: 0
  RX PDUs: 3
  RX Bad PDUs: 2
  RX Marker Request PDUs: 1
  Link Expired: 0
  Link Defaulted: 0
  Carrier Status Changed: 0
"
    );
}

#[test]
fn members_come_and_go_and_the_partner_hears_of_new_numbers() {
    let mut pair = Pair::new([system(settings(HERE), 2), system(settings(THERE), 2)]);
    pair.wait(ms(1_500));
    let now = pair.now;
    let numbered = Member { port: 9, key: 77, ..member("p1", 1) };
    pair.sides[0].set_members(now, [(numbered, true), (member("p2", 2), true)].into_iter());
    pair.wait(ms(1_500));
    assert_eq!((pair.usable(0), pair.usable(1)), ([true; 2], [true; 2]));
    let text = show(&pair.sides[1]);
    assert!(text.contains("partner port_id: 9\n") && text.contains("partner key: 77\n"), "{text}");
    // The first one goes: the next one's number is the key from now on.
    let now = pair.now;
    pair.sides[0].set_members(now, [(member("p2", 2), true)].into_iter());
    pair.wait(ms(8_000));
    assert!(show(&pair.sides[0]).contains("aggregation key: 2\n"));
    assert_eq!((pair.usable(0), pair.usable(1)), ([false, true], [false, true]));
}
