//! Why bytes could not be read. Small and `Copy`; text is made at the edge, by [`core::fmt::Display`].

use core::fmt;

/// What was wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Fewer bytes than a header or the declared length needs.
    Truncated,
    /// A declared length that cannot be: shorter than its own header, or not the size the type has.
    BadLength,
    /// An attribute the message cannot be understood without is missing.
    Missing,
    /// A value outside its range.
    BadValue,
    /// Nested deeper than the kernel itself would accept.
    TooDeep,
}

/// A message or attribute that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeError {
    /// What was being read: a family or structure, such as `"ovs_flow"`.
    pub family: &'static str,
    /// The attribute's number in its own nest; 0 when a header was at fault.
    pub attr: u16,
    /// Bytes from the start of the slice that was handed to the reader.
    pub offset: usize,
    /// What was wrong.
    pub reason: Reason,
}

impl DecodeError {
    /// An error in `family`, at `attr`, `offset` bytes into what was read.
    pub const fn new(family: &'static str, attr: u16, offset: usize, reason: Reason) -> Self {
        Self { family, attr, offset, reason }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.reason {
            Reason::Truncated => "is cut short",
            Reason::BadLength => "has an impossible length",
            Reason::Missing => "is missing",
            Reason::BadValue => "has a value outside its range",
            Reason::TooDeep => "is nested too deep",
        };
        write!(f, "{}: attribute {} {what} (offset {})", self.family, self.attr, self.offset)
    }
}

impl core::error::Error for DecodeError {}
