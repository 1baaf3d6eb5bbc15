//! The steps of a decision, as whoever traces one is told of them.

use ovsdp_proto::Mac;

use super::bond::Exit;
use super::decision::Reason;
use super::fdb::Learn;
use super::topology::{BridgeId, PortId};
use super::vlan::Edit;

/// What a step of the pipeline found. A decision that drops the packet ends behind the last step it passed; why is its
/// [`Reason`](super::Reason).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It came in by a port of a bridge.
    Admitted {
        /// The bridge.
        bridge: BridgeId,
        /// The port.
        port: PortId,
    },
    /// What another bridge made of it, to which it went by a patch port.
    Passed {
        /// The other bridge.
        bridge: BridgeId,
        /// What became of it there.
        reason: Reason,
    },
    /// Its destination is no reserved group.
    NotReserved {
        /// The destination.
        destination: Mac,
    },
    /// It belongs to a VLAN of the bridge.
    Vlan {
        /// The VLAN, 0 when untagged.
        vlan: u16,
        /// What says so.
        source: Source,
        /// Whether it has a tag: one may say VLAN 0.
        tagged: bool,
    },
    /// Nothing is learned in its VLAN, and all of it is flooded.
    FloodVlan {
        /// The VLAN.
        vlan: u16,
    },
    /// What the MAC table makes of its sender.
    Sender {
        /// The sender.
        sender: Mac,
        /// What is learned, or would be.
        learn: Learn,
    },
    /// It is for a group: every port.
    Group {
        /// The destination.
        destination: Mac,
    },
    /// It is for a station.
    Station {
        /// The destination.
        destination: Mac,
        /// The port that is behind; `None` when it is not known.
        port: Option<PortId>,
    },
    /// It goes out by a port.
    Output {
        /// The port.
        port: PortId,
        /// What becomes of its tags there.
        edit: Edit,
    },
    /// It goes out by a bond.
    Member {
        /// The bond's port.
        port: PortId,
        /// By which member.
        exit: Exit,
    },
    /// It does not go out there.
    LeftOut {
        /// The port.
        port: PortId,
        /// Why not.
        why: LeftOut,
    },
}

/// What says which VLAN a packet is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Its tag.
    Tag,
    /// The port it came in by: it has no tag, or one of VLAN 0, which only gives a priority.
    Port,
    /// The port it came in by, whatever tags it has: they are a customer's.
    Service,
}

/// Why it does not go out by a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// The packet came in by it.
    CameFrom,
    /// The packet came in by a protected port, and this is another.
    Protected,
    /// It does not carry packets of the VLAN, or not with the tags they have.
    NotCarried,
    /// It is a tunnel to where the packet was sent to: to this host itself, or to where the packet says, which says nothing.
    OwnAddress,
    /// It is a patch port, and its peer is not there or does not name it.
    NoPeer,
    /// It is a patch port, and the packet has more tags than can be followed.
    ManyTags,
}

/// Is told every step of a decision.
pub(super) trait Observer {
    /// Takes note of one step.
    fn step(&mut self, step: Step);
}

/// Takes note of nothing: what decides packets.
pub(super) struct Silent;

impl Observer for Silent {
    #[inline(always)]
    fn step(&mut self, _: Step) {}
}

impl Observer for Vec<Step> {
    fn step(&mut self, step: Step) {
        self.push(step);
    }
}
