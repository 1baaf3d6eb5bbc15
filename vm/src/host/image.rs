//! The initramfs: Debian's programs with their libraries, kernel modules, a minimal `/etc`, our two static binaries.
//!
//! It is two cpio archives, one behind the other, which the kernel unpacks in turn: the base, made once for each kernel,
//! and the part of this boot. Neither is compressed: QEMU hands over 60 MB faster than the guest could unpack less.

mod archive;
mod companions;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use ovsdp_vm::protocol::{Action, GUEST_PATH, LIBRARY_PATH, PLAN_PATH, Plan};
use ovsdp_vm::registry::{self, Test};

use archive::Archive;
pub(crate) use companions::compile;

use super::build;
use super::engine::{Accelerator, Engine};
use super::kernel::{Kernel, KernelVersion};
use super::paths::Paths;
use super::shell_out::output;
use super::sysroot::Sysroot;
use super::{kvm, modules, setup};

/// Debian's programs in the guest, under their own names in `/usr/bin`; `/bin`, `/sbin` and `/usr/sbin` are the same folder.
const PROGRAMS: &[&str] = &[
    "arping",
    "bash",
    "bridge",
    "busybox",
    "dash",
    "dbus-daemon",
    "dhclient",
    "dhclient-script",
    "dmesg",
    "dnsmasq",
    "ethtool",
    "genl",
    "ip",
    "kmod",
    "nc.openbsd",
    "nsenter",
    "nstat",
    "ovs-appctl",
    "ovs-dpctl",
    "ovs-ofctl",
    "ovs-vsctl",
    "ovs-vswitchd",
    "ovsdb-client",
    "ovsdb-server",
    "ovsdb-tool",
    "ping",
    "setpriv",
    "setsid",
    "ss",
    "systemd-resolved",
    "taskset",
    "tc",
    "tcpdump",
    "unshare",
];

/// Further names of theirs.
const LINKS: &[(&str, &str)] = &[
    ("depmod", "kmod"),
    ("insmod", "kmod"),
    ("lsmod", "kmod"),
    ("modinfo", "kmod"),
    ("modprobe", "kmod"),
    ("nc", "nc.openbsd"),
    ("rmmod", "kmod"),
    ("sh", "dash"),
];

const ETC: &[(&str, &str)] = &[
    ("fstab", ""),
    ("group", "root:x:0:\nuser:x:1000:\nsystemd-resolve:x:991:\nnogroup:x:65534:\n"),
    ("hostname", "guest\n"),
    ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("machine-id", "00000000000000000000000000000001\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    (
        "passwd",
        "root:x:0:0::/root:/bin/bash\nuser:x:1000:1000::/:/bin/sh\nsystemd-resolve:x:991:991::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n",
    ),
    ("profile", "PS1='\\h (guest) \\w# '\n"),
    ("resolv.conf", ""),
];

const FOLDERS: &[&str] = &[
    "dev",
    "etc/sysconfig/network-scripts",
    "mnt",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr/bin",
    "usr/lib",
    "usr/share",
    "var/lib",
    "var/log",
    "vm",
];

/// Everything a boot is made from, ready.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) paths: Paths,
    sysroot: Sysroot,
    guest: PathBuf,
    ovsdp: PathBuf,
    /// Held while an image is made: what images are made from is made then, too.
    making: Mutex<()>,
}

impl Workshop {
    /// Fetches what is missing and builds what has changed.
    pub(crate) fn open() -> anyhow::Result<Workshop> {
        let paths = Paths::find()?;
        setup::ensure(&paths)?;
        let binaries = build::guest(&paths)?;
        let sysroot = Sysroot::new(paths.cache.join("sysroot"));
        Ok(Workshop { sysroot, guest: binaries.join("ovsdp-vm-guest"), ovsdp: binaries.join("ovsdp"), making: Mutex::new(()), paths })
    }

    /// The kernel an engine runs.
    pub(crate) fn kernel(&self, engine: Engine, version: KernelVersion) -> anyhow::Result<Kernel> {
        Kernel::find(&self.paths.cache, engine, version)
    }

    /// What QEMU computes with: KVM if a boot has proven it here.
    pub(crate) fn accelerator(&self) -> anyhow::Result<Accelerator> {
        kvm::accelerator(self)
    }

