//! The client's state machine (RFC 8415, 18.2): bytes and the time in, bytes and events out. Pure.
//!
//! Who drives it calls [`Machine::poll`] once [`Machine::next`] has come, [`Machine::receive`] for every message heard while
//! [`Machine::listening`], and does what the returned [`Out`]s say. It never asks to be woken for the same instant twice: every
//! transmission sets a later one, and after every refusal there is a pause.

mod answers;

use std::net::Ipv6Addr;
use std::time::Duration;

use super::super::machine::Now;
use super::backoff::{self, Timing};
use super::error::{Cause, Error};
use super::lease::Lease;
use super::wire::{Kind, Question};
use super::{Ask, Event, Loss};

/// How often a server's offer is taken up before looking for another (REQ_MAX_RC).
const REQUEST_TRIES: u32 = 10;
/// How often a server is told that an address is not wanted (REL_MAX_RC, DEC_MAX_RC).
const GIVE_UP_TRIES: u32 = 4;
/// How long servers are asked whether a lease fits the link (CNF_MAX_RD).
const CONFIRM_FOR: Duration = Duration::from_secs(10);
/// The pause while there is no link-local address to ask from, and how often it is no longer: for as long as the kernel usually takes to make
/// sure of one. Then it is doubled, to 16 times as much.
const READY_PAUSE: Duration = Duration::from_millis(250);
const READY_TRIES: u32 = 20;

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Out {
    /// Send `message` to all servers and relays on the link.
    Send(Vec<u8>),
    /// Tell whoever started the client.
    Tell(Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Looking for a server.
    Soliciting,
    /// Taking up an offer; with a lease, asking for it anew where the server has forgotten it.
    Requesting,
    /// Asking whether a lease from before fits the link.
    Confirming,
    Bound,
    Renewing,
    Rebinding,
    /// Telling that somebody else has the address.
    Declining,
    /// Giving the lease back.
    Releasing,
    /// Asking for what is no lease.
    Informing,
    Informed,
    Finished,
}

/// What a server would grant, or has granted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer {
    duid: Vec<u8>,
    server: Ipv6Addr,
    address: Ipv6Addr,
    preference: u8,
}

/// The client of one interface.
#[derive(Debug)]
pub(super) struct Machine {
    ask: Ask,
    phase: Phase,
    /// The lease and when, on the boot clock, it began. Of an address in the phases from `Confirming` to `Rebinding`, of none in the last two.
    lease: Option<(Lease, Duration)>,
    /// What is taken up or told to be given up, and while looking the best offer so far.
    offer: Option<Offer>,
    /// The address to ask for.
    wanted: Option<Ipv6Addr>,
    /// When to act next; `None` is never.
    next: Option<Duration>,
    /// When the first lease is late; `None` once there was one.
    give_up: Option<Duration>,
    /// When this exchange began, and its number.
    begun: Now,
    xid: u32,
    tries: u32,
    pause: Option<Duration>,
    /// The longest pause while looking, as servers want it.
    longest: Duration,
    refusals: u32,
    unready: u32,
    random: u64,
    /// What goes into the error if there is no lease: the last failure to send, the last word of a server.
    trouble: Option<Cause>,
    heard: Option<Cause>,
}

impl Machine {
    /// A client at its beginning; `seed` makes its exchanges' numbers hard to guess.
    pub(super) fn new(ask: Ask, now: Now, seed: u64) -> Self {
        let wanted = ask.resume.as_ref().and_then(|lease| lease.address).or(ask.request);
        let phase = if ask.address { Phase::Soliciting } else { Phase::Informing };
        let mut new = Self {
            phase,
            wanted,
            give_up: ask.timeout.and_then(|timeout| now.boot.checked_add(timeout)),
            lease: None,
            offer: None,
            next: None,
            begun: now,
            xid: 0,
            tries: 0,
            pause: None,
            longest: backoff::LOOKING.longest,
            refusals: 0,
            unready: 0,
            random: seed | 1,
            trouble: None,
            heard: None,
            ask,
        };
        new.enter(phase, now, now.boot);
        new
    }

