//! Netlink attributes: a borrowed cursor over them and a writer that appends them. The layout is
//! `struct nlattr { u16 nla_len; u16 nla_type; }` in host byte order, padded to 4 bytes (`include/uapi/linux/netlink.h`).

use crate::error::{DecodeError, Reason};

/// Length of an attribute's header in bytes.
pub const HEADER_LEN: usize = 4;
/// Flag of `nla_type`: the payload is itself a list of attributes.
pub const NLA_F_NESTED: u16 = 1 << 15;
/// Flag of `nla_type`: the payload is in network byte order.
pub const NLA_F_NET_BYTEORDER: u16 = 1 << 14;
/// The bits of `nla_type` that name the attribute.
pub const NLA_TYPE_MASK: u16 = !(NLA_F_NESTED | NLA_F_NET_BYTEORDER);

/// Rounds a length up to netlink's alignment of 4 bytes. Saturates instead of wrapping.
pub const fn align(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// One attribute, borrowed from the message it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr<'a> {
    raw_type: u16,
    payload: &'a [u8],
    offset: usize,
}

impl<'a> Attr<'a> {
    /// An attribute that has not been read from anywhere: `nla_type`, flags included, and its payload.
    pub const fn new(raw_type: u16, payload: &'a [u8]) -> Self {
        Self { raw_type, payload, offset: 0 }
    }

    /// The attribute's number, without the nested and byte-order flags.
    pub const fn kind(&self) -> u16 {
        self.raw_type & NLA_TYPE_MASK
    }

    /// `nla_type` as it stood on the wire, flags included: what re-emitting it untouched needs.
    pub const fn raw_type(&self) -> u16 {
        self.raw_type
    }

    /// The payload's bytes, without padding.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Where the attribute's header began, in bytes from the start of the list it was read from.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The payload as attributes.
    pub const fn nested(&self) -> Attrs<'a> {
        Attrs::new(self.payload)
    }

    /// The payload as a fixed array; `None` when it is of another length.
    pub fn array<const N: usize>(&self) -> Option<[u8; N]> {
        self.payload.try_into().ok()
    }

    /// The payload as one byte; `None` when it is of another length.
    pub fn u8(&self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// The payload as a host-order `u16`; `None` when it is of another length.
    pub fn u16(&self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }

    /// The payload as a network-order `u16`; `None` when it is of another length.
    pub fn be16(&self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The payload as a host-order `u32`; `None` when it is of another length.
    pub fn u32(&self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    /// The payload as a network-order `u32`; `None` when it is of another length.
    pub fn be32(&self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The payload as a host-order `u64`; `None` when it is of another length.
    pub fn u64(&self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    /// The payload as a network-order `u64`; `None` when it is of another length.
    pub fn be64(&self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// The payload up to its first NUL, or all of it when there is none: how the kernel writes and reads `NLA_NUL_STRING`.
    pub fn cstr(&self) -> &'a [u8] {
        match self.payload.iter().position(|b| *b == 0) {
            Some(end) => &self.payload[..end],
            None => self.payload,
        }
    }

    /// The payload as an array of host-order `u32`. Bytes of an incomplete last one are left out.
    pub fn u32s(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        let (whole, _) = self.payload.as_chunks();
        whole.iter().map(|bytes| u32::from_ne_bytes(*bytes))
    }

    /// Appends the attribute as it stood on the wire, flags included, padded.
    ///
    /// # Errors
    /// [`TooLong`], only for one made with [`Attr::new`] over more than [`MAX_PAYLOAD`] bytes.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        put(out, self.raw_type, self.payload)
    }

    /// The payload as a fixed array.
    ///
    /// # Errors
    /// [`Reason::BadLength`] when it is of another length.
    pub fn fixed<const N: usize>(&self, family: &'static str) -> Result<[u8; N], DecodeError> {
        self.array().ok_or(self.error(family, Reason::BadLength))
    }

    /// The error to return when this attribute, read as part of `family`, is not what it should be.
    pub const fn error(&self, family: &'static str, reason: Reason) -> DecodeError {
        DecodeError::new(family, self.kind(), self.offset, reason)
    }
}

/// A cursor over a list of attributes. Ends at the first attribute that cannot be: [`Attrs::rest`] is then not empty.
#[derive(Debug, Clone, Copy)]
pub struct Attrs<'a> {
    whole: &'a [u8],
    pos: usize,
}

impl<'a> Attrs<'a> {
    /// Reads `bytes` as attributes, from the first one.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { whole: bytes, pos: 0 }
    }

    /// What has not been read yet. Not empty after the cursor ended means the list was malformed (or padded with fewer
    /// bytes than a header, which the kernel tolerates too).
    pub fn rest(&self) -> &'a [u8] {
        self.whole.get(self.pos..).unwrap_or(&[])
    }

    /// The bytes this cursor was made over, whatever has been read since.
    pub const fn bytes(&self) -> &'a [u8] {
        self.whole
    }

    /// The last attribute numbered `kind` (the kernel's own parser lets the last one win); `None` when there is none.
    pub fn find(self, kind: u16) -> Option<Attr<'a>> {
        self.filter(|attr| attr.kind() == kind).last()
    }

    /// Checks that the list can be read to its end.
    ///
    /// # Errors
    /// [`Reason::BadLength`] at the first attribute that claims an impossible length.
    pub fn check(mut self, family: &'static str) -> Result<(), DecodeError> {
        for _ in self.by_ref() {}
        if self.rest().len() >= HEADER_LEN {
            return Err(DecodeError::new(family, 0, self.pos, Reason::BadLength));
        }
        Ok(())
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Attr<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attr<'a>> {
        let rest = self.whole.get(self.pos..)?;
        let (header, _) = rest.split_first_chunk::<HEADER_LEN>()?;
        let (len, raw_type) = (u16::from_ne_bytes(*header.first_chunk()?), u16::from_ne_bytes(*header.last_chunk()?));
        let payload = rest.get(HEADER_LEN..len.into())?;
        let attr = Attr { raw_type, payload, offset: self.pos };
        // Padding may be missing at the end: then this is behind it, and nothing is left.
        self.pos += align(len.into());
        Some(attr)
    }
}

