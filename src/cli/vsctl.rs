//! `ovsdp vsctl`, and the program itself when it is called `ovs-vsctl`: bridges and ports in the words of Open vSwitch's own program.
//!
//! A line that only looks is answered from what the agent wrote down and the kernel has. One that changes something is the agent's, and is
//! tried here before one is started for nothing. Words, output and exit codes are those of `ovs-vsctl` 3.1: 0, 1 for any failure, 2 when
//! `br-exists` finds none.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use ovsdp_proto::IfName;

use super::show::memory;
use super::{change, launch, output};
use crate::ctl::api::Stage;
use crate::ctl::service::{Change, Terms};
use crate::dp::{self, Dp};
use crate::error::Error;
use crate::host::paths::Run;
use crate::host::rows;
use crate::model::Bridge;
use crate::plan::Memory;
use crate::rtnl::Rtnl;
use crate::vsctl::{self, Database, Kind, Line, Outcome, Verbosity};

/// The exit code of `br-exists` for a bridge that is not there.
const NO_BRIDGE: u8 = 2;

/// How long to wait before trying again what was not to be had.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a line was not carried out.
enum Failure {
    /// The line itself.
    Line(vsctl::Error),
    /// The agent cannot be reached.
    Reach(Error),
    /// What it asked for.
    Rest(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Rest(error)
    }
}

impl From<vsctl::Error> for Failure {
    fn from(error: vsctl::Error) -> Self {
        Self::Line(error)
    }
}

