//! The fields of a key that are structures: their parts by name, and where each is on the wire.

use super::Keys;
use crate::key::{Arp, CtTuple4, CtTuple6, Ethernet, Icmp, Ipv4, Ipv6, Nd, NdExtensions, Ports};
use crate::text::ParseReason;
use crate::text::cursor::{Parsed, mark};
use crate::uapi::{frag, key};

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Mac,
    Ip4,
    Ip6,
    Byte,
    Short,
    Long,
    /// The 20 bits of an IPv6 flow label.
    Label,
    /// Which fragment, by name.
    Frag,
}

/// A part of a structure: name, offset, form.
type Part = (&'static str, usize, Form);

/// A structure: its length with padding, and its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Structure {
    len: usize,
    parts: &'static [Part],
}

const PORTS: Structure = Structure { len: Ports::LEN, parts: &[("src", 0, Form::Short), ("dst", 2, Form::Short)] };
const ICMP: Structure = Structure { len: Icmp::LEN, parts: &[("type", 0, Form::Byte), ("code", 1, Form::Byte)] };
const ETHERNET: Structure = Structure { len: Ethernet::LEN, parts: &[("src", 0, Form::Mac), ("dst", 6, Form::Mac)] };
const IPV4: Structure = Structure {
    len: Ipv4::LEN,
    parts: &[
        ("src", 0, Form::Ip4),
        ("dst", 4, Form::Ip4),
        ("proto", 8, Form::Byte),
        ("tos", 9, Form::Byte),
        ("ttl", 10, Form::Byte),
        ("frag", 11, Form::Frag),
    ],
};
const IPV6: Structure = Structure {
    len: Ipv6::LEN,
    parts: &[
        ("src", 0, Form::Ip6),
        ("dst", 16, Form::Ip6),
        ("label", 32, Form::Label),
        ("proto", 36, Form::Byte),
        ("tclass", 37, Form::Byte),
        ("hlimit", 38, Form::Byte),
        ("frag", 39, Form::Frag),
    ],
};
const ARP: Structure = Structure {
    len: Arp::LEN,
    parts: &[("sip", 0, Form::Ip4), ("tip", 4, Form::Ip4), ("op", 8, Form::Short), ("sha", 10, Form::Mac), ("tha", 16, Form::Mac)],
};
const ND: Structure = Structure { len: Nd::LEN, parts: &[("target", 0, Form::Ip6), ("sll", 16, Form::Mac), ("tll", 22, Form::Mac)] };
const ND_EXTENSIONS: Structure = Structure { len: NdExtensions::LEN, parts: &[("nd_reserved", 0, Form::Long), ("nd_options_type", 4, Form::Byte)] };
const TUPLE4: Structure = Structure {
    len: CtTuple4::LEN,
    parts: &[("src", 0, Form::Ip4), ("dst", 4, Form::Ip4), ("proto", 12, Form::Byte), ("tp_src", 8, Form::Short), ("tp_dst", 10, Form::Short)],
};
const TUPLE6: Structure = Structure {
    len: CtTuple6::LEN,
    parts: &[("src", 0, Form::Ip6), ("dst", 16, Form::Ip6), ("proto", 36, Form::Byte), ("src_port", 32, Form::Short), ("dst_port", 34, Form::Short)],
};
const PACKET_TYPE: Structure = Structure { len: 4, parts: &[("ns", 0, Form::Short), ("id", 2, Form::Short)] };

/// The structure a field is, if it is one.
pub(super) const fn of(kind: u16) -> Option<&'static Structure> {
    Some(match kind {
        key::TCP | key::UDP | key::SCTP => &PORTS,
        key::ICMP | key::ICMPV6 => &ICMP,
        key::ETHERNET => &ETHERNET,
        key::IPV4 => &IPV4,
        key::IPV6 => &IPV6,
        key::ARP => &ARP,
        key::ND => &ND,
        key::ND_EXTENSIONS => &ND_EXTENSIONS,
        key::CT_ORIG_TUPLE_IPV4 => &TUPLE4,
        key::CT_ORIG_TUPLE_IPV6 => &TUPLE6,
        key::PACKET_TYPE => &PACKET_TYPE,
        _ => return None,
    })
}

/// A value and its mask, at the beginning of 16 bytes.
struct Value {
    value: [u8; 16],
    mask: [u8; 16],
    exact: bool,
}

impl Value {
    fn new<const N: usize>(value: [u8; N], mask: [u8; N], exact: bool) -> Self {
        let mut this = Self { value: [0; 16], mask: [0; 16], exact };
        put(&mut this.value, 0, &value);
        put(&mut this.mask, 0, &mask);
        this
    }
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(room) = out.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
        room.copy_from_slice(bytes);
    }
}

