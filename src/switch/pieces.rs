//! Lists of actions that are more than one flow, or one execution, takes: cut into pieces that together do the same.
//!
//! It knows what actions leave behind for those after them, and nothing of how the list came about.

use ovsdp_proto::nla::{self, Attr, Attrs};
use ovsdp_proto::uapi::{action, key};

/// How many copies of a packet the datapath makes in one go. Devices without a queue of their own (veth) share one a CPU, and
/// what is more than that holds is lost (`net.core.netdev_max_backlog`).
pub(super) const COPIES: u32 = 1000;
/// How long a list may be, in bytes. An attribute ends at 64 KiB, and a piece begins with what earlier ones did to the packet.
pub(super) const BYTES: usize = 48 * 1024;

/// Hands out pieces of `actions`, payloads of ACTIONS each, that are together as good as the whole. An action that is longer
/// than a piece by itself is a piece.
pub(super) fn pieces(actions: &[u8], each: &mut dyn FnMut(&[u8])) {
    cut(actions, &mut |piece, _| each(piece));
}

/// The same; each comes with how many copies it makes.
fn cut(actions: &[u8], each: &mut dyn FnMut(&[u8], u32)) {
    let mut piece = Piece::default();
    for action in Attrs::new(actions) {
        match action.kind() {
            action::OUTPUT | action::RECIRC => piece.put(action.kind(), action.payload(), 1, each),
            // What is done to the packet within is undone behind it: each part may be one by itself.
            action::CLONE => cut(action.payload(), &mut |part, copies| piece.put(action::CLONE, part, copies, each)),
            _ => piece.edit(&action),
        }
    }
    piece.end(each);
}

/// A piece in the making.
#[derive(Default)]
struct Piece {
    actions: Vec<u8>,
    copies: u32,
    /// What was done to the packet so far, by earlier pieces too.
    edits: Vec<Edit>,
}

/// What an action did to the packet.
struct Edit {
    /// Of what a later action sets anew.
    sets: Option<u16>,
    action: Vec<u8>,
}

impl Piece {
    /// Appends an action that makes copies; hands the piece out before, when that would be too many.
    fn put(&mut self, kind: u16, payload: &[u8], copies: u32, each: &mut dyn FnMut(&[u8], u32)) {
        if self.copies > 0 && (self.copies + copies > COPIES || self.actions.len() + payload.len() > BYTES) {
            self.end(each);
        }
        // What came out of an attribute fits one.
        if nla::put(&mut self.actions, kind, payload).is_ok() {
            self.copies += copies;
        }
    }

    fn edit(&mut self, action: &Attr<'_>) {
        let sets = sets(action);
        let mut bytes = Vec::new();
        if nla::put(&mut bytes, action.kind(), action.payload()).is_ok() {
            self.actions.extend_from_slice(&bytes);
            self.edits.retain(|edit| sets.is_none() || edit.sets != sets);
            self.edits.push(Edit { sets, action: bytes });
        }
    }

    /// Hands the piece out, if it does anything, and begins the next.
    fn end(&mut self, each: &mut dyn FnMut(&[u8], u32)) {
        if self.copies > 0 {
            each(&self.actions, self.copies);
        }
        self.copies = 0;
        self.actions.clear();
        self.actions.extend(self.edits.iter().flat_map(|edit| &edit.action));
    }
}

/// What beside the packet an action sets whole.
fn sets(action: &Attr<'_>) -> Option<u16> {
    let set = (action.kind() == action::SET).then(|| Attrs::new(action.payload()).next()).flatten()?.kind();
    matches!(set, key::TUNNEL | key::SKB_MARK | key::PRIORITY).then_some(set)
}
