//! The nests inside a key from text: tunnels with their options, and NSH.

use super::Keys;
use crate::key::fmt::{TUN_CSUM, TUN_DF, TUN_FLAGS, TUN_KEY, TUN_OAM};
use crate::key::{NshBase, NshField};
use crate::nla;
use crate::text::cursor::{Cursor, Parsed, mark, open, put_right};
use crate::text::{ParseError, ParseReason, Span};
use crate::uapi::{nsh, tunnel_key, vport::vxlan_ext};

/// The mask of an option's length, in the byte that has it.
const OPTION_LEN: u8 = 0x1f;
/// The largest option's value.
const OPTION_MAX: usize = 124;

/// Puts a flag attribute in front of what is at `at`.
fn insert_flag(out: &mut Vec<u8>, at: usize, kind: u16) {
    let (len, [t0, t1]) = (out.len(), kind.to_ne_bytes());
    nla::put_flag(out, kind);
    debug_assert_eq!(out.get(len + 2..), Some(&[t0, t1][..]), "a flag is a header");
    if let Some(behind) = out.get_mut(at..) {
        behind.rotate_right(nla::HEADER_LEN);
    }
}

/// Where flags go that the text has last, so that the attributes are in the kernel's order: a place in key and mask each.
#[derive(Clone, Copy)]
struct Places {
    df: (usize, usize),
    oam: (usize, usize),
}

