//! What was lost, repeated or thrown away. Loss is never silent: whoever owns a socket shows these numbers.

use serde::{Deserialize, Serialize};

/// How often something on a socket did not go straight. All count events since the socket was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Dumps that the kernel marked inconsistent (`NLM_F_DUMP_INTR`) and that were started again.
    pub dump_intr: u64,
    /// Times the receive buffer was full and the kernel threw messages away (`ENOBUFS`).
    pub enobufs: u64,
    /// Datagrams that did not fit the receive buffer (`MSG_TRUNC`).
    pub truncated: u64,
    /// Requests sent again because their acknowledgement was lost.
    pub resent: u64,
    /// Datagrams thrown away because they did not come from the kernel.
    pub foreign: u64,
    /// Messages that answer no request this socket is waiting for.
    pub stray: u64,
    /// Messages or objects that could not be read.
    pub unreadable: u64,
}

impl Counters {
    /// The sums of both: what several sockets of one owner saw.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            dump_intr: self.dump_intr.saturating_add(other.dump_intr),
            enobufs: self.enobufs.saturating_add(other.enobufs),
            truncated: self.truncated.saturating_add(other.truncated),
            resent: self.resent.saturating_add(other.resent),
            foreign: self.foreign.saturating_add(other.foreign),
            stray: self.stray.saturating_add(other.stray),
            unreadable: self.unreadable.saturating_add(other.unreadable),
        }
    }
}
