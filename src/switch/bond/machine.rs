//! The machine: which members carry packets, and which one is the active one.
//!
//! A member is **enabled** once its link has been up for `updelay`, disabled once it has been down for `downdelay`. The
//! **active** member carries everything in active-backup, and in the other modes what a group of stations is to get once.

use core::time::Duration;

use ovsdp_proto::{IfName, Mac};

use super::super::time::{Moment, RETURN};
use super::buckets::Buckets;
use crate::model::{self, BondMode};

/// What LACP says of the bond as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LacpStatus {
    /// The bond does not speak LACP.
    #[default]
    Off,
    /// It does, and nobody has agreed.
    Configured,
    /// A partner has agreed.
    Negotiated,
}

/// How the bond is to work.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// What is asked of it.
    pub bond: model::Bond,
    /// Whether it works as active-backup while LACP finds no partner (`lacp-fallback-ab`).
    pub fallback_ab: bool,
    /// The number by which packets come round again to be spread by their hash; unlike any other bond's, and not 0.
    pub recirc_id: u32,
}

/// One interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its name.
    pub name: IfName,
    /// Its number in the datapath.
    pub dp_port: u32,
    /// Its address: the active member is remembered by it.
    pub mac: Mac,
}

/// A member and its state.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) member: Member,
    pub(super) carrier: bool,
    /// As far as LACP is concerned.
    lacp: bool,
    pub(super) enabled: bool,
    /// When `enabled` becomes the opposite, if nothing happens before.
    pub(super) due: Option<Moment>,
    /// What a person said it is to be, until its carrier changes.
    held: Option<bool>,
}

impl Link {
    /// Whether it may be enabled.
    pub(super) const fn may_enable(&self) -> bool {
        self.carrier && self.lacp
    }
}

/// A bond.
#[derive(Debug)]
pub struct Bond {
    pub(super) name: IfName,
    pub(super) settings: Settings,
    pub(super) links: Vec<Link>,
    /// Index into `links`.
    pub(super) active: Option<usize>,
    /// The active member's address, or the last one's; zero when no member was enabled.
    pub(super) active_mac: Mac,
    pub(super) lacp: LacpStatus,
    /// How the load is spread; `None` while the active member carries everything.
    pub(super) buckets: Option<Buckets>,
    pub(super) next_rebalance: Moment,
    /// The enabled members, the one whose turn it is first.
    pub(super) turns: Vec<usize>,
    /// Flows must be decided again.
    pub(super) changed: bool,
    /// Stations must be announced.
    pub(super) announce: bool,
    /// Members send what others did before, and that is to be noted.
    unsettled: bool,
    /// Until then what other members sent may come back by the active one.
    pub(super) settled: Moment,
}

impl Bond {
    /// The bond `name`, without members. `active_mac` is the address of the member that was active before, if it is known:
    /// that one is chosen if it can be.
    pub fn new(now: Moment, name: IfName, settings: Settings, active_mac: Option<Mac>) -> Self {
        let mut bond = Self {
            name,
            settings,
            links: Vec::new(),
            active: None,
            active_mac: active_mac.unwrap_or(Mac::ZERO),
            lacp: LacpStatus::Off,
            buckets: None,
            next_rebalance: now,
            turns: Vec::new(),
            changed: true,
            announce: false,
            unsettled: false,
            settled: Moment(0),
        };
        bond.reset_buckets(now);
        bond
    }

    /// Its name.
    pub const fn name(&self) -> IfName {
        self.name
    }

    /// How it works.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The active member's name.
    pub fn active(&self) -> Option<IfName> {
        self.active.map(|at| self.links[at].member.name)
    }

    /// The active member's address, or the last one's; `None` when no member was enabled.
    pub fn active_mac(&self) -> Option<Mac> {
        Some(self.active_mac).filter(|mac| *mac != Mac::ZERO)
    }

