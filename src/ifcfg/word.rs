//! Words: quotes, escapes and expansions, as parts with spans.
//!
//! It must not expand anything, nor start anything: an expansion is recorded for `assign`, or refused here.

use super::code::Code;
use super::diag::{Diagnostic, shown};
use super::lex::{Lex, Lexer, Stop};
use super::span::Span;

/// Which way `$(hostname …)` asks for the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostForm {
    /// `$(hostname)`
    Whole,
    /// `$(hostname -s)`
    Short,
    /// `$(hostname -f)`
    Full,
}

/// `:-`, `-`, `:+` or `+` and the word after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alternative {
    /// With the colon, empty counts as unset.
    pub(super) colon: bool,
    /// `+`: used when the variable is set; else when it is not.
    pub(super) when_set: bool,
    pub(super) word: Word,
}

/// A piece of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Characters as they are. `verbatim`: each byte of `bytes` is the byte of the file at its place in `span`.
    Text { bytes: Vec<u8>, span: Span, verbatim: bool },
    /// A variable.
    Param { name: String, span: Span, alternative: Option<Box<Alternative>> },
    /// The host's name.
    Host { form: HostForm, span: Span },
}

/// What stands to the right of an `=`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
    pub(super) span: Span,
}

/// Where a word stands, which decides what ends it and what is special in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The value of an assignment, after `export` or not.
    Top { export: bool },
    /// Inside `${NAME:-…}`.
    Brace,
}

#[derive(Debug, Default)]
pub(super) struct WordBuilder {
    parts: Vec<Part>,
}

impl WordBuilder {
    /// Adds `byte`, which stands in the file at `at` as itself.
    pub(super) fn verbatim(&mut self, byte: u8, at: usize) {
        if let Some(Part::Text { bytes, span, verbatim: true }) = self.parts.last_mut()
            && span.end == at
        {
            bytes.push(byte);
            span.end += 1;
            return;
        }
        self.parts.push(Part::Text { bytes: vec![byte], span: Span::new(at, at + 1), verbatim: true });
    }

    /// Adds what an escape at `span` stands for.
    pub(super) fn escaped(&mut self, new: &[u8], span: Span) {
        if let Some(Part::Text { bytes, span: last, verbatim: false }) = self.parts.last_mut()
            && last.end == span.start
        {
            bytes.extend_from_slice(new);
            last.end = span.end;
            return;
        }
        self.parts.push(Part::Text { bytes: new.to_vec(), span, verbatim: false });
    }

    pub(super) fn part(&mut self, part: Part) {
        self.parts.push(part);
    }

    pub(super) fn finish(self, span: Span) -> Word {
        Word { parts: self.parts, span }
    }
}

/// Deeper than this nobody nests `${A:-${B:-…}}` on purpose.
const MAX_DEPTH: usize = 16;

