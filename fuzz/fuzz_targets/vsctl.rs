//! Bytes from anyone as lines of ovs-vsctl commands, carried out one after the other: nothing panics, a mistake is in one of the
//! words, a line that fails changes nothing, what a database prints of a column reads back as it, what is said of a
//! command reads back as it, and bridges made of rows are rows again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovsdp::vsctl::{Database, TABLES, Uuid, commands, line, render, split, words};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut database = Database::new(Uuid(1));
    for typed in text.split('\0').take(8) {
        let typed = split(typed);
        let read = match line(&typed) {
            Ok(read) => read,
            Err(error) => {
                assert!(error.at.is_none_or(|at| typed[at.word].text.get(at.bytes).is_some()));
                continue;
            }
        };
        let printed: Vec<String> = read.commands.iter().map(|command| command.words().collect::<Vec<_>>()).collect::<Vec<_>>().join(&"--".to_owned());
        assert_eq!(commands(&words(printed)).as_ref(), Ok(&read.commands));
        match database.transact(&read.commands) {
            Ok(outcome) => {
                render(&outcome.outputs, &read.globals.style);
                database = outcome.database;
            }
            Err(error) => assert!(error.at.is_none_or(|at| typed[at.word].text.get(at.bytes).is_some())),
        }
    }
    if let Ok(bridges) = database.intent() {
        let again = Database::of(Uuid(1), bridges.values()).expect("what was read of rows can be rows");
        assert_eq!(again.intent(), Ok(bridges));
    }
    for table in TABLES {
        for row in database.rows(table) {
            for column in table.columns.iter().filter(|column| !column.fixed) {
                let value = database.get(table, row, column).text(&column.kind);
                let same = words(["set", table.name, &row.to_string(), &format!("{}={value}", column.name)]);
                let again = database.transact(&commands(&same).expect("a command")).expect("what is there is taken");
                assert_eq!(again.database, database);
            }
        }
    }
});
