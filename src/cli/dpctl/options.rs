//! The options of `ovs-dpctl`, read as the C library's `getopt_long` reads them: anywhere among the words, long ones
//! shortened as far as they stay unique, until `--`.

/// What the options ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `-s`: counters.
    pub statistics: bool,
    /// `--clear`: zero a flow's counters.
    pub clear: bool,
    /// `--may-create`: mod-flow may add.
    pub may_create: bool,
    /// `--atomic`: a file's changes are made all or none.
    pub atomic: bool,
    /// `--read-only`: refuse what changes something.
    pub read_only: bool,
    /// `-m`: more of everything.
    pub more: bool,
    /// `--names`, `--no-names`.
    pub names: Option<bool>,
    /// `-t`: seconds until the process gives up.
    pub timeout: Option<u32>,
}

impl Options {
    /// Whether ports are printed by name: when asked for, and with `-m` unless asked not to.
    pub(super) fn port_names(&self) -> bool {
        self.names.unwrap_or(self.more)
    }
}

/// What a command line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    /// `--help`.
    Help,
    /// `--version`.
    Version,
    /// `--option`: print the options.
    List,
    /// A command and its arguments.
    Words(Options, Vec<String>),
}

/// Whether an option takes an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Maybe,
    Argument,
}

/// Long options, the short one each stands for (itself where there is none), and what it takes.
const LONG: &[(&str, &str, Takes)] = &[
    ("statistics", "s", Takes::Nothing),
    ("clear", "clear", Takes::Nothing),
    ("may-create", "may-create", Takes::Nothing),
    ("atomic", "atomic", Takes::Nothing),
    ("read-only", "read-only", Takes::Nothing),
    ("more", "m", Takes::Nothing),
    ("names", "names", Takes::Nothing),
    ("no-names", "no-names", Takes::Nothing),
    ("timeout", "t", Takes::Argument),
    ("help", "h", Takes::Nothing),
    ("option", "o", Takes::Nothing),
    ("version", "V", Takes::Nothing),
    ("verbose", "v", Takes::Maybe),
    ("log-file", "log-file", Takes::Maybe),
    ("syslog-method", "syslog-method", Takes::Argument),
    ("syslog-target", "syslog-target", Takes::Argument),
];

const SHORT: &[(char, &str, Takes)] = &[
    ('s', "s", Takes::Nothing),
    ('m', "m", Takes::Nothing),
    ('t', "t", Takes::Argument),
    ('h', "h", Takes::Nothing),
    ('o', "o", Takes::Nothing),
    ('V', "V", Takes::Nothing),
    ('v', "v", Takes::Maybe),
];

/// What `--option` prints.
pub(super) const LIST: &str = "--statistics\n-s \n--clear\n--may-create\n--atomic\n--read-only\n--more\n-m \n--names\n--no-names\n--timeout=ARG\n-t ARG\n--help\n-h \n--option\n-o \n\
     --version\n-V \n--verbose[=ARG]\n-v \n";

/// Reads a command line.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn parse(args: &[String]) -> Result<Parsed, String> {
    let mut options = Options::default();
    let mut words = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            words.extend(args.by_ref().cloned());
        } else if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
            let &(full, option, takes) = find(name)?;
            let value = match (takes, value) {
                (Takes::Nothing, Some(_)) => return Err(format!("option '--{full}' doesn't allow an argument")),
                (Takes::Argument, None) => Some(args.next().cloned().ok_or_else(|| format!("option '--{full}' requires an argument"))?),
                (_, value) => value,
            };
            if let Some(done) = apply(&mut options, option, value)? {
                return Ok(done);
            }
        } else if arg.len() > 1
            && let Some(cluster) = arg.strip_prefix('-')
        {
            let mut rest = cluster.chars();
            while let Some(letter) = rest.next() {
                let &(_, option, takes) = SHORT.iter().find(|(known, ..)| *known == letter).ok_or_else(|| format!("invalid option -- '{letter}'"))?;
                let attached = (takes != Takes::Nothing && !rest.as_str().is_empty()).then(|| rest.as_str().to_owned());
                let ends = attached.is_some();
                let value = match (takes, attached) {
                    (Takes::Argument, None) => Some(args.next().cloned().ok_or_else(|| format!("option requires an argument -- '{letter}'"))?),
                    (_, value) => value,
                };
                if let Some(done) = apply(&mut options, option, value)? {
                    return Ok(done);
                }
                if ends {
                    break;
                }
            }
        } else {
            words.push(arg.clone());
        }
    }
    Ok(Parsed::Words(options, words))
}

