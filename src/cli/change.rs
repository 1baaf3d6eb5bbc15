//! `ovsdp up`, `restart`, `down`, and `confirm` and `rollback` of what they did: the agent does it. Where none runs, what is wrong with the words or the files is found here,
//! before one is started for nothing; one that runs reads the files itself, and once is enough.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use ovsdp_proto::IfName;
use serde_json::{Value, json};

use super::args::{Bring, Common};
use super::hooks::Hooks;
use super::progress::Printer;
use super::{launch, output};
use crate::ctl::api::{Stage, Who};
use crate::ctl::client::{Changed, Client};
use crate::ctl::service::{Change, Terms};
use crate::error::{Error, Kind};
use crate::host::config;
use crate::host::paths::{Run, config_dir};
use crate::host::store;
use crate::plan::Memory;

pub(super) fn up(run: &Run, names: Vec<String>, terms: &Bring, common: Common) -> Result<(), Error> {
    bring(run, &Change::Up(names), terms, common)
}

pub(super) fn restart(run: &Run, terms: &Bring, common: Common) -> Result<(), Error> {
    bring(run, &Change::Restart, terms, common)
}

fn bring(run: &Run, change: &Change, asked: &Bring, common: Common) -> Result<(), Error> {
    let names: &[String] = if let Change::Up(names) = change { names } else { &[] };
    let dir = absolute(config_dir(common.dir))?;
    let hooks = if asked.hooks { Some(Hooks::up(&dir, names, &memory(run))?) } else { None };
    let mut client = match launch::running(run)? {
        Some(client) => client,
        None => {
            let config = config::read(&dir)?;
            config.names(names)?;
            if config.intent.bridges.is_empty() {
                return nothing(common.json, &format!("{}: nothing to do", config::names_no_bridge(&dir)));
            }
            drop(config);
            launch::agent(run, asked.timeout)?
        }
    };
    let terms = Terms { confirm: asked.confirm, probe: asked.probe, timeout: asked.timeout, who: Some(who()), ..Terms::default() };
    between(hooks.as_ref(), || finish(&mut client, change, &terms, &dir, common.json))
}

pub(super) fn down(run: &Run, names: Vec<String>, hooks: bool, with_foreign_ports: bool, common: Common) -> Result<(), Error> {
    let memory = memory(run);
    let dir = absolute(config_dir(common.dir))?;
    let mut up = Vec::new();
    let mut strangers = Vec::new();
    for name in &names {
        match remembered(&memory, name) {
            Some(known) => up.push(known),
            None => strangers.push(name.clone()),
        }
    }
    // A name nobody brought up is only known if the files have it; a bridge that is up needs no file any more.
    if !strangers.is_empty() {
        let known = config::read(&dir)?.names(&strangers)?;
        up.extend(known.iter().filter_map(|name| remembered(&memory, name)));
    }
    if up.is_empty() {
        return nothing(common.json, &format!("{}: not up, nothing to do", names.join(", ")));
    }
    let hooks = hooks.then(|| Hooks::down(&dir, &up, &memory));
    let change = Change::Down(up.iter().map(ToString::to_string).collect());
    let mut client = launch::agent(run, None)?;
    let terms = Terms { with_foreign_ports, who: Some(who()), ..Terms::default() };
    between(hooks.as_ref(), || finish(&mut client, &change, &terms, &dir, common.json))
}

/// What the agent remembers. One that cannot be read is the agent's to complain of.
fn memory(run: &Run) -> Memory {
    store::load(&run.memory()).ok().flatten().unwrap_or_default()
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
    let file = name.rsplit('/').next().and_then(|file| file.strip_prefix("ifcfg-"));
    [Some(name), file].into_iter().flatten().filter_map(|name| IfName::new(name).ok()).find(|name| memory.place_of(*name).is_some())
}

pub(super) fn confirm(run: &Run, json: bool) -> Result<(), Error> {
    let mut client = match launch::running(run)? {
        Some(client) => client,
        // It was killed; the next one goes on waiting if there is time left.
        None if run.journal().exists() => launch::agent(run, None)?,
        None => return Err(Error::new(Kind::NoSuch, "no change waits to be confirmed")),
    };
    let confirmed = client.confirm()?;
    if json { output::line(&json!(confirmed)) } else { output::text(&format!("confirmed: the change of {} stays\n", confirmed.by)) }
}

pub(super) fn rollback(run: &Run, json: bool) -> Result<(), Error> {
    let mut client = match launch::running(run)? {
        Some(client) => client,
        None if run.journal().exists() => {
            // One that begins takes back what was left unfinished, or had no time left, before it answers.
            let client = launch::agent(run, None)?;
            if !run.journal().exists() {
                let text = "what was left unfinished is taken back\n";
                return if json { output::line(&json!({ "changed": Value::Null })) } else { output::text(text) };
            }
            client
        }
        None => return Err(Error::new(Kind::NoSuch, "no change waits to be confirmed: there is nothing to take back")),
    };
    let terms = Terms { who: Some(who()), ..Terms::default() };
    finish(&mut client, &Change::Rollback, &terms, Path::new(""), json)
}

/// This process, for others that wait for it.
pub(super) fn who() -> Who {
    let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let command = words.iter().enumerate().map(|(at, word)| if at == 0 { word.rsplit('/').next().unwrap_or(word) } else { word });
    Who { pid: std::process::id(), command: command.collect::<Vec<_>>().join(" ") }
}

fn finish(client: &mut Client, change: &Change, terms: &Terms, dir: &Path, json: bool) -> Result<(), Error> {
    // The agent has no terminal. What it found in the files is found again for one, to be shown in colours.
    let coloured = !json && std::io::stderr().is_terminal();
    let mut printer = Printer::new(json);
    let changed = client.change(change, terms, text(dir)?, |line| match line.stage {
        Stage::Warning if coloured => eprintln!("{}", config::read(dir).map_or(line.text, |config| config.warnings())),
        Stage::Warning => eprintln!("{}", line.text),
        Stage::Alive => {}
        _ => printer.line(&line),
    });
    match changed {
        Err(error) if coloured && error.kind == Kind::BadConfiguration => Err(config::read(dir).err().unwrap_or(error)),
        Ok(Changed { steps: 0, .. }) if *change == Change::Rollback => nothing(json, "taken back: nothing differed"),
        Ok(Changed { steps: 0, .. }) => nothing(json, "nothing to do: everything is as the files say"),
        Ok(Changed { steps, confirm_within: None }) if json => output::line(&json!({ "changed": steps })),
        Ok(Changed { steps, confirm_within: Some(seconds) }) if json => output::line(&json!({ "changed": steps, "confirm_within": seconds })),
        Ok(Changed { confirm_within: Some(seconds), .. }) => output::text(&format!(
            "everything goes back in {seconds} s unless you say `ovsdp confirm`; log in anew to say it, then you know that you can\n"
        )),
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
