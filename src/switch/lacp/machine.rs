//! The machine: what a port's members have heard of their partners, when they speak, and when they give up waiting.
//!
//! A member is **current** while its partner speaks, then **expired** for three seconds in which the partner is asked to
//! hurry, then **defaulted**: there is no partner.

use core::time::Duration;

use ovsdp_proto::{IfName, Mac};

use super::super::time::Moment;
use super::pdu::{self, FRAME_LEN, Info, Pdu, State, Unreadable};

/// Time between two PDUs when the partner asks for it, and otherwise.
const FAST: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_secs(30);
/// So many PDUs may be missing before a partner is given up.
const MISSES: u32 = 3;
/// So many PDUs are sent at most in [`FAST`] (802.1AX-2014, 6.4.16).
const BURST: usize = 3;

/// How a port speaks LACP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settings {
    /// The system's address.
    pub system: Mac,
    /// The system's priority, lower is better.
    pub system_priority: u16,
    /// Whether it speaks first.
    pub active: bool,
    /// Whether the partner is asked to speak every second.
    pub fast: bool,
    /// Whether members without a partner may be used, one at a time.
    pub fallback_ab: bool,
}

/// One interface, as LACP speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its name.
    pub name: IfName,
    /// The address its PDUs come from.
    pub mac: Mac,
    /// Its number.
    pub port: u16,
    /// Its priority, lower is better.
    pub priority: u16,
    /// Its aggregation key; 0 takes the number of the port's first member.
    pub key: u16,
}

/// What a member has of its partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It speaks.
    Current,
    /// It has been silent for too long.
    Expired,
    /// There is none.
    Defaulted,
}

/// What happened to a member since it became one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// PDUs sent.
    pub sent: u32,
    /// Frames received.
    pub received: u32,
    /// Of these, those that could not be read.
    pub bad: u32,
    /// Of these, requests of the marker protocol.
    pub markers: u32,
    /// Times its partner fell silent.
    pub expired: u32,
    /// Times its partner was given up.
    pub defaulted: u32,
    /// Times its carrier came or went.
    pub carrier_changed: u32,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It was heard. The machine is to be run now.
    Heard,
    /// There is no member of that name.
    NoMember,
    /// It came in although the member has no carrier: whoever says so should look again.
    NoCarrier,
    /// It is no PDU.
    Unreadable(Unreadable),
}

/// A member and what it knows.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) member: Member,
    pub(super) status: Status,
    /// Packets may flow, as far as this side is concerned.
    pub(super) attached: bool,
    pub(super) carrier: bool,
    pub(super) partner: Info,
    pub(super) counts: Counts,
    /// What the partner has heard of this side.
    told: Info,
    /// When to speak again.
    speak: Moment,
    /// When the partner has been silent for too long.
    deadline: Moment,
    /// When the last PDUs were sent, the earliest first.
    sent: [Option<Moment>; BURST],
}

impl Link {
    fn new(member: Member, carrier: bool) -> Self {
        Self {
            member,
            status: Status::Defaulted,
            attached: false,
            carrier,
            partner: Info::default(),
            counts: Counts::default(),
            told: Info::default(),
            speak: Moment(0),
            deadline: Moment(0),
            sent: [None; BURST],
        }
    }

    fn expire(&mut self, now: Moment) {
        self.status = Status::Expired;
        self.partner.state.set(State::TIMEOUT, true);
        self.partner.state.set(State::SYNCHRONIZED, false);
        self.deadline = now + FAST * MISSES;
    }

    fn give_up(&mut self) {
        self.status = Status::Defaulted;
        self.partner = Info::default();
    }

    fn may_speak(&self, active: bool) -> bool {
        self.carrier && (active || self.status != Status::Defaulted)
    }

    /// Before when nothing may be sent, however much there is to say.
    fn hushed_until(&self) -> Moment {
        self.sent[0].map_or(Moment(0), |earliest| earliest + FAST)
    }
}

/// LACP on one port.
#[derive(Debug)]
pub struct Lacp {
    pub(super) name: IfName,
    pub(super) settings: Settings,
    /// In the order they became members: the first one's number is the default key.
    pub(super) links: Vec<Link>,
    pub(super) negotiated: bool,
    /// Which members are attached must be looked at again.
    stale: bool,
}

