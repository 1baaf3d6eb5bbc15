//! The steps whose undo is owed. Written down before each step is done, so that whoever comes after a kill can take back
//! what was begun.

use serde::{Deserialize, Serialize};

use super::step::Step;

/// The steps begun and not yet for good, in the order they were begun.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Journal {
    /// The steps. Of the last one nobody knows whether it was done.
    pub done: Vec<Step>,
}

impl Journal {
    /// Notes that `step` is about to be done.
    pub fn record(&mut self, step: &Step) {
        self.done.push(step.clone());
    }

    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// Everything that takes the recorded steps back, in order.
    pub fn rollback_steps(&self) -> Vec<Step> {
        self.done.iter().rev().flat_map(Step::undo).collect()
    }
}
