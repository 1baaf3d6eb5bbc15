//! A change's lines as they come: one a step with its verdict, as `service network restart` printed them.

use std::io::{self, Write};

use crate::ctl::api::{Progress, Stage};

/// The column the verdicts stand in.
const COLUMN: usize = 66;

/// Prints the lines of one change to standard output.
#[derive(Debug)]
pub(super) struct Printer {
    json: bool,
    /// The step whose verdict is still to come.
    open: Option<String>,
}

impl Printer {
    /// Prints for a person, or as JSON lines.
    pub(super) const fn new(json: bool) -> Self {
        Self { json, open: None }
    }

    /// Prints one line. A closed standard output is no reason to stop a change half-way, so errors are passed over.
    pub(super) fn line(&mut self, progress: &Progress) {
        let mut out = io::stdout().lock();
        let _ = if self.json { Self::json(&mut out, progress) } else { self.text(&mut out, progress) };
        let _ = out.flush();
    }

    fn json(out: &mut impl Write, progress: &Progress) -> io::Result<()> {
        serde_json::to_writer(&mut *out, progress)?;
        out.write_all(b"\n")
    }

    fn text(&mut self, out: &mut impl Write, Progress { stage, text, .. }: &Progress) -> io::Result<()> {
        let verdict = match stage {
            Stage::Begin => {
                self.open = Some(text.clone());
                return write!(out, "{text:<COLUMN$} ");
            }
            Stage::Note => {
                if self.open.take().is_some() {
                    writeln!(out)?;
                }
                return writeln!(out, "{text}");
            }
            Stage::Unchanged => return writeln!(out, "{text}: nothing to do"),
            Stage::Up => return writeln!(out, "{:<COLUMN$} [  OK  ]", format!("{text} is up")),
            Stage::NotUp => return writeln!(out, "{text:<COLUMN$} [FAILED]"),
            // Its caller knows where it belongs.
            Stage::Done | Stage::Warning | Stage::Printed | Stage::Alive => return Ok(()),
            Stage::Ok => "[  OK  ]",
            Stage::Failed => "[FAILED]",
            Stage::Undone => "[UNDONE]",
            Stage::Stuck => "[STUCK ]",
        };
        match self.open.take() {
            // The line that began the step is still the last one printed.
            Some(open) if open == *text => writeln!(out, "{verdict}"),
            Some(_) => writeln!(out, "\n{text:<COLUMN$} {verdict}"),
            None => writeln!(out, "{text:<COLUMN$} {verdict}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(lines: &[(Stage, &str)]) -> String {
        let (mut printer, mut out) = (Printer::new(false), Vec::new());
        for (stage, text) in lines {
            printer.text(&mut out, &Progress::line(*stage, (*text).into())).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_verdict_stands_on_its_steps_line() {
        let text = printed(&[(Stage::Begin, "a"), (Stage::Ok, "a"), (Stage::Begin, "b"), (Stage::Failed, "b"), (Stage::Undone, "a")]);
        let lines: Vec<_> = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, ["a [ OK ]", "b [FAILED]", "a [UNDONE]"]);
    }
}
