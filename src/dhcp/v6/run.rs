//! The task around the state machine, and the handle on it.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::Ipv6Addr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ovsdp_proto::IfName;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::super::run::{LONGEST_SLEEP, now};
use super::machine::{Machine, Out};
use super::socket::{Link, Unsent};
use super::{Ask, Event};

/// How long [`Client::stop`] waits for a task that, by then, has nothing left to wait for, and [`Client::release`] for the server's word: time
/// for one repetition.
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
    Confirm,
    Decline,
    Release,
}

/// Starts a client on `runtime`, whose I/O and timers must be enabled. The socket is opened by the runtime's thread, in that thread's network
/// namespace.
///
/// `events` gets what becomes of the lease, under the interface's name: the first within `ask.timeout`. The client ends when the receiver is
/// gone.
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

    /// Asks whether the lease still fits the link, which may have become another one (RFC 8415, 18.2.12). Nothing happens without a lease.
    pub fn confirm(&self) {
        let _ = self.commands.send(Command::Confirm);
    }

    /// Tells the server that somebody else has the lease's address, and looks for another lease. Nothing happens without a lease. The address
    /// must not be in use here.
    pub fn decline(&self) {
        let _ = self.commands.send(Command::Decline);
    }

    /// Gives the lease back and ends: when the server has answered, or after 2 s. The address must not be in use any longer; the link-local
    /// one is still needed.
    ///
    /// A thread outside the runtime waits with [`Handle::block_on`].
    pub async fn release(self) {
        let _ = self.commands.send(Command::Release);
        let Self { commands, mut task } = self;
        // What still holds the commands' end keeps the task from ending before the server's word.
        if timeout(ENDING, &mut task).await.is_err() {
            task.abort();
        }
        drop(commands);
    }

    /// Ends and keeps the lease; done when the socket is closed, 2 s at the latest.
    pub async fn stop(self) {
        let Self { commands, mut task } = self;
        drop(commands);
        if timeout(ENDING, &mut task).await.is_err() {
            task.abort();
        }
    }
}

enum Woken {
    Due,
    Heard(Ipv6Addr, Vec<u8>),
    Told(Option<Command>),
}

async fn run(ask: Ask, events: UnboundedSender<(IfName, Event)>, mut orders: UnboundedReceiver<Command>) {
    let ifname = ask.ifname;
    let mut link = Link::new(ifname, ask.ifindex);
    let started = now();
    let seed = RandomState::new().hash_one((&ask.identity.duid, ask.ifindex, started.boot));
    let mut machine = Machine::new(ask, started, seed);
    let mut todo = machine.begin(started);
    loop {
        let mut forbidden = false;
        for out in todo.drain(..) {
            match out {
                Out::Send(message) => match link.send(&message) {
                    Ok(()) => {}
                    Err(Unsent::Unready) => machine.unready(now()),
                    Err(Unsent::Failed(why)) => {
                        forbidden |= why.kind() == io::ErrorKind::PermissionDenied;
                        machine.trouble(why.to_string());
                    }
                },
                Out::Tell(event) => {
                    let Ok(()) = events.send((ifname, event)) else { return };
                }
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
            Woken::Heard(server, message) => machine.receive(now(), server, &message),
            Woken::Told(Some(Command::Renew)) => machine.renew(now()),
            Woken::Told(Some(Command::Confirm)) => machine.confirm(now()),
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
        link.poll_message(cx).map(|(server, message)| Woken::Heard(server, message))
    })
    .await
}
