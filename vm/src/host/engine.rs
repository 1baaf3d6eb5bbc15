//! What runs a kernel: QEMU or user-mode Linux, started so that they end with us.

mod qemu;
mod uml;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::Context;
use clap::ValueEnum;
use ovsdp_vm::protocol::Event;

use super::kernel::Kernel;

pub(crate) use qemu::Accelerator;

/// What runs the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// A whole machine with two CPUs.
    Qemu,
    /// Linux as a process: one CPU, kernel 6.1, no emulation.
    Uml,
}

impl Engine {
    /// As a person types it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Qemu => "qemu",
            Engine::Uml => "uml",
        }
    }

    /// The guest's terminal.
    pub(crate) fn console(self) -> &'static str {
        match self {
            Engine::Qemu => "/dev/ttyS0",
            Engine::Uml => "/dev/tty0",
        }
    }

    /// The guest's line for events.
    pub(crate) fn results(self) -> &'static str {
        match self {
            Engine::Qemu => "/dev/ttyS1",
            Engine::Uml => "/dev/ttyS0",
        }
    }
}

/// What the guest's two CPUs are emulated on. Where nothing is emulated it makes no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One thread, the CPUs in turn: the kernel may rewrite its own code safely.
    One,
    /// A thread each: faster, but now and then a CPU runs into an instruction that the other is just rewriting (`int3` in the
    /// kernel's own code), and the kernel dies.
    EachCpu,
}

/// What to run.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) initramfs: &'a Path,
    /// Whether the guest's time is counted in instructions. User-mode Linux cannot.
    pub(crate) counted_time: bool,
    /// What its CPUs are emulated on.
    pub(crate) threads: Threads,
    /// In MiB.
    pub(crate) memory: u32,
    /// Where an engine may leave files.
    pub(crate) folder: &'a Path,
    /// Whether a person sits at the console.
    pub(crate) interactive: bool,
}

/// A running guest. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Machine {
    child: Child,
    /// What the guest says. Disconnected when the guest is gone.
    pub(crate) events: Receiver<Said>,
}

/// A line from the guest or its engine.
#[derive(Debug)]
pub(crate) enum Said {
    /// The guest reports.
    Event(Event),
    /// The engine complains.
    Noise(String),
    /// The console shows a kernel panic: nothing will follow, whether or not the engine ends.
    Panic,
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Machine {
    /// Starts QEMU.
    pub(crate) fn qemu(launch: &Launch<'_>, accelerator: Accelerator, console: &Path) -> anyhow::Result<Machine> {
        Machine::start(qemu::command(launch, accelerator), launch.interactive, console)
    }

    /// Starts user-mode Linux.
    pub(crate) fn uml(launch: &Launch<'_>, console: &Path) -> anyhow::Result<Machine> {
        uml::check_processor()?;
        Machine::start(uml::command(launch), launch.interactive, console)
    }

    /// The console goes to the person or into a file, events come from the engine's stderr.
    fn start(mut command: Command, interactive: bool, console: &Path) -> anyhow::Result<Machine> {
        command.stderr(Stdio::piped());
        if interactive {
            command.stdin(Stdio::inherit()).stdout(Stdio::inherit());
        } else {
            command.stdin(Stdio::null()).stdout(Stdio::piped());
        }
        let file = File::create(console).with_context(|| format!("cannot write {}", console.display()))?;
        let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let (sender, events) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            let sender = sender.clone();
            thread::spawn(move || keep(stdout, file, &sender));
        }
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || listen(stderr, &sender));
        }
        Ok(Machine { child, events })
    }
}

/// Copies the console into a file as it comes, and gives the alarm at a panic.
fn keep(console: impl Read, mut file: File, sender: &Sender<Said>) {
    each_line(console, |line| {
        let kept = file.write_all(line).is_ok();
        let panic = String::from_utf8_lossy(line).contains("Kernel panic - not syncing");
        kept && (!panic || sender.send(Said::Panic).is_ok())
    });
}

/// Sorts events from complaints.
fn listen(results: impl Read, sender: &Sender<Said>) {
    each_line(results, |line| {
        let line = String::from_utf8_lossy(line);
        sender.send(Event::from_line(&line).map_or_else(|| Said::Noise(line.trim_end().to_owned()), Said::Event)).is_ok()
    });
}

/// Calls `act` with every line until it returns false.
fn each_line(source: impl Read, mut act: impl FnMut(&[u8]) -> bool) {
    let mut lines = BufReader::new(source);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(length) if length > 0) && act(&line) {
        line.clear();
    }
}
