//! QEMU's command line.

use std::process::Command;

use super::{Launch, Threads};

/// What a hardened kernel does that no suite looks at and emulation pays dearly for; a quarter of the time to PID 1. Programs at
/// addresses of chance (norandmaps) would have to be translated anew each time they are started. A processor that had to wait for one of the
/// machine's is no broken clock (tsc=reliable): the kernel would read the time of a device from then on, which is slow.
const FAST: &str = "mitigations=off init_on_alloc=0 nokaslr norandmaps cryptomgr.notests lsm= audit=0 tsc=reliable";

/// QEMU 7.2's emulation of cmpxchg16b is not atomic between two CPUs on two threads.
const EMULATED: &str = "Nehalem,cx16=off";

/// What QEMU computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// The processor itself.
    Kvm,
    /// Emulation.
    Tcg,
}

impl Accelerator {
    /// For a heading.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Accelerator::Kvm => "QEMU with KVM",
            Accelerator::Tcg => "QEMU",
        }
    }
}

impl Threads {
    fn accel(self) -> &'static str {
        match self {
            Threads::One => "tcg,thread=single",
            Threads::EachCpu => "tcg,thread=multi",
        }
    }
}

pub(super) fn command(launch: &Launch<'_>, accelerator: Accelerator) -> Command {
    // Whatever ends us, a signal nobody can catch included, ends QEMU.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot"]);
    command.args(["-machine", "pc", "-m", &launch.memory.to_string(), "-display", "none"]);
    match (launch.counted_time, accelerator) {
        // A nanosecond an instruction, and none while nobody computes: only emulation, on one CPU, can do it.
        (true, _) => command.args(["-smp", "1", "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-cpu", EMULATED]),
        (false, Accelerator::Kvm) => command.args(["-smp", "2", "-accel", "kvm", "-cpu", "host"]),
        (false, Accelerator::Tcg) => command.args(["-smp", "2", "-accel", launch.threads.accel(), "-cpu", EMULATED]),
    };
    // The console is ours to break (a shell's Ctrl-C belongs to the guest); events leave through stderr.
    let signal = if launch.interactive { "signal=off" } else { "signal=on" };
    command.args(["-chardev", &format!("stdio,id=console,{signal}"), "-serial", "chardev:console"]);
    command.args(["-chardev", "file,id=results,path=/dev/stderr", "-serial", "chardev:results"]);
    // Entropy at once: without it some programs wait for the kernel to collect it.
    command.args(["-device", "virtio-rng-pci"]);
    command.arg("-kernel").arg(&launch.kernel.image).arg("-initrd").arg(launch.initramfs);
    command.arg("-append").arg(format!("console=ttyS0 panic=-1 oops=panic loglevel=4 {FAST}"));
    command
}
