//! The host's side: what each command of `cargo vm` does, top to bottom.
//!
//! `setup` fetches, `image` packs, `engine` runs, `boot` listens, `report` judges. Every entry point returns whether
//! all went well; an error is something that kept it from finding out.

mod apt;
mod boot;
mod build;
mod engine;
mod image;
mod kernel;
mod kvm;
mod modules;
mod paths;
mod record;
mod report;
mod setup;
mod shell_out;
mod stages;
mod sysroot;

use std::thread;

use anyhow::{Context, anyhow, bail, ensure};
use ovsdp_vm::protocol::Action;
use ovsdp_vm::registry::{self, Kind, Needs, Program, Test};

use boot::{Boot, boot};
pub(crate) use engine::Engine;
pub(crate) use kernel::KernelVersion;
use kernel::KernelVersion::{V6_1, V6_12};
use report::Tally;

/// Which machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) kernel: Option<KernelVersion>,
    pub(crate) engine: Engine,
}

impl Options {
    /// The kernels the suites run on.
    fn kernels(self) -> anyhow::Result<Vec<KernelVersion>> {
        match (self.engine, self.kernel) {
            (Engine::Uml, Some(V6_12)) => bail!("Debian has user-mode Linux of kernel 6.1 only: leave out --kernel or --engine"),
            (Engine::Uml, _) => Ok(vec![V6_1]),
            (Engine::Qemu, Some(kernel)) => Ok(vec![kernel]),
            (Engine::Qemu, None) => Ok(vec![V6_1, V6_12]),
        }
    }

    /// The kernel where one is enough: the newest.
    fn one_kernel(self) -> anyhow::Result<KernelVersion> {
        self.kernels()?.pop().context("no kernel")
    }
}

/// `cargo vm setup`.
pub(crate) fn setup() -> anyhow::Result<bool> {
    setup::ensure(&paths::Paths::find()?)?;
    Ok(true)
}

/// `cargo vm test --list`.
pub(crate) fn list(filter: &[String]) -> anyhow::Result<bool> {
    for test in select(filter) {
        println!("{}", test.name);
    }
    Ok(true)
}

/// `cargo vm test`.
pub(crate) fn test(filter: &[String], options: Options) -> anyhow::Result<bool> {
    let mut tally = Tally::default();
    suites(filter, options, &mut tally)?;
    tally.print();
    Ok(tally.is_good())
}

/// `cargo vm test --all`.
pub(crate) fn test_all() -> anyhow::Result<bool> {
    let mut tally = Tally::default();
    // Whatever keeps it from going on counts as a failure: the last line is the sum, always.
    if let Err(error) = everything(&mut tally) {
        eprintln!("cargo vm: {error:#}");
        tally.failed += 1;
    }
    tally.print();
    Ok(tally.is_good())
}

fn everything(tally: &mut Tally) -> anyhow::Result<()> {
    let paths = paths::Paths::find()?;
    setup::ensure(&paths)?;
    stages::run(&paths, tally)?;
    if tally.failed == 0 {
        suites(&[], Options { kernel: None, engine: Engine::Qemu }, tally)?;
    }
    Ok(())
}

/// `cargo vm shell`.
pub(crate) fn shell(options: Options) -> anyhow::Result<bool> {
    let workshop = image::Workshop::open()?;
    let mut tally = Tally::default();
    boot(&workshop, Boot::new(options.engine, options.one_kernel()?, Action::Shell), &mut tally)?;
    Ok(true)
}

/// `cargo vm demo`.
pub(crate) fn demo(options: Options) -> anyhow::Result<bool> {
    play(Kind::Demo, None, options)
}

/// `cargo vm bench`.
pub(crate) fn bench(name: Option<&str>, options: Options) -> anyhow::Result<bool> {
    play(Kind::Bench, name, options)
}

fn play(kind: Kind, name: Option<&str>, options: Options) -> anyhow::Result<bool> {
    let all: Vec<Program> = registry::programs().into_iter().filter(|program| program.kind == kind).collect();
    let chosen: Vec<&Program> = all.iter().filter(|program| name.is_none_or(|name| name == program.name)).collect();
    if chosen.is_empty() {
        let names: Vec<String> = all.iter().map(|program| format!("\n  {}: {}", program.name, program.summary)).collect();
        bail!("nothing to play{}; there is:{}", name.map(|name| format!(" called {name}")).unwrap_or_default(), or_nothing(&names.concat()));
    }
    let workshop = image::Workshop::open()?;
    let mut tally = Tally::default();
    for program in chosen {
        let action = Action::Program(program.name.to_owned());
        let failed = tally.failed;
        let boots = Boot { memory: program.memory, ..Boot::new(options.engine, options.one_kernel()?, action) };
        let said = boot(&workshop, boots, &mut tally)?;
        if let Some(document) = program.record.filter(|_| tally.failed == failed) {
            record::write(&workshop.paths.workspace.join(document), &format!("cargo vm bench {}", program.name), &said)?;
        }
    }
    Ok(tally.is_good())
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { " nothing yet" } else { text }
}

/// The tests a filter chooses; all when there is none.
fn select(filter: &[String]) -> Vec<Test> {
    registry::tests().into_iter().filter(|test| filter.is_empty() || filter.iter().any(|part| test.name.contains(part.as_str()))).collect()
}

fn suites(filter: &[String], options: Options, tally: &mut Tally) -> anyhow::Result<()> {
    let tests = select(filter);
    ensure!(!tests.is_empty(), "no test's name contains {}: `cargo vm test --list` prints them", filter.join(" or "));
    let workshop = image::Workshop::open()?;
    let kernels = options.kernels()?;
    let labels: Vec<String> = kernels.iter().map(|kernel| kernel.label()).collect();
    println!("\n{} under {}", labels.join(" and "), workshop.engine_label(options.engine)?);
    // The kernels side by side: each guest computes on one thread.
    let (workshop, tests) = (&workshop, &tests);
    let sums = thread::scope(|scope| {
        let runs: Vec<_> = kernels.iter().map(|kernel| scope.spawn(move || on_kernel(workshop, tests, options.engine, *kernel))).collect();
        runs.into_iter().map(|run| run.join().map_err(|_| anyhow!("the thread that ran a kernel's suites panicked"))).collect::<Vec<_>>()
    });
    for sum in sums {
        *tally += sum??;
    }
    Ok(())
}

/// Every suite on one kernel, boot after boot.
fn on_kernel(workshop: &image::Workshop, tests: &[Test], engine: Engine, kernel: KernelVersion) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for boots in boots(tests, engine, kernel) {
        boot(workshop, boots, &mut tally)?;
    }
    Ok(tally)
}

/// One boot for all tests that can share it, then one for each that cannot.
fn boots(tests: &[Test], engine: Engine, kernel: KernelVersion) -> Vec<Boot> {
    let tests_of = |names: Vec<&Test>| Action::Tests(names.iter().map(|test| test.name.to_owned()).collect());
    let shared: Vec<&Test> = tests.iter().filter(|test| test.needs == Needs::SharedBoot).collect();
    let mut boots = Vec::new();
    if !shared.is_empty() {
        boots.push(Boot::new(engine, kernel, tests_of(shared)));
    }
    for test in tests {
        if let Needs::FreshBoot { without_modules, counted_time } = test.needs {
            boots.push(Boot { without_modules, counted_time, ..Boot::new(engine, kernel, tests_of(vec![test])) });
        }
    }
    boots
}
