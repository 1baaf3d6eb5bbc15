//! The agent as a process: the only one of its run directory, detached when asked, and heard by whoever started it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};

use nix::fcntl::{Flock, FlockArg};

use super::keeper;
use crate::ctl::{READY, WAITING};
use crate::error::{Error, Kind};
use crate::host::paths::Run;

/// Holds the run directory's lock for as long as it lives.
#[derive(Debug)]
pub(super) struct Only {
    _lock: Flock<File>,
}

/// Makes the run directory and takes its lock.
///
/// # Errors
/// [`Kind::NotPermitted`] when this user may not; [`Kind::Failed`] when another agent holds it.
pub(super) fn only(run: &Run) -> Result<Only, Error> {
    lock(run)?.ok_or_else(|| {
        Error::new(Kind::Failed, format!("another agent is running: it holds {}", run.lock().display()))
            .advise("`ovsdp status` shows it; stop it before starting another, or start this one with --replace")
    })
}

/// As [`only`]; `None` when another agent holds the lock.
///
/// # Errors
/// [`Kind::NotPermitted`] when this user may not, and what else the kernel says.
pub(super) fn lock(run: &Run) -> Result<Option<Only>, Error> {
    let fail = |what: &str, path: &std::path::Path, error: io::Error| {
        let kind = if error.kind() == io::ErrorKind::PermissionDenied { Kind::NotPermitted } else { Kind::Failed };
        let error = Error::new(kind, format!("cannot {what} {}: {error}", path.display()));
        if kind == Kind::NotPermitted { error.advise("run it as root") } else { error }
    };
    fs::create_dir_all(run.dir()).map_err(|error| fail("make the run directory", run.dir(), error))?;
    let path = run.lock();
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|error| fail("open", &path, error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(Only { _lock: lock })),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(fail("lock", &path, errno.into())),
    }
}

/// Leaves the terminal and the process group of whoever started it, and sends what it says from now on to the log. Standard
/// output stays until [`ready`] or [`failed`] is said on it.
///
/// # Errors
/// What the kernel says.
pub(super) fn detach(run: &Run) -> Result<(), Error> {
    let fail = |error: io::Error| Error::new(Kind::Failed, format!("cannot detach: {}: {error}", run.log().display()));
    let log = OpenOptions::new().create(true).append(true).open(run.log()).map_err(fail)?;
    // It fails only for the leader of a process group, which a started process is not; then there is nothing to leave.
    let _ = nix::unistd::setsid();
    nix::unistd::dup2_stderr(&log).map_err(|errno| fail(errno.into()))?;
    // The folder it was started in may be unmounted later.
    nix::unistd::chdir("/").map_err(|errno| fail(errno.into()))
}

/// Tells whoever started it that it answers: the service manager by sd_notify(3), the command by a line, after which
/// standard output is the log.
pub(super) fn ready(background: bool) {
    // What it was doing until then is no longer so.
    keeper::notify("READY=1\nSTATUS=");
    if background {
        say(READY);
    }
}

/// Tells the command that started it what it is doing meanwhile.
pub(super) fn waiting(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{WAITING}{text}").and_then(|()| out.flush());
}

/// Tells the command that started it why it does not run.
pub(super) fn failed(error: &Error) {
    say(&serde_json::to_string(error).unwrap_or_default());
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    // The command waits for the line, not for the end of the pipe; a later reader must not be kept waiting by an agent.
    let _ = nix::unistd::dup2_stdout(io::stderr());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_a_run_directory() {
        let dir = tempfile::tempdir().unwrap();
        let run = Run::at(dir.path().join("run"));
        let first = only(&run).unwrap();
        assert_eq!(only(&run).unwrap_err().kind, Kind::Failed);
        drop(first);
        only(&run).unwrap();
    }
}
