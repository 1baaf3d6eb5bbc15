//! The bond by itself, in virtual time: who carries packets, by which member they go out, which of those that come in are
//! believed, and how the load moves.

use std::collections::BTreeMap;

use ovsdp::model::{self, BondMode};
use ovsdp::switch::Moment;
use ovsdp::switch::bond::{Bond, Exit, LacpStatus, Member, Refused, Settings, Verdict, hash_mac};
use ovsdp_proto::Mac;
use proptest::prelude::*;

use super::{mac, name};

const NEVER: Option<Moment> = None;

fn settings(mode: BondMode) -> Settings {
    Settings { bond: model::Bond { mode, ..model::Bond::default() }, fallback_ab: false, recirc_id: 7 }
}

fn member(number: u32) -> Member {
    Member { name: name(&format!("p{number}")), dp_port: 10 + number, mac: mac(number) }
}

/// With members `p1`, `p2`, …, all of them with a carrier.
fn bond(settings: Settings, count: u32) -> Bond {
    let mut bond = Bond::new(Moment(0), name("bond0"), settings, None);
    bond.set_members((1..=count).map(|number| (member(number), true, false)));
    assert!(bond.run(Moment(0)));
    assert!(!bond.run(Moment(0)), "only once");
    bond
}

fn negotiated(mode: BondMode, count: u32) -> Bond {
    let mut bond = bond(settings(mode), count);
    bond.set_lacp(Moment(0), LacpStatus::Negotiated, |_| true);
    assert!(bond.run(Moment(0)));
    bond
}

fn active(bond: &Bond) -> Option<String> {
    bond.active().map(|name| name.to_string())
}

fn show(bond: &Bond, now: u64) -> String {
    let mut text = String::new();
    bond.show(Moment(now), &mut text);
    text
}

#[test]
fn the_first_member_is_active_and_the_next_takes_over_at_once() {
    let mut bond = bond(settings(BondMode::ActiveBackup), 3);
    assert_eq!((active(&bond).as_deref(), bond.next()), (Some("p1"), NEVER));
    assert_eq!(bond.exit(mac(9), 5), Exit::Port { dp_port: 11 });
    bond.announcements_due();
    bond.set_carrier("p1", false);
    assert_eq!(bond.next(), Some(Moment(0)), "there is something to do now");
    assert!(bond.run(Moment(50)));
    assert_eq!(active(&bond).as_deref(), Some("p2"));
    assert_eq!(bond.exit(mac(9), 5), Exit::Port { dp_port: 12 });
    assert!(bond.announcements_due() && !bond.announcements_due());
    assert_eq!(bond.announce_by(mac(9), 5), Some(12));
    // It comes back and does not take over again.
    bond.set_carrier("p1", true);
    assert!(bond.run(Moment(60)));
    assert_eq!(active(&bond).as_deref(), Some("p2"));
    assert!(!bond.announcements_due());
}

#[test]
fn the_primary_is_active_whenever_it_can_be() {
    let mut primary = settings(BondMode::ActiveBackup);
    primary.bond.primary = Some(name("p2"));
    let mut bond = bond(primary, 3);
    assert_eq!(active(&bond).as_deref(), Some("p2"));
    bond.set_carrier("p2", false);
    bond.run(Moment(1));
    assert_eq!(active(&bond).as_deref(), Some("p1"));
    bond.set_carrier("p2", true);
    bond.run(Moment(2));
    assert_eq!(active(&bond).as_deref(), Some("p2"));
}

