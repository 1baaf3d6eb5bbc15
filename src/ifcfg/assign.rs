//! Assignments in file order: expansion where bash expands, of what bash would have, and a warning wherever a file leans on
//! something it does not set itself.
//!
//! It must not know keys. It starts no process and asks the system nothing: the host's names are passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::code::Code;
use super::diag::{Diagnostic, Sink};
use super::host::Host;
use super::lex::{Assign, Lexer};
use super::span::{Span, position};
use super::value::Value;
use super::word::{HostForm, Part, Word};

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 64 << 10;
/// What all assignments of one file may come to together, in bytes, each counted whole: `A+=$A` doubles with every line.
pub const MAX_TOTAL: usize = 4 << 20;

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Var {
    /// What it holds.
    pub value: Value,
    /// Where its name stands, in the assignment made last.
    pub name_span: Span,
    /// The file that assigned it; empty for what is set before any file.
    pub file: Arc<str>,
}

/// Variables by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vars(BTreeMap<String, Var>);

impl Vars {
    /// What initscripts sets before it reads anything.
    pub fn before(host: &Host) -> Self {
        let mut vars = Self::default();
        vars.give("HOSTNAME", host.name());
        vars
    }

    /// Sets a variable from outside the files.
    pub fn give(&mut self, name: &str, text: &str) {
        let var = Var { value: Value::given(text), name_span: Span::default(), file: Arc::from("") };
        self.0.insert(name.to_owned(), var);
    }

    /// A variable, set to something or nothing.
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.0.get(name)
    }

    /// Every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.0.iter().map(|(name, var)| (name.as_str(), var))
    }

    /// Those `file` assigned, by name.
    pub fn of<'a>(&'a self, file: &'a str) -> impl Iterator<Item = (&'a str, &'a Var)> {
        self.iter().filter(move |(_, var)| &*var.file == file)
    }
}

/// One file, evaluated.
#[derive(Debug)]
pub(super) struct Evaluated {
    pub(super) vars: Vars,
    /// Names whose value another assignment used: they may be the file's own helpers.
    pub(super) used: BTreeSet<String>,
    pub(super) sink: Sink,
}

/// Evaluates `src`, the text of `file`, on top of `before`.
pub(super) fn evaluate(file: &str, src: &[u8], before: &Vars, host: &Host) -> Evaluated {
    let mut lexer = Lexer::new(file, src);
    let mut run = Run { file: Arc::from(file), host, vars: before.clone(), used: BTreeSet::new(), unset: Vec::new(), left: MAX_TOTAL };
    while let Some(statement) = lexer.next() {
        // After `export` all words come before all assignments; else each sees those to its left.
        let mut values = Vec::new();
        for assign in &statement.assigns {
            let Ok(value) = run.expand(&assign.word, &mut lexer.sink) else { return run.finish(src, lexer.sink) };
            if statement.export {
                values.push((assign, value));
            } else if run.assign(assign, value, &mut lexer.sink).is_err() {
                return run.finish(src, lexer.sink);
            }
        }
        for (assign, value) in values {
            if run.assign(assign, value, &mut lexer.sink).is_err() {
                return run.finish(src, lexer.sink);
            }
        }
    }
    run.finish(src, lexer.sink)
}

/// The values have grown past what is kept; reading stops.
#[derive(Debug)]
struct Full;

struct Run<'a> {
    file: Arc<str>,
    host: &'a Host,
    vars: Vars,
    used: BTreeSet<String>,
    unset: Vec<(String, Span)>,
    left: usize,
}

