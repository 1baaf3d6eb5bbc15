//! Reaching the agent, and starting one when none is running: through its systemd unit where that is installed, else
//! detached from this terminal.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::ctl::READY;
use crate::ctl::client::{Client, Reach};
use crate::error::{Error, Kind};
use crate::host::paths::Run;

/// How long the agent may take until it answers.
const START: Duration = Duration::from_secs(20);
/// The unit that `dist/systemd` has.
const UNIT: &str = "ovsdp.service";
/// Where units are installed, most specific first (systemd.unit(5)).
const UNIT_DIRS: [&str; 4] = ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/// The agent that is running, or one that is started now.
///
/// # Errors
/// It cannot be reached or started; the words are the agent's own where it had any.
pub(super) fn agent(run: &Run) -> Result<Client, Error> {
    if let Reach::Connected(client) = Client::connect(&run.socket())? {
        return Ok(client);
    }
    if has_unit() {
        through_systemd()?
    } else {
        detached()?
    }
    match Client::connect(&run.socket())? {
        Reach::Connected(client) => Ok(client),
        Reach::NotRunning => Err(Error::new(Kind::Failed, format!("the agent was started but does not answer at {}", run.socket().display()))
            .advise(format!("see `journalctl -u {UNIT}` or {}", run.log().display()))),
    }
}

/// The agent, when one is running.
///
/// # Errors
/// One may be running but cannot be reached.
pub(super) fn running(run: &Run) -> Result<Option<Client>, Error> {
    match Client::connect(&run.socket())? {
        Reach::Connected(client) => Ok(Some(client)),
        Reach::NotRunning => Ok(None),
    }
}

/// Whether systemd runs this host (sd_booted(3)) and knows the agent's unit.
fn has_unit() -> bool {
    Path::new("/run/systemd/system").is_dir() && UNIT_DIRS.iter().any(|dir| Path::new(dir).join(UNIT).exists())
}

fn through_systemd() -> Result<(), Error> {
    let fail = |why: String| Error::new(Kind::Failed, format!("cannot start {UNIT}: {why}")).advise(format!("see `journalctl -u {UNIT}`"));
    // The unit is Type=notify: systemctl returns when the agent answers, within the unit's own time limit.
    let output = Command::new("systemctl").args(["start", UNIT]).stdin(Stdio::null()).output().map_err(|error| fail(error.to_string()))?;
    if output.status.success() { Ok(()) } else { Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned())) }
}

/// Runs this very program as the agent. It says one line when it answers, or why it does not, and ends then.
fn detached() -> Result<(), Error> {
    let fail = |why: &dyn std::fmt::Display| Error::new(Kind::Failed, format!("cannot start the agent: {why}"));
    let mut child = Command::new("/proc/self/exe")
        .arg0("ovsdp")
        .args(["agent", "--background"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // It says on its output why it does not start; from then on it has a log.
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| fail(&error))?;
    let stdout = child.stdout.take().ok_or_else(|| fail(&"it has no output"))?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    match receiver.recv_timeout(START) {
        Ok(Ok(line)) if line.trim() == READY => Ok(()),
        Ok(Ok(line)) => Err(serde_json::from_str(line.trim()).unwrap_or_else(|_| fail(&"it ended before it said why"))),
        Ok(Err(error)) => Err(fail(&error)),
        Err(_) => Err(Error::new(Kind::TimedOut, format!("the agent did not answer within {} s", START.as_secs()))),
    }
}
