//! `-v`, `--verbose`: how much is said on standard error. What Open vSwitch sends to syslog or into a file has no place here.

use crate::vsctl::error::{Error, Kind};

/// How much is said besides complaints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verbosity {
    /// Nothing.
    Quiet,
    /// What is done, and is worth a word.
    #[default]
    Warnings,
    /// The steps of a change too.
    Steps,
}

/// The levels there are, and what each comes to here.
const LEVELS: [(&str, Verbosity); 6] = [
    ("off", Verbosity::Quiet),
    ("emer", Verbosity::Quiet),
    ("err", Verbosity::Quiet),
    ("warn", Verbosity::Warnings),
    ("info", Verbosity::Steps),
    ("dbg", Verbosity::Steps),
];

/// What all of it comes to when `spec` is said, `before` being so until then; no `spec` is everything.
///
/// # Errors
/// It is none, or is about another place than standard error.
pub(super) fn read(spec: &str, before: Verbosity) -> Result<Verbosity, Error> {
    let wrong = |text: String| Error::usage(format!("processing \"{spec}\": {text}"));
    let refused = |text: String| Error::new(Kind::Refused, text);
    if spec.to_ascii_lowercase().starts_with("pattern:") {
        return Err(refused(format!("there is no '-v{spec}' here: messages have one form")));
    }
    if spec.to_ascii_lowercase().starts_with("facility:") {
        return Err(refused(format!("there is no '-v{spec}' here: nothing is written to syslog")));
    }
    let (mut level, mut place) = (None, None);
    for word in spec.split([' ', ',', ':']).filter(|word| !word.is_empty()) {
        let word = word.to_ascii_lowercase();
        if let Some((_, found)) = LEVELS.iter().find(|(name, _)| *name == word) {
            if level.replace(*found).is_some() {
                return Err(wrong("cannot specify multiple levels".into()));
            }
        } else if matches!(word.as_str(), "console" | "syslog" | "file") {
            if place.replace(word).is_some() {
                return Err(wrong("cannot specify multiple destinations".into()));
            }
        } else if !matches!(word.as_str(), "any" | "vsctl") {
            return Err(wrong(format!("no destination, level, or module \"{word}\"")));
        }
    }
    let level = level.unwrap_or(Verbosity::Steps);
    match place.as_deref() {
        None | Some("console") => Ok(level),
        // Nothing is written there, which is what was asked for.
        Some(_) if level == Verbosity::Quiet => Ok(before),
        Some(place) => Err(refused(format!("there is no '-v{spec}' here: nothing is written to {}", if place == "file" { "a file" } else { place }))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_standard_error() {
        use Verbosity::{Quiet, Steps, Warnings};
        for (spec, comes_to) in
            [("", Steps), ("off", Quiet), ("console:err", Quiet), ("ANY:warn", Warnings), ("vsctl,console info", Steps), ("syslog:off", Warnings)]
        {
            assert_eq!(read(spec, Warnings), Ok(comes_to), "{spec}");
        }
        for (spec, text) in [
            ("foo", "processing \"foo\": no destination, level, or module \"foo\""),
            ("console:syslog", "processing \"console:syslog\": cannot specify multiple destinations"),
            ("warn:info", "processing \"warn:info\": cannot specify multiple levels"),
            ("syslog:info", "there is no '-vsyslog:info' here: nothing is written to syslog"),
            ("PATTERN:console:%m", "there is no '-vPATTERN:console:%m' here: messages have one form"),
        ] {
            assert_eq!(read(spec, Warnings).unwrap_err().text, text);
        }
    }
}
