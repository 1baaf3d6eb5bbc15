//! Reading a whole table: a visitor over borrowed messages, and the attempts it takes to read it whole.

use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use ovsdp_proto::nlmsg::{Message, Messages, flag, kind};

use super::ack;
use super::ahead;
use super::batch::Batch;
use super::counters::Counters;
use super::error::Error;
use super::names::Names;
use super::sock::{Socket, new_buffer};

/// How often a table is read again because it changed meanwhile, or because messages of it were lost.
const MAX_ATTEMPTS: u32 = 8;

/// So many datagrams are received without a thread: objects that fit one, and the one that says that these were all.
const ALONE: usize = 2;

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

/// One attempt at reading: what was seen of it besides its objects.
struct Attempt<'v, V, E> {
    seq: u32,
    visit: &'v mut V,
    counters: Counters,
    interrupted: bool,
    overrun: bool,
    failed: Option<E>,
}

/// Whether this message is the last of the dump numbered `seq`.
fn is_last(message: &Message<'_>, seq: u32) -> bool {
    message.seq == seq && matches!(message.kind, kind::DONE | kind::ERROR)
}

/// Whether a datagram has the last message of the dump numbered `seq`.
pub(super) fn ends(datagram: &[u8], seq: u32) -> bool {
    Messages::new(datagram).flatten().any(|message| is_last(&message, seq))
}

