//! User-mode Linux's command line.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};

use super::Launch;

/// User-mode Linux 6.1 hands the registers of its processes back in a buffer too small for those of AMX, which the kernel
/// refuses ("ptrace set fp regs failed, errno = 14"): on such a processor no guest process ever runs.
pub(super) fn check_processor() -> anyhow::Result<()> {
    let flags = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    ensure!(!flags.contains(" amx_tile"), "user-mode Linux 6.1 does not run on a processor with AMX: use --engine qemu");
    Ok(())
}

pub(super) fn command(launch: &Launch<'_>) -> Command {
    // Its processes are processes here: a namespace around them ends them all with us.
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    command.env("TMPDIR", launch.folder);
    command.arg(&launch.kernel.image).arg(format!("initrd={}", launch.initramfs.display()));
    command.arg(format!("uml_dir={}/", launch.folder.display()));
    let console = if launch.interactive { "con0=fd:0,fd:1" } else { "con0=null,fd:1" };
    command.arg(format!("mem={}M", launch.memory));
    command.args(["con=null", console, "ssl=null", "ssl0=null,fd:2", "console=tty0", "panic=-1", "oops=panic", "loglevel=4"]);
    command
}