#[test]
fn delays_are_waited_for_and_a_link_that_wavers_starts_again() {
    let mut delayed = settings(BondMode::ActiveBackup);
    (delayed.bond.updelay, delayed.bond.downdelay) = (1000, 200);
    let mut bond = bond(delayed, 2);
    bond.set_carrier("p1", false);
    assert!(!bond.run(Moment(100)));
    assert_eq!((bond.next(), active(&bond).as_deref()), (Some(Moment(300)), Some("p1")));
    assert!(show(&bond, 150).contains("member p1: enabled\n  active member\n  downdelay expires in 150 ms\n  may_enable: false\n"));
    bond.set_carrier("p1", true);
    bond.run(Moment(250));
    assert_eq!(bond.next(), NEVER);
    bond.set_carrier("p1", false);
    bond.run(Moment(260));
    assert!(!bond.run(Moment(459)));
    assert!(bond.run(Moment(460)));
    assert_eq!(active(&bond).as_deref(), Some("p2"));
    bond.set_carrier("p1", true);
    bond.run(Moment(500));
    assert!(!bond.is_enabled("p1") && bond.next() == Some(Moment(1500)));
    assert!(show(&bond, 700).contains("member p1: disabled\n  updelay expires in 800 ms\n  may_enable: true\n"));
    assert!(bond.run(Moment(1500)) && bond.is_enabled("p1"));
}

#[test]
fn with_no_member_left_the_first_that_comes_need_not_wait() {
    let mut delayed = settings(BondMode::ActiveBackup);
    delayed.bond.updelay = 60_000;
    let mut bond = bond(delayed, 2);
    bond.set_carrier("p1", false);
    bond.set_carrier("p2", false);
    assert!(bond.run(Moment(1)));
    assert_eq!((bond.active(), bond.active_mac(), bond.exit(mac(9), 0)), (None, None, Exit::Nowhere));
    bond.set_carrier("p2", true);
    assert!(bond.run(Moment(2)));
    assert_eq!(active(&bond).as_deref(), Some("p2"));
    bond.set_carrier("p1", true);
    bond.run(Moment(3));
    assert!(!bond.is_enabled("p1"));
}

#[test]
fn the_member_that_was_active_before_a_restart_is_active_again() {
    let mut bond = Bond::new(Moment(0), name("bond0"), settings(BondMode::ActiveBackup), Some(mac(2)));
    bond.set_members([(member(1), true, false), (member(2), true, false)].into_iter());
    bond.run(Moment(0));
    assert_eq!((active(&bond).as_deref(), bond.active_mac()), (Some("p2"), Some(mac(2))));
}

#[test]
fn members_that_go_and_come_leave_the_others_as_they_are() {
    let mut bond = bond(settings(BondMode::BalanceSlb), 3);
    let exits = |bond: &mut Bond| (0..600).map(|number| bond.exit(mac(number), 0)).collect::<Vec<_>>();
    let before = exits(&mut bond);
    bond.set_members([(member(4), true, false), (member(3), true, false), (member(2), true, false)].into_iter());
    assert!(bond.run(Moment(1)));
    assert_eq!(active(&bond).as_deref(), Some("p4"), "the active one went; the first there is follows");
    for (number, (before, after)) in before.iter().zip(exits(&mut bond)).enumerate() {
        let Exit::Bucket { dp_port, .. } = *before else { panic!("{before:?}") };
        assert_eq!(after == *before, dp_port != 11, "station {number}");
    }
    bond.set_members(std::iter::empty());
    assert!(bond.run(Moment(2)));
    assert_eq!((bond.exit(mac(1), 0), bond.active()), (Exit::Nowhere, None));
}

#[test]
fn slb_spreads_by_source_and_vlan_and_stays_with_it() {
    let mut bond = bond(settings(BondMode::BalanceSlb), 2);
    let mut count = BTreeMap::new();
    for number in 0..1000 {
        let exit = bond.exit(mac(number), 3);
        let Exit::Bucket { dp_port, bucket } = exit else { panic!("{exit:?}") };
        assert_eq!(u32::from(bucket), hash_mac(mac(number), 3, 0) & 0xff);
        assert_eq!(bond.exit(mac(number), 3), exit);
        *count.entry(dp_port).or_insert(0) += 1;
    }
    assert!(count.values().all(|packets| *packets > 350) && count.len() == 2, "{count:?}");
    let other = (0..1000).filter(|number| bond.exit(mac(*number), 4) != bond.exit(mac(*number), 3)).count();
    assert!(other > 900, "another VLAN is another bucket: {other}");
    // A member that goes takes only its own buckets along.
    let before: Vec<Exit> = (0..1000).map(|number| bond.exit(mac(number), 3)).collect();
    bond.set_carrier("p1", false);
    assert!(bond.run(Moment(1)) && bond.announcements_due());
    for (number, before) in (0..1000).zip(before) {
        let Exit::Bucket { dp_port, bucket } = bond.exit(mac(number), 3) else { panic!() };
        assert_eq!(dp_port, 12);
        assert!(matches!(before, Exit::Bucket { bucket: other, .. } if other == bucket));
    }
}

