//! One boot: from a plan to verdicts, bounded in time whatever the guest does.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ovsdp_vm::protocol::{Action, Event, Plan};
use ovsdp_vm::registry;

use super::engine::{Accelerator, Engine, Launch, Machine, Said, Threads};
use super::image::Workshop;
use super::kernel::KernelVersion;
use super::report::Tally;

/// From the engine's start to the guest's first word. Four seconds is usual; the machine may be busy.
const BOOT_TIMEOUT: Duration = Duration::from_secs(120);
/// The guest enforces a test's own limit; the host gives up this much later.
const GRACE: Duration = Duration::from_secs(30);
/// How long a panicking kernel takes to print its state.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much of a dead guest's console is worth reading.
const TAIL: usize = 40;

/// One boot to make.
#[derive(Debug, Clone)]
pub(crate) struct Boot {
    pub(crate) engine: Engine,
    pub(crate) kernel: KernelVersion,
    pub(crate) action: Action,
    pub(crate) without_modules: &'static [&'static str],
    pub(crate) counted_time: bool,
    pub(crate) memory: u32,
    pub(crate) timeout: Duration,
    /// Which of the guests that run this kernel at a time.
    pub(crate) lane: usize,
}

impl Boot {
    /// An ordinary boot.
    pub(crate) fn new(engine: Engine, kernel: KernelVersion, action: Action) -> Boot {
        Boot { engine, kernel, action, without_modules: &[], counted_time: false, memory: registry::MEMORY, timeout: BOOT_TIMEOUT, lane: 0 }
    }

    /// A test's name for its verdict: the kernels take turns on the screen.
    fn title(&self, name: &str) -> String {
        format!("{} {name}", self.kernel.number())
    }
}

/// How often a kernel that died before the guest's first process gets another boot: see [`Threads::EachCpu`]. Nothing of
/// ours has run by then.
const BOOTS: u32 = 3;

/// Boots and judges. A guest that dies or hangs fails the test it was at, and the tests after that get another boot;
/// one that does not even boot, [`BOOTS`] times, fails them all. Returns the lines a program printed.
pub(crate) fn boot(workshop: &Workshop, mut boot: Boot, tally: &mut Tally) -> anyhow::Result<Vec<String>> {
    let accelerator = match boot.engine {
        Engine::Qemu => workshop.accelerator()?,
        Engine::Uml => Accelerator::Tcg,
    };
    let mut stillborn = 0;
    loop {
        let session = Session::start(workshop, &boot, accelerator)?;
        let mut progress = Progress::new(&boot.action);
        let Err(reason) = session.listen(&boot, &mut progress, tally) else { return Ok(progress.said) };
        if !progress.booted {
            stillborn += 1;
            if stillborn < BOOTS {
                println!("  {} {reason:#}: once more", boot.kernel.number());
                continue;
            }
        }
        let Some(name) = progress.owed.pop_front() else { return Err(reason) };
        tally.failed(&boot.title(&name), None, &format!("{reason:#}\n{}", session.console_tail()));
        if !progress.booted {
            for name in progress.owed {
                tally.failed(&boot.title(&name), None, "not run: the guest does not boot");
            }
            return Ok(progress.said);
        }
        if progress.owed.is_empty() {
            return Ok(progress.said);
        }
        boot.action = Action::Tests(progress.owed.into());
    }
}

/// How far a boot has come.
#[derive(Debug)]
struct Progress {
    booted: bool,
    /// Tests without a verdict, or the program.
    owed: VecDeque<String>,
    /// What the program printed.
    said: Vec<String>,
}

impl Progress {
    fn new(action: &Action) -> Progress {
        let owed = match action {
            Action::Tests(names) => names.iter().cloned().collect(),
            Action::Program(name) => VecDeque::from([name.clone()]),
            Action::Shell => VecDeque::new(),
        };
        Progress { booted: false, owed, said: Vec::new() }
    }
}

/// Whether a boot with this accelerator reaches its end.
pub(crate) fn proves(workshop: &Workshop, boot: &Boot, accelerator: Accelerator) -> anyhow::Result<bool> {
    let session = Session::start(workshop, boot, accelerator)?;
    Ok(session.listen(boot, &mut Progress::new(&boot.action), &mut Tally::default()).is_ok())
}

