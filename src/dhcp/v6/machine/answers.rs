//! What the machine makes of what servers say.

use std::net::Ipv6Addr;
use std::time::Duration;

use super::super::backoff;
use super::super::error::Cause;
use super::super::grant;
use super::super::wire::{Answer, Kind, code, status};
use super::super::{Event, Loss};
use super::{Machine, Now, Offer, Out, Phase};

/// The best an offer can be: no other is waited for.
const BEST: u8 = 255;
/// What a server may make of the longest pause, in seconds (RFC 8415, 21.24).
const LONGEST_PAUSES: std::ops::RangeInclusive<u32> = 60..=86400;

impl Machine {
    /// Takes a message that came from `server`.
    pub(in super::super) fn receive(&mut self, now: Now, server: Ipv6Addr, message: &[u8]) -> Vec<Out> {
        let answer = Answer::decode(message).filter(|answer| answer.xid == self.xid && answer.client == self.ask.identity.duid);
        let Some(answer) = answer.filter(|_| self.tries > 0) else { return Vec::new() };
        let longest = if self.ask.address { code::SOLICIT_LONGEST } else { code::INFORMATION_LONGEST };
        if let Some(secs) = answer.number(longest).filter(|secs| LONGEST_PAUSES.contains(secs)) {
            self.longest = Duration::from_secs(secs.into());
        }
        match (answer.kind, self.phase) {
            (Kind::Advertise, Phase::Soliciting) => self.offered(now, server, &answer),
            (Kind::Reply, Phase::Requesting | Phase::Renewing | Phase::Rebinding) => self.granted(now, server, &answer),
            (Kind::Reply, Phase::Confirming) => self.confirmed(now, &answer),
            (Kind::Reply, Phase::Declining) if self.is_from_offer(&answer) => {
                self.look(now, now.boot + backoff::LOOKING.first);
                Vec::new()
            }
            (Kind::Reply, Phase::Releasing) if self.is_from_offer(&answer) => {
                self.enter(Phase::Finished, now, now.boot);
                Vec::new()
            }
            (Kind::Reply, Phase::Informing) if answer.status() == status::SUCCESS => {
                let (lease, since) = (grant::information(&answer, server, self.begun.unix), self.begun.boot);
                let event = if self.lease.is_some() { Event::Renewed(lease.clone()) } else { Event::Bound(lease.clone()) };
                self.bind(lease, since);
                vec![Out::Tell(event)]
            }
            _ => Vec::new(),
        }
    }

    fn is_from_offer(&self, answer: &Answer<'_>) -> bool {
        self.offer.as_ref().is_some_and(|offer| offer.duid == answer.server)
    }

    /// Of several offers the one of the highest preference is taken up when the first pause is over; later ones at once.
    fn offered(&mut self, now: Now, server: Ipv6Addr, answer: &Answer<'_>) -> Vec<Out> {
        let association = answer.association(self.ask.identity.iaid);
        let granted = association.as_ref().and_then(|association| grant::address(association, self.wanted));
        let Some(granted) = granted.filter(|_| answer.status() == status::SUCCESS) else {
            self.heard = Some(Cause::Exhausted(server));
            return Vec::new();
        };
        let preference = answer.option(code::PREFERENCE).and_then(|value| value.first()).copied().unwrap_or(0);
        if self.offer.as_ref().is_none_or(|best| preference > best.preference) {
            self.offer = Some(Offer { duid: answer.server.to_vec(), server, address: granted.address, preference });
        }
        self.heard = Some(Cause::Unfinished(server));
        if preference < BEST && self.tries == 1 {
            return Vec::new();
        }
        self.enter(Phase::Requesting, now, now.boot);
        self.send(now, None)
    }

    /// What a server says to a request, a renewal or a rebinding.
    fn granted(&mut self, now: Now, server: Ipv6Addr, answer: &Answer<'_>) -> Vec<Out> {
        let held = self.lease.as_ref().map(|(lease, _)| lease);
        let asked = match self.phase {
            Phase::Requesting => self.offer.as_ref().map(|offer| offer.duid.as_slice()),
            Phase::Renewing => held.map(|lease| lease.server_duid.as_slice()),
            _ => None,
        };
        if asked.is_some_and(|asked| asked != answer.server) {
            return Vec::new();
        }
        let held = held.and_then(|lease| lease.address);
        let wanted = held.or_else(|| self.offer.as_ref().map(|offer| offer.address));
        let association = answer.association(self.ask.identity.iaid);
        let granted = association.as_ref().and_then(|association| grant::address(association, wanted));
        let status = match answer.status() {
            status::SUCCESS => association.as_ref().map_or(status::SUCCESS, |association| association.status),
            other => other,
        };
        if let (status::SUCCESS, Some(association), Some(granted)) = (status, &association, granted) {
            let lease = grant::lease(answer, association, granted, server, self.begun.unix);
            let event = if held == lease.address { Event::Renewed(lease.clone()) } else { Event::Bound(lease.clone()) };
            self.bind(lease, self.begun.boot);
            return vec![Out::Tell(event)];
        }
        let ended = |address| association.iter().flat_map(|one| &one.addresses).any(|granted| granted.address == address && granted.valid == 0);
        match (status, held) {
            // A server that has forgotten the lease is asked for it anew.
            (status::NO_BINDING, Some(address)) if self.phase != Phase::Requesting => {
                self.offer = Some(Offer { duid: answer.server.to_vec(), server, address, preference: 0 });
                self.enter(Phase::Requesting, now, now.boot);
                self.send(now, None)
            }
            (status::NOT_ON_LINK, _) | (status::NO_ADDRESSES, None) => self.refused(now, server, status),
            (_, Some(address)) if ended(address) => self.refused(now, server, status),
            (status::NO_ADDRESSES | status::NO_BINDING, Some(_)) if self.phase == Phase::Requesting => {
                // The address is ours until its time is up; another server may yet extend it.
                self.enter(Phase::Rebinding, now, now.boot + backoff::EXTEND.first);
                Vec::new()
            }
            // Anything else is asked again in its time.
            _ => Vec::new(),
        }
    }

    fn refused(&mut self, now: Now, server: Ipv6Addr, status: u16) -> Vec<Out> {
        self.heard = Some(if status == status::NO_ADDRESSES { Cause::Exhausted(server) } else { Cause::Refused(server) });
        self.wanted = None;
        self.refusals = self.refusals.saturating_add(1);
        let pause = Duration::from_secs(1 << (self.refusals - 1).min(6));
        self.lose(Loss::Refused, now, now.boot + pause)
    }

    fn confirmed(&mut self, now: Now, answer: &Answer<'_>) -> Vec<Out> {
        match answer.status() {
            status::SUCCESS => {
                self.settle();
                Vec::new()
            }
            status::NOT_ON_LINK => {
                self.wanted = None;
                self.lose(Loss::Refused, now, now.boot)
            }
            _ => Vec::new(),
        }
    }
}
