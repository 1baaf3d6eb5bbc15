//! Verdicts, as they come and in sum.

use std::ops::AddAssign;

/// How many passed and how many did not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Counts and prints a test that passed.
    pub(crate) fn passed(&mut self, name: &str, seconds: f64) {
        self.passed += 1;
        println!("ok {name} ({seconds:.1} s)");
    }

    /// Counts and prints a test that failed, with what is known about it.
    pub(crate) fn failed(&mut self, name: &str, seconds: Option<f64>, log: &str) {
        self.failed += 1;
        // In one piece: another kernel's verdicts come at the same time.
        let log: String = log.lines().map(|line| format!("\n  | {line}")).collect();
        println!("FAILED {name}{}{log}", seconds.map(|seconds| format!(" ({seconds:.1} s)")).unwrap_or_default());
    }

    /// Prints the sum, alone on its line.
    pub(crate) fn print(self) {
        println!("\n{} passed, {} failed", self.passed, self.failed);
    }

    /// Whether something passed and nothing failed.
    pub(crate) fn is_good(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}
