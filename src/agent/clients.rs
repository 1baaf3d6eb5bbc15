//! The DHCP clients of one family, one for each interface, on the main thread's runtime: started, stopped and listened to by the worker.
//!
//! It must not know what a lease is.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::inbox::{Order, Queue};
use crate::dhcp::{self, Became, Task};

/// What becomes of leases, by interface.
pub(super) type Events<L, E> = UnboundedSender<(IfName, Became<L, E>)>;

/// The clients that run.
#[derive(Debug)]
pub(super) struct Clients<O, L, E> {
    runtime: Handle,
    events: Events<L, E>,
    tasks: BTreeMap<IfName, Task<O>>,
}

impl<O: dhcp::Order, L: Send + 'static, E: Send + 'static> Clients<O, L, E> {
    /// None yet. What becomes of leases is put into `queue` as `order`.
    pub(super) fn new(runtime: Handle, queue: Queue, order: fn(IfName, Became<L, E>) -> Order) -> Self {
        let (events, mut receiver) = unbounded_channel();
        runtime.spawn(async move {
            while let Some((ifname, event)) = receiver.recv().await {
                if !queue.put(order(ifname, event)) {
                    return;
                }
            }
        });
        Self { runtime, events, tasks: BTreeMap::new() }
    }

    /// Has `start` begin the client of `ifname`, in place of one that runs.
    pub(super) fn start<A>(&mut self, ifname: IfName, start: impl FnOnce(A, &Handle, Events<L, E>) -> Task<O>, ask: A) {
        self.stop(ifname);
        self.tasks.insert(ifname, start(ask, &self.runtime, self.events.clone()));
    }

    /// The interfaces that have a client, whether it has a lease or looks for one.
    pub(super) fn asking(&self) -> Vec<IfName> {
        self.tasks.keys().copied().collect()
    }

    /// The client of `ifname`.
    pub(super) fn get(&self, ifname: IfName) -> Option<&Task<O>> {
        self.tasks.get(&ifname)
    }

    /// Tells the server that somebody else has the address of the lease of `ifname`; another one is looked for.
    pub(super) fn decline(&self, ifname: IfName) {
        if let Some(task) = self.get(ifname) {
            task.decline();
        }
    }

    /// Stops keeping the lease of `ifname`, and keeps it.
    pub(super) fn stop(&mut self, ifname: IfName) {
        if let Some(task) = self.tasks.remove(&ifname) {
            self.runtime.block_on(task.stop());
        }
    }

    /// Stops keeping the lease of `ifname` and gives it back to the server.
    pub(super) fn release(&mut self, ifname: IfName) {
        if let Some(task) = self.tasks.remove(&ifname) {
            self.runtime.block_on(task.release());
        }
    }
}