    /// For a heading.
    pub(crate) fn engine_label(&self, engine: Engine) -> anyhow::Result<&'static str> {
        Ok(match engine {
            Engine::Uml => "user-mode Linux",
            Engine::Qemu => self.accelerator()?.label(),
        })
    }

    /// Writes the initramfs of one boot to `target`.
    pub(crate) fn image(&self, engine: Engine, version: KernelVersion, plan: &Plan, target: &Path) -> anyhow::Result<()> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let base = self.base(engine, version)?;
        fs::copy(&base, target).with_context(|| format!("cannot copy {}", base.display()))?;
        let mut part = Archive::default();
        part.file("usr/bin/ovsdp", 0o755, &self.ovsdp);
        part.file(GUEST_PATH.trim_start_matches('/'), 0o755, &self.guest);
        part.link("init", GUEST_PATH);
        if wants(&plan.action, |test| test.library) {
            self.library(&mut part)?;
        }
        if wants(&plan.action, |test| test.companions) {
            companions::add(&self.sysroot, &mut part)?;
        }
        part.text(PLAN_PATH.trim_start_matches('/'), 0o644, &serde_json::to_string(plan).context("cannot write the plan")?);
        write(&part, File::options().append(true).open(target))
    }

    /// The library's tests, and what they load beyond the base.
    fn library(&self, part: &mut Archive) -> anyhow::Result<()> {
        let tests = build::library(&self.paths)?;
        part.file(LIBRARY_PATH.trim_start_matches('/'), 0o755, &tests);
        for library in self.sysroot.libraries(&tests)? {
            part.file(&format!("usr/lib/{}", name(&library)?), 0o755, &library);
        }
        Ok(())
    }

    /// The base archive, made when what it is made from has changed.
    fn base(&self, engine: Engine, version: KernelVersion) -> anyhow::Result<PathBuf> {
        let folder = folder(&self.paths);
        let base = folder.join(format!("{}-{}.cpio", engine.name(), version.number()));
        let mark = base.with_extension("key");
        let recipe = [include_str!("image.rs"), include_str!("modules.rs"), include_str!("image/archive.rs")].concat();
        let key = recipe + &fs::read_to_string(self.paths.cache.join("setup.stamp")).context("cannot read the setup's stamp")?;
        if base.exists() && fs::read_to_string(&mark).is_ok_and(|old| old == key) {
            return Ok(base);
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let stage = folder.join(format!("stage-{}", std::process::id()));
        let unfinished = folder.join(format!("unfinished-{}", std::process::id()));
        let kernel = self.kernel(engine, version)?;
        if stage.exists() {
            fs::remove_dir_all(&stage).with_context(|| format!("cannot remove {}", stage.display()))?;
        }
        // depmod looks below lib, the guest's /lib is a link to usr/lib.
        fs::create_dir_all(stage.join("usr/lib")).with_context(|| format!("cannot make {}", stage.display()))?;
        std::os::unix::fs::symlink("usr/lib", stage.join("lib")).context("cannot link lib")?;
        modules::install(&self.sysroot, &kernel, &stage)?;
        let mut archive = base_archive(&self.sysroot)?;
        archive.tree("usr/lib/modules", &stage.join("usr/lib/modules"))?;
        write(&archive, File::create(&unfinished))?;
        fs::remove_dir_all(&stage).context("cannot remove the stage")?;
        fs::rename(&unfinished, &base).with_context(|| format!("cannot name {}", base.display()))?;
        fs::write(&mark, key).with_context(|| format!("cannot write {}", mark.display()))?;
        Ok(base)
    }
}

/// Forgets every base archive.
pub(crate) fn forget(paths: &Paths) -> anyhow::Result<()> {
    let folder = folder(paths);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

fn folder(paths: &Paths) -> PathBuf {
    paths.cache.join("images")
}

fn wants(action: &Action, what: fn(&Test) -> bool) -> bool {
    let Action::Tests(names) = action else { return false };
    registry::tests().iter().any(|test| what(test) && names.iter().any(|name| name == test.name))
}

fn name(file: &Path) -> anyhow::Result<String> {
    Ok(file.file_name().context("a library without a name")?.to_string_lossy().into_owned())
}

fn write(archive: &Archive, file: std::io::Result<File>) -> anyhow::Result<()> {
    let mut writer = BufWriter::new(file.context("cannot open the image")?);
    archive.write(&mut writer)?;
    writer.flush().context("cannot write the image")
}

/// Everything but kernel modules and our own binaries.
fn base_archive(sysroot: &Sysroot) -> anyhow::Result<Archive> {
    let mut archive = Archive::default();
    for folder in FOLDERS {
        archive.folder(folder);
    }
    for (name, target) in [("bin", "usr/bin"), ("sbin", "usr/bin"), ("usr/sbin", "bin"), ("lib", "usr/lib"), ("lib64", "usr/lib")] {
        archive.link(name, target);
    }
    archive.link("var/run", "/run");
    for (name, text) in ETC {
        archive.text(&format!("etc/{name}"), 0o644, text);
    }
    archive.file("etc/dhcp/dhclient.conf", 0o644, &sysroot.file("etc/dhcp/dhclient.conf"));
    archive.file("usr/share/openvswitch/vswitch.ovsschema", 0o644, &sysroot.file("usr/share/openvswitch/vswitch.ovsschema"));

    let mut libraries = BTreeSet::new();
    for name in PROGRAMS {
        let program = sysroot.program(name)?;
        libraries.extend(sysroot.libraries(&program)?);
        archive.file(&format!("usr/bin/{name}"), 0o755, &program);
    }
    for library in libraries {
        // The guest's libraries lie in one folder; the loader finds /lib and /usr/lib by itself.
        archive.file(&format!("usr/lib/{}", name(&library)?), 0o755, &library);
    }
    for (name, target) in LINKS {
        archive.link(&format!("usr/bin/{name}"), target);
    }
    // busybox stands in for the rest of a Unix, never for a program that is here itself.
    for applet in output(Command::new(sysroot.program("busybox")?).arg("--list"))?.lines() {
        archive.link_if_free(&format!("usr/bin/{applet}"), "busybox");
    }
    Ok(archive)
}
