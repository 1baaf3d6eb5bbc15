//! The promise of the language: whatever is accepted without a warning means exactly what bash makes of it.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

use super::bash::{self, Files};
use super::{corpus, generate};

/// How many files of each kind are made for each locale; `OVSDP_FILES` asks for more.
fn count() -> usize {
    std::env::var("OVSDP_FILES").ok().and_then(|text| text.parse().ok()).unwrap_or(500)
}

/// Compares files of one kind; how many were accepted.
fn judge(files: impl Strategy<Value = Files>) -> usize {
    const BATCH: usize = 100;
    let accepted = Cell::new(0);
    let cases = u32::try_from(count().div_ceil(BATCH)).unwrap();
    let batches = vec(files, BATCH);
    for locale in ["C", "C.UTF-8"] {
        let config = ProptestConfig { cases, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() };
        let result = TestRunner::new(config).run(&batches, |files| {
            accepted.set(accepted.get() + bash::compare(&files, locale).map_err(TestCaseError::fail)?);
            Ok(())
        });
        match result {
            Ok(()) => {}
            // Not made smaller: the one file that differs is told, and each try would cost a hundred more.
            Err(TestError::Fail(why, _)) => panic!("{why}"),
            Err(TestError::Abort(why)) => panic!("aborted: {why}"),
        }
    }
    accepted.get()
}

#[test]
fn anything_accepted_means_what_bash_means() {
    if bash::there() {
        let accepted = judge(generate::wild());
        assert!(accepted > count() / 20, "only {accepted} accepted");
    }
}

#[test]
fn well_formed_files_mean_what_bash_means() {
    if bash::there() {
        let accepted = judge(generate::tidy());
        assert!(accepted > count() / 2, "only {accepted} accepted");
    }
}

#[test]
fn other_peoples_files_changed_mean_what_bash_means() {
    let files = corpus::files();
    if bash::there() && !files.is_empty() {
        let accepted = judge(generate::changed(files));
        assert!(accepted > count() / 4, "only {accepted} accepted");
    }
}
