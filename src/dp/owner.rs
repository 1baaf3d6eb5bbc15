//! Whether another program holds the datapath. The kernel does not say: but whoever answers upcalls has told it socket
//! port ids, and `/proc/net/netlink` lists the sockets of a network namespace. An Open vSwitch daemon that has not
//! reached that point yet is known by its pid file or control socket.

use core::fmt;
use std::path::Path;

use super::{Datapath, Vport};

/// Generic netlink's number in `/proc/net/netlink`.
const NETLINK_GENERIC: u32 = 16;
/// Where Open vSwitch keeps its pid files and sockets. `/var/run` leads to `/run` on most systems.
const RUN_DIRS: [&str; 2] = ["/var/run/openvswitch", "/run/openvswitch"];
/// The daemon that would fight over the datapath.
const VSWITCHD: &str = "ovs-vswitchd";

/// A process, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Its name, at most 15 bytes (`/proc/PID/comm`).
    pub name: String,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// Who answers a datapath's upcalls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Nobody: it has no sockets, or those it has are closed.
    Nobody,
    /// The caller.
    Us,
    /// Somebody else, with a socket of this port id that is open now.
    Other {
        /// The socket's port id.
        portid: u32,
        /// Whose it is; `None` when that cannot be seen (another user's, or in another process namespace).
        process: Option<Process>,
    },
}

/// Who answers the upcalls of `datapath` and its `vports` (needed where upcalls are dispatched per vport); `ours` are the
/// port ids of the caller's own sockets. Looks at the calling thread's network namespace.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn owner(datapath: &Datapath, vports: &[Vport], ours: &[u32]) -> std::io::Result<Owner> {
    let told = datapath.per_cpu_pids.iter().chain(vports.iter().flat_map(|vport| &vport.upcall_pids)).copied();
    // Not /proc/net: that is the namespace of the process's first thread.
    let sockets = std::fs::read_to_string("/proc/thread-self/net/netlink")?;
    let (owner, inode) = decide(told, ours, &sockets);
    Ok(match (owner, inode) {
        (Owner::Other { portid, .. }, Some(inode)) => Owner::Other { portid, process: holder(Path::new("/proc"), inode) },
        (owner, _) => owner,
    })
}

/// Decides between the port ids the kernel was `told`, the caller's own, and the table of open sockets; also the inode of
/// the other one's socket.
fn decide(told: impl Iterator<Item = u32>, ours: &[u32], sockets: &str) -> (Owner, Option<u64>) {
    let mut owner = Owner::Nobody;
    for portid in told.filter(|portid| *portid != 0) {
        if ours.contains(&portid) {
            owner = Owner::Us;
        } else if let Some(inode) = sockets.lines().find_map(|line| socket(line, portid)) {
            return (Owner::Other { portid, process: None }, Some(inode));
        }
    }
    (owner, None)
}

/// The inode of the generic-netlink socket with this port id, if `line` is about it. Columns: address, protocol, port id,
/// groups, receive and send memory, dump, locks, drops, inode.
fn socket(line: &str, portid: u32) -> Option<u64> {
    let mut columns = line.split_ascii_whitespace().skip(1);
    let protocol: u32 = columns.next()?.parse().ok()?;
    let id: u32 = columns.next()?.parse().ok()?;
    let inode = columns.nth(6)?.parse().ok()?;
    (protocol == NETLINK_GENERIC && id == portid).then_some(inode)
}

/// The process that has the socket with this inode open. `proc` is `/proc`.
fn holder(proc: &Path, inode: u64) -> Option<Process> {
    let wanted = format!("socket:[{inode}]");
    let holds = |fds: std::fs::ReadDir| fds.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()));
    std::fs::read_dir(proc).ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        holds(std::fs::read_dir(entry.path().join("fd")).ok()?).then(|| process(proc, pid))?
    })
}

fn process(proc: &Path, pid: u32) -> Option<Process> {
    let comm = std::fs::read(proc.join(pid.to_string()).join("comm")).ok()?;
    Some(Process { pid, name: String::from_utf8_lossy(&comm).trim_end().to_owned() })
}

/// The Open vSwitch daemon that runs in the calling thread's network namespace, known by its pid file or control socket;
/// `None` when there is none. One whose namespace cannot be seen (it is another user's) is taken to be in this one.
pub fn vswitchd() -> Option<Process> {
    RUN_DIRS.iter().find_map(|run| find_vswitchd(Path::new(run), Path::new("/proc")))
}