#[test]
fn tcp_needs_lacp_and_goes_round() {
    let mut bond = bond(settings(BondMode::BalanceTcp), 2);
    assert_eq!(bond.exit(mac(1), 0), Exit::Nowhere);
    assert_eq!(bond.admit(Moment(0), 0, mac(1)), Verdict::Drop);
    bond.set_lacp(Moment(0), LacpStatus::Configured, |_| false);
    bond.run(Moment(0));
    assert_eq!((bond.exit(mac(1), 0), bond.exit_after(1)), (Exit::Nowhere, Exit::Nowhere));
    bond.set_lacp(Moment(0), LacpStatus::Negotiated, |_| true);
    assert!(bond.run(Moment(1)));
    assert_eq!(bond.exit(mac(1), 0), Exit::Recirculate { recirc_id: 7, basis: 0 });
    let mut count = BTreeMap::new();
    for hash in 0..256 {
        let Exit::Bucket { dp_port, bucket } = bond.exit_after(0xabcd_ef00 | hash) else { panic!() };
        assert_eq!(u32::from(bucket), hash);
        *count.entry(dp_port).or_insert(0) += 1;
    }
    assert_eq!(count, [(11, 128), (12, 128)].into());
    assert!(!bond.announcements_due(), "the partner knows");
    // LACP takes a member out.
    bond.set_lacp(Moment(1), LacpStatus::Negotiated, |member| member == "p2");
    assert!(bond.run(Moment(2)));
    assert!((0..256).all(|hash| matches!(bond.exit_after(hash), Exit::Bucket { dp_port: 12, .. })));
}

#[test]
fn a_balanced_bond_falls_back_to_active_backup_where_asked() {
    for mode in [BondMode::BalanceTcp, BondMode::BalanceSlb] {
        let mut bond = bond(Settings { fallback_ab: true, ..settings(mode) }, 2);
        bond.set_lacp(Moment(0), LacpStatus::Configured, |_| true);
        bond.run(Moment(0));
        assert_eq!(bond.exit(mac(1), 0), Exit::Port { dp_port: 11 });
        assert!(show(&bond, 0).contains("bond may use recirculation: no, Recirc-ID : -1\n"));
        assert!(bond.announcements_due());
        bond.set_lacp(Moment(0), LacpStatus::Negotiated, |_| true);
        assert!(bond.run(Moment(1)));
        assert!(matches!(bond.exit(mac(1), 0), Exit::Recirculate { .. } | Exit::Bucket { .. }));
    }
}

