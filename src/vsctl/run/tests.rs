//! Lines played to the database, and to the real ovs-vsctl before: `tests/fixtures/vsctl`, where `record.sh` says how they were
//! recorded. Rows come in an order of their own there, and have other UUIDs.

use std::path::Path;

use super::*;
use crate::vsctl::command::line;
use crate::vsctl::error::Kind;
use crate::vsctl::print::render;
use crate::vsctl::{commands, split, words};

/// What the fixture says of each line.
fn recorded(name: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/vsctl/{name}.out"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    for piece in text.split_inclusive('\n') {
        match piece.strip_prefix("$ ") {
            Some(line) => found.push((line.trim_end().to_owned(), String::new())),
            None => found.last_mut().unwrap().1.push_str(piece),
        }
    }
    assert!(found.len() > 15, "{name}");
    found
}

/// What it says here, as `record.sh` would write it down.
fn played(database: &mut Database, typed: &str) -> String {
    let arguments = typed.split(' ').map(|word| if word == "∅" { String::new() } else { word.replace('␣', " ") });
    let outcome = line(&words(arguments)).and_then(|line| Ok((execute(database, &line.commands)?, line.globals)));
    match outcome {
        Ok((outcome, globals)) => {
            if !globals.dry_run {
                *database = outcome.database;
            }
            let notes: String = outcome.notes.iter().map(|note| format!("warning: {}\n", note.text)).collect();
            render(&outcome.outputs, &globals.style) + &notes
        }
        Err(error) if error.kind == Kind::No => "[exit 2]\n".into(),
        Err(error) => format!("ovs-vsctl: {error}\n[exit 1]\n"),
    }
}

/// A tree of lines by their depth, each level in order.
fn sorted_tree(lines: &[&str]) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let Some(top) = lines.first().map(|line| depth(line)) else { return String::new() };
    let starts: Vec<usize> = (0..lines.len()).filter(|at| depth(lines[*at]) <= top).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let mut parts: Vec<String> =
        starts.iter().zip(ends).map(|(start, end)| format!("{}\n{}", lines[*start], sorted_tree(&lines[start + 1..end]))).collect();
    parts.sort();
    parts.concat()
}

/// The same text with rows in order and without their UUIDs.
fn canonical(typed: &str, text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let uuid = rest.get(..36).is_some_and(|start| start.parse::<Uuid>().is_ok());
        plain.push_str(if uuid { "UUID" } else { &rest[..c.len_utf8()] });
        rest = &rest[if uuid { 36 } else { c.len_utf8() }..];
    }
    if typed == "show" || typed.ends_with(" show") {
        return sorted_tree(&plain.lines().collect::<Vec<_>>());
    }
    let mut blocks: Vec<_> = plain.trim_end_matches('\n').split("\n\n").collect();
    blocks.sort_unstable();
    blocks.join("\n\n")
}

#[test]
fn lines_say_what_they_say_in_open_vswitch() {
    let mut wrong = Vec::new();
    for name in ["bridges", "ports", "values", "records", "find", "formats", "qos", "waits", "longer", "bonds"] {
        let mut database = Database::new(Uuid(1));
        for (typed, says) in recorded(name) {
            let here = played(&mut database, &typed);
            if canonical(&typed, &here) != canonical(&typed, &says) {
                wrong.push(format!("{name}: {typed}\n--- Open vSwitch:\n{says}--- here:\n{here}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// A line of commands as files have them.
fn done(database: &Database, text: &str) -> Result<Outcome, Error> {
    database.transact(&commands(&split(text))?)
}

#[test]
fn a_line_is_carried_out_wholly_or_not_at_all() {
    let database = Database::new(Uuid(1));
    let before = done(&database, "add-br br0 -- add-port br0 p1 tag=7").unwrap().database;
    for wrong in ["add-br br1 -- add-br br0", "del-port p1 -- set port p1 tag=5", "set port p1 tag=5 -- set bridge br0 stp_enable=on"] {
        done(&before, wrong).unwrap_err();
    }
    assert_eq!(done(&before, "get port p1 tag -- list-br").unwrap().outputs, [Output::Text("7\n".into()), Output::Text("br0\n".into())]);
}

#[test]
fn rows_have_the_same_uuids_when_made_again() {
    let make = |line| done(&Database::new(Uuid(9)), line).unwrap().database;
    assert_eq!(make("add-br br0 -- add-port br0 p1"), make("add-br br0 -- add-port br0 p1"));
    let again = done(&make("add-br br0 -- add-port br0 p1"), "del-port p1").unwrap().database;
    assert_eq!(done(&again, "add-port br0 p1").unwrap().database, make("add-br br0 -- add-port br0 p1"));
}

#[test]
fn what_is_waited_for_is_not_so_yet() {
    let database = done(&Database::new(Uuid(1)), "add-br br0 -- add-port br0 p1 tag=7").unwrap().database;
    for (line, text) in [
        ("wait-until port p2", "no row \"p2\" in table Port"),
        ("wait-until port p1 tag=8", "tag=8 is not so of Port p1"),
        ("set port p1 tag=8 -- wait-until port p1 tag=7", "tag=7 is not so of Port p1"),
        ("wait-until port p1 tag=7 external_ids:a=b", "external_ids:a=b is not so of Port p1"),
    ] {
        let error = done(&database, line).unwrap_err();
        assert_eq!((error.kind, error.text.as_str()), (Kind::NotYet, text), "{line}");
    }
    // What never can be so is no reason to wait.
    for line in ["wait-until port p2 foo=1", "wait-until prt p1", "wait-until port p1 tag=x"] {
        assert_ne!(done(&database, line).unwrap_err().kind, Kind::NotYet, "{line}");
    }
}

#[test]
fn a_mistake_points_at_its_words() {
    let database = done(&Database::new(Uuid(1)), "add-br br0").unwrap().database;
    for (text, about) in [
        ("set bridge br0 foo=b", "foo"),
        ("set bridge br0 other_config:a=b stp_enable=maybe", "maybe"),
        ("set bridge br0 flood_vlans=[1,x]", "x"),
        ("set bridge br9 stp_enable=no", "br9"),
        ("set bridge br0 stp_enable=on", "stp_enable=on"),
        ("add-port br0 p1 tag=5000", "5000"),
        ("add-port br0 br0", "br0"),
        ("-- set bridge br0 mirrors=@m", "mirrors=@m"),
        ("add-br br0", "br0"),
        ("-- frobnicate br0", "frobnicate"),
        ("-- --may-exist del-br br0", "--may-exist"),
        ("del-br", "del-br"),
        ("-- --columns=name,x list Bridge", "name,x"),
        ("-- --id=m create Mirror name=m", "m"),
    ] {
        let words = split(text);
        let error = commands(&words).and_then(|commands| database.transact(&commands)).unwrap_err();
        let span = error.at.as_ref().unwrap_or_else(|| panic!("{text}: {error}")).span(&words).unwrap();
        assert_eq!(&text[span], about, "{text}: {error}");
    }
}

#[test]
fn an_identifier_of_two_interfaces_is_refused() {
    let error = done(&Database::new(Uuid(1)), "add-br br0 -- add-bond br0 b a a").unwrap_err();
    assert!(error.text.contains("identical values (a) for index on column"), "{error}");
    assert_eq!(error.kind, Kind::Conflict);
}
