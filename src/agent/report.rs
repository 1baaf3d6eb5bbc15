//! What a change is told as: each step while it is done, and how it ended.
//!
//! It must not change anything.

use super::log;
use crate::ctl::api::{Progress, Stage};
use crate::ctl::service::Lines;
use crate::error::{Error, Kind};
use crate::host::of_step;
use crate::plan::{self, Cause, Outcome};

/// Tells whoever asked, or the log, what happens.
pub(super) fn tell(lines: Option<&Lines>, event: &plan::Event<'_>) {
    let (stage, step) = match *event {
        plan::Event::Started(step) => (Stage::Begin, step),
        plan::Event::Done(step) => (Stage::Ok, step),
        plan::Event::Failed(step, _) => (Stage::Failed, step),
        plan::Event::Undoing(_) => return,
        plan::Event::Undone(step) => (Stage::Undone, step),
        plan::Event::UndoFailed(step, error) => {
            log::say(format_args!("not undone: {step}: {error}"));
            (Stage::Stuck, step)
        }
    };
    match lines {
        Some(_) if step.is_quiet() => {}
        Some(lines) => drop(lines.send(Ok(Progress::line(stage, step.to_string())))),
        None if stage == Stage::Begin => {}
        None => log::say(format_args!("{step}: {stage:?}")),
    }
}

/// How many of `steps` changed something people see.
pub(super) fn changed(steps: &[plan::Step]) -> u32 {
    u32::try_from(steps.iter().filter(|step| !step.is_quiet() && !step.is_look()).count()).unwrap_or(u32::MAX)
}

/// How a report ends for whoever asked.
pub(super) fn outcome(outcome: Outcome) -> Result<(), Error> {
    let (cause, left) = match outcome {
        Outcome::Unchanged | Outcome::Applied => return Ok(()),
        Outcome::Refused(cause) => (cause, "nothing was changed"),
        Outcome::RolledBack(cause) => (cause, "everything is as it was before"),
        Outcome::Stuck { cause, .. } => (cause, "not everything could be undone: the lines marked [STUCK ] say what"),
    };
    let mut error = match cause {
        Cause::Plan(error) => error.into(),
        Cause::Executor(error) => error.into(),
        Cause::Step { error, .. } => {
            let mut end = Error::new(of_step(error.kind), format!("{}: {}", error.object, error.reason));
            end.advice = error.advice;
            end
        }
        other @ Cause::NotConverged { .. } => Error::new(Kind::Failed, other.to_string()),
    };
    error.message = format!("{}; {left}", error.message);
    Err(error)
}
