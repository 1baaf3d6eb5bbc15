//! bash itself, asked what a file sets. Only files the product accepts are ever shown to it, and it finds no program to run:
//! its `PATH` leads nowhere, its folder is empty, and `hostname` is a function that prints the name given.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use ovsdp::ifcfg::{self, Host, Sources};

/// The host the files are read on.
pub(super) const HOST: &str = "host1.example.org";
/// The name the interface's file goes by.
const NAME: &str = "ifcfg-x";
/// Names the script below uses for itself.
const OWN: [&str; 2] = ["__k", "__before"];

/// Values by name: everything that is set once the files were read.
pub(super) type Variables = BTreeMap<String, Vec<u8>>;

/// The text of the network file, and of one interface's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) network: Vec<u8>,
    pub(super) file: Vec<u8>,
}

/// Whether there is a bash here. Says so when there is none: the tests that ask it prove nothing then.
pub(super) fn there() -> bool {
    let there = Command::new("bash").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    if !there {
        note("skipped: there is no bash to compare with");
    }
    there
}

/// Prints a line the test harness does not swallow.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What the product has after `files`, when it accepts them without a word.
pub(super) fn ours(files: &Files) -> Option<Variables> {
    let mut sources = Sources::new("x");
    sources.insert(ifcfg::NETWORK, files.network.clone());
    sources.insert(NAME, files.file.clone());
    let evaluation = ifcfg::evaluate(&sources, NAME, &Host::new(HOST));
    let variables = evaluation.vars.iter().map(|(name, var)| (name.to_owned(), var.value.bytes().to_vec())).collect();
    evaluation.diagnostics.is_empty().then_some(variables)
}

/// What bash has after each of `cases`, in `locale`; `None` where it complained. Of the variables it sets by itself only
/// `HOSTNAME` is told.
pub(super) fn ask(cases: &[&Files], locale: &str) -> Vec<Option<Variables>> {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let path = |i: usize, what: &str| dir.path().join(format!("{i}.{what}"));
    let short = HOST.split('.').next().unwrap();
    let mut script = format!(
        "hostname() {{ case \"$1\" in -s) printf '%s\\n' '{short}';; *) printf '%s\\n' '{HOST}';; esac; }}\n\
         :; __before=$(compgen -v)\nprintf '%s\\0' $__before >'{}'\n",
        dir.path().join("before").display()
    );
    for (i, files) in cases.iter().enumerate() {
        std::fs::write(path(i, "network"), &files.network).unwrap();
        std::fs::write(path(i, "file"), &files.file).unwrap();
        let [network, file, error, out] = ["network", "file", "error", "out"].map(|what| path(i, what).display().to_string());
        script += &format!(
            "( exec 2>'{error}' </dev/null; HOSTNAME='{HOST}'; . '{network}' >&2; DEVNAME=x; CONFIG={NAME}; . '{file}' >&2\n\
             for __k in $(compgen -v); do if [ -n \"${{!__k+x}}\" ]; then printf '%s=%s\\0' \"$__k\" \"${{!__k}}\"; fi; done >'{out}' )\n"
        );
    }
    let script_path = dir.path().join("script");
    std::fs::write(&script_path, script).unwrap();
    let mut bash = Command::new("/usr/bin/env");
    bash.args(["-i", "PATH=/nonexistent", &format!("LC_ALL={locale}"), "/bin/bash", "--norc", "--noprofile"]);
    assert!(bash.arg(&script_path).current_dir(&empty).status().unwrap().success());
    let records = |bytes: Vec<u8>| bytes.split(|&b| b == 0).filter(|record| !record.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let by_itself: BTreeSet<_> = records(std::fs::read(dir.path().join("before")).unwrap()).into_iter().collect();
    let kept = |name: &str| name == "HOSTNAME" || !(by_itself.contains(name.as_bytes()) || OWN.contains(&name));
    let read = |i: usize| {
        let complaint = std::fs::read(path(i, "error")).unwrap();
        let mut variables = Variables::new();
        for record in records(std::fs::read(path(i, "out")).ok()?) {
            let at = record.iter().position(|&b| b == b'=')?;
            let name = String::from_utf8(record[..at].to_vec()).unwrap();
            if kept(&name) {
                variables.insert(name, record[at + 1..].to_vec());
            }
        }
        (complaint.is_empty() && variables.contains_key("HOSTNAME")).then_some(variables)
    };
    (0..cases.len()).map(read).collect()
}

/// Compares what the product accepts of `cases` with what bash makes of it; how many those were.
///
/// # Errors
/// The first that differs, as text.
pub(super) fn compare(cases: &[Files], locale: &str) -> Result<usize, String> {
    let accepted: Vec<_> = cases.iter().filter_map(|files| ours(files).map(|variables| (files, variables))).collect();
    let files: Vec<_> = accepted.iter().map(|(files, _)| *files).collect();
    for ((files, ours), theirs) in accepted.iter().zip(ask(&files, locale)) {
        if Some(ours) != theirs.as_ref() {
            let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
            let shown = |variables: &Variables| variables.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>();
            let (network, file) = (text(&files.network), text(&files.file));
            let theirs = theirs.map_or_else(|| "a complaint".to_owned(), |theirs| format!("{:#?}", shown(&theirs)));
            return Err(format!("{locale}, network `{network}`, file `{file}`\nwe have {:#?}\nbash has {theirs}", shown(ours)));
        }
    }
    Ok(accepted.len())
}
