//! Reaching the agent, and starting one when none is running: through its systemd unit where that is installed, else
//! detached from this terminal.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::ctl::client::{Client, Reach};
use crate::ctl::{READY, WAITING};
use crate::error::{Error, Kind};
use crate::host::paths::Run;

/// How long the agent may say nothing until it is ready: it says every 5 s what it is doing, for two minutes at most.
const SILENCE: Duration = Duration::from_secs(20);
/// The unit that `dist/systemd` has.
const UNIT: &str = "ovsdp.service";
/// Where units are installed, most specific first (systemd.unit(5)).
const UNIT_DIRS: [&str; 4] = ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/// The agent that is running, or one that is started now, which is to be ready within so many seconds (`--timeout`).
///
/// # Errors
/// It cannot be reached or started; the words are the agent's own where it had any.
pub(super) fn agent(run: &Run, timeout: Option<u32>) -> Result<Client, Error> {
    if let Reach::Connected(client) = Client::connect(&run.socket())? {
        return Ok(client);
    }
    if has_unit() {
        through_systemd()?
    } else {
        detached(timeout)?
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

/// Runs this very program as the agent. It says one line when it answers, or why it does not, and ends then. What it does meanwhile is
/// passed on to standard error.
fn detached(timeout: Option<u32>) -> Result<(), Error> {
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
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        loop {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).map(|_| line);
            let goes_on = read.as_ref().is_ok_and(|line| line.starts_with(WAITING));
            if sender.send(read).is_err() || !goes_on {
                return;
            }
        }
    });
    answer(&receiver, SILENCE, timeout, |text| eprintln!("{WAITING}{text}"))
}

/// How the agent began, by the lines it says. `meanwhile` is given what it does before that.
fn answer(lines: &Receiver<io::Result<String>>, silence: Duration, timeout: Option<u32>, mut meanwhile: impl FnMut(&str)) -> Result<(), Error> {
    let fail = |why: &dyn std::fmt::Display| Error::new(Kind::Failed, format!("cannot start the agent: {why}"));
    let end = timeout.map(|secs| (Instant::now() + Duration::from_secs(secs.into()), secs));
    let mut last = String::new();
    loop {
        let left = end.map_or(silence, |(end, _)| end.saturating_duration_since(Instant::now()).min(silence));
        let line = match (lines.recv_timeout(left), end) {
            (Ok(Ok(line)), _) => line,
            (Ok(Err(error)), _) => return Err(fail(&error)),
            (Err(RecvTimeoutError::Timeout), Some((_, secs))) if left < silence => {
                let message = format!("the {secs} s are up that --timeout gives, and the agent is not ready: nothing was begun");
                return Err(Error::new(Kind::TimedOut, message));
            }
            (Err(_), _) => {
                let silent = || format!("the agent said nothing for {} s", silence.as_secs());
                let why = if last.is_empty() { silent() } else { format!("the agent does not get ready: {last}") };
                return Err(Error::new(Kind::TimedOut, why).advise(
                    "the kernel keeps it waiting while another program makes or deletes many devices; it goes on by itself, so run the command again",
                ));
            }
        };
        match (line.trim_end(), line.trim_end().strip_prefix(WAITING)) {
            (READY, _) => return Ok(()),
            (_, Some(text)) => {
                meanwhile(text);
                text.clone_into(&mut last);
            }
            (line, None) => return Err(serde_json::from_str(line).unwrap_or_else(|_| fail(&"it ended before it said why"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the agent begins that says these lines and then nothing, and what is passed on.
    fn answered(lines: &[&str], timeout: Option<u32>) -> (Result<(), Error>, Vec<String>) {
        let (sender, receiver) = channel();
        lines.iter().for_each(|line| sender.send(Ok(format!("{line}\n"))).unwrap());
        let mut passed_on = Vec::new();
        let answer = answer(&receiver, Duration::from_millis(1), timeout, |text| passed_on.push(text.to_owned()));
        (answer, passed_on)
    }

    #[test]
    fn it_is_ready_or_says_why_not_and_what_it_does_until_then() {
        assert_eq!(answered(&["ready"], Some(60)), (Ok(()), vec![]));
        assert_eq!(answered(&["waiting: a", "waiting: b", "ready"], None), (Ok(()), vec!["a".to_owned(), "b".to_owned()]));
        let error = Error::new(Kind::OtherSwitch, "x");
        let said = serde_json::to_string(&error).unwrap();
        assert_eq!(answered(&["waiting: a", &said], None), (Err(error), vec!["a".to_owned()]));
        assert_eq!(answered(&[""], None).0.unwrap_err().kind, Kind::Failed);
    }

    #[test]
    fn one_that_is_silent_is_waited_for_no_longer() {
        let error = answered(&[], None).0.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::TimedOut, "the agent said nothing for 0 s"));
        let error = answered(&["waiting: it is at a, since 5 s"], None).0.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::TimedOut, "the agent does not get ready: it is at a, since 5 s"));
        let error = answered(&["waiting: a"], Some(0)).0.unwrap_err();
        assert_eq!(error.kind, Kind::TimedOut);
        assert!(error.message.starts_with("the 0 s are up that --timeout gives"), "{error}");
    }
}
