//! Whether a packet that came in by a member is to be believed: a switch that does not know of the bond sends back by one
//! member what it got by another.

use ovsdp_proto::Mac;

use super::super::time::Moment;
use super::machine::{Bond, LacpStatus};
use crate::model::BondMode;

/// What to do with a packet that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Take it.
    Accept,
    /// Drop it.
    Drop,
    /// Drop it, and learn nothing of it, if its sender is known behind another port: it was sent back.
    DropIfMoved,
    /// The same for a moment, then accept it: what another member sent until now may be sent back by this one.
    DropIfMovedYet,
}

impl Bond {
    /// What to do with a packet to `dst` that came in by a member, by its place among [`members`](Self::members).
    pub fn admit(&self, now: Moment, member: usize, dst: Mac) -> Verdict {
        let Some(link) = self.links.get(member) else { return Verdict::Drop };
        let active = self.active == Some(member);
        let only_active = || match active {
            true if now < self.settled => Verdict::DropIfMovedYet,
            true => Verdict::Accept,
            false => Verdict::Drop,
        };
        match (self.lacp, self.settings.bond.mode) {
            // The partner knows of the bond and sends nothing back; it sends nothing to a member that is not enabled either.
            (LacpStatus::Negotiated, _) if link.enabled || link.may_enable() => Verdict::Accept,
            (LacpStatus::Negotiated, _) => Verdict::Drop,
            (LacpStatus::Configured, _) if !self.settings.fallback_ab => Verdict::Drop,
            (LacpStatus::Off, BondMode::BalanceTcp) => Verdict::Drop,
            (_, BondMode::ActiveBackup | BondMode::BalanceTcp) => only_active(),
            // What is for a group comes once by each member.
            (_, BondMode::BalanceSlb) if dst.is_multicast() && !active => Verdict::Drop,
            (_, BondMode::BalanceSlb) => Verdict::DropIfMoved,
        }
    }
}
