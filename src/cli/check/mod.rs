//! `ovsdp check`: everything that can be said of a folder of files. The findings are its result, so they go to standard output.

mod args;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

pub(super) use args::{ABOUT, CheckArgs, EXAMPLES};

use super::output;
use crate::error::{Error, Kind};
use crate::host::paths::config_dir;
use crate::host::{config, machine, surroundings};
use crate::ifcfg::{self, Check, Diagnostic, NETWORK, Severity, Sources, Style};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Answer {
    folders: Vec<Folder>,
    errors: usize,
    warnings: usize,
    findings: Vec<Diagnostic>,
}

/// A folder that was checked.
#[derive(Debug, Serialize)]
struct Folder {
    /// Its path as it was named.
    dir: String,
    /// How many of its files are looked at.
    files: usize,
    /// Whether the host was compared with them, in everything there is to compare.
    host: bool,
}

pub(super) fn run(args: CheckArgs) -> Result<ExitCode, Error> {
    if let Some(code) = &args.explain {
        return explain(code, args.common.json).map(|()| ExitCode::SUCCESS);
    }
    let own = config_dir(args.common.dir);
    let targets = if args.paths.is_empty() { BTreeMap::from([(own.clone(), Vec::new())]) } else { targets(&args.paths)? };
    let style = if io::stdout().is_terminal() { Style::Colour } else { Style::Plain };
    let mut answer = Answer { folders: Vec::new(), errors: 0, warnings: 0, findings: Vec::new() };
    let mut drawn = Vec::new();
    for (dir, files) in targets {
        let (sources, folder, mut findings) = check(&dir, is_same(&dir, &own))?;
        if !files.is_empty() {
            findings.retain(|found| files.iter().any(|file| touches(found, file)));
        }
        drawn.extend(findings.iter().map(|found| found.render(&sources, style) + "\n"));
        answer.folders.push(folder);
        answer.findings.extend(findings);
    }
    answer.errors = answer.findings.iter().filter(|found| found.severity == Severity::Error).count();
    answer.warnings = answer.findings.len() - answer.errors;
    if args.common.json {
        output::json(&answer)?;
    } else {
        drawn.push(summary(&answer));
        output::text(&drawn.join("\n"))?;
    }
    let failed = answer.errors > 0 || (args.strict && answer.warnings > 0);
    Ok(if failed { ExitCode::from(Kind::BadConfiguration.exit_code()) } else { ExitCode::SUCCESS })
}

/// The folders that `paths` name, each with the files in it that were named; none when the folder itself was.
fn targets(paths: &[PathBuf]) -> Result<BTreeMap<PathBuf, Vec<String>>, Error> {
    let mut whole = Vec::new();
    let mut targets: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in paths {
        let meta = fs::metadata(path).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Kind::NoSuch,
                io::ErrorKind::PermissionDenied => Kind::NotPermitted,
                _ => Kind::Failed,
            };
            Error::new(kind, format!("cannot read {}: {error}", path.display()))
        })?;
        if meta.is_dir() {
            whole.push(path.clone());
            targets.entry(path.clone()).or_default();
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| ifcfg::is_interface(name) || ifcfg::is_companion(name));
        let Some(name) = name else {
            let why = format!("{} has no name of a file that is read", path.display());
            return Err(Error::new(Kind::Usage, why).advise("name a folder, or a file in it such as ifcfg-eth0; `ovsdp ifcfg vars` reads any file"));
        };
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        targets.entry(dir.to_owned()).or_default().push(name.to_owned());
    }
    for dir in whole {
        targets.insert(dir, Vec::new());
    }
    Ok(targets)
}

/// Whether two paths lead to one folder.
fn is_same(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// Checks one folder, beside this host when it is its own.
fn check(dir: &Path, own: bool) -> Result<(Sources, Folder, Vec<Diagnostic>), Error> {
    let mut sources = config::load(dir)?;
    let files = sources.interfaces().chain(sources.companions()).count() + usize::from(sources.get(NETWORK).is_some()) + sources.unreadable().count();
    let check = Check::begin(&sources, &machine::names());
    let gathered = own.then(|| surroundings::gather(&mut sources, check.intent()));
    for failed in gathered.iter().flat_map(|gathered| &gathered.failed) {
        eprintln!("ovsdp: {failed}");
    }
    let findings = check.finish(&sources, gathered.as_ref().map(|gathered| &gathered.around));
    let host = gathered.is_some_and(|gathered| gathered.failed.is_empty());
    Ok((sources, Folder { dir: dir.display().to_string(), files, host }, findings))
}

/// Whether a finding stands in `file` or points there.
fn touches(found: &Diagnostic, file: &str) -> bool {
    found.file == file || found.related.iter().any(|related| related.file == file)
}

/// What was read and how much was found, in one line for each folder.
fn summary(answer: &Answer) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let found = match (answer.errors, answer.warnings) {
        (0, 0) => "nothing found".to_owned(),
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        (errors, warnings) => format!("{} and {}", count(errors, "error"), count(warnings, "warning")),
    };
    let folder = |folder: &Folder| {
        let beside = if folder.host { ", and this host beside them" } else { ", looked at by themselves" };
        format!("{} in {}{beside}", count(folder.files, "file"), folder.dir)
    };
    let folders = answer.folders.iter().map(folder).collect::<Vec<_>>().join("; ");
    let more = match answer.findings.first() {
        Some(first) => format!("`ovsdp check --explain {}` says more of the first\n", first.code),
        None => String::new(),
    };
    format!("{found}: {folders}\n{more}")
}

fn explain(code: &str, json: bool) -> Result<(), Error> {
    let Some(explanation) = ifcfg::explain(code) else {
        let (first, last) = (ifcfg::EXPLANATIONS.first(), ifcfg::EXPLANATIONS.last());
        let range = first.zip(last).map(|(first, last)| format!("codes go from {} to {}", first.code, last.code)).unwrap_or_default();
        return Err(Error::new(Kind::NoSuch, format!("{code}: there is no such code")).advise(range));
    };
    if json {
        return output::json(explanation);
    }
    output::text(&format!("{}: {}\n\n{}", explanation.code, explanation.title, explanation.text()))
}
