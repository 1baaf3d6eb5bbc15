//! initscripts' hooks: programs of the host's owner that are run before and after an interface is brought up or taken down.
//! Only with `--hooks`.
//!
//! It must not take a hook's failure for one of the change: initscripts never did, and the change is done by then.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use ovsdp_proto::IfName;

use crate::error::Error;
use crate::host::config;
use crate::model::{Bridge, Intent};
use crate::plan::{self, Memory};

/// How long one hook may take; then it is killed, and the children it kept in its process group with it.
const LIMIT: Duration = Duration::from_secs(30);
/// Where initscripts look for them.
const DIR: &str = "/sbin";

/// Which way an interface goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Brought up.
    Up,
    /// Taken down.
    Down,
}

/// The hooks of one command.
#[derive(Debug)]
pub(super) struct Hooks {
    way: Way,
    /// Where hooks are.
    hooks: PathBuf,
    /// The folder of ifcfg files, in which they run.
    folder: PathBuf,
    devices: Vec<Device>,
    limit: Duration,
}

/// An interface the command is about, and its file's name.
#[derive(Debug, PartialEq, Eq)]
struct Device {
    name: IfName,
    file: String,
}

impl Hooks {
    /// The hooks of bringing up what `names` stand for in the files of `folder`: ports before their bridge, as they are
    /// brought up.
    ///
    /// # Errors
    /// The files cannot be read, or do not know a name.
    pub(super) fn up(folder: &Path, names: &[String], memory: &Memory) -> Result<Self, Error> {
        let config = config::read(folder)?;
        let given = config.names(names)?;
        let devices = brought_up(&config.intent, &given, memory)?.into_iter().map(|name| Device { name, file: config.file_of(name) });
        Ok(Self { devices: devices.collect(), ..Self::none(Way::Up, folder) })
    }

    /// The hooks of taking down the bridges and ports `names`, which are up: the ports of a bridge before it.
    pub(super) fn down(folder: &Path, names: &[IfName], memory: &Memory) -> Self {
        let mut devices = Vec::new();
        for name in names {
            let ports = memory.bridges.get(name).into_iter().flat_map(|bridge| bridge.intent.interfaces().skip(1));
            devices.extend(ports.map(|port| port.name).chain([*name]).map(|name| Device { name, file: format!("ifcfg-{name}") }));
        }
        Self { devices, ..Self::none(Way::Down, folder) }
    }

    fn none(way: Way, folder: &Path) -> Self {
        Self { way, hooks: PathBuf::from(DIR), folder: folder.to_owned(), devices: Vec::new(), limit: LIMIT }
    }

    /// Runs `ifup-pre-local FILE` or `ifdown-pre-local DEVICE` for each interface.
    pub(super) fn before(&self) {
        match self.way {
            Way::Up => self.each("ifup-pre-local", |device| &device.file),
            Way::Down => self.each("ifdown-pre-local", |device| &device.name),
        }
    }

    /// Runs `ifup-local DEVICE` or `ifdown-local DEVICE` for each interface.
    pub(super) fn after(&self) {
        let hook = if self.way == Way::Up { "ifup-local" } else { "ifdown-local" };
        self.each(hook, |device| &device.name);
    }

    fn each(&self, hook: &str, argument: impl Fn(&Device) -> &str) {
        let program = self.hooks.join(hook);
        // initscripts test -x.
        if !program.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0) {
            return;
        }
        for device in &self.devices {
            let argument = argument(device);
            let told = match self.run(&program, argument) {
                Ok(Some(status)) if status.success() => continue,
                Ok(Some(status)) => match (status.code(), status.signal()) {
                    (Some(code), _) => format!("it ended with exit code {code}"),
                    (None, signal) => format!("signal {} ended it", signal.unwrap_or_default()),
                },
                Ok(None) => format!("it took longer than {} s and was killed", self.limit.as_secs()),
                Err(error) => error.to_string(),
            };
            eprintln!("ovsdp: the hook `{} {argument}` failed: {told}", program.display());
        }
    }

    /// How the hook ended; `None` when it was killed for taking too long.
    fn run(&self, program: &Path, argument: &str) -> io::Result<Option<ExitStatus>> {
        // Standard output may be JSON that somebody reads.
        let output = || io::stderr().as_fd().try_clone_to_owned().map(Stdio::from);
        let mut command = Command::new(program);
        command.arg(argument).current_dir(&self.folder).stdin(Stdio::null()).stdout(output()?).stderr(output()?).process_group(0);
        let mut child = command.spawn()?;
        let group = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait()));
        match receiver.recv_timeout(self.limit) {
            Ok(status) => status.map(Some),
            Err(_) => {
                killpg(group, Signal::SIGKILL)?;
                receiver.recv().map_err(io::Error::other)??;
                Ok(None)
            }
        }
    }
}

