//! Holds every flow in the kernel to what the switch would decide now, one dump entry at a time. The caller dumps tersely
//! as often as it likes, asks about each entry and does what the verdict says. After a change of topology it should do so at
//! once: until then flows of before answer, and one of them may overlap a new, wider drop of a port that left its bridge.

use core::fmt::Write;
use core::time::Duration;

use super::decision::{Decision, Install};
use super::due::STEP;
use super::flows::{BRIEF, FlowStats, FlowTable, MAX_IDLE};
use super::state::Switch;
use super::time::{Moment, millis};
use super::ufid::Digest;
use ovsdp_proto::flow::Ufid;

/// How long flows stay, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long a flow may be idle (`max-idle`).
    pub max_idle: Duration,
    /// The most flows (`flow-limit`), however fast dumps are.
    pub flow_limit: u32,
}

impl Default for Policy {
    /// 10 seconds, 200,000 flows.
    fn default() -> Self {
        Self { max_idle: MAX_IDLE, flow_limit: super::flows::FLOW_LIMIT }
    }
}

/// How long a flow may be idle while there are more than the limit.
const CROWDED_IDLE: Duration = Duration::from_millis(100);
/// The limit never falls below.
const LIMIT_FLOOR: u32 = 1_000;
/// The limit begins at no more, until dumps have shown how fast they are.
const LIMIT_START: u32 = 10_000;

/// A dump entry's statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets so far.
    pub packets: u64,
    /// Bytes so far.
    pub bytes: u64,
    /// When it was last used; `None` when it never was.
    pub used: Option<Moment>,
}

/// A whole flow of the kernel, for [`Revalidator::adopt`].
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Its name.
    pub ufid: Ufid,
    /// The payload of KEY.
    pub key: &'a [u8],
    /// The payload of MASK.
    pub mask: &'a [u8],
    /// The payload of ACTIONS.
    pub actions: &'a [u8],
    /// Its statistics.
    pub counters: Counters,
}

/// Why a flow is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// It was not used for too long.
    Idle,
    /// There are more than twice as many flows as the limit.
    Crowded,
    /// It was installed briefly and its time is over.
    Brief,
    /// The switch would match other packets with it, or not install it at all.
    Mask,
    /// Its own new packets taught that it is wrong.
    Outdated,
    /// Its sender is not known to be behind its port, and there is room for it: the next packet must come up and teach the switch.
    Unlearned,
}

/// What to do with a flow of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Keep,
    /// Delete it; it is no longer in the table.
    Delete(Why),
    /// Give it the actions of the decision that was handed in, with the key of [`FlowTable::get`].
    Modify,
    /// The table does not have it: read it whole and [`adopt`](Revalidator::adopt) it, or delete it.
    Stranger,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// Entries asked about.
    pub seen: u32,
    /// Of these, flows decided again.
    pub retranslated: u32,
    /// Flows to delete: of these, and beside them because a station was learned.
    pub deleted: u32,
    /// Of these, flows given other actions.
    pub modified: u32,
    /// Records dropped because two dumps did not show their flow.
    pub lost: u32,
    /// Whether most of the memory for flows lay idle and was given back.
    pub shrunk: bool,
}

/// The verdicts' state between dumps.
#[derive(Debug)]
pub struct Revalidator {
    policy: Policy,
    limit: u32,
    pass: u32,
    idle: Duration,
    /// Whether it removes all of them.
    pub(super) all: bool,
    count: Pass,
    /// When the last dump began and ended.
    pub(super) begun: Moment,
    pub(super) ended: Moment,
    /// When silent stations were last let go.
    pub(super) swept: Moment,
    /// By how much the limit may grow with this dump.
    step: u64,
    /// Whether the dump shows stations that speak.
    pub(super) credited: bool,
}

