//! Reading a whole table: a visitor over borrowed messages, and the attempts it takes to read it whole.

use std::time::Instant;

use ovsdp_proto::nlmsg::{Message, Messages, flag, kind};

use super::ack;
use super::batch::Batch;
use super::error::Error;
use super::sock::Socket;

/// How often a table is read again because it changed meanwhile, or because messages of it were lost.
const MAX_ATTEMPTS: u32 = 8;

/// What a dump hands to its visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dumped<'a> {
    /// The dump begins, for the first time or once more: forget what was seen of it.
    Start,
    /// One object.
    Object(Message<'a>),
}

/// How one attempt ended.
enum End {
    Whole,
    Interrupted,
    Overrun,
}

impl Socket {
    /// Asks for the whole table that the one request `build` puts into a batch names (its flags must have
    /// [`flag::DUMP`]), and hands every object to `visit`.
    ///
    /// A table that changed while it was read (`NLM_F_DUMP_INTR`) and one of which messages were lost is read again, at
    /// most 8 times; [`Dumped::Start`] then comes again. Some tables (flows among them) never say that they changed: an
    /// object may come twice or, when it moved, not at all.
    ///
    /// # Errors
    /// [`Error::Kernel`] when the kernel refuses or breaks off, [`Error::Interrupted`] when the table never stood
    /// still, [`Error::Truncated`]. What `build` and `visit` return; the rest of the dump is then read and thrown away.
    pub fn dump<E: From<Error>>(
        &mut self,
        build: impl FnOnce(&mut Batch) -> Result<usize, Error>,
        mut visit: impl FnMut(Dumped<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut request = Batch::new();
        build(&mut request)?;
        for attempt in 1..=MAX_ATTEMPTS {
            visit(Dumped::Start)?;
            match self.attempt(&mut request, &mut visit)? {
                End::Whole => return Ok(()),
                End::Interrupted => self.wire.counters.dump_intr += 1,
                End::Overrun => {}
            }
            if attempt > 1 {
                // Whoever changes the table is busy: give way, longer each time (2 to 14 ms).
                std::thread::sleep(std::time::Duration::from_millis(2 * u64::from(attempt - 1)));
            }
        }
        Err(Error::Interrupted(MAX_ATTEMPTS).into())
    }

    fn attempt<E: From<Error>>(&mut self, request: &mut Batch, visit: &mut impl FnMut(Dumped<'_>) -> Result<(), E>) -> Result<End, E> {
        self.settle()?;
        let seq = self.reserve(1);
        self.wire.send(request.seal(0, 1, seq, false))?;
        self.unfinished = Some(seq);
        let (mut interrupted, mut overrun) = (false, false);
        let mut failed = None;
        loop {
            // Each datagram has its own time: a table of millions may take long, but it must keep coming.
            let deadline = Instant::now() + self.timeout;
            let datagram = match self.wire.receive_by(&mut self.buffer, deadline) {
                Ok(Some(datagram)) => datagram,
                Ok(None) => return Err(failed.unwrap_or_else(|| Error::TimedOut(self.timeout).into())),
                Err(Error::Overrun) => {
                    overrun = true;
                    continue;
                }
                Err(error @ Error::Truncated { .. }) => {
                    failed.get_or_insert(error.into());
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for message in Messages::new(datagram) {
                let message = match message {
                    Ok(message) => message,
                    Err(error) => {
                        self.wire.counters.unreadable += 1;
                        failed.get_or_insert(Error::Decode(error).into());
                        break;
                    }
                };
                if message.seq != seq {
                    self.wire.counters.stray += 1;
                    continue;
                }
                interrupted |= message.flags & flag::DUMP_INTR != 0;
                match message.kind {
                    kind::NOOP => {}
                    kind::OVERRUN => overrun = true,
                    kind::DONE | kind::ERROR => {
                        self.unfinished = None;
                        if let Some(error) = failed {
                            return Err(error);
                        }
                        ack::outcome(&message, request.request(0), &self.names)?;
                        return Ok(if overrun {
                            End::Overrun
                        } else if interrupted {
                            End::Interrupted
                        } else {
                            End::Whole
                        });
                    }
                    // Once it is known that it must be read again, or will fail, the rest is only drained.
                    _ if interrupted || overrun || failed.is_some() => {}
                    _ => failed = visit(Dumped::Object(message)).err(),
                }
            }
        }
    }

    /// Drains what is left of a dump that was given up: the kernel refuses a second one beside it, and its messages
    /// would stand in the way of answers.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let Some(seq) = self.unfinished else { return Ok(()) };
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.wire.receive_by(&mut self.buffer, deadline) {
                Ok(Some(datagram)) => {
                    let ends = |message: Message<'_>| message.seq == seq && matches!(message.kind, kind::DONE | kind::ERROR);
                    if Messages::new(datagram).flatten().any(ends) {
                        self.unfinished = None;
                        return Ok(());
                    }
                }
                Ok(None) => return Err(Error::TimedOut(self.timeout)),
                Err(Error::Overrun | Error::Truncated { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
