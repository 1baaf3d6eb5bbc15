//! A thread that receives upcalls and has them answered, in batches.
//!
//! While it can keep up, upcalls are answered as they are received. When more wait than one batch takes, they are put by and
//! taken from their ports in turn.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ovsdp_proto::packet::Upcall;

use super::answers::Answers;
use super::backlog::Backlog;
use super::counters::Place;
use super::log;
use super::shared::{Shared, now};
use crate::dp::{Dp, Drained, UpcallSocket};
use crate::error::{Error, Kind};

/// Upcalls answered in one go.
const BATCH: usize = 64;
/// Upcalls put by between two batches: so many more than are answered that the kernel's queue, where ports do not take turns, stays short.
const COLLECT: usize = 16 * BATCH;
/// There is nothing to do without an upcall; waking up now and then only bounds the wait.
const IDLE: Duration = Duration::from_secs(3600);

/// Starts a handler.
///
/// # Errors
/// There is no room for a thread.
pub(super) fn spawn(socket: UpcallSocket, dp: Dp, shared: Arc<Shared>) -> Result<(), Error> {
    let losses = shared.counters.losses.place();
    let answers = Answers::new(dp.families());
    let handler = Handler { shared, dp, answers, backlog: Backlog::new(), scratch: Vec::new(), losses };
    std::thread::Builder::new()
        .name("handler".into())
        .spawn(move || handler.run(socket))
        .map(drop)
        .map_err(|error| Error::new(Kind::Failed, format!("cannot start a handler: {error}")))
}

struct Handler {
    shared: Arc<Shared>,
    dp: Dp,
    answers: Answers,
    /// What was received and is not answered yet.
    backlog: Backlog,
    /// One of them.
    scratch: Vec<u8>,
    losses: Place,
}

impl Handler {
    fn run(mut self, mut socket: UpcallSocket) {
        let shared = Arc::clone(&self.shared);
        let mut behind = false;
        loop {
            if self.backlog.is_empty() {
                self.backlog.release();
                match socket.wait(IDLE) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => log::die(format_args!("upcalls cannot be received: {error}")),
                }
            }
            let began = Instant::now();
            let received = match shared.reading() {
                Some(_reading) => {
                    let received = self.receive(&mut socket).unwrap_or_else(|error| log::die(format_args!("upcalls cannot be received: {error}")));
                    self.say_behind(&mut behind);
                    received
                }
                // The sockets are another agent's now; what was received before is still to be answered.
                None if self.backlog.is_empty() => {
                    shared.wait_to_read();
                    continue;
                }
                None => Received::default(),
            };
            let answered = received.answered + self.answer_waiting();
            self.say_behind(&mut behind);
            let counters = &shared.counters;
            counters.upcalls.add(answered);
            counters.overruns.add(received.overruns);
            counters.dropped.add(received.dropped);
            if answered > 0 {
                counters.handling.record(began.elapsed());
            }
            counters.losses.say(&mut self.losses, socket.counters().plus(self.dp.counters()));
        }
    }

    /// Says whether upcalls wait that were received, when that has changed.
    fn say_behind(&self, behind: &mut bool) {
        match (*behind, !self.backlog.is_empty()) {
            (false, true) => drop(self.shared.behind.fetch_add(1, Ordering::Release)),
            (true, false) => drop(self.shared.behind.fetch_sub(1, Ordering::Release)),
            _ => {}
        }
        *behind = !self.backlog.is_empty();
    }

    /// Receives what is there: the first batch is answered at once when nothing waits, the rest is put by.
    fn receive(&mut self, socket: &mut UpcallSocket) -> Result<Received, crate::dp::Error> {
        let Self { shared, dp, answers, backlog, .. } = self;
        let mut drained = Drained { more: true, ..Drained::default() };
        let mut received = Received::default();
        if backlog.is_empty() {
            drained = shared.in_core(|core| {
                let at = now();
                let drained = socket.drain(BATCH, |upcall| answers.give(dp, shared, core, at, upcall));
                answers.send(dp, shared, core);
                drained
            })?;
            received.answered = drained.upcalls;
        }
        if drained.more {
            let put_by = socket.collect(COLLECT, |bytes, upcall| {
                let port = upcall.key().in_port().unwrap_or(u32::MAX);
                received.dropped += usize::from(!backlog.push(port, bytes));
            })?;
            drained.overruns += put_by.overruns;
        }
        Ok(Received { overruns: drained.overruns, ..received })
    }

    /// Answers a batch of what was put by; returns how many upcalls that were.
    fn answer_waiting(&mut self) -> usize {
        let Self { shared, dp, answers, backlog, scratch, .. } = self;
        if backlog.is_empty() {
            return 0;
        }
        shared.in_core(|core| {
            let at = now();
            let count = (0..BATCH).take_while(|_| {
                let taken = backlog.pop(scratch);
                // It was read once before it was put by.
                if taken && let Ok(upcall) = Upcall::parse(scratch) {
                    answers.give(dp, shared, core, at, &upcall);
                }
                taken
            });
            let count = count.count();
            answers.send(dp, shared, core);
            count
        })
    }
}

/// What became of upcalls that were received.
#[derive(Default)]
struct Received {
    answered: usize,
    dropped: usize,
    overruns: usize,
}