/// An attribute or message that does not fit the 16 (or 32) bits its length has on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The attribute's number.
    pub attr: u16,
    /// Its payload's length in bytes.
    pub len: usize,
}

impl core::fmt::Display for TooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "attribute {} would be {} bytes long; netlink's limit is 65531", self.attr, self.len)
    }
}

impl core::error::Error for TooLong {}

/// The largest payload one attribute can carry, in bytes.
pub const MAX_PAYLOAD: usize = u16::MAX as usize - HEADER_LEN;

/// An attribute's header.
#[inline]
const fn header(len: u16, raw_type: u16) -> [u8; HEADER_LEN] {
    let ([l0, l1], [t0, t1]) = (len.to_ne_bytes(), raw_type.to_ne_bytes());
    [l0, l1, t0, t1]
}

/// Pads `out` with zeros to netlink's alignment, counted from `start`.
#[inline]
fn pad(out: &mut Vec<u8>, start: usize) {
    let end = start + align(out.len() - start);
    // All that can be missing and a cut: two known lengths cost less than an unknown one.
    out.extend_from_slice(&[0; 3]);
    out.truncate(end);
}

/// Appends one attribute with `payload`, padded.
///
/// # Errors
/// [`TooLong`] when the payload exceeds [`MAX_PAYLOAD`]; nothing is appended then.
pub fn put(out: &mut Vec<u8>, raw_type: u16, payload: &[u8]) -> Result<(), TooLong> {
    let start = out.len();
    let len = u16::try_from(payload.len() + HEADER_LEN).map_err(|_| TooLong { attr: raw_type & NLA_TYPE_MASK, len: payload.len() })?;
    out.extend_from_slice(&header(len, raw_type));
    out.extend_from_slice(payload);
    pad(out, start);
    Ok(())
}

/// Appends an attribute whose payload's length is known to fit because it is a small array.
#[inline]
pub fn put_array<const N: usize>(out: &mut Vec<u8>, kind: u16, payload: [u8; N]) {
    const { assert!(N <= MAX_PAYLOAD, "the payload's size is known when compiling and must fit") };
    // The assertion above holds the length below 65536.
    #[expect(clippy::cast_possible_truncation, reason = "N <= MAX_PAYLOAD is asserted when compiling")]
    let len = (N + HEADER_LEN) as u16;
    out.extend_from_slice(&header(len, kind));
    out.extend_from_slice(&payload);
    out.extend_from_slice(const { [0; 3].split_at(align(N) - N).0 });
}

