//! The client's state machine (RFC 2131, 4.4): bytes and the time in, bytes and events out. Pure.
//!
//! Who drives it calls [`Machine::poll`] once [`Machine::next`] has come, [`Machine::receive`] for every message heard
//! while [`Machine::listening`], and does what the returned [`Out`]s say. It never asks to be woken for the same instant
//! twice: every transmission sets a later one, so a server can at worst be asked once a second.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::error::{Cause, Error};
use super::grant;
use super::lease::Lease;
use super::wire::{Kind, Reply, Request};
use super::{Ask, Event, Loss};

/// How often a known address is asked for before the question becomes a general one.
const REBOOT_TRIES: u32 = 2;
/// How often an offer is taken up before looking for another.
const REQUEST_TRIES: u32 = 3;
/// The longest pause between two questions without a lease.
const MAX_PAUSE: Duration = Duration::from_secs(64);
/// The shortest pause between two questions with a lease, unless the lease's own times come first.
const LEASE_PAUSE: Duration = Duration::from_secs(60);

/// The pause after an address that somebody else had (RFC 2131, 3.1.5).
const DECLINE_PAUSE: Duration = Duration::from_secs(10);

/// The time, twice: `boot` runs on while the machine sleeps and never jumps, `unix` is the calendar's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) boot: Duration,
    pub(super) unix: u64,
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Out {
    /// Send `message` to everyone on the link.
    Broadcast { source: Ipv4Addr, message: Vec<u8> },
    /// Send `message` to one server, through the routes, from the leased address.
    Unicast { source: Ipv4Addr, server: Ipv4Addr, message: Vec<u8> },
    /// Tell whoever started the client.
    Tell(Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Verifying that an address known from before is still ours (INIT-REBOOT).
    Rebooting,
    /// Looking for a server (INIT, SELECTING).
    Discovering,
    /// Taking up an offer (REQUESTING).
    Requesting {
        address: Ipv4Addr,
        server: Ipv4Addr,
    },
    Bound,
    Renewing,
    Rebinding,
    Finished,
}

/// The client of one interface.
#[derive(Debug)]
pub(super) struct Machine {
    ask: Ask,
    phase: Phase,
    /// The lease and when, on the boot clock, it began. Present in the last three live phases.
    lease: Option<(Lease, Duration)>,
    /// The address to ask for.
    wanted: Option<Ipv4Addr>,
    /// When to act next; `None` is never.
    next: Option<Duration>,
    /// When the first lease is late; `None` once there was one.
    give_up: Option<Duration>,
    /// When this exchange began, and its number.
    begun: Now,
    xid: u32,
    tries: u32,
    naks: u32,
    random: u64,
    /// What goes into the error if there is no lease: the last offer not granted, the last failure to send.
    offered: Option<Ipv4Addr>,
    trouble: Option<String>,
}

impl Machine {
    /// A client at its beginning; `seed` makes its exchanges' numbers hard to guess.
    pub(super) fn new(ask: Ask, now: Now, seed: u64) -> Self {
        let wanted = ask.resume.as_ref().map(|lease| lease.address.addr()).or(ask.request);
        let give_up = ask.timeout.and_then(|timeout| now.boot.checked_add(timeout));
        let phase = if wanted.is_some() { Phase::Rebooting } else { Phase::Discovering };
        let mut new = Self {
            phase,
            wanted,
            give_up,
            lease: None,
            next: Some(now.boot),
            begun: now,
            xid: 0,
            tries: 0,
            naks: 0,
            random: seed | 1,
            offered: None,
            trouble: None,
            ask,
        };
        new.enter(phase, now, now.boot);
        new
    }

    /// The first step: a lease that still holds is taken up where it was, anything else is asked for.
    pub(super) fn begin(&mut self, now: Now) -> Vec<Out> {
        if let Some(lease) = self.ask.resume.take() {
            let age = now.unix.checked_sub(lease.obtained);
            let holds = age.filter(|age| lease.is_forever() || *age < u64::from(lease.lease_secs));
            // No beginning on the boot clock: the machine was restarted since, and who knows what happened meanwhile.
            if let Some(since) = holds.and_then(|age| now.boot.checked_sub(Duration::from_secs(age))) {
                self.bind(lease.clone(), since);
                return vec![Out::Tell(Event::Bound(lease))];
            }
        }
        self.poll(now)
    }

    /// When to call [`Self::poll`]; `None` is never.
    pub(super) fn next(&self) -> Option<Duration> {
        match (self.next, self.give_up) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether an answer is due, so that a socket is worth having open.
    pub(super) fn listening(&self) -> bool {
        !matches!(self.phase, Phase::Bound | Phase::Finished)
    }

    /// Whether it has ended.
    pub(super) fn finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// Notes that sending failed: the reason given if there is no lease in the end.
    pub(super) fn trouble(&mut self, why: String) {
        self.trouble = Some(why);
    }

    /// Ends it for good: asking is not permitted, and will not be.
    pub(super) fn forbidden(&mut self) -> Vec<Out> {
        self.fail(Cause::NotPermitted)
    }

    /// Does what is due.
    pub(super) fn poll(&mut self, now: Now) -> Vec<Out> {
        if self.give_up.is_some_and(|at| now.boot >= at) && !self.finished() {
            let cause = match (self.trouble.take(), self.naks, self.offered) {
                (Some(why), ..) => Cause::Io(why),
                (None, 0, None) => Cause::Silence,
                (None, 0, Some(server)) => Cause::Unfinished(server),
                (None, ..) => Cause::Refused,
            };
            return self.fail(cause);
        }
        if self.next.is_none_or(|at| now.boot < at) {
            return Vec::new();
        }
        match self.phase {
            Phase::Rebooting if self.tries < REBOOT_TRIES => self.send(now, Some(Duration::from_secs(1))),
            Phase::Requesting { .. } if self.tries < REQUEST_TRIES => self.send(now, None),
            Phase::Rebooting | Phase::Requesting { .. } => {
                self.enter(Phase::Discovering, now, now.boot);
                self.send(now, None)
            }
            Phase::Discovering => self.send(now, None),
            Phase::Bound => {
                self.enter(Phase::Renewing, now, now.boot);
                self.refresh(now)
            }
            Phase::Renewing | Phase::Rebinding => self.refresh(now),
            Phase::Finished => Vec::new(),
        }
    }

    /// Renews now instead of at T1; nothing without a lease, or when it is being renewed already.
    pub(super) fn renew(&mut self, now: Now) -> Vec<Out> {
        if self.phase != Phase::Bound {
            return Vec::new();
        }
        self.next = Some(now.boot);
        self.poll(now)
    }

    /// Gives the lease back, if there is one, and ends.
    pub(super) fn release(&mut self, now: Now) -> Vec<Out> {
        self.enter(Phase::Finished, now, now.boot);
        let Some((lease, _)) = self.lease.take() else { return Vec::new() };
        let (source, server) = (lease.address.addr(), lease.server);
        let message = self.request(Kind::Release, now, source, None, Some(server));
        vec![Out::Unicast { source, server, message }]
    }

    /// Refuses the lease, because somebody else has its address, and looks for another after a pause. Nothing without a lease.
    pub(super) fn decline(&mut self, now: Now) -> Vec<Out> {
        let Some((lease, _)) = self.lease.take() else { return Vec::new() };
        self.wanted = None;
        self.enter(Phase::Discovering, now, now.boot + DECLINE_PAUSE);
        let nobody = Ipv4Addr::UNSPECIFIED;
        let message = self.request(Kind::Decline, now, nobody, Some(lease.address.addr()), Some(lease.server));
        vec![Out::Broadcast { source: nobody, message }]
    }

    /// Takes a message from the link.
    pub(super) fn receive(&mut self, now: Now, message: &[u8]) -> Vec<Out> {
        let Some(reply) = Reply::decode(message).filter(|r| r.xid == self.xid && r.mac == self.ask.mac) else { return Vec::new() };
        match (reply.kind, self.phase) {
            (Kind::Offer, Phase::Discovering) => {
                // An offer that could not be lived with is not one.
                let Some(lease) = grant::lease(&reply, None, now.unix) else { return Vec::new() };
                self.offered = Some(lease.server);
                // The same exchange goes on under the same number (RFC 2131, table 1).
                let xid = self.xid;
                self.enter(Phase::Requesting { address: reply.address, server: lease.server }, now, now.boot);
                self.xid = xid;
                self.poll(now)
            }
            (Kind::Ack, phase) => self.granted(phase, &reply),
            (Kind::Nak, phase) => self.refused(phase, &reply, now),
            _ => Vec::new(),
        }
    }

    fn granted(&mut self, phase: Phase, reply: &Reply) -> Vec<Out> {
        // From one server's word on, another's grant is for somebody who asked it.
        let (address, server) = match (phase, &self.lease) {
            (Phase::Rebooting, _) => (self.wanted, None),
            (Phase::Requesting { address, server }, _) => (Some(address), Some(server)),
            (Phase::Renewing, Some((lease, _))) => (Some(lease.address.addr()), Some(lease.server)),
            (Phase::Rebinding, Some((lease, _))) => (Some(lease.address.addr()), None),
            _ => return Vec::new(),
        };
        if address != Some(reply.address) || server.zip(reply.server).is_some_and(|(asked, said)| asked != said) {
            return Vec::new();
        }
        let fallback = server.or_else(|| self.lease.as_ref().map(|(lease, _)| lease.server));
        let Some(lease) = grant::lease(reply, fallback, self.begun.unix) else { return Vec::new() };
        let event = if self.lease.is_some() { Event::Renewed(lease.clone()) } else { Event::Bound(lease.clone()) };
        self.bind(lease, self.begun.boot);
        vec![Out::Tell(event)]
    }

    fn refused(&mut self, phase: Phase, reply: &Reply, now: Now) -> Vec<Out> {
        let asked = match (phase, &self.lease) {
            (Phase::Rebooting, _) | (Phase::Rebinding, Some(_)) => None,
            (Phase::Requesting { server, .. }, _) => Some(server),
            (Phase::Renewing, Some((lease, _))) => Some(lease.server),
            _ => return Vec::new(),
        };
        if asked.zip(reply.server).is_some_and(|(asked, said)| asked != said) {
            return Vec::new();
        }
        self.wanted = None;
        let lost = self.lease.take().is_some();
        // The first refusal of an address from before only says that it is not ours; every other one slows the asking.
        let wait = match phase {
            Phase::Rebooting => Duration::ZERO,
            _ => {
                self.naks = self.naks.saturating_add(1);
                pause_after(self.naks - 1)
            }
        };
        self.enter(Phase::Discovering, now, now.boot + wait);
        if lost {
            return vec![Out::Tell(Event::Lost { reason: Loss::Refused })];
        }
        self.poll(now)
    }

    /// Renews or rebinds, whichever it is time for, or gives up the lease.
    fn refresh(&mut self, now: Now) -> Vec<Out> {
        let Some((lease, since)) = &self.lease else { return Vec::new() };
        let at = |secs: u32| (secs != Lease::FOREVER).then(|| *since + Duration::from_secs(secs.into()));
        // A lease without an end has no other times either, but may be renewed by hand.
        let (rebind, end) = (if lease.is_forever() { None } else { at(lease.rebind_secs) }, at(lease.lease_secs));
        let due = |time: Option<Duration>| time.is_some_and(|time| now.boot >= time);
        if due(end) {
            self.wanted = Some(lease.address.addr());
            self.lease = None;
            self.enter(Phase::Discovering, now, now.boot);
            let mut out = vec![Out::Tell(Event::Lost { reason: Loss::Expired })];
            out.extend(self.poll(now));
            return out;
        }
        let limit = if due(rebind) { end } else { rebind };
        if due(rebind) && self.phase == Phase::Renewing {
            self.enter(Phase::Rebinding, now, now.boot);
        }
        let half = limit.map(|limit| limit.saturating_sub(now.boot) / 2).unwrap_or(MAX_PAUSE).max(LEASE_PAUSE);
        let pause = limit.map_or(half, |limit| half.min(limit.saturating_sub(now.boot)));
        self.send(now, Some(pause))
    }

    /// Sends the phase's question; the next one is due in `pause`, else in ever longer times.
    fn send(&mut self, now: Now, pause: Option<Duration>) -> Vec<Out> {
        let pause = pause.unwrap_or_else(|| self.pause());
        if self.tries == 0 {
            self.begun = now;
        }
        self.tries = self.tries.saturating_add(1);
        self.next = Some(now.boot + pause);
        let nobody = Ipv4Addr::UNSPECIFIED;
        let held = self.lease.as_ref().map(|(lease, _)| (lease.address.addr(), lease.server));
        match (self.phase, held) {
            (Phase::Discovering, _) => {
                let message = self.request(Kind::Discover, now, nobody, self.wanted, None);
                vec![Out::Broadcast { source: nobody, message }]
            }
            (Phase::Rebooting, _) => {
                let message = self.request(Kind::Request, now, nobody, self.wanted, None);
                vec![Out::Broadcast { source: nobody, message }]
            }
            (Phase::Requesting { address, server }, _) => {
                let message = self.request(Kind::Request, now, nobody, Some(address), Some(server));
                vec![Out::Broadcast { source: nobody, message }]
            }
            // With a lease the address stands in the header, and naming it or the server as options is forbidden.
            (Phase::Renewing, Some((source, server))) => {
                vec![Out::Unicast { source, server, message: self.request(Kind::Request, now, source, None, None) }]
            }
            (Phase::Rebinding, Some((source, _))) => {
                vec![Out::Broadcast { source, message: self.request(Kind::Request, now, source, None, None) }]
            }
            _ => Vec::new(),
        }
    }

    fn request(&self, kind: Kind, now: Now, client: Ipv4Addr, requested: Option<Ipv4Addr>, server: Option<Ipv4Addr>) -> Vec<u8> {
        let secs = u16::try_from(now.boot.saturating_sub(self.begun.boot).as_secs()).unwrap_or(u16::MAX);
        Request { kind, xid: self.xid, secs, mac: self.ask.mac, client, requested, server, identity: &self.ask.identity }.encode()
    }

    /// Begins a phase, with a new exchange, at `at`.
    fn enter(&mut self, phase: Phase, now: Now, at: Duration) {
        self.phase = phase;
        self.tries = 0;
        self.begun = now;
        self.next = (phase != Phase::Finished).then_some(at);
        if phase == Phase::Finished {
            self.give_up = None;
        }
        self.xid = u32::try_from(self.draw() >> 32).unwrap_or(0);
    }

    fn bind(&mut self, lease: Lease, since: Duration) {
        self.phase = Phase::Bound;
        self.give_up = None;
        self.naks = 0;
        self.trouble = None;
        self.next = (!lease.is_forever()).then(|| since + Duration::from_secs(lease.renew_secs.into()));
        self.wanted = Some(lease.address.addr());
        self.lease = Some((lease, since));
    }

    fn fail(&mut self, cause: Cause) -> Vec<Out> {
        let error = Error { ifname: self.ask.ifname, secs: self.ask.timeout.unwrap_or_default().as_secs(), cause };
        (self.phase, self.next, self.give_up) = (Phase::Finished, None, None);
        vec![Out::Tell(Event::Failed(error))]
    }

    /// 1 s, 2 s, 4 s and so on to [`MAX_PAUSE`], each up to a tenth longer so that two hosts do not keep step.
    fn pause(&mut self) -> Duration {
        let pause = pause_after(self.tries);
        pause + pause / 10 * u32::try_from(self.draw() % 256).unwrap_or(0) / 256
    }

    /// The next number of a xorshift generator: to tell exchanges apart, not to keep a secret.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

fn pause_after(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.min(6)).min(MAX_PAUSE)
}