/// Every row of who is believed: mode, LACP, fallback, whether the member is the active one, and group or not.
#[test]
fn what_comes_in_by_a_member_is_believed_or_not() {
    use BondMode::{ActiveBackup, BalanceSlb, BalanceTcp};
    use LacpStatus::{Configured, Negotiated, Off};
    use Verdict::{Accept, Drop, DropIfMoved};
    let rows = [
        (ActiveBackup, Off, false, [Accept, Drop], [Accept, Drop]),
        (BalanceSlb, Off, false, [DropIfMoved, DropIfMoved], [DropIfMoved, Drop]),
        (BalanceTcp, Off, false, [Drop, Drop], [Drop, Drop]),
        (BalanceTcp, Off, true, [Drop, Drop], [Drop, Drop]),
        (ActiveBackup, Configured, false, [Drop, Drop], [Drop, Drop]),
        (BalanceSlb, Configured, false, [Drop, Drop], [Drop, Drop]),
        (BalanceTcp, Configured, false, [Drop, Drop], [Drop, Drop]),
        (ActiveBackup, Configured, true, [Accept, Drop], [Accept, Drop]),
        (BalanceTcp, Configured, true, [Accept, Drop], [Accept, Drop]),
        (BalanceSlb, Configured, true, [DropIfMoved, DropIfMoved], [DropIfMoved, Drop]),
        (ActiveBackup, Negotiated, false, [Accept, Accept], [Accept, Accept]),
        (BalanceSlb, Negotiated, false, [Accept, Accept], [Accept, Accept]),
        (BalanceTcp, Negotiated, false, [Accept, Accept], [Accept, Accept]),
    ];
    for (mode, lacp, fallback_ab, to_one, to_all) in rows {
        let mut bond = bond(Settings { fallback_ab, ..settings(mode) }, 2);
        bond.set_lacp(Moment(0), lacp, |_| true);
        bond.run(Moment(0));
        assert_eq!(active(&bond).as_deref(), Some("p1"));
        let row = |dst| [0, 1].map(|member| bond.admit(Moment(0), member, dst));
        assert_eq!((row(mac(1)), row(Mac::BROADCAST)), (to_one, to_all), "{mode:?} {lacp:?} fallback {fallback_ab}");
        assert_eq!(bond.admit(Moment(0), 2, mac(1)), Drop, "no such member");
    }
    let mut bond = negotiated(BalanceTcp, 2);
    bond.set_lacp(Moment(0), Negotiated, |member| member == "p1");
    bond.run(Moment(1));
    assert_eq!([0, 1].map(|member| bond.admit(Moment(0), member, mac(1))), [Accept, Drop], "the partner has no business there");
}

/// Gives the buckets loads and lets the bond look at them; returns what each member then carries, before it is halved.
/// A network that knows nothing of the bond may send back by the active member what another sent before: in active-backup that one is
/// believed as soon as nothing of it can be on its way any more.
#[test]
fn a_new_active_member_is_not_believed_at_once() {
    use Verdict::{Accept, Drop, DropIfMovedYet};
    let admits = |bond: &Bond, now| [0, 1].map(|member| bond.admit(Moment(now), member, Mac::BROADCAST));
    let mut ab = bond(settings(BondMode::ActiveBackup), 2);
    assert_eq!(admits(&ab, 0), [Accept, Drop], "nobody sent before");
    ab.set_carrier("p1", false);
    ab.run(Moment(1000));
    assert_eq!((admits(&ab, 1000), admits(&ab, 5999)), ([Drop, DropIfMovedYet], [Drop, DropIfMovedYet]));
    assert_eq!(admits(&ab, 6000), [Drop, Accept]);
    ab.set_carrier("p1", true);
    ab.run(Moment(7000));
    assert_eq!(admits(&ab, 7000), [Drop, Accept], "it is the same");
    ab.set_active("p1").unwrap();
    ab.run(Moment(8000));
    assert_eq!((admits(&ab, 8000), admits(&ab, 13_000)), ([DropIfMovedYet, Drop], [Accept, Drop]));
    // Or the mode was one in which others sent.
    let mut slb = bond(settings(BondMode::BalanceSlb), 2);
    slb.configure(Moment(1000), settings(BondMode::ActiveBackup));
    slb.run(Moment(1000));
    assert_eq!((admits(&slb, 1000), admits(&slb, 6000)), ([DropIfMovedYet, Drop], [Accept, Drop]));
}

fn rebalanced(bond: &mut Bond, loads: &[(u8, u64)]) -> BTreeMap<u32, u64> {
    for (bucket, bytes) in loads {
        bond.account(Moment(0), *bucket, *bytes);
    }
    let due = bond.next().unwrap();
    assert_eq!(due, Moment(10_000));
    bond.run(due);
    let mut count = BTreeMap::from([(11, 0), (12, 0)]);
    for (bucket, bytes) in loads {
        let Exit::Bucket { dp_port, .. } = bond.exit_after(u32::from(*bucket)) else { panic!() };
        *count.entry(dp_port).or_insert(0) += bytes;
    }
    count
}

