//! A flow as one line of text.

use core::fmt::{self, Write};

use crate::action::fmt_actions;
use crate::flow::Flow;
use crate::key::fmt_key;
use crate::text::Style;

/// A flow as `ovs-dpctl dump-flows` prints it, without the newline.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The flow.
    pub flow: &'a Flow<'a>,
    /// The time in milliseconds on the monotonic clock, for `used:`.
    pub now_ms: u64,
    /// How to print it.
    pub style: Style<'a>,
}

impl Line<'_> {
    /// Appends the line to `out`, without a newline.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        // Writing to a Vec does not fail.
        let _ = std::io::Write::write_fmt(out, format_args!("{self}"));
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_flow(f, self.flow, self.now_ms, &self.style)
    }
}

/// Prints a flow as `ovs-dpctl dump-flows` does, without the newline. `now_ms` is milliseconds on the monotonic clock. No
/// allocation.
///
/// # Errors
/// Only what `out` returns.
pub fn fmt_flow(out: &mut dyn Write, flow: &Flow<'_>, now_ms: u64, style: &Style<'_>) -> fmt::Result {
    if style.verbose
        && let Some(ufid) = flow.ufid
    {
        write!(out, "ufid:{ufid}, ")?;
    }
    fmt_key(out, flow.key.unwrap_or_default(), flow.mask, style)?;
    write!(out, ", packets:{}, bytes:{}, used:", flow.stats.packets, flow.stats.bytes)?;
    match flow.used {
        None | Some(0) => out.write_str("never")?,
        Some(used) => {
            let ago = now_ms.saturating_sub(used);
            write!(out, "{}.{:03}s", ago / 1000, ago % 1000)?;
        }
    }
    if flow.tcp_flags != 0 {
        out.write_str(", flags:")?;
        for (bit, letter) in [(1, 'S'), (0, 'F'), (3, 'P'), (2, 'R'), (5, 'U'), (4, '.'), (6, 'E'), (7, 'C')] {
            if flow.tcp_flags >> bit & 1 != 0 {
                out.write_char(letter)?;
            }
        }
    }
    if style.verbose {
        out.write_str(", dp:ovs")?;
    }
    out.write_str(", actions:")?;
    fmt_actions(out, flow.actions.unwrap_or_default(), style)
}
