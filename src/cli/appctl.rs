//! `ovsdp appctl`, or a link named `ovs-appctl`: what that is asked of bonds, LACP and flows, answered by the agent.

use std::process::ExitCode;

use super::{launch, output};
use crate::error::{Error, Kind};
use crate::host::paths::Run;

/// Runs the command a link named `ovs-appctl` was called with.
pub(super) fn main(words: &[String]) -> ExitCode {
    let done = match words.iter().find(|word| word.starts_with('-')) {
        Some(option) => Err(Error::new(Kind::Usage, format!("{option}: no option is taken")).advise("see `ovsdp appctl --help`")),
        None => run(&Run::from_env(), words, false),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ovs-appctl: {error}");
            ExitCode::from(error.kind.exit_code())
        }
    }
}

pub(super) fn run(run: &Run, words: &[String], json: bool) -> Result<(), Error> {
    let Some(mut client) = launch::running(run)? else {
        return Err(
            Error::new(Kind::NoSuch, "the agent is not running, so there are no bonds and no flows of its own").advise("`ovsdp up` starts it")
        );
    };
    let printed = client.appctl(words)?;
    if json { output::json(&printed) } else { output::text(&printed.text) }
}
