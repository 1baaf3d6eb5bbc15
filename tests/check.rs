//! `ovsdp check` as a person runs it, and `docs/check.md`, which `OVSDP_BLESS=1` writes anew between its marks.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use ovsdp::ifcfg::EXPLANATIONS;

/// Runs it in the working copy. This host's own folder is one that is not there, so that nothing of this machine is looked at.
fn check(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovsdp"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("OVSDP_DIR", "/nonexistent/files").arg("check").args(arguments).output().unwrap()
}

/// What it prints, when it ends with `code` and says nothing on standard error.
fn prints(arguments: &[&str], code: i32) -> String {
    let output = check(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(code), String::new()), "{arguments:?}: {text}");
    text
}

/// What it says on standard error, when it ends with `code` and prints nothing.
fn complains(arguments: &[&str], code: i32) -> String {
    let output = check(arguments);
    assert_eq!((output.status.code(), String::from_utf8(output.stdout).unwrap()), (Some(code), String::new()), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

const FIXTURES: &str = "tests/fixtures/ifcfg";

fn fixture(name: &str) -> String {
    format!("{FIXTURES}/{name}")
}

#[test]
fn a_folder_without_findings_says_so() {
    let scene = fixture("scene");
    assert_eq!(prints(&[&scene], 0), format!("nothing found: 2 files in {scene}, looked at by themselves\n"));
    assert_eq!(prints(&[&scene, "--strict"], 0), prints(&[&scene], 0));
}

#[test]
fn warnings_fail_only_when_that_is_asked_for() {
    let folder = fixture("loop");
    let text = prints(&[&folder], 0);
    assert!(text.starts_with("warning[L18]: `eth0` and `eth1` lead out of `br0`"), "{text}");
    assert!(
        text.ends_with(&format!("\n\n1 warning: 8 files in {folder}, looked at by themselves\n`ovsdp check --explain L18` says more of the first\n")),
        "{text}"
    );
    assert_eq!(prints(&[&folder, "--strict"], 3), text);
}

#[test]
fn errors_are_its_result() {
    let text = prints(&[&fixture("across")], 3);
    assert!(text.contains("error[L16]: no file describes a bridge `br00`") && text.contains(" errors and "), "{text}");
}

#[test]
fn of_a_file_what_touches_it_is_printed() {
    // It has no finding of its own; the other one points here.
    let text = prints(&[&fixture("loop/ifcfg-eth0")], 0);
    assert!(text.contains("warning[L18]"), "{text}");
    let text = prints(&[&fixture("loop/ifcfg-eth2")], 0);
    assert!(text.starts_with("nothing found: 8 files in "), "{text}");
    // A folder and a file of it are the folder; two folders are both.
    let text = prints(&[&fixture("loop"), &fixture("loop/ifcfg-eth2"), &fixture("mtu")], 0);
    assert!(text.contains("warning[L18]") && text.contains("warning[L25]") && text.contains("3 warnings: "), "{text}");
}

#[test]
fn what_cannot_be_read_is_no_finding() {
    let missing = fixture("nowhere");
    assert!(complains(&[&missing], 4).contains(&missing));
    assert!(complains(&[&fixture("scene"), &missing], 4).contains(&missing));
    assert!(complains(&[], 4).contains("/nonexistent/files"));
    assert!(complains(&[&fixture("scene/expected")], 2).contains("ifcfg-eth0"));
    assert!(complains(&["--nothing-like-it"], 2).contains("Usage"));
}

#[test]
fn json_has_every_finding_with_its_place() {
    let answer: serde_json::Value = serde_json::from_str(&prints(&[&fixture("mtu"), "--json"], 0)).unwrap();
    assert_eq!((&answer["errors"], &answer["warnings"]), (&0.into(), &2.into()));
    assert_eq!(answer["folders"][0], serde_json::json!({ "dir": fixture("mtu"), "files": 6, "host": false }));
    let first = &answer["findings"][0];
    assert_eq!((&first["code"], &first["severity"], &first["line"], &first["column"]), (&"L25".into(), &"warning".into(), &3.into(), &5.into()));
    assert_eq!(first["path"], fixture("mtu/ifcfg-br0"));
    assert_eq!(first["related"][0]["file"], "ifcfg-eth0");
}

#[test]
fn every_code_can_be_explained() {
    for explanation in EXPLANATIONS {
        let text = prints(&["--explain", &explanation.code.to_lowercase()], 0);
        assert!(text.starts_with(&format!("{}: ", explanation.code)) && text.contains("Why it bites: ") && text.contains("Instead: "), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&prints(&["--explain", "L26", "--json"], 0)).unwrap();
    assert_eq!((&json["code"], &json["found_as"]), (&"L26".into(), &"L40".into()));
    assert!(complains(&["--explain", "L99"], 4).contains("L01"));
    assert!(complains(&["--explain", "L14", "somewhere"], 2).contains("--explain"));
}

/// `page` with `text` between the marks called `name`.
fn with(page: &str, name: &str, text: &str) -> String {
    let mark = format!("<!-- {name} -->\n");
    let start = page.find(&mark).unwrap() + mark.len();
    let end = start + page[start..].find("<!-- end -->").unwrap();
    format!("{}{text}{}", &page[..start], &page[end..])
}

#[test]
fn its_page_says_what_the_program_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut codes = String::new();
    for explanation in EXPLANATIONS {
        write!(codes, "\n### {}: {}\n\n{}", explanation.code, explanation.title, explanation.text()).unwrap();
    }
    codes.push('\n');
    let folder = fixture("loop");
    let example = format!("\n```text\n$ ovsdp check {folder}\n{}```\n\n", prints(&[&folder], 0));
    let new = with(&with(&page, "codes", &codes), "example", &example);
    if std::env::var_os("OVSDP_BLESS").is_some() {
        return std::fs::write(path, new).unwrap();
    }
    assert_eq!(page, new);
}