/// Buckets 0, 2, 4 … of the first member, 1, 3, 5 … of the second.
fn dealt(mode: BondMode) -> Bond {
    let mut bond = negotiated(mode, 2);
    for hash in 0..256 {
        let Exit::Bucket { dp_port, .. } = bond.exit_after(hash) else { panic!() };
        assert_eq!(dp_port, 11 + hash % 2);
    }
    bond
}

#[test]
fn load_moves_to_the_member_that_has_least() {
    let tcp = || dealt(BondMode::BalanceTcp);
    let evened = rebalanced(&mut tcp(), &[(0, 400_000), (2, 400_000), (4, 400_000), (6, 400_000)]);
    assert_eq!(evened, [(11, 800_000), (12, 800_000)].into());
    // Less than 100,000 bytes apart, or less than a thirty-second: not worth it.
    assert_eq!(rebalanced(&mut tcp(), &[(0, 60_000), (2, 39_999)]), [(11, 99_999), (12, 0)].into());
    assert_eq!(rebalanced(&mut tcp(), &[(0, 60_000), (2, 40_000)])[&11], 40_000);
    let close = [(0, 8_000_000), (2, 200_000), (1, 8_000_000)];
    assert_eq!(rebalanced(&mut tcp(), &close)[&11], 8_200_000, "200,000 is less than a thirty-second of 8,000,000");
    // One bucket is never moved: the other member would have it instead.
    assert_eq!(rebalanced(&mut tcp(), &[(0, 5_000_000)])[&11], 5_000_000);
    // Nor when it makes things hardly any better: the middle is 1,000,000 away, and at least a tenth of that must be gained.
    assert_eq!(rebalanced(&mut tcp(), &[(0, 1_910_000), (2, 90_000)])[&11], 2_000_000);
    assert_eq!(rebalanced(&mut tcp(), &[(2, 110_000), (0, 1_890_000)])[&11], 110_000, "bucket 0 is looked at first");
}

#[test]
fn load_is_halved_with_each_look_and_a_bond_without_load_is_left_alone() {
    let mut bond = dealt(BondMode::BalanceTcp);
    bond.run(Moment(1));
    assert_eq!(bond.next(), NEVER, "nothing was sent");
    bond.account(Moment(100_000), 3, 4_096);
    assert_eq!(bond.next(), Some(Moment(110_000)), "a whole interval is waited for");
    assert!(show(&bond, 104_000).contains("next rebalance: 6000 ms\n"));
    assert!(show(&bond, 104_000).contains("member p2: enabled\n  may_enable: true\n  hash 3: 4 kB load\n"), "{}", show(&bond, 104_000));
    bond.run(Moment(110_000));
    assert!(show(&bond, 110_000).contains("hash 3: 2 kB load\n"));
    for look in 12..24 {
        bond.run(Moment(look * 10_000));
    }
    assert_eq!(bond.next(), NEVER);
    assert!(show(&bond, 1_000_000_500).contains("next rebalance: 9500 ms\n"), "its time comes round all the same");
}

#[test]
fn an_interval_of_zero_never_looks() {
    let mut still = settings(BondMode::BalanceSlb);
    still.bond.rebalance_interval = 0;
    let mut bond = bond(still, 2);
    bond.account(Moment(0), 3, 1_000_000_000);
    assert_eq!(bond.next(), NEVER);
    assert!(!show(&bond, 0).contains("next rebalance"));
}

#[test]
fn what_show_and_list_say() {
    let mut bond = bond(settings(BondMode::ActiveBackup), 2);
    assert_eq!(
        show(&bond, 0),
        "---- bond0 ----
bond_mode: active-backup
bond may use recirculation: no, Recirc-ID : -1
bond-hash-basis: 0
lb_output action: disabled, bond-id: -1
updelay: 0 ms
downdelay: 0 ms
lacp_status: off
lacp_fallback_ab: false
active-backup primary: <none>
active member mac: 52:54:00:00:00:01(p1)

member p1: enabled
  active member
  may_enable: true

member p2: enabled
  may_enable: true

"
    );
    let mut primary = settings(BondMode::ActiveBackup);
    primary.bond.primary = Some(name("p9"));
    bond.configure(Moment(0), primary);
    assert!(show(&bond, 0).contains("active-backup primary: p9 (no such member)\n"));
    let tcp = negotiated(BondMode::BalanceTcp, 2);
    assert!(show(&tcp, 0).contains("bond_mode: balance-tcp\nbond may use recirculation: yes, Recirc-ID : 7\n"));
    assert!(show(&tcp, 0).contains("next rebalance: 10000 ms\nlacp_status: negotiated\n"));
    let mut list = String::new();
    bond.list(&mut list);
    tcp.list(&mut list);
    assert_eq!(list, "bond0\tactive-backup\t0\tp1, p2\nbond0\tbalance-tcp\t7\tp1, p2\n");
}

