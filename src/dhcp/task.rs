//! What the clients of both families have in common around their machines: a task that waits for the time, for messages and for orders, and
//! the handle on it, whose end is bounded.
//!
//! It must not know messages, nor what an order does.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::machine::Now;

/// The runtime's timers stand still while the machine sleeps, so no wait is trusted for longer than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long a task may take to end: one that is to stop has nothing left to wait for, and one that gives a lease back may want to repeat itself
/// once.
const ENDING: Duration = Duration::from_secs(2);

/// What both families' clients can be told.
pub trait Order: Send + 'static {
    /// Renew the lease now instead of when it is due. Nothing without a lease.
    const RENEW: Self;
    /// Tell the server that somebody else has the lease's address, which must not be in use here, and look for another. Nothing without a lease.
    const DECLINE: Self;
    /// Give the lease back, and end.
    const RELEASE: Self;
}

/// A running client. Dropping it stops it, without giving the lease back.
#[derive(Debug)]
pub struct Task<O> {
    orders: UnboundedSender<O>,
    task: JoinHandle<()>,
}

impl<O: Order> Task<O> {
    /// Starts what `run` makes of the orders to come, on `runtime`.
    pub(super) fn start<F: Future<Output = ()> + Send + 'static>(runtime: &Handle, run: impl FnOnce(UnboundedReceiver<O>) -> F) -> Self {
        let (orders, receiver) = unbounded_channel();
        Self { orders, task: runtime.spawn(run(receiver)) }
    }

    pub(super) fn tell(&self, order: O) {
        // A client that has ended has told so by an event.
        let _ = self.orders.send(order);
    }

    /// Renews the lease now instead of when it is due. Nothing happens without a lease.
    pub fn renew(&self) {
        self.tell(O::RENEW);
    }

    /// Tells the server that somebody else has the lease's address (RFC 2131 4.4.1, RFC 8415 18.2.8), and looks for another lease: of IPv4
    /// 10 s later at the earliest. Nothing happens without a lease. The address must not be in use here.
    pub fn decline(&self) {
        self.tell(O::DECLINE);
    }

    /// Gives the lease back and ends, after 2 s at the latest. Of IPv4 when the message has been handed to the kernel; the interface must still
    /// have the address, without it the message goes out as a broadcast. Of IPv6 when the server has answered; the address must not be in use
    /// any longer, and the link-local one still be there.
    ///
    /// A thread outside the runtime waits with [`Handle::block_on`].
    pub async fn release(self) {
        self.tell(O::RELEASE);
        let Self { orders, task } = self;
        ended(task).await;
        // Without it the task would end before the server's word.
        drop(orders);
    }

    /// Ends and keeps the lease; done when the sockets are closed, 2 s at the latest.
    pub async fn stop(self) {
        let Self { orders, task } = self;
        drop(orders);
        ended(task).await;
    }
}

async fn ended(mut task: JoinHandle<()>) {
    if timeout(ENDING, &mut task).await.is_err() {
        task.abort();
    }
}

/// What ends a wait.
pub(super) enum Woken<O, M> {
    /// The time.
    Due,
    /// A message.
    Heard(M),
    /// An order; `None` when there will be none any more.
    Told(Option<O>),
}

/// Waits for the first of: an order, a message that `poll_message` has, the time `next`.
pub(super) async fn wait<O, M>(
    next: Option<Duration>,
    orders: &mut UnboundedReceiver<O>,
    mut poll_message: impl FnMut(&mut Context<'_>) -> Poll<M>,
) -> Woken<O, M> {
    let left = next.map_or(LONGEST_SLEEP, |at| at.saturating_sub(now().boot)).min(LONGEST_SLEEP);
    let mut due = pin!(sleep(left));
    poll_fn(|cx| {
        if let Poll::Ready(order) = orders.poll_recv(cx) {
            return Poll::Ready(Woken::Told(order));
        }
        if due.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Woken::Due);
        }
        poll_message(cx).map(Woken::Heard)
    })
    .await
}

pub(super) fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // The boot clock is there since Linux 2.6.39; a kernel without it would only count sleep out.
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(unix, Duration::from);
    Now { boot, unix: unix.as_secs() }
}