/// The long option that `name` is, or is short for.
fn find(name: &str) -> Result<&'static (&'static str, &'static str, Takes), String> {
    if let Some(found) = LONG.iter().find(|(known, ..)| *known == name) {
        return Ok(found);
    }
    let mut candidates = LONG.iter().filter(|(known, ..)| known.starts_with(name));
    match (candidates.next(), candidates.next()) {
        (Some(found), None) => Ok(found),
        (None, _) => Err(format!("unrecognized option '--{name}'")),
        (Some(_), Some(_)) => {
            let all = LONG.iter().filter(|(known, ..)| known.starts_with(name));
            Err(all.fold(format!("option '--{name}' is ambiguous; possibilities:"), |text, (known, ..)| format!("{text} '--{known}'")))
        }
    }
}

fn apply(options: &mut Options, option: &str, value: Option<String>) -> Result<Option<Parsed>, String> {
    match option {
        "s" => options.statistics = true,
        "clear" => options.clear = true,
        "may-create" => options.may_create = true,
        "atomic" => options.atomic = true,
        "read-only" => options.read_only = true,
        "m" => options.more = true,
        "names" => options.names = Some(true),
        "no-names" => options.names = Some(false),
        "t" => {
            let text = value.unwrap_or_default();
            let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
            options.timeout = Some(seconds.ok_or_else(|| format!("value {text} on -t or --timeout is invalid"))?);
        }
        "h" => return Ok(Some(Parsed::Help)),
        "o" => return Ok(Some(Parsed::List)),
        "V" => return Ok(Some(Parsed::Version)),
        // How much is logged: nothing is, errors aside, and those are always said.
        "v" => {}
        other => return Err(format!("--{other}: ovsdp keeps no log; what goes wrong is said on standard error")),
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Parsed, String> {
        parse(&line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_stand_anywhere_and_may_be_shortened() {
        let Parsed::Words(options, rest) = words("show -sm dp0 --time 3 --na -- -x").unwrap() else { panic!() };
        assert_eq!(rest, ["show", "dp0", "-x"]);
        assert_eq!(options, Options { statistics: true, more: true, names: Some(true), timeout: Some(3), ..Options::default() });
        let Parsed::Words(options, rest) = words("-t5 -vdpif:dbg -v --verbose=off - --no-names").unwrap() else { panic!() };
        assert_eq!((options.timeout, options.names, rest.len()), (Some(5), Some(false), 1));
        assert_eq!(words("-s --help --frob"), Ok(Parsed::Help));
    }

    #[test]
    fn names_follow_more_unless_told() {
        let names = |line: &str| match words(line) {
            Ok(Parsed::Words(options, _)) => options.port_names(),
            other => panic!("{other:?}"),
        };
        assert_eq!([names(""), names("-m"), names("-m --no-names"), names("--names")], [false, true, false, true]);
    }

    #[test]
    fn what_is_wrong_is_said_as_getopt_says_it() {
        for (line, said) in [
            ("--frob", "unrecognized option '--frob'"),
            ("--n", "option '--n' is ambiguous; possibilities: '--names' '--no-names'"),
            ("-x", "invalid option -- 'x'"),
            ("-mn", "invalid option -- 'n'"),
            ("-t", "option requires an argument -- 't'"),
            ("--timeout", "option '--timeout' requires an argument"),
            ("--statistics=1", "option '--statistics' doesn't allow an argument"),
            ("-t x dump-dps", "value x on -t or --timeout is invalid"),
            ("-t 0", "value 0 on -t or --timeout is invalid"),
        ] {
            assert_eq!(words(line), Err(said.to_owned()), "{line}");
        }
        assert!(words("--log-file=x").unwrap_err().contains("log-file"));
    }
}
