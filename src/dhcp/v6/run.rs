//! The task around the state machine.

use std::hash::{BuildHasher, RandomState};
use std::io;

use ovsdp_proto::IfName;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::super::task::{Order, Task, Woken, now, wait};
use super::machine::{Machine, Out};
use super::socket::{Link, Unsent};
use super::{Ask, Event};

/// A running client of IPv6.
pub type Client = Task<Command>;

/// What it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// [`Order::RENEW`]
    Renew,
    /// Ask whether the lease still fits the link.
    Confirm,
    /// [`Order::DECLINE`]
    Decline,
    /// [`Order::RELEASE`]
    Release,
}

impl Order for Command {
    const RENEW: Self = Self::Renew;
    const DECLINE: Self = Self::Decline;
    const RELEASE: Self = Self::Release;
}

impl Client {
    /// Asks whether the lease still fits the link, which may have become another one (RFC 8415, 18.2.12). Nothing happens without a lease.
    pub fn confirm(&self) {
        self.tell(Command::Confirm);
    }
}

/// Starts a client on `runtime`, whose I/O and timers must be enabled. The socket is opened by the runtime's thread, in that thread's network
/// namespace.
///
/// `events` gets what becomes of the lease, under the interface's name: the first within `ask.timeout`. The client ends when the receiver is
/// gone.
pub fn start(ask: Ask, runtime: &Handle, events: UnboundedSender<(IfName, Event)>) -> Client {
    Client::start(runtime, |orders| run(ask, events, orders))
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
        todo = match wait(machine.next(), &mut orders, |cx| link.poll_message(cx)).await {
            Woken::Due => machine.poll(now()),
            Woken::Heard((server, message)) => machine.receive(now(), server, &message),
            Woken::Told(Some(Command::Renew)) => machine.renew(now()),
            Woken::Told(Some(Command::Confirm)) => machine.confirm(now()),
            Woken::Told(Some(Command::Decline)) => machine.decline(now()),
            Woken::Told(Some(Command::Release)) => machine.release(now()),
            Woken::Told(None) => return,
        };
    }
}