impl Lacp {
    /// For the port `name`, without members.
    pub fn new(name: IfName, settings: Settings) -> Self {
        Self { name, settings, links: Vec::new(), negotiated: false, stale: false }
    }

    /// The port's name.
    pub const fn name(&self) -> IfName {
        self.name
    }

    /// Whether some partner has agreed.
    pub const fn negotiated(&self) -> bool {
        self.negotiated
    }

    /// Puts other settings in force.
    pub fn configure(&mut self, settings: Settings) {
        self.stale |= settings != self.settings;
        self.settings = settings;
    }

    /// Says which members there are now, each with whether it has a carrier. One that is still there with the same numbers
    /// keeps what it knows; of one whose numbers changed, the partner must hear.
    pub fn set_members(&mut self, now: Moment, members: impl Iterator<Item = (Member, bool)>) {
        let mut old = core::mem::take(&mut self.links);
        let before = old.len();
        let mut fresh = Vec::new();
        for (member, carrier) in members {
            match old.iter().position(|link| link.member.name == member.name) {
                Some(at) => {
                    let mut link = old.remove(at);
                    let numbers = |member: Member| (member.port, member.priority, member.key);
                    let changed = numbers(link.member) != numbers(member);
                    link.member = member;
                    self.stale |= changed;
                    if changed && (self.settings.active || self.negotiated) {
                        link.expire(now);
                    }
                    self.links.push(link);
                }
                None => fresh.push((member, carrier)),
            }
        }
        self.stale |= !fresh.is_empty() || self.links.len() != before;
        for (member, carrier) in fresh {
            let mut link = Link::new(member, carrier);
            if self.settings.active || self.negotiated {
                link.expire(now);
            }
            self.links.push(link);
        }
    }

    /// Says that a member's carrier came or went.
    pub fn set_carrier(&mut self, now: Moment, member: &str, up: bool) {
        let active = self.settings.active;
        let Some(link) = self.find_mut(member).filter(|link| link.carrier != up) else { return };
        link.carrier = up;
        link.counts.carrier_changed = link.counts.carrier_changed.saturating_add(1);
        if active || link.status == Status::Current {
            link.expire(now);
        }
    }

    /// A frame of the slow protocols came in by `member`; `payload` is what follows its Ethernet header.
    pub fn receive(&mut self, now: Moment, member: &str, payload: &[u8]) -> Received {
        let patience = interval(self.settings.fast) * MISSES;
        let Some(link) = self.find_mut(member) else { return Received::NoMember };
        let add = |count: &mut u32| *count = count.saturating_add(1);
        add(&mut link.counts.received);
        let pdu = match Pdu::parse(payload) {
            Ok(pdu) => pdu,
            Err(why) => {
                add(if why == Unreadable::Marker { &mut link.counts.markers } else { &mut link.counts.bad });
                return Received::Unreadable(why);
            }
        };
        if !link.carrier {
            return Received::NoCarrier;
        }
        link.status = Status::Current;
        link.deadline = now + patience;
        link.told = pdu.partner;
        if link.partner != pdu.actor {
            link.partner = pdu.actor;
            self.stale = true;
        }
        Received::Heard
    }

    /// Does what is due: gives up partners that were silent for too long, decides again which members are attached, and
    /// hands the frames to send to `send`, each with the name of the member that sends it. Returns whether anything a bond
    /// goes by may have changed.
    pub fn run(&mut self, now: Moment, send: &mut dyn FnMut(IfName, &[u8; FRAME_LEN])) -> bool {
        let mut changed = false;
        for link in &mut self.links {
            if link.status == Status::Defaulted || now < link.deadline {
                continue;
            }
            changed = true;
            if link.status == Status::Current {
                link.expire(now);
                link.counts.expired = link.counts.expired.saturating_add(1);
            } else {
                link.give_up();
                link.counts.defaulted = link.counts.defaulted.saturating_add(1);
                self.stale = true;
            }
        }
        if core::mem::take(&mut self.stale) {
            self.select();
            changed = true;
        }
        for at in 0..self.links.len() {
            self.speak(now, at, send);
        }
        changed
    }

