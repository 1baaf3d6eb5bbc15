//! Generic netlink: the 4-byte `struct genlmsghdr` behind a message's header (`include/uapi/linux/genetlink.h`), and the
//! 4-byte `struct ovs_header` that the OVS families put behind that (`include/uapi/linux/openvswitch.h`).

use crate::error::{DecodeError, Reason};

/// Length of `struct genlmsghdr` in bytes.
pub const HEADER_LEN: usize = 4;
/// Length of `struct ovs_header` in bytes.
pub const OVS_HEADER_LEN: usize = 4;

/// A generic-netlink payload: a command, its version and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Genl<'a> {
    /// The family's command.
    pub cmd: u8,
    /// The family's version the sender speaks.
    pub version: u8,
    /// What follows the header: attributes, or a family header and attributes.
    pub payload: &'a [u8],
}

impl<'a> Genl<'a> {
    /// Reads a message's payload.
    ///
    /// # Errors
    /// [`Reason::Truncated`] when there are fewer than 4 bytes.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (&[cmd, version, _, _], payload) =
            payload.split_first_chunk::<HEADER_LEN>().ok_or(DecodeError::new("genetlink", 0, 0, Reason::Truncated))?;
        Ok(Self { cmd, version, payload })
    }

    /// Reads the `ovs_header` behind this header: the datapath's interface index, and the attributes' bytes.
    ///
    /// # Errors
    /// [`Reason::Truncated`] when there are fewer than 4 bytes.
    pub fn ovs(&self) -> Result<(u32, &'a [u8]), DecodeError> {
        let (index, attrs) =
            self.payload.split_first_chunk::<OVS_HEADER_LEN>().ok_or(DecodeError::new("ovs_header", 0, HEADER_LEN, Reason::Truncated))?;
        Ok((u32::from_ne_bytes(*index), attrs))
    }
}

/// Appends a generic-netlink header.
pub fn put(out: &mut Vec<u8>, cmd: u8, version: u8) {
    out.extend_from_slice(&[cmd, version, 0, 0]);
}

/// Appends a generic-netlink header and the OVS header that names the datapath by its local port's interface index
/// (0: by the name attribute that follows).
pub fn put_ovs(out: &mut Vec<u8>, cmd: u8, version: u8, dp_ifindex: u32) {
    let [d0, d1, d2, d3] = dp_ifindex.to_ne_bytes();
    out.extend_from_slice(&[cmd, version, 0, 0, d0, d1, d2, d3]);
}
