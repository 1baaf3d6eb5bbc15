//! `ct(…)` from text.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::Parser;
use crate::key::parse::labels;
use crate::nla;
use crate::text::ParseReason;
use crate::text::cursor::{Cursor, Parsed, is_gap, mark, open};
use crate::uapi::{action as kind, ct, nat};

/// The longest name: the kernel's limit for a timeout policy, less the closing NUL.
const NAME_MAX: usize = 31;

/// An address of either kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ip {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Ip {
    /// The address at the beginning of a translation's range. IPv6 in front of a port is in brackets.
    fn parse(cur: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cur.pos();
        if cur.eat("[") {
            let address = cur.take(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')).parse();
            let address = address.map_err(|_| cur.since(start, ParseReason::BadIpv6))?;
            cur.expect("]")?;
            return Ok(Self::V6(address));
        }
        let text = cur.take(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.'));
        if text.bytes().filter(|byte| *byte == b':').count() > 1 {
            return text.parse().map(Self::V6).map_err(|_| cur.since(start, ParseReason::BadIpv6));
        }
        cur.seek(start);
        let text = cur.take(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        text.parse().map(Self::V4).map_err(|_| cur.since(start, ParseReason::BadIpv4))
    }

    fn put(self, out: &mut Vec<u8>, kind: u16) {
        match self {
            Self::V4(ip) => nla::put_array(out, kind, ip.octets()),
            Self::V6(ip) => nla::put_array(out, kind, ip.octets()),
        }
    }

    /// Whether a range may go from here to `last`.
    fn reaches(self, last: Self) -> bool {
        match (self, last) {
            (Self::V4(first), Self::V4(last)) => first <= last,
            (Self::V6(first), Self::V6(last)) => first <= last,
            _ => false,
        }
    }
}

impl Parser<'_, '_, '_> {
    /// What is behind `ct`: parentheses, or nothing.
    pub(super) fn ct(&mut self, start: usize) -> Parsed<()> {
        let at = open(self.out);
        if self.cur.eat("(") {
            self.ct_parts()?;
            self.cur.expect(")")?;
        }
        self.close(start, at, kind::CT)
    }

    fn ct_parts(&mut self) -> Parsed<()> {
        let mut seen = 0;
        while self.cur.peek() != Some(b')') {
            let start = self.cur.pos();
            let kind = match self.cur.word() {
                "commit" => ct::COMMIT,
                "force_commit" => ct::FORCE_COMMIT,
                "zone" => ct::ZONE,
                "mark" => ct::MARK,
                "label" => ct::LABELS,
                "helper" => ct::HELPER,
                "timeout" => ct::TIMEOUT,
                "nat" => ct::NAT,
                _ => return Err(self.cur.since(start, ParseReason::UnknownField)),
            };
            if !mark(&mut seen, kind.into()) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            match kind {
                ct::COMMIT | ct::FORCE_COMMIT => nla::put_flag(self.out, kind),
                ct::NAT => self.nat(start)?,
                _ => {
                    self.cur.expect("=")?;
                    self.ct_value(kind)?;
                }
            }
            if !self.cur.eat(",") {
                break;
            }
        }
        Ok(())
    }

    fn ct_value(&mut self, kind: u16) -> Parsed<()> {
        match kind {
            ct::ZONE => {
                let zone = self.cur.short()?;
                nla::put_u16(self.out, kind, zone);
            }
            ct::MARK => {
                let value = self.cur.long()?;
                let mask = if self.cur.eat("/") { self.cur.long()? } else { u32::MAX };
                let ([v0, v1, v2, v3], [m0, m1, m2, m3]) = (value.to_ne_bytes(), mask.to_ne_bytes());
                nla::put_array(self.out, kind, [v0, v1, v2, v3, m0, m1, m2, m3]);
            }
            ct::LABELS => {
                let start = self.cur.pos();
                let (value, mask) = labels(self.cur)?;
                let both = [value.to_le_bytes(), mask.to_le_bytes()];
                nla::put(self.out, kind, both.as_flattened()).map_err(|_| self.cur.since(start, ParseReason::TooLong))?;
            }
            _ => {
                let start = self.cur.pos();
                let name = self.cur.take(|byte| !is_gap(byte) && byte != b')');
                let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
                if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
                    return Err(self.cur.since(start, ParseReason::BadName));
                }
                let at = open(self.out);
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(0);
                self.close(start, at, kind)?;
            }
        }
        Ok(())
    }

    /// What is behind `nat`: parentheses, or nothing for connections that are translated already.
    fn nat(&mut self, start: usize) -> Parsed<()> {
        let at = open(self.out);
        if self.cur.eat("(") {
            let side = self.cur.pos();
            match self.cur.word() {
                "src" => nla::put_flag(self.out, nat::SRC),
                "dst" => nla::put_flag(self.out, nat::DST),
                _ => return Err(self.cur.since(side, ParseReason::Expected("src or dst"))),
            }
            if self.cur.eat("=") {
                self.nat_range()?;
            }
            let mut seen = 0;
            while self.cur.eat(",") {
                let start = self.cur.pos();
                let kind = match self.cur.word() {
                    "persistent" => nat::PERSISTENT,
                    "hash" => nat::PROTO_HASH,
                    "random" => nat::PROTO_RANDOM,
                    _ => return Err(self.cur.since(start, ParseReason::Expected("persistent, hash or random"))),
                };
                if !mark(&mut seen, kind.into()) {
                    return Err(self.cur.since(start, ParseReason::Twice));
                }
                nla::put_flag(self.out, kind);
            }
            self.cur.expect(")")?;
        }
        self.close(start, at, ct::NAT)
    }

    /// Addresses and ports to choose from.
    fn nat_range(&mut self) -> Parsed<()> {
        let first = Ip::parse(self.cur)?;
        first.put(self.out, nat::IP_MIN);
        if self.cur.eat("-") {
            let start = self.cur.pos();
            let last = Ip::parse(self.cur)?;
            if !first.reaches(last) {
                return Err(self.cur.since(start, ParseReason::BadRange));
            }
            last.put(self.out, nat::IP_MAX);
        }
        if self.cur.eat(":") {
            let first = self.cur.short()?;
            nla::put_u16(self.out, nat::PROTO_MIN, first);
            if self.cur.eat("-") {
                let start = self.cur.pos();
                let last = self.cur.short()?;
                if last < first {
                    return Err(self.cur.since(start, ParseReason::BadRange));
                }
                nla::put_u16(self.out, nat::PROTO_MAX, last);
            }
        }
        Ok(())
    }
}
