//! The flows that are in the kernel because of a decision, and which stations each of them depends on.
//!
//! The kernel has the flows; here is what a later decision needs of them: the key to decide again with, fingerprints to
//! tell whether the outcome differs, counters to tell what is new, and two indices, by sender and by destination. They make
//! two promises cheap to keep: a flow *to* a station goes where the station is, and a flow *from* a station comes from
//! where it is, so that wherever it turns up next, its first packet is an upcall and teaches the switch.

use core::hash::BuildHasher;
use core::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;
use serde::{Deserialize, Serialize};

use super::chain::{Chain, Links};
use super::decision::{Decision, Install, Learned, Load, Station};
use super::due::{Growth, Reasons};
use super::state::{Seat, Switch};
use super::time::Moment;
use super::topology::{BridgeId, PortId};
use super::ufid::{Digest, Seed};
use ovsdp_proto::flow::Ufid;
use ovsdp_proto::key::concise;

/// The most flows there may be, unless configured otherwise.
pub const FLOW_LIMIT: u32 = 200_000;

/// How long a flow may be idle, unless configured otherwise.
pub(super) const MAX_IDLE: Duration = Duration::from_secs(10);
/// How long a flow that is installed briefly stays.
pub(super) const BRIEF: Duration = Duration::from_secs(2);
/// No packet of the burst that made a flow comes up later than this: one that does was not matched by it.
const BURST: Duration = Duration::from_secs(1);

/// One flow in the kernel. The order is that of use: a look that finds nothing new reads the first line of the cache, and the second of one
/// that is in use. A look at all of them waits for little else than memory.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Flow {
    /// Its name.
    pub ufid: Ufid,
    /// Packets the kernel has reported.
    pub packets: u64,
    /// Bytes the kernel has reported.
    pub bytes: u64,
    /// When it was last used, or installed if it never was.
    pub used: Moment,
    /// The switch's generation it was decided under; `None` when it must be decided again whatever the generation.
    pub(super) generation: Option<u64>,
    /// The dump that showed it last.
    pub(super) pass: u32,
    /// Where the one is that came after it in a dump.
    next: u32,
    /// Whether it lives for a few seconds only.
    pub(super) brief: bool,
    port: Option<PortId>,
    from: Option<Station>,
    /// Where its sender was found the last time.
    pub(super) seat: Seat,
    /// The buckets of bonds it sends by.
    pub(super) loads: Box<[Load]>,
    /// Its key, without what says nothing: what FLOW_SET must repeat with new actions (the kernel checks actions against it), and what it
    /// is decided again with.
    pub key: Box<[u8]>,
    /// When it was installed or adopted.
    pub born: Moment,
    /// The bridge that decided; `None` for a port of none.
    pub bridge: Option<BridgeId>,
    pub(super) digest: Digest,
    to: Option<Station>,
}

const _: () = assert!(size_of::<Option<Flow>>() == 192, "three lines, and none for whether there is one");

impl Flow {
    /// When its time is over if it is not used again, and may be idle for so long.
    pub(super) fn over(&self, max_idle: Duration) -> Moment {
        let idle = self.used + max_idle;
        if self.brief { idle.min(self.born + BRIEF) } else { idle }
    }

    /// The station that sends what it matches; `None` when it matches any, or a group address.
    pub const fn from(&self) -> Option<Station> {
        self.from
    }

    /// The port it comes in by; `None` for a port of no bridge.
    pub(super) const fn port(&self) -> Option<PortId> {
        self.port
    }

    /// The station it is for; `None` when it matches any, or a group address.
    pub const fn to(&self) -> Option<Station> {
        self.to
    }
}

/// What happened to a decision handed to [`FlowTable::insert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insert {
    /// Install it under this name.
    New(Ufid),
    /// It is installed already: a packet of the same burst was decided before.
    Same(Ufid),
    /// A flow of this name does something else: replace its actions.
    Replaced(Ufid),
    /// Only execute it: the table is full, or the decision is for this packet only.
    NotInstalled,
}

