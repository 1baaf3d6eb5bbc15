//! The task around the state machine, and the handle on it.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use ovsdp_proto::IfName;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::machine::{Machine, Now, Out};
use super::socket::Link;
use super::{Ask, Event};

/// The runtime's timers stand still while the machine sleeps, so no wait is trusted for longer than this.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long [`Client::stop`] and [`Client::release`] wait for a task that, by then, has nothing left to wait for.
const ENDING: Duration = Duration::from_secs(2);

/// A running client. Dropping it stops it, without giving the lease back.
#[derive(Debug)]
pub struct Client {
    commands: UnboundedSender<Command>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Renew,
    Decline,
    Release,
}

/// Starts a client on `runtime`, whose I/O and timers must be enabled. Sockets are opened by the runtime's thread, in that
/// thread's network namespace.
///
/// `events` gets what becomes of the lease, under the interface's name: at most one event a second, the first within
/// `ask.timeout`. The client ends when the receiver is gone.
pub fn start(ask: Ask, runtime: &Handle, events: UnboundedSender<(IfName, Event)>) -> Client {
    let (commands, orders) = unbounded_channel();
    Client { commands, task: runtime.spawn(run(ask, events, orders)) }
}

impl Client {
    /// Renews the lease now instead of when it is due. Nothing happens without a lease.
    pub fn renew(&self) {
        // A client that has ended has told so by an event.
        let _ = self.commands.send(Command::Renew);
    }

    /// Tells the server that somebody else has the lease's address (RFC 2131 4.4.1), and looks for another lease, 10 s later at the
    /// earliest. Nothing happens without a lease. The address must not be in use here.
    pub fn decline(&self) {
        let _ = self.commands.send(Command::Decline);
    }

    /// Gives the lease back and ends; done when the message has been handed to the kernel, 2 s at the latest. To be
    /// called while the interface still has the address: without it the message goes out as a broadcast.
    ///
    /// A thread outside the runtime waits with [`Handle::block_on`].
    pub async fn release(self) {
        let _ = self.commands.send(Command::Release);
        self.ended().await;
    }

    /// Ends and keeps the lease; done when both sockets are closed, 2 s at the latest.
    pub async fn stop(self) {
        self.ended().await;
    }

    async fn ended(self) {
        let Self { commands, mut task } = self;
        drop(commands);
        if timeout(ENDING, &mut task).await.is_err() {
            task.abort();
        }
    }
}

enum Woken {
    Due,
    Heard(Vec<u8>),
    Told(Option<Command>),
}

async fn run(ask: Ask, events: UnboundedSender<(IfName, Event)>, mut orders: UnboundedReceiver<Command>) {
    let ifname = ask.ifname;
    let mut link = Link::new(ifname, ask.ifindex, ask.mac);
    let started = now();
    let seed = RandomState::new().hash_one((ask.mac.0, ask.ifindex, started.boot));
    let mut machine = Machine::new(ask, started, seed);
    let mut todo = machine.begin(started);
    loop {
        let mut forbidden = false;
        for out in todo.drain(..) {
            let sent = match out {
                Out::Broadcast { source, message } => link.broadcast(source, &message),
                Out::Unicast { source, server, message } => link.unicast(source, server, &message),
                Out::Tell(event) => {
                    let Ok(()) = events.send((ifname, event)) else { return };
                    Ok(())
                }
            };
            if let Err(why) = sent {
                forbidden |= why.kind() == io::ErrorKind::PermissionDenied;
                machine.trouble(why.to_string());
            }
        }
        if forbidden {
            todo = machine.forbidden();
            continue;
        }
        if machine.finished() {
            return;
        }
        if !machine.listening() {
            link.close();
        }
        todo = match wait(machine.next(), &mut link, &mut orders).await {
            Woken::Due => machine.poll(now()),
            Woken::Heard(message) => machine.receive(now(), &message),
            Woken::Told(Some(Command::Renew)) => machine.renew(now()),
            Woken::Told(Some(Command::Decline)) => machine.decline(now()),
            Woken::Told(Some(Command::Release)) => machine.release(now()),
            Woken::Told(None) => return,
        };
    }
}

/// The first of: an order, a message, the time `next`.
async fn wait(next: Option<Duration>, link: &mut Link, orders: &mut UnboundedReceiver<Command>) -> Woken {
    let left = next.map_or(LONGEST_SLEEP, |at| at.saturating_sub(now().boot)).min(LONGEST_SLEEP);
    let mut due = pin!(sleep(left));
    poll_fn(|cx| {
        if let Poll::Ready(order) = orders.poll_recv(cx) {
            return Poll::Ready(Woken::Told(order));
        }
        if due.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Woken::Due);
        }
        link.poll_message(cx).map(Woken::Heard)
    })
    .await
}

pub(super) fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // The boot clock is there since Linux 2.6.39; a kernel without it would only count sleep out.
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(unix, Duration::from);
    Now { boot, unix: unix.as_secs() }
}