impl Keys<'_, '_, '_> {
    /// A tunnel's fields; whether each that was named matches whole.
    pub(super) fn tunnel(&mut self, start: usize) -> Parsed<bool> {
        let (at, mask_at) = (open(self.key), open(self.mask));
        let mut places = Places { df: (self.key.len(), self.mask.len()), oam: (self.key.len(), self.mask.len()) };
        let (mut seen, mut exact) = (0, true);
        let mut flags = (0, 0);
        while self.cur.peek() != Some(b')') {
            let field = self.cur.pos();
            let name = self.cur.word();
            let kind = match name {
                "tun_id" => tunnel_key::ID,
                "src" => tunnel_key::IPV4_SRC,
                "dst" => tunnel_key::IPV4_DST,
                "ipv6_src" => tunnel_key::IPV6_SRC,
                "ipv6_dst" => tunnel_key::IPV6_DST,
                "tos" => tunnel_key::TOS,
                "ttl" => tunnel_key::TTL,
                "tp_src" => tunnel_key::TP_SRC,
                "tp_dst" => tunnel_key::TP_DST,
                "vxlan" => tunnel_key::VXLAN_OPTS,
                "geneve" => tunnel_key::GENEVE_OPTS,
                "erspan" => tunnel_key::ERSPAN_OPTS,
                // No attribute of its own has this number: it is padding.
                "flags" => tunnel_key::PAD,
                _ => name
                    .strip_prefix("key")
                    .and_then(|number| number.parse().ok())
                    .filter(|kind| (tunnel_key::IPV4_INFO_BRIDGE..=nla::NLA_TYPE_MASK).contains(kind))
                    .ok_or(self.cur.since(field, ParseReason::UnknownField))?,
            };
            if !mark(&mut seen, kind.into()) {
                return Err(self.cur.since(field, ParseReason::Twice));
            }
            let nested = matches!(kind, tunnel_key::GENEVE_OPTS | tunnel_key::VXLAN_OPTS | tunnel_key::PAD..);
            self.cur.expect(if nested { "(" } else { "=" })?;
            exact &= match kind {
                tunnel_key::PAD => {
                    flags = self.cur.flags(TUN_FLAGS, 0xf)?;
                    flags.1 == 0xf
                }
                tunnel_key::VXLAN_OPTS => self.vxlan(field)?,
                tunnel_key::GENEVE_OPTS => self.geneve(field)?,
                tunnel_key::ERSPAN_OPTS => self.erspan()?,
                _ if nested => self.bytes(field, kind)?,
                _ => self.outer(kind)?,
            };
            let here = (self.key.len(), self.mask.len());
            match kind {
                _ if nested => self.cur.expect(")")?,
                tunnel_key::TP_SRC | tunnel_key::TP_DST => places.oam = here,
                _ => places = Places { df: here, oam: here },
            }
            if !self.cur.eat(",") {
                break;
            }
        }
        self.tunnel_flags(flags, places, seen >> tunnel_key::ID & 1 != 0);
        self.close(start, crate::uapi::key::TUNNEL, at, mask_at)?;
        Ok(exact)
    }

    /// A field of the outer header.
    fn outer(&mut self, kind: u16) -> Parsed<bool> {
        Ok(match kind {
            tunnel_key::ID => {
                let (value, mask) = self.cur.masked(64)?;
                let mask = mask.unwrap_or(u64::MAX);
                self.put(kind, value.to_be_bytes(), mask.to_be_bytes());
                mask == u64::MAX
            }
            tunnel_key::IPV4_SRC | tunnel_key::IPV4_DST => {
                let (value, mask) = self.cur.ipv4_masked()?;
                self.put(kind, value.octets(), mask.octets());
                mask.is_broadcast()
            }
            tunnel_key::IPV6_SRC | tunnel_key::IPV6_DST => {
                let (value, mask) = self.cur.ipv6_masked()?;
                self.put(kind, value.octets(), mask.octets());
                mask.to_bits() == u128::MAX
            }
            tunnel_key::TOS | tunnel_key::TTL => {
                let value = self.cur.byte()?;
                let mask = if self.cur.eat("/") { self.cur.byte()? } else { u8::MAX };
                self.put(kind, [value], [mask]);
                mask == u8::MAX
            }
            _ => {
                let value = self.cur.short()?;
                let mask = if self.cur.eat("/") { self.cur.short()? } else { u16::MAX };
                self.put(kind, value.to_be_bytes(), mask.to_be_bytes());
                mask == u16::MAX
            }
        })
    }

    /// Flags are attributes that are there or not.
    fn tunnel_flags(&mut self, (flags, mask): (u32, u32), places: Places, has_id: bool) {
        if flags & TUN_KEY != 0 && !has_id {
            self.put(tunnel_key::ID, [0; 8], [0; 8]);
        }
        let flag = |(key_at, mask_at): (usize, usize), bit: u32, kind: u16, key: &mut Vec<u8>, bits: &mut Vec<u8>| {
            if flags & bit != 0 {
                insert_flag(key, key_at, kind);
            }
            if mask & bit != 0 {
                insert_flag(bits, mask_at, kind);
            }
        };
        flag(places.oam, TUN_OAM, tunnel_key::OAM, self.key, self.mask);
        flag(places.df, TUN_CSUM, tunnel_key::CSUM, self.key, self.mask);
        flag(places.df, TUN_DF, tunnel_key::DONT_FRAGMENT, self.key, self.mask);
    }

    fn vxlan(&mut self, start: usize) -> Parsed<bool> {
        let (at, mask_at) = (open(self.key), open(self.mask));
        let (mut seen, mut exact) = (0, true);
        while self.cur.peek() != Some(b')') {
            let field = self.cur.pos();
            let name = self.cur.word();
            let kind = match name.strip_prefix("key").and_then(|number| number.parse().ok()) {
                _ if name == "gbp" => vxlan_ext::GBP,
                Some(kind) if kind != vxlan_ext::GBP && kind <= nla::NLA_TYPE_MASK => kind,
                _ => return Err(self.cur.since(field, ParseReason::UnknownField)),
            };
            if !mark(&mut seen, kind.into()) {
                return Err(self.cur.since(field, ParseReason::Twice));
            }
            self.cur.expect("(")?;
            exact &= if kind == vxlan_ext::GBP { self.gbp()? } else { self.bytes(field, kind)? };
            self.cur.expect(")")?;
            if !self.cur.eat(",") {
                break;
            }
        }
        self.close(start, tunnel_key::VXLAN_OPTS, at, mask_at)?;
        Ok(exact)
    }

    /// The group policy: 16 bits of identifier, 8 of flags.
    fn gbp(&mut self) -> Parsed<bool> {
        let (mut value, mut bits, mut seen) = (0u32, 0u32, 0);
        while self.cur.peek() != Some(b')') {
            let start = self.cur.pos();
            let (low, width) = match self.cur.word() {
                "id" => (0, 16),
                "flags" => (16, 8),
                _ => return Err(self.cur.since(start, ParseReason::UnknownField)),
            };
            if !mark(&mut seen, low) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            self.cur.expect("=")?;
            let (number, given) = self.cur.masked(width)?;
            let part = |number: u64| u32::try_from(number).unwrap_or(u32::MAX) << low;
            value |= part(number);
            bits |= part(given.unwrap_or(u64::MAX >> (64 - width)));
            if !self.cur.eat(",") {
                break;
            }
        }
        self.put(vxlan_ext::GBP, value.to_ne_bytes(), bits.to_ne_bytes());
        Ok(bits == 0xff_ffff)
    }

    fn geneve(&mut self, start: usize) -> Parsed<bool> {
        let (at, mask_at) = (open(self.key), open(self.mask));
        let mut exact = true;
        while self.cur.eat("{") {
            exact &= self.option()?;
        }
        self.close(start, tunnel_key::GENEVE_OPTS, at, mask_at)?;
        Ok(exact)
    }

    /// A Geneve option, up to and with its closing brace.
    fn option(&mut self) -> Parsed<bool> {
        let (mut class, mut kind, mut len) = ((0, 0), (0, 0), None);
        let mut data = None;
        let mut seen = 0;
        while !self.cur.eat("}") {
            let start = self.cur.pos();
            let part = match self.cur.word() {
                "class" => 0,
                "type" => 1,
                "len" => 2,
                _ => {
                    self.cur.seek(start);
                    3
                }
            };
            if !mark(&mut seen, part) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            if part < 3 {
                self.cur.expect("=")?;
            }
            match part {
                0 => class = (self.cur.short()?, if self.cur.eat("/") { self.cur.short()? } else { u16::MAX }),
                1 => kind = (self.cur.byte()?, if self.cur.eat("/") { self.cur.byte()? } else { u8::MAX }),
                2 => {
                    let at = self.cur.pos();
                    let value = self.cur.byte()?;
                    if value % 4 != 0 || usize::from(value) > OPTION_MAX {
                        return Err(self.cur.since(at, ParseReason::BadOptionLength));
                    }
                    let mask = if self.cur.eat("/") { self.cur.byte()? & OPTION_LEN } else { OPTION_LEN };
                    len = Some((usize::from(value), mask));
                }
                _ => {
                    let value = self.cur.big_hex()?;
                    let mask = if self.cur.eat("/") { Some(self.cur.big_hex()?) } else { None };
                    data = Some((self.cur.since(start, ParseReason::BadNumber).span, value, mask));
                }
            }
            if !self.cur.eat(",") {
                self.cur.expect("}")?;
                break;
            }
        }
        // Without a length, as many bytes as value and mask need.
        let digits = data.map_or(0, |(_, value, mask): (Span, &str, Option<&str>)| value.len().max(mask.map_or(0, str::len)));
        let needed = (digits.div_ceil(8) * 4).min(OPTION_MAX);
        let (len, len_mask) = len.unwrap_or((needed, 0));
        let words = u8::try_from(len / 4).unwrap_or(OPTION_LEN);
        let ([c0, c1], [m0, m1]) = (class.0.to_be_bytes(), class.1.to_be_bytes());
        self.key.extend_from_slice(&[c0, c1, kind.0, words]);
        self.mask.extend_from_slice(&[m0, m1, kind.1, len_mask]);
        let (mut bytes, mut bits) = ([0; OPTION_MAX], [0; OPTION_MAX]);
        let (bytes, bits) = (bytes.get_mut(..len).unwrap_or_default(), bits.get_mut(..len).unwrap_or_default());
        let mut exact = (class.1, kind.1, len_mask) == (u16::MAX, u8::MAX, OPTION_LEN) && (len == 0 || data.is_some());
        if let Some((Span { start, end }, value, mask)) = data {
            let fits = put_right(bytes, value) && mask.is_none_or(|mask| put_right(bits, mask));
            if !fits {
                return Err(ParseError::new(start, end, ParseReason::TooLarge(u16::try_from(len * 8).unwrap_or(u16::MAX))));
            }
            if mask.is_none() {
                bits.fill(0xff);
            }
            exact &= mask.is_none();
        }
        self.key.extend_from_slice(bytes);
        self.mask.extend_from_slice(bits);
        Ok(exact)
    }

    /// `struct erspan_metadata`: a host-order version, then an index, or direction and hardware identifier.
    fn erspan(&mut self) -> Parsed<bool> {
        let (mut value, mut bits) = ([0u8; 12], [0u8; 12]);
        let (mut seen, mut exact) = (0, true);
        while self.cur.peek() != Some(b')') {
            let start = self.cur.pos();
            let (number, width) = match self.cur.word() {
                "ver" => (0, 8),
                "idx" => (1, 32),
                "dir" => (2, 1),
                "hwid" => (3, 6),
                _ => return Err(self.cur.since(start, ParseReason::UnknownField)),
            };
            if !mark(&mut seen, number) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            self.cur.expect("=")?;
            let (number_value, given) = self.cur.masked(width)?;
            let all = u64::MAX >> (64 - width);
            exact &= given.is_none_or(|given| given == all);
            for (bytes, number_value) in [(&mut value, number_value), (&mut bits, given.unwrap_or(all))] {
                let [b0, b1, b2, b3, ..] = number_value.to_le_bytes();
                let [v0, v1, v2, v3, i0, i1, i2, i3, _, _, f0, f1] = bytes;
                match number {
                    0 => [*v0, *v1, *v2, *v3] = u32::from(b0).to_ne_bytes(),
                    1 => [*i0, *i1, *i2, *i3] = [b3, b2, b1, b0],
                    2 => *f1 |= b0 << 3,
                    _ => {
                        *f1 |= b0 << 4;
                        *f0 |= b0 >> 4;
                    }
                }
            }
            if !self.cur.eat(",") {
                break;
            }
        }
        // A version that may be any is not printed, but what is printed beside it says which it is.
        if seen & 1 == 0 && seen != 0 {
            let [v0, v1, v2, v3, ..] = &mut value;
            [*v0, *v1, *v2, *v3] = if seen & 2 != 0 { 1u32 } else { 2 }.to_ne_bytes();
        }
        let [v0, v1, v2, v3, ..] = &mut bits;
        if u32::from_ne_bytes([*v0, *v1, *v2, *v3]) == 0xff {
            [*v0, *v1, *v2, *v3] = [0xff; 4];
        }
        self.put(tunnel_key::ERSPAN_OPTS, value, bits);
        Ok(exact)
    }

    /// An NSH header. Whether it was written as `set(nsh(…))` writes a whole one: without the comma behind its flags.
    pub(super) fn nsh(&mut self, start: usize) -> Parsed<bool> {
        let header = NshText::parse(self.cur)?;
        let (at, mask_at) = (open(self.key), open(self.mask));
        let (base, base_mask) = header.bases();
        let put = |out: &mut Vec<u8>, field: NshField<'_>| field.put(out).map_err(|_| ParseReason::TooLong);
        let done = put(self.key, NshField::Base(base)).and_then(|()| {
            put(self.mask, NshField::Base(base_mask))?;
            if base.mdtype == 1 || header.context_seen() {
                put(self.key, NshField::Md1(header.context.map(|(value, _)| value)))?;
            }
            put(self.mask, NshField::Md1(header.context.map(|(_, mask)| mask)))
        });
        done.map_err(|reason| self.cur.since(start, reason))?;
        self.close(start, crate::uapi::key::NSH, at, mask_at)?;
        Ok(header.joined)
    }
}

