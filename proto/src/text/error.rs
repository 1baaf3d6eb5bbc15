//! Why a line of flow text could not be read: where, and for which reason. Both are small `Copy` values; words are made at
//! the edge, by [`core::fmt::Display`].

use core::fmt;

/// A part of the text that was handed to a parser, in bytes from its start; both ends are on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last. The same as `start` where something is missing.
    pub end: usize,
}

/// What is wrong with a piece of flow text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParseReason {
    /// This had to stand here.
    Expected(&'static str),
    /// No key field has this name.
    UnknownKey,
    /// No action has this name.
    UnknownAction,
    /// The field or action around it has no part by this name.
    UnknownField,
    /// No flag has this name.
    UnknownFlag,
    /// Neither a port's number nor, where names are known, the name of one.
    UnknownPort,
    /// The same thing was said before.
    Twice,
    /// Not a number.
    BadNumber,
    /// A number that begins with 0: decimal to some readers and octal to others.
    LeadingZero,
    /// A number that needs more bits than this.
    TooLarge(u16),
    /// Not an Ethernet address.
    BadMac,
    /// Not an IPv4 address.
    BadIpv4,
    /// Not an IPv6 address.
    BadIpv6,
    /// A prefix length above this.
    BadPrefix(u8),
    /// Not pairs of hexadecimal digits.
    BadHex,
    /// Not an identifier of a flow.
    BadUfid,
    /// Not a share between 0% and 100%.
    BadPercent,
    /// Not a time such as `1.234s`, nor `never`.
    BadTime,
    /// A Geneve option's length that is no multiple of 4, or above 124.
    BadOptionLength,
    /// The last of a range is before its first, or of another kind.
    BadRange,
    /// Text the kernel takes as a name: empty, too long, or with a character that cannot be printed as it is.
    BadName,
    /// Value and mask are of different lengths.
    LengthsDiffer,
    /// This takes no mask.
    NoMask,
    /// This has to be given whole and without a mask.
    Partial,
    /// This cannot be set.
    NotSettable,
    /// This has to be given.
    Missing(&'static str),
    /// Nested deeper than the kernel accepts.
    TooDeep,
    /// More than the 65531 bytes one attribute can hold.
    TooLong,
    /// An action only a datapath in userspace has: there is no form of it the kernel would take.
    UserspaceOnly,
    /// `drop` without a reason stands for no action at all, so no other may be beside it.
    DropAlone,
    /// Something is left over.
    Trailing,
}

impl fmt::Display for ParseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expected(what) => return write!(f, "expected {what}"),
            Self::UnknownKey => "no key field has this name",
            Self::UnknownAction => "no action has this name",
            Self::UnknownField => "this is not part of the field or action it stands in",
            Self::UnknownFlag => "no flag has this name here",
            Self::UnknownPort => "neither the number nor the known name of a port",
            Self::Twice => "this was given before",
            Self::BadNumber => "not a number: write it decimal, or hexadecimal with 0x",
            Self::LeadingZero => "a number that begins with 0 is octal to some readers: leave the zeros out, or write 0x",
            Self::TooLarge(bits) => return write!(f, "a number that does not fit in {bits} bits"),
            Self::BadMac => "not an Ethernet address: write six pairs of hexadecimal digits, such as 52:54:00:12:34:56",
            Self::BadIpv4 => "not an IPv4 address, such as 192.0.2.1",
            Self::BadIpv6 => "not an IPv6 address, such as 2001:db8::1",
            Self::BadPrefix(most) => return write!(f, "a prefix length is a number up to {most}"),
            Self::BadHex => "not pairs of hexadecimal digits",
            Self::BadUfid => "not a flow's identifier, such as 96e49686-d1cb-46fa-bc45-de1b2d523784",
            Self::BadPercent => "not a share of packets between 0% and 100%",
            Self::BadTime => "not a time: write seconds with three decimals, such as 1.234s, or never",
            Self::BadOptionLength => "a Geneve option's value is a multiple of 4 bytes long, at most 124",
            Self::BadRange => "the end of a range must be of the same kind as its beginning and not before it",
            Self::BadName => "not a name: 1 to 31 printable ASCII characters, without quotes and backslash",
            Self::LengthsDiffer => "value and mask must be of the same length",
            Self::NoMask => "this takes no mask",
            Self::Partial => "this can only be set whole: give every part, without masks",
            Self::NotSettable => "this cannot be set",
            Self::Missing(what) => return write!(f, "{what} is missing"),
            Self::TooDeep => "nested deeper than the kernel accepts",
            Self::TooLong => "longer than the 65531 bytes a netlink attribute can hold",
            Self::UserspaceOnly => "only a datapath in userspace has this action, the kernel has none like it",
            Self::DropAlone => "drop stands for no action at all and cannot be beside others; drop(REASON) can",
            Self::Trailing => "nothing was expected here",
        })
    }
}

/// Flow text that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParseError {
    /// Where.
    pub span: Span,
    /// Why.
    pub reason: ParseReason,
}

impl ParseError {
    /// An error about the bytes from `start` to `end`.
    pub const fn new(start: usize, end: usize, reason: ParseReason) -> Self {
        Self { span: Span { start, end }, reason }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.span.start, self.reason)
    }
}

impl core::error::Error for ParseError {}
