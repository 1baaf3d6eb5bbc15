//! Commands with `--` between them, as `OVS_EXTRA` has them: those that set something of what a file describes.
//!
//! It must not know which rows the file describes.

use super::Fault;
use super::columns::Table;
use super::setting::{Setting, settings};

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Set columns of a row.
    Set {
        /// The row's table.
        table: Table,
        /// The row's name.
        record: String,
        /// Which word named it.
        word: usize,
        /// What is set.
        settings: Vec<Setting>,
    },
    /// Nothing is left to do of it: the bridge has no controller, and its fail mode is standalone.
    Done {
        /// The bridge.
        bridge: String,
        /// Which word named it.
        word: usize,
    },
}

/// What there is to do about commands that cannot be carried out from a file.
const FOREIGN: &[(&[&str], &str)] = &[
    (&["add-br", "del-br", "add-port", "add-bond", "add-bond-iface", "del-port", "del-bond-iface"], "give it a file of its own in the folder"),
    (
        &["set-controller", "set-manager", "del-manager", "set-ssl", "del-ssl", "set-aa-mapping"],
        "ovsdp speaks no OpenFlow and has no database; remove it",
    ),
    (&["create", "destroy", "add", "remove", "clear", "emer-reset"], "it needs Open vSwitch's database; write what is to be set with `set`"),
    (
        &["get", "list", "find", "show", "list-br", "list-ports", "list-ifaces", "br-exists", "get-controller", "get-fail-mode"],
        "it only prints; remove it",
    ),
];

/// Reads commands. Empty ones between `--` are passed over, as ovs-vsctl does.
///
/// # Errors
/// The first that is none, or that cannot be carried out from a file.
pub fn commands(first: usize, words: &[&str]) -> Result<Vec<Command>, Fault> {
    let mut all = Vec::new();
    let mut at = first;
    for command in words.split(|word| *word == "--") {
        if !command.is_empty() {
            all.push(one(at, command)?);
        }
        at += command.len() + 1;
    }
    Ok(all)
}

fn one(first: usize, words: &[&str]) -> Result<Command, Fault> {
    let options = words.iter().take_while(|word| word.starts_with('-')).count();
    if let Some((at, option)) = (first..).zip(words).take(options).find(|(_, option)| !["--if-exists", "--may-exist"].contains(option)) {
        return Err(Fault::new(at, format!("`{option}` is not supported here"), "remove it"));
    }
    let (at, words) = (first + options, words.get(options..).unwrap_or_default());
    let missing = |what: &str, form: &str| Fault::new(at, format!("`{}` lacks {what}", words.join(" ")), format!("write `{form}`"));
    match words {
        ["set", rest @ ..] => {
            const FORM: &str = "set TABLE RECORD COLUMN[:KEY]=VALUE…";
            let [table, record, given @ ..] = rest else { return Err(missing("a table or a record", FORM)) };
            let Some(table) = Table::find(table) else {
                return Err(Fault::new(at + 1, format!("`{table}` is no table a file can set"), "the tables are Bridge, Port and Interface"));
            };
            if given.is_empty() {
                return Err(missing("what is to be set", FORM));
            }
            Ok(Command::Set { table, record: (*record).to_owned(), word: at + 2, settings: settings(table, at + 3, given)? })
        }
        ["br-set-external-id", bridge, key, value] => {
            let setting = Setting { word: at + 2, column: "external_ids", key: (*key).to_owned(), value: (*value).to_owned(), is_recorded: true };
            Ok(Command::Set { table: Table::Bridge, record: (*bridge).to_owned(), word: at + 1, settings: vec![setting] })
        }
        ["set-fail-mode", bridge, "standalone"] | ["del-fail-mode" | "del-controller", bridge] => {
            Ok(Command::Done { bridge: (*bridge).to_owned(), word: at + 1 })
        }
        ["set-fail-mode", _, mode] => {
            Err(Fault::new(at + 2, format!("a bridge of ovsdp's is a learning switch, not `{mode}`"), "write `standalone`"))
        }
        ["br-set-external-id", ..] => Err(missing("a bridge, a key or a value", "br-set-external-id BRIDGE KEY VALUE")),
        ["set-fail-mode" | "del-fail-mode" | "del-controller", ..] => Err(missing("a bridge", "set-fail-mode BRIDGE standalone")),
        [name, ..] => {
            let help = FOREIGN.iter().find(|(names, _)| names.contains(name)).map(|(_, help)| *help);
            let what = if help.is_some() { "cannot be done from a file" } else { "is no ovs-vsctl command" };
            Err(Fault::new(
                at,
                format!("`{name}` {what}"),
                help.unwrap_or("write such as `set Bridge ovsbr0 other_config:mac-table-size=50000`, with `--` between commands"),
            ))
        }
        [] => Err(Fault::new(first, "an option without a command", "write a command behind it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Command>, Fault> {
        commands(0, &text.split_ascii_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn several_commands() {
        let all =
            read("-- set bridge br0 other-config:hwaddr=52:54:00:00:00:01 -- -- del-controller br0 -- br-set-external-id br0 bridge-id br0").unwrap();
        let Command::Set { table: Table::Bridge, record, word: 3, settings } = &all[0] else { panic!("{all:?}") };
        assert_eq!((record.as_str(), settings.len(), settings[0].word), ("br0", 1, 4));
        assert_eq!(all[1], Command::Done { bridge: "br0".to_owned(), word: 8 });
        let Command::Set { settings, .. } = &all[2] else { panic!("{all:?}") };
        assert_eq!((settings[0].key.as_str(), settings[0].is_recorded), ("bridge-id", true));
        assert!(read("").unwrap().is_empty() && read("-- --").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_done_says_where_and_what_instead() {
        let fault = |text: &str| read(text).unwrap_err();
        assert_eq!(fault("set Port p external_ids:a=b -- add-port br0 vnet0").word, 5);
        assert!(fault("set-controller br0 tcp:192.0.2.1").help.contains("OpenFlow"));
        assert_eq!(fault("--id=@q create QoS type=linux-htb").word, 0);
        for bad in [
            "set",
            "set Port",
            "set Port p",
            "set Mirror m x=1",
            "frobnicate",
            "--if-exists",
            "set-fail-mode br0 secure",
            "set-fail-mode br0",
            "list br",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_words_are_survived(words in proptest::collection::vec("[a-z:=,\\[\\]{}\"@-]{0,12}|set|Port|--|external_ids:a=1", 0..12)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Err(fault) = commands(0, &words) {
                proptest::prop_assert!(fault.word <= words.len());
            }
        }
    }
}
