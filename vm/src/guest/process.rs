//! A process that goes on while the test does something else.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::command::exit_code;
use super::{Log, eventually};

/// A running process. Dropping it kills it and puts what it said into the test's log.
#[derive(Debug)]
pub struct Process {
    what: String,
    nsenter: Child,
    pid: Pid,
    stdout: PathBuf,
    stderr: PathBuf,
    log: Log,
    code: Option<i32>,
}

impl Process {
    /// Starts `command`, an `nsenter` that has one child: the process. Its output goes into the files `PREFIX.out` and `PREFIX.err`.
    pub(crate) fn start(log: &Log, what: String, mut command: Command, prefix: &str) -> anyhow::Result<Process> {
        log.line(format!("{what} &"));
        let (stdout, stderr) = (PathBuf::from(format!("{prefix}.out")), PathBuf::from(format!("{prefix}.err")));
        command.stdout(File::create(&stdout).context("cannot keep stdout")?).stderr(File::create(&stderr).context("cannot keep stderr")?);
        let nsenter = command.spawn().with_context(|| format!("cannot start {what}"))?;
        let parent = nsenter.id();
        let mut process = Process { what, nsenter, pid: Pid::from_raw(0), stdout, stderr, log: log.clone(), code: None };
        process.pid = eventually(Duration::from_secs(10), || {
            if let Some(code) = process.poll()? {
                // Too short-lived to be seen is no error: the caller may ask for its code.
                return Ok(Pid::from_raw(if code >= 0 { 0 } else { code }));
            }
            child_of(parent)?.with_context(|| format!("{} has not begun", process.what))
        })?;
        Ok(process)
    }

    /// The process id as the test sees it; 0 when the process ended at once.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// What it printed so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        read_lossy(&self.stdout)
    }

    /// What it complained so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        read_lossy(&self.stderr)
    }

    /// Waits until it has said `text`, on stdout or stderr.
    ///
    /// # Errors
    /// When it has not within `timeout`, or ended without.
    pub fn wait_log(&mut self, text: &str, timeout: Duration) -> anyhow::Result<()> {
        let mut ended = None;
        eventually(timeout, || {
            let code = ended;
            if self.stdout().contains(text) || self.stderr().contains(text) {
                return Ok(true);
            }
            // The output is read once more after the end was seen, so that last words count.
            if let Some(code) = code {
                self.log.line(format!("{} ended with {code}", self.what));
                return Ok(false);
            }
            ended = self.poll()?;
            bail!("{} has not said {text:?}:\n{}{}", self.what, self.stdout(), self.stderr())
        })
        .and_then(|said| match said {
            true => Ok(()),
            false => bail!("{} ended without saying {text:?}:\n{}{}", self.what, self.stdout(), self.stderr()),
        })
    }

    /// Its exit code if it has ended, as a shell counts.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn poll(&mut self) -> anyhow::Result<Option<i32>> {
        if self.code.is_none() {
            self.code = self.nsenter.try_wait().context("cannot wait")?.map(exit_code);
        }
        Ok(self.code)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> anyhow::Result<i32> {
        eventually(timeout, || self.poll()?.with_context(|| format!("{} still runs", self.what)))
    }

    /// Sends a signal to the process itself (not to its children). One that has ended already is left alone.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        self.log.line(format!("{} <- {signal}", self.what));
        if self.poll()?.is_none() && self.pid.as_raw() > 0 {
            kill(self.pid, signal).with_context(|| format!("cannot signal {}", self.what))?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.signal(Signal::SIGKILL);
        let _ = self.nsenter.kill();
        let _ = self.nsenter.wait();
        self.log.line(format!("{} said:", self.what));
        self.log.block(&self.stdout());
        self.log.block(&self.stderr());
    }
}

fn read_lossy(path: &PathBuf) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The first child of a process, by asking every process for its parent: not every kernel lists children.
fn child_of(parent: u32) -> anyhow::Result<Option<Pid>> {
    for entry in fs::read_dir("/proc").context("cannot list /proc")? {
        let path = entry?.path();
        let Some(pid) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<i32>().ok()) else { continue };
        // A process may end between the listing and this.
        let Ok(stat) = fs::read_to_string(path.join("stat")) else { continue };
        if parent_in_stat(&stat) == Some(parent) {
            return Ok(Some(Pid::from_raw(pid)));
        }
    }
    Ok(None)
}

/// The parent in `/proc/PID/stat`. The name in parentheses may hold anything, parentheses too.
fn parent_in_stat(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(super::parent_in_stat("42 (a b) c) S 7 42 42 0"), Some(7));
        assert_eq!(super::parent_in_stat("nonsense"), None);
    }
}
