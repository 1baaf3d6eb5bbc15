//! An agent takes another one's place while packets flow: it is given the sockets the kernel sends upcalls to. What comes up
//! meanwhile waits in them, so that new flows are delayed and not lost.
//!
//! The one that goes receives nothing any more and answers what it has received before it hands over. It ends only when the
//! other one says that it has the sockets, and goes on when it does not.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::daemon::{self, Only};
use super::inbox::Order;
use super::keeper;
use super::worker::Worker;
use super::{log, revalidator};
use crate::ctl::handover::Predecessor;
use crate::ctl::service::Answer;
use crate::error::{Error, Kind};
use crate::host::paths::Run;

/// How long answering what was received may take.
pub(super) const CATCH_UP: Duration = Duration::from_secs(5);
/// How long a successor may take to say that it has the sockets.
const HANDED: Duration = Duration::from_secs(5);
/// How long the one before may take to end.
const GONE: Duration = Duration::from_secs(10);

impl Worker {
    /// Hands the upcall sockets over to whoever asks, and ends when that one has them.
    pub(super) fn hand_over(&mut self, answer: Answer<Vec<OwnedFd>>) {
        if keeper::is_there() {
            let error = Error::new(Kind::Failed, "a service manager runs the agent and would start another one");
            return drop(answer.send(Err(error.advise("restart it there: `systemctl restart ovsdp`"))));
        }
        let shared = Arc::clone(&self.hands.shared);
        let gate = shared.shut();
        if !shared.caught_up(CATCH_UP) {
            let error = Error::new(Kind::TimedOut, format!("upcalls are still being answered after {} s", CATCH_UP.as_secs()));
            return drop(answer.send(Err(error.advise("something floods the switch with new flows: see `ovsdp top`; then run it again"))));
        }
        let sockets = self.hands.upcalls.shared.iter().map(|socket| socket.as_fd().try_clone_to_owned()).collect::<Result<Vec<_>, _>>();
        let sockets = sockets.map_err(|error| Error::new(Kind::Failed, format!("cannot share the upcall sockets: {error}")));
        if answer.send(sockets).is_err() {
            return;
        }
        let deadline = Instant::now() + HANDED;
        while let Some(order) = self.hands.orders.wait(deadline.saturating_duration_since(Instant::now())) {
            if matches!(order, Order::Leave) {
                revalidator::save(&self.hands.run, &shared);
                log::say("another agent has taken over");
                shared.leave.notify_one();
                // The process ends with its main thread; until then nobody here may receive an upcall or change anything.
                loop {
                    std::thread::park();
                }
            }
            self.hands.pending.push(order);
        }
        drop(gate);
        log::say("the agent that was to take over went away: going on");
    }
}

/// Takes the place of the agent that is running: its lock, and its upcall sockets. There are none when no agent runs.
///
/// # Errors
/// It does not hand over or does not end; then it goes on.
pub(super) async fn take(run: &Run) -> Result<(Only, Vec<OwnedFd>), Error> {
    if let Some(only) = daemon::lock(run)? {
        return Ok((only, Vec::new()));
    }
    let (before, sockets) = Predecessor::take_over(&run.socket()).await?;
    log::say(format_args!("took over {} upcall sockets", before.sockets()));
    before.leave().await;
    let deadline = Instant::now() + GONE;
    loop {
        if let Some(only) = daemon::lock(run)? {
            return Ok((only, sockets));
        }
        if Instant::now() >= deadline {
            return Err(Error::new(Kind::TimedOut, format!("the agent before has not ended within {} s", GONE.as_secs()))
                .advise("see its log; stop it, then start this one"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