/// The interfaces that bringing up `names` is about.
fn brought_up(intent: &Intent, names: &[IfName], memory: &Memory) -> Result<Vec<IfName>, Error> {
    let bridges = plan::brought_up(intent, names, memory)?;
    let ports_first = |bridge: &Bridge| bridge.interfaces().skip(1).map(|port| port.name).chain([bridge.name()]).collect::<Vec<_>>();
    Ok(bridges.iter().flat_map(ports_first).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::{Addressing, Dhcp, Interface, Kind, Port};

    fn name(text: &str) -> IfName {
        IfName::new(text).unwrap()
    }

    fn hooks(dir: &Path, way: Way, devices: &[&str]) -> Hooks {
        let devices = devices.iter().map(|text| Device { name: name(text), file: format!("ifcfg-{text}") }).collect();
        Hooks { way, hooks: dir.to_owned(), folder: dir.to_owned(), devices, limit: Duration::from_secs(20) }
    }

    fn hook(dir: &Path, name: &str, script: &str) {
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn each_interface_with_initscripts_argument_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        for hook_name in ["ifup-pre-local", "ifup-local", "ifdown-pre-local", "ifdown-local"] {
            hook(dir.path(), hook_name, &format!("echo {hook_name} $* >>said"));
        }
        for way in [Way::Up, Way::Down] {
            let hooks = hooks(dir.path(), way, &["eth0", "br0"]);
            hooks.before();
            hooks.after();
        }
        let said = fs::read_to_string(dir.path().join("said")).unwrap();
        let up = "ifup-pre-local ifcfg-eth0\nifup-pre-local ifcfg-br0\nifup-local eth0\nifup-local br0\n";
        let down = "ifdown-pre-local eth0\nifdown-pre-local br0\nifdown-local eth0\nifdown-local br0\n";
        assert_eq!(said, format!("{up}{down}"));
    }

    #[test]
    fn one_that_never_ends_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        // The child holds the pipe open for as long as it lives.
        hook(dir.path(), "ifup-local", "mkfifo pipe; (exec 3<>pipe; echo >&3; read never <pipe; read never <pipe)");
        let hooks = Hooks { limit: Duration::from_millis(200), ..hooks(dir.path(), Way::Up, &["br0"]) };
        assert_eq!(hooks.run(&dir.path().join("ifup-local"), "br0").unwrap(), None);
        let own = dir.path().to_str().unwrap();
        let is_alive = |process: &Path| {
            fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.to_str() == Some(own))
                && fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
        };
        // The kernel ends the hook's child a moment after the hook.
        let begin = std::time::Instant::now();
        while fs::read_dir("/proc").unwrap().flatten().any(|entry| is_alive(&entry.path())) {
            assert!(begin.elapsed() < Duration::from_secs(20), "a child lives on");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_cannot_be_run_is_no_hook() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ifup-local"), "#!/bin/sh\ntouch ran\n").unwrap();
        hooks(dir.path(), Way::Up, &["br0"]).after();
        assert!(!dir.path().join("ran").exists());
    }

    #[test]
    fn ports_come_before_their_bridge() {
        let mut bridge = Bridge::new(name("br0"));
        bridge.ports.insert(name("eth0"), Port::new(Interface::new(name("eth0"), Kind::System)));
        bridge.ports.insert(name("eth1"), Port { onboot: false, ..Port::new(Interface::new(name("eth1"), Kind::System)) });
        let intent = Intent { bridges: [(name("br0"), bridge)].into(), ..Intent::default() };
        let up = |intent: &Intent, names: &[IfName]| brought_up(intent, names, &Memory::default()).unwrap();
        assert_eq!(up(&intent, &[]), [name("eth0"), name("br0")]);
        assert_eq!(up(&intent, &[name("eth1")]), [name("eth0"), name("eth1"), name("br0")]);
        // The lease comes through it: the plan attaches it, so its hooks are run.
        let mut leased = intent.clone();
        let through = vec![name("eth1")];
        leased.bridges.get_mut(&name("br0")).unwrap().local.addressing = Addressing::Dhcp(Dhcp { through, ..Dhcp::default() });
        assert_eq!(up(&leased, &[]), [name("eth0"), name("eth1"), name("br0")]);
    }
}
