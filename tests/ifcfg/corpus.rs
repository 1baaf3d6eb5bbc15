//! Other people's files: each gives exactly the variables bash gives, or an error that says where.
//!
//! They lie beside the working copy, in `../shared/corpus`, and the test says so when they do not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ovsdp::ifcfg::{self, Check, Host, Severity, Sources, Style};

use super::bash;

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !corpus.is_dir() {
        bash::note("skipped: there is no ../shared/corpus");
        return None;
    }
    Some(corpus)
}

/// The bytes of every file bash was asked about; none when they are not there.
pub(super) fn files() -> Vec<Vec<u8>> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let oracle = std::fs::read_to_string(corpus.join("bash-oracle.jsonl")).unwrap();
    let path = |line: &str| corpus.join(serde_json::from_str::<serde_json::Value>(line).unwrap()["file"].as_str().unwrap());
    oracle.lines().map(|line| std::fs::read(path(line)).unwrap()).collect()
}

#[test]
fn every_file_gives_bashs_variables_or_a_located_error() {
    let Some(corpus) = corpus() else { return };
    let oracle = std::fs::read_to_string(corpus.join("bash-oracle.jsonl")).unwrap();
    let (mut same, mut refused) = (0, 0);
    for line in oracle.lines() {
        let expected: serde_json::Value = serde_json::from_str(line).unwrap();
        let file = expected["file"].as_str().unwrap();
        let path = corpus.join(file);
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut sources = Sources::new(path.parent().unwrap());
        sources.insert(name.clone(), std::fs::read(&path).unwrap());
        let evaluation = ifcfg::evaluate(&sources, &name, &Host::new("host1"));
        if let Some(error) = evaluation.diagnostics.iter().find(|found| found.severity == Severity::Error) {
            assert!(error.line.is_some() && error.help.is_some(), "{file}: {error:?}");
            assert!(!expected["stderr"].as_array().unwrap().is_empty(), "{file} is fine for bash\n{}", error.render(&sources, Style::Plain));
            refused += 1;
            continue;
        }
        let ours: BTreeMap<_, _> = evaluation.vars.of(&name).map(|(key, var)| (key.to_owned(), var.value.text().unwrap().to_owned())).collect();
        let theirs: BTreeMap<String, String> = serde_json::from_value(expected["vars"].clone()).unwrap();
        assert_eq!(ours, theirs, "{file}");
        same += 1;
    }
    assert!(same > 100, "only {same} files are as bash reads them, {refused} are refused");
}

#[test]
fn every_file_alone_in_a_folder_is_read_or_refused() {
    let Some(corpus) = corpus() else { return };
    let mut folders = vec![corpus];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut sources = Sources::new("corpus");
            sources.insert("ifcfg-x", std::fs::read(&path).unwrap());
            let outcome = ifcfg::intent(&sources, &Host::new("host1"));
            assert_eq!(outcome.intent.is_none(), outcome.has_errors());
            for found in outcome.diagnostics.into_iter().chain(Check::begin(&sources, &Host::new("host1")).finish(&sources, None)) {
                assert!(!found.render(&sources, Style::Plain).is_empty());
                assert_eq!(found.path, "corpus/ifcfg-x", "{found:?}");
            }
        }
    }
}