    /// The first step: a lease that still holds is taken up where it was; of one that has ended whoever had it is told.
    pub(super) fn begin(&mut self, now: Now) -> Vec<Out> {
        let Some(lease) = self.ask.resume.take().filter(|lease| lease.address.is_some() == self.ask.address) else { return self.poll(now) };
        let age = now.unix.checked_sub(lease.obtained);
        let holds = age.filter(|age| lease.is_forever() || *age < u64::from(lease.valid_secs));
        // No beginning on the boot clock: the machine was restarted since, and who knows what happened meanwhile.
        let Some(since) = holds.and_then(|age| now.boot.checked_sub(Duration::from_secs(age))) else {
            let mut out: Vec<Out> = lease.address.map(|_| Out::Tell(Event::Lost { reason: Loss::Expired })).into_iter().collect();
            out.extend(self.poll(now));
            return out;
        };
        let mut out = vec![Out::Tell(Event::Bound(lease.clone()))];
        self.bind(lease, since);
        out.extend(self.confirm(now));
        out
    }

    /// When to call [`Self::poll`]; `None` is never.
    pub(super) fn next(&self) -> Option<Duration> {
        self.next.into_iter().chain(self.give_up).chain(self.end()).min()
    }

    /// Whether an answer is due, so that a socket is worth having open.
    pub(super) fn listening(&self) -> bool {
        !matches!(self.phase, Phase::Bound | Phase::Informed | Phase::Finished)
    }

    /// Whether it has ended.
    pub(super) fn finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// Notes that sending failed: the reason given if there is no lease in the end.
    pub(super) fn trouble(&mut self, why: String) {
        self.trouble = Some(Cause::Io(why));
    }

    /// Notes that there is no link-local address to send from yet. What was not sent is no try.
    pub(super) fn unready(&mut self, now: Now) {
        self.trouble = Some(Cause::NoLinkLocal);
        (self.tries, self.pause) = (self.tries.saturating_sub(1), None);
        let beyond = self.unready.saturating_sub(READY_TRIES).min(4);
        let pause = READY_PAUSE.saturating_mul(1 << beyond);
        self.unready = self.unready.saturating_add(1);
        self.next = Some(now.boot + pause);
    }

    /// Ends it for good: asking is not permitted, and will not be.
    pub(super) fn forbidden(&mut self) -> Vec<Out> {
        self.fail(Cause::NotPermitted)
    }

    /// Does what is due.
    pub(super) fn poll(&mut self, now: Now) -> Vec<Out> {
        if self.give_up.is_some_and(|at| now.boot >= at) && !self.finished() {
            let cause = self.trouble.take().or(self.heard.take()).unwrap_or(Cause::Silence);
            return self.fail(cause);
        }
        if self.end().is_some_and(|end| now.boot >= end) {
            return self.lose(Loss::Expired, now, now.boot);
        }
        if self.next.is_none_or(|at| now.boot < at) {
            return Vec::new();
        }
        match self.phase {
            Phase::Soliciting if self.offer.is_some() => {
                self.enter(Phase::Requesting, now, now.boot);
                self.send(now, None)
            }
            Phase::Soliciting | Phase::Informing => self.send(now, None),
            Phase::Requesting if self.tries < REQUEST_TRIES => self.send(now, None),
            Phase::Requesting if self.lease.is_some() => {
                self.enter(Phase::Rebinding, now, now.boot);
                self.extend(now)
            }
            Phase::Requesting => {
                self.look(now, now.boot);
                self.send(now, None)
            }
            Phase::Confirming => self.ask_to_confirm(now),
            Phase::Bound => {
                self.enter(Phase::Renewing, now, now.boot);
                self.extend(now)
            }
            Phase::Renewing | Phase::Rebinding => self.extend(now),
            Phase::Declining if self.tries < GIVE_UP_TRIES => self.send(now, None),
            Phase::Releasing if self.tries < GIVE_UP_TRIES => self.send(now, None),
            Phase::Declining => {
                self.look(now, now.boot);
                self.send(now, None)
            }
            Phase::Informed => {
                self.enter(Phase::Informing, now, now.boot);
                self.send(now, None)
            }
            Phase::Releasing | Phase::Finished => {
                self.enter(Phase::Finished, now, now.boot);
                Vec::new()
            }
        }
    }

