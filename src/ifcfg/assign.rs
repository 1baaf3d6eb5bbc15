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
/// What all assignments of one file may come to, in bytes: `A+=$A` doubles with every line.
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
        Ok(value)
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
        let size = value.bytes().len();
        self.left = match self.left.checked_sub(size) {
            Some(left) if size <= MAX_VALUE => left,
            _ => return Err(self.full(assign.word.span, "the values of this file grow too large".to_owned(), sink)),
        };
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
mod tests {
    use super::*;

    fn run(text: &str) -> Evaluated {
        let host = Host::new("host1.example.org");
        evaluate("ifcfg-x", text.as_bytes(), &Vars::before(&host), &host)
    }

    fn value(text: &str) -> String {
        let evaluated = run(text);
        let value = evaluated.vars.get("A").map(|var| String::from_utf8_lossy(var.value.bytes()).into_owned());
        let found = evaluated.sink.into_list();
        assert!(found.is_empty(), "{text:?} gave {found:#?}");
        value.unwrap()
    }

    #[track_caller]
    fn found(text: &str) -> Vec<(String, usize, usize)> {
        run(text).sink.into_list().iter().map(|d| (d.code.to_string(), d.span.unwrap().start, d.span.unwrap().end)).collect()
    }

    #[test]
    fn words() {
        for (text, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("  A=b  ", "b"),
            ("\tA=b\t# c", "b"),
            ("A=a#b", "a#b"),
            ("A=b;", "b"),
            ("B=1; A=2;# x", "2"),
            ("B=1 A=$B", "1"),
            ("A=a\"b\"'c'$'\\x64'\\e", "abcde"),
            ("A='a b'", "a b"),
            ("A=\"a\nb\"", "a\nb"),
            ("A='a\\\nb'", "a\\\nb"),
            ("A=\"a\\\nb\"", "ab"),
            ("A=a\\\nb", "ab"),
            ("A=a \\\n # c", "a"),
            ("A\\\n=b", "b"),
            ("A=\"\\a\\$\\\\\\`\\\"\"", "\\a$\\`\""),
            ("A=a\\ b", "a b"),
            ("export A=b", "b"),
            ("export A=b B=c", "b"),
            ("A=b\nexport A", "b"),
            ("A=b\nA+=c", "bc"),
            ("A+=c", "c"),
            ("A=b\nA=$A$A", "bb"),
            ("B=1\nA=$B\nB+=2", "1"),
            ("B=1\nA=\"$B\"${B}'$B'", "11$B"),
            ("A=${B:-x y;#()}", "x y;#()"),
            ("A=${B-x}", "x"),
            ("B=\nA=${B:-x}${B-y}", "x"),
            ("B=1\nA=${B:-x}${B:+y}${B+z}", "1yz"),
            ("A=${B:+y}${B+z}", ""),
            ("A=${B:-${C:-\"q }\"}}", "q }"),
            ("A=\"${B:-x y}\"", "x y"),
            ("A=a$", "a$"),
            ("A=\"$\"", "$"),
            ("A=$.x", "$.x"),
            ("A=\"$'x'\"", "$'x'"),
            ("B=1\nA=$\\\nB", "1"),
            ("A=$'\\n\\101\\cA\\q\\'\\u41'", "\nA\u{1}\\q'A"),
            ("A=$(hostname)", "host1.example.org"),
            ("A=\"$( hostname -s )-vif\"", "host1-vif"),
            ("A=`hostname -f`", "host1.example.org"),
            ("A=a~:b", "a~:b"),
            ("A={a,b}*?[x]", "{a,b}*?[x]"),
            ("A=!x%y^z", "!x%y^z"),
            ("A=$HOSTNAME", "host1.example.org"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn refusals_point_at_what_is_refused() {
        for (text, code, start, end) in [
            ("A=b c", "L03", 4, 5),
            ("A = b", "L01", 0, 1),
            ("TYPE-X", "L01", 0, 6),
            ("; A=1", "L01", 0, 1),
            ("A=\"b\nB=c", "L02", 2, 3),
            ("A='b\nB=c", "L02", 2, 3),
            ("A=$'b", "L02", 2, 4),
            ("A=`b", "L02", 2, 3),
            ("A=${B", "L39", 2, 4),
            ("A=${B:-c", "L02", 2, 4),
            ("A=$(date)", "L39", 2, 9),
            ("A=\"x $(ls \")\") y\"", "L39", 5, 14),
            ("A=`hostname -i`", "L39", 2, 15),
            ("A=$((1+1))", "L39", 2, 10),
            ("A=$[1+1]", "L39", 2, 8),
            ("A=${B%%x}", "L39", 2, 9),
            ("A=${#B}", "L39", 2, 7),
            ("A=${!B}", "L39", 2, 7),
            ("A=$1", "L39", 2, 4),
            ("A=$$", "L39", 2, 4),
            ("A=(a b)", "L39", 2, 4),
            ("A[0]=b", "L39", 0, 6),
            ("A=b && B=c", "L39", 4, 6),
            ("A=b|c", "L39", 3, 4),
            ("A=b>c", "L39", 3, 4),
            ("A=<(b)", "L39", 2, 3),
            ("if true; then A=b; fi", "L39", 0, 2),
            (". /etc/x", "L39", 0, 1),
            ("auto eth0", "L06", 0, 4),
            ("A={{ x }}", "L05", 5, 6),
            ("export", "L39", 0, 6),
            ("export -n A", "L39", 7, 9),
            ("export A={1,2}", "L39", 9, 10),
            ("A=b\\", "L01", 3, 4),
            ("A=b\0", "L04", 3, 4),
            ("A=$'\\0'", "L39", 4, 6),
            ("A=$'\\u00e9'", "L39", 4, 10),
            ("A=\"${B:-'c'}\"", "L39", 8, 9),
            ("RANDOM=1", "L47", 0, 6),
            ("A=$UID", "L47", 2, 6),
            ("A=$PATH", "L47", 2, 7),
        ] {
            let found: Vec<_> = run(text).sink.into_list().into_iter().filter(|d| d.severity == super::super::diag::Severity::Error).collect();
            let first = found.first().unwrap_or_else(|| panic!("{text:?} was not refused"));
            let span = first.span.unwrap();
            assert_eq!((first.code.as_str(), span.start, span.end), (code, start, end), "{text:?}: {}", first.message);
            assert!(first.help.as_ref().is_some_and(|help| !help.is_empty()), "{text:?}");
        }
    }

    #[test]
    fn tolerated_with_a_warning() {
        assert_eq!(found("A=b\r\nB=c\r\n"), [("L04".to_owned(), 3, 4)]);
        assert_eq!(found("\u{feff}A=b"), [("L04".to_owned(), 0, 3)]);
        assert_eq!(found("A=b\u{a0}c"), [("L04".to_owned(), 3, 5)]);
        assert_eq!(found("A=\u{201c}b\u{201d}"), [("L04".to_owned(), 2, 5)]);
        assert_eq!(found("A=b\nA=c"), [("L08".to_owned(), 4, 5)]);
        assert_eq!(found("A=$B"), [("L09".to_owned(), 2, 4)]);
        assert_eq!(found("A=~/x"), [("L47".to_owned(), 2, 3)]);
        assert_eq!(found("A=b:~"), [("L47".to_owned(), 4, 5)]);
        assert_eq!(found("A='{{ x }}'"), [("L05".to_owned(), 3, 5)]);
        assert_eq!(found("A=$\"b\""), [("L47".to_owned(), 2, 4)]);
        assert_eq!(found("IFS=,"), [("L47".to_owned(), 0, 3)]);
    }

    #[test]
    fn crlf_is_a_line_end() {
        let evaluated = run("A=\"b\r\nc\"\r\nB=d\\\r\ne\r");
        let get = |name: &str| evaluated.vars.get(name).unwrap().value.bytes().to_vec();
        assert_eq!((get("A"), get("B")), (b"b\nc".to_vec(), b"de".to_vec()));
    }

    #[test]
    fn unset_variables_say_what_was_meant() {
        let help = |text: &str| run(text).sink.into_list().remove(0).help.unwrap_or_default();
        assert!(help("A=$DEVICE\nDEVICE=x").contains("line 2"));
        assert!(help("DEVICE=x\nA=$DEVICE_y").contains("${DEVICE}_y"));
    }

    #[test]
    fn reading_goes_on_after_a_refused_line() {
        let evaluated = run("A=b c\nB=$(x)y\nfoo bar\nC=d\n");
        assert_eq!(evaluated.vars.get("C").unwrap().value.bytes(), b"d");
        assert_eq!(evaluated.vars.get("B").unwrap().value.bytes(), b"y");
        assert_eq!(evaluated.sink.into_list().len(), 3);
    }

    #[test]
    fn doubling_is_bounded() {
        let text = format!("A=0123456789\n{}", "A+=$A\n".repeat(64));
        assert!(run(&text).sink.has_errors());
        let wide: String = (0..2000).map(|i| format!("V{i}=$A\n")).collect();
        assert!(run(&format!("A={}\n{wide}", "x".repeat(60_000))).sink.has_errors());
        let deep = format!("A={}", "${B:-".repeat(100_000));
        assert!(run(&deep).sink.has_errors());
    }

    #[test]
    fn many_errors_take_linear_time() {
        for unit in ["A=b c\n", "$(\n", "A=\"$(x\"\n", "'", "A='\n", "A=${\n", "foo'\n", "A=$B\n", "\\\n"] {
            let _ = run(&unit.repeat((1 << 19) / unit.len()));
        }
    }
}
