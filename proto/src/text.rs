//! What the printers and the parsers of flows share. Text is as `ovs-dpctl` of Open vSwitch 3.1 writes it.
//!
//! The parsers are [`parse_key`](crate::key::parse_key), [`parse_actions`](crate::action::parse_actions) and
//! [`parse_flow`](crate::flow::parse_flow); here is what they say when they fail. What is printed of what they read reads as
//! the same again. They take time and memory in proportion to the text and nest as deep as the kernel does.
//!
//! Where it is not as `ovs-dpctl` 3.1 has it, on purpose:
//! - Printed: `drop(REASON)` for the kernel's drop action, `dec_ttl(…)` and `psample(…)`, which it misreads; `,flags=N` in an
//!   `add_mpls` that is not before the layer-3 header; numbers for `ct_state` and `tcp_flags` whose mask has a bit without a
//!   name, where it writes `[Unknown]`.
//! - Read: a number with a leading 0 is refused (there it is octal); a field or part given twice is; `eth_type(0/0xffff)` is
//!   a frame without a type, as it is printed; a value's bits outside its mask are cleared in `set(…)`, as the kernel demands;
//!   `ct_state` without a mask means the eight bits the kernel has; a `userspace` without a cookie has none (there it has 48
//!   zero bytes).
//! - `tnl_push`, `tnl_pop` and `lb_output` are errors: the kernel has no such actions.
//!
//! Not in the text, and so not in the bytes read from it: that a tagged frame has no Ethernet type, the exact share of a
//! `sample` (tenths of a per cent), the bridge and port in a cookie of Open vSwitch, the events of `ct`, an NSH context that
//! is missing, and, without `-m`, fields that match anything.

pub(crate) mod cursor;
mod error;

pub use error::{ParseError, ParseReason, Span};

use core::fmt::{self, Write};
use core::net::Ipv6Addr;

/// How a port's number becomes its name; `None` prints the number.
pub type PortNames<'n> = dyn Fn(u32) -> Option<&'n str> + 'n;

/// How a port's name becomes its number, for the parsers.
pub type PortNumbers<'n> = dyn Fn(&str) -> Option<u32> + 'n;

/// How flows are printed.
#[derive(Clone, Copy, Default)]
pub struct Style<'n> {
    /// Names for ports (`--names`).
    pub names: Option<&'n PortNames<'n>>,
    /// Print the identifier, and fields that match anything, too (`-m`).
    pub verbose: bool,
}

impl fmt::Debug for Style<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Style").field("names", &self.names.is_some()).field("verbose", &self.verbose).finish()
    }
}

impl Style<'_> {
    /// Prints a port: its name if there is one, else its number.
    pub(crate) fn port(&self, out: &mut dyn Write, port: u32) -> fmt::Result {
        match self.names.and_then(|names| names(port)) {
            Some(name) => out.write_str(name),
            None => write!(out, "{port}"),
        }
    }
}

/// Bytes that text is appended to.
pub(crate) struct Appender<'a>(pub(crate) &'a mut Vec<u8>);

impl Write for Appender<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// A number as C's `%#x` prints it: 0 has no prefix.
pub(crate) struct Hex(pub(crate) u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            value => write!(f, "0x{value:x}"),
        }
    }
}

/// Bytes as one hexadecimal number, leading zeros left out.
pub(crate) struct BigHex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for BigHex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter().skip_while(|byte| **byte == 0);
        match bytes.next() {
            None => f.write_str("0"),
            Some(first) => {
                write!(f, "0x{first:x}")?;
                bytes.try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// Bytes as pairs of hexadecimal digits with `sep` between.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8], pub(crate) &'static str);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(self.1)?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// An IPv6 address as C's `inet_ntop` prints it: unlike Rust it writes `::1.2.3.4` for the old compatible addresses.
pub(crate) struct Ip6(pub(crate) Ipv6Addr);

impl fmt::Display for Ip6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.segments() {
            [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                write!(f, "::{a}.{b}.{c}.{d}")
            }
            _ => write!(f, "{}", self.0),
        }
    }
}

/// Flags by name, joined by `|`; those without a name as one number; `0` when none is set.
pub(crate) fn flags(out: &mut dyn Write, value: u32, names: &[&str]) -> fmt::Result {
    flags_by(out, value, names, '|')
}

/// As [`flags`], joined by another character.
pub(crate) fn flags_by(out: &mut dyn Write, value: u32, names: &[&str], sep: char) -> fmt::Result {
    if value == 0 {
        return out.write_str("0");
    }
    let mut first = true;
    let mut unnamed = value;
    for (bit, name) in names.iter().enumerate() {
        if value >> bit & 1 != 0 {
            unnamed &= !(1 << bit);
            if !core::mem::take(&mut first) {
                out.write_char(sep)?;
            }
            out.write_str(name)?;
        }
    }
    if unnamed != 0 {
        if !first {
            out.write_char(sep)?;
        }
        write!(out, "0x{unnamed:x}")?;
    }
    Ok(())
}

/// Flags with a mask: as [`flags`] when the mask is `all`, else `+name` or `-name` for each bit of the mask; as numbers when
/// one of those has no name, where `ovs-dpctl` writes `[Unknown]`.
pub(crate) fn masked_flags(out: &mut dyn Write, value: u32, mask: u32, all: u32, names: &[&str]) -> fmt::Result {
    if mask == all {
        return flags(out, value, names);
    }
    if mask == 0 {
        return out.write_str("0/0");
    }
    if names.len() < 32 && mask >> names.len() != 0 {
        return write!(out, "{}/{}", Hex(value.into()), Hex(mask.into()));
    }
    for bit in (0..32).filter(|bit| mask >> bit & 1 != 0) {
        let sign = if value >> bit & 1 != 0 { '+' } else { '-' };
        write!(out, "{sign}{}", names.get(bit).copied().unwrap_or("[Unknown]"))?;
    }
    Ok(())
}

/// Writes items with commas between them.
pub(crate) struct List<'w> {
    pub(crate) out: &'w mut dyn Write,
    any: bool,
}

impl<'w> List<'w> {
    pub(crate) fn new(out: &'w mut dyn Write) -> Self {
        Self { out, any: false }
    }

    /// Where the next item goes, behind a comma if it is not the first.
    pub(crate) fn item(&mut self) -> Result<&mut dyn Write, fmt::Error> {
        if core::mem::replace(&mut self.any, true) {
            self.out.write_char(',')?;
        }
        Ok(self.out)
    }
}

/// Says that bytes were left over behind the last attribute.
pub(crate) fn leftover(out: &mut dyn Write, rest: &[u8], whole: usize) -> fmt::Result {
    if rest.is_empty() {
        return Ok(());
    }
    if rest.len() == whole {
        out.write_str("<empty>")?;
    }
    write!(out, ",***{} leftover bytes*** ({})", rest.len(), Bytes(rest, ""))
}
