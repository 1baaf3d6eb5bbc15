//! The thread that holds the kernel's flows to what the switch would decide now: it dumps them tersely when that is due, lets silent
//! stations go, and writes the MAC tables down. It sleeps while none of that has anything to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ovsdp_proto::flow::{Flow, Put, Which};

use super::counters::Place;
use super::log;
use super::shared::{Core, REST, Rung, Saved, Shared, now};
use crate::dp::{Dp, Parts, Requests};
use crate::error::{Error, Kind};
use crate::host::paths::Run;
use crate::host::store;
use crate::nl;
use crate::switch::{Counters, Decision, Moment, Ufid, Verdict};

/// How many flows are judged under one hold of the lock: some hundred microseconds' worth. While handlers have all they can do each hold is
/// waited for as long as one of their batches takes, and a pass that takes long lowers the number of flows there may be.
const BATCH: usize = 512;
/// The MAC tables are written down at most this often.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// And so that no more than one part in this many of the time goes into it, however large they are and however fast they change.
const SAVE_SHARE: u32 = 20;

/// A dumped flow, as far as it is judged by. The kernel names one that was installed without a name by its key.
enum Entry {
    Named(Ufid, Counters),
    Nameless(Box<[u8]>),
}

/// Starts the revalidator. It needs a socket to dump with and one to act with meanwhile.
///
/// # Errors
/// There is no room for a thread.
pub(super) fn spawn(run: Run, dump: Dp, act: Dp, shared: Arc<Shared>) -> Result<(), Error> {
    let requests = Requests::new(act.families());
    let losses = shared.counters.losses.place();
    let revalidator = Revalidator { run, dump, act, shared, requests, decision: Decision::new(), losses };
    std::thread::Builder::new()
        .name("revalidator".into())
        .spawn(move || revalidator.run())
        .map(drop)
        .map_err(|error| Error::new(Kind::Failed, format!("cannot start the revalidator: {error}")))
}

struct Revalidator {
    run: Run,
    dump: Dp,
    act: Dp,
    shared: Arc<Shared>,
    requests: Requests,
    decision: Decision,
    losses: Place,
}

impl Revalidator {
    fn run(mut self) {
        let mut was_busy = false;
        loop {
            let due = self.shared.core().set_alarm();
            if was_busy && due.is_none_or(|due| due.since(now()) >= REST) {
                was_busy = false;
                nl::give_back_memory();
            }
            let rung = self.shared.wait_for_bell(due.map(|due| due.since(now())));
            let waiting = self.shared.waiting();
            let looks = self.is_due() || rung == Rung::Now || !waiting.is_empty();
            let passed = if looks { self.look() } else { Ok(()) };
            was_busy |= self.save_if_due(!waiting.is_empty()) || looks;
            waiting.into_iter().for_each(|waiting| waiting.0(passed.clone()));
        }
    }

    /// Lets silent stations go if it is time, and says whether the flows are to be looked at.
    fn is_due(&self) -> bool {
        let mut core = self.shared.core();
        let Core { switch, flows, revalidator, .. } = &mut *core;
        let now = now();
        let is_over = |due: Option<Moment>| due.is_some_and(|due| due <= now);
        if is_over(revalidator.expiry_due(flows, switch)) {
            revalidator.sweep(now, flows, switch);
        }
        is_over(revalidator.due(flows, switch))
    }

    fn look(&mut self) -> Result<(), Error> {
        let Some(datapath) = self.shared.datapath() else {
            self.shared.core().flows.clear();
            return Ok(());
        };
        let passed = self.pass(datapath);
        if let Err(error) = &passed {
            log::say(format_args!("flows could not be looked at: {error}"));
            self.shared.core().flows.doubt();
        }
        passed
    }