/// An NSH header as text has it: values and masks.
#[derive(Debug, Default)]
struct NshText {
    flags: (u8, u8),
    ttl: (u8, u8),
    mdtype: (u8, u8),
    np: (u8, u8),
    spi: (u32, u32),
    si: (u8, u8),
    context: [(u32, u32); 4],
    seen: u64,
    joined: bool,
}

impl NshText {
    fn parse(cur: &mut Cursor<'_>) -> Parsed<Self> {
        let mut this = Self::default();
        while cur.peek() != Some(b')') {
            let start = cur.pos();
            let number = match cur.word() {
                "flags" => 0,
                "ttl" => 1,
                "mdtype" => 2,
                "np" => 3,
                "spi" => 4,
                "si" => 5,
                "c1" => 6,
                "c2" => 7,
                "c3" => 8,
                "c4" => 9,
                _ => return Err(cur.since(start, ParseReason::UnknownField)),
            };
            if !mark(&mut this.seen, number) {
                return Err(cur.since(start, ParseReason::Twice));
            }
            cur.expect("=")?;
            let width = match number {
                4 => 24,
                6.. => 32,
                _ => 8,
            };
            // Only what has been printed without the comma has letters behind the digits.
            let value = if number == 0 { cur.digits(width)? } else { cur.number(width)? };
            let mask = if cur.eat("/") { cur.number(width)? } else { u64::MAX >> (64 - width) };
            let byte = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
            let long = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            let slot = match number {
                0 => Some(&mut this.flags),
                1 => Some(&mut this.ttl),
                2 => Some(&mut this.mdtype),
                3 => Some(&mut this.np),
                5 => Some(&mut this.si),
                _ => None,
            };
            match slot {
                Some(slot) => *slot = (byte(value), byte(mask)),
                None if number == 4 => this.spi = (long(value), long(mask)),
                None => {
                    if let Some(slot) = this.context.get_mut(number - 6) {
                        *slot = (long(value), long(mask));
                    }
                }
            }
            if number == 0 && cur.rest().starts_with("ttl=") {
                this.joined = true;
                continue;
            }
            if !cur.eat(",") {
                break;
            }
        }
        Ok(this)
    }

