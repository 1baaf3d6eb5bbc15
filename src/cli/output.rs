//! Writing to standard output. A reader that went away (`| head`) is no failure: the command ends quietly.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::{Error, Kind};

/// Writes `text` whole.
///
/// # Errors
/// What the kernel says, a closed pipe aside.
pub(super) fn text(text: &str) -> Result<(), Error> {
    finish(io::stdout().lock().write_all(text.as_bytes()))
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