    fn pass(&mut self, datapath: u32) -> Result<(), Error> {
        let began = Instant::now();
        let shared = Arc::clone(&self.shared);
        let due = {
            let mut core = shared.core();
            let Core { flows, revalidator, switch, .. } = &mut *core;
            revalidator.sweep(now(), flows, switch);
            let count = flows.len();
            revalidator.begin(now(), flows, count);
            switch.next_bundle_run()
        };
        let mut batch = Vec::with_capacity(BATCH);
        let mut seen = 0_u32;
        let Self { dump, act, requests, decision, .. } = self;
        let mut actor = Actor { act, requests, decision, shared: &shared, datapath };
        let result = dump.flows(datapath, Parts::Terse, |flow| {
            let Some(flow) = flow else {
                // From the beginning again: what was judged is judged once more, which does no harm.
                seen = 0;
                return batch.clear();
            };
            seen = seen.saturating_add(1);
            batch.extend(entry(flow));
            if batch.len() >= BATCH {
                actor.judge(&mut batch);
            }
        });
        actor.judge(&mut batch);
        let mut core = shared.core();
        let Core { flows, revalidator, .. } = &mut *core;
        let took = began.elapsed();
        let shrunk = revalidator.end(flows, seen, took).shrunk;
        let next = core.switch.next_bundle_run();
        drop(core);
        if next != due {
            // Bytes were sent by a bond: its load is to be looked at.
            shared.bundles.ring();
        }
        if shrunk {
            // The allocator still has it. What is left of the flows may keep this thread from coming to rest.
            nl::give_back_memory();
        }
        shared.counters.revalidating.record(took);
        shared.counters.losses.say(&mut self.losses, self.dump.counters().plus(self.act.counters()));
        Ok(result?)
    }

    /// Writes the MAC tables down when they changed, but not too often; at once after a change that a person made. Says whether it did.
    fn save_if_due(&self, at_once: bool) -> bool {
        let (version, began) = {
            let core = self.shared.core();
            let now = now();
            if core.is_saved() || (!at_once && now < core.saved.next) {
                return false;
            }
            (core.version(), now)
        };
        save(&self.run, &self.shared);
        let ended = now();
        let took = ended.since(began);
        self.shared.core().saved = Saved { version: Some(version), next: ended + SAVE_EVERY.max(took * SAVE_SHARE) };
        true
    }
}

/// Writes the MAC tables down, for the next agent.
pub(super) fn save(run: &Run, shared: &Shared) {
    let snapshot = shared.core().switch.snapshot(now());
    if let Err(error) = store::save(&run.fdb(), &snapshot) {
        log::say(format_args!("cannot write {}: {error}", run.fdb().display()));
    }
}

fn entry(flow: &Flow<'_>) -> Option<Entry> {
    match flow.ufid {
        Some(ufid) => {
            let counters = Counters { packets: flow.stats.packets, bytes: flow.stats.bytes, used: flow.used.map(Moment) };
            Some(Entry::Named(ufid, counters))
        }
        None => flow.key.map(|key| Entry::Nameless(key.into())),
    }
}

/// Judges entries and does what the verdicts say, on another socket than the one that dumps.
struct Actor<'a> {
    act: &'a mut Dp,
    requests: &'a mut Requests,
    decision: &'a mut Decision,
    shared: &'a Shared,
    datapath: u32,
}

impl Actor<'_> {
    fn judge(&mut self, batch: &mut Vec<Entry>) {
        let Self { act, requests, decision, shared, datapath } = self;
        let dp_ifindex = *datapath;
        let mut core = shared.core();
        let Core { switch, flows, revalidator, .. } = &mut *core;
        let at = now();
        let mut unsent = false;
        for entry in batch.drain(..) {
            let (ufid, counters) = match entry {
                Entry::Named(ufid, counters) => (ufid, counters),
                Entry::Nameless(key) => {
                    unsent |= requests.delete_flow(dp_ifindex, Which::Key(&key), false).is_err();
                    continue;
                }
            };
            let verdict = revalidator.check(at, switch, flows, &ufid, counters, decision, &mut |other| {
                unsent |= requests.delete_flow(dp_ifindex, Which::Ufid(other), false).is_err();
            });
            let asked = match verdict {
                Verdict::Keep => continue,
                // A flow nobody here decided: its actions may lead anywhere, across bridges too.
                Verdict::Delete(_) | Verdict::Stranger => requests.delete_flow(dp_ifindex, Which::Ufid(ufid), false),
                Verdict::Modify => {
                    let Some(flow) = flows.get(&ufid) else { continue };
                    requests.set_flow(&Put {
                        dp_ifindex,
                        ufid: Some(ufid),
                        key: Some(&flow.key),
                        mask: Some(&decision.mask),
                        actions: Some(&decision.actions),
                        clear: false,
                        probe: false,
                    })
                }
            };
            unsent |= asked.is_err();
        }
        if !requests.is_empty() {
            // One that is gone already, or whose port is, needs nothing more.
            if let Err(error) = act.fire(requests, |_, _| {}) {
                log::say(format_args!("some flows could not be changed: {error}"));
                unsent = true;
            }
            requests.clear();
        }
        if unsent {
            // What does not fit a message stays until the next time.
            core.flows.doubt();
        }
    }
}
