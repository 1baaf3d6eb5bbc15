//! The way into the worker: a queue it can wait on together with the kernel's events, and the front that takes requests
//! from the control socket.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use ovsdp_proto::IfName;

use super::bell::Bell;
use super::line::{PATIENCE, Place};
use super::shared::Shared;
use super::{alarm, appctl, status, tables};
use crate::ctl::api::{Confirmed, Progress, Stage, Who};
use crate::ctl::service::{Answer, Change, Inbox, Lines, Request, Terms};
use crate::dhcp;
use crate::error::{Error, Kind};

/// What the worker is given to do.
#[derive(Debug)]
pub(super) enum Order {
    /// A client's change.
    Change {
        /// What to do.
        change: Change,
        /// On what terms.
        terms: Terms,
        /// When it was asked for.
        asked: Instant,
        /// The folder with the ifcfg files.
        dir: PathBuf,
        /// Where the lines of progress go.
        lines: Lines,
        /// Its place in the line.
        place: Place,
    },
    /// Let the change stay that waits to be confirmed.
    Confirm {
        /// When it was asked for, in [`alarm::now_ms`]: that counts, not when the worker comes to it.
        at_ms: u64,
        /// Where the answer goes.
        answer: Answer<Confirmed>,
    },
    /// Hand the upcall sockets over to a successor.
    HandOver(Answer<Vec<OwnedFd>>),
    /// The successor has them: end.
    Leave,
    /// What became of a lease.
    Lease(IfName, dhcp::Event),
    /// What became of a lease of IPv6.
    Lease6(IfName, dhcp::v6::Event),
}

/// The end that anyone puts orders into.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    orders: Sender<Order>,
    bell: Arc<Bell>,
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct Orders {
    orders: Receiver<Order>,
    bell: Arc<Bell>,
}

/// Makes a queue.
///
/// # Errors
/// There is no room for a descriptor.
pub(super) fn queue() -> Result<(Queue, Orders), Error> {
    let bell = Arc::new(Bell::new()?);
    let (sender, receiver) = channel();
    Ok((Queue { orders: sender, bell: Arc::clone(&bell) }, Orders { orders: receiver, bell }))
}

impl Queue {
    /// Puts an order in; says whether the worker is there to take it.
    pub(super) fn put(&self, order: Order) -> bool {
        let taken = self.orders.send(order).is_ok();
        self.bell.ring();
        taken
    }
}

impl Orders {
    /// The next order, if there is one.
    pub(super) fn next(&self) -> Option<Order> {
        self.orders.try_recv().ok()
    }

    /// Waits for the next order, at most `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> Option<Order> {
        self.orders.recv_timeout(timeout).ok()
    }

    /// Takes note of the bell, before the queue is emptied.
    pub(super) fn heard(&self) {
        self.bell.heard();
    }
}

impl AsFd for Orders {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// Takes requests from the control socket: questions are answered here, changes go to the worker.
#[derive(Debug)]
pub(super) struct Front {
    queue: Queue,
    shared: Arc<Shared>,
    /// How long a change waits for its turn.
    patience: Duration,
}

impl Front {
    pub(super) const fn new(queue: Queue, shared: Arc<Shared>) -> Self {
        Self { queue, shared, patience: PATIENCE }
    }

