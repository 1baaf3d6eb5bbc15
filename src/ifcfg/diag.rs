//! Diagnostics: what is wrong, where, and what to write instead; as a value, as JSON, and as text drawn like rustc's.
//!
//! It must not decide anything: what is an error is said by who finds it.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::file::Sources;
use super::span::{Span, position};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; the files mean what they seem to.
    Warning,
    /// Nothing may be changed while it stands.
    Error,
}

/// Another place that belongs to a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// The file's name in the folder.
    pub file: String,
    /// Where in it.
    pub span: Span,
    /// What is there.
    pub label: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// The file's name in the folder; empty when it is about the folder.
    pub file: String,
    /// The file's path as a person would type it; filled in by [`locate`](Self::locate).
    #[serde(default)]
    pub path: String,
    /// Where in the file.
    pub span: Option<Span>,
    /// The line the span starts on, from 1; filled in by [`locate`](Self::locate).
    pub line: Option<usize>,
    /// The column the span starts at, from 1, in characters; filled in by [`locate`](Self::locate).
    pub column: Option<usize>,
    /// What stands under the caret; may be empty.
    #[serde(default)]
    pub label: String,
    /// What to do.
    pub help: Option<String>,
    /// Why it bites.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Other places that belong to it.
    #[serde(default)]
    pub related: Vec<Related>,
}

impl Diagnostic {
    fn new(severity: Severity, code: Code, file: &str, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            file: file.to_owned(),
            path: String::new(),
            span: None,
            line: None,
            column: None,
            label: String::new(),
            help: None,
            notes: Vec::new(),
            related: Vec::new(),
        }
    }

    /// An error in `file`.
    pub fn error(code: Code, file: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, file, message)
    }

    /// A warning about `file`.
    pub fn warning(code: Code, file: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, file, message)
    }

    /// With the place it points at.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// With text under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With what to do, when there is something.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// With a reason.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// With another place.
    #[must_use]
    pub fn related(mut self, file: &str, span: Span, label: impl Into<String>) -> Self {
        self.related.push(Related { file: file.to_owned(), span, label: label.into() });
        self
    }

    /// Fills in path, line and column, so that the finding can travel without its file.
    pub fn locate(&mut self, sources: &Sources) {
        self.path = sources.path(&self.file).display().to_string();
        if let (Some(span), Some(bytes)) = (self.span, sources.get(&self.file)) {
            let at = position(bytes, span.start);
            self.line = Some(at.line);
            self.column = Some(at.column);
        }
    }

    /// The finding as text: title, place, source line, caret, what to do. No line break at its end.
    pub fn render(&self, sources: &Sources, style: Style) -> String {
        let message = printable(&self.message);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut groups = Vec::new();
        let mut group = Group::with_title(level.primary_title(message).id(self.code.as_str()));
        match (self.span, sources.get(&self.file)) {
            (Some(span), Some(bytes)) => {
                let (origin, snippet) = snippet(sources, &self.file, bytes, span, &self.label, AnnotationKind::Primary);
                group = group.elements(origin).element(snippet);
            }
            _ => {
                if !self.file.is_empty() {
                    let path = printable(&sources.path(&self.file).display().to_string());
                    group = group.element(Origin::path(path));
                }
            }
        }
        for related in &self.related {
            if let Some(bytes) = sources.get(&related.file) {
                let (origin, snippet) = snippet(sources, &related.file, bytes, related.span, &related.label, AnnotationKind::Context);
                group = group.elements(origin).element(snippet);
            }
        }
        for note in &self.notes {
            group = group.element(Level::NOTE.message(printable(note)));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(printable(help)));
        }
        groups.push(group);
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Colour => Renderer::styled(),
        };
        renderer.decor_style(DecorStyle::Ascii).render(&groups)
    }
}

/// How [`Diagnostic::render`] draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// With a terminal's colours.
    Colour,
}

/// More of a line than this on either side of what is pointed at, in bytes, is not drawn.
const AROUND: usize = 500;

/// The lines `span` touches (four at most), with their own line numbers; of long lines the part around the span, and then its
/// place apart, for in a part columns are not what they are in the file.
fn snippet<'a>(
    sources: &Sources,
    file: &str,
    bytes: &[u8],
    span: Span,
    label: &str,
    kind: AnnotationKind,
) -> (Option<Origin<'a>>, Snippet<'a, Annotation<'a>>) {
    const LINES: usize = 4;
    let start = span.start.min(bytes.len());
    let end = span.end.clamp(start, bytes.len()).min(start + AROUND);
    let line = bytes.get(..start).and_then(|head| head.iter().rposition(|&b| b == b'\n')).map_or(0, |at| at + 1);
    let first = line.max(start.saturating_sub(AROUND));
    let tail = bytes.get(first..bytes.len().min(end + AROUND)).unwrap_or_default();
    let mut len = 0;
    for (count, line) in tail.split_inclusive(|&b| b == b'\n').enumerate() {
        if count == LINES || (count > 0 && first + len >= end) {
            break;
        }
        len += line.len();
    }
    let window = tail.get(..len).unwrap_or(tail);
    // Spans are in bytes of the file; the drawn text may be longer where it was not UTF-8.
    let drawn = |offset: usize| {
        let inside = offset.saturating_sub(first).min(window.len());
        printable(&String::from_utf8_lossy(window.get(..inside).unwrap_or_default())).len()
    };
    let range = drawn(start)..drawn(end).max(drawn(start));
    let text = printable(&String::from_utf8_lossy(window));
    let mut annotation = kind.span(range);
    if !label.is_empty() {
        annotation = annotation.label(printable(label));
    }
    let path = printable(&sources.path(file).display().to_string());
    let at = position(bytes, start);
    let snippet = Snippet::source(text).line_start(at.line).annotation(annotation);
    if first == line { (None, snippet.path(path)) } else { (Some(Origin::path(path).line(at.line).char_column(at.column)), snippet) }
}

