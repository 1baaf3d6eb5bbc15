//! A key and its mask from text: what [`append_key`](super::append_key) prints, and what `ovs-dpctl` takes besides.
//!
//! Key and mask are written side by side as the text is read, attribute by attribute in its order. A field without a mask
//! matches whole; a part of a structure that is not named matches anything.

mod nests;
mod structure;

pub(crate) use nests::PushNsh;

use crate::key::VLAN_PRESENT;
use crate::key::fmt::{CT_STATE, MAX_DEPTH, TCP_FLAGS};
use crate::nla;
use crate::text::cursor::{Cursor, Parsed, close, is_gap, mark, open};
use crate::text::{ParseError, ParseReason, PortNumbers};
use crate::uapi::key;

/// The bits of a connection's state that the kernel has: it refuses a mask with others.
const CT_STATE_ALL: u32 = 0xff;
/// The bits of TCP's flags; the others of the field do not count.
const TCP_FLAGS_ALL: u16 = 0xfff;

/// Reads a key with its mask, such as `in_port(1),eth(dst=02:00:00:00:00:01),eth_type(0x0800),ipv4(src=10.0.0.0/8)`, and
/// appends the attributes to `key` and `mask`. Fields are separated by commas or white space; `<empty>` is no field at all.
/// Ports may be given by name where `names` knows them.
///
/// # Errors
/// At the first thing that cannot be read; `key` and `mask` are then as they were.
pub fn parse_key(text: &str, names: Option<&PortNumbers<'_>>, key: &mut Vec<u8>, mask: &mut Vec<u8>) -> Result<(), ParseError> {
    let (key_len, mask_len) = (key.len(), mask.len());
    let mut cur = Cursor::new(text);
    let mut parser = Keys { cur: &mut cur, names, key, mask };
    let done = parser.list(Until::End, 0).and_then(|()| if cur.at_end() { Ok(()) } else { Err(cur.here(ParseReason::Trailing)) });
    if done.is_err() {
        key.truncate(key_len);
        mask.truncate(mask_len);
    }
    done
}

/// Where a list of fields ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// At the text's end, or at what no list can go on with.
    End,
    /// As `End`, and also where fields are separated by white space only, or where `word:` stands.
    Flow,
}

/// The parser of a key: where it is and what it writes.
pub(crate) struct Keys<'a, 't, 'n> {
    pub(crate) cur: &'a mut Cursor<'t>,
    pub(crate) names: Option<&'n PortNumbers<'n>>,
    pub(crate) key: &'a mut Vec<u8>,
    pub(crate) mask: &'a mut Vec<u8>,
}

/// The number of a field's attribute.
fn kind(name: &str) -> Option<u16> {
    Some(match name {
        "encap" => key::ENCAP,
        "skb_priority" => key::PRIORITY,
        "in_port" => key::IN_PORT,
        "eth" => key::ETHERNET,
        "vlan" => key::VLAN,
        "eth_type" => key::ETHERTYPE,
        "ipv4" => key::IPV4,
        "ipv6" => key::IPV6,
        "tcp" => key::TCP,
        "udp" => key::UDP,
        "icmp" => key::ICMP,
        "icmpv6" => key::ICMPV6,
        "arp" => key::ARP,
        "nd" => key::ND,
        "skb_mark" => key::SKB_MARK,
        "tunnel" => key::TUNNEL,
        "sctp" => key::SCTP,
        "tcp_flags" => key::TCP_FLAGS,
        "dp_hash" => key::DP_HASH,
        "recirc_id" => key::RECIRC_ID,
        "mpls" => key::MPLS,
        "ct_state" => key::CT_STATE,
        "ct_zone" => key::CT_ZONE,
        "ct_mark" => key::CT_MARK,
        "ct_label" => key::CT_LABELS,
        "ct_tuple4" => key::CT_ORIG_TUPLE_IPV4,
        "ct_tuple6" => key::CT_ORIG_TUPLE_IPV6,
        "nsh" => key::NSH,
        "packet_type" => key::PACKET_TYPE,
        "nd_ext" => key::ND_EXTENSIONS,
        "unspec" => key::UNSPEC,
        // Those without a name are printed by number.
        _ => return name.strip_prefix("key")?.parse().ok().filter(|kind| *kind <= nla::NLA_TYPE_MASK && !super::fmt::is_known(*kind)),
    })
}

