//! The fields of a structure as text: `name=value/mask`, with commas between.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::mac::Mac;
use crate::text::put::{Hex, Ip6, List, Put, put};
use crate::uapi::frag;

/// Prints the fields of a structure, those that match anything only when asked for. All of it is inlined, so that the compiler
/// knows each name's length.
pub(super) struct Struct<'w> {
    pub(super) list: List<'w>,
    verbose: bool,
}

impl<'w> Struct<'w> {
    #[inline]
    pub(super) fn new(out: &'w mut Vec<u8>, verbose: bool) -> Self {
        Self { list: List::new(out), verbose }
    }

    /// Prints a field, `name` with its equals sign. Whether the mask has no bit or every bit is for the caller to say.
    #[inline(always)]
    pub(super) fn put(&mut self, name: &str, any: bool, full: bool, value: impl Put, mask: impl Put) {
        if any && !self.verbose {
            return;
        }
        put!(self.list.item(), name, value);
        if !full {
            put!(self.list.out, "/", mask);
        }
    }

    #[inline(always)]
    pub(super) fn mac(&mut self, name: &str, value: Mac, mask: Mac) {
        self.put(name, mask == Mac::ZERO, mask == Mac::BROADCAST, value, mask);
    }

    #[inline(always)]
    pub(super) fn ipv4(&mut self, name: &str, value: Ipv4Addr, mask: Ipv4Addr) {
        self.put(name, mask.is_unspecified(), mask.is_broadcast(), value, mask);
    }

    #[inline(always)]
    pub(super) fn ipv6(&mut self, name: &str, value: Ipv6Addr, mask: Ipv6Addr) {
        self.put(name, mask.is_unspecified(), mask.to_bits() == u128::MAX, Ip6(value), Ip6(mask));
    }

    #[inline(always)]
    pub(super) fn u8(&mut self, name: &str, value: u8, mask: u8) {
        self.put(name, mask == 0, mask == u8::MAX, value, Hex(mask.into()));
    }

    #[inline(always)]
    pub(super) fn hex8(&mut self, name: &str, value: u8, mask: u8) {
        self.put(name, mask == 0, mask == u8::MAX, Hex(value.into()), Hex(mask.into()));
    }

    #[inline(always)]
    pub(super) fn u16(&mut self, name: &str, value: u16, mask: u16) {
        self.put(name, mask == 0, mask == u16::MAX, value, Hex(mask.into()));
    }

    #[inline(always)]
    pub(super) fn hex16(&mut self, name: &str, value: u16, mask: u16) {
        self.put(name, mask == 0, mask == u16::MAX, Hex(value.into()), Hex(mask.into()));
    }

    /// Which fragment: matched whole or not at all.
    pub(super) fn frag(&mut self, value: u8, mask: u8) {
        match mask {
            0 => {}
            u8::MAX => {
                let name = match value {
                    frag::NONE => "no",
                    frag::FIRST => "first",
                    frag::LATER => "later",
                    _ => "<error>",
                };
                put!(self.list.item(), "frag=", name);
            }
            _ => put!(self.list.item(), "error: partial mask not supported for frag (", Hex(mask.into()), ")"),
        }
    }
}
