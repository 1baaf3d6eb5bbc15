//! How this room learns what attributes are called, without knowing any family: the rooms above hand it in.

use std::sync::Arc;

/// Turns numbers into the names that stand in the kernel's headers, for error texts.
pub trait Naming: Send + Sync + core::fmt::Debug {
    /// How many bytes stand between the netlink header of a request of message type `kind` and its first attribute.
    fn header_len(&self, kind: u16) -> usize;

    /// What the attribute at `path` in a request of message type `kind` is called: `path` leads from the outermost nest
    /// to the attribute, by numbers. `None` when it is not known; its number is printed then.
    fn name(&self, kind: u16, path: &[u16]) -> Option<&'static str>;
}

/// A shared [`Naming`].
pub type Names = Arc<dyn Naming>;

/// Knows nothing: attributes are printed by number, counted from the netlink header.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nameless;

impl Naming for Nameless {
    fn header_len(&self, _kind: u16) -> usize {
        0
    }

    fn name(&self, _kind: u16, _path: &[u16]) -> Option<&'static str> {
        None
    }
}
