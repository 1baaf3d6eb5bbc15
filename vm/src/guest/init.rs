//! PID 1 of the guest: furnishes it, does what the plan says, tells the host, powers off.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::klog::KernelLog;
use super::{sandbox, tool, uptime};
use crate::protocol::{Action, Event, PLAN_PATH, Plan};
use crate::registry::{self, Test};

/// Where the running test's log lies. The folder is outside every folder a test has to itself.
const LOG_PATH: &str = "/vm/log";
/// More of a log than this nobody reads; its end is kept.
const LOG_LIMIT: usize = 200_000;
const POLL: Duration = Duration::from_millis(5);

/// What PID 1 does. It does not return while the machine is on.
///
/// # Errors
/// When the machine cannot be furnished or the host not be told.
pub fn run() -> anyhow::Result<()> {
    furnish()?;
    let plan: Plan = serde_json::from_slice(&fs::read(PLAN_PATH).context("cannot read the plan")?).context("cannot understand the plan")?;
    let host = Reporter::open(&plan.results)?;
    hide_modules(&plan.without_modules)?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
    host.tell(&Event::Booted { release: release.trim().to_owned(), uptime_ms: millis(uptime()?) })?;
    match &plan.action {
        Action::Tests(names) => names.iter().try_for_each(|name| run_test(&host, name))?,
        Action::Program(name) => run_program(&host, name)?,
        Action::Shell => shell(&plan.console)?,
    }
    host.tell(&Event::Done)?;
    power_off()
}

/// Turns the machine off.
///
/// # Errors
/// When the kernel refuses.
pub fn power_off() -> anyhow::Result<()> {
    nix::unistd::sync();
    match reboot(RebootMode::RB_POWER_OFF) {
        Err(error) => Err(error).context("cannot power off"),
        Ok(never) => match never {},
    }
}

fn furnish() -> anyhow::Result<()> {
    for (source, target, kind, options) in [
        ("proc", "/proc", "proc", ""),
        ("sysfs", "/sys", "sysfs", ""),
        ("devtmpfs", "/dev", "devtmpfs", ""),
        ("devpts", "/dev/pts", "devpts", "ptmxmode=666"),
        ("tmpfs", "/dev/shm", "tmpfs", ""),
        ("tmpfs", "/run", "tmpfs", "mode=755"),
        ("tmpfs", "/tmp", "tmpfs", "mode=1777"),
    ] {
        sandbox::mount_fs(source, target, kind, options)?;
    }
    // Nobody listens for devices here. Without this one the first to ask for random numbers waits for the kernel to
    // collect entropy, seconds in an emulator. User-mode Linux has its own.
    let _ = tool("/usr/sbin/modprobe").args(["-qa", "virtio_pci", "virtio_rng"]).status();
    nix::unistd::sethostname("guest").context("cannot set the host name")?;
    // A test that loads a tunnel's module must not give the hosts of the tests after it gre0, gretap0 and erspan0.
    let _ = fs::write("/proc/sys/net/core/fb_tunnels_only_for_init_net", "2");
    // Pings as an ordinary user, as every distribution allows.
    let _ = fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
    Ok(())
}

/// Takes kernel modules away, as on a host where they were never installed.
fn hide_modules(names: &[String]) -> anyhow::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
    remove_modules(Path::new(&format!("/lib/modules/{}", release.trim())), names)?;
    let status = tool("/usr/sbin/depmod").arg("-a").status().context("cannot run depmod")?;
    anyhow::ensure!(status.success(), "depmod: {status}");
    Ok(())
}

