//! One command in a host: run to its end, recorded, its output kept.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Instant;

use anyhow::{Context, bail};

use super::Log;

/// What a command did.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command and where it ran, for messages.
    pub what: String,
    /// Its exit code; 128 and the signal's number when one ended it, as a shell counts.
    pub code: i32,
    /// What it printed; bytes that are not UTF-8 replaced.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

impl Output {
    /// The output of a command that must succeed.
    ///
    /// # Errors
    /// When it did not, with all it said.
    pub fn success(self) -> anyhow::Result<Output> {
        if self.code != 0 {
            bail!("{self}");
        }
        Ok(self)
    }

    /// The output of a command that must fail with exactly this exit code.
    ///
    /// # Errors
    /// When it succeeded, or failed otherwise.
    pub fn fails_with(self, code: i32) -> anyhow::Result<Output> {
        if self.code != code {
            bail!("expected exit code {code}: {self}");
        }
        Ok(self)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} exited with {}", self.what, self.code)?;
        for text in [&self.stdout, &self.stderr] {
            if !text.trim().is_empty() {
                write!(f, "\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

/// The exit code as a shell counts it.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Runs `command` to its end and records it under `what`.
pub(crate) fn run(log: &Log, what: &str, mut command: Command) -> anyhow::Result<Output> {
    log.line(what);
    let start = Instant::now();
    let output = command.output().with_context(|| format!("cannot run {what}"))?;
    let output = Output {
        what: what.to_owned(),
        code: exit_code(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    log.block(&output.stdout);
    log.block(&output.stderr);
    log.line(format!("    -> {} ({:.3} s)", output.code, start.elapsed().as_secs_f64()));
    Ok(output)
}

/// Runs `command` to its end and records it under `what`; `each` is given every line it says, on stdout or stderr, as it
/// comes. All it said is the output's `stdout`.
pub(crate) fn stream(log: &Log, what: &str, mut command: Command, mut each: impl FnMut(&str)) -> anyhow::Result<Output> {
    log.line(what);
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    command.stdout(writer.try_clone().context("cannot share a pipe")?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot run {what}"))?;
    // It holds the writing end, and would keep us waiting for more.
    drop(command);
    let (mut lines, mut line, mut text) = (BufReader::new(reader), Vec::new(), String::new());
    while lines.read_until(b'\n', &mut line).with_context(|| format!("cannot hear {what}"))? > 0 {
        let said = String::from_utf8_lossy(&line);
        each(said.trim_end_matches('\n'));
        text.push_str(&said);
        line.clear();
    }
    let code = exit_code(child.wait().with_context(|| format!("cannot wait for {what}"))?);
    log.block(&text);
    log.line(format!("    -> {code}"));
    Ok(Output { what: what.to_owned(), code, stdout: text, stderr: String::new() })
}
