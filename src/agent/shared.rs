//! What the agent's threads share: the switch behind one lock, what is remembered, and the revalidator's bell.
//!
//! The lock is held while a decision's requests are sent: decisions must reach the kernel in the order they were made, and
//! the kernel takes its own lock for each flow anyway.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::bundles::Wake;
use super::counters::Counters;
use super::line::Line;
use crate::dp::Dispatch;
use crate::error::Error;
use crate::plan::{Memory, Unconfirmed};
use crate::switch::{FLOW_LIMIT, FlowTable, Moment, Policy, Revalidator, Seed, Switch};

/// The switch's state.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) switch: Switch,
    pub(super) flows: FlowTable,
    pub(super) revalidator: Revalidator,
    /// What is on file of the MAC tables.
    pub(super) saved: Saved,
    /// When the revalidator wakes up by itself; `None` when it does not.
    alarm: Option<Moment>,
}

/// A thread that has nothing to do for so long gives the memory back that its work has taken.
pub(super) const REST: Duration = Duration::from_secs(2);

/// What is on file of the MAC tables.
#[derive(Debug, Default)]
pub(super) struct Saved {
    /// [`Core::version`] of it.
    pub(super) version: Option<u64>,
    /// When they may be written down next.
    pub(super) next: Moment,
}

impl Core {
    /// What changes whenever a MAC table does.
    pub(super) fn version(&self) -> u64 {
        self.switch
            .all_fdb_stats()
            .map(|stats| stats.learned + stats.expired + stats.evicted + stats.moved + u64::from(stats.current) + u64::from(stats.statics))
            .sum()
    }

    /// Whether the MAC tables are on file as they are.
    pub(super) fn is_saved(&self) -> bool {
        self.saved.version == Some(self.version())
    }

    /// When the revalidator has something to do by itself next; `None` when it has nothing.
    fn due(&self) -> Option<Moment> {
        let Self { switch, flows, revalidator, saved, .. } = self;
        let save = (!self.is_saved()).then_some(saved.next);
        [revalidator.due(flows, switch), revalidator.expiry_due(flows, switch), save].into_iter().flatten().min()
    }

    /// Sets the alarm to when there is something to do; returns when that is.
    pub(super) fn set_alarm(&mut self) -> Option<Moment> {
        self.alarm = self.due();
        self.alarm
    }

    /// Whether there is something to do before the alarm: who finds it so rings.
    fn is_early(&mut self) -> bool {
        let due = self.due();
        let is_early = due.is_some_and(|due| self.alarm.is_none_or(|alarm| due < alarm));
        if is_early {
            self.alarm = due;
        }
        is_early
    }
}

/// What the revalidator's bell was rung for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Rung {
    /// Nothing: the time was over.
    #[default]
    Nothing,
    /// Something is due earlier than was thought.
    Early,
    /// The flows are to be looked at now.
    Now,
}

/// Who waits for flows to follow a change that is done: to be called with how the pass over them went.
pub(super) struct Waiting(pub(super) Box<dyn FnOnce(Result<(), Error>) + Send>);

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

/// What the agent's threads share.
#[derive(Debug)]
pub(super) struct Shared {
    core: Mutex<Core>,
    memory: Mutex<Memory>,
    bell: (Mutex<Rung>, Condvar),
    /// Wakes whoever runs bonds and LACP.
    pub(super) bundles: Wake,
    /// Those who wait until the revalidator has passed over the flows.
    waiting: Mutex<Vec<Waiting>>,
    /// The datapath by its local port's index; 0 while there is none.
    datapath: AtomicU32,
    per_vport: AtomicBool,
    /// Who wants to change something.
    pub(super) line: Line,
    /// The change that waits to be confirmed.
    unconfirmed: Mutex<Option<Unconfirmed>>,
    pub(super) counters: Counters,
    pub(super) handlers: usize,
    /// Held for reading by who receives upcalls; shut (held for writing) while another agent has the sockets.
    gate: RwLock<()>,
    /// How many handlers have received upcalls that they have not answered.
    pub(super) behind: AtomicUsize,
    /// Rung when the agent is to end because a successor has taken over.
    pub(super) leave: tokio::sync::Notify,
}

