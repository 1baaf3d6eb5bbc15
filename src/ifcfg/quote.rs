//! Values back to text: the shortest quoting in which the same bytes are read again, here and by bash, and in which nothing
//! hides.
//!
//! It must not lose or repair a byte.

use std::fmt::Write;

/// `value` as a word to put behind `NAME=`: on one line, with whatever is not plainly visible as an escape.
pub fn quoted(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:,@%+=".contains(&b)) => text.to_owned(),
        Ok(text) if text.chars().all(|c| c != '\'' && !hides(c)) => format!("'{text}'"),
        _ => escaped(value),
    }
}

fn escaped(value: &[u8]) -> String {
    let mut out = "$'".to_owned();
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\\' | '\'' => out.extend(['\\', c]),
                c if hides(c) => hex(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut out),
                c => out.push(c),
            }
        }
        hex(chunk.invalid(), &mut out);
    }
    out.push('\'');
    out
}

fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        // Writing into a string does not fail.
        let _ = write!(out, "\\x{byte:02x}");
    }
}

/// Whether `c` is not seen, is seen as something else, or turns the direction of what follows.
fn hides(c: char) -> bool {
    let looks_like_another = matches!(c, '\u{a0}' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{202f}');
    let is_not_seen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_control() || looks_like_another || is_not_seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_that_hides_nothing() {
        for (value, word) in [
            (b"".as_slice(), ""),
            (b"eth0.100", "eth0.100"),
            (b"a b", "'a b'"),
            (b"~", "'~'"),
            (b"a\nb", "$'a\\nb'"),
            (b"it's", "$'it\\'s'"),
            (b"a\\b", "'a\\b'"),
            (b"'\\", "$'\\'\\\\'"),
            ("\u{e9}".as_bytes(), "'\u{e9}'"),
            (b"\xff1", "$'\\xff1'"),
            (b"\x1b[m", "$'\\x1b[m'"),
            ("a\u{a0}b".as_bytes(), "$'a\\xc2\\xa0b'"),
            ("\u{202e}x".as_bytes(), "$'\\xe2\\x80\\xaex'"),
        ] {
            assert_eq!(quoted(value), word, "{value:?}");
        }
    }
}
