//! The line of those who want to change something: one at a time, the others wait for their turn, but not for ever, and are told
//! for whom.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::shared::Shared;

/// How long a change waits for the ones before it. A command is patient for longer, so it hears how the wait ended; the longest
/// change is one that waits for several leases.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// The line. The first entry is at work, or about to be.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    waiting: Vec<Entry>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    who: String,
    since: Instant,
    at_work: bool,
}

/// A place in the line, left when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Line {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `number` out if it is still waiting; says whether it was, and then whom it waited for.
    pub(super) fn give_up(&self, number: u64) -> Option<String> {
        let mut entries = self.entries();
        let at = entries.waiting.iter().position(|entry| entry.number == number && !entry.at_work)?;
        let ahead = entries.waiting.first().filter(|first| first.number != number).map(Entry::to_string);
        entries.waiting.remove(at);
        Some(ahead.unwrap_or_else(|| "the agent's own work".to_owned()))
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, since {} s", self.who, self.since.elapsed().as_secs())
    }
}

impl Place {
    /// Puts `who` at the end of the line; also says whom that is behind, if anyone.
    pub(super) fn join(shared: &Arc<Shared>, who: String) -> (Self, Option<String>) {
        let mut entries = shared.line.entries();
        entries.last += 1;
        let number = entries.last;
        let ahead = entries.waiting.first().map(Entry::to_string);
        entries.waiting.push(Entry { number, who, since: Instant::now(), at_work: false });
        drop(entries);
        (Self { shared: Arc::clone(shared), number }, ahead)
    }

    /// Its number, to [`Line::give_up`] with.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Begins to work; false when it was given up meanwhile.
    pub(super) fn begin(&self) -> bool {
        let mut entries = self.shared.line.entries();
        let own = entries.waiting.iter_mut().find(|entry| entry.number == self.number);
        own.is_some_and(|entry| {
            entry.at_work = true;
            // From here on it is what others wait for.
            entry.since = Instant::now();
            true
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.line.entries().waiting.retain(|entry| entry.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_works_and_the_others_know_for_whom_they_wait() {
        let shared = Arc::new(Shared::new(1).unwrap());
        let (first, ahead) = Place::join(&shared, "process 1 (ovsdp up)".into());
        assert!(ahead.is_none() && first.begin());
        let (second, ahead) = Place::join(&shared, "process 2 (ovsdp down br0)".into());
        assert!(ahead.unwrap().starts_with("process 1 (ovsdp up), since "));
        // Whoever is at work cannot give up any more; whoever gave up cannot begin.
        assert_eq!(shared.line.give_up(first.number()), None);
        assert!(shared.line.give_up(second.number()).unwrap().starts_with("process 1 (ovsdp up), since "));
        assert!(!second.begin());
        drop((first, second));
        let (third, ahead) = Place::join(&shared, "process 3".into());
        assert!(ahead.is_none() && third.begin());
    }
}
