//! Making a key or mask.

use crate::key::{Ethernet, Field};
use crate::mac::Mac;
use crate::nla::{self, TooLong};
use crate::uapi::key;

/// A key or mask being made: attributes in the order they are added. Cleared and filled again it does not allocate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyBuf {
    bytes: Vec<u8>,
}

impl KeyBuf {
    /// An empty one.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The attributes' bytes: what the FLOW and PACKET builders take.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds any field.
    ///
    /// # Errors
    /// See [`Field::put`].
    pub fn push(&mut self, field: &Field<'_>) -> Result<&mut Self, TooLong> {
        field.put(&mut self.bytes)?;
        Ok(self)
    }

    /// Adds RECIRC_ID.
    pub fn recirc_id(&mut self, id: u32) -> &mut Self {
        nla::put_u32(&mut self.bytes, key::RECIRC_ID, id);
        self
    }

    /// Adds DP_HASH.
    pub fn dp_hash(&mut self, hash: u32) -> &mut Self {
        nla::put_u32(&mut self.bytes, key::DP_HASH, hash);
        self
    }

    /// Adds PRIORITY.
    pub fn priority(&mut self, priority: u32) -> &mut Self {
        nla::put_u32(&mut self.bytes, key::PRIORITY, priority);
        self
    }

    /// Adds SKB_MARK.
    pub fn skb_mark(&mut self, mark: u32) -> &mut Self {
        nla::put_u32(&mut self.bytes, key::SKB_MARK, mark);
        self
    }

    /// Adds IN_PORT.
    pub fn in_port(&mut self, port: u32) -> &mut Self {
        nla::put_u32(&mut self.bytes, key::IN_PORT, port);
        self
    }

    /// Adds ETHERNET.
    pub fn ethernet(&mut self, src: Mac, dst: Mac) -> &mut Self {
        nla::put_array(&mut self.bytes, key::ETHERNET, Ethernet { src, dst }.to_bytes());
        self
    }

    /// Adds ETHERTYPE.
    pub fn eth_type(&mut self, eth_type: u16) -> &mut Self {
        nla::put_be16(&mut self.bytes, key::ETHERTYPE, eth_type);
        self
    }

    /// Adds VLAN.
    pub fn vlan(&mut self, tci: u16) -> &mut Self {
        nla::put_be16(&mut self.bytes, key::VLAN, tci);
        self
    }

    /// Adds ENCAP, with what `fill` adds inside.
    ///
    /// # Errors
    /// [`TooLong`] when that is more than an attribute can hold; nothing is added then.
    pub fn encap(&mut self, fill: impl FnOnce(&mut Self)) -> Result<&mut Self, TooLong> {
        let mut bytes = core::mem::take(&mut self.bytes);
        let done = nla::put_nested(&mut bytes, key::ENCAP, |bytes| {
            self.bytes = core::mem::take(bytes);
            fill(self);
            *bytes = core::mem::take(&mut self.bytes);
            Ok(())
        });
        self.bytes = bytes;
        done.map(|()| self)
    }
}

impl AsRef<[u8]> for KeyBuf {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
