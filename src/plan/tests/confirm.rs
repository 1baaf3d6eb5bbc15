//! A change that waits to be confirmed, and what happens meanwhile.

use super::*;

fn host() -> World {
    let mut world = World::new();
    world.add_nic("eth0", "00:16:3e:00:00:02", true);
    world.add_nic("eth1", "00:16:3e:00:00:01", false);
    world.add_address("eth0", "192.0.2.10/24", None);
    world.add_route(default_route("eth0", "192.0.2.1"));
    world
}

fn files() -> Intent {
    intent([bridge("br0", fixed(&["192.0.2.10/24"], Some("192.0.2.1"), &[]), &["eth0"])])
}

/// As `up`, until further notice.
fn unconfirmed(world: &mut World, files: &Intent) -> Journal {
    let (report, journal) = apply_unconfirmed(world, &Target::Up { intent: files, names: &[] }, terms, &mut |_| {});
    assert_eq!(report.outcome, Outcome::Applied);
    assert_eq!(journal.unconfirmed, Some(Unconfirmed { whole: journal.done.len(), ..terms() }));
    assert_eq!(world.journal.as_ref(), Some(&journal));
    journal
}

#[test]
fn it_can_be_taken_back() {
    let mut world = host();
    let before = world.snapshot();
    let journal = unconfirmed(&mut world, &files());
    rollback(&mut world, journal, &mut |_| {}).unwrap();
    assert_same(&world.snapshot(), &before, "not confirmed");
    assert_eq!(world.journal, None);
}

#[test]
fn nothing_waits_where_nothing_differs_or_it_failed() {
    let mut world = host();
    up_for_good(&mut world, &files());
    let target = files();
    let target = Target::Up { intent: &target, names: &[] };
    let (report, journal) = apply_unconfirmed(&mut world, &target, terms, &mut |_| {});
    assert_eq!((report.outcome, journal), (Outcome::Unchanged, Journal::default()));
    let mut world = World { fail_in: Some(3), ..host() };
    let (report, journal) = apply_unconfirmed(&mut world, &target, terms, &mut |_| {});
    assert!(matches!(report.outcome, Outcome::RolledBack(_)));
    assert_eq!((journal, world.journal), (Journal::default(), None));
}

#[test]
fn a_killed_agents_successor_goes_on_waiting() {
    let mut world = host();
    let before = world.snapshot();
    let journal = unconfirmed(&mut world, &files());
    let waiting = world.snapshot();
    world.restart();
    assert_same(&world.snapshot(), &waiting, "after a restart");
    assert_eq!(world.journal.as_ref(), Some(&journal));
    let left = world.journal.clone().unwrap();
    rollback(&mut world, left, &mut |_| {}).unwrap();
    assert_same(&world.snapshot(), &before, "taken back by the successor");
}

/// A device is unplugged and plugged in again while the change waits: the repair goes back with it, and one that is killed
/// is taken back alone.
#[test]
fn repairs_meanwhile_join_it() {
    let mut world = host();
    let before = world.snapshot();
    let mut journal = unconfirmed(&mut world, &files());
    let change = journal.done.len();
    world.state.vports.remove(&name("eth0"));
    world.state.links.get_mut(&name("eth0")).unwrap().master = None;
    let broken = world.clone();
    let (target, mut repaired) = (files(), 0);
    let target = Target::Up { intent: &target, names: &[] };
    let report = follow_up(&mut world, &mut journal, &target, &mut |_| {});
    assert_eq!(report.outcome, Outcome::Applied);
    assert_eq!(journal.unconfirmed.as_ref().unwrap().whole, journal.done.len());
    assert!(journal.done.len() > change);
    assert_eq!(world.journal.as_ref(), Some(&journal));
    rollback(&mut world, journal, &mut |_| {}).unwrap();
    assert_same(&world.snapshot(), &before, "with its repair");

    for (k, after) in (0..report.steps.len()).flat_map(|k| [(k, false), (k, true)]) {
        let mut world = World { kill_in: Some((k, after)), ..broken.clone() };
        let mut journal = world.journal.clone().unwrap();
        let _ = follow_up(&mut world, &mut journal, &target, &mut |_| {});
        assert!(world.killed);
        world.restart();
        assert_same(&world.snapshot(), &broken.snapshot(), "a killed repair");
        assert_eq!(world.journal.as_ref().map(|journal| journal.done.len()), Some(change));
        let left = world.journal.clone().unwrap();
        rollback(&mut world, left, &mut |_| {}).unwrap();
        assert_same(&world.snapshot(), &before, "after a killed repair");
        repaired += 1;
    }
    assert!(repaired > 0);
}

#[test]
fn addresses_with_an_end_go_back_with_the_time_they_have_left() {
    let mut world = host();
    world.add_address("eth0", "192.0.2.11/24", Some(600));
    let mut journal = unconfirmed(&mut world, &files());
    journal.age(100);
    rollback(&mut world, journal, &mut |_| {}).unwrap();
    let there: Vec<_> = world.state.addresses_on(name("eth0")).map(|a| (a.address.to_string(), a.valid_lft)).collect();
    assert!(there.contains(&("192.0.2.10/24".to_owned(), None)) && there.contains(&("192.0.2.11/24".to_owned(), Some(500))), "{there:?}");
}

#[test]
fn a_killed_rollback_is_finished_by_the_successor() {
    let mut first = host();
    let before = first.snapshot();
    let journal = unconfirmed(&mut first, &files());
    for k in 0.. {
        let mut world = World { kill_undo_in: Some(k), ..first.clone() };
        let _ = rollback(&mut world, journal.clone(), &mut |_| {});
        if !world.killed {
            assert!(k > 5);
            break;
        }
        world.restart();
        assert_same(&world.snapshot(), &before, &format!("killed at step {k} of the rollback"));
    }
}
