//! What is said of text that is no assignment: where it stands, what bash would do with it, and what to write instead.
//!
//! It must not read on; `lex` and `word` know where the text goes on after a refusal.

use super::code::Code;
use super::diag::{Diagnostic, shown};
use super::lex::{Lexer, Statement, Stop};
use super::span::Span;

const KEYWORDS: &[&str] = &[
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "function", "select", "time", "{", "}", "!", "[[",
    "coproc",
];
const COMMANDS: &[&str] =
    &[".", "source", "eval", "exec", "declare", "typeset", "local", "readonly", "unset", "set", "test", "[", "return", "exit", "alias", "let"];
const DEBIAN: &[&str] = &["auto", "iface", "allow-hotplug", "allow-ovs", "source-directory", "mapping"];

/// How a template engine's marks begin.
const TEMPLATE: [&[u8]; 3] = [b"{{", b"{%", b"<%"];
const CURLY: [&str; 4] = ["\u{201c}", "\u{201d}", "\u{2018}", "\u{2019}"];

/// What one refusal says.
struct Words {
    code: Code,
    message: String,
    help: String,
}

impl Words {
    fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: help.into() }
    }

    fn template(text: &[u8]) -> Self {
        Self::new(Code::Template, format!("`{}` was left behind by a template", shown(text)), "put in what the template should have")
    }
}

