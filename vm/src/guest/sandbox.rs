//! The walls around a test and around each of its hosts, and what stands inside them as process 1.
//!
//! util-linux's `unshare` builds the walls, so that nothing here is unsafe; the guest binary is what it starts inside.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::{Log, World, command, tool};
use crate::protocol::GUEST_PATH;
use crate::registry;

/// Folders every test and every host has empty and to itself.
const OWN_FOLDERS: [&str; 4] = ["/run", "/tmp", "/var/lib", "/var/log"];

/// The command that runs a test or program by name in a sandbox: with its end, all it started ends.
#[must_use]
pub fn test(name: &str) -> Command {
    let mut command = unshare();
    command.args(["--mount-proc", "--", GUEST_PATH, "run", name]);
    command
}

/// The command that holds a host's namespaces open until it is killed, and says its process id once they are furnished.
#[must_use]
pub fn host(name: &str) -> Command {
    let mut command = unshare();
    command.args(["--", GUEST_PATH, "hold", name]);
    command
}

fn unshare() -> Command {
    let mut command = tool("/usr/bin/unshare");
    command.args(["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]);
    command
}

/// The body of a test's process: runs the test or program and tells what came of it by its exit code.
///
/// # Errors
/// What the test says.
pub fn run(name: &str, log_path: &Path) -> anyhow::Result<()> {
    let log = Log::open(log_path)?;
    own_folders()?;
    own_sysfs()?;
    command::run(&log, "ip link set lo up", {
        let mut command = tool("/usr/sbin/ip");
        command.args(["link", "set", "lo", "up"]);
        command
    })?
    .success()?;
    let test = registry::tests().into_iter().find(|test| test.name == name).map(|test| test.run);
    let program = registry::programs().into_iter().find(|program| program.name == name).map(|program| program.run);
    let body = test.or(program).with_context(|| format!("nothing is called {name}"))?;
    body(&mut World::new(log))
}

/// The body of a host's process 1: furnishes the host, then buries its dead for ever.
///
/// # Errors
/// When a mount is refused.
pub fn hold(name: &str) -> anyhow::Result<()> {
    // /proc is still that of the test: the number it gives is the one the test knows us by.
    let pid = fs::read_link("/proc/self").context("cannot read /proc/self")?;
    mount_fs("proc", "/proc", "proc", "")?;
    own_sysfs()?;
    own_folders()?;
    own_etc(name)?;
    nix::unistd::sethostname(name).context("cannot set the host name")?;
    // Blocked before anyone can become our child, so that no death is missed.
    let mut deaths = SigSet::empty();
    deaths.add(Signal::SIGCHLD);
    deaths.thread_block().context("cannot block SIGCHLD")?;
    println!("{}", pid.display());
    loop {
        deaths.wait().context("cannot wait for SIGCHLD")?;
        while !matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive) | Err(_)) {}
    }
}

/// Mounts a file system of `kind`; a short cut for the many that have no source.
///
/// # Errors
/// When the kernel refuses.
pub fn mount_fs(source: &str, target: &str, kind: &str, options: &str) -> anyhow::Result<()> {
    fs::create_dir_all(target).with_context(|| format!("cannot make {target}"))?;
    mount(Some(source), target, Some(kind), MsFlags::empty(), Some(options)).with_context(|| format!("cannot mount {kind} on {target}"))
}

fn own_folders() -> anyhow::Result<()> {
    for folder in OWN_FOLDERS {
        mount_fs("tmpfs", folder, "tmpfs", "mode=755")?;
    }
    // dhclient and dnsmasq keep their leases below.
    for folder in ["/run/lock", "/var/lib/dhcp", "/var/lib/misc"] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {folder}"))?;
    }
    Ok(())
}

/// /sys shows the network of whoever mounted it.
fn own_sysfs() -> anyhow::Result<()> {
    mount_fs("sysfs", "/sys", "sysfs", "")
}

/// A copy, not a mount on single files: programs replace `/etc/resolv.conf` by renaming, which a mount would forbid.
fn own_etc(name: &str) -> anyhow::Result<()> {
    mount_fs("tmpfs", "/mnt", "tmpfs", "mode=755")?;
    copy_tree(Path::new("/etc"), Path::new("/mnt")).context("cannot copy /etc")?;
    mount(Some("/mnt"), "/etc", None::<&str>, MsFlags::MS_MOVE, None::<&str>).context("cannot move the copy to /etc")?;
    fs::write("/etc/hostname", format!("{name}\n")).context("cannot write /etc/hostname")?;
    fs::write("/etc/machine-id", machine_id(name)).context("cannot write /etc/machine-id")
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A machine id that a host of this name has on every boot: 32 hexadecimal digits.
fn machine_id(name: &str) -> String {
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits:0<32.32}\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_machine_id_has_32_digits() {
        assert_eq!(super::machine_id("h"), "68000000000000000000000000000000\n");
        assert_eq!(super::machine_id(&"h".repeat(40)).trim().len(), 32);
    }
}
