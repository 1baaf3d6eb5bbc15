//! `ovsdp up`, `restart` and `down`: what is wrong with the words or the files is said here, before an agent is started or
//! asked; everything else is the agent's.

use std::path::PathBuf;

use serde_json::json;

use super::args::Common;
use super::progress::Printer;
use super::{block_on, launch, output};
use crate::ctl::client::Client;
use crate::ctl::service::Change;
use crate::error::{Error, Kind};
use crate::host::config;
use crate::host::paths::{Run, config_dir};
use crate::host::store;
use crate::plan::Memory;

pub(super) fn up(run: &Run, names: Vec<String>, common: Common) -> Result<(), Error> {
    let dir = absolute(config_dir(common.dir))?;
    let config = config::read(&dir)?;
    config.names(&names)?;
    let warnings = config.warnings();
    if !warnings.is_empty() {
        eprintln!("{warnings}");
    }
    if config.intent.bridges.is_empty() {
        return nothing(common.json, &format!("{} names no bridge: nothing to do", dir.display()));
    }
    drop(config);
    let dir = text(&dir)?;
    block_on(async {
        let mut client = launch::agent(run).await?;
        finish(&mut client, &Change::Up(names), &dir, common.json).await
    })
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
    let dir = text(&dir)?;
    block_on(async {
        let mut client = launch::agent(run).await?;
        finish(&mut client, &Change::Down(up), &dir, common.json).await
    })
}

async fn finish(client: &mut Client, change: &Change, dir: &str, json: bool) -> Result<(), Error> {
    let mut printer = Printer::new(json);
    let changed = client.change(change, dir, |line| printer.line(&line)).await;
    match changed {
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

fn text(dir: &std::path::Path) -> Result<String, Error> {
    let text = dir.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::new(Kind::NoSuch, format!("{}: a folder's name must be UTF-8", dir.display())))
}
