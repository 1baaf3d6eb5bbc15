//! What changes of many ports and bridges write and look at: for each of many no more than for each of few.

use super::*;

/// The bytes of journal, the looks at everything, and the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    written: usize,
    looks: usize,
    steps: usize,
}

impl Cost {
    /// Whether this is what twice as many may cost.
    fn is_twice(&self, half: &Self) -> bool {
        let within = |all: usize, half: usize| all * 10 <= half * 22;
        within(self.written, half.written) && within(self.steps, half.steps) && self.looks == half.looks
    }
}

fn host(bridges: usize, ports: usize) -> (World, Intent) {
    let mut world = World::new();
    let mut made = Vec::new();
    for at in 0..bridges {
        let members: Vec<String> = (0..ports).map(|port| format!("p{at:03}x{port:03}")).collect();
        for (port, member) in members.iter().enumerate() {
            world.add_nic(member, &format!("52:54:00:{at:02x}:{:02x}:{:02x}", port / 256, port % 256), false);
        }
        made.push(bridge(
            &format!("br{at:03}"),
            fixed(&[&format!("10.0.{at}.1/24")], None, &[]),
            &members.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
    }
    (world, intent(made))
}

fn cost(world: &mut World, change: impl FnOnce(&mut World) -> Report) -> Cost {
    (world.written, world.looks) = (0, 0);
    let report = change(world);
    assert!(matches!(report.outcome, Outcome::Applied), "{:#?}", report.outcome);
    Cost { written: world.written, looks: world.looks, steps: report.steps.len() }
}

/// Up and down.
fn costs(bridges: usize, ports: usize) -> [Cost; 2] {
    let (mut world, files) = host(bridges, ports);
    [cost(&mut world, |world| up(world, &files)), cost(&mut world, take_down)]
}

#[test]
fn twice_as_many_cost_twice_as_much() {
    for (few, many) in [((1, 40), (1, 80)), ((20, 2), (40, 2))] {
        let (few, many) = (costs(few.0, few.1), costs(many.0, many.1));
        for (few, many) in few.iter().zip(&many) {
            assert!(many.is_twice(few), "{few:?} against {many:?}");
            assert!(few.steps > 40, "{few:?}");
        }
    }
}

/// So is what takes a change back that fails at its end.
#[test]
fn taking_back_twice_as_many_writes_twice_as_much() {
    let back = |ports: usize| {
        let (mut world, files) = host(1, ports);
        let steps = cost(&mut world.clone(), |world| up(world, &files)).steps;
        world.fail_in = Some(steps - 1);
        let report = up(&mut world, &files);
        assert!(matches!(report.outcome, Outcome::RolledBack(_)), "{:#?}", report.outcome);
        Cost { written: world.written, looks: world.looks, steps }
    };
    let (few, many) = (back(40), back(80));
    assert!(many.is_twice(&few), "{few:?} against {many:?}");
}
