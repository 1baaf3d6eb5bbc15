//! Where things are. Every path the product touches stands here.

use std::path::{Path, PathBuf};

/// The folder of ifcfg files when neither `--dir` nor `$OVSDP_DIR` says otherwise.
pub const DIR: &str = "/etc/sysconfig/network-scripts";
/// The environment variable that names the folder of ifcfg files.
pub const DIR_VARIABLE: &str = "OVSDP_DIR";
/// The agent's run directory when `$OVSDP_RUN` does not say otherwise.
const RUN: &str = "/run/ovsdp";
/// The environment variable that names the run directory, for several network namespaces on one machine.
const RUN_VARIABLE: &str = "OVSDP_RUN";
/// The control socket, below the run directory.
const SOCKET: &str = "io.ovsdp";
/// Our file of NetworkManager's configuration: the last of its folder, whose words count after those of all others.
pub const NM_DROP_IN: &str = "/etc/NetworkManager/conf.d/zz-ovsdp.conf";
/// The resolver's configuration.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Where udev's generator wrote rules for network devices' names.
pub const PERSISTENT_RULES: &str = "/etc/udev/rules.d/70-persistent-net.rules";
/// Where .link files are (systemd.link(5)), the folder whose files count most first.
pub const LINK_DIRS: [&str; 4] = ["/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network"];

/// Where iproute2 keeps names for the kernel's numbers, the folder whose files count most last.
pub const IPROUTE_DIRS: [&str; 3] = ["/usr/lib/iproute2", "/usr/share/iproute2", "/etc/iproute2"];

/// The agent's run directory and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    dir: PathBuf,
}

impl Run {
    /// The run directory of this process's environment.
    pub fn from_env() -> Self {
        Self { dir: std::env::var_os(RUN_VARIABLE).filter(|dir| !dir.is_empty()).map_or_else(|| RUN.into(), PathBuf::from) }
    }

    /// A run directory at `dir`.
    pub const fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join(SOCKET)
    }

    /// Locked by the one agent of this run directory while it lives.
    pub fn lock(&self) -> PathBuf {
        self.dir.join("agent.lock")
    }

    /// What an agent that no service manager started has to say.
    pub fn log(&self) -> PathBuf {
        self.dir.join("agent.log")
    }

    /// What the agent remembers: its bridges, what their ports had before, leases. Readable by everyone, for `show`.
    pub fn memory(&self) -> PathBuf {
        self.dir.join("memory.json")
    }

    /// The steps of an unfinished change whose undo is owed.
    pub fn journal(&self) -> PathBuf {
        self.dir.join("journal.json")
    }

    /// What bonds and LACP last were.
    pub fn bonds(&self) -> PathBuf {
        self.dir.join("bonds.json")
    }

    /// The MAC tables as they last were.
    pub fn fdb(&self) -> PathBuf {
        self.dir.join("fdb.json")
    }
}

/// The folder of ifcfg files: `given` on the command line, else the environment's, else the usual one.
pub fn config_dir(given: Option<PathBuf>) -> PathBuf {
    given.or_else(|| std::env::var_os(DIR_VARIABLE).filter(|dir| !dir.is_empty()).map(PathBuf::from)).unwrap_or_else(|| DIR.into())
}
