//! Other DHCP clients: a client that still runs on a port would put the address back on it. They are found by what `/proc`
//! says of processes in this network namespace.
//!
//! They are paused (SIGSTOP) and resumed (SIGCONT), never killed, because that is the one thing that can be undone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use ovsdp_proto::IfName;

/// Programs that take an interface's name as an argument and lease an address for it.
const PROGRAMS: [&str; 3] = ["dhclient", "udhcpc", "dhcpcd"];
/// As much of a command line as is read, in bytes: those of DHCP clients are far shorter.
const MAX_LINE: u64 = 1 << 16;
/// The flag of the kernel's own threads (`PF_KTHREAD`), as `/proc/PID/stat` has it (proc(5), field 9).
const KERNEL_THREAD: u32 = 0x0020_0000;

/// A DHCP client of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot (proc(5), field 22): tells it from a later process of the same id.
    pub start_time: u64,
    /// The program's name.
    pub program: String,
    /// The interface it works on.
    pub ifname: IfName,
    /// Whether it is stopped.
    pub paused: bool,
}

/// The DHCP clients in this process's network namespace that work on one of `ifnames`. What cannot be read (a process
/// that ended meanwhile) is passed over.
pub fn find(ifnames: &[IfName]) -> Vec<Client> {
    let Ok(own) = fs::read_link("/proc/self/ns/net") else { return Vec::new() };
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let kernel = kernel_threads();
    let mut line = Vec::with_capacity(4096);
    let mut clients: Vec<_> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| !kernel.contains(pid))
        .filter_map(|pid| {
            let root = format!("/proc/{pid}");
            let root = Path::new(&root);
            read(&root.join("cmdline"), &mut line).ok()?;
            let (program, ifname) = recognise(&line, ifnames)?;
            if fs::read_link(root.join("ns/net")).ok()? != own {
                return None;
            }
            let (paused, start_time) = state(&fs::read_to_string(root.join("stat")).ok()?)?;
            Some(Client { pid, start_time, program, ifname, paused })
        })
        .collect();
    clients.sort_by_key(|client| client.pid);
    clients
}

/// The kernel's own threads, which are most of what `/proc` lists and run no program: the children of its second process, with the helpers
/// it starts (modprobe), which are no DHCP clients. None where that process is another's (in a container), or where the kernel does not list
/// children (`CONFIG_PROC_CHILDREN`).
fn kernel_threads() -> BTreeSet<u32> {
    if !fs::read_to_string("/proc/2/stat").is_ok_and(|stat| is_kernels(&stat)) {
        return BTreeSet::new();
    }
    let children = fs::read_to_string("/proc/2/task/2/children").unwrap_or_default();
    children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The start of a file of `/proc` into `buffer`: such a file has no size to be asked for before.
fn read(path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    File::open(path)?.take(MAX_LINE).read_to_end(buffer).map(|_| ())
}

/// Whether the process that `client` was found as is still there.
pub fn is_there(pid: u32, start_time: u64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| state(&stat)).is_some_and(|(_, start)| start == start_time)
}

/// The program and interface of a command line whose arguments end in NUL each.
fn recognise(cmdline: &[u8], ifnames: &[IfName]) -> Option<(String, IfName)> {
    let mut arguments = cmdline.split(|byte| *byte == 0).filter_map(|argument| std::str::from_utf8(argument).ok());
    let mut program = Path::new(arguments.next()?).file_name()?.to_str()?.to_owned();
    let arguments: Vec<_> = arguments.collect();
    // `busybox udhcpc -i eth0` is the same program by another name.
    if program == "busybox" {
        program = (*arguments.first()?).to_owned();
    }
    if !PROGRAMS.contains(&program.as_str()) {
        return None;
    }
    let ifname = arguments.iter().find_map(|argument| {
        let name = argument.strip_prefix("--interface=").or_else(|| argument.strip_prefix("-i")).unwrap_or(argument);
        ifnames.iter().find(|ifname| ifname.as_str() == name || ifname.as_str() == *argument)
    })?;
    Some((program, *ifname))
}

/// The fields of `/proc/PID/stat` (proc(5)) from the third on, the state.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    // The second field is the program's name in brackets and may hold anything, brackets and blanks included.
    stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace()
}

/// Whether `/proc/PID/stat` is about one of the kernel's own threads.
fn is_kernels(stat: &str) -> bool {
    // Field 9 of all; the first of these is field 3.
    fields(stat).nth(6).and_then(|flags| flags.parse::<u32>().ok()).is_some_and(|flags| flags & KERNEL_THREAD != 0)
}

/// Whether a process is stopped, and when it started, from the text of `/proc/PID/stat`.
fn state(stat: &str) -> Option<(bool, u64)> {
    let mut fields = fields(stat);
    let state = fields.next()?;
    // Field 22 of all; the state just taken was field 3.
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((matches!(state, "T" | "t"), start_time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<IfName> {
        vec![IfName::new("eth0").unwrap(), IfName::new("eth1").unwrap()]
    }

    #[test]
    fn command_lines_as_they_are_found() {
        let found = |line: &str| recognise(line.replace(' ', "\0").as_bytes(), &names()).map(|(program, name)| format!("{program} {name}"));
        assert_eq!(found("/sbin/dhclient -1 -q -pf /run/dhclient-eth1.pid eth1 "), Some("dhclient eth1".into()));
        assert_eq!(found("udhcpc -i eth0 -q "), Some("udhcpc eth0".into()));
        assert_eq!(found("udhcpc -ieth0 "), Some("udhcpc eth0".into()));
        assert_eq!(found("busybox udhcpc --interface=eth0 "), Some("udhcpc eth0".into()));
        assert_eq!(found("dhclient eth10 "), None);
        assert_eq!(found("vi dhclient eth0 "), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn the_stat_of_a_process_with_a_hostile_name() {
        let stat = "7 (a) T 1) T 1 7 7 0 -1 4194304 95 0 0 0 0 0 0 0 20 0 1 0 4242 2289664 170";
        assert_eq!(state(stat), Some((true, 4242)));
        assert_eq!(state("7 (x) S"), None);
    }

    #[test]
    fn the_kernels_own_threads_are_known_and_run_no_program() {
        assert!(is_kernels("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0"));
        assert!(!is_kernels("2 (kthreadd) S 1 2 2 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0"));
        assert!(!is_kernels("2 (x) S"));
        let threads = kernel_threads();
        assert!(!threads.contains(&std::process::id()));
        let mut line = Vec::new();
        let programs =
            threads.iter().filter(|pid| read(&Path::new("/proc").join(pid.to_string()).join("cmdline"), &mut line).is_ok() && !line.is_empty());
        // A helper may run just now.
        assert!(programs.count() <= threads.len() / 10, "{threads:?}");
    }

    #[test]
    fn this_process_is_there_and_no_client() {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let (paused, start) = state(&stat).unwrap();
        assert!(!paused);
        assert!(is_there(std::process::id(), start));
        assert!(!is_there(std::process::id(), start + 1));
        assert_eq!(find(&names()), []);
    }
}
