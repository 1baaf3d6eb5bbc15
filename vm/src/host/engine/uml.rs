//! User-mode Linux's command line.

use std::process::Command;

use super::Launch;

pub(super) fn command(launch: &Launch<'_>) -> Command {
    // Its processes are processes here: a namespace around them ends them all with us.
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    command.env("TMPDIR", launch.folder);
    command.arg(&launch.kernel.image).arg(format!("initrd={}", launch.initramfs.display()));
    command.arg(format!("uml_dir={}/", launch.folder.display()));
    let console = if launch.interactive { "con0=fd:0,fd:1" } else { "con0=null,fd:1" };
    command.args(["mem=1024M", "con=null", console, "ssl=null", "ssl0=null,fd:2", "console=tty0", "panic=-1", "oops=panic", "loglevel=4"]);
    command.args(launch.cmdline.split_ascii_whitespace());
    command
}
