//! What the host was last seen to be, kept for the change that follows at once: of several in a row each reads the kernel once, and none
//! where nothing is to be done.
//!
//! It holds while nothing happens: whatever is done, undone, remembered or waited for here lets go of it.

use crate::plan::Observed;

/// What was seen, and what was remembered then, if that is kept at all.
#[derive(Debug, Default)]
pub(super) struct Seen {
    keeps: bool,
    observed: Option<Observed>,
}

impl Seen {
    /// Keeps what is seen from now on.
    pub(super) const fn in_a_row() -> Self {
        Self { keeps: true, observed: None }
    }

    /// Keeps `observed`, when anything is kept.
    pub(super) fn keep(&mut self, observed: Observed) {
        self.observed = Some(observed).filter(|_| self.keeps);
    }

    /// Takes out what is kept.
    pub(super) const fn take(&mut self) -> Option<Observed> {
        self.observed.take()
    }

    /// Lets go of what is kept: it may no longer be so.
    pub(super) fn forget(&mut self) {
        self.observed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_only_for_changes_in_a_row_and_until_something_happens() {
        let mut seen = Seen::default();
        seen.keep(Observed::default());
        assert_eq!(seen.take(), None);
        seen = Seen::in_a_row();
        seen.keep(Observed::default());
        assert_eq!((seen.take(), seen.take()), (Some(Observed::default()), None));
        seen.keep(Observed::default());
        seen.forget();
        assert_eq!(seen.take(), None);
    }
}
