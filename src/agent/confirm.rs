//! The worker's part of a change that waits to be confirmed: begun, confirmed, taken back when its time is up or somebody says so,
//! and taken over from an agent that was killed.

use std::net::IpAddr;

use ovsdp_proto::IfName;

use super::report::tell;
use super::worker::{Worker, unreadable};
use super::{alarm, log};
use crate::ctl::api::{Confirmed, Progress, Stage};
use crate::ctl::service::{Lines, Probe};
use crate::error::{Error, Kind};
use crate::host::journal;
use crate::plan::{self, Executor, Journal, Unconfirmed};

impl Worker {
    /// What the agent before had begun and not ended: undone, unless it is a change that still has time to be confirmed.
    pub(super) fn take_over_change(&mut self, mut journal: Journal) -> Result<(), Error> {
        let still_waits = journal.unconfirmed.as_ref().is_some_and(|change| alarm::left_ms(change, alarm::now_ms()) > 0);
        let unfinished = journal.done.len() - if still_waits { journal.finished() } else { 0 };
        let mut each = |event: plan::Event<'_>| {
            if let plan::Event::UndoFailed(step, error) = event {
                log::say(format_args!("not undone: {step}: {error}"));
            }
        };
        if unfinished > 0 {
            let text = match journal.unconfirmed.as_ref() {
                Some(change) if !still_waits => not_confirmed(change),
                _ => format!("the agent before this one left a change unfinished: its {unfinished} steps are taken back"),
            };
            log::say(&text);
            self.taken_back = Some(text);
        }
        let undone = if still_waits {
            let undone = plan::recover(&mut self.hands, &mut journal, &mut each);
            self.wait(journal);
            undone
        } else {
            age(&mut journal);
            plan::rollback(&mut self.hands, journal, &mut each)
        };
        if undone.is_err() {
            log::say("the rest of the undo is kept; `ovsdp rollback` tries it again");
        }
        self.hands.announce();
        self.hands.place_remembered()
    }

    /// From now on `journal` waits to be confirmed.
    pub(super) fn wait(&mut self, journal: Journal) {
        let Some(change) = journal.unconfirmed.clone() else { return };
        log::say(format_args!("the change of {} waits to be confirmed for {} s", change.by, alarm::seconds_left(&change)));
        self.hands.deadline_ms = Some(change.deadline_ms);
        self.alarm.set(Some(change.deadline_ms));
        *self.hands.shared.unconfirmed() = Some(change);
        self.waiting = Some(journal);
    }

    /// Nothing waits any longer; what did.
    pub(super) fn stop_waiting(&mut self) -> Option<Journal> {
        self.hands.deadline_ms = None;
        self.alarm.set(None);
        *self.hands.shared.unconfirmed() = None;
        self.waiting.take()
    }

    /// Lets the change that was just made stay, or go on waiting `to_be_confirmed`, if who is to answer does (see [`Hands::prove`]). Takes it
    /// back otherwise.
    ///
    /// # Errors
    /// Somebody does not answer: the change is taken back.
    ///
    /// [`Hands::prove`]: super::hands::Hands::prove
    pub(super) fn prove(&mut self, probe: &Probe, devices: &[IfName], silent: &[IpAddr], to_be_confirmed: bool, lines: &Lines) -> Result<(), Error> {
        let whom = if let Probe::Address(address) = probe { address.to_string() } else { "the gateway".to_owned() };
        let _ = lines.send(Ok(Progress::line(Stage::Note, format!("asking whether {whom} answers"))));
        match self.hands.prove(probe, devices, silent) {
            Ok(()) if to_be_confirmed => Ok(()),
            Ok(()) => {
                self.hands.clear_journal()?;
                self.stop_waiting();
                Ok(())
            }
            Err(error) => {
                let end = match self.roll_back(Some(lines)) {
                    Ok(_) => "everything is as it was before".to_owned(),
                    Err(stuck) => stuck.message,
                };
                Err(Error { message: format!("{}; {end}", error.message), ..error })
            }
        }
    }

    /// Takes back the change that nobody confirmed in time.
    pub(super) fn keep_deadline(&mut self) {
        let change = self.waiting.as_ref().and_then(|journal| journal.unconfirmed.as_ref());
        let Some(change) = change.filter(|change| alarm::left_ms(change, alarm::now_ms()) == 0) else { return };
        let text = not_confirmed(change);
        log::say(&text);
        self.taken_back = Some(text);
        if let Err(error) = self.roll_back(None) {
            log::say(error);
        }
    }

    /// Lets the change stay that waits, if it was asked for in time.
    pub(super) fn confirm(&mut self, at_ms: u64) -> Result<Confirmed, Error> {
        let change = self.waiting.as_ref().and_then(|journal| journal.unconfirmed.clone());
        let late = |text: Option<&String>| {
            let error = Error::new(Kind::NoSuch, "no change waits to be confirmed");
            match text {
                Some(text) => error.advise(text.clone()),
                None => error,
            }
        };
        let Some(change) = change else { return Err(late(self.taken_back.as_ref())) };
        let left = alarm::left_ms(&change, at_ms);
        if left == 0 {
            self.keep_deadline();
            return Err(late(self.taken_back.as_ref()));
        }
        self.hands.clear_journal()?;
        self.stop_waiting();
        log::say(format_args!("the change of {} is confirmed", change.by));
        Ok(Confirmed { by: change.by, left: u32::try_from(left / 1000).unwrap_or(u32::MAX) })
    }

    /// Takes back the change that waits, or what is left of one that could not be taken back; returns how many steps were.
    pub(super) fn roll_back(&mut self, lines: Option<&Lines>) -> Result<u32, Error> {
        let mut journal = match self.stop_waiting() {
            Some(journal) => journal,
            None => journal::load(&self.hands.run.journal()).map_err(|error| unreadable(&self.hands.run.journal(), &error))?.ok_or_else(|| {
                let error = Error::new(Kind::NoSuch, "no change waits to be confirmed: there is nothing to take back");
                let advice = "`ovsdp down` takes down what is up";
                error.advise(self.taken_back.clone().unwrap_or_else(|| advice.to_owned()))
            })?,
        };
        age(&mut journal);
        let mut undone = 0;
        let result = plan::rollback(&mut self.hands, journal, &mut |event| {
            undone += u32::from(matches!(event, plan::Event::Undone(step) if !step.is_quiet()));
            tell(lines, &event);
        });
        self.hands.announce();
        self.hands.place_remembered()?;
        self.hands.tend_clients();
        match result {
            Ok(()) => Ok(undone),
            Err(_) => Err(Error::new(Kind::Failed, "not everything could be undone: the lines marked [STUCK ] say what")
                .advise("`ovsdp rollback` tries it again; see the agent's log for why")),
        }
    }

    /// Before another change begins: what an earlier one still owes is tried once more. What cannot be undone then either is
    /// forgotten with the new change's journal, and the new change itself repairs what it knows of.
    pub(super) fn settle(&mut self) {
        if self.hands.run.journal().exists()
            && let Err(error) = self.roll_back(None)
        {
            log::say(format_args!("what an earlier change left is still there: {error}"));
        }
    }

    /// Refuses another change while one waits to be confirmed: which state would be the one to go back to?
    pub(super) fn one_at_a_time(&self) -> Result<(), Error> {
        let Some(waiting) = self.waiting.as_ref().and_then(|journal| journal.unconfirmed.as_ref()) else { return Ok(()) };
        let left = alarm::seconds_left(waiting);
        let message = format!("the change of {} waits to be confirmed for another {left} s; nothing was changed", waiting.by);
        Err(Error::new(Kind::Failed, message).advise("`ovsdp confirm` lets it stay, `ovsdp rollback` takes it back"))
    }
}

fn not_confirmed(change: &Unconfirmed) -> String {
    format!("the change of {} was not confirmed within {} s and is taken back", change.by, change.seconds)
}

/// An address with an end goes back with the time it has left.
fn age(journal: &mut Journal) {
    if let Some(passed) = journal.unconfirmed.as_ref().map(alarm::seconds_passed) {
        journal.age(passed);
    }
}
