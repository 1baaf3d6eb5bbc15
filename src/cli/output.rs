//! Writing to standard output. A reader that went away (`| head`) is no failure: the command ends quietly.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;

use crate::error::{Error, Kind};

/// Writes `text` whole.
///
/// # Errors
/// What the kernel says, a closed pipe aside.
pub(super) fn text(text: &str) -> Result<(), Error> {
    finish(io::stdout().lock().write_all(text.as_bytes()))
}

/// Writes what a command said, and ends it: `program` is called so in the complaint when that fails.
pub(super) fn said(program: &str, said: &str) -> ExitCode {
    match text(said) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes `value` as indented JSON and a newline.
///
/// # Errors
/// What the kernel says, a closed pipe aside.
pub(super) fn json<T: Serialize>(value: &T) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::new(Kind::Failed, format!("cannot write JSON: {error}")))?;
    bytes.push(b'\n');
    finish(io::stdout().lock().write_all(&bytes))
}

/// Writes `value` as JSON on one line.
///
/// # Errors
/// What the kernel says, a closed pipe aside.
pub(super) fn line<T: Serialize>(value: &T) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec(value).map_err(|error| Error::new(Kind::Failed, format!("cannot write JSON: {error}")))?;
    bytes.push(b'\n');
    finish(io::stdout().lock().write_all(&bytes))
}

/// The end of a command that wrote to standard output.
///
/// # Errors
/// What the kernel said, a closed pipe aside.
pub(super) fn finish(result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(Kind::Failed, format!("cannot write the output: {error}"))),
        _ => Ok(()),
    }
}

/// The end of one part of an output that goes on; says whether the reader is still there.
///
/// # Errors
/// What the kernel said, a closed pipe aside.
pub(super) fn part(result: io::Result<()>) -> Result<bool, Error> {
    let there = !matches!(&result, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
    finish(result).map(|()| there)
}

/// Rests for `pause`, or until the reader of standard output goes away; says whether it is still there.
pub(super) fn rest(pause: Duration) -> bool {
    rest_while_read(&io::stdout(), pause)
}

fn rest_while_read(out: &impl AsFd, pause: Duration) -> bool {
    let end = Instant::now() + pause;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // Rounded up: the rest of a millisecond would be spent asking again and again.
        let timeout = PollTimeout::try_from(left.saturating_add(Duration::from_micros(999))).unwrap_or(PollTimeout::MAX);
        // Nothing is asked for: the kernel reports that the other end is closed whether asked or not.
        let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
        match poll(&mut fds, timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) if left.is_zero() => return true,
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            // What cannot be waited on is not known to be gone.
            Err(_) => return true,
            Ok(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_lasts_and_ends_early_only_when_the_reader_goes() {
        let (reader, writer) = io::pipe().unwrap();
        let began = Instant::now();
        assert!(rest_while_read(&writer, Duration::from_millis(20)));
        assert!(began.elapsed() >= Duration::from_millis(20));
        drop(reader);
        assert!(!rest_while_read(&writer, Duration::from_secs(3600)));
        assert!(rest_while_read(&tempfile::tempfile().unwrap(), Duration::from_millis(1)));
    }

    #[test]
    fn a_closed_pipe_is_told_from_a_failure() {
        assert!(part(Ok(())).unwrap());
        assert!(!part(Err(io::ErrorKind::BrokenPipe.into())).unwrap());
        assert!(part(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