impl Run<'_> {
    fn expand(&mut self, word: &Word, sink: &mut Sink) -> Result<Value, Full> {
        let mut value = Value::new(word.span);
        self.expand_into(word, None, &mut value, sink)?;
        self.charge(value.bytes().len(), word.span, sink)?;
        Ok(value)
    }

    /// Takes `size` bytes from what the file's values may still come to.
    fn charge(&mut self, size: usize, span: Span, sink: &mut Sink) -> Result<(), Full> {
        match self.left.checked_sub(size) {
            Some(left) => self.left = left,
            None => return Err(self.full(span, format!("the values of this file come to more than {MAX_TOTAL} bytes"), sink)),
        }
        Ok(())
    }

    /// `whole`: the expansion `word` stands in; what it comes to is seen as standing there.
    fn expand_into(&mut self, word: &Word, whole: Option<Span>, value: &mut Value, sink: &mut Sink) -> Result<(), Full> {
        for part in &word.parts {
            match part {
                Part::Text { bytes, span, verbatim } => value.push(bytes, whole.unwrap_or(*span), *verbatim && whole.is_none()),
                Part::Host { form, span } => {
                    let name = match form {
                        HostForm::Whole => Some(self.host.name()),
                        HostForm::Short => Some(self.host.short()),
                        HostForm::Full => self.host.fqdn(),
                    };
                    match name {
                        Some(name) => value.push(name.as_bytes(), whole.unwrap_or(*span), false),
                        None => {
                            let found = Diagnostic::error(Code::RefusedShell, &self.file, "this host's full name is not known").at(*span);
                            sink.push(found.help("write the name itself, or `$(hostname -s)` for the short one"));
                        }
                    }
                }
                Part::Param { name, span, alternative } => {
                    if is_dynamic(name) || (is_environment(name) && self.vars.get(name).is_none()) {
                        let found = Diagnostic::error(Code::ShellDependent, &self.file, format!("`{name}` is the shell's own and has no value here"));
                        sink.push(found.at(*span).help("write the value itself"));
                        continue;
                    }
                    let held = self.vars.get(name).map(|var| var.value.bytes());
                    let there = |colon: bool| held.is_some_and(|bytes| !colon || !bytes.is_empty());
                    match alternative.as_deref() {
                        Some(alternative) if there(alternative.colon) == alternative.when_set => {
                            self.expand_into(&alternative.word, Some(whole.unwrap_or(*span)), value, sink)?;
                        }
                        Some(alternative) if alternative.when_set => {}
                        _ => match held {
                            Some(bytes) => value.push(bytes, whole.unwrap_or(*span), false),
                            None => self.unset.push((name.clone(), *span)),
                        },
                    }
                    self.used.insert(name.clone());
                }
            }
            if value.bytes().len() > MAX_VALUE {
                return Err(self.full(word.span, format!("this value grows past {MAX_VALUE} bytes"), sink));
            }
        }
        Ok(())
    }

    fn assign(&mut self, assign: &Assign, mut value: Value, sink: &mut Sink) -> Result<(), Full> {
        let name = assign.name.as_str();
        if is_dynamic(name) {
            let found = Diagnostic::error(Code::ShellDependent, &self.file, format!("`{name}` is the shell's own and cannot be set"));
            sink.push(found.at(assign.name_span).help("use another name"));
            return Ok(());
        }
        if is_environment(name) {
            let found = Diagnostic::warning(Code::ShellDependent, &self.file, format!("`{name}` steers the shell; it has no effect here"));
            sink.push(found.at(assign.name_span).help("remove it"));
        }
        if let Some(before) = self.vars.get(name).filter(|_| assign.append).map(|old| old.value.bytes().len()) {
            self.charge(before, assign.word.span, sink)?;
        }
        if let Some(old) = self.vars.get(name) {
            let same_file = old.file == self.file;
            let refers = assign.append || mentions(&assign.word, name);
            if assign.append {
                value.prepend(&old.value, same_file);
            }
            if same_file && !refers {
                let lost = super::diag::shown(old.value.bytes());
                let found = Diagnostic::warning(Code::DuplicateKey, &self.file, format!("`{name}` is set twice; the last one counts"));
                let found = found.at(assign.name_span).help("remove one of them");
                sink.push(found.related(&self.file, old.name_span, format!("this value is lost: `{lost}`")));
            }
        }
        if value.bytes().len() > MAX_VALUE {
            return Err(self.full(assign.word.span, format!("this value grows past {MAX_VALUE} bytes"), sink));
        }
        self.vars.0.insert(name.to_owned(), Var { value, name_span: assign.name_span, file: Arc::clone(&self.file) });
        Ok(())
    }

    fn full(&self, span: Span, message: String, sink: &mut Sink) -> Full {
        sink.push(Diagnostic::error(Code::TooLarge, &self.file, message).at(span).help("make it shorter"));
        Full
    }

    fn finish(self, src: &[u8], mut sink: Sink) -> Evaluated {
        for (name, span) in &self.unset {
            if sink.is_full() {
                break;
            }
            let found =
                Diagnostic::warning(Code::UnsetVariable, &self.file, format!("`{name}` has no value here, so this comes to nothing")).at(*span);
            sink.push(match self.vars.get(name) {
                Some(later) => {
                    let line = position(src, later.name_span.start).line;
                    found.help(format!("move its line above this one; it is set on line {line}"))
                }
                None => {
                    let shorter = self.vars.iter().map(|(known, _)| known).filter(|known| {
                        name.strip_prefix(known).is_some_and(|rest| rest.starts_with('_')) && self.vars.get(known).is_some_and(|v| !v.file.is_empty())
                    });
                    found.maybe_help(
                        shorter.max_by_key(|known| known.len()).map(|known| {
                            format!("to put text behind `{known}`, write `${{{known}}}{}`", name.get(known.len()..).unwrap_or_default())
                        }),
                    )
                }
            });
        }
        Evaluated { vars: self.vars, used: self.used, sink }
    }
}

/// Whether `word` expands `name` anywhere.
fn mentions(word: &Word, name: &str) -> bool {
    word.parts.iter().any(|part| match part {
        Part::Param { name: used, alternative, .. } => {
            used == name || alternative.as_ref().is_some_and(|alternative| mentions(&alternative.word, name))
        }
        _ => false,
    })
}

/// Variables the shell sets by itself, or does not let anyone set.
fn is_dynamic(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "_",
        "DIRSTACK",
        "EPOCHREALTIME",
        "EPOCHSECONDS",
        "EUID",
        "FUNCNAME",
        "GROUPS",
        "HISTCMD",
        "HOSTTYPE",
        "LINENO",
        "MACHTYPE",
        "OLDPWD",
        "OPTARG",
        "OPTERR",
        "OPTIND",
        "OSTYPE",
        "PIPESTATUS",
        "PPID",
        "PWD",
        "RANDOM",
        "READLINE_LINE",
        "REPLY",
        "SECONDS",
        "SHELLOPTS",
        "SHLVL",
        "SRANDOM",
        "UID",
    ];
    name.starts_with("BASH") || name.starts_with("COMP_") || NAMES.contains(&name)
}

/// Variables that change how a shell works.
fn is_environment(name: &str) -> bool {
    const NAMES: &[&str] = &["ENV", "HOME", "IFS", "LANG", "LANGUAGE", "PATH", "POSIXLY_CORRECT", "PS1", "PS2", "PS4", "SHELL", "TERM", "TZ"];
    name.starts_with("LC_") || name.starts_with("LD_") || NAMES.contains(&name)
}

#[cfg(test)]
mod tests;
