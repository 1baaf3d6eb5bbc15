//! A host: its own network, mounts, processes and name, as if it were a machine.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{Arrivals, Blast, Capture, FirstReply, Gate, Log, Output, PingStream, Process, Then, Timed, Traffic, clock, command, sandbox, tool};
use crate::protocol::GUEST_PATH;

/// A machine of the test's world. Clones are the same machine; with the last one everything that runs in it ends.
///
/// It starts with `lo` up, empty `/run`, `/tmp`, `/var/lib` and `/var/log`, and its own copy of `/etc`.
#[derive(Debug, Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    pid: String,
    holder: Child,
    started: AtomicU32,
    log: Log,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Host {
    pub(crate) fn start(name: &str, log: &Log) -> anyhow::Result<Host> {
        let mut holder = sandbox::host(name).stdout(Stdio::piped()).spawn().context("cannot run unshare")?;
        let mut pid = String::new();
        if let Some(stdout) = holder.stdout.take() {
            BufReader::new(stdout).read_line(&mut pid).context("the holder of a host says nothing")?;
        }
        let pid = pid.trim().to_owned();
        ensure!(!pid.is_empty(), "the holder of host {name} did not start: see the log");
        let host = Host { inner: Arc::new(Inner { name: name.to_owned(), pid, holder, started: AtomicU32::new(0), log: log.clone() }) };
        host.run("ip link set lo up")?;
        Ok(host)
    }

    /// The name given to it, also its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The process that holds the host's namespaces, as the test sees it: good for `ip link … netns PID`.
    #[must_use]
    pub fn pid(&self) -> &str {
        &self.inner.pid
    }

    /// Runs a shell command line that must succeed.
    ///
    /// # Errors
    /// When it exits with anything but 0, with all it said.
    pub fn run(&self, line: &str) -> anyhow::Result<Output> {
        self.try_run(line)?.success()
    }

    /// Runs a shell command line, whatever comes of it.
    ///
    /// # Errors
    /// Only when it cannot be run at all.
    pub fn try_run(&self, line: &str) -> anyhow::Result<Output> {
        command::run(&self.inner.log, &self.what(line), self.command(line, &[]))
    }

    /// Runs a shell command line that must succeed, and hands on each line it says, on stdout or stderr, as it comes.
    ///
    /// # Errors
    /// When it exits with anything but 0, with all it said.
    pub fn stream(&self, line: &str, each: impl FnMut(&str)) -> anyhow::Result<Output> {
        command::stream(&self.inner.log, &self.what(line), self.command(line, &[]), each)?.success()
    }

    /// Runs a shell command line as `user`, who has no privileges, whatever comes of it.
    ///
    /// # Errors
    /// Only when it cannot be run at all.
    pub fn try_run_as_user(&self, line: &str) -> anyhow::Result<Output> {
        let user = ["/usr/bin/setpriv", "--reuid=user", "--regid=user", "--clear-groups", "--"];
        command::run(&self.inner.log, &self.what(&format!("(as user) {line}")), self.command(line, &user))
    }

    /// Runs a shell command line that must succeed and print JSON.
    ///
    /// # Errors
    /// When it fails or prints something else.
    pub fn json(&self, line: &str) -> anyhow::Result<Value> {
        let output = self.run(line)?;
        serde_json::from_str(&output.stdout).with_context(|| format!("not JSON: {output}"))
    }

    /// Starts a command (one, not a pipeline) that goes on until the [`Process`] is dropped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, line: &str) -> anyhow::Result<Process> {
        let number = self.inner.started.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("/tmp/{}-{number}", self.name());
        // The shell must become the command, for the command to get our signals.
        let command = self.command(&format!("exec {line}"), &[]);
        Process::start(&self.inner.log, self.what(line), command, &prefix)
    }

    /// Writes a file, making the folders above it.
    ///
    /// # Errors
    /// When that fails.
    pub fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let real = self.reach(path);
        if let Some(folder) = std::path::Path::new(&real).parent() {
            std::fs::create_dir_all(folder).with_context(|| self.what(&format!("mkdir for {path}")))?;
        }
        std::fs::write(&real, text).with_context(|| self.what(&format!("write {path}")))?;
        self.inner.log.line(self.what(&format!("write {path}:")));
        self.inner.log.block(text);
        Ok(())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When that fails.
    pub fn read(&self, path: &str) -> anyhow::Result<String> {
        let text = std::fs::read_to_string(self.reach(path)).with_context(|| self.what(&format!("read {path}")))?;
        self.inner.log.line(self.what(&format!("read {path}:")));
        self.inner.log.block(&text);
        Ok(text)
    }

    /// Pings `target` every `interval_ms` until told to stop.
    ///
    /// # Errors
    /// When ping cannot be started.
    pub fn ping_stream(&self, target: &str, interval_ms: u32) -> anyhow::Result<PingStream> {
        PingStream::start(self, target, interval_ms)
    }

    /// Asks `address` for an echo every few milliseconds until it answers once.
    ///
    /// # Errors
    /// When asking cannot begin.
    pub fn first_reply(&self, address: &str) -> anyhow::Result<FirstReply> {
        FirstReply::start(self, address)
    }

    /// Sends many packets out of `interface`.
    ///
    /// # Errors
    /// When sending cannot begin.
    pub fn blast(&self, interface: &str, traffic: &Traffic) -> anyhow::Result<Blast> {
        Blast::start(self, interface, traffic)
    }

    /// Counts what arrives at `interface` from the moment this returns, until it is `count` packets or none came for `quiet`.
    ///
    /// # Errors
    /// When counting cannot begin.
    pub fn arrivals(&self, interface: &str, count: u32, quiet: std::time::Duration) -> anyhow::Result<Arrivals> {
        Arrivals::start(self, interface, count, quiet)
    }

    /// Runs commands (words, no shell) one after the other, each timed here in the host; all must succeed. What they say is
    /// in the output's `stderr`.
    ///
    /// # Errors
    /// When one does not.
    pub fn clock(&self, commands: &[&str]) -> anyhow::Result<(Vec<Timed>, Output)> {
        clock::clock(self, commands, clock::Stdout::Kept)
    }

    /// As [`Host::clock`], with the commands' standard output thrown away.
    ///
    /// # Errors
    /// When one does not succeed.
    pub fn clock_silently(&self, commands: &[&str]) -> anyhow::Result<Vec<Timed>> {
        Ok(clock::clock(self, commands, clock::Stdout::Dropped)?.0)
    }

    /// The most memory a command (words, no shell) had resident while it ran (VmHWM), in MB. Its standard output is thrown away.
    ///
    /// # Errors
    /// When it does not succeed.
    pub fn peak_memory(&self, command: &str) -> anyhow::Result<f64> {
        let output = self.run(&format!("{GUEST_PATH} peak {command}"))?;
        Ok(output.stdout.trim().parse::<f64>().with_context(|| format!("no number: {output}"))? * 1024.0 / 1e6)
    }

    /// Captures what passes `interface` and matches `filter` (a pcap expression, may be empty), from the moment this returns.
    ///
    /// # Errors
    /// When tcpdump does not begin to listen.
    pub fn capture(&self, interface: &str, filter: &str) -> anyhow::Result<Capture> {
        Capture::start(self, interface, filter)
    }

    /// Stops whoever opens one of the files `names` of `folder` for the `nth` time from now on, all counted together, before that file
    /// is open. The folder must be there.
    ///
    /// # Errors
    /// When the kernel does not let the test watch it.
    pub fn gate(&self, folder: &str, names: &'static [&'static str], nth: u32, then: Then) -> anyhow::Result<Gate> {
        self.inner.log.line(self.what(&format!("# {then:?} whoever opens {} of {folder} for the {nth}. time", names.join(" or "))));
        Gate::start(&self.reach(folder), names, nth, then)
    }

    /// Puts a remark into the test's log.
    pub fn note(&self, text: &str) {
        self.inner.log.line(self.what(&format!("# {text}")));
    }

    fn what(&self, line: &str) -> String {
        format!("[{}] {line}", self.name())
    }

    /// The host's file `path` as the test reaches it.
    pub fn reach(&self, path: &str) -> String {
        format!("/proc/{}/root{path}", self.inner.pid)
    }

    fn command(&self, line: &str, before: &[&str]) -> Command {
        let mut command = tool("/usr/bin/nsenter");
        command.args(["--target", &self.inner.pid, "--all", "--"]).args(before).args(["/bin/sh", "-c", line]);
        command
    }
}