impl Keys<'_, '_, '_> {
    /// Fields up to where a list ends. The caller looks at what stands there.
    pub(crate) fn list(&mut self, until: Until, depth: usize) -> Parsed<()> {
        if depth > MAX_DEPTH {
            return Err(self.cur.here(ParseReason::TooDeep));
        }
        if self.cur.eat("<empty>") {
            return Ok(());
        }
        let mut seen = 0;
        let mut first = true;
        loop {
            let before = self.cur.pos();
            let gap = self.cur.take(is_gap);
            if self.cur.at_end() || self.cur.peek() == Some(b')') {
                return Ok(());
            }
            if !first && gap.is_empty() {
                return if until == Until::Flow { Ok(()) } else { Err(self.cur.here(ParseReason::Expected("a comma"))) };
            }
            if until == Until::Flow && !first && !gap.contains(',') {
                self.cur.seek(before);
                return Ok(());
            }
            let start = self.cur.pos();
            let name = self.cur.word();
            if until == Until::Flow && self.cur.peek() == Some(b':') {
                self.cur.seek(start);
                return Ok(());
            }
            let kind = self.kind(start, name)?;
            if !mark(&mut seen, kind.into()) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            self.field(kind, depth)?;
            first = false;
        }
    }

    fn kind(&self, start: usize, name: &str) -> Parsed<u16> {
        match kind(name) {
            Some(kind) => Ok(kind),
            None if name.is_empty() => Err(self.cur.here(ParseReason::Expected("a key field, such as in_port(1)"))),
            None => Err(self.cur.since(start, ParseReason::UnknownKey)),
        }
    }

    /// One field by name, as in `set(…)`: its number, and whether every bit of it matches.
    pub(crate) fn one(&mut self) -> Parsed<(u16, bool)> {
        let start = self.cur.pos();
        let name = self.cur.word();
        let kind = self.kind(start, name)?;
        if kind == key::ENCAP {
            return Err(self.cur.since(start, ParseReason::NotSettable));
        }
        Ok((kind, self.field(kind, 0)?))
    }

    /// What is in a field's parentheses; whether every bit of it matches.
    fn field(&mut self, kind: u16, depth: usize) -> Parsed<bool> {
        let start = self.cur.pos();
        self.cur.expect("(")?;
        let exact = match kind {
            key::ENCAP => {
                let (at, mask_at) = (open(self.key), open(self.mask));
                self.list(Until::End, depth + 1)?;
                self.close(start, kind, at, mask_at)?;
                false
            }
            key::PRIORITY | key::SKB_MARK | key::DP_HASH | key::RECIRC_ID | key::CT_MARK | key::CT_ZONE => self.number(kind)?,
            key::IN_PORT => self.in_port()?,
            key::ETHERTYPE => self.eth_type()?,
            key::CT_STATE => {
                let (value, mask) = self.cur.flags(CT_STATE, CT_STATE_ALL)?;
                self.put(kind, value.to_ne_bytes(), mask.to_ne_bytes());
                mask & CT_STATE_ALL == CT_STATE_ALL
            }
            key::TCP_FLAGS => {
                let at = self.cur.pos();
                let (value, mask) = self.cur.flags(TCP_FLAGS, u16::MAX.into())?;
                let short = |flags: u32| u16::try_from(flags).map_err(|_| self.cur.since(at, ParseReason::TooLarge(16)));
                let (value, mask) = (short(value)?, short(mask)?);
                self.put(kind, value.to_be_bytes(), mask.to_be_bytes());
                mask & TCP_FLAGS_ALL == TCP_FLAGS_ALL
            }
            key::CT_LABELS => self.labels()?,
            key::VLAN => self.vlan()?,
            key::MPLS => self.mpls(start)?,
            key::TUNNEL => self.tunnel(start)?,
            key::NSH => self.nsh(start)?,
            _ => match structure::of(kind) {
                Some(structure) => self.structure(kind, structure)?,
                None => self.bytes(start, kind)?,
            },
        };
        self.cur.expect(")")?;
        Ok(exact)
    }

    /// Appends an attribute to the key and its mask to the mask.
    fn put<const N: usize>(&mut self, kind: u16, value: [u8; N], mask: [u8; N]) {
        nla::put_array(self.key, kind, value);
        nla::put_array(self.mask, kind, mask);
    }

    /// Ends an attribute in both.
    fn close(&mut self, start: usize, kind: u16, at: usize, mask_at: usize) -> Parsed<()> {
        close(self.key, at, kind).and_then(|()| close(self.mask, mask_at, kind)).map_err(|reason| self.cur.since(start, reason))
    }

    /// A host-order number.
    fn number(&mut self, kind: u16) -> Parsed<bool> {
        let bits = if kind == key::CT_ZONE { 16 } else { 32 };
        // Connection marks and zones that match anything are printed as nothing in a `set`.
        let (value, mask) = match (kind, self.cur.peek()) {
            (key::CT_MARK | key::CT_ZONE, Some(b')')) => (0, Some(0)),
            _ => self.cur.masked(bits)?,
        };
        let (value, all) = (value.to_le_bytes(), mask.unwrap_or(u64::MAX));
        let mask = all.to_le_bytes();
        let [v0, v1, v2, v3, ..] = value;
        let [m0, m1, m2, m3, ..] = mask;
        let exact = if bits == 16 {
            self.put(kind, u16::from_le_bytes([v0, v1]).to_ne_bytes(), u16::from_le_bytes([m0, m1]).to_ne_bytes());
            [m0, m1] == [0xff; 2]
        } else {
            self.put(kind, u32::from_le_bytes([v0, v1, v2, v3]).to_ne_bytes(), u32::from_le_bytes([m0, m1, m2, m3]).to_ne_bytes());
            [m0, m1, m2, m3] == [0xff; 4]
        };
        Ok(exact)
    }

    fn in_port(&mut self) -> Parsed<bool> {
        let port = port(self.cur, self.names)?;
        let mask = if self.cur.eat("/") { self.cur.long()? } else { u32::MAX };
        self.put(key::IN_PORT, port.to_ne_bytes(), mask.to_ne_bytes());
        Ok(mask == u32::MAX)
    }

    fn eth_type(&mut self) -> Parsed<bool> {
        // A frame without an Ethernet type has none in its key, and in its mask that it must have none.
        if self.cur.eat("0/") {
            let mask = self.cur.short()?;
            nla::put_be16(self.mask, key::ETHERTYPE, mask);
            return Ok(false);
        }
        let value = self.cur.short()?;
        let mask = if self.cur.eat("/") { self.cur.short()? } else { u16::MAX };
        self.put(key::ETHERTYPE, value.to_be_bytes(), mask.to_be_bytes());
        Ok(mask == u16::MAX)
    }

    fn labels(&mut self) -> Parsed<bool> {
        let (value, mask) = match self.cur.peek() {
            Some(b')') => (0, 0),
            _ => labels(self.cur)?,
        };
        self.put(key::CT_LABELS, value.to_le_bytes(), mask.to_le_bytes());
        Ok(mask == u128::MAX)
    }

    /// A tag. That one is there is always matched.
    fn vlan(&mut self) -> Parsed<bool> {
        let (mut tci, mut mask) = (VLAN_PRESENT, VLAN_PRESENT);
        let mut seen = 0;
        while self.cur.peek() != Some(b')') {
            let start = self.cur.pos();
            let (number, low, bits) = match self.cur.word() {
                "vid" => (0, 0, 12),
                "pcp" => (1, 13, 3),
                "cfi" => (2, 12, 1),
                "tci" => (3, 0, 16),
                _ => return Err(self.cur.since(start, ParseReason::UnknownField)),
            };
            if !mark(&mut seen, number) || (seen >> 3 != 0 && seen.count_ones() > 1) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            self.cur.expect("=")?;
            let all = u16::MAX >> (16 - bits);
            let (value, given) = self.cur.masked(bits)?;
            let part = |number: u64| u16::try_from(number).unwrap_or(u16::MAX) << low;
            tci = tci & !(all << low) | part(value);
            mask = mask & !(all << low) | given.map_or(all << low, part);
            if !self.cur.eat(",") {
                break;
            }
        }
        self.put(key::VLAN, tci.to_be_bytes(), mask.to_be_bytes());
        Ok(mask == u16::MAX)
    }

    /// Label stack entries, one behind the other: an entry ends where one of its parts comes again.
    fn mpls(&mut self, start: usize) -> Parsed<bool> {
        let (at, mask_at) = (open(self.key), open(self.mask));
        let mut exact = true;
        loop {
            let (mut lse, mut mask, mut seen) = (0u32, 0u32, 0);
            let more = loop {
                let part = self.cur.pos();
                let (bit, low, bits) = match self.cur.word() {
                    "label" => (1, 12, 20),
                    "tc" => (2, 9, 3),
                    "bos" => (4, 8, 1),
                    "ttl" => (8, 0, 8),
                    name if name.strip_prefix("lse").is_some_and(|at| at.bytes().all(|byte| byte.is_ascii_digit())) => (15, 0, 32),
                    _ => return Err(self.cur.since(part, ParseReason::UnknownField)),
                };
                if seen & bit != 0 {
                    self.cur.seek(part);
                    break true;
                }
                seen |= bit;
                self.cur.expect("=")?;
                let all = u32::MAX >> (32 - bits);
                let (value, given) = self.cur.masked(bits)?;
                let part = |number: u64| u32::try_from(number).unwrap_or(u32::MAX) << low;
                lse |= part(value);
                mask |= given.map_or(all << low, part);
                if !self.cur.eat(",") {
                    break false;
                }
            };
            self.key.extend_from_slice(&lse.to_be_bytes());
            self.mask.extend_from_slice(&mask.to_be_bytes());
            exact &= mask == u32::MAX;
            if !more {
                self.close(start, key::MPLS, at, mask_at)?;
                return Ok(exact);
            }
        }
    }

    /// An attribute without a name, as bytes. Whether it was given without a mask.
    fn bytes(&mut self, start: usize, kind: u16) -> Parsed<bool> {
        let (at, mask_at) = (open(self.key), open(self.mask));
        let len = self.cur.hex(self.key)?;
        let masked = self.cur.eat("/");
        if !masked {
            self.mask.resize(self.mask.len() + len, 0xff);
        } else if self.cur.hex(self.mask)? != len {
            return Err(self.cur.since(start, ParseReason::LengthsDiffer));
        }
        self.close(start, kind, at, mask_at)?;
        Ok(!masked)
    }
}

/// Connection labels as a number, with their mask.
pub(crate) fn labels(cur: &mut Cursor<'_>) -> Parsed<(u128, u128)> {
    Ok((cur.wide(128)?, if cur.eat("/") { cur.wide(128)? } else { u128::MAX }))
}

/// A port, by number or, where names are known, by name.
pub(crate) fn port(cur: &mut Cursor<'_>, names: Option<&PortNumbers<'_>>) -> Parsed<u32> {
    let start = cur.pos();
    if let Ok(port) = cur.long() {
        return Ok(port);
    }
    cur.seek(start);
    let is_number = cur.peek().is_some_and(|byte| byte.is_ascii_digit());
    let name = cur.take(|byte| !is_gap(byte) && !matches!(byte, b')' | b'/'));
    match names.and_then(|names| names(name)) {
        Some(port) => Ok(port),
        None if is_number => {
            // What is wrong with it as a number says more.
            let end = cur.pos();
            cur.seek(start);
            let port = cur.long();
            cur.seek(end);
            port
        }
        None => Err(cur.since(start, ParseReason::UnknownPort)),
    }
}
