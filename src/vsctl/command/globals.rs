//! A whole command line, such as a shell hands to `ovs-vsctl`: options of the program, then commands. Options of the first
//! command may stand among the program's.

use super::super::error::{Error, Kind};
use super::super::print::{Data, Format, Style};
use super::super::words::Word;
use super::verbosity::{self, Verbosity};
use super::{Argument, Command, Takes, VERBS, Written, command, parts};

/// The program's options.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Globals {
    /// Whether not to wait until the switch does what was written (`--no-wait`).
    pub no_wait: bool,
    /// Whether to change nothing in the end (`--dry-run`).
    pub dry_run: bool,
    /// How many seconds all of it may take (`-t`, `--timeout`); 0 for any.
    pub timeout: Option<u32>,
    /// Whether to go on trying to reach the agent until the time is up (`--retry`).
    pub retry: bool,
    /// How much is said on standard error (`-v`, `--verbose`).
    pub verbosity: Verbosity,
    /// How what is printed looks.
    pub style: Style,
}

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The program's options.
    pub globals: Globals,
    /// The commands, at least one.
    pub commands: Vec<Command>,
}

/// Whether an option has a value.
#[derive(Clone, Copy)]
enum Has {
    Nothing,
    Value,
    /// One in the same word, or none.
    Maybe,
}

impl Has {
    const fn shown(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Value => "=VALUE",
            Self::Maybe => "[=VALUE]",
        }
    }
}

