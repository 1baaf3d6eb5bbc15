//! The unpacked packages: finding programs in them, and running some of them without installing anything.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::shell_out::output;

/// Debian 12's packages still put files on both sides of the merge of `/` and `/usr`.
const BIN: [&str; 7] = ["usr/bin", "usr/sbin", "bin", "sbin", "usr/lib/openvswitch-switch", "usr/lib/openvswitch-common", "lib/systemd"];
const LIB: [&str; 5] =
    ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/openvswitch", "usr/lib/x86_64-linux-gnu/systemd", "usr/lib"];

/// The folder the guest's packages are unpacked in.
#[derive(Debug, Clone)]
pub(crate) struct Sysroot {
    root: PathBuf,
}

impl Sysroot {
    pub(crate) fn new(root: PathBuf) -> Sysroot {
        Sysroot { root }
    }

    /// A file by its path from the root.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A program's file.
    pub(crate) fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let found = BIN.iter().map(|folder| self.root.join(folder).join(name)).find(|path| path.is_file());
        found.with_context(|| format!("no package in {} has a program {name}", self.root.display()))
    }

    /// A library's file.
    pub(crate) fn library(&self, name: &str) -> anyhow::Result<PathBuf> {
        let found = LIB.iter().map(|folder| self.root.join(folder).join(name)).find(|path| path.is_file());
        found.with_context(|| format!("no package in {} has a library {name}", self.root.display()))
    }

    /// A command that runs a program from here, with the libraries from here, under a name of its choice.
    pub(crate) fn command_as(&self, name: &str, program: &str) -> anyhow::Result<Command> {
        let mut command = self.loader();
        command.args(["--argv0", name]).arg(self.program(program)?);
        Ok(command)
    }

    /// The loader and every library a program loads. Nothing for a static program or a script.
    pub(crate) fn libraries(&self, program: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
        if !self.loader().arg("--verify").arg(program).status().with_context(|| format!("cannot verify {}", program.display()))?.success() {
            return Ok(BTreeSet::new());
        }
        let text = output(self.loader().arg("--list").arg(program))?;
        let mut libraries = BTreeSet::from([self.loader_file()]);
        for line in text.lines() {
            match library(line) {
                Some("not found") => bail!("{} lacks a library: {line}", program.display()),
                Some(path) => libraries.insert(PathBuf::from(path)),
                None => false,
            };
        }
        Ok(libraries)
    }

    fn loader_file(&self) -> PathBuf {
        self.root.join("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    }

    fn loader(&self) -> Command {
        let folders: Vec<String> = LIB.iter().map(|folder| self.root.join(folder).display().to_string()).collect();
        let mut command = Command::new(self.loader_file());
        command.arg("--library-path").arg(folders.join(":"));
        command
    }
}

/// The path in a line of the loader's list: `libc.so.6 => /x/libc.so.6 (0x…)`. The vdso and the loader have no arrow.
fn library(line: &str) -> Option<&str> {
    let (_, path) = line.split_once(" => ")?;
    Some(path.rsplit_once(" (").map_or(path, |(path, _)| path))
}

#[cfg(test)]
mod tests {
    use super::library;

    #[test]
    fn the_loaders_list_is_understood() {
        assert_eq!(library("\tlibc.so.6 => /r/lib/libc.so.6 (0x00007f)"), Some("/r/lib/libc.so.6"));
        assert_eq!(library("\tlibx.so.1 => not found"), Some("not found"));
        assert_eq!(library("\tlinux-vdso.so.1 (0x00007ffd)"), None);
    }
}
