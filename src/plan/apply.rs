//! Makes a target true: observe, plan, do, and again until nothing differs; on any failure everything is taken back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

use super::error::{PlanError, StepError};
use super::executor::Executor;
use super::journal::{Entry, Journal, Unconfirmed};
use super::observed::Observed;
use super::order::{self, Plan};
use super::step::Step;
use super::{manager, tuning, zones};
use crate::model::{Bridge, Intent, Record};

/// How often a plan may follow on a plan: what NetworkManager lets go of, the move, what the lease says, what the kernel did meanwhile, and one
/// in reserve.
const ROUNDS: usize = 5;

/// What is to become true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'a> {
    /// What the files ask for.
    Up {
        /// What the files ask for.
        intent: &'a Intent,
        /// Which bridges and ports; all `ONBOOT` when empty.
        names: &'a [IfName],
    },
    /// What commands made of some bridges, each said in full, `None` being that it goes, and of what belongs to none.
    Set {
        /// The bridges.
        bridges: &'a [(IfName, Option<Bridge>)],
        /// What is kept that belongs to no bridge; `None` leaves it as it is.
        rows: Option<&'a [Record]>,
    },
    /// What was before.
    Down {
        /// Which bridges and ports; all when empty.
        names: &'a [IfName],
        /// Whether ports that are not ours are given up with the last bridge; otherwise they keep it up.
        with_foreign_ports: bool,
    },
}

impl Target<'_> {
    /// The plan from `observed` to this.
    ///
    /// # Errors
    /// Why there is none.
    pub fn plan(&self, observed: &Observed) -> Result<Plan, PlanError> {
        match self {
            Self::Up { intent, names } => order::up(intent, names, observed),
            Self::Set { bridges, rows } => order::set(bridges, *rows, observed),
            Self::Down { names, with_foreign_ports } => order::down(names, *with_foreign_ports, observed),
        }
    }
}

/// What happens while a plan is applied.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step begins.
    Started(&'a Step),
    /// It is done.
    Done(&'a Step),
    /// It failed; the rollback begins.
    Failed(&'a Step, &'a StepError),
    /// A step of the rollback begins.
    Undoing(&'a Step),
    /// It is done.
    Undone(&'a Step),
    /// It failed; the rollback goes on.
    UndoFailed(&'a Step, &'a StepError),
}

/// Why something was not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// There is no plan.
    #[error(transparent)]
    Plan(PlanError),
    /// What is there could not be read, or the journal not be kept.
    #[error(transparent)]
    Executor(StepError),
    /// A step failed.
    #[error("{step}: {error}")]
    Step {
        /// The step.
        step: Box<Step>,
        /// Why.
        error: StepError,
    },
    /// After all steps something still differs.
    #[error("after {ROUNDS} rounds something still differs:\n{}", remaining.render())]
    NotConverged {
        /// What differs.
        remaining: Plan,
    },
}

/// A step of a rollback that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoFailure {
    /// The step that could not be taken back; `None` when the journal could not be kept.
    pub step: Option<Step>,
    /// Why.
    pub error: StepError,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing differed.
    Unchanged,
    /// Everything is as it should be: read again and compared.
    Applied,
    /// It failed before anything was changed.
    Refused(Cause),
    /// It failed, and everything is as it was.
    RolledBack(Cause),
    /// It failed, and not everything could be taken back; what could not stays in the journal.
    Stuck {
        /// Why it failed.
        cause: Cause,
        /// What could not be taken back.
        left: Vec<UndoFailure>,
    },
}

/// What was done and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The steps done, in order; after a failure they have been taken back.
    pub steps: Vec<Step>,
    /// What people should be told besides, once each.
    pub notes: Vec<String>,
}

/// Makes `target` true for good. The journal is to be empty at the beginning (see [`rollback`]) and is at the end.
pub fn apply<E: Executor + ?Sized>(executor: &mut E, target: &Target<'_>, progress: &mut dyn FnMut(Event<'_>)) -> Report {
    let mut journal = Journal::default();
    let mut report = run(executor, &mut journal, target, progress);
    if report.outcome == Outcome::Applied {
        // What is applied but still in the journal would be taken back by the agent's successor.
        if let Err(error) = executor.clear_journal() {
            report.outcome = fail(executor, &mut journal, 0, Cause::Executor(error), progress);
        }
    }
    report
}