    /// When [`run`](Self::run) has something to do next, if nothing happens before; `None` when it has not.
    pub fn next(&self) -> Option<Moment> {
        if self.stale {
            return Some(Moment(0));
        }
        let silent = self.links.iter().filter(|link| link.status != Status::Defaulted).map(|link| link.deadline);
        let speaking = self.links.iter().filter(|link| link.may_speak(self.settings.active));
        let speaking = speaking.map(|link| {
            let due = if self.actor(link).is_news_to(&link.told) { Moment(0) } else { link.speak };
            due.max(link.hushed_until())
        });
        silent.chain(speaking).min()
    }

    /// Whether a member may carry packets, as far as LACP is concerned.
    pub fn may_enable(&self, member: &str) -> bool {
        self.find(member).is_some_and(|link| self.usable(link))
    }

    /// The members whose partners speak, and what those say of themselves.
    pub fn partners(&self) -> impl Iterator<Item = (IfName, Info)> {
        self.links.iter().filter(|link| link.status == Status::Current).map(|link| (link.member.name, link.partner))
    }

    /// Has a member believe that its partner still says this, as it did to an earlier run; for as long as a partner may be silent.
    pub fn remember(&mut self, now: Moment, member: &str, partner: Info) {
        let deadline = now + interval(self.settings.fast) * MISSES;
        let Some(link) = self.find_mut(member).filter(|link| link.carrier) else { return };
        (link.status, link.partner, link.deadline) = (Status::Current, partner, deadline);
        self.select();
    }

    /// What happened to a member.
    pub fn counts(&self, member: &str) -> Option<Counts> {
        self.find(member).map(|link| link.counts)
    }

    pub(super) fn usable(&self, link: &Link) -> bool {
        let synchronized = link.partner.state.has(State::SYNCHRONIZED);
        link.attached && (synchronized || (self.settings.fallback_ab && link.status == Status::Defaulted))
    }

    /// The key every member has; `None` when there are no members.
    pub(super) fn key(&self) -> Option<u16> {
        let first = self.links.first()?.member;
        Some(if first.key == 0 { first.port } else { first.key })
    }

    /// What this side says of itself on a link.
    pub(super) fn actor(&self, link: &Link) -> Info {
        let mut state = State::default();
        state.set(State::ACTIVITY, self.settings.active);
        state.set(State::TIMEOUT, self.settings.fast);
        state.set(State::AGGREGATION, self.links.len() > 1);
        state.set(State::SYNCHRONIZED, link.attached);
        let flows = link.attached || !self.negotiated;
        state.set(State::COLLECTING, flows);
        state.set(State::DISTRIBUTING, flows);
        state.set(State::DEFAULTED, link.status == Status::Defaulted);
        state.set(State::EXPIRED, link.status == Status::Expired);
        Info {
            system_priority: self.settings.system_priority,
            system: self.settings.system,
            key: self.key().unwrap_or(0),
            port_priority: link.member.priority,
            port: link.member.port,
            state,
        }
    }

    /// Sends a PDU by one member if it has something to say, or has not spoken for as long as its partner wants.
    fn speak(&mut self, now: Moment, at: usize, send: &mut dyn FnMut(IfName, &[u8; FRAME_LEN])) {
        let Some(link) = self.links.get(at).filter(|link| link.may_speak(self.settings.active)) else { return };
        let actor = self.actor(link);
        if (now < link.speak && !actor.is_news_to(&link.told)) || now < link.hushed_until() {
            return;
        }
        let interval = interval(link.partner.state.has(State::TIMEOUT));
        let link = &mut self.links[at];
        send(link.member.name, &pdu::frame(link.member.mac, &Pdu { actor, partner: link.partner }));
        link.told = actor;
        link.counts.sent = link.counts.sent.saturating_add(1);
        link.speak = now + interval;
        link.sent.rotate_left(1);
        link.sent[BURST - 1] = Some(now);
    }

    pub(super) fn find(&self, member: &str) -> Option<&Link> {
        self.links.iter().find(|link| *link.member.name == *member)
    }

    fn find_mut(&mut self, member: &str) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| *link.member.name == *member)
    }
}

/// Time between two PDUs.
const fn interval(fast: bool) -> Duration {
    if fast { FAST } else { SLOW }
}