impl From<Takes> for Has {
    fn from(takes: Takes) -> Self {
        match takes {
            Takes::Nothing => Self::Nothing,
            Takes::Value => Self::Value,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Global {
    NoWait,
    DryRun,
    Timeout,
    Oneline,
    Format,
    Data,
    NoHeadings,
    Pretty,
    Bare,
    Database,
    Retry,
    Verbose,
    /// What is so anyway.
    So,
    /// Of ovs-vsctl, but not here; and why.
    Absent(&'static str),
    /// An option of commands.
    Command,
}

const NO_SERVER: &str = "there is no database server to connect to";
/// Where ovs-vsctl looks for the database when it is not told, and where OpenStack has it look for that of the same host.
const DEFAULT: [&str; 3] = ["unix:/var/run/openvswitch/db.sock", "unix:/run/openvswitch/db.sock", "tcp:127.0.0.1:6640"];
const NO_LOG: &str = "nothing is logged; --verbose prints the steps of a change";
const NO_SYSLOG: &str = "nothing is written to syslog";
const IN_HELP: &str = "--help has them";

/// The program's long options, whether each takes a value, and its letter.
const GLOBALS: &[(&str, Has, Option<char>, Global)] = &[
    ("--no-wait", Has::Nothing, None, Global::NoWait),
    ("--dry-run", Has::Nothing, None, Global::DryRun),
    ("--timeout", Has::Value, Some('t'), Global::Timeout),
    ("--oneline", Has::Nothing, None, Global::Oneline),
    ("--format", Has::Value, Some('f'), Global::Format),
    ("--data", Has::Value, Some('d'), Global::Data),
    ("--no-headings", Has::Nothing, None, Global::NoHeadings),
    ("--pretty", Has::Nothing, None, Global::Pretty),
    ("--bare", Has::Nothing, None, Global::Bare),
    ("--db", Has::Value, None, Global::Database),
    ("--retry", Has::Nothing, None, Global::Retry),
    ("--verbose", Has::Maybe, Some('v'), Global::Verbose),
    ("--no-syslog", Has::Nothing, None, Global::So),
    ("--leader-only", Has::Nothing, None, Global::Absent(NO_SERVER)),
    ("--no-leader-only", Has::Nothing, None, Global::Absent(NO_SERVER)),
    ("--shuffle-remotes", Has::Nothing, None, Global::Absent(NO_SERVER)),
    ("--no-shuffle-remotes", Has::Nothing, None, Global::Absent(NO_SERVER)),
    ("--private-key", Has::Value, Some('p'), Global::Absent(NO_SERVER)),
    ("--certificate", Has::Value, Some('c'), Global::Absent(NO_SERVER)),
    ("--ca-cert", Has::Value, Some('C'), Global::Absent(NO_SERVER)),
    ("--bootstrap-ca-cert", Has::Value, None, Global::Absent(NO_SERVER)),
    ("--peer-ca-cert", Has::Value, None, Global::Absent(NO_SERVER)),
    ("--ssl-protocols", Has::Value, None, Global::Absent(NO_SERVER)),
    ("--ssl-ciphers", Has::Value, None, Global::Absent(NO_SERVER)),
    ("--log-file", Has::Maybe, None, Global::Absent(NO_LOG)),
    ("--syslog-method", Has::Value, None, Global::Absent(NO_SYSLOG)),
    ("--syslog-target", Has::Value, None, Global::Absent(NO_SYSLOG)),
    ("--commands", Has::Nothing, None, Global::Absent(IN_HELP)),
    ("--options", Has::Nothing, None, Global::Absent(IN_HELP)),
    ("--max-column-width", Has::Value, None, Global::Absent("tables are as wide as what is in them")),
];

/// The program's options.
pub fn options() -> Vec<String> {
    let here = GLOBALS.iter().filter(|(.., global)| !matches!(global, Global::Absent(_)));
    here.map(|(name, takes, letter, _)| {
        let letter = letter.map(|letter| format!("-{letter}, ")).unwrap_or_default();
        format!("{letter}{name}{}", takes.shown())
    })
    .collect()
}

/// Every long option, the program's and the commands', that begins like this.
fn long(typed: &str) -> Vec<(&'static str, Has, Global)> {
    let globals = GLOBALS.iter().map(|(name, takes, _, global)| (*name, *takes, *global));
    let options = VERBS.iter().flat_map(|verb| verb.options.iter().map(|option| (option.name, option.takes.into(), Global::Command)));
    let mut all: Vec<_> = globals.chain(options).filter(|(name, ..)| name.starts_with(typed)).collect();
    all.sort_by_key(|(name, ..)| *name);
    all.dedup_by_key(|(name, ..)| *name);
    if let Some(exact) = all.iter().find(|(name, ..)| *name == typed) { vec![*exact] } else { all }
}

struct Reader<'a> {
    words: &'a [Word],
    next: usize,
    globals: Globals,
    commands: Vec<Written>,
}

impl Reader<'_> {
    fn value(&mut self, inside: Option<Argument>, missing: &str) -> Result<Argument, Error> {
        if let Some(value) = inside {
            return Ok(value);
        }
        let word = self.words.get(self.next).ok_or_else(|| Error::usage(missing))?;
        self.next += 1;
        Ok(Argument::new(&word.text, self.next - 1, 0))
    }

    fn apply(&mut self, global: Global, name: &Argument, value: Option<Argument>) -> Result<(), Error> {
        let text = value.as_ref().map_or("", |value| value.text.as_str());
        let at = value.as_ref().unwrap_or(name).at();
        let style = &mut self.globals.style;
        match global {
            Global::NoWait => self.globals.no_wait = true,
            Global::DryRun => self.globals.dry_run = true,
            Global::Timeout => {
                let seconds = text.parse().map_err(|_| Error::usage(format!("value {text} on -t or --timeout is invalid")).at(at))?;
                self.globals.timeout = Some(seconds);
            }
            Global::Oneline => style.oneline = true,
            Global::Format => style.format = Format::of(text).ok_or_else(|| Error::usage(format!("unknown output format \"{text}\"")).at(at))?,
            Global::Data => style.data = Data::of(text).ok_or_else(|| Error::usage(format!("unknown data format \"{text}\"")).at(at))?,
            Global::NoHeadings => style.headings = false,
            Global::Pretty => style.pretty = true,
            Global::Bare => *style = Style { format: Format::List, data: Data::Bare, headings: false, ..style.clone() },
            // What is meant is the one there is.
            Global::Database if DEFAULT.contains(&text) => {}
            Global::Database => return Err(Error::new(Kind::Refused, format!("there is no database '{text}' here: {NO_SERVER}")).at(at)),
            Global::Absent(why) => return Err(Error::new(Kind::Refused, format!("there is no option '{}' here: {why}", name.text)).at(at)),
            Global::Retry => self.globals.retry = true,
            Global::Verbose => self.globals.verbosity = verbosity::read(text, self.globals.verbosity).map_err(|error| error.at(at))?,
            Global::So => {}
            Global::Command => {
                // Said twice here, the last one counts; after the first `--` it would be an error.
                self.commands.retain(|(other, _)| other.text != name.text);
                self.commands.push((name.clone(), value));
            }
        }
        Ok(())
    }

    fn long(&mut self, word: &Word, at: usize) -> Result<(), Error> {
        let (typed, inside) = super::written(word, at);
        let (name, takes, global) = match long(&typed.text).as_slice() {
            [one] => *one,
            [] => return Err(Error::usage(format!("unrecognized option '{}'", word.text)).at(typed.at())),
            several => {
                let names: Vec<_> = several.iter().map(|(name, ..)| format!("'{name}'")).collect();
                return Err(Error::usage(format!("option '{}' is ambiguous; possibilities: {}", word.text, names.join(" "))).at(typed.at()));
            }
        };
        let value = match takes {
            Has::Value => Some(self.value(inside, &format!("option '{name}' requires an argument")).map_err(|error| error.at(typed.at()))?),
            Has::Nothing if inside.is_some() => {
                return Err(Error::usage(format!("option '{name}' doesn't allow an argument")).at(typed.at()));
            }
            Has::Nothing => None,
            Has::Maybe => inside,
        };
        self.apply(global, &typed.called(name), value)
    }

    /// A word of letters: `-t5`, `-t 5`.
    fn short(&mut self, word: &Word, at: usize) -> Result<(), Error> {
        let here = Argument::new(&word.text, at, 0);
        let letter = word.text.chars().nth(1).unwrap_or('-');
        let found = GLOBALS.iter().find(|(.., short, _)| *short == Some(letter));
        let Some((name, takes, _, global)) = found else { return Err(Error::usage(format!("invalid option -- '{letter}'")).at(here.at())) };
        let rest = &word.text[1 + letter.len_utf8()..];
        let inside = (!rest.is_empty()).then(|| Argument::new(rest, at, 1 + letter.len_utf8()));
        let value = match takes {
            Has::Value => {
                let missing = format!("option requires an argument -- '{letter}'");
                Some(self.value(inside, &missing).map_err(|error| error.at(here.at()))?)
            }
            Has::Maybe => inside,
            Has::Nothing => None,
        };
        self.apply(*global, &here.called(name), value)
    }
}

/// Reads a whole command line, without the program's name.
///
/// # Errors
/// An option is none, there is no command, or one is none.
pub fn line(words: &[Word]) -> Result<Line, Error> {
    let mut reader = Reader { words, next: 0, globals: Globals::default(), commands: Vec::new() };
    while let Some(word) = words.get(reader.next).filter(|word| word.text.len() > 1 && word.text.starts_with('-')) {
        let at = reader.next;
        reader.next += 1;
        match word.text.as_str() {
            "--" => break,
            text if text.starts_with("--") => reader.long(word, at)?,
            _ => reader.short(word, at)?,
        }
    }
    let mut before = reader.commands;
    let mut commands = Vec::new();
    for (start, part) in parts(words, reader.next) {
        commands.push(command(part, start, core::mem::take(&mut before))?);
    }
    if commands.is_empty() {
        return Err(Error::usage("missing command name (use --help for help)"));
    }
    if reader.globals.retry && reader.globals.timeout.unwrap_or(0) == 0 {
        return Err(Error::new(Kind::Refused, "nothing here is tried for ever: --retry takes --timeout=SECONDS besides"));
    }
    Ok(Line { globals: reader.globals, commands })
}
