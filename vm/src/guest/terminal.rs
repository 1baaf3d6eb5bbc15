//! A terminal with nobody in front of it: what a program does to one can be seen, and keys can be pressed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use anyhow::Context;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::ttyname;

/// A terminal of 100 columns and 30 lines.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    slave: OwnedFd,
    shown: Vec<u8>,
}

impl Terminal {
    /// Opens a terminal.
    ///
    /// # Errors
    /// When the system has none left.
    pub fn open() -> anyhow::Result<Terminal> {
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).context("cannot open a terminal")?;
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("cannot set O_NONBLOCK")?;
        Ok(Terminal { master: pair.master.into(), slave: pair.slave, shown: Vec::new() })
    }

    /// What a program's standard input and output are redirected to: `/dev/pts/0`.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn path(&self) -> anyhow::Result<String> {
        Ok(ttyname(&self.slave).context("a terminal without a name")?.display().to_string())
    }

    /// Its settings: echo, line editing, what keys send signals.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn settings(&self) -> anyhow::Result<Termios> {
        tcgetattr(&self.slave).context("cannot read the terminal's settings")
    }

    /// Everything that was written to it so far, escape sequences too.
    pub fn shown(&mut self) -> String {
        // An error is that there is nothing now.
        let _ = self.master.read_to_end(&mut self.shown);
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Types.
    ///
    /// # Errors
    /// When the terminal takes no more.
    pub fn press(&mut self, keys: &str) -> anyhow::Result<()> {
        self.master.write_all(keys.as_bytes()).context("cannot type")
    }
}
