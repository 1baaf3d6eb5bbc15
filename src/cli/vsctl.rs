//! `ovsdp vsctl`, and the program itself when it is called `ovs-vsctl`: bridges and ports in the words of Open vSwitch's own program.
//!
//! A line that only looks is answered from what the agent wrote down and the kernel has. One that changes something is the agent's, and is
//! tried here before one is started for nothing. Words, output and exit codes are those of `ovs-vsctl` 3.1: 0, 1 for any failure, 2 when
//! `br-exists` finds none.

use std::process::ExitCode;

use super::show::memory;
use super::{change, launch, output};
use crate::ctl::api::Stage;
use crate::ctl::service::{Change, Terms};
use crate::dp::{self, Dp};
use crate::error::Error;
use crate::host::paths::Run;
use crate::host::rows;
use crate::rtnl::Rtnl;
use crate::vsctl::{self, Database, Kind, Line, Outcome};

/// The exit code of `br-exists` for a bridge that is not there.
const NO_BRIDGE: u8 = 2;

/// Why a line was not carried out.
enum Failure {
    /// The line itself.
    Line(vsctl::Error),
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
        Err(Failure::Rest(error)) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(program: &str, args: &[String]) -> Result<String, Failure> {
    let line = vsctl::line(&vsctl::words(args))?;
    if let Some(seconds) = line.globals.timeout.filter(|seconds| *seconds > 0) {
        // The signal's own action ends the process, as it ends ovs-vsctl. What the agent has begun by then it finishes or undoes.
        nix::unistd::alarm::set(seconds);
    }
    let run = Run::from_env();
    let looks = line.globals.dry_run || !line.commands.iter().any(vsctl::Command::changes);
    if looks {
        return here(program, &run, &line);
    }
    let mut client = match launch::running(&run)? {
        Some(client) => client,
        None => {
            let before = database(&run)?;
            let outcome = before.transact(&line.commands)?;
            let after = outcome.database.intent().map_err(|misfit| outcome.blame(misfit))?;
            // Whoever writes what is remembered already wants a switch that does it.
            if outcome.writes.is_empty() && before.intent().is_ok_and(|before| before == after) {
                return Ok(said(program, &line, &outcome));
            }
            launch::agent(&run)?
        }
    };
    let terms = Terms { who: Some(change::who()), ..Terms::default() };
    let mut printed = String::new();
    client.change(&Change::Vsctl(args.to_vec()), &terms, "", |progress| match progress.stage {
        Stage::Printed => printed.push_str(&progress.text),
        Stage::Warning | Stage::Note => eprintln!("{program}: {}", progress.text),
        _ => {}
    })?;
    Ok(printed)
}

/// What a line that changes nothing prints.
fn here(program: &str, run: &Run, line: &Line) -> Result<String, Failure> {
    let outcome = database(run)?.transact(&line.commands)?;
    if line.globals.dry_run {
        outcome.database.intent().map_err(|misfit| outcome.blame(misfit))?;
    }
    Ok(said(program, line, &outcome))
}

fn said(program: &str, line: &Line, outcome: &Outcome) -> String {
    outcome.notes.iter().for_each(|note| eprintln!("{program}: {}", note.text));
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
    let mut dp = match Dp::open() {
        Ok(dp) => Some(dp),
        Err(dp::Error::NoFamily(_)) => None,
        Err(error) => return Err(error.into()),
    };
    rows::database(&memory(run)?, &mut Rtnl::open()?, dp.as_mut())
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
