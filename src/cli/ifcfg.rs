//! `ovsdp ifcfg vars`: what a file sets, from the file alone. Needs no kernel.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::args::IfcfgCommand;
use super::output;
use crate::error::{Error, Kind};
use crate::host::paths::config_dir;
use crate::host::{config, machine};
use crate::ifcfg::{self, Diagnostic, quoted};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// The file as it was named.
    file: String,
    /// The values that are UTF-8; null when the file is refused.
    vars: Option<BTreeMap<&'a str, &'a str>>,
    /// The values that are not.
    bytes: BTreeMap<&'a str, &'a [u8]>,
    diagnostics: &'a [Diagnostic],
}

pub(super) fn run(command: IfcfgCommand) -> Result<(), Error> {
    let IfcfgCommand::Vars { file, json } = command;
    // initscripts keeps wireless keys in files of that name; a terminal is no place for them.
    if file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"keys-")) {
        return Err(Error::new(Kind::Usage, format!("{}: a file of keys is not printed", file.display())));
    }
    let (sources, name) = ifcfg::load_file(&file).map_err(|error| unreadable(&file, &error))?;
    let evaluation = ifcfg::evaluate(&sources, &name, &machine::names());
    let refused = evaluation.has_errors();
    let mut vars: Vec<_> = if refused { Vec::new() } else { evaluation.vars.of(&name).collect() };
    if json {
        let texts = vars.iter().filter_map(|(name, var)| Some((*name, var.value.text()?))).collect();
        let bytes = vars.iter().filter(|(_, var)| var.value.text().is_none()).map(|(name, var)| (*name, var.value.bytes())).collect();
        let vars = (!refused).then_some(texts);
        output::json(&Answer { file: file.display().to_string(), vars, bytes, diagnostics: &evaluation.diagnostics })?;
    }
    let found = config::render(&sources, &evaluation.diagnostics);
    if refused {
        let message = format!("{}, so what {} sets cannot be told\n{found}", config::errors(&evaluation.diagnostics), file.display());
        return Err(Error::new(Kind::BadConfiguration, message));
    }
    if json {
        return Ok(());
    }
    if !found.is_empty() {
        eprintln!("{found}");
    }
    vars.sort_by_key(|(_, var)| var.name_span.start);
    let mut text = String::new();
    for (name, var) in vars {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{name}={}", quoted(var.value.bytes()));
    }
    output::text(&text)
}

fn unreadable(file: &Path, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Kind::NoSuch,
        io::ErrorKind::PermissionDenied => Kind::NotPermitted,
        io::ErrorKind::InvalidInput => Kind::Usage,
        io::ErrorKind::FileTooLarge => Kind::BadConfiguration,
        _ => Kind::Failed,
    };
    let failure = Error::new(kind, format!("cannot read {}: {error}", file.display()));
    let dir = config_dir(None);
    let near = [dir.join(format!("ifcfg-{}", file.display())), dir.join(file)].into_iter().find(|path| kind == Kind::NoSuch && path.is_file());
    match near {
        Some(path) => failure.advise(format!("did you mean {}?", path.display())),
        None => failure,
    }
}
