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
pub(crate) mod put;

pub use error::{ParseError, ParseReason, Span};

use core::fmt;

use put::{Bytes, Hex, put};

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
    pub(crate) fn port(&self, out: &mut Vec<u8>, port: u32) {
        match self.names.and_then(|names| names(port)) {
            Some(name) => put!(out, name),
            None => put!(out, port),
        }
    }
}

/// Flags by name, joined by `|`; those without a name as one number; `0` when none is set.
pub(crate) fn flags(out: &mut Vec<u8>, value: u32, names: &[&str]) {
    flags_by(out, value, names, "|");
}

/// As [`flags`], joined by something else.
pub(crate) fn flags_by(out: &mut Vec<u8>, value: u32, names: &[&str], sep: &'static str) {
    if value == 0 {
        return put!(out, "0");
    }
    let mut between = "";
    let mut unnamed = value;
    for (bit, name) in names.iter().enumerate() {
        if value >> bit & 1 != 0 {
            unnamed &= !(1 << bit);
            put!(out, core::mem::replace(&mut between, sep), *name);
        }
    }
    if unnamed != 0 {
        put!(out, between, Hex(unnamed.into()));
    }
}

/// Flags with a mask: as [`flags`] when the mask is `all`, else `+name` or `-name` for each bit of the mask; as numbers when
/// one of those has no name, where `ovs-dpctl` writes `[Unknown]`.
pub(crate) fn masked_flags(out: &mut Vec<u8>, value: u32, mask: u32, all: u32, names: &[&str]) {
    if mask == all {
        return flags(out, value, names);
    }
    if mask == 0 {
        return put!(out, "0/0");
    }
    if names.len() < 32 && mask >> names.len() != 0 {
        return put!(out, Hex(value.into()), "/", Hex(mask.into()));
    }
    for (bit, name) in names.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 != 0) {
        put!(out, if value >> bit & 1 != 0 { "+" } else { "-" }, *name);
    }
}

/// Says that bytes were left over behind the last attribute.
pub(crate) fn leftover(out: &mut Vec<u8>, rest: &[u8], whole: usize) {
    if rest.is_empty() {
        return;
    }
    if rest.len() == whole {
        put!(out, "<empty>");
    }
    put!(out, ",***", rest.len(), " leftover bytes*** (", Bytes(rest, ""), ")");
}
