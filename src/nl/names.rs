//! How this room learns what attributes are called, without knowing any family: the rooms above hand it in.

use std::sync::Arc;

use ovsdp_proto::ack::Ext;

/// Turns the place the kernel complains about into the names that stand in its headers.
pub trait Naming: Send + Sync + core::fmt::Debug {
    /// The attribute `ext` is about, faulty or missing, as a path such as `IFLA_LINKINFO/IFLA_INFO_KIND`. `request` is
    /// the whole request of message type `kind`. `None` when it points at none.
    fn attribute(&self, kind: u16, request: &[u8], ext: &Ext<'_>) -> Option<String>;
}

/// A shared [`Naming`].
pub type Names = Arc<dyn Naming>;

/// Knows no names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nameless;

impl Naming for Nameless {
    fn attribute(&self, _kind: u16, _request: &[u8], _ext: &Ext<'_>) -> Option<String> {
        None
    }
}
