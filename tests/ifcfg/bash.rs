//! bash as the judge: whatever is accepted without a warning means exactly what bash makes of it.
//!
//! Files are generated from pieces that start nothing: no command of a generated name is ever handed to bash. Before a
//! file goes to bash it must have been accepted, which no file with a command substitution other than `hostname` is.

use std::io::Write as _;
use std::process::Command;

use ovsdp::ifcfg::{self, Host, Sources};
use proptest::prelude::*;

const KEYS: [&str; 5] = ["AA", "BB", "DEVICE", "OVS_EXTRA", "_x1"];

fn bash() -> bool {
    Command::new("bash").arg("--version").output().is_ok_and(|out| out.status.success())
}

/// What bash has in each of [`KEYS`] after each of `files`; `None` where it printed an error.
fn ask_bash(files: &[Vec<u8>], host: &str) -> Vec<Option<Vec<Option<Vec<u8>>>>> {
    let dir = tempfile::tempdir().unwrap();
    let mut script = Vec::new();
    // Functions of these names hide the programs, so that the host's name is the one given.
    writeln!(script, "hostname() {{ case \"$1\" in -s) printf '%s\\n' '{}';; *) printf '%s\\n' '{host}';; esac; }}", host.split('.').next().unwrap())
        .unwrap();
    for (i, file) in files.iter().enumerate() {
        let path = dir.path().join(format!("f{i}"));
        std::fs::write(&path, file).unwrap();
        let path = path.display();
        write!(script, "( exec 2>'{path}.err'; . '{path}' </dev/null >&2; for k in {}; do", KEYS.join(" ")).unwrap();
        writeln!(script, " if [ -n \"${{!k+x}}\" ]; then printf '=%s\\0' \"${{!k}}\"; else printf -- '-\\0'; fi; done >'{path}.out' )").unwrap();
    }
    let script_path = dir.path().join("script");
    std::fs::write(&script_path, script).unwrap();
    let status = Command::new("env")
        .args(["-i", "PATH=/nonexistent", "/bin/bash", "--norc", "--noprofile"])
        .arg(&script_path)
        .current_dir(dir.path())
        .status()
        .unwrap();
    assert!(status.success());
    let read = |i: usize| {
        let error = std::fs::read(dir.path().join(format!("f{i}.err"))).unwrap();
        let out = std::fs::read(dir.path().join(format!("f{i}.out"))).ok()?;
        let values: Vec<_> = out.split(|&b| b == 0).filter(|v| !v.is_empty()).map(|v| v.strip_prefix(b"=").map(<[u8]>::to_vec)).collect();
        (error.is_empty() && values.len() == KEYS.len()).then_some(values)
    };
    (0..files.len()).map(read).collect()
}

/// What we have in each of [`KEYS`], when there is nothing to say about the file.
fn ours(file: &[u8], host: &str) -> Option<Vec<Option<Vec<u8>>>> {
    let mut sources = Sources::new("x");
    sources.insert("ifcfg-x", file);
    let evaluation = ifcfg::evaluate(&sources, "ifcfg-x", &Host::new(host));
    if !evaluation.diagnostics.is_empty() {
        return None;
    }
    Some(KEYS.iter().map(|key| evaluation.vars.get(key).map(|var| var.value.bytes().to_vec())).collect())
}

/// A piece of a word or a line.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = proptest::sample::select(vec![
        "a",
        "b c",
        " ",
        "\t",
        "\n",
        "\n",
        "\n",
        ";",
        "#",
        " # c\n",
        "\\",
        "\\\n",
        "\\n",
        "'",
        "\"",
        "\"\"",
        "''",
        "'x y'",
        "\"x y\"",
        "$'\\n'",
        "$'\\x41\\101'",
        "$'a\\'b'",
        "$\"t\"",
        "$",
        "$AA",
        "${BB}",
        "${AA:-d e}",
        "${AA-d}",
        "${BB:+'q r'}",
        "${BB+\"s\"}",
        "${AA:-${BB:-n}}",
        "\"${AA:-u v}\"",
        "\"$AA$BB\"",
        "${AA:-\\}}",
        "\"${AA:-\\\\ \\$}\"",
        "\"\\$\\\\\\q\"",
        "{a,b}",
        "{",
        "}",
        "~",
        ":",
        "~/x",
        ":~",
        "*",
        "?",
        "[x]",
        "!",
        "%",
        "^",
        ",",
        "=",
        "+",
        "@",
        "-",
        "/",
        "\u{e9}",
        "\u{a0}",
        "$(hostname)",
        "$(hostname -s)",
        "`hostname`",
        "\"$( hostname )\"",
        "export ",
        "\r\n",
        "(",
        ")",
        "|",
        "&",
        "<",
        ">",
        "\\ ",
        "\\\"",
        "\\'",
        "\\$",
        "0",
        "9",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    let assignment = (proptest::sample::select(KEYS.to_vec()), proptest::sample::select(vec!["=", "=", "=", "+="]))
        .prop_map(|(key, op)| format!("{key}{op}").into_bytes());
    let start = (proptest::sample::select(KEYS.to_vec()), proptest::sample::select(vec!["=", "=", "+="]))
        .prop_map(|(key, op)| format!("\n{key}{op}").into_bytes());
    prop_oneof![6 => fixed, 1 => assignment, 3 => start, 1 => (0x80_u8..=0xff).prop_map(|b| vec![b])]
}

