//! Netlink messages: the 16-byte `struct nlmsghdr`, an iterator over a datagram, and a writer that closes a message by
//! filling in its length (`include/uapi/linux/netlink.h`).

use crate::error::{DecodeError, Reason};
use crate::nla::align;

/// Length of `struct nlmsghdr` in bytes.
pub const HEADER_LEN: usize = 16;

/// Message types below the first family's.
pub mod kind {
    /// Nothing; to be skipped.
    pub const NOOP: u16 = 1;
    /// An acknowledgement or error, see [`crate::nlmsg::Message::kind`].
    pub const ERROR: u16 = 2;
    /// The end of a dump.
    pub const DONE: u16 = 3;
    /// Data was lost.
    pub const OVERRUN: u16 = 4;
}

/// Flags of a message's header.
pub mod flag {
    /// A request to the kernel.
    pub const REQUEST: u16 = 0x01;
    /// One of several messages, ended by DONE.
    pub const MULTI: u16 = 0x02;
    /// Answer with an acknowledgement also on success.
    pub const ACK: u16 = 0x04;
    /// Echo the resulting object back.
    pub const ECHO: u16 = 0x08;
    /// The dump was inconsistent because the table changed meanwhile; it must be repeated.
    pub const DUMP_INTR: u16 = 0x10;
    /// Return the whole table.
    pub const DUMP: u16 = 0x300;
    /// NEW: replace what exists.
    pub const REPLACE: u16 = 0x100;
    /// NEW: fail when it exists.
    pub const EXCL: u16 = 0x200;
    /// NEW: create when it does not exist.
    pub const CREATE: u16 = 0x400;
    /// NEW: append to the list.
    pub const APPEND: u16 = 0x800;
    /// ERROR: the failed request was not copied back in full.
    pub const CAPPED: u16 = 0x100;
    /// ERROR: extended-acknowledgement attributes follow.
    pub const ACK_TLVS: u16 = 0x200;
}

/// One netlink message, borrowed from a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// `nlmsg_type`: one of [`kind`], or a family's id.
    pub kind: u16,
    /// `nlmsg_flags`, see [`flag`].
    pub flags: u16,
    /// `nlmsg_seq`: the request this answers; 0 for what nobody asked for.
    pub seq: u32,
    /// `nlmsg_pid`: the socket address the answer is for.
    pub pid: u32,
    /// What follows the header, without padding.
    pub payload: &'a [u8],
    /// The whole message, header included, without padding: what an error's offset counts in.
    pub bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads one message from the start of `bytes`; also returns how many bytes it takes with its padding.
    ///
    /// # Errors
    /// [`Reason::Truncated`] or [`Reason::BadLength`] when the header or the length it declares do not fit.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, usize), DecodeError> {
        let short = DecodeError::new("netlink", 0, 0, Reason::Truncated);
        let ([l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, p0, p1, p2, p3], _) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(short)?;
        let len = u32::from_ne_bytes([*l0, *l1, *l2, *l3]) as usize;
        if len < HEADER_LEN {
            return Err(DecodeError::new("netlink", 0, 0, Reason::BadLength));
        }
        let whole = bytes.get(..len).ok_or(short)?;
        let message = Self {
            kind: u16::from_ne_bytes([*k0, *k1]),
            flags: u16::from_ne_bytes([*f0, *f1]),
            seq: u32::from_ne_bytes([*s0, *s1, *s2, *s3]),
            pid: u32::from_ne_bytes([*p0, *p1, *p2, *p3]),
            payload: &whole[HEADER_LEN..],
            bytes: whole,
        };
        Ok((message, align(len).min(bytes.len())))
    }
}

/// Iterates over the messages of one datagram. Yields one error and ends when what is left is not a message.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Messages<'a> {
    /// Reads `datagram` from its first message.
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram, at: 0 }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match Message::parse(self.rest) {
            Ok((message, taken)) => {
                self.rest = &self.rest[taken..];
                self.at += taken;
                Some(Ok(message))
            }
            Err(mut error) => {
                error.offset += self.at;
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

/// Appends a message to `out`: its header, what `fill` writes, padding. The length is filled in at the end.
///
/// # Errors
/// What `fill` returns; `out` is then as it was before.
pub fn put<E>(out: &mut Vec<u8>, kind: u16, flags: u16, seq: u32, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let start = out.len();
    let ([k0, k1], [f0, f1], [s0, s1, s2, s3]) = (kind.to_ne_bytes(), flags.to_ne_bytes(), seq.to_ne_bytes());
    // The kernel fills in the sender, the last word; 0 also means "to the kernel".
    out.extend_from_slice(&[0, 0, 0, 0, k0, k1, f0, f1, s0, s1, s2, s3, 0, 0, 0, 0]);
    if let Err(error) = fill(out) {
        out.truncate(start);
        return Err(error);
    }
    let len = out.len() - start;
    // Attributes are held below 64 KiB each; a message of 4 GiB would need 65,536 of them.
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&len.to_ne_bytes());
    let padding = [0; 3];
    out.extend_from_slice(padding.get(..align(len as usize) - len as usize).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_messages_in_one_datagram() {
        let mut out = Vec::new();
        put::<()>(&mut out, 20, flag::REQUEST, 1, |out| {
            out.extend_from_slice(b"abc");
            Ok(())
        })
        .unwrap();
        put::<()>(&mut out, 21, flag::REQUEST | flag::ACK, 2, |_| Ok(())).unwrap();
        let all: Vec<_> = Messages::new(&out).map(Result::unwrap).collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].kind, all[0].seq, all[0].payload), (20, 1, b"abc".as_slice()));
        assert_eq!((all[1].flags, all[1].payload.len()), (flag::REQUEST | flag::ACK, 0));
    }

    #[test]
    fn a_short_tail_is_one_error_and_the_end() {
        let mut out = Vec::new();
        put::<()>(&mut out, 20, 0, 1, |_| Ok(())).unwrap();
        out.extend_from_slice(&[1, 2, 3]);
        let mut all = Messages::new(&out);
        assert!(all.next().unwrap().is_ok());
        assert_eq!(all.next().unwrap().unwrap_err().offset, 16);
        assert!(all.next().is_none());
    }
}
