//! `ovsdp up`, `restart` and `down`: the agent does it. Where none runs, what is wrong with the words or the files is found here,
//! before one is started for nothing; one that runs reads the files itself, and once is enough.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::Common;
use super::progress::Printer;
use super::{launch, output};
use crate::ctl::api::Stage;
use crate::ctl::client::Client;
use crate::ctl::service::Change;
use crate::error::{Error, Kind};
use crate::host::config;
use crate::host::paths::{Run, config_dir};
use crate::host::store;
use crate::plan::Memory;

pub(super) fn up(run: &Run, names: Vec<String>, common: Common) -> Result<(), Error> {
    let dir = absolute(config_dir(common.dir))?;
    let mut client = match launch::running(run)? {
        Some(client) => client,
        None => {
            let config = config::read(&dir)?;
            config.names(&names)?;
            if config.intent.bridges.is_empty() {
                return nothing(common.json, &format!("{}: nothing to do", config::names_no_bridge(&dir)));
            }
            drop(config);
            launch::agent(run)?
        }
    };
    finish(&mut client, &Change::Up(names), &dir, common.json)
}

pub(super) fn down(run: &Run, names: Vec<String>, common: Common) -> Result<(), Error> {
    let memory: Option<Memory> = store::load(&run.memory()).ok().flatten();
    let is_up = |name: &String| memory.as_ref().is_some_and(|memory| memory.bridges.keys().any(|bridge| bridge.as_str() == name));
    let dir = absolute(config_dir(common.dir))?;
    // A name nobody brought up is only known if the files have it; a bridge that is up needs no file any more.
    let strangers: Vec<_> = names.iter().filter(|name| !is_up(name)).cloned().collect();
    if !strangers.is_empty() {
        config::read(&dir)?.names(&strangers)?;
    }
    if strangers.len() == names.len() {
        return nothing(common.json, &format!("{}: not up, nothing to do", names.join(", ")));
    }
    let up: Vec<_> = names.into_iter().filter(|name| is_up(name)).collect();
    finish(&mut launch::agent(run)?, &Change::Down(up), &dir, common.json)
}

fn finish(client: &mut Client, change: &Change, dir: &Path, json: bool) -> Result<(), Error> {
    // The agent has no terminal. What it found in the files is found again for one, to be shown in colours.
    let coloured = !json && std::io::stderr().is_terminal();
    let mut printer = Printer::new(json);
    let changed = client.change(change, text(dir)?, |line| match line.stage {
        Stage::Warning if coloured => eprintln!("{}", config::read(dir).map_or(line.text, |config| config.warnings())),
        Stage::Warning => eprintln!("{}", line.text),
        _ => printer.line(&line),
    });
    match changed {
        Err(error) if coloured && error.kind == Kind::BadConfiguration => Err(config::read(dir).err().unwrap_or(error)),
        Ok(0) => nothing(json, "nothing to do: everything is as the files say"),
        Ok(count) if json => output::line(&json!({ "changed": count })),
        Ok(_) => Ok(()),
        Err(error) => {
            if json {
                output::line(&json!({ "error": error }))?;
            }
            Err(error)
        }
    }
}

fn nothing(json: bool, text: &str) -> Result<(), Error> {
    if json { output::line(&json!({ "changed": 0 })) } else { output::text(&format!("{text}\n")) }
}

/// The agent has another working directory.
fn absolute(dir: PathBuf) -> Result<PathBuf, Error> {
    std::path::absolute(&dir).map_err(|error| Error::new(Kind::NoSuch, format!("{}: {error}", dir.display())))
}

fn text(dir: &Path) -> Result<&str, Error> {
    dir.to_str().ok_or_else(|| Error::new(Kind::NoSuch, format!("{}: a folder's name must be UTF-8", dir.display())))
}
