//! A folder with everything that can be said of it: what `up` would say, and what only a linter does.
//!
//! Two steps, for whoever looks at the host wants to know first what the files ask of it. It must not look itself.

use super::diag::Diagnostic;
use super::file::Sources;
use super::host::Host;
use super::surroundings::{self, Surroundings};
use super::{Understood, arrange, lint, overhead, understand};
use crate::model::Intent;

/// A folder being checked.
#[derive(Debug)]
pub struct Check(Understood);

impl Check {
    /// Reads the files of `sources` as they are read for `up`.
    pub fn begin(sources: &Sources, host: &Host) -> Self {
        Self(understand(sources, host))
    }

    /// What the files ask for as far as it can be told: files with errors are left out.
    pub const fn intent(&self) -> &Intent {
        &self.0.intent
    }

    /// Everything found, by file and place, with lines and columns filled in. `around`: the host the files are for, when that is
    /// known. The files its naming rules stand in are to be in `sources` too, by their absolute paths.
    pub fn finish(self, sources: &Sources, around: Option<&Surroundings>) -> Vec<Diagnostic> {
        let Understood { list, others, intent, mut diagnostics, .. } = self.0;
        let devices = around.map_or(&[][..], |around| &around.devices);
        lint::folder(&list, &others, devices, sources, &mut diagnostics);
        overhead::find(&list, &intent, devices, &mut diagnostics);
        if let Some(around) = around {
            surroundings::compare(&list, around, sources, &mut diagnostics);
        }
        arrange(&mut diagnostics, sources);
        diagnostics
    }
}
