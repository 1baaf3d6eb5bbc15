//! Every folder under `tests/fixtures/ifcfg` comes to what its `expected` file says: diagnostics as they are printed, then
//! the intent, then what `ovsdp check` says besides. `OVSDP_BLESS=1` writes the files anew, for a person to read the difference.
//!
//! Where a fixture has a folder `host`, the check is beside that host: `surroundings.json`, a udev rules file, .link files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ovsdp::host::udev;
use ovsdp::ifcfg::{self, Check, Code, Diagnostic, Found, Host, Severity, Sources, Style, Surroundings};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ifcfg")
}

/// The folders of files, each with the fixture's own folder.
fn folders() -> Vec<(PathBuf, PathBuf)> {
    let own = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = own.map(|own| (Some(own.join("network-scripts")).filter(|inner| inner.is_dir()).unwrap_or(own.clone()), own)).collect();
    folders.sort();
    folders
}

/// The host of a fixture; the files with its rules go into `sources`.
fn surroundings(dir: &Path, sources: &mut Sources) -> Option<Surroundings> {
    let mut around: Surroundings = serde_json::from_str(&std::fs::read_to_string(dir.join("surroundings.json")).ok()?).unwrap();
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.to_str().unwrap();
        match path.extension().unwrap().to_str().unwrap() {
            "rules" => around.rules.extend(udev::rules(file, &text)),
            "link" => around.rules.extend(udev::link(file, &text)),
            _ => continue,
        }
        sources.insert_named(file, text);
    }
    Some(around)
}

/// Everything `ovsdp check` finds in a folder.
fn check(dir: &Path, own: &Path) -> (Sources, Vec<Diagnostic>) {
    let mut sources = ifcfg::load(dir).unwrap();
    let check = Check::begin(&sources, &Host::new("host1.example.org"));
    let around = surroundings(&own.join("host"), &mut sources);
    let findings = check.finish(&sources, around.as_ref());
    (sources, findings)
}

fn describe(dir: &Path, own: &Path) -> String {
    let sources = ifcfg::load(dir).unwrap();
    let outcome = ifcfg::intent(&sources, &Host::new("host1.example.org"));
    let mut text = String::new();
    for found in &outcome.diagnostics {
        let drawn = found.render(&sources, Style::Plain);
        writeln!(text, "{drawn}\n").unwrap();
    }
    let intent = outcome.intent.map_or_else(|| "none".to_owned(), |intent| serde_json::to_string_pretty(&intent).unwrap());
    writeln!(text, "intent: {intent}").unwrap();
    let (sources, findings) = check(dir, own);
    for found in findings.iter().filter(|found| !outcome.diagnostics.contains(found)) {
        writeln!(text, "\nchecked: {}", found.render(&sources, Style::Plain)).unwrap();
    }
    let root = format!("{}/", dir.parent().unwrap().display());
    text.replace(&root, "")
}

#[test]
fn each_folder_comes_to_what_is_expected() {
    let bless = std::env::var_os("OVSDP_BLESS").is_some();
    let mut wrong = Vec::new();
    let folders = folders();
    for (dir, own) in &folders {
        let text = describe(dir, own);
        let file = own.join("expected");
        if bless {
            std::fs::write(&file, &text).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            wrong.push(format!("== {}\n{text}", own.display()));
        }
    }
    assert!(folders.len() >= 15, "only {} folders", folders.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_lead_to_files() {
    let sources = ifcfg::load(&fixtures().join("scene")).unwrap();
    let outcome = ifcfg::intent(&sources, &Host::new("h"));
    assert!(outcome.diagnostics.is_empty());
    assert!(matches!(outcome.names.find("ovsbr0"), Found::Ours(name) if *name == *"ovsbr0"));
    assert!(matches!(outcome.names.find("ifcfg-eth0"), Found::Ours(name) if *name == *"eth0"));
    assert_eq!(outcome.names.find("nosuch"), Found::Unknown { suggestion: None });
    assert_eq!(outcome.names.find("ovsbr1"), Found::Unknown { suggestion: Some("ovsbr0".to_owned()) });
}

#[test]
fn every_finding_has_a_place_and_every_error_advice() {
    for (dir, own) in folders() {
        let (sources, findings) = check(&dir, &own);
        for found in findings {
            // A folder that others can write is a finding about the folder.
            assert!(!found.file.is_empty() || found.code == Code::Access, "{found:?}");
            assert!(!found.message.ends_with('.'), "{found:?}");
            assert!(found.severity == Severity::Warning || found.help.is_some(), "{found:?}");
            assert_eq!(found.span.is_some(), found.line.is_some(), "{found:?}");
            assert!(found.related.iter().all(|other| sources.get(&other.file).is_some()), "{found:?}");
        }
    }
}

/// What `check` adds are warnings, unless the host's devices stand in the way: an error is what `up` refuses.
#[test]
fn without_a_host_check_has_the_errors_that_up_has() {
    for (dir, own) in folders() {
        let sources = ifcfg::load(&dir).unwrap();
        let errors = |list: Vec<Diagnostic>| list.into_iter().filter(|found| found.severity == Severity::Error).collect::<Vec<_>>();
        let up = errors(ifcfg::intent(&sources, &Host::new("host1.example.org")).diagnostics);
        let found = errors(check(&dir, &own).1);
        assert!(up.iter().all(|error| found.contains(error)), "{}", own.display());
        assert!(found.iter().all(|error| up.contains(error) || matches!(error.code, Code::Obstacle | Code::Hwaddr)), "{}", own.display());
    }
}

#[test]
fn every_code_is_found_somewhere() {
    let found: BTreeSet<_> = folders().iter().flat_map(|(dir, own)| check(dir, own).1).map(|found| found.code).collect();
    // Made in the unit tests of `assign` and `dir`: a value beyond the limits, a file that cannot be read.
    let elsewhere = BTreeSet::from([Code::TooLarge, Code::Unreadable]);
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !found.contains(code) && !elsewhere.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