fn find_vswitchd(run: &Path, proc: &Path) -> Option<Process> {
    let from_file = std::fs::read_to_string(run.join(format!("{VSWITCHD}.pid"))).ok().and_then(|text| text.trim().parse::<u32>().ok());
    // ovs-vswitchd.PID.ctl
    let of_socket = |name: &str| name.strip_prefix(VSWITCHD)?.strip_prefix('.')?.strip_suffix(".ctl")?.parse::<u32>().ok();
    let from_sockets = std::fs::read_dir(run).into_iter().flatten().flatten().filter_map(|entry| of_socket(entry.file_name().to_str()?));
    // Both outlive a daemon that was killed, and the number may have been given to another process since.
    let namespace = |of: &str| std::fs::read_link(proc.join(of).join("ns/net")).ok();
    let here = namespace("thread-self").or_else(|| namespace("self"));
    from_file.into_iter().chain(from_sockets).find_map(|pid| {
        let process = process(proc, pid).filter(|process| process.name == VSWITCHD)?;
        let elsewhere = matches!((namespace(&pid.to_string()), &here), (Some(theirs), Some(here)) if theirs != *here);
        (!elsewhere).then_some(process)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    // cat /proc/net/netlink, Linux 6.12
    const SOCKETS: &str = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n\
        00000000a1b2c3d4 0   4011       00000000 0        0        0     2        0        9001    \n\
        00000000a1b2c3d5 16  4011       00000000 0        0        0     2        0        9002    \n\
        00000000a1b2c3d6 16  2147483999 00000002 0        0        0     2        3        9003    \n";

    #[test]
    fn only_an_open_socket_that_is_not_ours_makes_another_owner() {
        let who = |told: &[u32], ours: &[u32]| decide(told.iter().copied(), ours, SOCKETS);
        assert_eq!(who(&[], &[]), (Owner::Nobody, None));
        assert_eq!(who(&[0, 0], &[]), (Owner::Nobody, None));
        assert_eq!(who(&[77, 77], &[]), (Owner::Nobody, None));
        assert_eq!(who(&[4011, 4011], &[4011]), (Owner::Us, None));
        assert_eq!(who(&[4011], &[]), (Owner::Other { portid: 4011, process: None }, Some(9002)));
        assert_eq!(who(&[4011, 2_147_483_999], &[4011]), (Owner::Other { portid: 2_147_483_999, process: None }, Some(9003)));
    }

    #[test]
    fn an_open_socket_of_this_process_is_found_and_named() {
        let receiver = crate::nl::Receiver::open().unwrap();
        let sockets = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
        let (owner, inode) = decide([receiver.portid()].into_iter(), &[], &sockets);
        assert!(matches!(owner, Owner::Other { .. }));
        let process = holder(Path::new("/proc"), inode.unwrap()).unwrap();
        assert_eq!(process.pid, std::process::id());
        drop(receiver);
    }

    #[test]
    fn a_daemon_counts_only_while_it_runs_in_this_namespace() {
        let root = tempfile::tempdir().unwrap();
        let (run, proc) = (root.path().join("run"), root.path().join("proc"));
        fs::create_dir_all(&run).unwrap();
        let add = |pid: &str, name: &str, namespace: &str| {
            fs::create_dir_all(proc.join(pid).join("ns")).unwrap();
            fs::write(proc.join(pid).join("comm"), format!("{name}\n")).unwrap();
            symlink(namespace, proc.join(pid).join("ns/net")).unwrap();
        };
        add("self", "ovsdp", "net:[1]");
        assert_eq!(find_vswitchd(&run, &proc), None);
        fs::write(run.join("ovs-vswitchd.pid"), "300\n").unwrap();
        assert_eq!(find_vswitchd(&run, &proc), None, "a pid file that was left behind");
        add("300", "sleep", "net:[1]");
        assert_eq!(find_vswitchd(&run, &proc), None, "the number went to another process");
        fs::write(run.join("ovs-vswitchd.301.ctl"), "").unwrap();
        add("301", "ovs-vswitchd", "net:[2]");
        assert_eq!(find_vswitchd(&run, &proc), None, "in another namespace");
        fs::write(run.join("ovs-vswitchd.302.ctl"), "").unwrap();
        add("302", "ovs-vswitchd", "net:[1]");
        assert_eq!(find_vswitchd(&run, &proc), Some(Process { pid: 302, name: "ovs-vswitchd".into() }));
    }
}
