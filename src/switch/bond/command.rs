//! What a person may do to a bond while it works. None of it is kept: it lasts until the bond has a reason of its own.

use core::fmt;

use super::buckets::Buckets;
use super::machine::Bond;
use crate::model::BondMode;

/// Why a bond does not do what a person asks, in Open vSwitch's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no bond of that name.
    NoBond,
    /// It has no member of that name.
    NoMember,
    /// The member does not carry packets, and cannot be the active one.
    NotActive,
    /// The member does not carry packets, and cannot be given a bucket.
    NotEnabled,
    /// Its load is not spread by source address.
    NotSlb,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBond => "no such bond",
            Self::NoMember => "no such member",
            Self::NotActive => "cannot make disabled member active",
            Self::NotEnabled => "cannot migrate to disabled member",
            Self::NotSlb => "not an SLB bond",
        })
    }
}

impl core::error::Error for Refused {}

impl Bond {
    /// Makes a member the active one (`bond/set-active-member`). Returns whether it was not before.
    ///
    /// # Errors
    /// There is no such member, or it does not carry packets.
    pub fn set_active(&mut self, member: &str) -> Result<bool, Refused> {
        let at = self.place(member)?;
        if !self.links[at].enabled {
            return Err(Refused::NotActive);
        }
        if self.active == Some(at) {
            return Ok(false);
        }
        self.active = Some(at);
        self.set_active_mac();
        self.announce = true;
        Ok(true)
    }

    /// Gives a bucket of an SLB bond to a member (`bond/migrate`).
    ///
    /// # Errors
    /// The bond has no such buckets; there is no such member, or it does not carry packets.
    pub fn migrate(&mut self, bucket: u8, member: &str) -> Result<(), Refused> {
        if self.settings.bond.mode != BondMode::BalanceSlb {
            return Err(Refused::NotSlb);
        }
        let at = self.place(member)?;
        if !self.links[at].enabled {
            return Err(Refused::NotEnabled);
        }
        if let Some(Buckets(buckets)) = &mut self.buckets {
            buckets[usize::from(bucket)].member = Some(at);
            self.changed = true;
        }
        Ok(())
    }

    /// Has a member carry packets or not (`bond/enable-member`, `bond/disable-member`), without a delay and whatever its
    /// link, until its carrier changes.
    ///
    /// # Errors
    /// There is no such member.
    pub fn set_enabled(&mut self, member: &str, on: bool) -> Result<(), Refused> {
        let at = self.place(member)?;
        self.hold(at, on);
        Ok(())
    }

    fn place(&self, member: &str) -> Result<usize, Refused> {
        self.links.iter().position(|link| *link.member.name == *member).ok_or(Refused::NoMember)
    }
}
