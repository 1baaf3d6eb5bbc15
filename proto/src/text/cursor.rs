//! What the parsers of flow text share: a cursor over the text, the forms values have, and nests of attributes that are
//! written where they will stay.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::error::{ParseError, ParseReason};
use crate::mac::Mac;
use crate::nla;

/// What a parser here returns.
pub(crate) type Parsed<T> = Result<T, ParseError>;

/// A place in a text. It only moves forward, but for [`Cursor::seek`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'t> {
    text: &'t str,
    pos: usize,
}

/// Whether a byte may be between items.
pub(crate) fn is_gap(byte: u8) -> bool {
    matches!(byte, b',' | b' ' | b'\t' | b'\r' | b'\n')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'t> Cursor<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text, pos: 0 }
    }

    /// Where it is, in bytes.
    pub(crate) const fn pos(&self) -> usize {
        self.pos
    }

    /// Goes back to where it was.
    pub(crate) const fn seek(&mut self, pos: usize) {
        self.pos = pos;
    }

    pub(crate) fn rest(&self) -> &'t str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    pub(crate) const fn at_end(&self) -> bool {
        self.pos >= self.text.len()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    /// Goes behind `text` if it stands here.
    pub(crate) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.pos += text.len();
        }
        found
    }

    /// Goes behind `text`, which must stand here.
    pub(crate) fn expect(&mut self, text: &'static str) -> Parsed<()> {
        if self.eat(text) { Ok(()) } else { Err(self.here(ParseReason::Expected(text))) }
    }

    /// An error about the character that stands here.
    pub(crate) fn here(&self, reason: ParseReason) -> ParseError {
        let len = self.rest().chars().next().map_or(0, char::len_utf8);
        ParseError::new(self.pos, self.pos + len, reason)
    }

    /// An error about what was read since `start`.
    pub(crate) const fn since(&self, start: usize, reason: ParseReason) -> ParseError {
        ParseError::new(start, self.pos, reason)
    }

    /// Goes on while `keep` says so, which it must for any byte that is not ASCII, or for none.
    pub(crate) fn take(&mut self, keep: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.bytes().position(|byte| !keep(byte)).unwrap_or(rest.len());
        self.pos += len;
        rest.get(..len).unwrap_or_default()
    }

    /// A word of letters, digits and underscores, perhaps of none.
    pub(crate) fn word(&mut self) -> &'t str {
        self.take(is_word)
    }

    /// Everything up to what can end a value.
    pub(crate) fn token(&mut self) -> &'t str {
        self.take(|byte| !is_gap(byte) && !matches!(byte, b'(' | b')' | b'{' | b'}' | b'/'))
    }

    /// A number of at most `bits` bits, decimal or, with 0x, hexadecimal.
    pub(crate) fn number(&mut self, bits: u16) -> Parsed<u64> {
        let start = self.pos;
        let value = self.digits(bits)?;
        if self.peek().is_some_and(is_word) {
            self.token();
            return Err(self.since(start, ParseReason::BadNumber));
        }
        Ok(value)
    }

    /// As [`Cursor::number`], but letters may follow.
    pub(crate) fn digits(&mut self, bits: u16) -> Parsed<u64> {
        let start = self.pos;
        let value = self.wide(bits.min(64))?;
        u64::try_from(value).map_err(|_| self.since(start, ParseReason::TooLarge(bits)))
    }

    /// As [`Cursor::digits`], for up to 128 bits.
    pub(crate) fn wide(&mut self, bits: u16) -> Parsed<u128> {
        let start = self.pos;
        let base = if self.eat("0x") || self.eat("0X") { 16 } else { 10 };
        let text = self.take(|byte| char::from(byte).is_digit(base));
        if text.is_empty() {
            self.token();
            return Err(self.since(start, ParseReason::BadNumber));
        }
        if base == 10 && text.len() > 1 && text.starts_with('0') {
            return Err(self.since(start, ParseReason::LeadingZero));
        }
        // Up to here 64 bits are enough, and much faster.
        let value = match text.len() {
            ..=16 => u64::from_str_radix(text, base).ok().map(u128::from),
            _ => u128::from_str_radix(text, base).ok(),
        };
        value.filter(|value| bits >= 128 || value >> bits == 0).ok_or(self.since(start, ParseReason::TooLarge(bits)))
    }

    /// A number and, behind a slash, its mask.
    pub(crate) fn masked(&mut self, bits: u16) -> Parsed<(u64, Option<u64>)> {
        Ok((self.number(bits)?, if self.eat("/") { Some(self.number(bits)?) } else { None }))
    }

    pub(crate) fn byte(&mut self) -> Parsed<u8> {
        let start = self.pos;
        let value = self.number(8)?;
        u8::try_from(value).map_err(|_| self.since(start, ParseReason::TooLarge(8)))
    }

    pub(crate) fn short(&mut self) -> Parsed<u16> {
        let start = self.pos;
        let value = self.number(16)?;
        u16::try_from(value).map_err(|_| self.since(start, ParseReason::TooLarge(16)))
    }

    pub(crate) fn long(&mut self) -> Parsed<u32> {
        let start = self.pos;
        let value = self.number(32)?;
        u32::try_from(value).map_err(|_| self.since(start, ParseReason::TooLarge(32)))
    }

    pub(crate) fn mac(&mut self) -> Parsed<Mac> {
        let start = self.pos;
        self.token().parse().map_err(|_| self.since(start, ParseReason::BadMac))
    }

    pub(crate) fn ipv4(&mut self) -> Parsed<Ipv4Addr> {
        let start = self.pos;
        self.token().parse().map_err(|_| self.since(start, ParseReason::BadIpv4))
    }

    pub(crate) fn ipv6(&mut self) -> Parsed<Ipv6Addr> {
        let start = self.pos;
        self.token().parse().map_err(|_| self.since(start, ParseReason::BadIpv6))
    }

    /// A prefix length of at most `most`, if a plain number stands here.
    pub(crate) fn prefix(&mut self, most: u8) -> Parsed<Option<u8>> {
        let (start, text) = (self.pos, self.token());
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            self.pos = start;
            return Ok(None);
        }
        text.parse().ok().filter(|bits| *bits <= most).map(Some).ok_or(self.since(start, ParseReason::BadPrefix(most)))
    }

    /// An IPv4 address with its mask, as an address or as a prefix length.
    pub(crate) fn ipv4_masked(&mut self) -> Parsed<(Ipv4Addr, Ipv4Addr)> {
        let value = self.ipv4()?;
        let mask = match self.eat("/") {
            false => Ipv4Addr::BROADCAST,
            true => match self.prefix(32)? {
                Some(bits) => Ipv4Addr::from_bits(!u32::MAX.checked_shr(bits.into()).unwrap_or(0)),
                None => self.ipv4()?,
            },
        };
        Ok((value, mask))
    }

    /// An IPv6 address with its mask, as an address or as a prefix length.
    pub(crate) fn ipv6_masked(&mut self) -> Parsed<(Ipv6Addr, Ipv6Addr)> {
        let value = self.ipv6()?;
        let mask = match self.eat("/") {
            false => Ipv6Addr::from_bits(u128::MAX),
            true => match self.prefix(128)? {
                Some(bits) => Ipv6Addr::from_bits(!u128::MAX.checked_shr(bits.into()).unwrap_or(0)),
                None => self.ipv6()?,
            },
        };
        Ok((value, mask))
    }

    /// Pairs of hexadecimal digits, blanks between them or not; how many there were.
    pub(crate) fn hex(&mut self, out: &mut Vec<u8>) -> Parsed<usize> {
        let start = self.pos;
        let text = self.take(|byte| byte.is_ascii_hexdigit() || byte == b' ');
        let before = out.len();
        for run in text.split(' ') {
            let (pairs, odd) = run.as_bytes().as_chunks();
            if !odd.is_empty() {
                return Err(self.since(start, ParseReason::BadHex));
            }
            out.extend(pairs.iter().map(|&[high, low]| digit(high) << 4 | digit(low)));
        }
        Ok(out.len() - before)
    }

    /// One hexadecimal number of any length, with 0x or as 0: its digits.
    pub(crate) fn big_hex(&mut self) -> Parsed<&'t str> {
        let start = self.pos;
        let digits = if self.eat("0x") {
            self.take(|byte| byte.is_ascii_hexdigit())
        } else if self.eat("0") {
            "0"
        } else {
            ""
        };
        if digits.is_empty() || self.peek().is_some_and(is_word) {
            self.token();
            return Err(self.since(start, ParseReason::BadNumber));
        }
        Ok(digits)
    }

    /// Flags with the bits they have and the bits of them that count: `+a-b`, `a|b`, or numbers. `all` is the mask of the
    /// forms that name none.
    pub(crate) fn flags(&mut self, names: &[&str], all: u32) -> Parsed<(u32, u32)> {
        let (mut value, mut mask) = (0, 0);
        if matches!(self.peek(), Some(b'+' | b'-')) {
            loop {
                let on = self.eat("+");
                if !on && !self.eat("-") {
                    return Ok((value, mask));
                }
                let bit = self.flag(names, mask)?;
                mask |= bit;
                value |= if on { bit } else { 0 };
            }
        }
        if self.peek() == Some(b')') {
            return Err(self.here(ParseReason::Expected("a flag, or 0")));
        }
        let mut first = true;
        loop {
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                value |= self.long()?;
                if first && self.eat("/") {
                    return Ok((value, self.long()?));
                }
            } else {
                value |= self.flag(names, value)?;
            }
            first = false;
            if !self.eat("|") {
                return Ok((value, all));
            }
        }
    }

    /// The bit of a flag that was not `given` yet.
    pub(crate) fn flag(&mut self, names: &[&str], given: u32) -> Parsed<u32> {
        let (start, name) = (self.pos, self.word());
        let bit = names.iter().position(|known| *known == name).map(|bit| 1 << bit);
        let bit = bit.ok_or(self.since(start, ParseReason::UnknownFlag))?;
        if given & bit != 0 { Err(self.since(start, ParseReason::Twice)) } else { Ok(bit) }
    }
}

fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => 0,
    }
}

/// Puts a number given as hexadecimal digits at the end of `room`; `false` when it does not fit.
pub(crate) fn put_right(room: &mut [u8], digits: &str) -> bool {
    let mut nibbles = digits.bytes().rev().map(digit);
    for byte in room.iter_mut().rev() {
        let low = nibbles.next().unwrap_or(0);
        *byte = low | nibbles.next().unwrap_or(0) << 4;
    }
    nibbles.all(|nibble| nibble == 0)
}

/// Marks in a set of numbers below 64 that `number` was seen; `false` when it had been.
pub(crate) fn mark(seen: &mut u64, number: usize) -> bool {
    let bit = u32::try_from(number).ok().and_then(|number| 1u64.checked_shl(number)).unwrap_or(0);
    let new = *seen & bit == 0;
    *seen |= bit;
    new
}

/// Begins an attribute at the end of `out`: what [`close`] needs.
pub(crate) fn open(out: &mut Vec<u8>) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0; nla::HEADER_LEN]);
    at
}

/// Ends the attribute that began at `at`, with its header and padding.
pub(crate) fn close(out: &mut Vec<u8>, at: usize, kind: u16) -> Result<(), ParseReason> {
    let len = out.len() - at;
    let short = u16::try_from(len).map_err(|_| ParseReason::TooLong)?;
    let ([l0, l1], [t0, t1]) = (short.to_ne_bytes(), kind.to_ne_bytes());
    if let Some(header) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *header = [l0, l1, t0, t1];
    }
    out.resize(at + nla::align(len), 0);
    Ok(())
}
