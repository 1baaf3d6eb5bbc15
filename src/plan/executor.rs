//! What this room asks of whoever holds the sockets and the files.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use super::error::StepError;
use super::journal::{Entry, Journal};
use super::manager::NetworkManager;
use super::observed::Observed;
use super::step::Step;
use super::tuning::Hardware;
use super::zones::Firewall;

/// Does what a plan says.
pub trait Executor {
    /// Reads everything a plan depends on.
    ///
    /// # Errors
    /// Whatever could not be read.
    fn observe(&mut self) -> Result<Observed, StepError>;

    /// Is given back what [`Self::observe`] returned, when nothing is left to be done: nothing was changed here since.
    fn settled(&mut self, observed: Observed) {
        drop(observed);
    }

    /// Reads what each of these devices says of itself; one that is not there, or says nothing, is left out.
    ///
    /// # Errors
    /// Whatever could not be read.
    fn hardware(&mut self, names: &BTreeSet<IfName>) -> Result<BTreeMap<IfName, Hardware>, StepError>;

    /// Reads which zones the firewall has and what is in them; `None` when none runs.
    ///
    /// # Errors
    /// It runs and does not say.
    fn firewall(&mut self) -> Result<Option<Firewall>, StepError>;

    /// Reads which devices NetworkManager is told to leave alone, and, when it runs, which of `names` but for those it has in hand.
    ///
    /// # Errors
    /// It runs and does not say.
    fn manager(&mut self, names: &BTreeSet<IfName>) -> Result<NetworkManager, StepError>;

    /// Does one step of a plan, strictly: what it adds was not there (or is exactly equal, which is success), what it
    /// removes was. It returns when the kernel's answer is there; [`Step::ObtainLease`] when the lease is in the memory
    /// [`Self::observe`] returns, or is asked for without end. It never does half a step: on an error nothing is changed.
    ///
    /// # Errors
    /// Why it was not done.
    fn execute(&mut self, step: &Step) -> Result<(), StepError>;

    /// Does one step of a rollback, leniently: the step it takes back may never have been done, or been taken back
    /// already. What is to be added and exists (EEXIST), what is to be removed and does not (ENOENT, ENODEV, ESRCH,
    /// EADDRNOTAVAIL), a process that is gone, a setting that is right already: all are success.
    ///
    /// # Errors
    /// Why the old state is not there again; the rollback goes on with the next step.
    fn undo(&mut self, step: &Step) -> Result<(), StepError>;

    /// Keeps the journal where a killed agent's successor finds it, replacing the former one in one instant. Called
    /// before the first step is done, after the first one is taken back, and when more than steps has changed.
    ///
    /// # Errors
    /// Why it is not kept; the step is then not done.
    fn record(&mut self, journal: &Journal) -> Result<(), StepError>;

    /// Changes the journal that is kept: whole or not at all, whatever happens, and at a cost that does not grow with it. Called
    /// before every further step is done, and after every one taken back; never after an error of it or of [`Self::record`]
    /// before [`Self::record`] has succeeded again.
    ///
    /// # Errors
    /// Why it is not changed; the step is then not done.
    fn note(&mut self, entry: &Entry<'_>) -> Result<(), StepError>;

    /// Forgets the journal: everything in it is for good, or taken back.
    ///
    /// # Errors
    /// Why it is still there.
    fn clear_journal(&mut self) -> Result<(), StepError>;
}