    /// Renews now instead of at T1; nothing without a lease, or when it is being renewed already.
    pub(super) fn renew(&mut self, now: Now) -> Vec<Out> {
        if !matches!(self.phase, Phase::Bound | Phase::Informed) {
            return Vec::new();
        }
        self.next = Some(now.boot);
        self.poll(now)
    }

    /// Asks whether the lease fits the link, which may be another one than before. Nothing without a lease.
    pub(super) fn confirm(&mut self, now: Now) -> Vec<Out> {
        match self.phase {
            Phase::Bound | Phase::Renewing | Phase::Rebinding => {
                self.enter(Phase::Confirming, now, now.boot);
                self.ask_to_confirm(now)
            }
            Phase::Informed => self.renew(now),
            _ => Vec::new(),
        }
    }

    /// Gives the lease back, if there is one, and ends once the server has said that it knows. The address must not be in use any longer.
    pub(super) fn release(&mut self, now: Now) -> Vec<Out> {
        self.part(Phase::Releasing, now)
    }

    /// Refuses the lease, because somebody else has its address, and looks for another. Nothing without a lease.
    pub(super) fn decline(&mut self, now: Now) -> Vec<Out> {
        if self.lease.is_none() {
            return Vec::new();
        }
        self.wanted = None;
        self.part(Phase::Declining, now)
    }

    /// Begins to tell the server that the lease is not wanted.
    fn part(&mut self, how: Phase, now: Now) -> Vec<Out> {
        let held = self
            .lease
            .take()
            .and_then(|(lease, _)| Some(Offer { address: lease.address?, duid: lease.server_duid, server: lease.server, preference: 0 }));
        self.give_up = None;
        let Some(held) = held else {
            self.enter(Phase::Finished, now, now.boot);
            return Vec::new();
        };
        self.offer = Some(held);
        self.enter(how, now, now.boot);
        self.send(now, None)
    }

    fn ask_to_confirm(&mut self, now: Now) -> Vec<Out> {
        let late = self.begun.boot + CONFIRM_FOR;
        // Nobody says anything: the lease holds (RFC 8415, 18.2.3).
        if self.tries > 0 && now.boot >= late {
            self.settle();
            return self.poll(now);
        }
        self.send(now, Some(late))
    }

    /// Renews or rebinds, whichever it is time for.
    fn extend(&mut self, now: Now) -> Vec<Out> {
        let Some((lease, since)) = &self.lease else { return Vec::new() };
        let rebind = at(*since, lease.rebind_secs);
        let due = rebind.is_some_and(|rebind| now.boot >= rebind);
        if due && self.phase == Phase::Renewing {
            self.enter(Phase::Rebinding, now, now.boot);
        }
        let limit = if self.phase == Phase::Renewing { rebind } else { None };
        self.send(now, limit)
    }

    /// When the lease's time is up.
    fn end(&self) -> Option<Duration> {
        let (lease, since) = self.lease.as_ref()?;
        lease.address.and_then(|_| at(*since, lease.valid_secs))
    }

    /// Gives the lease up, if there was one, and looks for another from `from` on.
    fn lose(&mut self, reason: Loss, now: Now, from: Duration) -> Vec<Out> {
        let lost = self.lease.take();
        if let (Some((lease, _)), Loss::Expired) = (&lost, reason) {
            self.wanted = lease.address;
        }
        self.look(now, from);
        let mut out: Vec<Out> = lost.map(|_| Out::Tell(Event::Lost { reason })).into_iter().collect();
        out.extend(self.poll(now));
        out
    }

    fn look(&mut self, now: Now, from: Duration) {
        self.offer = None;
        self.enter(Phase::Soliciting, now, from);
    }

