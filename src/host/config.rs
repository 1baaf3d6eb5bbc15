//! A folder of ifcfg files, read and understood: for commands that look and for the agent that acts, so that both say the
//! same about a file.

use std::io::IsTerminal;
use std::path::Path;

use ovsdp_proto::IfName;

use super::machine;
use crate::error::{Error, Kind};
use crate::ifcfg::{self, Diagnostic, Found, Names, Severity, Sources, Style};
use crate::model::Intent;

/// What a folder asks for, and what was found in it.
#[derive(Debug)]
pub struct Config {
    /// What it asks for.
    pub intent: Intent,
    /// The network devices that come up by themselves and that no bridge needs.
    pub left: Vec<IfName>,
    /// The files.
    sources: Sources,
    /// Warnings.
    warnings: Vec<Diagnostic>,
    names: Names,
}

/// Reads the files of the folder at `dir`.
///
/// # Errors
/// [`Kind::NoSuch`] without a folder, [`Kind::NotPermitted`] when it may not be read.
pub fn load(dir: &Path) -> Result<Sources, Error> {
    ifcfg::load(dir).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Kind::NoSuch,
            std::io::ErrorKind::PermissionDenied => Kind::NotPermitted,
            _ => Kind::Failed,
        };
        Error::new(kind, format!("cannot read the folder of ifcfg files {}: {error}", dir.display())).advise("name another with --dir or $OVSDP_DIR")
    })
}

/// Reads the folder at `dir` and works out what it asks for.
///
/// # Errors
/// Those of [`load`], and [`Kind::BadConfiguration`] with every finding when a file cannot be carried out.
pub fn read(dir: &Path) -> Result<Config, Error> {
    let sources = load(dir)?;
    let outcome = ifcfg::intent(&sources, &machine::names());
    match outcome.intent {
        Some(intent) => Ok(Config { intent, left: outcome.left, sources, warnings: outcome.diagnostics, names: outcome.names }),
        None => {
            let found = render(&sources, &outcome.diagnostics);
            let message = format!("{} in {}; nothing was changed\n{found}", errors(&outcome.diagnostics), dir.display());
            Err(Error::new(Kind::BadConfiguration, message))
        }
    }
}

/// How many errors are among `findings`, in words.
pub fn errors(findings: &[Diagnostic]) -> String {
    match findings.iter().filter(|found| found.severity == Severity::Error).count() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    }
}

/// What a command says of a folder that asks for nothing.
pub fn names_no_bridge(dir: &Path) -> String {
    format!("{} names no bridge", dir.display())
}

/// `findings` as text for standard error: in colour when that is a terminal. Empty when there are none.
pub fn render(sources: &Sources, findings: &[Diagnostic]) -> String {
    let style = if std::io::stderr().is_terminal() { Style::Colour } else { Style::Plain };
    findings.iter().map(|found| found.render(sources, style)).collect::<Vec<_>>().join("\n\n")
}

impl Config {
    /// The warnings as text for a person; empty when there are none.
    pub fn warnings(&self) -> String {
        render(&self.sources, &self.warnings)
    }

    /// The name of the file that describes `device`; what it would be called when none does.
    pub fn file_of(&self, device: IfName) -> String {
        self.names.file_of(&device).map_or_else(|| format!("ifcfg-{device}"), str::to_owned)
    }

    /// What a command's names mean: bridges and ports of the files.
    ///
    /// # Errors
    /// [`Kind::NoSuch`] for the first that is none of them, with what is near or there.
    pub fn names(&self, given: &[String]) -> Result<Vec<IfName>, Error> {
        given.iter().map(|text| self.name(text)).collect()
    }

    fn name(&self, text: &str) -> Result<IfName, Error> {
        let dir = self.sources.dir().display();
        match self.names.find(text) {
            Found::Ours(name) => Ok(name),
            Found::Foreign { file } => {
                Err(Error::new(Kind::NoSuch, format!("{text}: {dir}/{file} is not about Open vSwitch"))
                    .advise("add TYPE=OVSPort and OVS_BRIDGE to it"))
            }
            Found::Broken { file } => Err(Error::new(Kind::BadConfiguration, format!("{text}: {dir}/{file} has errors"))),
            Found::Unknown { suggestion } => {
                let error = Error::new(Kind::NoSuch, format!("{text}: no bridge or port by that name in {dir}"));
                let all: Vec<_> = self.names.all().collect();
                Err(match suggestion {
                    Some(near) => error.advise(format!("did you mean {near}? The files name: {}", all.join(", "))),
                    None if all.is_empty() => error.advise("the folder names no bridge at all"),
                    None => error.advise(format!("the files name: {}", all.join(", "))),
                })
            }
        }
    }
}
