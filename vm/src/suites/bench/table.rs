//! Samples of two, and the table that compares them.

use std::fmt::Write;

/// One quantity, measured for both.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// What was measured.
    pub quantity: String,
    /// How a value is printed.
    pub unit: &'static str,
    /// ovsdp's samples; none when it could not be measured.
    pub ours: Vec<f64>,
    /// The samples of what it stands beside.
    pub theirs: Vec<f64>,
    /// What is asked of ovsdp.
    pub bar: Bar,
}

/// What is asked of a quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bar {
    /// At most this part of the other's.
    Ratio(f64),
    /// At most this much.
    Most(f64),
    /// Nothing: it is there to be read.
    None,
}

impl Row {
    /// What the bar is and how far from it this is: the part of it that was used.
    fn judged(&self) -> Option<(String, f64)> {
        match self.bar {
            Bar::Ratio(bar) => Some((format!("≤ {bar}"), ratio(&self.ours, &self.theirs) / bar)),
            // Of nothing, nothing is used.
            Bar::Most(bar) => {
                Some((format!("≤ {bar} {}", self.unit).trim_end().to_owned(), if median(&self.ours) == 0.0 { 0.0 } else { median(&self.ours) / bar }))
            }
            Bar::None => None,
        }
    }

    fn line(&self) -> String {
        let (bar, verdict) = match self.judged() {
            None => (String::new(), String::new()),
            Some((bar, used)) if used <= 1.0 => (bar, "met".to_owned()),
            Some((bar, used)) if used.is_nan() => (bar, "not measured".to_owned()),
            Some((bar, used)) if used.is_infinite() => (bar, "missed".to_owned()),
            Some((bar, used)) => (bar, format!("missed by {:.0} %", (used - 1.0) * 100.0)),
        };
        let (quantity, ratio) = (&self.quantity, times(&self.ours, &self.theirs));
        format!("| {quantity} | {} | {} | {ratio} | {bar} | {verdict} |", self.cell(&self.ours), self.cell(&self.theirs))
    }

    /// The median, and the range where there is one.
    fn cell(&self, samples: &[f64]) -> String {
        let (least, most) = (samples.iter().copied().fold(f64::INFINITY, f64::min), samples.iter().copied().fold(0.0, f64::max));
        let mut cell = value(samples, self.unit);
        if !samples.is_empty() && number(least) != number(most) {
            let _ = write!(cell, " ({}–{})", number(least), number(most));
        }
        cell
    }
}

/// The table, in Markdown. `beside` names whose samples the second column has.
pub(super) fn table(beside: &str, rows: &[Row]) -> String {
    let mut text = format!("| | ovsdp | {beside} | ratio | bar | |\n|---|---|---|---|---|---|\n");
    for row in rows {
        text.push_str(&row.line());
        text.push('\n');
    }
    text
}

/// The sample in the middle; of two in the middle, the smaller. Not a number where there is none.
pub(super) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// The median with its unit; a dash where there is none.
pub(super) fn value(samples: &[f64], unit: &str) -> String {
    if samples.is_empty() { "–".to_owned() } else { format!("{} {unit}", number(median(samples))).trim_end().to_owned() }
}

/// The ratio of the medians; a dash where there is none.
pub(super) fn times(ours: &[f64], theirs: &[f64]) -> String {
    let ratio = ratio(ours, theirs);
    if ratio.is_nan() { "–".to_owned() } else { format!("{ratio:.2}") }
}

/// A whole number with its thousands apart.
pub(super) fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(ours) / median(theirs)
}

fn number(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value < 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0]), 1.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_bar_is_met_or_missed_by_how_much() {
        let row = |bar| Row { quantity: "q".into(), unit: "ms", ours: vec![3.0, 2.0, 4.0], theirs: vec![10.0], bar };
        assert_eq!(row(Bar::Ratio(0.2)).line(), "| q | 3.0 ms (2.0–4.0) | 10 ms | 0.30 | ≤ 0.2 | missed by 50 % |");
        assert_eq!(row(Bar::Most(8.0)).line(), "| q | 3.0 ms (2.0–4.0) | 10 ms | 0.30 | ≤ 8 ms | met |");
        assert!(table("b", &[row(Bar::None)]).ends_with("| 0.30 |  |  |\n"));
    }

    #[test]
    fn what_was_not_measured_meets_nothing() {
        let row = |bar| Row { quantity: "q".into(), unit: "ms", ours: vec![], theirs: vec![10.0], bar };
        assert_eq!(row(Bar::Ratio(0.2)).line(), "| q | – | 10 ms | – | ≤ 0.2 | not measured |");
        assert_eq!(row(Bar::Most(8.0)).line(), "| q | – | 10 ms | – | ≤ 8 ms | not measured |");
    }

    #[test]
    fn nothing_lost_is_nothing_lost() {
        let row = |lost| Row { quantity: "q".into(), unit: "", ours: vec![lost], theirs: vec![10.0], bar: Bar::Most(0.0) };
        assert!(row(0.0).line().ends_with("| ≤ 0 | met |"), "{}", row(0.0).line());
        assert!(row(1.0).line().ends_with("| ≤ 0 | missed |"));
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([10, 999, 1000, 100_000, 1_234_567].map(grouped), ["10", "999", "1,000", "100,000", "1,234,567"]);
    }
}
