//! The way into the worker: a queue it can wait on together with the kernel's events, and the front that takes requests
//! from the control socket.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use ovsdp_proto::IfName;

use super::shared::Shared;
use super::{appctl, status, tables};
use crate::ctl::api::{Progress, Stage};
use crate::ctl::service::{Inbox, Request};
use crate::dhcp;
use crate::error::{Error, Kind};

/// What the worker is given to do.
#[derive(Debug)]
pub(super) enum Order {
    /// A client's change.
    Request(Request),
    /// What became of a lease.
    Lease(IfName, dhcp::Event),
}

/// The end that anyone puts orders into.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    orders: Sender<Order>,
    bell: Arc<EventFd>,
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct Orders {
    orders: Receiver<Order>,
    bell: Arc<EventFd>,
}

/// Makes a queue.
///
/// # Errors
/// There is no room for a descriptor.
pub(super) fn queue() -> Result<(Queue, Orders), Error> {
    let bell = EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
        .map_err(|errno| Error::new(Kind::Failed, format!("cannot make an event descriptor: {errno}")))?;
    let bell = Arc::new(bell);
    let (sender, receiver) = channel();
    Ok((Queue { orders: sender, bell: Arc::clone(&bell) }, Orders { orders: receiver, bell }))
}

impl Queue {
    /// Puts an order in; says whether the worker is there to take it.
    pub(super) fn put(&self, order: Order) -> bool {
        let taken = self.orders.send(order).is_ok();
        // It fails only when the counter is full: then the worker has long been rung.
        let _ = self.bell.write(1);
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
        let _ = self.bell.read();
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
}

impl Front {
    pub(super) const fn new(queue: Queue, shared: Arc<Shared>) -> Self {
        Self { queue, shared }
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
                let _ = reply.send(tables::fdb(&self.shared, bridge.as_deref()));
                Ok(())
            }
            Request::FdbStats(bridge, reply) => {
                let _ = reply.send(tables::stats(&self.shared, bridge.as_deref()));
                Ok(())
            }
            Request::FdbChange(change, reply) => {
                match tables::change(&self.shared, &change) {
                    Ok(changed) if changed.changed > 0 => self.shared.answer_after_pass(changed, reply),
                    answer => drop(reply.send(answer)),
                }
                Ok(())
            }
            Request::Trace(of, reply) => {
                let _ = reply.send(tables::trace(&self.shared, &of));
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
            Request::Change { change, dir, lines } => {
                if self.shared.busy.load(Ordering::Acquire) {
                    let text = "waiting for another change to end".to_owned();
                    let _ = lines.send(Ok(Progress { stage: Stage::Note, text, changed: None }));
                }
                let order = Order::Request(Request::Change { change, dir, lines });
                if self.queue.put(order) { Ok(()) } else { Err(Error::new(Kind::Failed, "the agent is stopping").advise("run the command again")) }
            }
        }
    }
}