/// A poisoned lock is one whose holder panicked, which a release build does not survive; in others its data are still the
/// best there are.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// # Errors
    /// There is no room for a descriptor.
    pub(super) fn new(handlers: usize) -> Result<Self, Error> {
        Ok(Self {
            core: Mutex::new(Core {
                switch: Switch::new(),
                flows: FlowTable::new(seed(), FLOW_LIMIT),
                revalidator: Revalidator::new(Policy::default()),
                saved: Saved::default(),
                alarm: None,
            }),
            memory: Mutex::default(),
            bell: (Mutex::default(), Condvar::new()),
            bundles: Wake::new()?,
            waiting: Mutex::default(),
            datapath: AtomicU32::new(0),
            per_vport: AtomicBool::new(false),
            line: Line::default(),
            unconfirmed: Mutex::default(),
            counters: Counters::default(),
            handlers,
            gate: RwLock::default(),
            behind: AtomicUsize::new(0),
            leave: tokio::sync::Notify::new(),
        })
    }

    /// The switch, for as long as the guard lives.
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }

    /// What is remembered. The worker alone changes it.
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    /// The change that waits to be confirmed. The worker alone changes it.
    pub(super) fn unconfirmed(&self) -> MutexGuard<'_, Option<Unconfirmed>> {
        lock(&self.unconfirmed)
    }

    /// The datapath by its local port's index, when there is one.
    pub(super) fn datapath(&self) -> Option<u32> {
        Some(self.datapath.load(Ordering::Acquire)).filter(|index| *index != 0)
    }

    /// Says which datapath there is now, and where its upcalls go.
    pub(super) fn set_datapath(&self, datapath: Option<(u32, Dispatch)>) {
        self.per_vport.store(matches!(datapath, Some((_, Dispatch::PerVport))), Ordering::Relaxed);
        self.datapath.store(datapath.map_or(0, |(index, _)| index), Ordering::Release);
    }

    /// Where upcalls go.
    pub(super) fn dispatch(&self) -> Dispatch {
        if self.per_vport.load(Ordering::Relaxed) { Dispatch::PerVport } else { Dispatch::PerCpu }
    }

    /// Leave to receive upcalls, for as long as the guard lives; `None` while the gate is shut or about to be.
    pub(super) fn reading(&self) -> Option<RwLockReadGuard<'_, ()>> {
        match self.gate.try_read() {
            Ok(reading) => Some(reading),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Waits until the gate is open.
    pub(super) fn wait_to_read(&self) {
        drop(self.gate.read().unwrap_or_else(PoisonError::into_inner));
    }

    /// Shuts the gate: nobody receives upcalls for as long as the guard lives.
    pub(super) fn shut(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every upcall that was received is answered; says whether that was so within `patience`. The gate is shut.
    pub(super) fn caught_up(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.behind.load(Ordering::Acquire) > 0 {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Has the revalidator look at the flows now.
    pub(super) fn ring(&self) {
        self.ring_for(Rung::Now);
    }

    fn ring_for(&self, what: Rung) {
        let mut rung = lock(&self.bell.0);
        *rung = what.max(*rung);
        self.bell.1.notify_one();
    }

    /// Has `work` done with the switch in hand. The flows take note of it, and the revalidator if it is to wake up earlier for that.
    pub(super) fn in_core<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        let mut core = self.core();
        let done = work(&mut core);
        let Core { switch, flows, .. } = &mut *core;
        flows.settle(switch);
        let early = core.is_early();
        drop(core);
        if early {
            self.ring_for(Rung::Early);
        }
        done
    }

    /// Has the revalidator pass over the flows, and calls `then` with how that went.
    pub(super) fn after_pass(&self, then: impl FnOnce(Result<(), Error>) + Send + 'static) {
        lock(&self.waiting).push(Waiting(Box::new(then)));
        self.ring();
    }

    /// Those who wait for a pass. One that begins after this call answers them.
    pub(super) fn waiting(&self) -> Vec<Waiting> {
        std::mem::take(&mut *lock(&self.waiting))
    }

    /// Waits for the bell, at most `timeout`; for ever without one, because then there is nothing to do before it rings.
    pub(super) fn wait_for_bell(&self, timeout: Option<Duration>) -> Rung {
        let (rung, bell) = &self.bell;
        let quiet = |rung: &mut Rung| *rung == Rung::Nothing;
        let mut rung = match timeout {
            Some(timeout) => bell.wait_timeout_while(lock(rung), timeout, quiet).unwrap_or_else(PoisonError::into_inner).0,
            None => bell.wait_while(lock(rung), quiet).unwrap_or_else(PoisonError::into_inner),
        };
        std::mem::take(&mut *rung)
    }
}

/// Now, on the clock the kernel stamps flows with (`CLOCK_MONOTONIC`).
pub(super) fn now() -> Moment {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    Moment(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// A secret for naming flows: what hash maps start from. That comes at once even in the first seconds of a boot, where
/// `/dev/urandom` may wait for the kernel to have collected enough.
fn seed() -> Seed {
    let [a, b] = [(); 2].map(|()| RandomState::new().hash_one(0).to_ne_bytes());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&a);
    bytes[8..].copy_from_slice(&b);
    Seed(bytes)
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::key::KeyBuf;
    use ovsdp_proto::{IfName, Mac};

    use super::*;
    use crate::switch::{Bridge, Decision, Topology};

    #[test]
    fn who_makes_work_wakes_the_revalidator_and_who_makes_none_does_not() {
        let shared = Shared::new(1).unwrap();
        let rung = || shared.wait_for_bell(Some(Duration::ZERO));
        let save = |core: &mut Core| core.saved = Saved { version: Some(core.version()), next: Moment(5_000) };
        let name = |text| IfName::new(text).unwrap();
        let bridge = Bridge::new(name("br0"), 1).port(name("p2"), 2);
        {
            let mut core = shared.core();
            core.switch.set_topology(Moment(0), Topology { bridges: vec![bridge] }).unwrap();
            save(&mut core);
            assert_eq!(core.set_alarm(), None);
        }
        shared.in_core(|_| ());
        assert_eq!(rung(), Rung::Nothing);
        let packet = |now: u64, from: u8| {
            shared.in_core(|core| {
                let (mut key, mut decision) = (KeyBuf::new(), Decision::new());
                key.recirc_id(0).in_port(2).ethernet(Mac([2, 0, 0, 0, 0, from]), Mac([2, 0, 0, 0, 1, 0])).eth_type(0x0800);
                core.switch.upcall(Moment(now), key.as_bytes(), &mut decision);
                core.flows.insert(Moment(now), key.as_bytes(), &decision, core.switch.generation());
            });
            rung()
        };
        // Its sender is to be written down, which may be done at 5 s.
        assert_eq!((packet(1_000, 1), shared.core().alarm), (Rung::Early, Some(Moment(5_000))));
        assert_eq!((packet(1_100, 2), shared.core().alarm), (Rung::Nothing, Some(Moment(5_000))));
        save(&mut shared.core());
        assert_eq!(shared.core().set_alarm(), Some(Moment(11_000)), "the first flow's time may be over");
        assert_eq!(packet(1_200, 2), Rung::Nothing);
        shared.core().flows.doubt();
        shared.in_core(|_| ());
        assert_eq!(rung(), Rung::Early);
        shared.in_core(|_| ());
        assert_eq!(rung(), Rung::Nothing, "once is enough");
        // What is asked for at once is not overheard for the sake of what is only early.
        shared.ring();
        shared.ring_for(Rung::Early);
        assert_eq!((rung(), rung()), (Rung::Now, Rung::Nothing));
    }
}
