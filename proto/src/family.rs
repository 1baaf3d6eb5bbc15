//! What the four OVS families share: the headers of a request, and of an answer.

use crate::error::{DecodeError, Reason};
use crate::genl::{self, Genl};
use crate::nla::{Attrs, TooLong};
use crate::nlmsg;

/// The header fields of a request that its sender chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The family's id, see [`nlctrl`](crate::nlctrl).
    pub family: u16,
    /// What the answer will carry to be told apart.
    pub seq: u32,
    /// Flags beside REQUEST, which is set always: [`nlmsg::flag`].
    pub flags: u16,
}

impl Request {
    /// A request to `family`.
    pub const fn new(family: u16, seq: u32, flags: u16) -> Self {
        Self { family, seq, flags }
    }
}

/// Appends a whole request: netlink, generic-netlink and OVS header, then what `fill` writes.
pub(crate) fn put(
    out: &mut Vec<u8>,
    request: Request,
    cmd: u8,
    version: u8,
    dp_ifindex: u32,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    nlmsg::put(out, request.family, request.flags | nlmsg::flag::REQUEST, request.seq, |out| {
        genl::put_ovs(out, cmd, version, dp_ifindex);
        fill(out)
    })
}

/// Reads an answer's headers: its command, the datapath's interface index, its attributes.
pub(crate) fn parse(payload: &[u8]) -> Result<(u8, u32, Attrs<'_>), DecodeError> {
    let genl = Genl::parse(payload)?;
    let (dp_ifindex, attrs) = genl.ovs()?;
    Ok((genl.cmd, dp_ifindex, Attrs::new(attrs)))
}

/// The error for a list of attributes that ended before its bytes did.
pub(crate) fn ended(attrs: &Attrs<'_>, family: &'static str) -> Result<(), DecodeError> {
    let rest = attrs.rest().len();
    if rest >= crate::nla::HEADER_LEN {
        return Err(DecodeError::new(family, 0, attrs.bytes().len() - rest, Reason::BadLength));
    }
    Ok(())
}

/// Cuts a structure of host-order `u64`s, which the kernel aligns to 4 bytes only.
pub(crate) fn u64s<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let (words, []) = bytes.as_chunks() else { return None };
    let words: [[u8; 8]; N] = words.try_into().ok()?;
    Some(words.map(u64::from_ne_bytes))
}
