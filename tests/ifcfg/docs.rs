//! Every example in `docs/ifcfg.md` comes to what stands below it, and what is accepted without a warning does so in bash.
//! `OVSDP_BLESS=1` writes the results anew, for a person to read the difference.

use std::path::Path;

use ovsdp::ifcfg::{self, Host, Sources, Style, quoted};

use super::bash;

const FILE: &str = "```ifcfg\n";
const RESULT: &str = "```\n\n```text\n";

/// The examples: where the result stands in `page`, and the file.
fn examples(page: &str) -> Vec<(std::ops::Range<usize>, &str)> {
    let mut found = Vec::new();
    for (at, _) in page.match_indices(FILE) {
        let file = at + FILE.len();
        let end = file + page[file..].find("```").unwrap();
        let result = end + RESULT.len();
        assert!(page[end..].starts_with(RESULT), "no result after\n{}", &page[file..end]);
        found.push((result..result + page[result..].find("```").unwrap(), &page[file..end]));
    }
    found
}

fn result(file: &str) -> String {
    let mut sources = Sources::new("");
    sources.insert("ifcfg-ovsbr0", file);
    let evaluation = ifcfg::evaluate(&sources, "ifcfg-ovsbr0", &Host::new(bash::HOST));
    let mut parts: Vec<_> = evaluation.diagnostics.iter().map(|found| found.render(&sources, Style::Plain) + "\n").collect();
    if !evaluation.has_errors() {
        let mut vars: Vec<_> = evaluation.vars.of("ifcfg-ovsbr0").collect();
        vars.sort_by_key(|(_, var)| var.name_span.start);
        parts.push(vars.iter().map(|(name, var)| format!("{name}={}\n", quoted(var.value.bytes()))).collect());
    }
    parts.join("\n")
}

#[test]
fn every_example_comes_to_what_stands_below_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ifcfg.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let examples = examples(&page);
    assert!(examples.len() >= 5);
    if std::env::var_os("OVSDP_BLESS").is_some() {
        let mut new = page.clone();
        for (range, file) in examples.iter().rev() {
            new.replace_range(range.clone(), &result(file));
        }
        return std::fs::write(path, new).unwrap();
    }
    for (range, file) in examples {
        assert_eq!(page[range], result(file), "\n{file}");
    }
}

#[test]
fn what_it_shows_as_accepted_is_so_in_bash() {
    if !bash::there() {
        return;
    }
    let page = include_str!("../../docs/ifcfg.md");
    let files: Vec<_> = examples(page).into_iter().map(|(_, file)| bash::Files { network: Vec::new(), file: file.as_bytes().to_vec() }).collect();
    let accepted = bash::compare(&files, "C.UTF-8").unwrap_or_else(|why| panic!("{why}"));
    assert!(accepted >= 2, "only {accepted} examples are accepted without a warning");
}
