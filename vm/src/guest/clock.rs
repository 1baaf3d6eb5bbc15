//! Commands one after the other, each timed inside the host it runs in, without a shell or `nsenter` in the measure.
//!
//! The guest binary does it as `guest clock FILE`; the times are those of the monotonic clock, which every host shares. With
//! `silent` behind it, what the commands print goes to `/dev/null`. As `guest peak WORDS…` it tells a command's memory.

use std::fs;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

use super::{Host, Output, tool};
use crate::protocol::GUEST_PATH;

/// Where the commands lie in a host.
const FILE: &str = "/tmp/clock";

/// A command that was timed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// Its words.
    pub command: String,
    /// Just before it was started, on the monotonic clock.
    pub began: Duration,
    /// Just after it was seen to end.
    pub ended: Duration,
}

impl Timed {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.ended.saturating_sub(self.began)
    }
}

/// The monotonic clock.
///
/// # Errors
/// When the kernel has none.
pub(super) fn now() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC).context("cannot read the clock")?.into())
}

/// Where the standard output of a timed command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stdout {
    /// To the standard error of the run.
    Kept,
    /// To `/dev/null`.
    Dropped,
}

/// Runs `commands` (words, no shell) in `host` one after the other; all must succeed. What they say is in the output's `stderr`.
pub(super) fn clock(host: &Host, commands: &[&str], stdout: Stdout) -> anyhow::Result<(Vec<Timed>, Output)> {
    host.write(FILE, &commands.iter().map(|command| format!("{command}\n")).collect::<String>())?;
    let silent = if stdout == Stdout::Dropped { " silent" } else { "" };
    let output = host.run(&format!("{GUEST_PATH} clock {FILE}{silent}"))?;
    let mut timed = Vec::new();
    for (command, line) in commands.iter().zip(output.stdout.lines()) {
        let (began, ended) = line.split_once(' ').with_context(|| format!("no times: {output}"))?;
        let nanos = |text: &str| text.parse().map(Duration::from_nanos).with_context(|| format!("no time: {text}"));
        timed.push(Timed { command: (*command).to_owned(), began: nanos(began)?, ended: nanos(ended)? });
    }
    ensure!(timed.len() == commands.len(), "not every command was timed: {output}");
    Ok((timed, output))
}

/// The other end: what `guest clock FILE` does in the host.
///
/// # Errors
/// When a command fails.
pub fn run(file: &str, silent: bool) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let mut times = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let mut command = tool(words.next().context("an empty command")?);
        // Our own stdout is for the times.
        let said = std::io::stderr().as_fd().try_clone_to_owned().context("cannot share stderr")?;
        command.args(words).stdout(if silent { Stdio::null() } else { Stdio::from(said) });
        let began = now()?;
        let status = command.status().with_context(|| format!("cannot run {line}"))?;
        times.push((began, now()?));
        ensure!(status.success(), "{line}: {status}");
    }
    for (began, ended) in times {
        println!("{} {}", began.as_nanos(), ended.as_nanos());
    }
    Ok(())
}

/// What `guest peak WORDS…` does: runs a command, its standard output to `/dev/null`, and prints the most memory it had resident,
/// in KiB. Less than this process had when it started it cannot say, about 1 MiB.
///
/// # Errors
/// When the command fails.
pub fn peak(words: &[&str]) -> anyhow::Result<()> {
    let (program, arguments) = words.split_first().context("no command")?;
    let status = tool(program).args(arguments).stdout(Stdio::null()).status().with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{}: {status}", words.join(" "));
    println!("{}", getrusage(UsageWho::RUSAGE_CHILDREN).context("cannot read its usage")?.max_rss());
    Ok(())
}