#[test]
fn a_person_chooses_the_active_member() {
    let mut bond = bond(settings(BondMode::ActiveBackup), 2);
    bond.announcements_due();
    assert_eq!(bond.set_active("p9"), Err(Refused::NoMember));
    assert_eq!(bond.set_active("p1"), Ok(false));
    assert_eq!(bond.set_active("p2"), Ok(true));
    assert!(bond.run(Moment(0)) && bond.announcements_due());
    assert_eq!((active(&bond).as_deref(), bond.active_mac()), (Some("p2"), Some(mac(2))));
    bond.set_carrier("p1", false);
    bond.run(Moment(1));
    assert_eq!(bond.set_active("p1"), Err(Refused::NotActive));
}

#[test]
fn a_member_a_person_disables_stays_so_until_its_carrier_changes() {
    let mut bond = bond(settings(BondMode::ActiveBackup), 2);
    assert_eq!(bond.set_enabled("p9", false), Err(Refused::NoMember));
    assert_eq!(bond.set_enabled("p1", false), Ok(()));
    bond.run(Moment(0));
    bond.run(Moment(100_000));
    assert_eq!((bond.is_enabled("p1"), active(&bond).as_deref(), bond.next()), (false, Some("p2"), NEVER));
    bond.set_carrier("p1", false);
    bond.set_carrier("p1", true);
    bond.run(Moment(100_001));
    assert!(bond.is_enabled("p1"));
    // And one that has no carrier is enabled by force.
    bond.set_carrier("p2", false);
    bond.run(Moment(100_002));
    bond.set_enabled("p2", true).unwrap();
    bond.run(Moment(100_003));
    assert!(bond.is_enabled("p2"));
}

#[test]
fn a_person_gives_a_bucket_to_a_member() {
    let mut slb = bond(settings(BondMode::BalanceSlb), 2);
    assert!(show(&slb, 0).contains("bond-id: -1\nall members active: false\nupdelay: 0 ms\n"));
    let Exit::Bucket { dp_port, bucket } = slb.exit(mac(77), 0) else { panic!() };
    let (other, to) = if dp_port == 11 { ("p2", 12) } else { ("p1", 11) };
    assert_eq!(slb.migrate(bucket, other), Ok(()));
    assert!(slb.run(Moment(0)));
    assert_eq!(slb.exit(mac(77), 0), Exit::Bucket { dp_port: to, bucket });
    assert_eq!(slb.migrate(bucket, "p9"), Err(Refused::NoMember));
    slb.set_carrier("p2", false);
    slb.run(Moment(1));
    assert_eq!(slb.migrate(bucket, "p2"), Err(Refused::NotEnabled));
    assert_eq!(negotiated(BondMode::BalanceTcp, 2).migrate(0, "p1"), Err(Refused::NotSlb));
}

#[test]
fn choosing_a_member_allocates_nothing() {
    let mut slb = bond(settings(BondMode::BalanceSlb), 2);
    let mut tcp = negotiated(BondMode::BalanceTcp, 2);
    let counted = allocation_counter::measure(|| {
        for number in 0..1000 {
            slb.exit(mac(number), 1);
            slb.admit(Moment(0), 1, mac(number));
            slb.account(Moment(5), 3, 100);
            tcp.exit(mac(number), 1);
            tcp.exit_after(number);
        }
    });
    assert_eq!(counted.count_total, 0);
}

