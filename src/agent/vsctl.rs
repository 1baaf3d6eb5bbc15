//! A line of the ovs-vsctl dialect as a change: the bridges that are up as rows, the commands carried out on them, and the bridges made
//! what the rows say then.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use super::report::{changed, outcome};
use super::worker::Worker;
use crate::ctl::api::{Progress, Stage};
use crate::ctl::service::Lines;
use crate::error::Error;
use crate::host::rows;
use crate::model::Bridge;
use crate::plan::Target;
use crate::vsctl;

impl Worker {
    /// Carries out the line of `words`, all of it or nothing; returns how many steps changed something.
    pub(super) fn vsctl(&mut self, words: &[String], lines: &Lines) -> Result<u32, Error> {
        let line = vsctl::line(&vsctl::words(words.iter().cloned())).map_err(rows::error)?;
        // A device that came back before the line was said is its port again, also for a line that asks for what is remembered.
        self.follow();
        self.reattach();
        let memory = self.hands.shared.memory().clone();
        let database = rows::database(&memory, &mut self.hands.rtnl, Some(&mut self.hands.dp))?;
        let done = database.transact(&line.commands).map_err(rows::error)?;
        let mut wanted = done.database.intent().map_err(|misfit| rows::error(done.blame(misfit)))?;
        let known = memory.rows;
        let old: BTreeMap<IfName, Bridge> = memory.bridges.into_iter().map(|(name, bridge)| (name, bridge.intent)).collect();
        vsctl::carry_over(&old, &mut wanted);
        let taken_back = done.taken_back(&database, &old);
        let mut steps = 0;
        if !line.globals.dry_run {
            let names: BTreeSet<IfName> = old.keys().chain(wanted.keys()).copied().filter(|name| old.get(name) != wanted.get(name)).collect();
            let bridges: Vec<(IfName, Option<Bridge>)> = names.into_iter().map(|name| (name, wanted.remove(&name))).collect();
            let rows = done.database.rows_of_none();
            if !bridges.is_empty() || rows != known {
                let report = self.apply(&Target::Set { bridges: &bridges, rows: Some(&rows) }, None, Some(lines));
                steps = changed(&report.steps);
                outcome(report.outcome)?;
            }
        }
        for note in done.notes.into_iter().chain(taken_back) {
            let _ = lines.send(Ok(Progress::line(Stage::Warning, note.text)));
        }
        let _ = lines.send(Ok(Progress::line(Stage::Printed, vsctl::render(&done.outputs, &line.globals.style))));
        Ok(steps)
    }
}
