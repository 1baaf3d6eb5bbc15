//! Everything that comes up by itself, each bridge and each device that bridges need on its own: one that fails does not keep the others
//! down, and its failure is told at the end.

use std::collections::BTreeMap;
use std::time::Instant;

use ovsdp_proto::IfName;

use super::report::{changed, outcome};
use super::seen::Seen;
use super::worker::Worker;
use crate::ctl::api::{Progress, Stage};
use crate::ctl::service::Lines;
use crate::error::{Error, Kind};
use crate::model::Intent;
use crate::plan::{self, Outcome, Target};

impl Worker {
    /// Brings up all bridges of `intent` and what they need, those apart that have nothing to do with each other; returns how many steps
    /// changed something.
    pub(super) fn each(&mut self, intent: &Intent, lines: &Lines) -> Result<u32, Error> {
        let groups = plan::apart(intent, &self.hands.shared.memory());
        // What a bridge needs has had its turn by then: whether it failed is another line's.
        let alone = Intent { plain: BTreeMap::new(), ..intent.clone() };
        let begun = Instant::now();
        let (mut steps, mut well, mut failed) = (0_u32, 0, Vec::new());
        self.hands.seen = Seen::in_a_row();
        for names in groups {
            let intent = if names.iter().any(|name| intent.plain.contains_key(name)) { intent } else { &alone };
            if let Err(error) = self.hands.await_devices(intent, &names, begun, lines) {
                failed.push((names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), error));
                continue;
            }
            let report = self.apply(&Target::Up { intent, names: &names }, None, Some(lines));
            let ok = if report.outcome == Outcome::Unchanged { Stage::Unchanged } else { Stage::Up };
            let result = outcome(report.outcome);
            steps = steps.saturating_add(if result.is_ok() { changed(&report.steps) } else { 0 });
            for name in &names {
                let (stage, text) = match &result {
                    Ok(()) => (ok, name.to_string()),
                    Err(error) => (Stage::NotUp, format!("{name}: {}", error.message.lines().next().unwrap_or_default())),
                };
                let _ = lines.send(Ok(Progress::line(stage, text)));
            }
            match result {
                Ok(()) => well += names.len(),
                Err(error) => failed.push((names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), error)),
            }
        }
        self.hands.seen = Seen::default();
        failure(failed, well).map_or(Ok(steps), Err)
    }
}

/// What people are told of devices that are no bridge's business.
pub(super) fn left(names: &[IfName]) -> String {
    let list: Vec<&str> = names.iter().map(IfName::as_str).collect();
    format!("no bridge needs {}: left to whoever keeps {}", list.join(", "), if names.len() == 1 { "it" } else { "them" })
}

/// What a command ends with after bridges and devices `failed` and `well` others came up.
fn failure(failed: Vec<(String, Error)>, well: usize) -> Option<Error> {
    let first = failed.first()?.1.clone();
    let rest = match well {
        0 => String::new(),
        1 => "\nthe other one is up".to_owned(),
        _ => format!("\nthe other {well} are up"),
    };
    if failed.len() == 1 {
        return Some(Error { message: format!("{}{rest}", first.message), ..first });
    }
    let kind = if failed.iter().all(|(_, error)| error.kind == first.kind) { first.kind } else { Kind::Failed };
    let each: Vec<_> = failed.iter().map(|(names, error)| format!("{names}: {error}")).collect();
    Some(Error::new(kind, format!("{} of {} did not come up\n{}{rest}", failed.len(), failed.len() + well, each.join("\n"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_names_what_failed_and_has_its_kind() {
        let error = |kind, text: &str| Error::new(kind, text);
        assert_eq!(failure(Vec::new(), 3), None);
        let one = failure(vec![("br1".into(), error(Kind::NoSuch, "eth9: there is no such device"))], 1).unwrap();
        assert_eq!((one.kind, one.message.as_str()), (Kind::NoSuch, "eth9: there is no such device\nthe other one is up"));
        let two = vec![("br1".into(), error(Kind::NoSuch, "a")), ("br2".into(), error(Kind::TimedOut, "b").advise("c"))];
        let two = failure(two, 0).unwrap();
        assert_eq!((two.kind, two.message.as_str()), (Kind::Failed, "2 of 2 did not come up\nbr1: a\nbr2: b\n  c"));
    }
}