/// Makes `target` true until further notice: unless somebody confirms it ([`Executor::clear_journal`] is what that means) whoever
/// reads the journal is to take it back with [`rollback`] when the time is up that `terms` gives at the end. The journal returned
/// is empty when nothing waits: nothing differed, or it failed.
pub fn apply_unconfirmed<E: Executor + ?Sized>(
    executor: &mut E,
    target: &Target<'_>,
    terms: impl FnOnce() -> Unconfirmed,
    progress: &mut dyn FnMut(Event<'_>),
) -> (Report, Journal) {
    let mut journal = Journal::default();
    let mut report = run(executor, &mut journal, target, progress);
    if report.outcome == Outcome::Applied {
        journal.unconfirmed = Some(Unconfirmed { whole: journal.done.len(), ..terms() });
        if let Err(error) = executor.record(&journal) {
            report.outcome = fail(executor, &mut journal, 0, Cause::Executor(error), progress);
        }
    }
    if report.outcome != Outcome::Applied {
        journal = Journal::default();
    }
    (report, journal)
}

/// Makes `target` true on top of the unconfirmed change in `journal`, whose steps it joins: what repairs a bridge meanwhile is taken
/// back together with it. When it fails, only its own steps are.
pub fn follow_up<E: Executor + ?Sized>(executor: &mut E, journal: &mut Journal, target: &Target<'_>, progress: &mut dyn FnMut(Event<'_>)) -> Report {
    let before = journal.done.len();
    let mut report = run(executor, journal, target, progress);
    if report.outcome == Outcome::Applied {
        if let Some(unconfirmed) = &mut journal.unconfirmed {
            unconfirmed.whole = journal.done.len();
        }
        if let Err(error) = executor.record(journal) {
            report.outcome = fail(executor, journal, before, Cause::Executor(error), progress);
        }
    }
    report
}

