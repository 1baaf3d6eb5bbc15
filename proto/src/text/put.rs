//! Pieces of text appended to bytes: numbers, addresses, words. Everything here appends UTF-8 and cannot fail.
//!
//! It must not know what a flow is; how one is put together stands beside the parts themselves.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::mac::Mac;

/// Something that is appended as text.
pub(crate) trait Put {
    /// Appends it.
    fn put(self, out: &mut Vec<u8>);
}

/// Appends one piece after the other. Numbers are decimal.
macro_rules! put {
    ($out:expr, $($piece:expr),+ $(,)?) => {{
        let out: &mut Vec<u8> = $out;
        $($crate::text::put::Put::put($piece, out);)+
    }};
}
pub(crate) use put;

/// Two hexadecimal digits for each byte; made by the compiler, as every table here.
static PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// Each byte in decimal, filled up with points, and its number of digits.
static OCTETS: [([u8; 4], u8); 256] = {
    let digits = b"0123456789";
    let mut table = [([b'.'; 4], 0); 256];
    let mut byte = 0;
    while byte < 256 {
        let mut len = 0;
        let mut unit = 100;
        while unit > 0 {
            if byte >= unit || unit == 1 {
                table[byte].0[len] = digits[byte / unit % 10];
                len += 1;
            }
            unit /= 10;
        }
        table[byte].1 = [0, 1, 2, 3][len];
        byte += 1;
    }
    table
};

/// A byte's two hexadecimal digits.
#[inline]
pub(crate) fn pair(byte: u8) -> [u8; 2] {
    PAIRS[byte as usize]
}

/// Appends the first `len` bytes of `piece`: a copy of a length known when compiling and a cut cost less than a copy of any
/// length.
#[inline]
fn front<const N: usize>(out: &mut Vec<u8>, piece: [u8; N], len: usize) {
    let end = out.len() + len;
    out.extend_from_slice(&piece);
    out.truncate(end);
}

impl Put for &str {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl<const N: usize> Put for [u8; N] {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self);
    }
}

/// A short word that is not known when compiling.
#[derive(Clone, Copy)]
pub(crate) struct Word {
    bytes: [u8; 16],
    len: u8,
}

impl Word {
    /// A word of at most 16 bytes.
    pub(crate) const fn new(word: &str) -> Self {
        assert!(word.len() <= 16, "a word is short");
        let mut this = Self { bytes: [0; 16], len: 0 };
        while (this.len as usize) < word.len() {
            this.bytes[this.len as usize] = word.as_bytes()[this.len as usize];
            this.len += 1;
        }
        this
    }
}

impl Put for Word {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        front(out, self.bytes, self.len.into());
    }
}

impl Put for u8 {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        let (digits, len) = OCTETS[usize::from(self)];
        front(out, digits, len.into());
    }
}

impl Put for u16 {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        u64::from(self).put(out);
    }
}

impl Put for u32 {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        u64::from(self).put(out);
    }
}

impl Put for u64 {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        match u8::try_from(self) {
            Ok(small) => small.put(out),
            Err(_) => large(self, out),
        }
    }
}

impl Put for usize {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        (self as u64).put(out);
    }
}

fn large(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A number of three decimal digits, leading zeros included; of a larger one the lowest three.
pub(crate) struct Thousandths(pub(crate) u64);

impl Put for Thousandths {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        let digit = |unit: u64| OCTETS[(self.0 / unit % 10) as usize].0[0];
        [digit(100), digit(10), digit(1)].put(out);
    }
}

/// A number as C's `%#x` prints it: 0 has no prefix.
pub(crate) struct Hex(pub(crate) u64);

impl Put for Hex {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        match self.0 {
            0 => out.push(b'0'),
            value => prefixed(value, out),
        }
    }
}

/// A number in hexadecimal with `0x` before it, also 0.
pub(crate) struct Prefixed(pub(crate) u64);

impl Put for Prefixed {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        prefixed(self.0, out);
    }
}

fn prefixed(value: u64, out: &mut Vec<u8>) {
    let len = (u64::BITS - value.leading_zeros()).div_ceil(4).max(1) as usize;
    // The digits that are wanted become the first ones.
    let [a, b, c, d, e, f, g, h] = (value << (64 - 4 * len)).to_be_bytes();
    let ([a, b], [c, d], [e, f], [g, h]) = ([pair(a), pair(b)], [pair(c), pair(d)], [pair(e), pair(f)], [pair(g), pair(h)]);
    let mut piece = [b'0', b'x', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    piece[2..].copy_from_slice([a, b, c, d, e, f, g, h].as_flattened());
    front(out, piece, 2 + len);
}

/// A 16-bit number as four hexadecimal digits.
pub(crate) struct Hex16(pub(crate) u16);

impl Put for Hex16 {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        let [[a, b], [c, d]] = self.0.to_be_bytes().map(pair);
        [a, b, c, d].put(out);
    }
}

/// Bytes as one hexadecimal number, leading zeros left out.
pub(crate) struct BigHex<'a>(pub(crate) &'a [u8]);

impl Put for BigHex<'_> {
    fn put(self, out: &mut Vec<u8>) {
        let zeros = self.0.iter().take_while(|byte| **byte == 0).count();
        match self.0.get(zeros..) {
            Some([first, rest @ ..]) => {
                prefixed((*first).into(), out);
                rest.iter().for_each(|byte| pair(*byte).put(out));
            }
            _ => out.push(b'0'),
        }
    }
}

/// Bytes as pairs of hexadecimal digits with `sep` between.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8], pub(crate) &'static str);

