//! The steps whose undo is owed. Written down before each step is done, so that whoever comes after a kill can take back
//! what was begun, and kept on while a change that is done waits to be confirmed.
//!
//! It must not know clocks: a deadline is a number here.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::step::Step;

/// The steps begun and not yet for good, in the order they were begun.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Journal {
    /// The steps. Of the last one nobody knows whether it was done, unless it is of an `unconfirmed` change.
    pub done: Vec<Step>,
    /// Set when a change is done and waits to be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<Unconfirmed>,
}

/// A change that is done, and is taken back unless somebody says in time that it may stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// How many of the journal's steps are known to be done: the change's own and those of repairs that followed. What
    /// comes after them is of a repair under way.
    pub whole: usize,
    /// When it is taken back, in milliseconds of the clock that counts from the boot and goes on during suspend.
    pub deadline_ms: u64,
    /// How many seconds it was given.
    pub seconds: u32,
    /// Who asked for the change, for people.
    pub by: String,
}

/// One change of a journal: so that whoever keeps one need not write all of it anew for each step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry<'a> {
    /// This step is about to be done.
    Begun(Box<Cow<'a, Step>>),
    /// The step at this place, counted from 0, is taken back.
    TakenBack(usize),
}

impl Journal {
    /// Notes that `step` is about to be done.
    pub fn record(&mut self, step: &Step) {
        self.done.push(step.clone());
    }

    /// Makes the change that `entry` says. Returns whether it can be made: there is such a step.
    pub fn follow(&mut self, entry: Entry<'_>) -> bool {
        match entry {
            Entry::Begun(step) => self.done.push((*step).into_owned()),
            Entry::TakenBack(at) if at < self.done.len() => drop(self.done.remove(at)),
            Entry::TakenBack(_) => return false,
        }
        true
    }

    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// Everything that takes the recorded steps back, in order.
    pub fn rollback_steps(&self) -> Vec<Step> {
        self.done.iter().rev().flat_map(Step::undo).collect()
    }

    /// Takes `seconds` off the lifetimes that taking the steps back would give addresses: so much time passed since they were noted.
    /// What then has none left is not to be given back.
    pub fn age(&mut self, seconds: u32) {
        for step in &mut self.done {
            let (Step::RemoveAddress { address } | Step::ChangeAddress { from: address, .. }) = step else { continue };
            for lifetime in [&mut address.valid_lft, &mut address.preferred_lft].into_iter().flatten() {
                *lifetime = lifetime.saturating_sub(seconds);
            }
        }
    }

    /// How many of the steps stay when what is unfinished is taken back: all of a change that waits to be confirmed, none
    /// of another.
    pub fn finished(&self) -> usize {
        self.unconfirmed.as_ref().map_or(0, |unconfirmed| unconfirmed.whole.min(self.done.len()))
    }
}
