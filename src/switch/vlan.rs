//! VLANs: which packets a port takes and which VLAN they are in, which ports carry that, and what becomes of the tag there.
//!
//! What a packet's tags say is read bit by bit, and only what a rule asks for: each function notes in [`TagRead`] what it
//! looked at. It must not know MAC tables or other packets.

use ovsdp_proto::key::{L2, VLAN_PRESENT, Vlan};

use crate::model::{PortRules, PriorityTags, VlanSet, Vlans};

use super::decision::Reason;
use super::steps::Source;

/// The TPID of a tag that has to be made and has no other.
const CUSTOMER: u16 = 0x8100;

/// The bits of a TCI that are its VLAN.
pub(super) const VID: u16 = 0x0fff;
/// The bits of a TCI that are its priority.
pub(super) const PRIORITY: u16 = 0xe000;

/// What was read of a packet's tags. That they are there is always in a mask.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TagRead {
    /// The outer one's VLAN.
    pub(super) vid: bool,
    /// The outer one's priority.
    pub(super) pcp: bool,
    /// The inner one's VLAN.
    pub(super) inner_vid: bool,
}

/// A port's rules as packets meet them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    mode: Mode,
    /// The port's own VLAN; 0 of a trunk.
    vlan: u16,
    /// The VLANs it carries, or its customer's; `None`: all.
    set: Option<VlanSet>,
    priority_tags: PriorityTags,
    pub(super) protected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Trunk,
    Access,
    Native { tagged: bool },
    Tunnel { tpid: u16 },
}

impl From<&PortRules> for Rules {
    fn from(PortRules { vlans, priority_tags, protected }: &PortRules) -> Self {
        let (mode, vlan, set) = match vlans {
            Vlans::Trunk { carried } => (Mode::Trunk, 0, carried.clone()),
            Vlans::Access { vlan } => (Mode::Access, u16::from(*vlan), None),
            Vlans::Native { vlan, tagged, carried } => {
                let set = if u16::from(*vlan) == 0 {
                    carried.clone()
                } else {
                    let mut set = carried.clone().unwrap_or_else(VlanSet::all);
                    set.insert(*vlan);
                    set.remove(crate::model::Vid::default());
                    Some(set)
                };
                (Mode::Native { tagged: *tagged }, u16::from(*vlan), set)
            }
            Vlans::Tunnel { vlan, tag, customers } => (Mode::Tunnel { tpid: tag.tpid() }, u16::from(*vlan), customers.clone()),
        };
        Self { mode, vlan, set, priority_tags: *priority_tags, protected: *protected }
    }
}

/// A packet as it is in the bridge: its VLAN, and where that comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admitted {
    pub(super) vlan: u16,
    pub(super) source: Source,
    /// TPID of the tag a tunnel port puts on.
    tpid: u16,
}

/// What happens to a packet's tags before it is sent. No decision needs both [`Pop`](Self::Pop) and a [`New`](Self::New) tag
/// over the one there was, so in this order each begins with what the one before left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Nothing.
    Keep,
    /// The outer tag goes.
    Pop,
    /// It gets a new tag: in place of its outer one, or over all it has when it travels in a provider's VLAN.
    New,
}

fn has_vid(set: Option<&VlanSet>, vid: u16) -> bool {
    set.is_none_or(|set| set.contains(vid))
}

fn vid(tag: Option<Vlan>) -> u16 {
    tag.map_or(0, Vlan::vid)
}

impl Rules {
    /// Whether the port takes and carries everything as it comes, a tag that only gives a priority excepted.
    pub(super) fn is_plain(&self) -> bool {
        self.mode == Mode::Trunk && self.set.is_none() && !self.protected && self.priority_tags == PriorityTags::Never
    }

    /// The VLAN of a packet that comes in by this port.
    ///
    /// A tag of VLAN 0 only gives a priority. Over another tag it would, once gone, leave the packet in a VLAN its sender
    /// chose: where it would go, such a packet is not taken.
    #[inline]
    pub(super) fn admit(&self, l2: &L2, read: &mut TagRead) -> Result<Admitted, Reason> {
        let by_tag = Admitted::by_tag(l2)?;
        let tagged = vid(l2.vlan);
        read.vid = matches!(self.mode, Mode::Access | Mode::Native { .. });
        let own = Admitted { vlan: self.vlan, source: Source::Port, tpid: 0 };
        let (admitted, asked) = match self.mode {
            Mode::Tunnel { tpid } => (Admitted { source: Source::Service, tpid, ..own }, tagged),
            Mode::Access => {
                let plain = tagged == 0 && l2.inner_vlan.is_none();
                return if plain { Ok(own) } else { Err(Reason::NotAdmitted) };
            }
            Mode::Native { .. } if tagged == 0 => {
                return if l2.inner_vlan.is_none() { Ok(own) } else { Err(Reason::NotAdmitted) };
            }
            Mode::Trunk | Mode::Native { .. } => (by_tag, tagged),
        };
        if let Some(set) = &self.set {
            read.vid = true;
            if !set.contains(asked) {
                return Err(Reason::NotAdmitted);
            }
        }
        Ok(admitted)
    }

