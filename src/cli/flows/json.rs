//! A flow as a line of JSON, made from its line of text: the text's pieces are moved, not printed again.

use std::io::Write;

use ovsdp_proto::flow::{Flow, Ufid};
use ovsdp_proto::key::Key;

use crate::cli::dump::Ports;

/// Appends a flow to `out`, without a newline. `line` is its text: a key, counters and actions. What separates these stands in
/// none of them: only bytes of attributes without a name have blanks, and a device's name has neither blank nor colon.
pub(super) fn append(out: &mut Vec<u8>, flow: &Flow<'_>, line: &[u8], ports: &Ports) {
    let pieces = Pieces::of(line);
    out.extend_from_slice(b"{\"ufid\":");
    match flow.ufid {
        Some(ufid) => {
            out.push(b'"');
            hex(out, ufid);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"packets\":");
    out.extend_from_slice(pieces.packets);
    out.extend_from_slice(b",\"bytes\":");
    out.extend_from_slice(pieces.bytes);
    out.extend_from_slice(b",\"used\":");
    out.extend_from_slice(pieces.used.strip_suffix(b"s").unwrap_or(b"null"));
    out.extend_from_slice(b",\"tcp_flags\":");
    string(out, pieces.flags);
    out.extend_from_slice(b",\"in_port\":");
    let in_port = flow.key.and_then(|key| Key::new(key).in_port());
    match in_port {
        // Writing to a Vec does not fail.
        Some(port) => drop(write!(out, "{port}")),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"in_port_name\":");
    match in_port.and_then(|port| ports.name(port)) {
        Some(name) => string(out, name.as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"key\":");
    string(out, pieces.key);
    out.extend_from_slice(b",\"actions\":");
    string(out, pieces.actions);
    out.push(b'}');
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

/// An identifier as the text has it.
fn hex(out: &mut Vec<u8>, Ufid(bytes): Ufid) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Words in the host's order.
    for (at, place) in [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12].into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        let place = if cfg!(target_endian = "little") { place } else { at };
        let byte = bytes.get(place).copied().unwrap_or(0);
        out.extend_from_slice(&[byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    }
}

/// A string with its quotes. Its bytes are UTF-8: text made of text.
pub(super) fn string(out: &mut Vec<u8>, text: &[u8]) {
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
                let _ = write!(out, "\\u{control:04x}");
                rest = behind;
            }
            None => break,
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
