//! One call of one command: its words, and whether it has complained.

use std::process::ExitCode;

use super::complaint::Complaint;
use super::options::Options;

/// One call of one command.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// What the options ask for.
    pub options: Options,
    /// The command's arguments.
    pub args: Vec<String>,
    /// What the program is called.
    pub program: &'a str,
    failed: bool,
}

impl<'a> Call<'a> {
    /// A call that has not complained yet.
    pub(super) const fn new(program: &'a str, options: Options, args: Vec<String>) -> Self {
        Self { options, args, program, failed: false }
    }

    /// Says what went wrong. The command may go on; the exit code will be that of a failure.
    pub(super) fn complain(&mut self, complaint: &Complaint) {
        eprintln!("{}: {complaint}", self.program);
        self.failed = true;
    }

    /// Says what the caller should know, without failing.
    pub(super) fn warn(&self, text: &str) {
        eprintln!("{}: warning: {text}", self.program);
    }

    /// 0, or 1 after a complaint.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// The argument at `at`, or nothing.
    pub(super) fn arg(&self, at: usize) -> &str {
        self.args.get(at).map_or("", String::as_str)
    }
}