    /// What is done to a packet that leaves by this port; `None` when the port does not carry it.
    #[inline]
    pub(super) fn egress(&self, admitted: Admitted, l2: &L2, read: &mut TagRead) -> Option<Edit> {
        if self.mode == Mode::Trunk && self.set.is_none() && admitted.source == Source::Tag {
            return Some(Edit::Keep);
        }
        self.carries(admitted, l2, read).then(|| self.edit(admitted, l2, read))
    }

    fn carries(&self, Admitted { vlan, source, .. }: Admitted, l2: &L2, read: &mut TagRead) -> bool {
        // What the bridge's own tag is, or would be, around.
        let inner = if source == Source::Service { l2.vlan } else { l2.inner_vlan };
        match self.mode {
            Mode::Trunk | Mode::Native { .. } => has_vid(self.set.as_ref(), vlan),
            Mode::Access => vlan == self.vlan && inner.is_none(),
            Mode::Tunnel { .. } if vlan != self.vlan => false,
            Mode::Tunnel { .. } => self.set.as_ref().is_none_or(|set| {
                match source {
                    Source::Service => read.vid = true,
                    Source::Tag | Source::Port => read.inner_vid = true,
                }
                set.contains(vid(inner))
            }),
        }
    }

    fn edit(&self, Admitted { vlan, source, .. }: Admitted, l2: &L2, read: &mut TagRead) -> Edit {
        let bare = match self.mode {
            Mode::Access | Mode::Tunnel { .. } => true,
            Mode::Native { tagged } => !tagged && vlan == self.vlan,
            Mode::Trunk => false,
        };
        match source {
            Source::Service if bare => Edit::Keep,
            Source::Service => Edit::New,
            Source::Tag if !bare => Edit::Keep,
            Source::Tag if self.hands_over(l2) => Edit::Pop,
            Source::Tag => {
                if self.keeps_priority(l2, read) {
                    // The new tag says it.
                    read.pcp = true;
                    Edit::New
                } else {
                    Edit::Pop
                }
            }
            Source::Port if !bare && vlan != 0 => {
                read.pcp = true;
                Edit::New
            }
            Source::Port if l2.vlan.is_none() => Edit::Keep,
            Source::Port if matches!(self.mode, Mode::Tunnel { .. }) => Edit::Pop,
            // Over another tag the one of VLAN 0 stays: without it the packet would be in the other's VLAN.
            Source::Port if l2.inner_vlan.is_some() => Edit::Keep,
            Source::Port => {
                if self.keeps_priority(l2, read) {
                    Edit::Keep
                } else {
                    Edit::Pop
                }
            }
        }
    }

    /// The tag a packet of this VLAN without any other has when it leaves by this port, 0 for none; `None` when it does not leave.
    pub(super) fn tag_of(&self, vlan: u16) -> Option<u16> {
        match self.mode {
            Mode::Trunk => has_vid(self.set.as_ref(), vlan).then_some(vlan),
            Mode::Native { tagged } => has_vid(self.set.as_ref(), vlan).then_some(if tagged || vlan != self.vlan { vlan } else { 0 }),
            Mode::Access | Mode::Tunnel { .. } => (vlan == self.vlan).then_some(0),
        }
    }

    /// Whether what is under the VLAN's tag is somebody's own, with a priority of its own.
    fn hands_over(&self, l2: &L2) -> bool {
        matches!(self.mode, Mode::Tunnel { .. }) || l2.inner_vlan.is_some()
    }

    /// Whether a packet that had a tag and leaves without a VLAN keeps its priority.
    fn keeps_priority(&self, l2: &L2, read: &mut TagRead) -> bool {
        match self.priority_tags {
            PriorityTags::Never => false,
            PriorityTags::Always => true,
            PriorityTags::IfNonzero => {
                read.pcp = true;
                l2.vlan.is_some_and(|tag| tag.tci & PRIORITY != 0)
            }
        }
    }
}

impl Admitted {
    /// In the VLAN its tag says: all there is to a plain port, and where every other begins.
    #[inline]
    pub(super) fn by_tag(l2: &L2) -> Result<Self, Reason> {
        let vlan = match l2.vlan {
            Some(tag) if tag.tci & VLAN_PRESENT == 0 => return Err(Reason::PartialTag),
            Some(tag) => tag.vid(),
            None if matches!(l2.eth_type, 0x8100 | 0x88a8) => return Err(Reason::PartialTag),
            None => 0,
        };
        Ok(Self { vlan, source: if vlan == 0 { Source::Port } else { Source::Tag }, tpid: 0 })
    }

    /// The tag of [`Edit::New`].
    pub(super) fn new_tag(self, l2: &L2) -> Vlan {
        let priority = l2.vlan.map_or(0, |tag| tag.tci & PRIORITY) | VLAN_PRESENT;
        match self.source {
            Source::Tag => Vlan { tpid: CUSTOMER, tci: priority },
            Source::Port => Vlan { tpid: l2.vlan.map_or(CUSTOMER, |tag| tag.tpid), tci: priority | self.vlan },
            Source::Service => Vlan { tpid: self.tpid, tci: VLAN_PRESENT | self.vlan },
        }
    }

    /// Whether [`Edit::New`] takes the packet's outer tag away first.
    pub(super) fn replaces(self, l2: &L2) -> bool {
        self.source != Source::Service && l2.vlan.is_some()
    }
}