    fn context_seen(&self) -> bool {
        self.seen >> 6 != 0
    }

    fn bases(&self) -> (NshBase, NshBase) {
        let base = |pick: fn((u8, u8)) -> u8, spi: u32| NshBase {
            flags: pick(self.flags),
            ttl: pick(self.ttl),
            mdtype: pick(self.mdtype),
            np: pick(self.np),
            path_hdr: spi << 8 | u32::from(pick(self.si)),
        };
        (base(|(value, _)| value, self.spi.0), base(|(_, mask)| mask, self.spi.1))
    }
}

/// The header of a `push_nsh` action: every part that is not given has its usual value.
pub(crate) struct PushNsh;

impl PushNsh {
    /// Reads up to the closing parenthesis and appends the header's attributes.
    pub(crate) fn parse(cur: &mut Cursor<'_>, out: &mut Vec<u8>) -> Parsed<()> {
        let mut base = NshBase { flags: 0, ttl: 63, mdtype: 1, np: 3, path_hdr: 0 };
        let (mut spi, mut si) = (0, 0);
        let mut context = None;
        let mut md2 = None;
        let mut seen = 0;
        while cur.peek() != Some(b')') {
            let start = cur.pos();
            let name = cur.word();
            let all = ["flags", "ttl", "mdtype", "np", "spi", "si", "c1", "c2", "c3", "c4", "md2"];
            let number = all.iter().position(|known| *known == name).ok_or(cur.since(start, ParseReason::UnknownField))?;
            if !mark(&mut seen, number) {
                return Err(cur.since(start, ParseReason::Twice));
            }
            cur.expect("=")?;
            match number {
                0 => base.flags = cur.byte()?,
                1 => base.ttl = cur.byte()?,
                2 => base.mdtype = cur.byte()?,
                3 => base.np = cur.byte()?,
                4 => spi = u32::try_from(cur.number(24)?).unwrap_or(u32::MAX),
                5 => si = cur.byte()?,
                10 => md2 = Some((start, cur.big_hex()?)),
                _ => {
                    let value = cur.long()?;
                    if let Some(slot) = context.get_or_insert([0; 4]).get_mut(number - 6) {
                        *slot = value;
                    }
                }
            }
            if !cur.eat(",") {
                break;
            }
        }
        base.path_hdr = spi << 8 | u32::from(si);
        let too_long = |cur: &Cursor<'_>, start| cur.since(start, ParseReason::TooLong);
        NshField::Base(base).put(out).map_err(|_| too_long(cur, cur.pos()))?;
        if base.mdtype == 1 || context.is_some() {
            NshField::Md1(context.unwrap_or_default()).put(out).map_err(|_| too_long(cur, cur.pos()))?;
        }
        if let Some((start, digits)) = md2 {
            let at = open(out);
            let data = out.len();
            out.resize(data + digits.len().div_ceil(8) * 4, 0);
            put_right(out.get_mut(data..).unwrap_or_default(), digits);
            crate::text::cursor::close(out, at, nsh::MD2).map_err(|reason| cur.since(start, reason))?;
        }
        Ok(())
    }
}