    /// Sends the phase's question; the next one is due in ever longer times, and at `limit` at the latest.
    fn send(&mut self, now: Now, limit: Option<Duration>) -> Vec<Out> {
        if self.tries == 0 {
            self.begun = now;
        }
        let held = self.lease.as_ref().and_then(|(lease, _)| Some((lease.address?, lease.server_duid.clone())));
        let offer = self.offer.as_ref().map(|offer| (offer.address, offer.duid.clone()));
        let (kind, timing, about) = match self.phase {
            Phase::Soliciting => (Kind::Solicit, Timing { longest: self.longest, ..backoff::LOOKING }, None),
            Phase::Requesting => (Kind::Request, backoff::REQUEST, offer),
            Phase::Confirming => (Kind::Confirm, backoff::CONFIRM, held),
            Phase::Renewing => (Kind::Renew, backoff::EXTEND, held),
            Phase::Rebinding => (Kind::Rebind, backoff::EXTEND, held),
            Phase::Declining => (Kind::Decline, backoff::GIVE_UP, offer),
            Phase::Releasing => (Kind::Release, backoff::GIVE_UP, offer),
            Phase::Informing => (Kind::InformationRequest, Timing { longest: self.longest, ..backoff::LOOKING }, None),
            Phase::Bound | Phase::Informed | Phase::Finished => return Vec::new(),
        };
        let (address, server) = about.unzip();
        let identity = &self.ask.identity;
        let question = Question {
            kind,
            xid: self.xid,
            elapsed: now.boot.saturating_sub(self.begun.boot),
            duid: &identity.duid,
            server: server.as_deref().filter(|_| !matches!(kind, Kind::Confirm | Kind::Rebind)),
            association: (kind != Kind::InformationRequest).then_some((identity.iaid, address.or(self.wanted))),
            name: identity.name.as_deref(),
        };
        let message = question.encode();
        let random = self.draw();
        let pause = backoff::pause(timing, self.pause, random, kind == Kind::Solicit && self.pause.is_none());
        self.pause = Some(pause);
        self.tries = self.tries.saturating_add(1);
        self.trouble = None;
        let next = now.boot + pause;
        self.next = Some(limit.map_or(next, |limit| next.min(limit)));
        vec![Out::Send(message)]
    }

    /// Begins a phase, with a new exchange, at `at`.
    fn enter(&mut self, phase: Phase, now: Now, at: Duration) {
        self.phase = phase;
        (self.tries, self.pause) = (0, None);
        self.begun = now;
        self.next = (phase != Phase::Finished).then_some(at);
        if phase == Phase::Finished {
            (self.give_up, self.lease) = (None, None);
        }
        self.xid = u32::try_from(self.draw() >> 40).unwrap_or(0);
    }

    fn bind(&mut self, lease: Lease, since: Duration) {
        self.give_up = None;
        (self.refusals, self.unready) = (0, 0);
        (self.trouble, self.heard, self.offer) = (None, None, None);
        self.wanted = lease.address;
        self.lease = Some((lease, since));
        self.settle();
    }

    /// Goes back to having the lease, until it is time to renew it.
    fn settle(&mut self) {
        let Some((lease, since)) = &self.lease else { return };
        self.next = at(*since, lease.renew_secs);
        self.phase = if lease.address.is_some() { Phase::Bound } else { Phase::Informed };
    }

    fn fail(&mut self, cause: Cause) -> Vec<Out> {
        let error = Error { ifname: self.ask.ifname, secs: self.ask.timeout.unwrap_or_default().as_secs(), cause };
        (self.phase, self.next, self.give_up, self.lease) = (Phase::Finished, None, None, None);
        vec![Out::Tell(Event::Failed(error))]
    }

    /// The next number of a xorshift generator: to tell exchanges apart, not to keep a secret.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// `secs` after `since`; `None` is never.
fn at(since: Duration, secs: u32) -> Option<Duration> {
    (secs != Lease::FOREVER).then(|| since + Duration::from_secs(secs.into()))
}
