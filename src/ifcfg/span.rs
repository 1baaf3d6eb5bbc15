//! Where in a file something stands: byte offsets, and the line and column a person counts.
//!
//! It must not know files or what is written in them.

use serde::{Deserialize, Serialize};

/// A run of bytes of one file, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` to before `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the start of `self` to the end of `other`.
    pub const fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

/// A place as a person counts it: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line; a byte that is not UTF-8 counts as one.
    pub column: usize,
}

/// Where the byte at `offset` stands in `bytes`; past the end, where the end is.
pub fn position(bytes: &[u8], offset: usize) -> Position {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let head = before.get(line_start..).unwrap_or_default();
    Position { line, column: String::from_utf8_lossy(head).chars().count() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        assert_eq!(position(b"", 0), Position { line: 1, column: 1 });
        assert_eq!(position("é=1\nab".as_bytes(), 2), Position { line: 1, column: 2 });
        assert_eq!(position(b"a\nbc\n", 3), Position { line: 2, column: 2 });
        assert_eq!(position(b"a\n", 9), Position { line: 2, column: 1 });
        assert_eq!(position(b"\xff\xfe=", 2), Position { line: 1, column: 3 });
    }
}
