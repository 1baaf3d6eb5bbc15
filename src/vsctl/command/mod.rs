//! Commands: a line's words parted at `--`, each part an option or more, a verb and its arguments.

mod globals;
#[cfg(test)]
mod tests;
mod verbosity;
mod verbs;

use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;

use super::error::Error;
use super::words::{At, Word};

pub use globals::{Globals, Line, line, options};
pub use verbosity::Verbosity;
pub use verbs::verbs;
pub(super) use verbs::{Takes, VERBS, Verb};

/// An argument or an option's name or value, and which word it was in.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub(super) text: String,
    word: usize,
    /// Where in the word it begins, and how many bytes of it it is: fewer than the text has when it was abbreviated.
    start: usize,
    length: usize,
}

impl Argument {
    /// A piece of a word, from one of its bytes on.
    pub(super) fn new(text: &str, word: usize, start: usize) -> Self {
        Self { text: text.to_owned(), word, start, length: text.len() }
    }

    /// The same place under a longer name.
    fn called(self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self }
    }

    /// All of it.
    pub(super) fn at(&self) -> At {
        self.piece(0..self.length)
    }

    /// Some of its bytes.
    pub(super) fn piece(&self, bytes: Range<usize>) -> At {
        At { word: self.word, bytes: self.start + bytes.start..self.start + bytes.end }
    }
}

/// One command, of a shape its verb takes. What it does is seen when it runs.
#[derive(Debug, Clone)]
pub struct Command {
    pub(super) verb: &'static Verb,
    /// The options' values, empty for those that take none; with the word each was in.
    pub(super) options: BTreeMap<&'static str, Argument>,
    pub(super) arguments: Vec<Argument>,
    /// The word the verb was.
    pub(super) word: usize,
}

impl Command {
    /// The verb's name.
    pub fn verb(&self) -> &'static str {
        self.verb.name
    }

    /// Whether it may change something.
    pub fn changes(&self) -> bool {
        self.verb.changes
    }

    /// Where the verb is.
    pub fn at(&self) -> At {
        At::word(self.word, self.verb.name)
    }

    pub(super) fn has(&self, option: &str) -> bool {
        self.options.contains_key(option)
    }

    /// An argument that the verb's shape says is there.
    pub(super) fn argument(&self, index: usize) -> Result<&Argument, Error> {
        self.arguments.get(index).ok_or_else(|| self.too_few())
    }

    fn too_few(&self) -> Error {
        Error::usage(format!("'{}' command requires at least {} arguments", self.verb.name, self.verb.min)).at(self.at())
    }
}

/// The same whatever words it was in.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        let texts = |of: &Self| of.arguments.iter().map(|argument| argument.text.clone()).collect::<Vec<_>>();
        let options = |of: &Self| of.options.iter().map(|(name, value)| (*name, value.text.clone())).collect::<Vec<_>>();
        self.verb.name == other.verb.name && texts(self) == texts(other) && options(self) == options(other)
    }
}

impl Eq for Command {}

/// As it is written: options, verb, arguments, with a blank between. Arguments with blanks in them do not come back from that.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.words().enumerate() {
            write!(f, "{}{word}", if place > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl Command {
    /// Its words: options, verb, arguments.
    pub fn words(&self) -> impl Iterator<Item = String> {
        let option = |(name, value): (&&'static str, &Argument)| {
            let takes = self.verb.option(name).is_some_and(|option| option.takes == Takes::Value);
            if takes { format!("{name}={}", value.text) } else { (*name).to_owned() }
        };
        let options = self.options.iter().map(option);
        options.chain([self.verb.name.to_owned()]).chain(self.arguments.iter().map(|argument| argument.text.clone()))
    }
}

/// Reads words as commands parted by `--`; empty ones between are passed over.
///
/// # Errors
/// A word is no command's of this language, or no command's of this switch.
pub fn commands(words: &[Word]) -> Result<Vec<Command>, Error> {
    let mut found = Vec::new();
    for (start, part) in parts(words, 0) {
        found.push(command(part, start, Vec::new())?);
    }
    Ok(found)
}

/// The stretches between `--`, each with the place of its first word.
fn parts(words: &[Word], from: usize) -> impl Iterator<Item = (usize, &[Word])> {
    let mut start = from;
    words.get(from..).unwrap_or_default().split(|word| word.text == "--").filter_map(move |part| {
        let first = start;
        start += part.len() + 1;
        (!part.is_empty()).then_some((first, part))
    })
}

/// An option as it was written: its name, and its value after `=`.
type Written = (Argument, Option<Argument>);

fn written(word: &Word, at: usize) -> Written {
    match word.text.split_once('=') {
        Some((name, value)) => (Argument::new(name, at, 0), Some(Argument::new(value, at, name.len() + 1))),
        None => (Argument::new(&word.text, at, 0), None),
    }
}

/// Reads one command. `before` are options that stood before the first `--`.
fn command(part: &[Word], start: usize, before: Vec<Written>) -> Result<Command, Error> {
    let count = part.iter().take_while(|word| word.text.starts_with('-')).count();
    let own = part[..count].iter().zip(start..).map(|(word, at)| written(word, at));
    let given: Vec<Written> = before.into_iter().chain(own).collect();
    let Some(word) = part.get(count) else {
        let at = given.last().map(|(name, _)| name.at());
        let error = Error::usage("missing command name (use --help for help)");
        return Err(at.into_iter().fold(error, Error::at));
    };
    let here = Argument::new(&word.text, start + count, 0);
    let verb = verbs::verb(&word.text).map_err(|error| error.at(here.at()))?;
    let mut options = BTreeMap::new();
    for (name, value) in given {
        let at = name.at();
        let wrong = |text: String| Err(Error::usage(text).at(at.clone()));
        let Some(option) = verb.option(&name.text) else { return wrong(format!("'{}' command has no '{}' option", verb.name, name.text)) };
        let value = match (option.takes, value) {
            (Takes::Nothing, None) => name.clone().called(""),
            (Takes::Value, Some(value)) => value,
            (Takes::Nothing, Some(_)) => return wrong(format!("'{}' option on '{}' does not accept an argument", name.text, verb.name)),
            (Takes::Value, None) => return wrong(format!("missing argument to '{}' option on '{}' command", name.text, verb.name)),
        };
        if options.insert(option.name, value).is_some() {
            return wrong(format!("'{}' option specified multiple times", name.text));
        }
    }
    let arguments: Vec<Argument> = part[count + 1..].iter().zip(start + count + 1..).map(|(word, at)| Argument::new(&word.text, at, 0)).collect();
    let command = Command { verb, options, arguments, word: start + count };
    if command.arguments.len() < verb.min {
        return Err(command.too_few());
    }
    if let Some(extra) = command.arguments.get(verb.max) {
        let misplaced = command.arguments.iter().find(|argument| argument.text.starts_with('-'));
        let hint = misplaced.map_or("", |_| " (note that options must precede command names and follow a \"--\" argument)");
        let text = format!("'{}' command takes at most {} arguments{hint}", verb.name, verb.max);
        return Err(Error::usage(text).at(misplaced.unwrap_or(extra).at()));
    }
    Ok(command)
}