impl Revalidator {
    /// With nothing known yet about how fast dumps are.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            limit: policy.flow_limit.min(LIMIT_START),
            pass: 0,
            idle: policy.max_idle,
            all: false,
            count: Pass::default(),
            begun: Moment(0),
            ended: Moment(0),
            swept: Moment(0),
            step: 0,
            credited: false,
        }
    }

    /// The policy in force.
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// Puts another policy in force.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
        self.limit = self.limit.min(policy.flow_limit);
    }

    /// The flow limit as adapted to how fast dumps are.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Sets the flow limit. The next dump adapts it again.
    pub fn set_limit(&mut self, table: &mut FlowTable, limit: u32) {
        self.limit = limit;
        table.set_limit(limit);
    }

    /// What `upcall/show` says, as Open vSwitch does but for what is the same with every flow: how many flows there are, were at most and
    /// may be, and how long the last dump of them took, decisions included.
    pub fn show(&self, table: &FlowTable, out: &mut String) {
        let FlowStats { current, peak, limit, .. } = table.stats();
        let took = millis(self.ended.since(self.begun));
        let _ = write!(out, "  flows         : (current {current}) (max {peak}) (limit {limit})\n  dump duration : {took}ms\n");
    }

    /// Begins a dump. `flows` is how many the kernel says it has.
    pub fn begin(&mut self, now: Moment, table: &mut FlowTable, flows: u32) {
        self.pass = self.pass.saturating_add(1);
        let before = core::mem::replace(&mut self.begun, now);
        // What it has grown by since is part of that.
        let grown = table.growth.take();
        self.step = self.step(before).saturating_sub(grown.into());
        self.limit = self.limit.saturating_add(grown);
        self.credited = false;
        self.count = Pass::default();
        self.idle = if flows > self.limit { CROWDED_IDLE.min(self.policy.max_idle) } else { self.policy.max_idle };
        self.all = flows > self.limit.saturating_mul(2);
        table.begin(self.pass, self.idle);
    }

    /// Judges one dump entry. Its new packets keep their sender learned; when they teach something that makes other flows
    /// wrong, the names of those, which are to be deleted too, go to `also`. `scratch` holds the actions of
    /// [`Verdict::Modify`].
    #[expect(clippy::too_many_arguments, reason = "the state is the caller's, in values it also uses apart")]
    pub fn check(
        &mut self,
        now: Moment,
        switch: &mut Switch,
        flows: &mut FlowTable,
        ufid: &Ufid,
        counters: Counters,
        scratch: &mut Decision,
        also: &mut dyn FnMut(Ufid),
    ) -> Verdict {
        self.count.seen += 1;
        let Some(index) = flows.next_position(ufid) else { return Verdict::Stranger };
        if self.is_unchanged(now, switch, flows, index, counters) {
            return Verdict::Keep;
        }
        self.weigh(now, switch, flows, index, counters, scratch, also)
    }

    /// As [`check`](Self::check), of the flow at a place, whatever there is to do.
    #[expect(clippy::too_many_arguments, reason = "the state is the caller's, in values it also uses apart")]
    pub(super) fn weigh(
        &mut self,
        now: Moment,
        switch: &mut Switch,
        flows: &mut FlowTable,
        index: u32,
        counters: Counters,
        scratch: &mut Decision,
        also: &mut dyn FnMut(Ufid),
    ) -> Verdict {
        let ufid = flows.at(index).map(|flow| flow.ufid);
        let verdict = self.judge(now, switch, flows, index, counters, scratch, also);
        match verdict {
            Verdict::Delete(_) => {
                ufid.and_then(|ufid| flows.remove(&ufid));
                self.count.deleted += 1;
            }
            Verdict::Modify => {
                flows.watch(index);
                self.count.modified += 1;
            }
            Verdict::Keep => flows.watch(index),
            Verdict::Stranger => {}
        }
        verdict
    }

    /// Takes over a flow of an earlier run, found in the kernel: kept if it does what the switch would do now. The limit does not begin
    /// below how many are taken over: the earlier run could look at so many.
    pub fn adopt(
        &mut self,
        now: Moment,
        switch: &mut Switch,
        flows: &mut FlowTable,
        found: &Found<'_>,
        scratch: &mut Decision,
        also: &mut dyn FnMut(Ufid),
    ) -> Verdict {
        switch.keep_buckets(found.key, found.actions);
        let digest = flows.digest(found.actions, found.mask);
        flows.adopt(now, found.counters.used.unwrap_or(now), found.ufid, found.key, digest);
        self.limit = self.limit.max(flows.len()).min(self.policy.flow_limit);
        flows.set_limit(self.limit);
        self.check(now, switch, flows, &found.ufid, found.counters, scratch, also)
    }

    /// Ends a dump that took `took` and showed `flows`: adapts the limit as Open vSwitch does, and drops the records of
    /// flows that neither this dump nor the one before showed (a dump may skip a flow while the kernel's table is rebuilt).
    pub fn end(&mut self, table: &mut FlowTable, flows: u32, took: Duration) -> Pass {
        self.ended = self.begun + took;
        let took = millis(took).max(1);
        let limit = u64::from(self.limit);
        let proven = u64::from(flows) * 1000 / took;
        let adapted = if took > 2000 {
            limit / (took / 1000)
        } else if took > 1300 {
            limit * 3 / 4
        } else if took < 1000 && limit < proven {
            limit + self.step.min((proven - limit).max(STEP.into()))
        } else {
            limit
        };
        let ceiling = self.policy.flow_limit;
        self.limit = u32::try_from(adapted).unwrap_or(ceiling).max(LIMIT_FLOOR).min(ceiling);
        table.set_limit(self.limit);
        let most = if took < 1000 { u32::try_from(proven).unwrap_or(ceiling).min(ceiling) } else { 0 };
        table.growth.looked(self.ended, most);
        self.count.lost = table.drop_unseen(self.pass.saturating_sub(1));
        self.count.shrunk = table.trim();
        self.count
    }

    #[expect(clippy::too_many_arguments, reason = "the state is the caller's, in four values it also uses apart")]
    fn judge(
        &mut self,
        now: Moment,
        switch: &mut Switch,
        flows: &mut FlowTable,
        index: u32,
        counters: Counters,
        scratch: &mut Decision,
        also: &mut dyn FnMut(Ufid),
    ) -> Verdict {
        flows.see(index);
        let Some(flow) = flows.at(index) else { return Verdict::Stranger };
        // Fewer than before: the kernel made the flow anew under the same name.
        let anew = counters.packets < flow.packets;
        let since = |now: u64, before: u64| if anew { now } else { now.saturating_sub(before) };
        let fresh = since(counters.packets, flow.packets);
        self.credited |= fresh > 0 && flow.from().is_some();
        let loaded = switch.account(now, &flow.loads, since(counters.bytes, flow.bytes));
        (flow.packets, flow.bytes) = (counters.packets, counters.bytes);
        if let Some(used) = counters.used {
            flow.used = flow.used.max(used);
        }
        if flow.brief && now.since(flow.born) >= BRIEF {
            return Verdict::Delete(Why::Brief);
        }
        if self.all {
            return Verdict::Delete(Why::Crowded);
        }
        if loaded {
            flows.reasons.soon();
        }
        if self.teaches(now, switch, flows, index, fresh, scratch)
            && let Some(flow) = flows.at(index)
        {
            let ufid = flow.ufid;
            switch.credit(now, &flow.key, flow.used, scratch);
            for learned in &scratch.learned {
                flows.outdated(learned, &mut |other| {
                    if other != ufid {
                        self.count.deleted += 1;
                        also(other);
                    }
                });
            }
        }
        flows.settle(switch);
        let Some(flow) = flows.at(index) else { return Verdict::Delete(Why::Outdated) };
        if now.since(flow.used) >= self.idle {
            return Verdict::Delete(Why::Idle);
        }
        if flow.generation == Some(switch.generation()) {
            return Verdict::Keep;
        }
        self.count.retranslated += 1;
        switch.translate(now, &flow.key, scratch);
        let (before, born) = (flow.digest, flow.born);
        let digest = flows.digest(&scratch.actions, &scratch.mask);
        if scratch.install == Install::No || digest.mask != before.mask {
            return Verdict::Delete(Why::Mask);
        }
        if scratch.unlearned || was_sent_back(scratch, &before, flows) {
            return Verdict::Delete(Why::Unlearned);
        }
        if scratch.install == Install::Briefly && now.since(born) >= BRIEF {
            return Verdict::Delete(Why::Brief);
        }
        flows.renew(index, scratch, digest, switch.generation());
        if digest.actions == before.actions { Verdict::Keep } else { Verdict::Modify }
    }

    /// Whether new packets of this flow say where their sender is: only when sender and VLAN are in its mask. Of a flow
    /// that is not up to date, the switch must say so first.
    /// One that only says what is known already has been heard with this.
    fn teaches(&self, now: Moment, switch: &mut Switch, flows: &mut FlowTable, index: u32, fresh: u64, scratch: &mut Decision) -> bool {
        let Some(flow) = flows.at(index).filter(|_| fresh > 0) else { return false };
        if flow.generation == Some(switch.generation()) {
            // Most say what another flow of the same sender has said already.
            return match (flow.from(), flow.port()) {
                (Some(station), Some(port)) => !switch.refresh(now, self.begun, station, port, &mut flow.seat),
                (station, _) => station.is_some(),
            };
        }
        switch.translate(now, &flow.key, scratch);
        let before = flow.digest;
        scratch.from.is_some() && flows.digest(&[], &scratch.mask).mask == before.mask && !was_sent_back(scratch, &before, flows)
    }
}

/// Whether a flow drops what the network sent back to a bond, and the decision now knows no more that it was. Then its packets do not
/// say where their sender is: it was flushed, or the agent before knew it, and its own flow is yet to say so.
fn was_sent_back(now: &Decision, before: &Digest, flows: &FlowTable) -> bool {
    now.doubtful && before.actions == flows.digest(&[], &[]).actions
}