/// Runs a command line; `program` is what complaints begin with.
pub(super) fn main(program: &str, args: &[String]) -> ExitCode {
    match args.first().map(String::as_str) {
        Some("--help" | "-h") => return output::said(program, &help(program)),
        Some("--version" | "-V") => return output::said(program, concat!("ovs-vsctl (ovsdp) ", env!("CARGO_PKG_VERSION"), "\n")),
        _ => {}
    }
    match run(program, args) {
        Ok(text) => output::said(program, &text),
        Err(Failure::Line(error)) if error.kind == Kind::No => ExitCode::from(NO_BRIDGE),
        Err(Failure::Line(error)) => {
            eprintln!("{program}: {}", rows::error(error));
            ExitCode::FAILURE
        }
        Err(Failure::Reach(error) | Failure::Rest(error)) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(program: &str, args: &[String]) -> Result<String, Failure> {
    let line = vsctl::line(&vsctl::words(args))?;
    let timeout = line.globals.timeout.filter(|seconds| *seconds > 0);
    if let Some(seconds) = timeout {
        // The signal's own action ends the process, as it ends ovs-vsctl. What the agent has begun by then it finishes or undoes.
        nix::unistd::alarm::set(seconds);
    }
    let run = Run::from_env();
    loop {
        match attempt(program, &run, args, &line) {
            Err(Failure::Line(error)) if error.kind == Kind::NotYet && timeout.is_some() => {}
            Err(Failure::Reach(_)) if line.globals.retry => {}
            end => return end,
        }
        thread::sleep(PAUSE);
    }
}

fn attempt(program: &str, run: &Run, args: &[String], line: &Line) -> Result<String, Failure> {
    let looks = line.globals.dry_run || !line.commands.iter().any(vsctl::Command::changes);
    if looks {
        return here(program, run, line);
    }
    // What is waited for is waited for here: the agent has others to serve.
    if waits(line) {
        database(run)?.transact(&line.commands)?;
    }
    let mut client = match launch::running(run).map_err(Failure::Reach)? {
        Some(client) => client,
        None => {
            let before = database(run)?;
            let outcome = before.transact(&line.commands)?;
            let after = outcome.database.intent().map_err(|misfit| outcome.blame(misfit))?;
            let same = before.rows_of_none() == outcome.database.rows_of_none() && before.intent().is_ok_and(|before| before == after);
            // Whoever writes what is remembered already wants a switch that does it.
            if outcome.writes.is_empty() && same {
                return Ok(said(program, line, &outcome));
            }
            launch::agent(run, None).map_err(Failure::Reach)?
        }
    };
    let terms = Terms { who: Some(change::who()), ..Terms::default() };
    let mut printed = String::new();
    let verbosity = line.globals.verbosity;
    let done = client.change(&Change::Vsctl(args.to_vec()), &terms, "", |progress| {
        let text = &progress.text;
        match progress.stage {
            Stage::Printed => printed.push_str(text),
            Stage::Warning | Stage::Note if verbosity != Verbosity::Quiet => eprintln!("{program}: {text}"),
            Stage::Ok if verbosity == Verbosity::Steps => eprintln!("{program}: {text}: done"),
            Stage::Failed if verbosity == Verbosity::Steps => eprintln!("{program}: {text}: failed"),
            Stage::Undone if verbosity == Verbosity::Steps => eprintln!("{program}: {text}: undone"),
            _ => {}
        }
    });
    if let Err(error) = done {
        // What held before its turn came may hold no more.
        if waits(line) {
            database(run)?.transact(&line.commands)?;
        }
        return Err(error.into());
    }
    Ok(printed)
}

/// Whether it may have to be tried again until something is so.
fn waits(line: &Line) -> bool {
    line.commands.iter().any(|command| command.verb() == "wait-until")
}

/// What a line that changes nothing prints.
fn here(program: &str, run: &Run, line: &Line) -> Result<String, Failure> {
    let memory = memory(run)?;
    let before = database_of(&memory)?;
    let mut outcome = before.transact(&line.commands)?;
    if line.globals.dry_run {
        outcome.database.intent().map_err(|misfit| outcome.blame(misfit))?;
        let old: BTreeMap<IfName, Bridge> = memory.bridges.into_iter().map(|(name, bridge)| (name, bridge.intent)).collect();
        let taken_back = outcome.taken_back(&before, &old);
        outcome.notes.extend(taken_back);
    }
    Ok(said(program, line, &outcome))
}

fn said(program: &str, line: &Line, outcome: &Outcome) -> String {
    if line.globals.verbosity != Verbosity::Quiet {
        outcome.notes.iter().for_each(|note| eprintln!("{program}: {}", note.text));
    }
    vsctl::render(&outcome.outputs, &line.globals.style)
}

/// What `show` prints.
///
/// # Errors
/// What is remembered cannot be read, or the kernel did not answer.
pub(super) fn shown(run: &Run) -> Result<String, Error> {
    let commands = vsctl::commands(&vsctl::words(["show"])).map_err(rows::error)?;
    let outcome = database(run)?.transact(&commands).map_err(rows::error)?;
    Ok(vsctl::render(&outcome.outputs, &vsctl::Style::default()))
}

fn database(run: &Run) -> Result<Database, Error> {
    database_of(&memory(run)?)
}

fn database_of(memory: &Memory) -> Result<Database, Error> {
    let mut dp = match Dp::open() {
        Ok(dp) => Some(dp),
        Err(dp::Error::NoFamily(_)) => None,
        Err(error) => return Err(error.into()),
    };
    rows::database(memory, &mut Rtnl::open()?, dp.as_mut())
}

fn help(program: &str) -> String {
    let mut text = format!(
        "Work on bridges and ports in the words of ovs-vsctl\n\n\
        Usage: {program} [OPTIONS] COMMAND [-- COMMAND]...\n\n\
        The commands of a line are carried out together or not at all. Looking needs no agent and no privilege; a change is made by the\n\
        agent, which is started when it is not running, and undone when a step of it fails. What commands attached stays when `ovsdp up`\n\
        is said again; where a file describes a port or bridge, `up` makes it what the file says. docs/vsctl.md has more, docs/columns.md\n\
        what each column does.\n\n"
    );
    for (head, list) in [("Options", vsctl::options()), ("Commands, with their own options", vsctl::verbs())] {
        text.push_str(&format!("{head}:\n"));
        list.iter().for_each(|one| text.push_str(&format!("  {one}\n")));
        text.push('\n');
    }
    text.push_str(&format!("Example:\n  {program} add-port ovsbr0 vnet0 tag=10 -- set Interface vnet0 external-ids:vm=web1\n"));
    text
}