/// A running guest and its folder, gone together.
struct Session {
    machine: Machine,
    console: PathBuf,
    folder: PathBuf,
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Session {
    fn start(workshop: &Workshop, boot: &Boot, accelerator: Accelerator) -> anyhow::Result<Session> {
        let plan = Plan {
            console: boot.engine.console().to_owned(),
            results: boot.engine.results().to_owned(),
            without_modules: boot.without_modules.iter().map(|name| (*name).to_owned()).collect(),
            action: boot.action.clone(),
        };
        sweep(&workshop.paths.cache);
        let folder = workshop.paths.cache.join(format!("run-{}-{}-{}", std::process::id(), boot.kernel.number(), boot.lane));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let initramfs = folder.join("initramfs.cpio");
        workshop.image(boot.engine, boot.kernel, &plan, &initramfs)?;
        let console = workshop.paths.cache.join(format!("console-{}-{}-{}.log", boot.engine.name(), boot.kernel.number(), boot.lane));
        let kernel = workshop.kernel(boot.engine, boot.kernel)?;
        let interactive = matches!(boot.action, Action::Shell);
        // A verdict must not hang on the emulator's luck; what is measured or watched may use all there is.
        let threads = if matches!(boot.action, Action::Tests(_)) { Threads::One } else { Threads::EachCpu };
        let (memory, counted_time) = (boot.memory, boot.counted_time);
        let launch = Launch { kernel: &kernel, initramfs: &initramfs, counted_time, threads, memory, folder: &folder, interactive };
        let machine = match boot.engine {
            Engine::Qemu => Machine::qemu(&launch, accelerator, &console)?,
            Engine::Uml => Machine::uml(&launch, &console)?,
        };
        Ok(Session { machine, console, folder })
    }

    /// Takes in what the guest says until it is done.
    fn listen(&self, boot: &Boot, progress: &mut Progress, tally: &mut Tally) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut awaited = ("boot".to_owned(), Some(start + boot.timeout));
        let mut noise = Vec::new();
        loop {
            let said = match awaited.1 {
                Some(deadline) => self.machine.events.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self.machine.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let event = match said {
                Ok(Said::Event(event)) => event,
                Ok(Said::Noise(line)) => {
                    noise.push(line);
                    continue;
                }
                Ok(Said::Panic) => {
                    // The rest of the panic is worth having.
                    std::thread::sleep(LAST_WORDS);
                    bail!("the guest's kernel panicked before it could {}", awaited.0);
                }
                Err(RecvTimeoutError::Timeout) => bail!("the guest did not {} within {} s", awaited.0, start.elapsed().as_secs()),
                Err(RecvTimeoutError::Disconnected) => bail!("the guest died waiting to {}\n{}", awaited.0, noise.join("\n")),
            };
            match event {
                Event::Booted { release, uptime_ms } => {
                    progress.booted = true;
                    if !matches!(boot.action, Action::Program(_)) {
                        println!("  booted {release} in {:.1} s ({:.1} s of its own)", start.elapsed().as_secs_f64(), seconds(uptime_ms));
                    }
                    // A person may sit in a shell for as long as they like.
                    let deadline = (!matches!(boot.action, Action::Shell)).then(|| Instant::now() + GRACE);
                    awaited = ("go on".to_owned(), deadline);
                }
                Event::Started { name } => awaited = (format!("finish {name}"), Some(Instant::now() + limit(&name) + GRACE)),
                Event::Text { line } => {
                    println!("{line}");
                    progress.said.push(line);
                }
                Event::Finished { name, passed, millis, log } => {
                    progress.owed.retain(|other| *other != name);
                    match (&boot.action, passed) {
                        (Action::Program(_), true) => {}
                        (_, true) => tally.passed(&boot.title(&name), seconds(millis)),
                        (_, false) => tally.failed(&boot.title(&name), Some(seconds(millis)), &log),
                    }
                    awaited = ("go on".to_owned(), Some(Instant::now() + GRACE));
                }
                Event::Done => return Ok(()),
            }
        }
    }

    /// The end of what the guest's console showed: a panic, often.
    fn console_tail(&self) -> String {
        let text = fs::read(&self.console).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let panic = lines.iter().position(|line| line.contains("Kernel panic") || line.contains("BUG:"));
        let from = panic.map_or(lines.len().saturating_sub(TAIL), |at| at.saturating_sub(5));
        let end = lines.len().min(from + TAIL);
        format!("the console ({}) ends:\n{}", relative(&self.console), lines[from..end].join("\n"))
    }
}

/// Removes the folders of runs that were killed.
fn sweep(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("run-")?.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn limit(name: &str) -> Duration {
    let test = registry::tests().into_iter().find(|test| test.name == name).map(|test| test.timeout);
    let program = registry::programs().into_iter().find(|program| program.name == name).map(|program| program.timeout);
    test.or(program).unwrap_or(Duration::from_secs(60))
}

fn seconds(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64()
}