impl Lexer<'_> {
    /// Reads a word into `out`, up to what ends it, which is left where it is.
    pub(super) fn word(&mut self, mode: Mode, out: &mut WordBuilder) -> Lex<()> {
        // Where bash would put a home directory for `~`: at the start, and after a literal `:`.
        let mut tilde = true;
        while let Some(c) = self.cur() {
            let at = self.pos;
            let before = std::mem::replace(&mut tilde, c == b':');
            match (c, mode) {
                (b' ' | b'\t' | b'\n' | b';', Mode::Top { .. }) | (b'}', Mode::Brace) => return Ok(()),
                (b'(' | b')' | b'|' | b'&' | b'<' | b'>', Mode::Top { .. }) => return Err(self.operator(c)),
                (b'<' | b'>', Mode::Brace) if self.peek(1) == Some(b'(') => return Err(self.operator(c)),
                (b'{', Mode::Top { export: true }) => {
                    let message = "braces after `export` would be expanded by bash";
                    self.error(Code::RefusedShell, Span::new(at, at + 1), message, "quote the value, or leave out `export`");
                    return Err(Stop::Line);
                }
                (b'\\', _) => {
                    if matches!((self.peek(1), self.peek(2)), (Some(b'\n'), _) | (Some(b'\r'), Some(b'\n'))) {
                        self.joins();
                        tilde = before;
                        continue;
                    }
                    self.pos += 1;
                    let Some(next) = self.cur() else {
                        self.error(Code::BareWord, Span::new(at, at + 1), "a backslash ends the file", "remove it");
                        return Err(Stop::File);
                    };
                    self.pos += 1;
                    out.escaped(&[next], Span::new(at, self.pos));
                }
                (b'\'', _) => self.single(out)?,
                (b'"', _) => self.double(at, out)?,
                (b'$', _) => self.dollar(false, out)?,
                (b'`', _) => self.backtick(out)?,
                _ => {
                    if c == b'~' && before {
                        let found =
                            Diagnostic::warning(Code::ShellDependent, self.file, "`~` is kept as it is; bash would put a home directory here");
                        self.sink.push(found.at(Span::new(at, at + 1)).help("write the folder, or quote the `~`"));
                    }
                    out.verbatim(c, at);
                    self.pos += 1;
                }
            }
        }
        Ok(())
    }

    fn single(&mut self, out: &mut WordBuilder) -> Lex<()> {
        let open = self.pos;
        self.pos += 1;
        loop {
            match self.cur() {
                None => return Err(self.unterminated(Span::new(open, open + 1), "'")),
                Some(b'\'') => {
                    self.pos += 1;
                    self.look_inside(Span::new(open, self.pos));
                    return Ok(());
                }
                Some(c) => {
                    out.verbatim(c, self.pos);
                    self.pos += 1;
                }
            }
        }
    }

    fn double(&mut self, open: usize, out: &mut WordBuilder) -> Lex<()> {
        self.pos += 1;
        loop {
            let Some(c) = self.cur() else { return Err(self.unterminated(Span::new(open, open + 1), "\"")) };
            let at = self.pos;
            match c {
                b'"' => {
                    self.pos += 1;
                    self.look_inside(Span::new(open, self.pos));
                    return Ok(());
                }
                b'$' => self.dollar(true, out)?,
                b'`' => self.backtick(out)?,
                b'\\' => match self.peek(1) {
                    Some(next @ (b'$' | b'`' | b'"' | b'\\')) => {
                        self.pos += 2;
                        out.escaped(&[next], Span::new(at, at + 2));
                    }
                    Some(b'\n') => self.joins(),
                    Some(b'\r') if self.peek(2) == Some(b'\n') => self.joins(),
                    _ => {
                        out.verbatim(c, at);
                        self.pos += 1;
                    }
                },
                _ => {
                    out.verbatim(c, at);
                    self.pos += 1;
                }
            }
        }
    }

    /// A `$` and what follows it; `quoted`: inside double quotes.
    pub(super) fn dollar(&mut self, quoted: bool, out: &mut WordBuilder) -> Lex<()> {
        let at = self.pos;
        self.pos += 1;
        self.joins();
        match self.cur() {
            Some(b'(') if self.peek(1) == Some(b'(') => self.refuse_group(at, b'(', b')', "arithmetic is not evaluated", "write the number"),
            Some(b'[') => self.refuse_group(at, b'[', b']', "arithmetic is not evaluated", "write the number"),
            Some(b'(') => {
                let inner = self.pos + 1;
                let end = self.group_end(b'(', b')').ok_or_else(|| self.unterminated(Span::new(at, at + 2), ")"))?;
                self.pos = end;
                self.command(Span::new(at, end), Span::new(inner, end - 1), out);
                Ok(())
            }
            Some(b'{') => self.brace(at, quoted, out),
            Some(b'\'') if !quoted => self.ansi(out),
            Some(b'"') if !quoted => {
                let found = Diagnostic::warning(Code::ShellDependent, self.file, "`$\"…\"` asks for a translation; the text is taken as it is");
                self.sink.push(found.at(Span::new(at, at + 2)).help("leave out the `$`"));
                self.double(self.pos, out)
            }
            Some(c) if c == b'_' || c.is_ascii_alphabetic() => {
                let (name, span) = self.name();
                out.part(Part::Param { name, span: Span::new(at, span.end), alternative: None });
                Ok(())
            }
            Some(c) if c.is_ascii_digit() || matches!(c, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!') => {
                self.pos += 1;
                let span = Span::new(at, self.pos);
                let text = shown(self.src.get(span.start..span.end).unwrap_or_default());
                self.error(Code::RefusedShell, span, format!("`{text}` has no value in a file"), "write the value, or `\\$` for a dollar sign");
                Ok(())
            }
            _ => {
                out.verbatim(b'$', at);
                Ok(())
            }
        }
    }

    fn refuse_group(&mut self, at: usize, open: u8, close: u8, message: &str, help: &str) -> Lex<()> {
        let Some(end) = self.group_end(open, close) else {
            self.error(Code::RefusedShell, Span::new(at, self.pos + 1), message, help);
            return Err(Stop::File);
        };
        self.pos = end;
        self.error(Code::RefusedShell, Span::new(at, end), message, help);
        Ok(())
    }

    /// Where the group that opens at hand ends, the closing byte included; quotes inside hide what they quote.
    fn group_end(&self, open: u8, close: u8) -> Option<usize> {
        let mut depth = 0_usize;
        let mut quote = None;
        let mut bytes = self.src.iter().enumerate().skip(self.pos);
        while let Some((i, &b)) = bytes.next() {
            match quote {
                Some(q) if b == q => quote = None,
                Some(b'\'') => {}
                _ if b == b'\\' => {
                    bytes.next();
                }
                Some(_) => {}
                None if b == b'\'' || b == b'"' => quote = Some(b),
                None if b == open => depth += 1,
                None if b == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(i + 1);
                    }
                }
                None => {}
            }
        }
        None
    }

    pub(super) fn backtick(&mut self, out: &mut WordBuilder) -> Lex<()> {
        let at = self.pos;
        let rest = self.src.get(at + 1..).unwrap_or_default();
        let Some(len) = rest.iter().position(|&b| b == b'`') else { return Err(self.unterminated(Span::new(at, at + 1), "`")) };
        self.pos = at + len + 2;
        self.command(Span::new(at, self.pos), Span::new(at + 1, self.pos - 1), out);
        Ok(())
    }

    /// A command substitution: the host's name, or a refusal.
    fn command(&mut self, span: Span, inner: Span, out: &mut WordBuilder) {
        let text = self.src.get(inner.start..inner.end).unwrap_or_default();
        let mut words = text.split(|&b| matches!(b, b' ' | b'\t')).filter(|w| !w.is_empty());
        let form = match (words.next(), words.next(), words.next()) {
            (Some(b"hostname"), None, _) => Some(HostForm::Whole),
            (Some(b"hostname"), Some(b"-s"), None) => Some(HostForm::Short),
            (Some(b"hostname"), Some(b"-f"), None) => Some(HostForm::Full),
            _ => None,
        };
        if let Some(form) = form {
            return out.part(Part::Host { form, span });
        }
        let help = if text.windows(8).any(|w| w == b"hostname") {
            "`$(hostname)`, `$(hostname -s)` and `$(hostname -f)` are computed; nothing else is"
        } else {
            "write what it prints on this host; only `$(hostname)`, `$(hostname -s)` and `$(hostname -f)` are computed"
        };
        self.error(Code::RefusedShell, span, format!("`{}`: commands are not run from files", shown(text)), help);
    }

    /// `${…}`, the brace at hand.
    fn brace(&mut self, at: usize, quoted: bool, out: &mut WordBuilder) -> Lex<()> {
        let open = self.pos;
        self.pos += 1;
        self.joins();
        let (name, _) = self.name();
        let colon = self.cur() == Some(b':');
        let operator = if colon { self.peek(1) } else { self.cur() };
        match operator {
            Some(b'}') if !name.is_empty() && !colon => {
                self.pos += 1;
                out.part(Part::Param { name, span: Span::new(at, self.pos), alternative: None });
                return Ok(());
            }
            Some(b'-' | b'+') if !name.is_empty() => {}
            _ => {
                self.pos = open;
                let message = "only `${NAME}`, `${NAME:-word}` and `${NAME:+word}` are evaluated";
                return self.refuse_group(at, b'{', b'}', message, "write the value it comes to");
            }
        }
        if self.depth == MAX_DEPTH {
            self.error(Code::RefusedShell, Span::new(at, self.pos), "`${…}` is nested too deeply", "write the value it comes to");
            return Err(Stop::File);
        }
        self.pos += if colon { 2 } else { 1 };
        let start = self.pos;
        let mut inner = WordBuilder::default();
        self.depth += 1;
        if quoted {
            self.quoted_alternative(&mut inner)?
        } else {
            self.word(Mode::Brace, &mut inner)?
        }
        self.depth -= 1;
        if self.cur() != Some(b'}') {
            return Err(self.unterminated(Span::new(at, at + 2), "}"));
        }
        let word = inner.finish(Span::new(start, self.pos));
        self.pos += 1;
        let alternative = Some(Box::new(Alternative { colon, when_set: operator == Some(b'+'), word }));
        out.part(Part::Param { name, span: Span::new(at, self.pos), alternative });
        Ok(())
    }

    /// The word of a `${…}` that stands inside double quotes, where bash's own rules differ from release to release.
    fn quoted_alternative(&mut self, out: &mut WordBuilder) -> Lex<()> {
        while let Some(c) = self.cur() {
            let at = self.pos;
            match c {
                b'}' => return Ok(()),
                b'$' => self.dollar(true, out)?,
                b'`' => self.backtick(out)?,
                b'\\' if matches!(self.peek(1), Some(b'$' | b'`' | b'\\')) => {
                    out.escaped(&[self.peek(1).unwrap_or(c)], Span::new(at, at + 2));
                    self.pos += 2;
                }
                b'"' | b'\'' | b'\\' => {
                    let message = "quotes inside a `${…}` that is quoted itself";
                    self.error(Code::RefusedShell, Span::new(at, at + 1), message, "leave them out, or assign the word to a key of its own first");
                    return Err(Stop::File);
                }
                _ => {
                    out.verbatim(c, at);
                    self.pos += 1;
                }
            }
        }
        Ok(())
    }
}