/// `text` without what would steer a terminal or turn the direction of what follows.
pub(super) fn printable(text: &str) -> String {
    let steers = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// `value` for a message: short, and with nothing in it that could break the line.
pub(super) fn shown(value: &[u8]) -> String {
    const LIMIT: usize = 60;
    let text = String::from_utf8_lossy(value);
    let mut out: String = text.chars().take(LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        out.push('…');
    }
    out
}

/// What one file gives rise to, bounded.
#[derive(Debug, Default)]
pub(super) struct Sink {
    list: Vec<Diagnostic>,
    errors: usize,
}

impl Sink {
    /// More findings than this about one file help nobody.
    const LIMIT: usize = 50;

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let error = diagnostic.severity == Severity::Error;
        self.errors += usize::from(error);
        // The first error is kept whatever came before it: it is what stops the command.
        if self.list.len() < Self::LIMIT || (error && self.errors == 1) {
            self.list.push(diagnostic);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= Self::LIMIT
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub(super) fn has(&self, code: Code) -> bool {
        self.list.iter().any(|found| found.code == code)
    }

    /// Whether something was found in `file` between two places.
    pub(super) fn speaks_of(&self, file: &str, place: Span) -> bool {
        let within = |span: Span| span.start >= place.start && span.start < place.end;
        self.list.iter().any(|found| found.file == file && found.span.is_some_and(within))
    }

    pub(super) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(bytes: &[u8]) -> Sources {
        let mut sources = Sources::new("/etc/sysconfig/network-scripts");
        sources.insert("ifcfg-br0", bytes.to_vec());
        sources
    }

    #[test]
    fn drawn_like_rustc() {
        let sources = folder(b"DEVICE=br0\nMTU=9k\n");
        let found = Diagnostic::error(Code::BadValue, "ifcfg-br0", "`9k` is not a number").at(Span::new(15, 17)).label("here").help("write 9000");
        assert_eq!(
            found.render(&sources, Style::Plain),
            "error[L10]: `9k` is not a number\n --> /etc/sysconfig/network-scripts/ifcfg-br0:2:5\n  |\n2 | MTU=9k\n  |     ^^ here\n  |\n  = help: write 9000"
        );
    }

    #[test]
    fn bytes_that_are_not_text_keep_the_caret_in_place() {
        let sources = folder(b"A=\xff\xffb\x1b[31m");
        let found = Diagnostic::warning(Code::BadValue, "ifcfg-br0", "odd\x1b").at(Span::new(4, 5));
        let text = found.render(&sources, Style::Plain);
        assert!(text.contains("odd\u{fffd}"), "{text}");
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn of_a_long_line_the_part_around_is_drawn() {
        let line = format!("A=1;B={}\u{e9}bad{}\n", "x".repeat(5000), "y".repeat(5000));
        let sources = folder(line.as_bytes());
        let at = line.find("bad").unwrap();
        let found = Diagnostic::warning(Code::BadValue, "ifcfg-br0", "odd").at(Span::new(at, at + 3)).label("here");
        let text = found.render(&sources, Style::Plain);
        assert!(text.contains("ifcfg-br0:1:5008\n") && text.len() < 1000, "{text}");
        let lines: Vec<_> = text.lines().collect();
        let caret = lines.iter().position(|line| line.contains("^^^ here")).unwrap();
        let column = |line: &str, what: &str| line[..line.find(what).unwrap()].chars().count();
        assert_eq!(column(lines[caret], "^^^"), column(lines[caret - 1], "bad"), "{text}");
    }

    #[test]
    fn spans_outside_the_file_do_no_harm() {
        let sources = folder(b"A=1");
        for span in [Span::new(3, 3), Span::new(9, 12), Span::new(2, 1)] {
            let found = Diagnostic::warning(Code::BadValue, "ifcfg-br0", "odd").at(span);
            assert!(found.render(&sources, Style::Plain).contains("ifcfg-br0"));
        }
    }

    #[test]
    fn json_has_place_and_advice() {
        let sources = folder(b"A=1\nB=2");
        let mut found = Diagnostic::warning(Code::BadValue, "ifcfg-br0", "odd").at(Span::new(6, 7)).help("even");
        found.locate(&sources);
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["line"], 2);
        assert_eq!(json["column"], 3);
        assert_eq!(json["code"], "L10");
        assert_eq!(json["help"], "even");
        assert_eq!(json["path"], "/etc/sysconfig/network-scripts/ifcfg-br0");
        assert_eq!(serde_json::from_value::<Diagnostic>(json).unwrap(), found);
    }
}
