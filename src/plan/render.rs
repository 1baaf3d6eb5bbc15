//! A plan as text: one line for each difference.

use std::fmt::Write as _;

use super::order::Plan;
use super::text::difference;

impl Plan {
    /// The plan as a difference, `+` for what comes, `-` for what goes, `~` for what changes; what follows later and the notes below, and nothing
    /// of the agent's own notes to itself. Every line ends in a newline.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for step in self.steps.iter().filter(|step| !step.is_quiet()) {
            let (sign, line) = difference(step);
            let _ = writeln!(text, "{sign} {line}");
        }
        for step in &self.later {
            let (sign, line) = difference(step);
            let _ = writeln!(text, "{sign} {line}, once it is there");
        }
        if text.is_empty() {
            text.push_str("nothing to change\n");
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        text
    }
}