/// What happened to the flows since the agent began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlowStats {
    /// Flows there are.
    pub current: u32,
    /// The most there were at once.
    pub peak: u32,
    /// Flows there may be.
    pub limit: u32,
    /// Flows installed.
    pub installed: u64,
    /// Flows found in the kernel and kept.
    pub adopted: u64,
    /// Decisions that were only executed because there were too many flows.
    pub refused: u64,
    /// Upcalls of a flow that was already there.
    pub repeated: u64,
    /// Flows removed because a station was learned or moved.
    pub outdated: u64,
}

/// Which flows depend on a station, in one direction.
#[derive(Debug, Default)]
struct ByStation {
    heads: HashTable<(Station, Chain)>,
    links: Links,
}

impl ByStation {
    fn add(&mut self, hasher: &RandomState, station: Station, flow: u32) {
        self.links.cover(flow);
        let rehash = |(station, _): &(Station, Chain)| hasher.hash_one(station);
        let place = self.heads.entry(hasher.hash_one(station), |(other, _)| *other == station, rehash);
        let mut place = place.or_insert((station, Chain::EMPTY));
        place.get_mut().1.push_back(&mut self.links, flow);
    }

    fn remove(&mut self, hasher: &RandomState, station: Station, flow: u32) {
        let rehash = |(station, _): &(Station, Chain)| hasher.hash_one(station);
        if let Place::Occupied(mut place) = self.heads.entry(hasher.hash_one(station), |(other, _)| *other == station, rehash) {
            let chain = &mut place.get_mut().1;
            chain.remove(&mut self.links, flow);
            if chain.len() == 0 {
                place.remove();
            }
        }
    }

    fn chain(&self, hasher: &RandomState, station: Station) -> Chain {
        self.heads.find(hasher.hash_one(station), |(other, _)| *other == station).map_or(Chain::EMPTY, |(_, chain)| *chain)
    }
}

/// Every flow that is in the kernel because of a decision.
#[derive(Debug)]
pub struct FlowTable {
    seed: Seed,
    limit: u32,
    hasher: RandomState,
    index: HashTable<u32>,
    flows: Vec<Option<Flow>>,
    free: Vec<u32>,
    from: ByStation,
    to: ByStation,
    scratch: Vec<u32>,
    /// The dump that is going on, or the last one.
    pub(super) pass: u32,
    /// Where the flow is that a dump showed last.
    shown: u32,
    /// How many of the flows it has shown, or are younger than it.
    seen: usize,
    /// How long flows may be idle.
    pub(super) max_idle: Duration,
    /// What there is for the revalidator to look at.
    pub(super) reasons: Reasons,
    /// The switch's generation when it was settled last.
    settled: u64,
    /// How the limit grows.
    pub(super) growth: Growth,
    stats: FlowStats,
}

impl FlowTable {
    /// An empty table. `limit` is the most flows it takes, see [`FLOW_LIMIT`].
    pub fn new(seed: Seed, limit: u32) -> Self {
        Self {
            seed,
            limit,
            hasher: RandomState::default(),
            index: HashTable::new(),
            flows: Vec::new(),
            free: Vec::new(),
            from: ByStation::default(),
            to: ByStation::default(),
            scratch: Vec::new(),
            pass: 0,
            shown: 0,
            seen: 0,
            max_idle: MAX_IDLE,
            reasons: Reasons::default(),
            settled: 0,
            growth: Growth::default(),
            stats: FlowStats::default(),
        }
    }

    /// How many flows there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.index.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The most flows it takes now.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Changes the most flows it takes. Those above stay until the revalidator finds them.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// What happened so far.
    pub fn stats(&self) -> FlowStats {
        FlowStats { current: self.len(), limit: self.limit, ..self.stats }
    }

    /// The flow of that name.
    pub fn get(&self, ufid: &Ufid) -> Option<&Flow> {
        self.flows[self.position(ufid)? as usize].as_ref()
    }