impl Put for Bytes<'_> {
    fn put(self, out: &mut Vec<u8>) {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                self.1.put(out);
            }
            pair(*byte).put(out);
        }
    }
}

/// Bytes that should be text, those that are not as escapes.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

impl Put for Escaped<'_> {
    fn put(self, out: &mut Vec<u8>) {
        out.extend(self.0.escape_ascii());
    }
}

impl Put for Mac {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        self.text().put(out);
    }
}

impl Put for Ipv4Addr {
    #[inline]
    fn put(self, out: &mut Vec<u8>) {
        // Every octet brings its point along; the next one starts where that ends.
        let mut piece = [0; 16];
        let mut len = 0;
        for octet in self.octets() {
            let (digits, digits_len) = OCTETS[usize::from(octet)];
            if let Some(room) = piece.get_mut(len..).and_then(|rest| rest.first_chunk_mut()) {
                *room = digits;
            }
            len += usize::from(digits_len) + 1;
        }
        front(out, piece, len - 1);
    }
}

/// An IPv6 address as C's `inet_ntop` prints it: unlike Rust it writes `::1.2.3.4` for the old compatible addresses.
pub(crate) struct Ip6(pub(crate) Ipv6Addr);

impl Put for Ip6 {
    fn put(self, out: &mut Vec<u8>) {
        let groups = self.0.segments();
        let [.., a, b, c, d] = self.0.octets();
        match groups {
            [0, 0, 0, 0, 0, 0, high, _] if high != 0 => return put!(out, "::", Ipv4Addr::new(a, b, c, d)),
            [0, 0, 0, 0, 0, 0xffff, ..] => return put!(out, "::ffff:", Ipv4Addr::new(a, b, c, d)),
            _ => {}
        }
        // The longest run of zeros, the first of equals; one zero is no run.
        let (mut from, mut len) = (0, 1);
        let mut run = 0;
        for (at, group) in groups.into_iter().enumerate() {
            run = if group == 0 { run + 1 } else { 0 };
            if run > len {
                (from, len) = (at + 1 - run, run);
            }
        }
        if len == 1 {
            return join(out, &groups);
        }
        join(out, groups.get(..from).unwrap_or_default());
        put!(out, "::");
        join(out, groups.get(from + len..).unwrap_or_default());
    }
}

/// Appends groups of an IPv6 address with colons between.
fn join(out: &mut Vec<u8>, groups: &[u16]) {
    for (at, group) in groups.iter().enumerate() {
        if at > 0 {
            put!(out, ":");
        }
        let len = (u16::BITS - group.leading_zeros()).div_ceil(4).max(1) as usize;
        let [[a, b], [c, d]] = (u32::from(*group) << (16 - 4 * len)).to_be_bytes().last_chunk().copied().unwrap_or([0; 2]).map(pair);
        front(out, [a, b, c, d], len);
    }
}

/// Writes items with commas between them.
pub(crate) struct List<'w> {
    pub(crate) out: &'w mut Vec<u8>,
    any: bool,
}

impl<'w> List<'w> {
    #[inline]
    pub(crate) fn new(out: &'w mut Vec<u8>) -> Self {
        Self { out, any: false }
    }

    /// Where the next item goes, behind a comma if it is not the first.
    #[inline]
    pub(crate) fn item(&mut self) -> &mut Vec<u8> {
        if core::mem::replace(&mut self.any, true) {
            self.out.push(b',');
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(piece: impl Put) -> String {
        let mut out = Vec::new();
        piece.put(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Numbers around every power of two, and so of every length.
    fn numbers() -> impl Iterator<Item = u64> {
        (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1, 0x9e37_79b9_7f4a_7c15 >> bit, u64::MAX >> bit])
    }

    #[test]
    fn numbers_are_as_the_standard_library_prints_them() {
        for number in numbers().chain(0..2000) {
            assert_eq!(text(number), format!("{number}"));
            assert_eq!(text(Prefixed(number)), format!("0x{number:x}"));
            assert_eq!(text(Hex(number)), if number == 0 { "0".to_owned() } else { format!("0x{number:x}") });
            assert_eq!(text(Thousandths(number)), format!("{:03}", number % 1000));
            let trimmed = if number == 0 { "0".to_owned() } else { format!("0x{number:x}") };
            assert_eq!(text(BigHex(&number.to_be_bytes())), trimmed);
        }
        for number in 0..=u16::MAX {
            assert_eq!(text(Hex16(number)), format!("{number:04x}"));
            assert_eq!(text(number), format!("{number}"));
        }
        assert_eq!(text(BigHex(&[])), "0");
    }

    #[test]
    fn addresses_are_as_the_standard_library_prints_them() {
        for number in numbers() {
            let [.., a, b, c, d] = number.to_be_bytes();
            for ip in [Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(d, 0, 255, a)] {
                assert_eq!(text(ip), ip.to_string());
            }
            assert_eq!(text(Mac([a, b, c, d, 0, 0xff])), format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:00:ff"));
        }
    }

    #[test]
    fn ipv6_is_as_the_standard_library_prints_it_but_for_compatible_addresses() {
        // Every way to place zeros among the eight groups, with groups of every length between.
        for places in 0u32..256 {
            for group in [1, 0x12, 0xabc, 0xffff] {
                let groups: [u16; 8] = core::array::from_fn(|at| if places >> at & 1 != 0 { group } else { 0 });
                let ip = Ipv6Addr::from(groups);
                match groups {
                    [0, 0, 0, 0, 0, 0, high, _] if high != 0 => assert_eq!(text(Ip6(ip)), format!("::{}", ip.to_ipv4().unwrap())),
                    _ => assert_eq!(text(Ip6(ip)), ip.to_string()),
                }
            }
        }
    }
}