impl<V: FnMut(Dumped<'_>) -> Result<(), E>, E: From<Error>> Attempt<'_, V, E> {
    /// Takes one datagram, or what went wrong instead. Returns the message that ends the dump when it came.
    fn take<'d>(&mut self, received: Result<&'d [u8], Error>) -> Result<Option<Message<'d>>, E> {
        let datagram = match received {
            Ok(datagram) => datagram,
            Err(Error::Overrun) => {
                self.overrun = true;
                return Ok(None);
            }
            Err(error @ Error::Truncated { .. }) => {
                self.failed.get_or_insert(error.into());
                return Ok(None);
            }
            Err(error) => return Err(self.failed.take().unwrap_or_else(|| error.into())),
        };
        for message in Messages::new(datagram) {
            let message = match message {
                Ok(message) => message,
                Err(error) => {
                    self.counters.unreadable += 1;
                    self.failed.get_or_insert(Error::Decode(error).into());
                    break;
                }
            };
            if message.seq != self.seq {
                self.counters.stray += 1;
                continue;
            }
            self.interrupted |= message.flags & flag::DUMP_INTR != 0;
            match message.kind {
                kind::NOOP => {}
                kind::OVERRUN => self.overrun = true,
                kind::DONE | kind::ERROR => return Ok(Some(message)),
                // Once it is known that it must be read again, or will fail, the rest is only drained.
                _ if self.interrupted || self.overrun || self.failed.is_some() => {}
                _ => self.failed = (self.visit)(Dumped::Object(message)).err(),
            }
        }
        Ok(None)
    }

    /// What the last message says of the whole.
    fn end(&mut self, last: &Message<'_>, request: &[u8], names: &Names) -> Result<End, E> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        ack::outcome(last, request, names)?;
        Ok(match (self.overrun, self.interrupted) {
            (true, _) => End::Overrun,
            (false, true) => End::Interrupted,
            (false, false) => End::Whole,
        })
    }
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
        visit: impl FnMut(Dumped<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_whole(build, visit, false)
    }

    /// As [`Socket::dump`], for a large table and a visitor that has work to do: a second thread receives meanwhile. A table
    /// that fits one datagram costs no thread.
    ///
    /// # Errors
    /// As [`Socket::dump`]; but what is left of the dump when `visit` fails is thrown away only when the socket is used again.
    pub fn dump_ahead<E: From<Error>>(
        &mut self,
        build: impl FnOnce(&mut Batch) -> Result<usize, Error>,
        visit: impl FnMut(Dumped<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_whole(build, visit, true)
    }

    /// Every object of a table, as `read` reads it. What `read` says is none of those is passed over; what it cannot read is left out
    /// and counted.
    ///
    /// # Errors
    /// As [`Socket::dump`].
    pub fn list<T, E>(
        &mut self,
        build: impl FnOnce(&mut Batch) -> Result<usize, Error>,
        read: impl Fn(&Message<'_>) -> Result<Option<T>, E>,
    ) -> Result<Vec<T>, Error> {
        let (mut list, mut unreadable) = (Vec::new(), 0);
        self.dump(build, |dumped| {
            match dumped {
                Dumped::Start => {
                    list.clear();
                    unreadable = 0;
                }
                Dumped::Object(object) => match read(&object) {
                    Ok(object) => list.extend(object),
                    Err(_) => unreadable += 1,
                },
            }
            Ok::<(), Error>(())
        })?;
        self.count_unreadable(unreadable);
        Ok(list)
    }

    fn read_whole<E: From<Error>>(
        &mut self,
        build: impl FnOnce(&mut Batch) -> Result<usize, Error>,
        mut visit: impl FnMut(Dumped<'_>) -> Result<(), E>,
        ahead: bool,
    ) -> Result<(), E> {
        let mut request = Batch::new();
        build(&mut request)?;
        for attempt in 1..=MAX_ATTEMPTS {
            visit(Dumped::Start)?;
            match self.attempt(&mut request, &mut visit, ahead)? {
                End::Whole => return Ok(()),
                End::Interrupted => self.wire.counters.dump_intr += 1,
                End::Overrun => {}
            }
            if attempt > 1 {
                // Whoever changes the table is busy: give way, longer each time (2 to 14 ms).
                thread::sleep(std::time::Duration::from_millis(2 * u64::from(attempt - 1)));
            }
        }
        Err(Error::Interrupted(MAX_ATTEMPTS).into())
    }

    fn attempt<E: From<Error>>(&mut self, request: &mut Batch, visit: &mut impl FnMut(Dumped<'_>) -> Result<(), E>, ahead: bool) -> Result<End, E> {
        self.settle()?;
        let seq = self.reserve(1);
        self.wire.send(request.seal(0, 1, seq, false))?;
        self.unfinished = Some(seq);
        let mut attempt = Attempt { seq, visit, counters: Counters::default(), interrupted: false, overrun: false, failed: None };
        let mut end = self.receive_here(&mut attempt, request, if ahead { ALONE } else { usize::MAX });
        if let Some(error) = attempt.failed.take() {
            end = Err(error);
        } else if let Ok(None) = end {
            end = self.receive_ahead(&mut attempt, request).map(Some);
        }
        self.wire.counters = self.wire.counters.plus(attempt.counters);
        // Without a number of datagrams to stop at it goes on until the end, so that there is one.
        end?.ok_or_else(|| Error::Lost.into())
    }

    /// Receives and visits in turns, at most `most` datagrams. `None`: the dump goes on behind them.
    fn receive_here<V: FnMut(Dumped<'_>) -> Result<(), E>, E: From<Error>>(
        &mut self,
        attempt: &mut Attempt<'_, V, E>,
        request: &mut Batch,
        most: usize,
    ) -> Result<Option<End>, E> {
        for _ in 0..most {
            // Each datagram has its own time: a table of millions may take long, but it must keep coming.
            let received = self.wire.receive_by(&mut self.buffer, Instant::now() + self.timeout);
            let received = received.and_then(|datagram| datagram.ok_or(Error::TimedOut(self.timeout)));
            if let Some(last) = attempt.take(received)? {
                self.unfinished = None;
                return attempt.end(&last, request.request(0), &self.names).map(Some);
            }
        }
        Ok(None)
    }

    /// Visits here what another thread receives. Where there can be no other, one thread does both.
    fn receive_ahead<V: FnMut(Dumped<'_>) -> Result<(), E>, E: From<Error>>(
        &mut self,
        attempt: &mut Attempt<'_, V, E>,
        request: &mut Batch,
    ) -> Result<End, E> {
        let (wire, seq, timeout) = (&mut self.wire, attempt.seq, self.timeout);
        let (full, received) = mpsc::sync_channel(ahead::BUFFERS);
        let (recycle, free) = mpsc::sync_channel(ahead::BUFFERS);
        let end = thread::scope(|scope| {
            let receive = move || ahead::receive(wire, timeout, seq, &full, &free);
            let receiver = thread::Builder::new().name("receive".into()).spawn_scoped(scope, receive).ok()?;
            for _ in 0..ahead::BUFFERS {
                let _ = recycle.send(new_buffer());
            }
            let end = loop {
                // It always says why it ends.
                let message = received.recv().unwrap_or(Err(Error::Lost));
                let (buffer, result) = match message {
                    Ok((buffer, len)) => {
                        let taken = attempt.take(Ok(buffer.get(..len).unwrap_or_default()));
                        let end = taken.map(|last| last.map(|last| attempt.end(&last, request.request(0), &self.names)));
                        (Some(buffer), end)
                    }
                    Err(error) => (None, attempt.take(Err(error)).map(|_| None)),
                };
                match (result, attempt.failed.take()) {
                    (Err(error), _) | (Ok(None), Some(error)) => break Err(error),
                    (Ok(Some(end)), _) => break end,
                    // The receiver may have ended by now, and want no buffer.
                    (Ok(None), None) => drop(buffer.map(|buffer| recycle.send(buffer))),
                }
            };
            // It ends when nobody listens; it may have come to the dump's end before.
            drop((received, recycle));
            if receiver.join().unwrap_or(false) {
                self.unfinished = None;
            }
            Some(end)
        });
        match end {
            Some(end) => end,
            None => self.receive_here(attempt, request, usize::MAX)?.ok_or_else(|| Error::Lost.into()),
        }
    }

    /// Drains what is left of a dump that was given up: the kernel refuses a second one beside it, and its messages
    /// would stand in the way of answers.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let Some(seq) = self.unfinished else { return Ok(()) };
        // As long as it keeps coming it takes what it takes.
        loop {
            match self.wire.receive_by(&mut self.buffer, Instant::now() + self.timeout) {
                Ok(Some(datagram)) => {
                    if ends(datagram, seq) {
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
