//! What there is to run: tests, and the programs behind `cargo vm demo` and `cargo vm bench`.
//!
//! A suite is a file in `src/suites/` with a `TESTS` table; the host reads names and needs from it, the guest runs it.

use std::time::Duration;

use crate::guest::World;
use crate::suites;

/// The body of a test or program. It promises something about the world, or says what is wrong.
pub type Run = fn(&mut World) -> anyhow::Result<()>;

/// One test of a suite.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// `suite::what_it_proves`.
    pub name: &'static str,
    /// The body, called in the guest with a clean world.
    pub run: Run,
    /// What boot it wants.
    pub needs: Needs,
    /// Whether it wants the library's own tests in the image, at [`crate::protocol::LIBRARY_PATH`].
    pub library: bool,
    /// Whether it wants firewalld and NetworkManager in the image.
    pub companions: bool,
    /// Whether one kernel is enough: it is about programs, and takes long. Such tests are dealt to the kernels in turn.
    pub once: bool,
    /// The guest kills the test after this long.
    pub timeout: Duration,
}

/// What boot a test wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A world of its own in a boot shared with other tests.
    SharedBoot,
    /// A kernel nobody else has touched.
    FreshBoot {
        /// Kernel modules that are not there on this boot, by name, and all that depend on them.
        without_modules: &'static [&'static str],
        /// Whether the guest's time is counted in instructions instead of the machine's own: how long the kernel has been up
        /// then says what was done, not how busy the machine is. One CPU, and slow.
        counted_time: bool,
    },
}

impl Test {
    /// A test that takes at most two minutes in a shared boot.
    #[must_use]
    pub const fn new(name: &'static str, run: Run) -> Test {
        Test { name, run, needs: Needs::SharedBoot, library: false, companions: false, once: false, timeout: Duration::from_secs(120) }
    }

    /// The same test, allowed this many seconds.
    #[must_use]
    pub const fn seconds(self, seconds: u64) -> Test {
        Test { timeout: Duration::from_secs(seconds), ..self }
    }

    /// The same test, with the library's own tests in the image.
    #[must_use]
    pub const fn with_library(self) -> Test {
        Test { library: true, ..self }
    }

    /// The same test, with firewalld and NetworkManager in the image.
    #[must_use]
    pub const fn with_companions(self) -> Test {
        Test { companions: true, ..self }
    }

    /// The same test, on one kernel.
    #[must_use]
    pub const fn once(self) -> Test {
        Test { once: true, ..self }
    }

    /// The same test, in a boot of its own.
    #[must_use]
    pub const fn fresh_boot(self) -> Test {
        self.fresh_boot_without(&[])
    }

    /// The same test, in a boot of its own without these modules.
    #[must_use]
    pub const fn fresh_boot_without(self, without_modules: &'static [&'static str]) -> Test {
        Test { needs: Needs::FreshBoot { without_modules, counted_time: false }, ..self }
    }

    /// The same test, in a boot of its own whose time is counted in instructions.
    #[must_use]
    pub const fn fresh_boot_in_counted_time(self) -> Test {
        Test { needs: Needs::FreshBoot { without_modules: &[], counted_time: true }, ..self }
    }
}

/// What a program is for, and so which command plays it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `cargo vm demo`.
    Demo,
    /// `cargo vm bench`.
    Bench,
}

/// Something to watch or to measure. What it prints on stdout is what the person sees.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// What the person types.
    pub name: &'static str,
    /// Which command plays it.
    pub kind: Kind,
    /// One line for the list.
    pub summary: &'static str,
    /// The body, called in the guest with a clean world.
    pub run: Run,
    /// The guest kills the program after this long.
    pub timeout: Duration,
    /// How much memory the guest has, in MiB.
    pub memory: u32,
    /// The document of the workspace that takes what the program prints, between `<!-- cargo vm bench NAME -->` and `<!-- end -->`.
    pub record: Option<&'static str>,
}

/// How much memory a guest has when nobody asks for more, in MiB.
pub const MEMORY: u32 = 1024;

/// All tests, suite by suite.
#[must_use]
pub fn tests() -> Vec<Test> {
    [
        suites::smoke::TESTS,
        suites::extra::TESTS,
        suites::folders::TESTS,
        suites::initscripts::TESTS,
        suites::library::TESTS,
        suites::demo::TESTS,
        suites::scene::TESTS,
        suites::addresses::TESTS,
        suites::devices::TESTS,
        suites::network_manager::TESTS,
        suites::switching::TESTS,
        suites::bonds::TESTS,
        suites::vlan::TESTS,
        suites::vsctl::TESTS,
        suites::steady::TESTS,
        suites::load::TESTS,
        suites::confirm::TESTS,
        suites::chaos::TESTS,
        suites::many::TESTS,
        suites::refusals::TESTS,
        suites::routes::TESTS,
        suites::dpctl::TESTS,
        suites::dump::TESTS,
        suites::dpctl_ct::TESTS,
        suites::dpctl_files::TESTS,
        suites::watch::TESTS,
        suites::trace::TESTS,
        suites::differ::TESTS,
        suites::tunnel::TESTS,
        suites::underlay::TESTS,
        suites::check::TESTS,
        suites::waits::TESTS,
        suites::lease::TESTS,
        suites::lease6::TESTS,
    ]
    .concat()
}

/// All programs. Each is written in a file of its own in `src/suites/` and listed here when it exists.
#[must_use]
pub fn programs() -> Vec<Program> {
    [&[suites::demo::PROGRAM, suites::differ::PROGRAM], suites::bench::PROGRAMS, &suites::soak::PROGRAMS].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_say_their_suite() {
        let mut seen = HashSet::new();
        for test in super::tests() {
            assert!(seen.insert(test.name), "{} is there twice", test.name);
            assert!(test.name.split_once("::").is_some(), "{} names no suite", test.name);
        }
    }
}
