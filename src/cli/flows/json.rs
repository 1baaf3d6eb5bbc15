//! A flow as a line of JSON, made from its line of text: the text's pieces are moved, not printed again.

use std::io::Write;

use ovsdp_proto::flow::{Flow, Ufid};
use ovsdp_proto::key::Key;

use crate::cli::dump::Ports;

/// Appends a flow to `out`, without a newline. `line` is its text: a key, counters and actions with blanks nowhere else
/// than behind the commas between these (no device's name has any).
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
        let mut this = Self::default();
        let mut rest = line;
        loop {
            if let Some(actions) = rest.strip_prefix(b"actions:") {
                this.actions = actions;
                return this;
            }
            let (piece, behind) = match rest.iter().position(|byte| *byte == b' ') {
                Some(blank) => (rest.get(..blank).unwrap_or_default(), rest.get(blank + 1..).unwrap_or_default()),
                None => (rest, &[][..]),
            };
            let piece = piece.strip_suffix(b",").unwrap_or(piece);
            for (name, place) in
                [(&b"packets:"[..], &mut this.packets), (b"bytes:", &mut this.bytes), (b"used:", &mut this.used), (b"flags:", &mut this.flags)]
            {
                if let Some(value) = piece.strip_prefix(name) {
                    *place = value;
                }
            }
            if this.packets.is_empty() && !piece.starts_with(b"ufid:") {
                this.key = piece;
            }
            if behind.is_empty() {
                return this;
            }
            rest = behind;
        }
    }
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
