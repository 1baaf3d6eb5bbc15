//! Which members go together: those whose partners are one system with one key, namely those of the lead, the member that
//! is best of all by both sides' priorities.

use ovsdp_proto::Mac;

use super::machine::{Lacp, Link, Status};
use super::pdu::Info;

/// A link's rank: of two, the lower one leads. It is made of what the better system says, by priority and then address, so
/// that both sides rank alike.
type Rank = (u16, Mac, u16, u16);

const fn rank(of: &Info) -> Rank {
    (of.system_priority, of.system, of.port_priority, of.port)
}

impl Lacp {
    /// Decides again which members are attached, and whether anything is negotiated.
    pub(super) fn select(&mut self) {
        // A member that works is only given company of its own partner, whoever else there is.
        let own = self.settings.system;
        let working = self.best(|link| link.status == Status::Current && link.attached && link.partner.system != own);
        let partner = working.map(|at| self.links[at].partner.system);
        let mut lead = working.map(|at| (at, false, self.rank(&self.links[at])));
        for at in 0..self.links.len() {
            let link = &mut self.links[at];
            link.attached = false;
            // Connected to its own system: a loop.
            if link.partner.system == own {
                continue;
            }
            if link.status == Status::Defaulted {
                link.attached = self.settings.fallback_ab;
                continue;
            }
            link.attached = partner.is_none_or(|partner| partner == link.partner.system);
            if !link.attached {
                continue;
            }
            let link = &self.links[at];
            // One that may be used goes before one that may not, whatever their ranks.
            let candidate = (at, !self.usable(link), self.rank(link));
            if lead.is_none_or(|lead| (candidate.1, candidate.2) < (lead.1, lead.2)) {
                lead = Some(candidate);
            }
        }
        self.negotiated = lead.is_some();
        let Some((lead, ..)) = lead else { return };
        let Info { key, system, .. } = self.links[lead].partner;
        let fallback_ab = self.settings.fallback_ab;
        for link in &mut self.links {
            let alone = fallback_ab && link.status == Status::Defaulted;
            if alone || link.partner.key != key || link.partner.system != system {
                link.attached = false;
            }
        }
    }

    fn best(&self, wanted: impl Fn(&Link) -> bool) -> Option<usize> {
        (0..self.links.len()).filter(|at| wanted(&self.links[*at])).min_by_key(|at| self.rank(&self.links[*at]))
    }

    fn rank(&self, link: &Link) -> Rank {
        let (own, partner) = (self.actor(link), link.partner);
        let better = (own.system_priority, own.system) < (partner.system_priority, partner.system);
        rank(if better { &own } else { &partner })
    }
}