    /// Every flow, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Flow> {
        self.flows.iter().flatten()
    }

    /// Records that `decision` about `key`, made under the switch's `generation`, is being installed; says how. The key is kept as it is: it
    /// should be a [`concise`] one.
    pub fn insert(&mut self, now: Moment, key: &[u8], decision: &Decision, generation: u64) -> Insert {
        if decision.install == Install::No {
            return Insert::NotInstalled;
        }
        let ufid = self.seed.ufid(key, &decision.mask);
        let digest = self.digest(&decision.actions, &decision.mask);
        if let Some(index) = self.position(&ufid)
            && let Some(flow) = &mut self.flows[index as usize]
        {
            let same = flow.digest == digest;
            self.stats.repeated += u64::from(same);
            if same && now.since(flow.born) > BURST {
                // Perhaps the kernel no longer has it.
                self.reasons.soon();
            }
            self.renew(index, decision, digest, generation);
            return if same { Insert::Same(ufid) } else { Insert::Replaced(ufid) };
        }
        if self.len() >= self.limit && !self.growth.grow(now, &mut self.limit) {
            self.stats.refused += 1;
            if self.growth.is_exhausted(self.limit) {
                // There may be more flows when a dump is seen to be fast.
                self.reasons.soon();
            }
            return Insert::NotInstalled;
        }
        if self.is_empty() {
            // No flow was decided before this, and what there was to look at is gone.
            self.settled = generation;
            self.reasons = Reasons::default();
        }
        let index = self.add(now, now, ufid, key.into(), digest);
        self.renew(index, decision, digest, generation);
        self.stats.installed += 1;
        Insert::New(ufid)
    }

    /// Records a flow that was found in the kernel, under the name it has. What it does is in `digest`; it is to be decided
    /// again at once.
    pub(super) fn adopt(&mut self, now: Moment, used: Moment, ufid: Ufid, key: &[u8], digest: Digest) {
        self.remove(&ufid);
        let mut short = Vec::with_capacity(key.len());
        concise(key, &mut short);
        self.add(now, used, ufid, short.into_boxed_slice(), digest);
        self.stats.adopted += 1;
    }

    /// Removes the flows that are wrong because of what was learned, and hands over their names: every flow to the station,
    /// and those from it by another port. Delete them in the kernel before the packet that taught it is executed.
    pub fn outdated(&mut self, learned: &Learned, each: &mut dyn FnMut(Ufid)) {
        let mut scratch = core::mem::take(&mut self.scratch);
        scratch.extend(self.to.chain(&self.hasher, learned.station).iter(&self.to.links));
        let from = self.from.chain(&self.hasher, learned.station);
        let elsewhere = |index: &u32| self.flows[*index as usize].as_ref().is_some_and(|flow| flow.port != Some(learned.port));
        scratch.extend(from.iter(&self.from.links).filter(elsewhere));
        for index in scratch.drain(..) {
            // A station that talks to itself is in both.
            if let Some(ufid) = self.flows[index as usize].as_ref().map(|flow| flow.ufid) {
                self.remove(&ufid);
                self.stats.outdated += 1;
                each(ufid);
            }
        }
        self.scratch = scratch;
    }

    /// Takes note of the stations the switch no longer knows. Call it after every batch of packets.
    pub fn settle(&mut self, switch: &mut Switch) {
        if self.settled != switch.generation() {
            self.settled = switch.generation();
            self.reasons.soon();
        }
        switch.forgotten().for_each(|station| self.forget(station));
    }

    /// Whether there is nothing to take note of.
    pub(super) fn is_settled(&self, switch: &Switch) -> bool {
        self.settled == switch.generation() && !switch.has_forgotten()
    }

    /// Has the revalidator look soon: flows in the kernel may not be what they are here.
    pub fn doubt(&mut self) {
        self.reasons.soon();
    }

    /// Removes every flow: the datapath they were in is gone.
    pub fn clear(&mut self) {
        self.flows.clear();
        self.seen = 0;
        self.rebuild();
    }

    /// Notes that a station is no longer known: flows to and from it are decided again when the revalidator next sees them.
    fn forget(&mut self, station: Station) {
        for by in [&self.from, &self.to] {
            for index in by.chain(&self.hasher, station).iter(&by.links) {
                if let Some(flow) = &mut self.flows[index as usize] {
                    flow.generation = None;
                    self.reasons.soon();
                }
            }
        }
    }

    /// Removes a flow because the kernel no longer has it, or is being told so. Returns it.
    pub fn remove(&mut self, ufid: &Ufid) -> Option<Flow> {
        let place = self.index.find_entry(hash(ufid), |index| is(&self.flows, *index, ufid)).ok()?;
        let (index, _) = place.remove();
        let flow = self.flows[index as usize].take()?;
        self.seen -= usize::from(flow.pass == self.pass);
        self.free.push(index);
        if let Some(station) = flow.from {
            self.from.remove(&self.hasher, station, index);
        }
        if let Some(station) = flow.to {
            self.to.remove(&self.hasher, station, index);
        }
        Some(flow)
    }

    /// Begins a dump.
    pub(super) fn begin(&mut self, pass: u32, max_idle: Duration) {
        (self.pass, self.max_idle) = (pass, max_idle);
        self.seen = 0;
        self.reasons = Reasons::default();
    }

    /// Notes that the dump shows the flow at a place.
    pub(super) fn see(&mut self, index: u32) {
        if let Some(flow) = &mut self.flows[index as usize] {
            self.seen += usize::from(flow.pass != self.pass);
            flow.pass = self.pass;
        }
    }

    /// Notes that the dump shows a flow, perhaps for the first time, whose time may be over then.
    pub(super) fn note(&mut self, is_first: bool, over: Moment) {
        self.seen += usize::from(is_first);
        self.reasons.over(over);
    }

    /// Notes when the time of the flow at a place may be over.
    pub(super) fn watch(&mut self, index: u32) {
        if let Some(flow) = &self.flows[index as usize] {
            self.reasons.over(flow.over(self.max_idle));
        }
    }

    /// Removes the flows that no dump has shown since `pass`: the kernel lost them, or never had them. Notes when the time of those may be
    /// over that this dump did not show.
    pub(super) fn drop_unseen(&mut self, pass: u32) -> u32 {
        let mut count = 0;
        if self.seen == self.index.len() {
            return count;
        }
        for index in 0..self.flows.len() {
            let Some(flow) = &self.flows[index] else { continue };
            if flow.pass < pass {
                let ufid = flow.ufid;
                self.remove(&ufid);
                count += 1;
            } else {
                self.reasons.over(flow.over(self.max_idle));
            }
        }
        count
    }

    /// Gives memory back when most of it lies idle; says whether it did.
    pub fn trim(&mut self) -> bool {
        let is_idle = self.flows.len() >= 1024 && self.index.len() <= self.flows.len() / 4;
        if is_idle {
            self.rebuild();
        }
        is_idle
    }

    /// Puts the flows there are into tables of their size.
    fn rebuild(&mut self) {
        let old = core::mem::take(&mut self.flows);
        (self.free, self.index, self.scratch) = (Vec::new(), HashTable::new(), Vec::new());
        (self.from, self.to) = (ByStation::default(), ByStation::default());
        for flow in old.into_iter().flatten() {
            let (from, to) = (flow.from, flow.to);
            let index = self.store(flow);
            self.depend(index, from, to);
        }
        self.flows.shrink_to_fit();
    }

    /// Records what a flow was found to depend on and do.
    pub(super) fn renew(&mut self, index: u32, decision: &Decision, digest: Digest, generation: u64) {
        let Some(flow) = &mut self.flows[index as usize] else { return };
        let before = (flow.from, flow.to);
        flow.generation = Some(generation);
        flow.digest = digest;
        flow.brief = decision.install == Install::Briefly;
        (flow.bridge, flow.port) = (decision.bridge, decision.port);
        if *flow.loads != *decision.loads {
            flow.loads = decision.loads.as_slice().into();
        }
        (flow.from, flow.to) = (decision.from, decision.to);
        self.reasons.over(flow.over(self.max_idle));
        if before == (decision.from, decision.to) {
            return;
        }
        if let Some(station) = before.0 {
            self.from.remove(&self.hasher, station, index);
        }
        if let Some(station) = before.1 {
            self.to.remove(&self.hasher, station, index);
        }
        self.depend(index, decision.from, decision.to);
    }

    pub(super) fn digest(&self, actions: &[u8], mask: &[u8]) -> Digest {
        Digest::new(&self.hasher, actions, mask)
    }

    /// Where the flow of that name is.
    pub(super) fn position(&self, ufid: &Ufid) -> Option<u32> {
        self.index.find(hash(ufid), |index| is(&self.flows, *index, ufid)).copied()
    }

    /// The same, of the next flow that a dump shows. Dumps have an order of the kernel's that hardly changes, so that it is looked for first
    /// where the one was that came after the same flow before.
    pub(super) fn next_position(&mut self, ufid: &Ufid) -> Option<u32> {
        let last = self.flows.get(self.shown as usize).and_then(Option::as_ref);
        let index = match last.map(|flow| flow.next) {
            Some(next) if self.flows.get(next as usize).and_then(Option::as_ref).is_some_and(|flow| flow.ufid == *ufid) => next,
            _ => {
                let index = self.position(ufid)?;
                if let Some(last) = self.at(self.shown) {
                    last.next = index;
                }
                index
            }
        };
        self.shown = index;
        Some(index)
    }

    /// The flow at a place [`position`](Self::position) gave.
    pub(super) fn at(&mut self, index: u32) -> Option<&mut Flow> {
        self.flows.get_mut(index as usize)?.as_mut()
    }

    fn add(&mut self, now: Moment, used: Moment, ufid: Ufid, key: Box<[u8]>, digest: Digest) -> u32 {
        let index = self.store(Flow {
            ufid,
            packets: 0,
            bytes: 0,
            used,
            generation: None,
            pass: self.pass,
            next: 0,
            brief: false,
            port: None,
            from: None,
            seat: Seat::default(),
            loads: Box::default(),
            key,
            born: now,
            bridge: None,
            digest,
            to: None,
        });
        self.seen += 1;
        self.stats.peak = self.stats.peak.max(self.len());
        index
    }

    fn store(&mut self, flow: Flow) -> u32 {
        let place = hash(&flow.ufid);
        #[expect(clippy::cast_possible_truncation, reason = "the limit is a u32, and what is adopted above it fits in memory's")]
        let index = self.free.pop().unwrap_or(self.flows.len() as u32);
        match self.flows.get_mut(index as usize) {
            Some(place) => *place = Some(flow),
            None => self.flows.push(Some(flow)),
        }
        let flows = &self.flows;
        self.index.insert_unique(place, index, |index| flows[*index as usize].as_ref().map_or(0, |flow| hash(&flow.ufid)));
        index
    }

    fn depend(&mut self, index: u32, from: Option<Station>, to: Option<Station>) {
        if let Some(station) = from {
            self.from.add(&self.hasher, station, index);
        }
        if let Some(station) = to {
            self.to.add(&self.hasher, station, index);
        }
    }
}

/// Where a flow is looked for in the index: its name is a keyed hash already.
fn hash(Ufid(name): &Ufid) -> u64 {
    name.first_chunk().map_or(0, |half| u64::from_ne_bytes(*half))
}

fn is(flows: &[Option<Flow>], index: u32, ufid: &Ufid) -> bool {
    flows[index as usize].as_ref().is_some_and(|flow| flow.ufid == *ufid)
}