impl Lexer<'_> {
    /// Reports that what stands at `at`, after the assignments of `statement`, is no assignment.
    pub(super) fn bare_word(&mut self, at: usize, statement: &Statement) -> Stop {
        let span = self.rest_of_word(at);
        let words = self.words_for(span, statement);
        let dialect = words.code == Code::Dialect;
        let found = Diagnostic::error(words.code, self.file, words.message).at(span).help(words.help);
        let found = self.with_swallowed(found);
        self.sink.push(found);
        // A file in another language has nothing to say line by line.
        if dialect { Stop::File } else { Stop::Line }
    }

    fn words_for(&self, span: Span, statement: &Statement) -> Words {
        let raw = self.src.get(span.start..span.end).unwrap_or_default();
        let line = self.src.get(span.start..).unwrap_or_default().split(|&b| b == b'\n').next().unwrap_or_default();
        let after = line.get(raw.len()..).unwrap_or_default().trim_ascii_start();
        let word = shown(raw);
        let is = |list: &[&str]| list.iter().any(|known| known.as_bytes() == raw);
        if TEMPLATE.iter().any(|mark| raw.starts_with(mark)) {
            return Words::template(raw);
        }
        if let Some(last) = statement.assigns.last() {
            return self.unquoted_blank(&word, &last.name, last.word.span);
        }
        if raw.starts_with(b";") {
            return Words::new(Code::BareWord, "`;` with nothing before it", "remove it");
        }
        if statement.export || raw == b"export" {
            let help = "write the assignment alone; exporting has no effect here";
            return Words::new(Code::RefusedShell, "only `export NAME=value` is evaluated", help);
        }
        if raw.windows(2).any(|pair| pair == b"()") || after.starts_with(b"()") {
            return Words::new(Code::RefusedShell, format!("`{word}`: functions are not evaluated"), "write the assignments it would make");
        }
        if is(KEYWORDS) || raw.starts_with(b"(") {
            let message = format!("`{word}`: control flow is not evaluated");
            return Words::new(Code::RefusedShell, message, "write the assignments that hold on this host");
        }
        if is(COMMANDS) {
            return Words::new(Code::RefusedShell, format!("`{word}`: commands are not run from files"), "write the assignments it would make");
        }
        if is(DEBIAN) {
            let message = format!("`{word}` belongs to Debian's interfaces file");
            return Words::new(Code::Dialect, message, "a RHEL-style file has one `KEY=value` a line");
        }
        if let Some((name, plain)) = foreign(raw) {
            let message = format!("a {name} stands where an assignment begins: bash would take it for part of a command's name");
            return Words::new(Code::ForeignBytes, message, format!("write a plain {plain}, or none"));
        }
        if after.starts_with(b"=") && raw.iter().all(|&b| b == b'_' || b.is_ascii_alphanumeric()) {
            let value = shown(after.get(1..).unwrap_or_default().trim_ascii());
            let message = format!("blanks around the `=` of `{word}`: bash would run `{word}` as a command");
            return Words::new(Code::BareWord, message, format!("write `{word}={value}`"));
        }
        let is_key = |key: &str| !key.is_empty() && key.bytes().all(|b| b == b'_' || b.is_ascii_uppercase());
        let rest = shown(after);
        let (key, value) = match word.split_once(['-', ':']) {
            Some((key, "")) => (key, rest.trim()),
            Some(pair) => pair,
            None => (word.as_str(), rest.trim()),
        };
        let help = if is_key(key) && !value.is_empty() && !value.contains([' ', '\t', '`']) {
            format!("write `{key}={value}`")
        } else {
            "put a `#` before it, or make it `KEY=value`".to_owned()
        };
        Words::new(Code::BareWord, format!("`{word}` is not an assignment: bash would run it as a command"), help)
    }

    /// `word` stands behind the value of `name`, which is at `value`.
    fn unquoted_blank(&self, word: &str, name: &str, value: Span) -> Words {
        let value = self.src.get(value.start..value.end).unwrap_or_default();
        if TEMPLATE.iter().any(|mark| value.starts_with(mark)) {
            return Words::template(value);
        }
        let message = format!("`{word}` stands after a blank that is not quoted: bash would run it as a command and not set {name}");
        let text = shown(value);
        if text.is_empty() {
            return Words::new(Code::UnquotedBlank, message, format!("write `{name}={word}`"));
        }
        let (value, word) = (text.trim_matches(['"', '\'']), word.trim_matches(['"', '\'']));
        let help = if CURLY.iter().any(|quote| value.contains(quote)) {
            "write plain quotes: typographic ones do not quote".to_owned()
        } else if value.contains(['"', '\'', '`', '\\', '…']) || word.contains(['"', '\'', '`', '\\', '…']) {
            "quote the whole value".to_owned()
        } else {
            format!("quote the whole value: `{name}=\"{value} {word}\"`")
        };
        Words::new(Code::UnquotedBlank, message, help)
    }

    /// Reports an operator of the shell's, at hand.
    pub(super) fn operator(&mut self, c: u8) -> Stop {
        let at = self.pos;
        if c == b'<' && self.peek(1) == Some(b'%') {
            let words = Words::template(b"<%");
            self.error(words.code, Span::new(at, at + 2), words.message, words.help);
            return Stop::Line;
        }
        let len = if self.peek(1) == Some(c) { 2 } else { 1 };
        let span = Span::new(at, at + len);
        let what = match c {
            b'(' | b')' => "a parenthesis that is not quoted",
            b'<' | b'>' => "redirections are not evaluated",
            _ => "commands are not run from files",
        };
        let text = shown(self.src.get(span.start..span.end).unwrap_or_default());
        self.error(Code::RefusedShell, span, format!("`{text}`: {what}"), "quote the value if the character belongs to it");
        Stop::Line
    }

    /// Reports that what opens at `open` is never closed by `quote`.
    pub(super) fn unterminated(&mut self, open: Span, quote: &str) -> Stop {
        let opening = shown(self.src.get(open.start..open.end).unwrap_or_default());
        let found = Diagnostic::error(Code::UnterminatedQuote, self.file, format!("this `{opening}` is never closed"));
        let note = "bash would stop reading here and go on with half of the file; nothing is done with half of a file here";
        let found = found.at(open).label("opened here").help(format!("close it with `{quote}` at the value's end")).note(note);
        let found = self.with_swallowed(found);
        self.sink.push(found);
        Stop::File
    }

    /// Points at the quote that was closed by what should have opened the next one, when the statement has one.
    fn with_swallowed(&self, found: Diagnostic) -> Diagnostic {
        let Some((open, name)) = self.swallowed else { return found };
        let name = shown(self.src.get(name.start..name.end).unwrap_or_default());
        let label = format!("this one takes in the line of `{name}`");
        found.related(self.file, open, label).help("put the missing quote at the end of the value that lacks it")
    }

    /// Remembers the statement's first quoted run, its quotes included, inside which a line begins as an assignment does.
    pub(super) fn look_inside(&mut self, quoted: Span) {
        let text = self.src.get(quoted.start..quoted.end).unwrap_or_default();
        let mut from = quoted.start;
        for line in text.split_inclusive(|&b| b == b'\n') {
            let start = from;
            from += line.len();
            let name = line.iter().take_while(|&&b| b == b'_' || b.is_ascii_uppercase() || b.is_ascii_digit()).count();
            if self.swallowed.is_none() && start > quoted.start && name > 0 && line.get(name) == Some(&b'=') {
                self.swallowed = Some((Span::new(quoted.start, quoted.start + 1), Span::new(start, start + name)));
                return;
            }
        }
    }
}

/// What an editor or a web page puts in the place of a blank or a quote, when `raw` has it, and of what.
fn foreign(raw: &[u8]) -> Option<(&'static str, &'static str)> {
    let has = |text: &str| raw.windows(text.len()).any(|window| window == text.as_bytes());
    if has("\u{a0}") {
        return Some(("non-breaking blank", "blank"));
    }
    CURLY.iter().any(|quote| has(quote)).then_some(("typographic quote", "quote"))
}
