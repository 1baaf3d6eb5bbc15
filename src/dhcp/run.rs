//! The task around the state machine of IPv4.

use std::hash::{BuildHasher, RandomState};
use std::io;

use ovsdp_proto::IfName;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::machine::{Machine, Out};
use super::socket::Link;
use super::task::{Order, Task, Woken, now, wait};
use super::{Ask, Event};

/// A running client of IPv4.
pub type Client = Task<Command>;

/// What it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// [`Order::RENEW`]
    Renew,
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

/// Starts a client on `runtime`, whose I/O and timers must be enabled. Sockets are opened by the runtime's thread, in that
/// thread's network namespace.
///
/// `events` gets what becomes of the lease, under the interface's name: at most one event a second, the first within
/// `ask.timeout`. The client ends when the receiver is gone.
pub fn start(ask: Ask, runtime: &Handle, events: UnboundedSender<(IfName, Event)>) -> Client {
    Client::start(runtime, |orders| run(ask, events, orders))
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
        todo = match wait(machine.next(), &mut orders, |cx| link.poll_message(cx)).await {
            Woken::Due => machine.poll(now()),
            Woken::Heard(message) => machine.receive(now(), &message),
            Woken::Told(Some(Command::Renew)) => machine.renew(now()),
            Woken::Told(Some(Command::Decline)) => machine.decline(now()),
            Woken::Told(Some(Command::Release)) => machine.release(now()),
            Woken::Told(None) => return,
        };
    }
}
