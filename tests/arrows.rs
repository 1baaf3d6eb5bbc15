//! Holds the rooms of `src/` to the arrows of `docs/architecture.md`: who may know whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may name. What is not listed it must not know.
const ARROWS: &[(&str, &[&str])] = &[
    ("cli", &["ctl", "dp", "error", "host", "ifcfg", "model", "plan", "rtnl", "switch", "vsctl"]),
    ("agent", &["bus", "ctl", "dhcp", "dp", "error", "ethtool", "host", "ifcfg", "model", "nl", "packet", "plan", "rtnl", "switch", "vsctl"]),
    ("ctl", &["error", "switch"]),
    ("host", &["bus", "dp", "error", "ethtool", "ifcfg", "model", "nl", "plan", "rtnl", "vsctl"]),
    ("dp", &["nl"]),
    ("rtnl", &["nl"]),
    ("ethtool", &["nl"]),
    ("nl", &[]),
    ("dhcp", &["packet"]),
    ("packet", &[]),
    ("bus", &[]),
    ("ifcfg", &["model", "vsctl"]),
    ("vsctl", &["model"]),
    ("plan", &["model"]),
    ("switch", &["model"]),
    ("model", &[]),
    ("error", &[]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room a file belongs to: the first component below `src/`, without its ending.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root()).unwrap();
    inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The rooms that code names after `crate::`, whether one (`crate::nl::…`) or a list (`crate::{nl, dp::…}`).
fn named(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (_, after) in code.match_indices("crate::").map(|(at, word)| (at, &code[at + word.len()..])) {
        let head = |text: &str| text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
        match after.strip_prefix('{') {
            None => drop(found.insert(head(after))),
            Some(list) => {
                let mut depth = 0;
                for item in list.split_inclusive([',', '{', '}']) {
                    if depth == 0 && !head(item).is_empty() {
                        found.insert(head(item));
                    }
                    match item.chars().last() {
                        Some('{') => depth += 1,
                        Some('}') if depth == 0 => break,
                        Some('}') => depth -= 1,
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(&root(), &mut found);
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_room_knows_only_whom_it_may() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in files() {
        let room = room(&path);
        if matches!(room.as_str(), "main" | "lib") {
            continue;
        }
        let Some(allowed) = arrows.get(room.as_str()) else {
            wrong.push(format!("{}: the room `{room}` is not on the map", path.display()));
            continue;
        };
        for name in named(&text) {
            if name != room && arrows.contains_key(name.as_str()) && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: `{room}` must not know `{name}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_scan_sees_every_way_to_name_a_room() {
    let names = |text| named(text).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("use crate::nl::Socket; // not crate::cli"), "nl");
    assert_eq!(names("use crate::{dp::{self, flow}, nl, rtnl::link};"), "dp nl rtnl");
    assert_eq!(names("fn f() -> crate::error::Error { crate::model::x() }"), "error model");
}

#[test]
fn unsafe_stands_in_one_file() {
    for (path, text) in files() {
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let found = code.filter(|line| line.contains("unsafe ") || line.contains("unsafe{")).count();
        assert!(found == 0 || path.ends_with("nl/sys.rs"), "{} has unsafe code", path.display());
    }
}

#[test]
fn the_switch_has_no_clock_and_no_descriptor() {
    for (path, text) in files().into_iter().filter(|(path, _)| room(path) == "switch") {
        for word in ["std::net", "std::fs", "std::thread", "std::process", "Instant", "SystemTime"] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}
