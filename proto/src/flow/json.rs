//! A flow as a line of JSON, made from its line of text: the text's pieces are moved, not printed again.

use crate::flow::Flow;
use crate::key::Key;
use crate::text::PortNames;
use crate::text::put::{pair, put};

/// Appends a flow as a JSON object on one line, without a newline. `line` is its text as [`append_flow`](super::append_flow) has it: what
/// separates its pieces stands in none of them, since only bytes of attributes without a name have blanks, and a device's name has neither
/// blank nor colon. `names` has the names for `in_port_name`. No allocation when `out` has room.
pub fn append_flow_json(out: &mut Vec<u8>, flow: &Flow<'_>, line: &[u8], names: &PortNames<'_>) {
    let pieces = Pieces::of(line);
    put!(out, "{\"ufid\":");
    match flow.ufid {
        Some(ufid) => put!(out, "\"", ufid.text(), "\""),
        None => put!(out, "null"),
    }
    put!(out, ",\"packets\":");
    out.extend_from_slice(pieces.packets);
    put!(out, ",\"bytes\":");
    out.extend_from_slice(pieces.bytes);
    put!(out, ",\"used\":");
    out.extend_from_slice(pieces.used.strip_suffix(b"s").unwrap_or(b"null"));
    put!(out, ",\"tcp_flags\":");
    string(out, pieces.flags);
    put!(out, ",\"in_port\":");
    let in_port = flow.key.and_then(|key| Key::new(key).in_port());
    match in_port {
        Some(port) => put!(out, port),
        None => put!(out, "null"),
    }
    put!(out, ",\"in_port_name\":");
    match in_port.and_then(names) {
        Some(name) => string(out, name.as_bytes()),
        None => put!(out, "null"),
    }
    put!(out, ",\"key\":");
    string(out, pieces.key);
    put!(out, ",\"actions\":");
    string(out, pieces.actions);
    put!(out, "}");
}

/// The pieces of a flow's text.
#[derive(Debug, Default)]
struct Pieces<'a> {
    key: &'a [u8],
    packets: &'a [u8],
    bytes: &'a [u8],
    used: &'a [u8],
    flags: &'a [u8],
    actions: &'a [u8],
}

impl<'a> Pieces<'a> {
    fn of(line: &'a [u8]) -> Self {
        let (key, behind) = split(line, b", packets:");
        let (packets, behind) = split(behind, b", bytes:");
        let (bytes, behind) = split(behind, b", used:");
        let (counted, actions) = split(behind, b", actions:");
        let (used, more) = split(counted, b", ");
        let (flags, _) = split(more.strip_prefix(b"flags:").unwrap_or_default(), b", ");
        // With the identifier in front the key begins behind it.
        let key = if key.starts_with(b"ufid:") { split(key, b", ").1 } else { key };
        Self { key, packets, bytes, used, flags, actions }
    }
}

/// What is before and what is behind the first `mark`, which begins with a comma and a blank. Blanks are few: no other byte is
/// looked at twice.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    let mut from = 0;
    while let Some(blank) = text.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b' ')) {
        let at = (from + blank).saturating_sub(1);
        if let Some(behind) = text.get(at..).and_then(|rest| rest.strip_prefix(mark)) {
            return (text.get(..at).unwrap_or_default(), behind);
        }
        from += blank + 1;
    }
    (text, &[])
}

/// A string with its quotes. Its bytes are UTF-8: text made of text.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    let mut rest = text;
    while let Some(at) = rest.iter().position(special) {
        let (plain, behind) = rest.split_at(at);
        out.extend_from_slice(plain);
        match behind.split_first() {
            Some((quoted @ (b'"' | b'\\'), behind)) => {
                out.extend_from_slice(&[b'\\', *quoted]);
                rest = behind;
            }
            Some((control, behind)) => {
                put!(out, "\\u00", pair(*control));
                rest = behind;
            }
            None => break,
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
