use proptest::prelude::*;

use super::*;
use crate::vsctl::words::{split, words};

fn parsed(text: &str) -> Result<Vec<Command>, String> {
    commands(&split(text)).map_err(|error| error.text)
}

/// Any command its verb's shape allows, as words.
fn any_command() -> impl Strategy<Value = Vec<String>> {
    (0..VERBS.len()).prop_flat_map(|at| {
        let verb = &VERBS[at];
        let count = verb.min..=verb.max.min(verb.min + 3);
        let options = proptest::sample::subsequence(verb.options.iter().collect::<Vec<_>>(), 0..=verb.options.len());
        let values = proptest::collection::vec("[a-z@=,:]{0,6}", verb.options.len());
        let arguments = proptest::collection::vec("[^ \\t\\n-][^\\t\\n]{0,10}", count);
        (options, values, arguments).prop_map(|(options, values, arguments)| {
            let option = |(option, value): (&verbs::Opt, String)| match option.takes {
                Takes::Nothing => option.name.to_owned(),
                Takes::Value => format!("{}={value}", option.name),
            };
            options.into_iter().zip(values).map(option).chain([verb.name.to_owned()]).chain(arguments).collect()
        })
    })
}

proptest! {
    #[test]
    fn what_a_command_prints_is_read_as_it(lines in proptest::collection::vec(any_command(), 1..4)) {
        let line = lines.join(&"--".to_owned());
        let read = commands(&words(line)).unwrap();
        let printed: Vec<String> = read.iter().map(|command| command.words().collect::<Vec<_>>()).collect::<Vec<_>>().join(&"--".to_owned());
        prop_assert_eq!(commands(&words(printed)).unwrap(), read);
    }

    #[test]
    fn no_words_panic_and_a_mistake_is_in_them(line in proptest::collection::vec("(--)?[a-z@=-]{0,9}|--|add-br|set|list|-t|--columns=a", 0..8)) {
        let line = words(line);
        for error in [commands(&line).err(), super::line(&line).err()].into_iter().flatten() {
            if let Some(at) = error.at {
                prop_assert!(line[at.word].text.get(at.bytes.clone()).is_some(), "{:?}", at);
            }
        }
    }
}

#[test]
fn a_line_of_a_file_is_its_commands() {
    let read = parsed("-- set Interface eth0 mtu_request=9000 -- --if-exists del-port br0 x -- --").unwrap();
    let texts: Vec<_> = read.iter().map(Command::to_string).collect();
    assert_eq!(texts, ["set Interface eth0 mtu_request=9000", "--if-exists del-port br0 x"]);
    assert_eq!(
        read.iter().map(|command| (command.verb(), command.changes(), command.at().word)).collect::<Vec<_>>(),
        [("set", true, 1), ("del-port", true, 7)]
    );
    assert_eq!(parsed("").unwrap(), []);
    // Quotes are letters: a value with a blank is two arguments.
    assert_eq!(parsed("set Port p other_config:a=\"b c\"").unwrap()[0].words().last().unwrap(), "c\"");
}

#[test]
fn what_open_vswitch_has_and_this_has_not_is_refused_by_name() {
    for (text, says) in [
        ("get-manager", "there is no command 'get-manager' here: there is no database server to manage"),
        ("get-ssl", "there is no command 'get-ssl' here: there is no database server to connect to"),
        ("frobnicate", "unknown command 'frobnicate'; use --help for help"),
    ] {
        assert_eq!(parsed(text).unwrap_err(), says);
    }
    for (text, says) in [
        ("--db=unix:/x list-br", "there is no database 'unix:/x' here: there is no database server to connect to"),
        ("--syslog-target=x:1 list-br", "there is no option '--syslog-target' here: nothing is written to syslog"),
        ("--log-file list-br", "there is no option '--log-file' here: nothing is logged; --verbose prints the steps of a change"),
        ("-vfile:dbg list-br", "there is no '-vfile:dbg' here: nothing is written to a file"),
        ("--retry list-br", "nothing here is tried for ever: --retry takes --timeout=SECONDS besides"),
        ("--retry --timeout=0 list-br", "nothing here is tried for ever: --retry takes --timeout=SECONDS besides"),
        ("--no-s list-br", "option '--no-s' is ambiguous; possibilities: '--no-shuffle-remotes' '--no-syslog'"),
    ] {
        assert_eq!(super::line(&split(text)).unwrap_err().text, says);
    }
}

#[test]
fn options_of_the_program_are_read() {
    let line = super::line(&split("--retry -t5 --db=tcp:127.0.0.1:6640 -v --no-syslog --verbose=off list-br")).unwrap();
    assert_eq!((line.globals.retry, line.globals.timeout, line.globals.verbosity), (true, Some(5), Verbosity::Quiet));
    // What is one word more is the first command's.
    let line = super::line(&split("-v wait-until port p1")).unwrap();
    assert_eq!((line.globals.verbosity, line.commands[0].verb()), (Verbosity::Steps, "wait-until"));
}

#[test]
fn a_mistake_in_an_option_is_in_its_word() {
    for (text, about) in
        [("--may list-br", "--may"), ("-tx list-br", "x"), ("--time=x list-br", "x"), ("--format foo list-br", "foo"), ("--db", "--db")]
    {
        let words = split(text);
        let span = super::line(&words).unwrap_err().at.unwrap().span(&words).unwrap();
        assert_eq!(&text[span], about, "{text}");
    }
}

#[test]
fn the_program_has_options_of_its_own() {
    let line = super::line(&split("--no-wait -t 5 --dry-run --columns=name --bare list Port")).unwrap();
    assert!(line.globals.no_wait && line.globals.dry_run);
    assert_eq!((line.globals.timeout, line.globals.style.data), (Some(5), crate::vsctl::Data::Bare));
    assert_eq!(line.commands[0].to_string(), "--columns=name list Port");
}
