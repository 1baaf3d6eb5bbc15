//! Arguments become one call, its answer text or JSON, its failure an exit code.
//!
//! A command here reads files and the kernel and asks the agent; it changes nothing itself, and nothing may import it.

mod appctl;
mod args;
mod change;
mod check;
mod dpctl;
mod dump;
mod fdb;
mod flow;
mod flows;
mod generate;
mod hooks;
mod ifcfg;
mod launch;
mod metrics;
mod output;
mod plan;
mod progress;
mod reading;
mod scripts;
mod show;
mod stats;
mod status;
mod table;
mod top;
mod trace;
mod vsctl;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use args::{Change, Command, Dispatch};
use scripts::Script;

use crate::error::{Error, Kind};
use crate::host::paths::Run;

/// How the agent is to run, from its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentArgs {
    /// Detach from the terminal.
    pub background: bool,
    /// Use a socket a vport whatever the kernel can do.
    pub per_vport: bool,
    /// Take the place of the agent that is running.
    pub replace: bool,
}

/// Runs the process's command line. `agent` is the call behind `ovsdp agent`, handed in because nothing here knows it.
pub fn main(agent: impl FnOnce(AgentArgs) -> Result<(), Error>) -> ExitCode {
    let command = match args::parse(std::env::args_os().collect()) {
        Ok(command) => command,
        Err(error) => {
            // Help and version are printed to standard output and are no failure; clap knows which is which.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Kind::Usage.exit_code() } else { 0 });
        }
    };
    match run(command, agent) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ovsdp: {error}");
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn run(command: Command, agent: impl FnOnce(AgentArgs) -> Result<(), Error>) -> Result<ExitCode, Error> {
    let run = Run::from_env();
    let done = match command {
        Command::Change(Change::Up { names, dry_run: true, common, .. }) | Command::Plan { names, common } => plan::run(&run, &names, common),
        Command::Change(Change::Up { names, dry_run: false, bring, common }) => change::up(&run, names, &bring, common),
        Command::Change(Change::Restart { bring, common }) => change::restart(&run, &bring, common),
        Command::Change(Change::Down { names, hooks, with_foreign_ports, common }) => change::down(&run, names, hooks, with_foreign_ports, common),
        Command::Change(Change::Confirm { json }) => change::confirm(&run, json),
        Command::Change(Change::Rollback { json }) => change::rollback(&run, json),
        Command::Show { json } => show::run(&run, json),
        Command::Status { name, json } => status::run(&run, name.as_deref(), json),
        Command::Fdb(args) => fdb::run(&run, args),
        Command::Trace(args) => trace::run(&run, &args),
        Command::Flows(args) => flows::run(&run, &args),
        Command::Stats(args) => stats::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Metrics(args) => metrics::run(&run, &args),
        Command::Check(args) => return check::run(args),
        Command::Dpctl { args } => return Ok(dpctl::main("ovsdp dpctl", &args)),
        Command::Vsctl { args } => return Ok(vsctl::main("ovsdp vsctl", &args)),
        Command::Appctl { words, json } => appctl::run(&run, &words, json),
        Command::Flow { command } => flow::run(command),
        Command::Ifcfg { command } => ifcfg::run(command),
        Command::Generate(args) => generate::run(&args),
        Command::Agent { background, dispatch, replace } => agent(AgentArgs { background, per_vport: dispatch == Dispatch::PerVport, replace }),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Runs the command whose words are another program's: the one that this is called as, through a link named `ovs-dpctl`,
/// `ovs-vsctl`, `ovs-appctl`, `ifup-ovs` or `ifdown-ovs`, or `ovsdp dpctl` or `ovsdp vsctl`. `None` when the words are our own.
pub fn as_another(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let called = args.next()?;
    let called = Path::new(&called);
    let text = |args: &mut dyn Iterator<Item = OsString>| args.map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let name = match called.file_name()?.to_str()? {
        "ovs-dpctl" => "ovs-dpctl",
        "ovs-appctl" => return Some(appctl::main(&text(&mut args))),
        "ovs-vsctl" => return Some(vsctl::main("ovs-vsctl", &text(&mut args))),
        link if let Some(script) = Script::called(link) => return Some(scripts::main(script, called, &text(&mut args))),
        _ => match args.next()?.to_str()? {
            "dpctl" => "ovsdp dpctl",
            "vsctl" => return Some(vsctl::main("ovsdp vsctl", &text(&mut args))),
            _ => return None,
        },
    };
    Some(dpctl::main(name, &text(&mut args)))
}
