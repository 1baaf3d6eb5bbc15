//! Standard output, written in large pieces.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// As much is collected before it is written, in bytes: what a pipe holds.
const LARGE: usize = 1 << 16;

/// Lines on their way to standard output. What is still here at the end is written by [`Out::finish`].
#[derive(Debug)]
pub(in crate::cli) struct Out {
    bytes: Vec<u8>,
    to: File,
}

impl Out {
    /// Nothing yet.
    ///
    /// # Errors
    /// There is no descriptor left to write to.
    pub(in crate::cli) fn new() -> io::Result<Self> {
        Ok(Self { bytes: Vec::with_capacity(LARGE * 2), to: File::from(io::stdout().as_fd().try_clone_to_owned()?) })
    }

    /// Adds a line, which `append` writes without its newline.
    ///
    /// # Errors
    /// What the kernel says when much has come together and is written.
    pub(in crate::cli) fn line(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        append(&mut self.bytes);
        self.bytes.push(b'\n');
        if self.bytes.len() < LARGE {
            return Ok(());
        }
        self.finish()
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// What the kernel says.
    pub(in crate::cli) fn finish(&mut self) -> io::Result<()> {
        let written = self.to.write_all(&self.bytes);
        self.bytes.clear();
        written
    }
}
