//! What each code means: what it is, why it bites, what to write instead. `ovsdp check --explain` prints it, and `docs/check.md` holds it.
//!
//! One entry for each code, the published list's without a finding of their own included. It must not find anything; `table` holds the words.

mod table;

use std::fmt::Write;

use serde::Serialize;

pub use table::EXPLANATIONS;

use super::code::Code;

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The code as it is printed, such as `L14`.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// The code that such a file is refused with, because this version reads nothing of what this one is about; `None` when findings
    /// have the code itself.
    pub found_as: Option<Code>,
    /// What is found.
    pub what: &'static str,
    /// Why it bites: what network-scripts or Open vSwitch made of it, and what ovsdp does.
    pub why: &'static str,
    /// What to write instead.
    pub instead: &'static str,
}

impl Explanation {
    /// As Markdown without its heading, which is text for a person too: paragraphs of one line each.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.what);
        if let Some(code) = self.found_as {
            // Writing into a string does not fail.
            let _ = write!(text, "Reported as {code}.\n\n");
        }
        let _ = write!(text, "Why it bites: {}\n\nInstead: {}\n", self.why, self.instead);
        text
    }
}

/// The explanation of a code, in upper or lower case; `None` when there is no such code.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_once() {
        assert!(EXPLANATIONS.is_sorted_by(|a, b| a.code < b.code));
        for code in Code::ALL {
            assert!(explain(code.as_str()).is_some(), "{code}");
        }
    }

    #[test]
    fn a_code_without_findings_says_what_there_is_in_its_place() {
        for explanation in EXPLANATIONS {
            let reported = Code::ALL.iter().any(|code| code.as_str() == explanation.code);
            assert_eq!(explanation.found_as.is_none(), reported, "{}", explanation.code);
        }
        // The published list, whole.
        for number in 1..=38 {
            assert!(explain(&format!("l{number:02}")).is_some(), "{number}");
        }
        assert_eq!(explain("L99"), None);
    }
}