    /// The members, in the order [`admit`](Self::admit) counts them.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.links.iter().map(|link| link.member)
    }

    /// Whether a member carries packets.
    pub fn is_enabled(&self, member: &str) -> bool {
        self.links.iter().any(|link| *link.member.name == *member && link.enabled)
    }

    /// Puts other settings in force.
    pub fn configure(&mut self, now: Moment, settings: Settings) {
        if settings == self.settings {
            return;
        }
        let spreads = |settings: &Settings| {
            let model::Bond { mode, rebalance_interval, hash_basis, .. } = settings.bond;
            (mode, rebalance_interval, hash_basis, settings.fallback_ab)
        };
        let anew = spreads(&settings) != spreads(&self.settings);
        self.unsettled |= settings.bond.mode != self.settings.bond.mode;
        self.settings = settings;
        self.changed = true;
        if anew {
            self.reset_buckets(now);
        }
    }

    /// Says which members there are now, each with whether it has a carrier and whether LACP lets it carry packets. One that is
    /// new and has both does so at once; one that is still there stays as it was.
    pub fn set_members(&mut self, members: impl Iterator<Item = (Member, bool, bool)>) {
        let before: Vec<IfName> = self.links.iter().map(|link| link.member.name).collect();
        let active = self.active();
        let mut old = core::mem::take(&mut self.links);
        for (member, carrier, agreed) in members {
            let known = old.iter().position(|link| link.member.name == member.name).map(|at| old.remove(at));
            let link = match known {
                Some(link) => {
                    self.changed |= link.member != member;
                    Link { member, ..link }
                }
                None => {
                    self.changed = true;
                    let lacp = agreed || self.lacp == LacpStatus::Off;
                    Link { member, carrier, lacp, enabled: carrier && lacp, due: None, held: None }
                }
            };
            self.links.push(link);
        }
        self.changed |= !old.is_empty();
        let place = |name: IfName| self.links.iter().position(|link| link.member.name == name);
        if let Some(buckets) = &mut self.buckets {
            buckets.renumber(|at| place(*before.get(at)?));
        }
        let turns = self.turns.iter().filter_map(|at| place(*before.get(*at)?));
        let mut turns: Vec<usize> = turns.filter(|at| self.links[*at].enabled).collect();
        turns.extend((0..self.links.len()).filter(|at| self.links[*at].enabled && !before.contains(&self.links[*at].member.name)));
        self.active = active.and_then(place);
        self.turns = turns;
        if active.is_some() && self.active.is_none() {
            self.choose_active();
            self.announce = true;
        }
    }

    /// Says that a member's carrier came or went. [`run`](Self::run) draws the conclusions.
    pub fn set_carrier(&mut self, member: &str, up: bool) {
        if let Some(link) = self.links.iter_mut().find(|link| *link.member.name == *member && link.carrier != up) {
            link.carrier = up;
            link.held = None;
        }
    }

    /// Says what LACP has come to: of the bond, and of each member whether it may carry packets.
    pub fn set_lacp(&mut self, now: Moment, status: LacpStatus, may_enable: impl Fn(&str) -> bool) {
        for link in &mut self.links {
            link.lacp = status == LacpStatus::Off || may_enable(&link.member.name);
        }
        if status != self.lacp {
            self.lacp = status;
            self.changed = true;
            if self.falls_back() || self.buckets.is_none() {
                self.reset_buckets(now);
            }
        }
    }

    /// Does what is due: enables and disables members, chooses the active one, and moves load from member to member.
    /// Returns whether every flow must be decided again.
    pub fn run(&mut self, now: Moment) -> bool {
        for at in 0..self.links.len() {
            self.follow_link(now, at);
        }
        let enabled = |at: &usize| self.links[*at].enabled;
        let primary = self.primary().filter(|at| self.settings.bond.mode == BondMode::ActiveBackup && enabled(at));
        if !self.active.is_some_and(|at| enabled(&at)) || primary.is_some_and(|primary| self.active != Some(primary)) {
            self.choose_active();
        }
        self.rebalance(now);
        if core::mem::take(&mut self.unsettled) {
            self.settled = now + RETURN;
        }
        core::mem::take(&mut self.changed)
    }

    /// When [`run`](Self::run) has something to do next, if nothing happens before; `None` when it has not.
    pub fn next(&self) -> Option<Moment> {
        if self.changed {
            return Some(Moment(0));
        }
        let members = self.links.iter().filter_map(|link| if self.is_late(link) { Some(Moment(0)) } else { link.due });
        members.chain(self.rebalance_due()).min()
    }

    /// Whether a member's link became what the member is not, and [`run`](Self::run) has not seen it.
    fn is_late(&self, link: &Link) -> bool {
        let up = link.held.unwrap_or_else(|| link.may_enable());
        (up == link.enabled) == link.due.is_some()
    }

    fn follow_link(&mut self, now: Moment, at: usize) {
        let model::Bond { updelay, downdelay, .. } = self.settings.bond;
        let late = self.is_late(&self.links[at]);
        let link = &mut self.links[at];
        let up = link.held.unwrap_or_else(|| link.may_enable());
        if late {
            let delay = if up { updelay } else { downdelay };
            link.due = (up != link.enabled).then(|| now + Duration::from_millis(delay.into()));
        }
        if link.due.is_some_and(|due| now >= due) {
            self.enable(at, up);
        }
    }

    /// Has a member carry packets, or not, from now on.
    pub(super) fn enable(&mut self, at: usize, on: bool) {
        let link = &mut self.links[at];
        link.due = None;
        if link.enabled == on {
            return;
        }
        link.enabled = on;
        self.changed = true;
        if on {
            self.turns.push(at);
        } else {
            self.turns.retain(|other| *other != at);
            self.announce = true;
        }
    }

    /// The same because a person says so: until the carrier changes.
    pub(super) fn hold(&mut self, at: usize, on: bool) {
        self.links[at].held = Some(on);
        self.enable(at, on);
    }

    pub(super) fn primary(&self) -> Option<usize> {
        let primary = self.settings.bond.primary?;
        self.links.iter().position(|link| link.member.name == primary)
    }

    fn choose_active(&mut self) {
        let before = self.active.map(|at| self.links[at].member.name);
        self.active = self.candidate();
        if let Some(at) = self.active {
            // With no member enabled the first one need not wait.
            if !self.links[at].enabled {
                self.enable(at, true);
            }
            self.announce = true;
        }
        let after = self.active.map(|at| self.links[at].member.name);
        if before != after {
            self.set_active_mac();
        }
    }

    pub(super) fn set_active_mac(&mut self) {
        let before = core::mem::replace(&mut self.active_mac, self.active.map_or(Mac::ZERO, |at| self.links[at].member.mac));
        self.unsettled |= before != Mac::ZERO && before != self.active_mac;
        self.changed = true;
    }

    fn candidate(&self) -> Option<usize> {
        let enabled = |at: &usize| self.links[*at].enabled;
        let last = || self.links.iter().position(|link| link.member.mac == self.active_mac);
        let soonest = || {
            let waiting = self.links.iter().enumerate().filter(|(_, link)| link.may_enable() && !link.enabled);
            waiting.filter_map(|(at, link)| Some((link.due?, at))).min().map(|(_, at)| at)
        };
        self.primary().filter(enabled).or_else(|| last().filter(enabled)).or_else(|| self.links.iter().position(|link| link.enabled)).or_else(soonest)
    }

    /// Whether a mode that spreads the load works as active-backup because LACP finds no partner.
    pub(super) fn falls_back(&self) -> bool {
        self.settings.fallback_ab && self.settings.bond.mode != BondMode::ActiveBackup && self.lacp == LacpStatus::Configured
    }

    fn reset_buckets(&mut self, now: Moment) {
        let spread = self.settings.bond.mode != BondMode::ActiveBackup && !self.falls_back();
        self.buckets = spread.then(Buckets::new);
        self.next_rebalance = now + self.settings.bond.rebalance().unwrap_or_default();
    }
}