/// Appends a one-byte attribute.
pub fn put_u8(out: &mut Vec<u8>, kind: u16, value: u8) {
    put_array(out, kind, [value]);
}

/// Appends a host-order `u16` attribute.
pub fn put_u16(out: &mut Vec<u8>, kind: u16, value: u16) {
    put_array(out, kind, value.to_ne_bytes());
}

/// Appends a network-order `u16` attribute.
pub fn put_be16(out: &mut Vec<u8>, kind: u16, value: u16) {
    put_array(out, kind, value.to_be_bytes());
}

/// Appends a host-order `u32` attribute.
pub fn put_u32(out: &mut Vec<u8>, kind: u16, value: u32) {
    put_array(out, kind, value.to_ne_bytes());
}

/// Appends a network-order `u32` attribute.
pub fn put_be32(out: &mut Vec<u8>, kind: u16, value: u32) {
    put_array(out, kind, value.to_be_bytes());
}

/// Appends a host-order `u64` attribute.
pub fn put_u64(out: &mut Vec<u8>, kind: u16, value: u64) {
    put_array(out, kind, value.to_ne_bytes());
}

/// Appends an attribute with no payload: a flag.
pub fn put_flag(out: &mut Vec<u8>, kind: u16) {
    put_array(out, kind, []);
}

/// Appends an attribute whose payload `fill` writes: a nest, or one whose length is not known beforehand. Whether the
/// [`NLA_F_NESTED`] flag is set is up to `raw_type`; the OVS families neither set nor need it.
///
/// # Errors
/// [`TooLong`] when what `fill` wrote exceeds [`MAX_PAYLOAD`]; `out` is then as it was before. An error of `fill` is
/// passed on, with `out` as it was before too.
pub fn put_nested<E: From<TooLong>>(out: &mut Vec<u8>, raw_type: u16, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_LEN]);
    if let Err(error) = fill(out) {
        out.truncate(start);
        return Err(error);
    }
    let len = out.len() - start;
    let Ok(short) = u16::try_from(len) else {
        out.truncate(start);
        return Err(TooLong { attr: raw_type & NLA_TYPE_MASK, len: len - HEADER_LEN }.into());
    };
    out[start..start + HEADER_LEN].copy_from_slice(&header(short, raw_type));
    pad(out, start);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_what_was_written() {
        let mut out = Vec::new();
        put_u32(&mut out, 1, 7);
        put(&mut out, 2, b"eth0\0").unwrap();
        put_nested::<TooLong>(&mut out, 3, |out| {
            put_u8(out, 9, 5);
            Ok(())
        })
        .unwrap();
        assert_eq!(out.len() % 4, 0);
        let attrs = Attrs::new(&out);
        assert_eq!(attrs.find(1).unwrap().u32(), Some(7));
        assert_eq!(attrs.find(2).unwrap().cstr(), b"eth0");
        assert_eq!(attrs.find(3).unwrap().nested().find(9).unwrap().u8(), Some(5));
        attrs.check("test").unwrap();
    }

    #[test]
    fn an_impossible_length_ends_the_list_and_is_reported() {
        for len in [0u16, 3, 200] {
            let mut bytes = len.to_ne_bytes().to_vec();
            bytes.extend_from_slice(&[1, 0, 9, 9, 9, 9]);
            assert!(Attrs::new(&bytes).next().is_none());
            assert_eq!(Attrs::new(&bytes).check("test").unwrap_err().reason, Reason::BadLength);
        }
    }

    #[test]
    fn a_payload_that_does_not_fit_leaves_nothing_behind() {
        let mut out = vec![1, 2, 3, 4];
        assert!(put(&mut out, 1, &vec![0; MAX_PAYLOAD + 1]).is_err());
        let nested = put_nested::<TooLong>(&mut out, 1, |out| {
            out.resize(out.len() + MAX_PAYLOAD + 1, 0);
            Ok(())
        });
        assert!(nested.is_err());
        assert_eq!(out, [1, 2, 3, 4]);
    }
}
