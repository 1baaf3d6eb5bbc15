//! Words of a command line, and where in them something is: arguments as a shell hands them over, or a text such as
//! `OVS_EXTRA` split as ifup-ovs's unquoted `$OVS_EXTRA` is: at blanks, quotes being letters like others.

use core::ops::Range;

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The argument.
    pub text: String,
    /// Where it begins in the text it was split from, in bytes; 0 for an argument that came by itself.
    pub start: usize,
}

/// A piece of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The argument's place among those that were parsed, from 0.
    pub word: usize,
    /// Which of its bytes.
    pub bytes: Range<usize>,
}

impl At {
    /// All of one argument.
    pub fn word(word: usize, text: &str) -> Self {
        Self { word, bytes: 0..text.len() }
    }

    /// Where it is in the text the argument was split from.
    pub fn span(&self, words: &[Word]) -> Option<Range<usize>> {
        words.get(self.word).map(|word| word.start + self.bytes.start..word.start + self.bytes.end)
    }
}

/// Arguments that came one by one.
pub fn words<I: IntoIterator<Item: Into<String>>>(arguments: I) -> Vec<Word> {
    arguments.into_iter().map(|text| Word { text: text.into(), start: 0 }).collect()
}

/// A text's words: what stands between blanks, tabs and ends of lines.
pub fn split(text: &str) -> Vec<Word> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n');
    let start = |piece: &str| piece.as_ptr() as usize - text.as_ptr() as usize;
    text.split(blank).filter(|piece| !piece.is_empty()).map(|piece| Word { text: piece.to_owned(), start: start(piece) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_splits_at_blanks_alone_and_says_where() {
        let text = " set  Interface\tx 'a\nb' ";
        let words = split(text);
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["set", "Interface", "x", "'a", "b'"]);
        assert!(words.iter().all(|word| text[word.start..].starts_with(&word.text)));
        assert_eq!(At { word: 1, bytes: 2..5 }.span(&words), Some(8..11));
        assert_eq!(At { word: 9, bytes: 0..0 }.span(&words), None);
    }
}
