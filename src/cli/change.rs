//! `ovsdp up`, `restart` and `down`: the agent does it. Where none runs, what is wrong with the words or the files is found here,
//! before one is started for nothing; one that runs reads the files itself, and once is enough.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use ovsdp_proto::IfName;
use serde_json::json;

use super::args::Common;
use super::hooks::Hooks;
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

pub(super) fn up(run: &Run, names: Vec<String>, hooks: bool, common: Common) -> Result<(), Error> {
    let dir = absolute(config_dir(common.dir))?;
    let hooks = if hooks { Some(Hooks::up(&dir, &names)?) } else { None };
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
    between(hooks.as_ref(), || finish(&mut client, &Change::Up(names), &dir, common.json))
}

pub(super) fn down(run: &Run, names: Vec<String>, hooks: bool, common: Common) -> Result<(), Error> {
    let memory: Option<Memory> = store::load(&run.memory()).ok().flatten();
    let dir = absolute(config_dir(common.dir))?;
    let mut up = Vec::new();
    let mut strangers = Vec::new();
    for name in &names {
        match memory.as_ref().and_then(|memory| remembered(memory, name)) {
            Some(known) => up.push(known),
            None => strangers.push(name.clone()),
        }
    }
    // A name nobody brought up is only known if the files have it; a bridge that is up needs no file any more.
    if !strangers.is_empty() {
        let known = config::read(&dir)?.names(&strangers)?;
        up.extend(known.iter().filter_map(|name| memory.as_ref().and_then(|memory| remembered(memory, name))));
    }
    if up.is_empty() {
        return nothing(common.json, &format!("{}: not up, nothing to do", names.join(", ")));
    }
    let hooks = memory.filter(|_| hooks).map(|memory| Hooks::down(&dir, &up, &memory));
    let change = Change::Down(up.iter().map(ToString::to_string).collect());
    let mut client = launch::agent(run)?;
    between(hooks.as_ref(), || finish(&mut client, &change, &dir, common.json))
}

/// A change between the hooks before it and, when it was done, those after it.
fn between(hooks: Option<&Hooks>, change: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    hooks.inspect(|hooks| hooks.before());
    change()?;
    hooks.inspect(|hooks| hooks.after());
    Ok(())
}

/// The bridge or port that is up and called `name`, or described by the file of that name.
fn remembered(memory: &Memory, name: &str) -> Option<IfName> {
    let is_up = |name: &IfName| memory.bridges.contains_key(name) || memory.bridge_of(*name).is_some();
    let file = name.rsplit('/').next().and_then(|file| file.strip_prefix("ifcfg-"));
    [Some(name), file].into_iter().flatten().filter_map(|name| IfName::new(name).ok()).find(is_up)
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
