//! What `cargo vm test --all` does before it boots anything.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use anyhow::Context;

use super::paths::Paths;
use super::report::Tally;
use super::setup;
use super::shell_out::cargo;

const STAGES: [(&str, &[&str]); 3] = [
    ("formatting", &["fmt", "--all", "--check"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ("unit and doc tests", &["test", "--workspace"]),
];

/// Runs the stages until one fails. A stage that fails without naming a test counts as one.
pub(crate) fn run(paths: &Paths, tally: &mut Tally) -> anyhow::Result<()> {
    for (name, arguments) in STAGES {
        println!("\n{name}: cargo {}", arguments.join(" "));
        let start = Instant::now();
        *tally += stage(paths, arguments)?;
        if tally.failed > 0 {
            println!("FAILED {name}");
            break;
        }
        println!("ok {name} ({:.0} s)", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn stage(paths: &Paths, arguments: &[&str]) -> anyhow::Result<Tally> {
    let mut cargo = cargo(paths);
    // A test in proto compares its constants with these headers too.
    cargo.env("OVSDP_UAPI_DIR", setup::uapi(paths));
    let mut child = cargo.args(arguments).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cannot read what cargo says")?;
            println!("{line}");
            if let Some(result) = test_result(&line) {
                tally += result;
            }
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// The counts in libtest's `test result: ok. 3 passed; 0 failed; …`.
fn test_result(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| counts.split("; ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
    Some(Tally { passed: count(" passed")?, failed: count(" failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtests_sum_is_read() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(test_result(line), Some(Tally { passed: 3, failed: 1 }));
        assert_eq!(test_result("test a::b ... ok"), None);
    }
}
