//! How long a change may take (`--timeout`).

use std::time::{Duration, Instant};

use super::hands::Hands;
use crate::error::{Error, Kind};

/// How long a change may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// When its time is up.
    pub(super) at: Instant,
    /// How many seconds it was given.
    pub(super) secs: u32,
}

impl Limit {
    /// So many seconds from when the change was `asked` for.
    pub(super) fn of(asked: Instant, secs: u32) -> Self {
        Self { at: asked + Duration::from_secs(secs.into()), secs }
    }

    /// Why a change ends that has taken too long.
    pub(super) fn error(self) -> Error {
        Error::new(Kind::TimedOut, format!("the {} s are up that --timeout gives", self.secs))
    }
}

impl Hands {
    /// The end of a wait that is to end at `end`: no later than the change's time is up.
    pub(super) fn within_limit(&self, end: Instant) -> Instant {
        self.limit.map_or(end, |limit| limit.at.min(end))
    }

    /// The limit of the change under way, when its time is up.
    pub(super) fn over(&self) -> Option<Limit> {
        self.limit.filter(|limit| Instant::now() >= limit.at)
    }
}
