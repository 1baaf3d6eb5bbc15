//! A flow as one line of text.

use core::fmt;

use crate::action::append_actions;
use crate::flow::{Counted, Flow};
use crate::key::append_key;
use crate::text::Style;
use crate::text::put::{Thousandths, put};

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
    /// Appends the line, which is UTF-8, without a newline. No allocation when `out` has room.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        append_flow(out, self.flow, self.now_ms, &self.style);
    }
}

/// Appends a flow as `ovs-dpctl dump-flows` prints it, as UTF-8 and without the newline. `now_ms` is milliseconds on the
/// monotonic clock, for `used:`. No allocation when `out` has room. What [`Line`] appends, for one whose names outlive the flow.
pub fn append_flow(out: &mut Vec<u8>, flow: &Flow<'_>, now_ms: u64, style: &Style<'_>) {
    if style.verbose
        && let Some(ufid) = flow.ufid
    {
        put!(out, "ufid:", ufid.text(), ", ");
    }
    append_key(out, flow.key.unwrap_or_default(), flow.mask, style);
    let used_ms = flow.used.filter(|used| *used != 0).map(|used| now_ms.saturating_sub(used));
    append_counted(out, &Counted { stats: flow.stats, used_ms, tcp_flags: flow.tcp_flags });
    if style.verbose {
        put!(out, ", dp:ovs");
    }
    put!(out, ", actions:");
    append_actions(out, flow.actions.unwrap_or_default(), style);
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::new();
        self.append_to(&mut line);
        f.write_str(&String::from_utf8_lossy(&line))
    }
}

/// TCP's flags as letters, in the order a dump has them.
pub(super) const TCP_LETTERS: [(u8, u8); 8] = [(1, b'S'), (0, b'F'), (3, b'P'), (2, b'R'), (5, b'U'), (4, b'.'), (6, b'E'), (7, b'C')];

/// Appends a flow's counters as a dump has them, the comma before them too.
pub(super) fn append_counted(out: &mut Vec<u8>, counted: &Counted) {
    let Counted { stats, used_ms, tcp_flags } = *counted;
    put!(out, ", packets:", stats.packets, ", bytes:", stats.bytes, ", used:");
    match used_ms {
        None => put!(out, "never"),
        Some(ms) => put!(out, ms / 1000, ".", Thousandths(ms), "s"),
    }
    if tcp_flags != 0 {
        put!(out, ", flags:");
        out.extend(TCP_LETTERS.iter().filter(|(bit, _)| tcp_flags >> bit & 1 != 0).map(|(_, letter)| letter));
    }
}
