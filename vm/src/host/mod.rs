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

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, anyhow, bail, ensure};
use ovsdp_vm::protocol::Action;
use ovsdp_vm::registry::{self, Kind, Needs, Program, Test};

use boot::{Boot, boot};
pub(crate) use engine::Engine;
pub(crate) use kernel::KernelVersion;
use kernel::KernelVersion::{V6_1, V6_12};
use report::Tally;

/// How many guests of one kernel run the suites at a time. Two cores are then busy without being short.
const LANES: usize = 2;
/// As many tests are worth a boot of their own, which takes as long as the shortest of them.
const WORTH_A_BOOT: usize = 4;

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
    // Linking the guest's program keeps one core busy for as long as the rest keeps the other.
    let built = thread::scope(|scope| {
        let build = scope.spawn(|| build::guest(&paths));
        stages::run(&paths, tally)?;
        build.join().map_err(|_| anyhow!("the thread that built the guest's binaries panicked"))?
    });
    if tally.failed == 0 {
        built?;
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
    // No program is a test that passes.
    Ok(tally.failed == 0)
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
    // The kernels side by side, and guests of each: one computes on one thread, and waits more than it computes.
    let boots_of = |kernel: &KernelVersion| boots(&on(*kernel, &kernels, &tests), options.engine, *kernel);
    let queues: Vec<Mutex<VecDeque<Boot>>> = kernels.iter().map(|kernel| Mutex::new(boots_of(kernel).into())).collect();
    let workshop = &workshop;
    let sums = thread::scope(|scope| {
        let lanes = queues.iter().flat_map(|queue| (0..LANES).map(move |lane| (queue, lane)));
        let runs: Vec<_> = lanes.map(|(queue, lane)| scope.spawn(move || in_turn(workshop, queue, lane))).collect();
        runs.into_iter().map(|run| run.join().map_err(|_| anyhow!("the thread that ran a kernel's suites panicked"))).collect::<Vec<_>>()
    });
    for sum in sums {
        *tally += sum??;
    }
    Ok(())
}

/// Takes boots out of the queue until there is none.
fn in_turn(workshop: &image::Workshop, queue: &Mutex<VecDeque<Boot>>, lane: usize) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    while let Some(next) = next() {
        boot(workshop, Boot { lane, ..next }, &mut tally)?;
    }
    Ok(tally)
}

/// The tests that run on one of `kernels`. Those for which one is enough are dealt in turn.
fn on(kernel: KernelVersion, kernels: &[KernelVersion], tests: &[Test]) -> Vec<Test> {
    let mut turns = kernels.iter().cycle();
    tests.iter().filter(|test| !test.once || turns.next() == Some(&kernel)).copied().collect()
}

/// A boot for each lane with its share of the tests that can share one, then one for each test that cannot.
fn boots(tests: &[Test], engine: Engine, kernel: KernelVersion) -> Vec<Boot> {
    let tests_of = |names: Vec<&Test>| Action::Tests(names.iter().map(|test| test.name.to_owned()).collect());
    let shared: Vec<&Test> = tests.iter().filter(|test| test.needs == Needs::SharedBoot).collect();
    let lanes = (shared.len() / WORTH_A_BOOT).clamp(1, LANES);
    // Dealt in turn: a suite that takes long is everybody's.
    let shares = (0..lanes).map(|lane| shared.iter().copied().skip(lane).step_by(lanes).collect::<Vec<_>>());
    let mut boots: Vec<Boot> = shares.filter(|share| !share.is_empty()).map(|share| Boot::new(engine, kernel, tests_of(share))).collect();
    for test in tests {
        if let Needs::FreshBoot { without_modules, counted_time } = test.needs {
            boots.push(Boot { without_modules, counted_time, ..Boot::new(engine, kernel, tests_of(vec![test])) });
        }
    }
    boots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(boots: &[Boot]) -> Vec<Vec<String>> {
        boots.iter().filter_map(|boot| if let Action::Tests(names) = &boot.action { Some(names.clone()) } else { None }).collect()
    }

    #[test]
    fn every_test_has_one_boot_and_only_those_that_can_share_it() {
        let tests = registry::tests();
        let shares = names(&boots(&tests, Engine::Qemu, V6_12));
        let mut all = shares.concat();
        all.sort_unstable();
        let mut wanted: Vec<String> = tests.iter().map(|test| test.name.to_owned()).collect();
        wanted.sort_unstable();
        assert_eq!(all, wanted);
        let alone = |name: &String| tests.iter().any(|test| test.name == *name && test.needs != Needs::SharedBoot);
        assert!(shares.iter().all(|share| share.len() == 1 || !share.iter().any(alone)));
        assert_eq!(shares.iter().filter(|share| share.len() > 1).count(), LANES);
    }

    #[test]
    fn what_needs_one_kernel_runs_on_one_and_all_else_on_each() {
        let tests = registry::tests();
        let kernels = [V6_1, V6_12];
        let of = |kernel, kernels: &[KernelVersion]| on(kernel, kernels, &tests).iter().map(|test| test.name).collect::<Vec<_>>();
        let runs: Vec<&str> = kernels.iter().flat_map(|kernel| of(*kernel, &kernels)).collect();
        for test in &tests {
            assert_eq!(runs.iter().filter(|name| **name == test.name).count(), if test.once { 1 } else { 2 }, "{}", test.name);
        }
        assert!(of(V6_1, &kernels).len().abs_diff(of(V6_12, &kernels).len()) <= 1);
        assert_eq!(of(V6_1, &[V6_1]).len(), tests.len());
    }

    #[test]
    fn a_few_tests_are_not_worth_a_second_boot() {
        let tests: Vec<Test> = registry::tests().into_iter().filter(|test| test.needs == Needs::SharedBoot).take(WORTH_A_BOOT).collect();
        assert_eq!(names(&boots(&tests, Engine::Qemu, V6_1)).len(), 1);
    }
}
