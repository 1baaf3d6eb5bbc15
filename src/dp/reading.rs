//! Reading every flow of a datapath once, fast: what `ovsdp flows` and `dump-flows` are made of.

use std::ops::ControlFlow;

use ovsdp_proto::Request;
use ovsdp_proto::flow::{self, Flow};

use super::seen::Seen;
use super::{Datapath, Dp, Error};
use crate::nl::{self, Dumped};

/// How reading all flows went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Flows that were handed out.
    pub flows: u64,
    /// Flows that could not be read.
    pub unreadable: u64,
    /// Times the table was read again from the beginning, because messages were lost.
    pub restarts: u64,
    /// At least so many flows the datapath had before and afterwards. More than were handed out: flows may be missing.
    pub expected: u64,
    /// Whether the visitor ended it.
    pub stopped: bool,
}

/// How often the table is read when fewer flows come than the datapath has.
const MOST_PASSES: u32 = 3;

/// Why the dump below ends early.
enum End {
    Failed(nl::Error),
    Stopped,
}

impl From<nl::Error> for End {
    fn from(error: nl::Error) -> Self {
        Self::Failed(error)
    }
}

impl Dp {
    /// Hands every flow of `datapath` to `visit`, whole and once, borrowed from the receive buffer, while a second thread
    /// receives the next ones. Nothing is allocated for a flow; 24 bytes at most are kept of each, so that none comes twice
    /// when flows move in the kernel's table or messages were lost. `visit` may end it.
    ///
    /// Actions too large for a dump are `None`; ask for that flow by itself, with another [`Dp`].
    ///
    /// # Errors
    /// [`Kind::NoDevice`](nl::Kind::NoDevice) when the datapath is gone; when the kernel does not answer.
    pub fn read_flows(&mut self, datapath: &Datapath, mut visit: impl FnMut(&Flow<'_>) -> ControlFlow<()>) -> Result<Reading, Error> {
        let count = |datapath: &Datapath| datapath.stats.map_or(0, |stats| stats.flows);
        let before = count(datapath);
        let mut seen = Seen::with_room_for(before);
        let mut reading = Reading::default();
        let request = Request::new(self.families.flow, 0, 0);
        for _ in 0..MOST_PASSES {
            let (mut starts, mut unreadable) = (0, 0);
            let result = self.socket.dump_ahead(
                |batch| batch.append(|out| flow::dump(out, request, datapath.index, 0)),
                |dumped| {
                    let Dumped::Object(message) = dumped else {
                        (starts, unreadable) = (starts + 1, 0);
                        return Ok(());
                    };
                    let Ok(flow) = Flow::parse(message.payload) else {
                        unreadable += 1;
                        return Ok(());
                    };
                    if seen.first(&flow) && visit(&flow).is_break() { Err(End::Stopped) } else { Ok(()) }
                },
            );
            self.socket.count_unreadable(unreadable);
            reading.flows = u64::try_from(seen.len()).unwrap_or(u64::MAX);
            reading.unreadable = unreadable;
            reading.restarts += u64::saturating_sub(starts, 1);
            match result {
                Ok(()) => {}
                Err(End::Failed(error)) => return Err(error.on("list", "flows").into()),
                Err(End::Stopped) => return Ok(Reading { stopped: true, ..reading }),
            }
            // More than were counted are no riddle: they came meanwhile. Fewer: some moved while they were read, and are
            // found by reading once more.
            if reading.flows + unreadable >= before {
                break;
            }
            reading.expected = before.min(self.datapath(&datapath.name)?.as_ref().map_or(0, count));
            if reading.flows + unreadable >= reading.expected {
                break;
            }
        }
        Ok(reading)
    }
}

#[cfg(test)]
mod tests;
