//! By which member a packet goes out. What spreads the load puts each packet in one of 256 buckets by a hash; a bucket
//! belongs to a member from its first packet on, given out in turn.

use ovsdp_proto::Mac;

use super::super::time::Moment;
use super::hash::hash_mac;
use super::machine::{Bond, LacpStatus};
use crate::model::BondMode;

/// How many buckets there are: a hash's lowest 8 bits.
pub(super) const BUCKETS: usize = 256;

/// No bucket counts more bytes (16 PiB): what the kernel reports is not to make the sum of them overflow.
const MOST: u64 = 1 << 54;

/// Where a bond sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nowhere: no member may carry it.
    Nowhere,
    /// By a member, whatever the packet.
    Port {
        /// The member's number in the datapath.
        dp_port: u32,
    },
    /// By the member that has the packet's bucket.
    Bucket {
        /// The member's number in the datapath.
        dp_port: u32,
        /// The bucket.
        bucket: u8,
    },
    /// The datapath hashes it by layers 3 and 4 and brings it round again, see [`Bond::exit_after`].
    Recirculate {
        /// The number it comes round by.
        recirc_id: u32,
        /// What the hash begins with.
        basis: u32,
    },
}

/// One bucket.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    /// Index of the member it belongs to.
    pub(super) member: Option<usize>,
    /// Bytes sent lately; half of them are forgotten with each look at the load.
    pub(super) bytes: u64,
}

/// All of a bond's.
#[derive(Debug)]
pub(super) struct Buckets(pub(super) Box<[Bucket; BUCKETS]>);

impl Buckets {
    pub(super) fn new() -> Self {
        Self(Box::new([Bucket::default(); BUCKETS]))
    }

    /// Members have other indices now; those of one that is gone are nobody's.
    pub(super) fn renumber(&mut self, place: impl Fn(usize) -> Option<usize>) {
        for bucket in self.0.iter_mut() {
            bucket.member = bucket.member.and_then(&place);
        }
    }
}

impl Bond {
    /// By which member a packet with this source address in this VLAN goes out.
    pub fn exit(&mut self, src: Mac, vlan: u16) -> Exit {
        match self.way() {
            Way::Closed => Exit::Nowhere,
            Way::Active => self.active.map_or(Exit::Nowhere, |at| Exit::Port { dp_port: self.links[at].member.dp_port }),
            Way::Source => self.by_bucket(hash_mac(src, vlan, self.settings.bond.hash_basis)),
            Way::Hash if self.turns.is_empty() => Exit::Nowhere,
            Way::Hash => Exit::Recirculate { recirc_id: self.settings.recirc_id, basis: self.settings.bond.hash_basis },
        }
    }

    /// By which member a packet goes out that came round with this hash; nowhere when the bond no longer sends packets
    /// round.
    pub fn exit_after(&mut self, dp_hash: u32) -> Exit {
        match self.way() {
            Way::Hash => self.by_bucket(dp_hash),
            Way::Closed | Way::Active | Way::Source => Exit::Nowhere,
        }
    }

    /// Gives the bucket of this hash to the member with this number, if it is nobody's yet and the member may have it.
    pub fn keep_bucket(&mut self, hash: u32, dp_port: u32) {
        let Self { buckets: Some(Buckets(buckets)), links, .. } = self else { return };
        let [.., bucket] = hash.to_be_bytes();
        let member = links.iter().position(|link| link.enabled && link.member.dp_port == dp_port);
        let place = &mut buckets[usize::from(bucket)].member;
        *place = place.or(member);
    }

    /// The same with the bucket of a source address in a VLAN, where those decide.
    pub fn keep_source(&mut self, src: Mac, vlan: u16, dp_port: u32) {
        if matches!(self.way(), Way::Source) {
            self.keep_bucket(hash_mac(src, vlan, self.settings.bond.hash_basis), dp_port);
        }
    }

    /// Notes bytes that were sent in a bucket, if the load is looked at.
    pub fn account(&mut self, now: Moment, bucket: u8, bytes: u64) {
        let Some(interval) = self.rebalances() else { return };
        // A bond without load is not woken to be looked at.
        if self.rebalance_due().is_none() {
            self.next_rebalance = self.next_rebalance.max(now + interval);
        }
        if let Some(Buckets(buckets)) = &mut self.buckets {
            let bucket = &mut buckets[usize::from(bucket)];
            bucket.bytes = bucket.bytes.saturating_add(bytes).min(MOST);
        }
    }

    /// Whether packets may come round to be spread.
    pub(super) fn may_recirculate(&self) -> bool {
        self.settings.bond.mode == BondMode::BalanceTcp && !self.falls_back()
    }

    fn way(&self) -> Way {
        match (self.lacp, self.settings.bond.mode) {
            (LacpStatus::Configured, _) if self.settings.fallback_ab => Way::Active,
            (LacpStatus::Configured, _) | (LacpStatus::Off, BondMode::BalanceTcp) => Way::Closed,
            (_, BondMode::ActiveBackup) => Way::Active,
            (_, BondMode::BalanceSlb) => Way::Source,
            (LacpStatus::Negotiated, BondMode::BalanceTcp) => Way::Hash,
        }
    }

    fn by_bucket(&mut self, hash: u32) -> Exit {
        let Self { buckets: Some(Buckets(buckets)), links, turns, .. } = self else { return Exit::Nowhere };
        let [.., bucket] = hash.to_be_bytes();
        let place = &mut buckets[usize::from(bucket)];
        if !place.member.is_some_and(|at| links[at].enabled) {
            place.member = turns.first().copied();
            if !turns.is_empty() {
                turns.rotate_left(1);
            }
        }
        place.member.map_or(Exit::Nowhere, |at| Exit::Bucket { dp_port: links[at].member.dp_port, bucket })
    }
}

/// What decides the member.
enum Way {
    /// Nothing: there is none.
    Closed,
    /// The active one.
    Active,
    /// The packet's source address.
    Source,
    /// The datapath's hash.
    Hash,
}
