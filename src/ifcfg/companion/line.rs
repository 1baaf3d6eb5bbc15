//! The lines of a file of arguments for `ip`, as network-scripts split them: words with blanks between them, each with its place.
//!
//! It must not know what a word means.

use super::super::code::Code;
use super::super::diag::{Diagnostic, Sink, shown};
use super::super::span::Span;

/// More lines than this are no routes or rules somebody wrote for one interface.
const MAX_LINES: usize = 4096;

/// One word of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) span: Span,
}

/// The lines of `src` that are neither empty nor comments, by word; what cannot be split is reported.
pub(super) fn split<'a>(file: &str, src: &'a [u8], sink: &mut Sink) -> Vec<Vec<Word<'a>>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut crlf = None;
    for line in src.split(|&b| b == b'\n') {
        let at = start;
        start += line.len() + 1;
        let line = match line.strip_suffix(b"\r") {
            Some(rest) => {
                crlf.get_or_insert(Span::new(at + rest.len(), at + line.len()));
                rest
            }
            None => line,
        };
        if matches!(line.trim_ascii_start().first(), None | Some(b'#')) {
            continue;
        }
        if lines.len() == MAX_LINES {
            let found = Diagnostic::error(Code::TooLarge, file, format!("this file has more than {MAX_LINES} lines that say something"));
            sink.push(found.at(Span::new(at, at + line.len())).help("a routing daemon keeps so many better"));
            break;
        }
        match words(line, at) {
            Ok(words) => lines.push(words),
            Err((span, message, help)) => sink.push(Diagnostic::error(Code::BareWord, file, message).at(span).help(help)),
        }
    }
    if let Some(span) = crlf {
        let found = Diagnostic::warning(Code::ForeignBytes, file, "the lines end as DOS writes them");
        sink.push(found.at(span).help("`dos2unix` takes the carriage returns away; network-scripts handed them to `ip`"));
    }
    lines
}

type Bad = (Span, String, &'static str);

fn words(line: &[u8], at: usize) -> Result<Vec<Word<'_>>, Bad> {
    let mut words = Vec::new();
    for word in line.split(|&b| b == b' ' || b == b'\t').filter(|word| !word.is_empty()) {
        let begin = at + word.as_ptr().addr() - line.as_ptr().addr();
        let span = Span::new(begin, begin + word.len());
        let told = shown(word);
        let text = std::str::from_utf8(word).map_err(|_| (span, format!("`{told}` is not UTF-8"), "write it anew"))?;
        if text.starts_with('#') {
            return Err((span, "a comment behind the arguments is handed to `ip`, which refuses it".to_owned(), "write it on a line of its own"));
        }
        if let Some(odd) = text.chars().find(|c| c.is_control() || matches!(c, '\\' | '"' | '\'' | '$' | '`' | '*' | '?' | '[' | '\u{a0}')) {
            let message = format!("`{told}` is not evaluated: a line holds plain words for `ip`, without `{}`", odd.escape_debug());
            return Err((span, message, "write out what it is to come to"));
        }
        words.push(Word { text, span });
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_places() {
        let mut sink = Sink::default();
        let src = b"# all\n\n 10.0.0.0/8\tvia 10.1.1.1 \n\x20#x\nb";
        let lines = split("route-x", src, &mut sink);
        let texts: Vec<Vec<_>> = lines.iter().map(|line| line.iter().map(|word| word.text).collect()).collect();
        assert_eq!(texts, [vec!["10.0.0.0/8", "via", "10.1.1.1"], vec!["b"]]);
        for word in lines.iter().flatten() {
            assert_eq!(&src[word.span.start..word.span.end], word.text.as_bytes());
        }
        assert!(sink.into_list().is_empty());
    }

    #[test]
    fn what_is_no_plain_word_is_refused_and_the_rest_read() {
        for (src, code) in [
            (&b"a # b\nc"[..], Code::BareWord),
            (b"a \"b\"\nc", Code::BareWord),
            (b"$DEVICE\nc", Code::BareWord),
            (b"a\\\nc", Code::BareWord),
            (b"\xff\nc", Code::BareWord),
            (b"\xc2\xa0a\nc", Code::BareWord),
            (b"c\r\n", Code::ForeignBytes),
        ] {
            let mut sink = Sink::default();
            let lines = split("route-x", src, &mut sink);
            assert_eq!(lines.last().unwrap()[0].text, "c");
            let found = sink.into_list();
            assert_eq!(found.iter().map(|found| found.code).collect::<Vec<_>>(), [code], "{found:?}");
        }
    }
}