/// Files most of which are well formed: assignments of words.
fn tidy() -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(vec![
        "a",
        "'x y'",
        "\"x  y\"",
        "\"m\nn\"",
        "$'\\t'",
        "$AA",
        "${BB}x",
        "${AA:-d e}",
        "${AA-'d  e'}",
        "${BB:+q}",
        "${BB+\"s t\"}",
        "\"${AA:-u  v}\"",
        "\"$AA $BB\"",
        "\\ ",
        "\\\n",
        "\"a\\\nb\"",
        "{a,b}",
        "#",
        "=",
        "a:b",
        "$(hostname -s)",
        "\"`hostname`\"",
        "$",
        "\"$\"",
        "%",
        "!",
        "\"\\q\\$\"",
        "${AA:-${BB:-\"n m\"}}",
        "\u{e9}",
        "'\"'",
        "\"'\"",
        "${AA:-#;()|&}",
        "${DEVICE:-a\nb}",
        "\"${AA:-\\\\}\"",
    ]);
    let line = (
        proptest::sample::select(vec!["", " ", "\t", "export ", "# c\n", "\n"]),
        proptest::sample::select(KEYS.to_vec()),
        proptest::sample::select(vec!["=", "+=", "+="]),
        proptest::collection::vec(word, 0..5),
        proptest::sample::select(vec!["\n", "\n", "\n", ";", " ; ", " # c\n", " ", "\t\n", " \\\n"]),
    )
        .prop_map(|(before, key, op, words, after)| format!("{before}{key}{op}{}{after}", words.concat()).into_bytes());
    // Values to begin with, so that most expansions find one and `+=` is not a duplicate.
    proptest::collection::vec(line, 1..6).prop_map(|lines| [b"AA='1  2'\nBB=\n".to_vec(), lines.concat()].concat())
}

fn compare(files: Vec<Vec<u8>>) -> Result<usize, TestCaseError> {
    const HOST: &str = "host1.example.org";
    // What is not accepted is never shown to bash.
    let accepted: Vec<_> = files.into_iter().filter_map(|file| ours(&file, HOST).map(|values| (file, values))).collect();
    let texts: Vec<_> = accepted.iter().map(|(file, _)| file.clone()).collect();
    for ((file, ours), theirs) in accepted.iter().zip(ask_bash(&texts, HOST)) {
        let text = String::from_utf8_lossy(file);
        let shown =
            |values: &[Option<Vec<u8>>]| values.iter().map(|v| v.as_ref().map(|v| String::from_utf8_lossy(v).into_owned())).collect::<Vec<_>>();
        let Some(theirs) = theirs else { return Err(TestCaseError::fail(format!("bash complains of {text:?}; we have {:?}", shown(ours)))) };
        prop_assert_eq!(shown(ours), shown(&theirs), "{:?}", text);
        prop_assert_eq!(ours, &theirs, "{:?}", text);
    }
    Ok(accepted.len())
}

/// Fails with the one file that differs, not with the hundreds it was among.
fn judge<T>(result: Result<(), proptest::test_runner::TestError<T>>) {
    match result {
        Ok(()) => {}
        Err(proptest::test_runner::TestError::Fail(why, _)) => panic!("{why}"),
        Err(proptest::test_runner::TestError::Abort(why)) => panic!("aborted: {why}"),
    }
}

#[test]
fn accepted_without_a_warning_means_what_bash_means() {
    if !bash() {
        eprintln!("skipped: there is no bash");
        return;
    }
    let runner = || proptest::test_runner::TestRunner::new(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() });
    let wild = proptest::collection::vec(proptest::collection::vec(piece(), 1..14).prop_map(|pieces| pieces.concat()), 250);
    let accepted = std::cell::Cell::new(0);
    let tally = |files| {
        accepted.set(accepted.get() + compare(files)?);
        Ok(())
    };
    judge(runner().run(&wild, tally));
    let wild_count = accepted.get();
    judge(runner().run(&proptest::collection::vec(tidy(), 120), tally));
    eprintln!("{wild_count} wild and {} tidy files as bash reads them", accepted.get() - wild_count);
    assert!(wild_count > 50 && accepted.get() - wild_count > 200);
}
