//! Values: the bytes a variable holds, and for each of them where in the file it came from.
//!
//! It must not know keys or what a value means.

use super::span::Span;

/// What a variable holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Value {
    bytes: Vec<u8>,
    span: Span,
    segments: Vec<Segment>,
}

/// From `at` in the value up to the next segment: where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    at: usize,
    source: Span,
    verbatim: bool,
}

impl Value {
    /// An empty value that stands at `span`.
    pub(super) fn new(span: Span) -> Self {
        Self { span, ..Self::default() }
    }

    /// A value that comes from no file.
    pub(super) fn given(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), ..Self::default() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], source: Span, verbatim: bool) {
        if !bytes.is_empty() {
            self.segments.push(Segment { at: self.bytes.len(), source, verbatim });
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Puts what `before` held in front, for `+=`. `same_file`: its spans are in this value's file too.
    pub(super) fn prepend(&mut self, before: &Self, same_file: bool) {
        let mut all = Self::new(self.span);
        if same_file {
            all.bytes.clone_from(&before.bytes);
            all.segments.clone_from(&before.segments);
        } else {
            all.push(&before.bytes, self.span, false);
        }
        let shift = all.bytes.len();
        all.segments.extend(self.segments.iter().map(|segment| Segment { at: segment.at + shift, ..*segment }));
        all.bytes.append(&mut self.bytes);
        *self = all;
    }

    /// The bytes; they need not be UTF-8.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text, when it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Where the word it was last assigned from stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where the bytes `start..end` of the value came from: exact where they stand in the file as they are, the whole
    /// escape or expansion where they do not.
    pub fn span_of(&self, start: usize, end: usize) -> Span {
        let first = self.place(start);
        let last = self.place(end.saturating_sub(1).max(start));
        match (first, last) {
            (Some(first), Some(last)) if first.start < last.end => first.to(last),
            _ => self.span,
        }
    }

    fn place(&self, at: usize) -> Option<Span> {
        if at >= self.bytes.len() {
            return None;
        }
        let index = self.segments.partition_point(|segment| segment.at <= at).checked_sub(1)?;
        let segment = self.segments.get(index)?;
        let inside = segment.source.start + (at - segment.at);
        Some(if segment.verbatim { Span::new(inside, inside + 1) } else { segment.source })
    }

    /// The blank-separated words of the text, each with where it came from. Quotes are characters like others, as in the
    /// scripts that use such a value unquoted. Empty when the value is not UTF-8.
    pub fn words(&self) -> impl Iterator<Item = (&str, Span)> {
        let text = self.text().unwrap_or_default();
        text.split([' ', '\t', '\n']).filter(|word| !word.is_empty()).map(move |word| {
            let start = word.as_ptr().addr() - text.as_ptr().addr();
            (word, self.span_of(start, start + word.len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_the_bytes() {
        let mut value = Value::new(Span::new(10, 30));
        value.push(b"eth0 ", Span::new(11, 16), true);
        value.push(b"longer", Span::new(16, 18), false);
        value.push(b" x", Span::new(18, 20), true);
        let words: Vec<_> = value.words().collect();
        assert_eq!(words, [("eth0", Span::new(11, 15)), ("longer", Span::new(16, 18)), ("x", Span::new(19, 20))]);
        assert_eq!(value.span_of(40, 50), Span::new(10, 30));
    }

    #[test]
    fn appending_keeps_spans_of_the_same_file_only() {
        let mut before = Value::new(Span::new(0, 2));
        before.push(b"ab", Span::new(0, 2), true);
        let mut value = Value::new(Span::new(5, 6));
        value.push(b"c", Span::new(5, 6), true);
        let mut other = value.clone();
        value.prepend(&before, true);
        assert_eq!((value.bytes(), value.span_of(1, 2)), (b"abc".as_slice(), Span::new(1, 2)));
        other.prepend(&before, false);
        assert_eq!((other.bytes(), other.span_of(1, 2)), (b"abc".as_slice(), Span::new(5, 6)));
    }
}