/// Takes back everything in `journal`, going on past errors, and clears it; what could not be taken back stays in it.
///
/// # Errors
/// All of them, in order.
pub fn rollback<E: Executor + ?Sized>(executor: &mut E, mut journal: Journal, progress: &mut dyn FnMut(Event<'_>)) -> Result<(), Vec<UndoFailure>> {
    // From here on it is an unfinished change: a successor takes the rest back too.
    if journal.unconfirmed.take().is_some()
        && let Err(error) = executor.record(&journal)
    {
        return Err(vec![UndoFailure { step: None, error }]);
    }
    take_back(executor, &mut journal, 0, progress)
}

/// Takes back what is unfinished in `journal`: everything, but for the steps of a change that waits to be confirmed. An agent
/// calls this at its start with the journal it finds.
///
/// # Errors
/// All of them, in order.
pub fn recover<E: Executor + ?Sized>(executor: &mut E, journal: &mut Journal, progress: &mut dyn FnMut(Event<'_>)) -> Result<(), Vec<UndoFailure>> {
    let keep = journal.finished();
    take_back(executor, journal, keep, progress)
}

/// Takes back all but the first `keep` steps of `journal`, going on past errors; what could not be taken back stays in it.
fn take_back<E: Executor + ?Sized>(
    executor: &mut E,
    journal: &mut Journal,
    keep: usize,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<(), Vec<UndoFailure>> {
    let mut failures = Vec::new();
    let mut left: Vec<Step> = Vec::new();
    // Whether what is kept is known to be `journal` followed by what is `left`, the last of it first.
    let mut kept = false;
    while journal.done.len() > keep {
        let Some(step) = journal.done.pop() else { break };
        let mut failed = false;
        for undo in step.undo() {
            progress(Event::Undoing(&undo));
            match executor.undo(&undo) {
                Ok(()) => progress(Event::Undone(&undo)),
                Err(error) => {
                    progress(Event::UndoFailed(&undo, &error));
                    failures.push(UndoFailure { step: Some(undo), error });
                    failed = true;
                }
            }
        }
        // What failed is still owed, and after everything that is not yet tried: where it is already.
        if failed {
            left.push(step);
            if kept {
                continue;
            }
        }
        let result = if journal.is_empty() && left.is_empty() {
            executor.clear_journal()
        } else if kept {
            executor.note(&Entry::TakenBack(journal.done.len()))
        } else {
            let done = journal.done.iter().chain(left.iter().rev()).cloned().collect();
            executor.record(&Journal { done, unconfirmed: journal.unconfirmed.clone() })
        };
        kept = result.is_ok();
        if let Err(error) = result {
            failures.push(UndoFailure { step: None, error });
        }
    }
    journal.done.extend(left.into_iter().rev());
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

fn run<E: Executor + ?Sized>(executor: &mut E, journal: &mut Journal, target: &Target<'_>, progress: &mut dyn FnMut(Event<'_>)) -> Report {
    let before = journal.done.len();
    let mut report = Report { outcome: Outcome::Unchanged, steps: Vec::new(), notes: Vec::new() };
    match rounds(executor, target, journal, &mut report, progress) {
        Ok(()) if journal.done.len() == before => {}
        Ok(()) => report.outcome = Outcome::Applied,
        Err(cause) => report.outcome = fail(executor, journal, before, cause, progress),
    }
    report
}

fn rounds<E: Executor + ?Sized>(
    executor: &mut E,
    target: &Target<'_>,
    journal: &mut Journal,
    report: &mut Report,
    progress: &mut dyn FnMut(Event<'_>),
) -> Result<(), Cause> {
    let mut taken = BTreeMap::new();
    for round in 0..=ROUNDS {
        let mut observed = executor.observe().map_err(Cause::Executor)?;
        observed.taken.clone_from(&taken);
        observed.hardware = executor.hardware(&tuning::looked_at(target, &observed.memory)).map_err(Cause::Executor)?;
        if zones::asks_firewall(target, &observed.memory) {
            observed.firewall = executor.firewall().map_err(Cause::Executor)?;
        }
        observed.manager = executor.manager(&manager::may_leave(target, &observed.memory)).map_err(Cause::Executor)?;
        let plan = target.plan(&observed).map_err(Cause::Plan)?;
        for note in &plan.notes {
            // What a later round says follows from what the earlier ones did.
            if round == 0 && !report.notes.contains(note) {
                report.notes.push(note.clone());
            }
        }
        if plan.is_empty() {
            executor.settled(observed);
            return Ok(());
        }
        if round == ROUNDS {
            return Err(Cause::NotConverged { remaining: plan });
        }
        for step in plan.steps {
            journal.record(&step);
            // What an earlier change left in it is forgotten with the first step.
            let kept = if report.steps.is_empty() { executor.record(journal) } else { executor.note(&Entry::Begun(Box::new(Cow::Borrowed(&step)))) };
            kept.map_err(Cause::Executor)?;
            progress(Event::Started(&step));
            if let Err(error) = executor.execute(&step) {
                progress(Event::Failed(&step, &error));
                return Err(Cause::Step { step: Box::new(step), error });
            }
            progress(Event::Done(&step));
            let gone = manager::taken(&observed, &step);
            report.steps.push(step);
            if !gone.is_empty() {
                // What follows in the plan is no longer so.
                taken.extend(gone);
                break;
            }
        }
    }
    Ok(())
}

fn fail<E: Executor + ?Sized>(executor: &mut E, journal: &mut Journal, keep: usize, cause: Cause, progress: &mut dyn FnMut(Event<'_>)) -> Outcome {
    if journal.done.len() == keep {
        return Outcome::Refused(cause);
    }
    // What failed is never a change that waits.
    if keep == 0 {
        journal.unconfirmed = None;
    }
    match take_back(executor, journal, keep, progress) {
        Ok(()) => Outcome::RolledBack(cause),
        Err(left) => Outcome::Stuck { cause, left },
    }
}