/// What may happen to a bond.
#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    Carrier(u32, bool),
    Lacp(LacpStatus, u32),
    Members(Vec<u32>),
    Configure(usize, bool, Option<u32>, u32),
    SetActive(u32),
    SetEnabled(u32, bool),
    Migrate(u8, u32),
    Account(u8, u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let who = || 1..=4_u32;
    let status = prop_oneof![Just(LacpStatus::Off), Just(LacpStatus::Configured), Just(LacpStatus::Negotiated)];
    let event = prop_oneof![
        3 => (0..5_000_u64).prop_map(Event::Wait),
        4 => (who(), any::<bool>()).prop_map(|(member, up)| Event::Carrier(member, up)),
        2 => (status, 0..16_u32).prop_map(|(status, agreed)| Event::Lacp(status, agreed)),
        1 => proptest::sample::subsequence(vec![1, 2, 3, 4], 0..=4).prop_shuffle().prop_map(Event::Members),
        1 => (0..3_usize, any::<bool>(), proptest::option::of(who()), 0..2_000_u32).prop_map(|(a, b, c, d)| Event::Configure(a, b, c, d)),
        1 => who().prop_map(Event::SetActive),
        1 => (who(), any::<bool>()).prop_map(|(member, on)| Event::SetEnabled(member, on)),
        1 => (any::<u8>(), who()).prop_map(|(bucket, member)| Event::Migrate(bucket, member)),
        2 => (any::<u8>(), any::<u64>()).prop_map(|(bucket, bytes)| Event::Account(bucket, bytes)),
    ];
    proptest::collection::vec(event, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever happens: there is an active member when one is enabled, and it is; what goes out goes by an enabled one; and
    /// nothing is due that has just been done.
    #[test]
    fn whatever_happens_a_bond_uses_what_it_may(events in events()) {
        let mut bond = bond(settings(BondMode::BalanceSlb), 3);
        let mut now = 0;
        for event in events {
            let at = |number: u32| format!("p{number}");
            match event {
                Event::Wait(time) => now += time,
                Event::Carrier(number, up) => bond.set_carrier(&at(number), up),
                Event::Lacp(status, agreed) => bond.set_lacp(Moment(now), status, |member| (1..=4).any(|one| member == at(one) && agreed & (1 << (one - 1)) != 0)),
                Event::Members(members) => bond.set_members(members.into_iter().map(|number| (member(number), number % 2 == 0, number > 2))),
                Event::Configure(mode, fallback_ab, primary, delay) => {
                    let primary = primary.map(|number| name(&at(number)));
                    let asked = model::Bond { mode: BondMode::ALL[mode], primary, updelay: delay, downdelay: delay / 2, ..model::Bond::default() };
                    bond.configure(Moment(now), Settings { bond: asked, fallback_ab, recirc_id: 7 });
                }
                Event::SetActive(number) => drop(bond.set_active(&at(number))),
                Event::SetEnabled(number, on) => drop(bond.set_enabled(&at(number), on)),
                Event::Migrate(bucket, number) => drop(bond.migrate(bucket, &at(number))),
                Event::Account(bucket, bytes) => bond.account(Moment(now), bucket, bytes),
            }
            bond.run(Moment(now));
            let enabled: Vec<u32> = bond.members().filter(|member| bond.is_enabled(&member.name)).map(|member| member.dp_port).collect();
            let active = bond.active();
            prop_assert_eq!(active.is_some(), !enabled.is_empty());
            prop_assert!(active.is_none_or(|active| bond.is_enabled(&active)));
            for number in 0..40 {
                for exit in [bond.exit(mac(number), 0), bond.exit_after(number)] {
                    if let Exit::Port { dp_port } | Exit::Bucket { dp_port, .. } = exit {
                        prop_assert!(enabled.contains(&dp_port), "{:?} of {:?}", exit, enabled);
                    }
                }
            }
            prop_assert!(bond.next().is_none_or(|next| next > Moment(now)), "{:?} at {}", bond.next(), now);
            let mut text = String::new();
            bond.show(Moment(now), &mut text);
        }
    }
}