impl Keys<'_, '_, '_> {
    /// The parts of a structure up to the closing parenthesis; whether each was named and matches whole.
    pub(super) fn structure(&mut self, kind: u16, structure: &Structure) -> Parsed<bool> {
        let Structure { len, parts } = *structure;
        let (mut value, mut mask) = ([0; Ipv6::LEN], [0; Ipv6::LEN]);
        let (mut seen, mut exact) = (0, 0);
        while self.cur.peek() != Some(b')') {
            let start = self.cur.pos();
            let name = match (kind, self.cur.word()) {
                (key::CT_ORIG_TUPLE_IPV6, "tp_src") => "src_port",
                (key::CT_ORIG_TUPLE_IPV6, "tp_dst") => "dst_port",
                (_, name) => name,
            };
            let found = parts.iter().enumerate().find(|(_, part)| part.0 == name);
            let (number, &(_, at, form)) = found.ok_or(self.cur.since(start, ParseReason::UnknownField))?;
            if !mark(&mut seen, number) {
                return Err(self.cur.since(start, ParseReason::Twice));
            }
            self.cur.expect("=")?;
            let part = self.part(form)?;
            let width = match form {
                Form::Byte | Form::Frag => 1,
                Form::Short => 2,
                Form::Ip4 | Form::Long | Form::Label => 4,
                Form::Mac => 6,
                Form::Ip6 => 16,
            };
            put(&mut value, at, part.value.get(..width).unwrap_or_default());
            put(&mut mask, at, part.mask.get(..width).unwrap_or_default());
            exact += usize::from(part.exact);
            if !self.cur.eat(",") {
                break;
            }
        }
        for (out, bytes) in [(&mut *self.key, &value), (&mut *self.mask, &mask)] {
            let bytes = bytes.get(..len).unwrap_or_default();
            crate::nla::put(out, kind, bytes).map_err(|_| self.cur.here(ParseReason::TooLong))?;
        }
        Ok(exact == parts.len())
    }

    fn part(&mut self, form: Form) -> Parsed<Value> {
        Ok(match form {
            Form::Mac => {
                let value = self.cur.mac()?;
                let mask = if self.cur.eat("/") { self.cur.mac()? } else { crate::Mac::BROADCAST };
                Value::new(value.0, mask.0, mask == crate::Mac::BROADCAST)
            }
            Form::Ip4 => {
                let (value, mask) = self.cur.ipv4_masked()?;
                Value::new(value.octets(), mask.octets(), mask.is_broadcast())
            }
            Form::Ip6 => {
                let (value, mask) = self.cur.ipv6_masked()?;
                Value::new(value.octets(), mask.octets(), mask.to_bits() == u128::MAX)
            }
            Form::Byte => {
                let value = self.cur.byte()?;
                let mask = if self.cur.eat("/") { self.cur.byte()? } else { u8::MAX };
                Value::new([value], [mask], mask == u8::MAX)
            }
            Form::Short => {
                let value = self.cur.short()?;
                let mask = if self.cur.eat("/") { self.cur.short()? } else { u16::MAX };
                Value::new(value.to_be_bytes(), mask.to_be_bytes(), mask == u16::MAX)
            }
            Form::Long => {
                let value = self.cur.long()?;
                let mask = if self.cur.eat("/") { self.cur.long()? } else { u32::MAX };
                Value::new(value.to_be_bytes(), mask.to_be_bytes(), mask == u32::MAX)
            }
            Form::Label => {
                const ALL: u32 = 0xf_ffff;
                let start = self.cur.pos();
                let (value, mask) = (self.cur.long()?, if self.cur.eat("/") { self.cur.long()? } else { ALL });
                if (value | mask) & !ALL != 0 {
                    return Err(self.cur.since(start, ParseReason::TooLarge(20)));
                }
                Value::new(value.to_be_bytes(), mask.to_be_bytes(), mask == ALL)
            }
            Form::Frag => {
                let start = self.cur.pos();
                let value = match self.cur.word() {
                    "no" => frag::NONE,
                    "first" => frag::FIRST,
                    "later" => frag::LATER,
                    _ => return Err(self.cur.since(start, ParseReason::Expected("no, first or later"))),
                };
                if self.cur.peek() == Some(b'/') {
                    return Err(self.cur.here(ParseReason::NoMask));
                }
                Value::new([value], [u8::MAX], true)
            }
        })
    }
}
