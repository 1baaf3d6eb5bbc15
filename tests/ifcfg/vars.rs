//! `ovsdp ifcfg vars`, run as a person would.

use std::path::Path;
use std::process::{Command, Output};

use ovsdp::ifcfg::{self, Host, Sources, quoted};
use proptest::prelude::*;

use super::bash;

/// Runs the command in `dir`, the folder of ifcfg files that it knows of, with a variable in its environment that is none of a
/// file's business.
fn vars(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovsdp"));
    command.args(["ifcfg", "vars"]).args(arguments).current_dir(dir).env("OVSDP_DIR", dir).env("JUMBO", "9000").output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder `network-scripts` with `file` as `ifcfg-br0`, and `network` beside it.
fn folder(network: &str, file: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("network-scripts");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(root.path().join("network"), network).unwrap();
    std::fs::write(dir.join("ifcfg-br0"), file).unwrap();
    (root, dir)
}

#[test]
fn prints_assignments_in_the_files_order() {
    let file = b"DEVICE=br0\nB=\"a  b\"\nA=$'\\xff\\n'$DOMAIN\nexport C=${B:+it\\'s}\nCONF=$CONFIG/$DEVNAME/${JUMBO-none}\n";
    let (_root, dir) = folder("DOMAIN=example.org\n", file);
    let output = vars(&dir, &["ifcfg-br0"]);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "DEVICE=br0\nB='a  b'\nA=$'\\xff\\nexample.org'\nC=$'it\\'s'\nCONF=ifcfg-br0/br0/none\n");
}

#[test]
fn prints_json_with_bytes_that_are_not_text_apart() {
    let (_root, dir) = folder("", b"DEVICE=br0\nDEVICE=br1\nA=$'\\xff'\n");
    let output = vars(&dir, &["ifcfg-br0", "--json"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["vars"], serde_json::json!({ "DEVICE": "br1" }));
    assert_eq!(json["bytes"], serde_json::json!({ "A": [255] }));
    assert_eq!((&json["diagnostics"][0]["code"], &json["diagnostics"][0]["line"]), (&"L08".into(), &2.into()));
}

#[test]
fn a_refused_file_is_drawn_and_nothing_is_printed() {
    let (_root, dir) = folder("", b"DEVICE=br0\nMTU=$(cat /etc/mtu)\n");
    let output = vars(&dir, &["ifcfg-br0"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), ""));
    let error = text(&output.stderr);
    for part in ["1 error", "error[L39]", "ifcfg-br0:2:5", "2 | MTU=$(cat /etc/mtu)", "  |     ^^^^^^^^^^^^^^^", "help: write what it prints"] {
        assert!(error.contains(part), "no `{part}` in\n{error}");
    }
    let output = vars(&dir, &["ifcfg-br0", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["vars"], &json["diagnostics"][0]["column"]), (Some(3), &serde_json::Value::Null, &5.into()));
}

#[test]
fn a_refused_network_file_counts_too() {
    let (_root, dir) = folder("HOSTNAME=\"a", b"DEVICE=br0\n");
    let output = vars(&dir, &["ifcfg-br0"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("network:1:10"), "{}", text(&output.stderr));
}

#[test]
fn warnings_do_not_stop_it() {
    let (_root, dir) = folder("", b"DEVICE=br0\r\n");
    let output = vars(&dir, &["./ifcfg-br0"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "DEVICE=br0\n"));
    assert!(text(&output.stderr).contains("warning[L04]"));
}

#[test]
fn what_cannot_be_read_has_its_code_and_advice() {
    let (root, dir) = folder("", b"");
    std::fs::write(dir.join("keys-wlan0"), "KEY=secret").unwrap();
    std::fs::write(dir.join("ifcfg-big"), vec![b'#'; ifcfg::MAX_FILE + 1]).unwrap();
    for (file, code, part) in [
        ("nosuch", 4, "No such file"),
        ("br0", 4, "did you mean"),
        ("ifcfg-br0/x", 4, "Not a directory"),
        (root.path().to_str().unwrap(), 2, "not a regular file"),
        ("keys-wlan0", 2, "not printed"),
        ("ifcfg-big", 3, "larger than"),
    ] {
        let output = vars(&dir, &[file]);
        let error = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), ""), "{file}: {error}");
        assert!(error.contains(part) && !error.contains("secret"), "{file}: {error}");
    }
    assert_eq!(vars(&dir, &[]).status.code(), Some(2));
}

#[test]
fn help_teaches() {
    let output = vars(Path::new("/"), &["--help"]);
    let help = text(&output.stdout);
    for part in ["evaluated, never executed", "exit code 3", "--json", "Examples:", "ovsdp plan"] {
        assert!(help.contains(part), "no `{part}` in\n{help}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back_as_the_same_bytes(value in prop_oneof![
        proptest::collection::vec(1_u8..=255, 0..12),
        "[ -~\t\n\u{a0}\u{201c}\u{202e}é]{0,12}".prop_map(String::into_bytes),
    ]) {
        let word = quoted(&value);
        prop_assert!(!word.contains('\n'));
        let mut sources = Sources::new("x");
        sources.insert("ifcfg-x", format!("A={word}\n"));
        let evaluation = ifcfg::evaluate(&sources, "ifcfg-x", &Host::new("h"));
        prop_assert!(!evaluation.has_errors(), "{word}");
        prop_assert_eq!(evaluation.vars.get("A").unwrap().value.bytes(), &value, "{}", word);
    }
}

#[test]
fn what_is_printed_reads_back_in_bash_too() {
    if !bash::there() {
        return;
    }
    let mut file = Vec::new();
    for b in 1_u8..=255 {
        for (name, value) in [(format!("A{b}"), vec![b]), (format!("B{b}"), vec![b'a', b, b'1', b' ', b])] {
            file.extend(format!("{name}={}\n", quoted(&value)).into_bytes());
        }
    }
    for locale in ["C", "C.UTF-8"] {
        let files = bash::Files { network: Vec::new(), file: file.clone() };
        let theirs = bash::ask(&[&files], locale).remove(0).expect("bash complains");
        for b in 1_u8..=255 {
            assert_eq!(theirs[&format!("A{b}")], [b], "{locale}");
            assert_eq!(theirs[&format!("B{b}")], [b'a', b, b'1', b' ', b], "{locale}");
        }
    }
}