    fn order(&self, order: Order) -> Result<(), Error> {
        if self.queue.put(order) { Ok(()) } else { Err(Error::new(Kind::Failed, "the agent is stopping").advise("run the command again")) }
    }
}

/// Ends the wait of a change whose turn does not come.
async fn give_up(shared: Arc<Shared>, number: u64, lines: Lines, patience: Duration) {
    tokio::time::sleep(patience).await;
    if let Some(ahead) = shared.line.give_up(number) {
        let message = format!("waited {} s for {ahead}; nothing was changed", patience.as_secs());
        let _ = lines.send(Err(Error::new(Kind::TimedOut, message).advise("see `ovsdp status`, then run the command again")));
    }
}

impl Inbox for Front {
    fn put(&self, request: Request) -> Result<(), Error> {
        match request {
            Request::Status(reply) => {
                let _ = reply.send(status::agent(&self.shared));
                Ok(())
            }
            Request::Fdb(bridge, reply) => {
                // A look first: what is in use is as old as its last packet.
                let shared = Arc::clone(&self.shared);
                self.shared.after_pass(move |_| drop(reply.send(tables::fdb(&shared, bridge.as_deref()))));
                Ok(())
            }
            Request::FdbStats(bridge, reply) => {
                let _ = reply.send(tables::stats(&self.shared, bridge.as_deref()));
                Ok(())
            }
            Request::FdbChange(change, reply) => {
                match tables::change(&self.shared, &change) {
                    // Whoever went away does not need it.
                    Ok(changed) if changed.changed > 0 => self.shared.after_pass(move |passed| drop(reply.send(passed.map(|()| changed)))),
                    answer => drop(reply.send(answer)),
                }
                Ok(())
            }
            Request::Trace(of, reply) => {
                let _ = reply.send(tables::trace(&self.shared, &of));
                Ok(())
            }
            Request::Appctl(words, reply) if appctl::waits(&words) => {
                let shared = Arc::clone(&self.shared);
                self.shared.after_pass(move |passed| drop(reply.send(passed.and_then(|()| appctl::run(&shared, &words)))));
                Ok(())
            }
            Request::Appctl(words, reply) => {
                let _ = reply.send(appctl::run(&self.shared, &words));
                Ok(())
            }
            Request::Metrics(reply) => {
                let _ = reply.send(status::metrics(&self.shared));
                Ok(())
            }
            Request::Confirm(answer) => self.order(Order::Confirm { at_ms: alarm::now_ms(), answer }),
            Request::HandOver(answer) => self.order(Order::HandOver(answer)),
            Request::Leave => self.order(Order::Leave),
            Request::Change { change, terms, dir, lines } => {
                let (place, ahead) = Place::join(&self.shared, Who::text(terms.who.as_ref()));
                if let Some(ahead) = ahead {
                    let _ = lines.send(Ok(Progress::line(Stage::Note, format!("waiting for {ahead}"))));
                    let given = terms.timeout.map(|secs| Duration::from_secs(secs.into()));
                    let patience = given.unwrap_or(self.patience).min(self.patience);
                    tokio::spawn(give_up(Arc::clone(&self.shared), place.number(), lines.clone(), patience));
                }
                self.order(Order::Change { change, terms, asked: Instant::now(), dir, lines, place })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    fn change(lines: Lines, pid: u32) -> Request {
        let who = Some(Who { pid, command: "ovsdp up".into() });
        Request::Change { change: Change::Up(Vec::new()), terms: Terms { who, ..Terms::default() }, dir: "/d".into(), lines }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_second_hears_whom_it_waits_for_and_does_not_wait_for_ever() {
        let (queue, orders) = queue().unwrap();
        let front = Front { queue, shared: Arc::new(Shared::new(1).unwrap()), patience: Duration::from_millis(1) };
        let (first, mut first_lines) = unbounded_channel();
        front.put(change(first, 11)).unwrap();
        let Some(Order::Change { place, .. }) = orders.next() else { panic!("no order") };
        assert!(place.begin());
        let (second, mut lines) = unbounded_channel();
        front.put(change(second, 12)).unwrap();
        let note = lines.recv().await.unwrap().unwrap();
        assert!(note.stage == Stage::Note && note.text.starts_with("waiting for process 11 (ovsdp up), since"), "{note:?}");
        let error = lines.recv().await.unwrap().unwrap_err();
        assert!(error.kind == Kind::TimedOut && error.message.contains("process 11"), "{error}");
        // When its turn comes after all, it is not carried out.
        let Some(Order::Change { place: late, .. }) = orders.next() else { panic!("no order") };
        assert!(!late.begin());
        assert!(first_lines.try_recv().is_err());
    }
}
