//! What takes changes of flows back: requests collected while the changes are made, carried out in reverse.

use ovsdp_proto::flow::{Flow, Put, Which};

use super::{Dp, How, Requests};
use crate::nl;

/// This many requests are carried out at once.
const MANY: usize = 1024;

/// The way back, a request for each change. It takes as many bytes as the requests do: a key for a flow that was added, the
/// whole flow for one that was removed or changed.
#[derive(Debug)]
pub struct Undo {
    requests: Requests,
}

/// How going back went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// Changes that were taken back.
    pub done: usize,
    /// Changes that stay, and why.
    pub failed: Vec<nl::Error>,
}

impl Undo {
    /// Nothing to take back yet.
    pub const fn new(families: super::Families) -> Self {
        Self { requests: Requests::new(families) }
    }

    /// How many changes it takes back.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is nothing to take back.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Forgets them, keeps the memory.
    pub fn clear(&mut self) {
        self.requests.clear();
    }

    /// `which` was added and is to be removed again. Returns the place of it.
    ///
    /// # Errors
    /// [`nl::Error::TooLong`].
    pub fn remove(&mut self, datapath: u32, which: Which<'_>) -> Result<usize, nl::Error> {
        self.requests.delete_flow(datapath, which, false)
    }

    /// `flow` was removed and is to be installed again: its counters restart. Returns the place of it.
    ///
    /// # Errors
    /// [`nl::Error::TooLong`].
    pub fn install(&mut self, flow: &Flow<'_>) -> Result<usize, nl::Error> {
        self.requests.change_flow(&whole(flow), How::Add, false)
    }

    /// `flow` was changed and is to have these actions again. Returns the place of it.
    ///
    /// # Errors
    /// [`nl::Error::TooLong`].
    pub fn change_back(&mut self, flow: &Flow<'_>) -> Result<usize, nl::Error> {
        self.requests.change_flow(&whole(flow), How::Set, false)
    }

    /// Takes over what `other` has at `place`.
    ///
    /// # Errors
    /// None in practice: it was a request there.
    pub fn take(&mut self, other: &Self, place: usize) -> Result<usize, nl::Error> {
        self.requests.copy(&other.requests, place)
    }
}

/// The flow as it was, in whole.
fn whole<'a>(flow: &Flow<'a>) -> Put<'a> {
    Put { dp_ifindex: flow.dp_ifindex, ufid: flow.ufid, key: flow.key, mask: flow.mask, actions: flow.actions, clear: false, probe: false }
}

impl Dp {
    /// Takes back everything, the last change first. One that cannot be taken back does not stop the others.
    pub fn undo(&mut self, undo: &Undo) -> Undone {
        let mut undone = Undone::default();
        let mut batch = Requests::new(self.families());
        let mut left = undo.len();
        while left > 0 {
            batch.clear();
            while left > 0 && batch.len() < MANY {
                left -= 1;
                if let Err(error) = batch.copy(&undo.requests, left) {
                    undone.failed.push(error);
                }
            }
            for result in self.run(&mut batch, |_, _| {}) {
                match result {
                    Ok(()) => undone.done += 1,
                    Err(error) => undone.failed.push(error),
                }
            }
        }
        undone
    }
}
