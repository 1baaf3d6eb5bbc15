//! A packet as a bridge has it: behind a patch port its tags need not be those of its key.
//!
//! What a rule reads of a tag is then read of the key, or of nothing when the tag was made on the way. It must not decide anything.

use ovsdp_proto::key::{L2, Vlan};

use super::decision::Read;
use super::vlan::{Admitted, Edit, PRIORITY, TagRead, VID};

/// How many tags a packet may have on its way: the two that a key shows, and two of bridges behind one another.
const TAGS: usize = 4;

/// Where a tag is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It is the key's outer one.
    Outer,
    /// It is the key's inner one.
    Inner,
    /// An action puts it there.
    Made,
}

/// A packet and its tags.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// What the key says, but for the tags: of those it has here the two outer ones.
    pub(super) l2: L2,
    /// The tags, the outermost first.
    tags: [Option<(Vlan, Origin)>; TAGS],
    /// Whether there are more than the key shows.
    more: bool,
}

impl Frame {
    /// As it came in.
    pub(super) fn new(l2: &L2) -> Self {
        let (outer, inner) = (l2.vlan.map(|tag| (tag, Origin::Outer)), l2.inner_vlan.map(|tag| (tag, Origin::Inner)));
        Self { l2: *l2, tags: [outer, inner, None, None], more: inner.is_some() && matches!(l2.eth_type, 0x8100 | 0x88a8) }
    }

    /// As it goes on after `edit`; `None` when that leaves a tag in sight that the key does not show, or one too many.
    pub(super) fn after(&self, edit: Edit, admitted: Admitted) -> Option<Self> {
        let mut after = *self;
        if edit == Edit::Pop || (edit == Edit::New && admitted.replaces(&self.l2)) {
            after.tags.rotate_left(1);
            after.tags[TAGS - 1] = None;
        }
        if edit == Edit::New {
            if after.tags[TAGS - 1].is_some() {
                return None;
            }
            after.tags.rotate_right(1);
            after.tags[0] = Some((admitted.new_tag(&self.l2), Origin::Made));
        }
        let [outer, inner, ..] = after.tags.map(|tag| tag.map(|(tag, _)| tag));
        (after.l2.vlan, after.l2.inner_vlan) = (outer, inner);
        (!self.more || inner.is_some()).then_some(after)
    }

    /// Adds to what was read of the key what was read of this frame's tags.
    pub(super) fn note(&self, TagRead { vid, pcp, inner_vid }: TagRead, read: &mut Read) {
        let bits = |on: bool, bits: u16| if on { bits } else { 0 };
        let looked_at = [bits(vid, VID) | bits(pcp, PRIORITY), bits(inner_vid, VID)];
        for (bits, tag) in looked_at.into_iter().zip(self.tags) {
            match tag {
                Some((_, Origin::Outer)) => read.tci |= bits,
                Some((_, Origin::Inner)) => read.inner_tci |= bits,
                Some((_, Origin::Made)) | None => {}
            }
        }
    }
}
