//! `cargo vm`: virtual machines for ovsdp's suites, its demo and its benches.
//!
//! This is what a person starts. It may install QEMU and dnsmasq with apt and writes below `target/vm/`; it touches nothing else of
//! the machine it runs on.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use host::{Engine, KernelVersion, Options};

mod host;

#[derive(Debug, Parser)]
#[command(name = "cargo vm", bin_name = "cargo vm", about = "Boots Linux kernels and runs ovsdp's suites in them")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installs QEMU if it is missing, and fetches kernels and tools into target/vm
    Setup,
    /// Runs the suites and prints a verdict for each test
    Test {
        /// Only tests whose name contains one of these
        filter: Vec<String>,
        #[command(flatten)]
        machine: Machine,
        /// Prints the names instead
        #[arg(long)]
        list: bool,
        /// Formatting, lints, unit and doc tests first, then every suite, on both kernels where they may differ
        #[arg(long, conflicts_with_all = ["filter", "list", "kernel", "engine"])]
        all: bool,
    },
    /// Opens a shell in a guest
    Shell {
        #[command(flatten)]
        machine: Machine,
    },
    /// Plays the demonstration
    Demo {
        #[command(flatten)]
        machine: Machine,
    },
    /// Runs one bench, or all of them, each in a boot of its own
    Bench {
        /// Which one
        name: Option<String>,
        #[command(flatten)]
        machine: Machine,
    },
}

#[derive(Debug, Args)]
struct Machine {
    /// Which kernel; for tests: both when not given, elsewhere: 6.12
    #[arg(long, value_enum)]
    kernel: Option<KernelVersion>,
    /// What runs it: QEMU (with KVM where that works), or user-mode Linux, which has one CPU and kernel 6.1 only
    #[arg(long, value_enum, default_value_t = Engine::Qemu)]
    engine: Engine,
}

impl From<Machine> for Options {
    fn from(machine: Machine) -> Options {
        Options { kernel: machine.kernel, engine: machine.engine }
    }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup => host::setup(),
        Command::Test { list: true, filter, .. } => host::list(&filter),
        Command::Test { all: true, .. } => host::test_all(),
        Command::Test { filter, machine, .. } => host::test(&filter, machine.into()),
        Command::Shell { machine } => host::shell(machine.into()),
        Command::Demo { machine } => host::demo(machine.into()),
        Command::Bench { name, machine } => host::bench(name.as_deref(), machine.into()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo vm: {error:#}");
            ExitCode::FAILURE
        }
    }
}
