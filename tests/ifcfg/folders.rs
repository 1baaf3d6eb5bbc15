//! Every folder under `tests/fixtures/ifcfg` comes to what its `expected` file says: diagnostics as they are printed, then
//! the intent. `OVSDP_BLESS=1` writes the files anew, for a person to read the difference.

use std::fmt::Write as _;
use std::path::Path;

use ovsdp::ifcfg::{self, Found, Host, Severity, Style};

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ifcfg")
}

fn describe(dir: &Path) -> String {
    let inner = dir.join("network-scripts");
    let dir = if inner.is_dir() { &inner } else { dir };
    let sources = ifcfg::load(dir).unwrap();
    let outcome = ifcfg::intent(&sources, &Host::new("host1.example.org"));
    let mut text = String::new();
    for found in &outcome.diagnostics {
        let drawn = found.render(&sources, Style::Plain);
        writeln!(text, "{drawn}\n").unwrap();
    }
    let intent = outcome.intent.map_or_else(|| "none".to_owned(), |intent| serde_json::to_string_pretty(&intent).unwrap());
    writeln!(text, "intent: {intent}").unwrap();
    let root = format!("{}/", dir.parent().unwrap().display());
    text.replace(&root, "")
}

#[test]
fn each_folder_comes_to_what_is_expected() {
    let bless = std::env::var_os("OVSDP_BLESS").is_some();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let dir = entry.unwrap().path();
        count += 1;
        let text = describe(&dir);
        let file = dir.join("expected");
        if bless {
            std::fs::write(&file, &text).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            wrong.push(format!("== {}\n{text}", dir.display()));
        }
    }
    assert!(count >= 10, "only {count} folders");
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
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let sources = ifcfg::load(&entry.unwrap().path()).unwrap();
        for found in ifcfg::intent(&sources, &Host::new("h")).diagnostics {
            assert!(!found.file.is_empty() && !found.message.ends_with('.'), "{found:?}");
            assert!(found.severity == Severity::Warning || found.help.is_some(), "{found:?}");
            assert_eq!(found.span.is_some(), found.line.is_some(), "{found:?}");
        }
    }
}
