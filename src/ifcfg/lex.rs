//! Bytes to statements: which assignments a file holds, each word still in its parts, with spans. Follows bash's grammar
//! for assignments and refuses, with a place and advice, everything bash would run.
//!
//! It must not evaluate: what a word comes to is `assign`'s. One pass, nothing is looked at twice but what a refusal skips.

use super::code::Code;
use super::diag::{Diagnostic, Sink};
use super::span::Span;
use super::word::{Mode, Word, WordBuilder};

/// `name=word` or `name+=word`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assign {
    pub(super) name: String,
    pub(super) name_span: Span,
    pub(super) append: bool,
    pub(super) word: Word,
}

/// The assignments of one simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// After `export`, every word is expanded before the first is assigned.
    pub(super) export: bool,
    pub(super) assigns: Vec<Assign>,
}

/// An error was reported; reading goes on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// With the next line.
    Line,
    /// Not at all: what is quoted and what is not can no longer be told.
    File,
}

pub(super) type Lex<T> = Result<T, Stop>;

/// Reads one file.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    pub(super) file: &'a str,
    pub(super) src: &'a [u8],
    pub(super) pos: usize,
    pub(super) depth: usize,
    pub(super) sink: Sink,
    /// A closed quote of this statement that took in a line which looks like an assignment: the quote, and that line's name.
    pub(super) swallowed: Option<(Span, Span)>,
    crlf: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(file: &'a str, src: &'a [u8]) -> Self {
        let mut lexer = Self { file, src, pos: 0, depth: 0, sink: Sink::default(), swallowed: None, crlf: false };
        if src.starts_with(b"\xef\xbb\xbf") {
            lexer.pos = 3;
            let found = Diagnostic::warning(Code::ForeignBytes, file, "the file starts with a byte order mark");
            lexer.sink.push(
                found
                    .at(Span::new(0, 3))
                    .help("save it as UTF-8 without a mark")
                    .note("bash takes the mark for part of the first key, and loses that key"),
            );
        }
        if let Some(at) = src.iter().position(|&b| b == 0) {
            lexer.error(Code::ForeignBytes, Span::new(at, at + 1), "there is a NUL byte in the file", "save it as plain text");
            lexer.pos = src.len();
        }
        lexer
    }

    /// The next statement; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Option<Statement> {
        loop {
            self.blanks();
            match self.cur()? {
                b'\n' => self.pos += 1,
                b'#' => self.comment(),
                _ => match self.statement() {
                    Ok(statement) => return Some(statement),
                    // Quotes in the rest are not followed: on a broken line an apostrophe is more often one in prose.
                    Err(Stop::Line) => self.comment(),
                    Err(Stop::File) => self.pos = self.src.len(),
                },
            }
        }
    }

    /// The byte at hand; the CR of a CRLF, or of the file's end, is passed over.
    pub(super) fn cur(&mut self) -> Option<u8> {
        let at = self.pos;
        if self.src.get(at) == Some(&b'\r') && matches!(self.src.get(at + 1), Some(b'\n') | None) {
            if !self.crlf {
                self.crlf = true;
                let found = Diagnostic::warning(Code::ForeignBytes, self.file, "lines end in CR LF");
                let note = "bash keeps the CR in the value: `TYPE=OVSBridge` with it is no known type";
                self.sink.push(found.at(Span::new(at, at + 1)).help("save the file with Unix line ends: `sed -i 's/\\r$//' FILE`").note(note));
            }
            self.pos += 1;
        }
        self.src.get(self.pos).copied()
    }

    /// The byte `ahead` of the one at hand.
    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.src.get(self.pos + ahead).copied()
    }

    /// Passes over every backslash that joins lines, here.
    pub(super) fn joins(&mut self) {
        while self.peek(0) == Some(b'\\') {
            match (self.peek(1), self.peek(2)) {
                (Some(b'\n'), _) => self.pos += 2,
                (Some(b'\r'), Some(b'\n')) => {
                    self.pos += 1;
                    self.cur();
                    self.pos += 1;
                }
                _ => return,
            }
        }
    }

    /// Reports an error.
    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.sink.push(Diagnostic::error(code, self.file, message).at(span).help(help));
    }

    fn blanks(&mut self) {
        loop {
            self.joins();
            match self.cur() {
                Some(b' ' | b'\t') => self.pos += 1,
                _ => return,
            }
        }
    }

    /// Passes over the rest of the line.
    fn comment(&mut self) {
        let rest = self.src.get(self.pos..).unwrap_or_default();
        self.pos += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }

    /// A run of name characters, which may be empty; what it is, and its span.
    pub(super) fn name(&mut self) -> (String, Span) {
        let (start, mut end) = (self.pos, self.pos);
        let mut name = String::new();
        loop {
            self.joins();
            match self.cur() {
                Some(c) if c == b'_' || c.is_ascii_alphabetic() || (c.is_ascii_digit() && !name.is_empty()) => {
                    name.push(char::from(c));
                    self.pos += 1;
                    end = self.pos;
                }
                _ => return (name, Span::new(start, end)),
            }
        }
    }

    /// Whether the statement is over; its terminator is consumed, a line end is not.
    fn ends(&mut self) -> bool {
        match self.cur() {
            None | Some(b'\n') => true,
            Some(b'#') => {
                self.comment();
                true
            }
            Some(b';') => {
                self.pos += 1;
                true
            }
            Some(_) => false,
        }
    }

    fn statement(&mut self) -> Lex<Statement> {
        self.depth = 0;
        self.swallowed = None;
        let start = self.pos;
        let mut statement = Statement { export: false, assigns: Vec::new() };
        let mut items = 0_usize;
        loop {
            let item = self.pos;
            let (name, name_span) = self.name();
            match self.cur() {
                Some(b'=') if !name.is_empty() => {
                    self.pos += 1;
                    let assign = self.assign(name, name_span, false, statement.export)?;
                    statement.assigns.push(assign);
                }
                Some(b'+') if !name.is_empty() && self.peek(1) == Some(b'=') => {
                    self.pos += 2;
                    let assign = self.assign(name, name_span, true, statement.export)?;
                    statement.assigns.push(assign);
                }
                Some(b'[') if !name.is_empty() => {
                    let span = self.rest_of_word(item);
                    self.error(Code::RefusedShell, span, "arrays are not evaluated", "use one key for each value");
                    return Err(Stop::Line);
                }
                Some(b' ' | b'\t') if items == 0 && name == "export" => {
                    statement.export = true;
                    self.blanks();
                    if self.cur().is_some_and(|c| matches!(c, b'\n' | b';' | b'#')) || self.cur().is_none() {
                        return Err(self.bare_word(start, &statement));
                    }
                    items += 1;
                    continue;
                }
                // `export NAME` marks and sets nothing.
                None | Some(b' ' | b'\t' | b'\n' | b';') if statement.export && !name.is_empty() => {}
                Some(c @ (b'&' | b'|' | b'<' | b'>' | b'(' | b')')) if items > 0 && name.is_empty() => return Err(self.operator(c)),
                _ => return Err(self.bare_word(item, &statement)),
            }
            items += 1;
            self.blanks();
            if self.ends() {
                return Ok(statement);
            }
        }
    }

    fn assign(&mut self, name: String, name_span: Span, append: bool, export: bool) -> Lex<Assign> {
        let start = self.pos;
        let mut builder = WordBuilder::default();
        if self.cur() == Some(b'(') {
            let span = self.rest_of_word(start);
            self.error(Code::RefusedShell, span, "arrays are not evaluated", "use one key for each value, such as IPADDR1= and IPADDR2=");
            return Err(Stop::Line);
        }
        self.word(Mode::Top { export }, &mut builder)?;
        let span = Span::new(start, self.pos);
        self.look_for_foreign_bytes(span);
        Ok(Assign { name, name_span, append, word: builder.finish(span) })
    }

    /// From `start` to where the word, unquoted, would end.
    pub(super) fn rest_of_word(&self, start: usize) -> Span {
        let rest = self.src.get(start..).unwrap_or_default();
        let len = rest.iter().position(|&b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b';')).unwrap_or(rest.len());
        Span::new(start, start + len.max(1).min(rest.len()))
    }

    /// Warns of what looks like something else than it is, inside a value.
    fn look_for_foreign_bytes(&mut self, span: Span) {
        let raw = self.src.get(span.start..span.end).unwrap_or_default();
        let find =
            |needle: &[u8]| raw.windows(needle.len()).position(|w| w == needle).map(|at| Span::new(span.start + at, span.start + at + needle.len()));
        let quotes = ["\u{201c}", "\u{201d}", "\u{2018}", "\u{2019}"].iter().filter_map(|q| find(q.as_bytes())).min();
        if let Some(at) = quotes {
            let found = Diagnostic::warning(Code::ForeignBytes, self.file, "a typographic quote is part of the value");
            self.sink.push(found.at(at).help("write a plain `\"`").note("only ASCII quotes quote; this one is kept as a character"));
        }
        if let Some(at) = find("\u{a0}".as_bytes()) {
            let found = Diagnostic::warning(Code::ForeignBytes, self.file, "a non-breaking blank is part of the value");
            self.sink.push(found.at(at).help("write a plain blank"));
        }
        let control = raw.iter().enumerate().position(|(i, &b)| {
            (b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || b == 0x7f || (b == b'\r' && !matches!(raw.get(i + 1), Some(b'\n') | None))
        });
        if let Some(i) = control {
            let found = Diagnostic::warning(Code::ForeignBytes, self.file, "a control character is part of the value");
            self.sink.push(found.at(Span::new(span.start + i, span.start + i + 1)).help("remove it"));
        }
        if let Some(at) = [b"{{", b"{%", b"<%"].iter().filter_map(|t| find(*t)).min() {
            let found = Diagnostic::warning(Code::Template, self.file, "this looks like what a template left behind");
            self.sink.push(found.at(at).help("put in what the template should have"));
        }
    }
}