fn remove_modules(folder: &Path, names: &[String]) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            remove_modules(&path, names)?;
        } else if path.extension().is_some_and(|kind| kind == "ko") {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().replace('-', "_")).unwrap_or_default();
            if names.iter().any(|name| name.replace('-', "_") == stem) {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// The line to the host.
struct Reporter {
    line: Mutex<File>,
}

impl Reporter {
    fn open(path: &str) -> anyhow::Result<Reporter> {
        let line = File::options().write(true).open(path).with_context(|| format!("cannot open {path}"))?;
        Ok(Reporter { line: Mutex::new(line) })
    }

    fn tell(&self, event: &Event) -> anyhow::Result<()> {
        let text = event.to_line().context("cannot write an event")?;
        let mut line = self.line.lock().map_err(|_| anyhow::anyhow!("a writer of events died"))?;
        line.write_all(text.as_bytes()).context("cannot tell the host")
    }
}

fn run_test(host: &Reporter, name: &str) -> anyhow::Result<()> {
    host.tell(&Event::Started { name: name.to_owned() })?;
    let limit = registry::tests().iter().find(|test| test.name == name).map_or(Duration::from_secs(60), |test: &Test| test.timeout);
    let log = fresh_log()?;
    let mut command = sandbox::test(name);
    command.arg(LOG_PATH).stdout(log.try_clone().context("cannot share the log")?).stderr(log);
    supervise(host, name, command, limit, false)
}

fn run_program(host: &Reporter, name: &str) -> anyhow::Result<()> {
    host.tell(&Event::Started { name: name.to_owned() })?;
    let limit = registry::programs().iter().find(|program| program.name == name).map_or(Duration::from_secs(60), |program| program.timeout);
    let mut command = sandbox::test(name);
    command.arg(LOG_PATH).stdout(Stdio::piped()).stderr(fresh_log()?);
    supervise(host, name, command, limit, true)
}

/// The log, empty, to append to: what a program complains of is written beside what is done meanwhile.
fn fresh_log() -> anyhow::Result<File> {
    File::create(LOG_PATH).context("cannot make the log")?;
    File::options().append(true).open(LOG_PATH).context("cannot open the log")
}

/// Runs one sandboxed command to its end or its limit, buries everything it left, and reports it.
fn supervise(host: &Reporter, name: &str, mut command: std::process::Command, limit: Duration, pass_on: bool) -> anyhow::Result<()> {
    let mut kernel = KernelLog::from_now();
    let start = Instant::now();
    let mut child = command.spawn().context("cannot run unshare")?;
    let stdout = child.stdout.take().filter(|_| pass_on);
    let end = thread::scope(|scope| -> anyhow::Result<Option<WaitStatus>> {
        if let Some(stdout) = stdout {
            scope.spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if host.tell(&Event::Text { line }).is_err() {
                        break;
                    }
                }
            });
        }
        bury(Pid::from_raw(i32::try_from(child.id())?), start + limit)
    })?;
    let passed = matches!(end, Some(WaitStatus::Exited(_, 0)));
    let log = if passed { String::new() } else { failure_log(end, limit, &kernel.read()) };
    host.tell(&Event::Finished { name: name.to_owned(), passed, millis: millis(start.elapsed()), log })
}

/// Waits for a child and all its orphans, which are ours as we are PID 1. `None` when it had to be killed.
fn bury(child: Pid, deadline: Instant) -> anyhow::Result<Option<WaitStatus>> {
    let (mut end, mut killed) = (None, false);
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => {
                if !killed && Instant::now() >= deadline {
                    // unshare dies, with it (--kill-child) process 1 of the sandbox, with that all in it.
                    let _ = kill(child, Signal::SIGKILL);
                    killed = true;
                }
                thread::sleep(POLL);
            }
            Ok(status) if status.pid() == Some(child) => end = Some(status),
            Ok(_) => {}
            Err(nix::errno::Errno::ECHILD) => return Ok(end.filter(|_| !killed)),
            Err(error) => return Err(error).context("cannot wait for the test"),
        }
    }
}

fn failure_log(end: Option<WaitStatus>, limit: Duration, kernel: &str) -> String {
    let mut log = fs::read(LOG_PATH).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let cut = log.len().saturating_sub(LOG_LIMIT);
    let cut = (cut..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
    log.drain(..cut);
    match end {
        None => log.push_str(&format!("killed: not done after {} s\n", limit.as_secs())),
        Some(WaitStatus::Exited(_, 1)) => {}
        Some(other) => log.push_str(&format!("ended by {other:?}\n")),
    }
    if !kernel.is_empty() {
        log.push_str("the kernel's messages meanwhile:\n");
        log.push_str(kernel);
    }
    log
}

fn shell(console: &str) -> anyhow::Result<()> {
    let open = || File::options().read(true).write(true).open(console).with_context(|| format!("cannot open {console}"));
    let mut command = tool("/usr/bin/setsid");
    command.args(["--ctty", "--wait", "/bin/bash", "--login"]).stdin(open()?).stdout(open()?).stderr(open()?);
    command.status().context("cannot run the shell")?;
    Ok(())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
