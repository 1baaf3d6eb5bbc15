//! `ovsdp generate`: manual pages and shells' completions, from the very words that the command line is read by. For whoever packages it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::aot;
use clap_mangen::Man;

use super::{args, output};
use crate::error::{Error, Kind};

/// The manual's section: what whoever runs a system types.
const SECTION: &str = "8";

/// What `ovsdp generate` takes.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// What to make
    #[command(subcommand)]
    command: Generate,
}

/// What can be made.
#[derive(Debug, Subcommand)]
enum Generate {
    /// Write the manual into a folder: a page for each command
    #[command(after_help = "Example:\n  ovsdp generate man /usr/local/share/man/man8 && man ovsdp-up")]
    Man {
        /// The folder, which is there; pages of the same name are written over
        dir: PathBuf,
    },
    /// Print what has a shell complete the command line
    #[command(after_help = "Example:\n  ovsdp generate complete bash > /usr/share/bash-completion/completions/ovsdp")]
    Complete {
        /// Which shell
        shell: Shell,
    },
}

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Fish,
    Zsh,
}

pub(super) fn run(args: &GenerateArgs) -> Result<(), Error> {
    match &args.command {
        Generate::Man { dir } => {
            let pages = pages(args::known())?;
            for (name, text) in &pages {
                write(&dir.join(name), text)?;
            }
            output::text(&format!("{} pages are in {}\n", pages.len(), dir.display()))
        }
        Generate::Complete { shell } => output::text(&completions(*shell)),
    }
}

fn write(path: &Path, text: &[u8]) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|error| {
        let failed = |kind| Error::new(kind, format!("cannot write {}: {error}", path.display()));
        match error.kind() {
            std::io::ErrorKind::NotFound => failed(Kind::NoSuch).advise("make the folder first"),
            std::io::ErrorKind::PermissionDenied => failed(Kind::NotPermitted),
            _ => failed(Kind::Failed),
        }
    })
}

/// A page for `command` and for each below it, with the names of their files.
fn pages(command: clap::Command) -> Result<Vec<(String, Vec<u8>)>, Error> {
    // That `help` shows the others is no page's worth.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    let mut rest = vec![command];
    while let Some(command) = rest.pop() {
        rest.extend(command.get_subcommands().cloned());
        let page = Man::new(command).section(SECTION).manual("ovsdp");
        let mut text = Vec::new();
        page.render(&mut text).map_err(|error| Error::new(Kind::Failed, format!("cannot make {}: {error}", page.get_filename())))?;
        pages.push((page.get_filename(), text));
    }
    Ok(pages)
}

fn completions(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Fish => aot::Shell::Fish,
        Shell::Zsh => aot::Shell::Zsh,
    };
    let mut text = Vec::new();
    aot::generate(shell, &mut args::known(), "ovsdp", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command;

    use super::*;

    /// Every command there is, with those above it.
    fn all() -> BTreeSet<String> {
        fn below(command: &clap::Command, path: &str, all: &mut BTreeSet<String>) {
            all.insert(path.to_owned());
            for one in command.get_subcommands() {
                below(one, &format!("{path}-{}", one.get_name()), all);
            }
        }
        let mut names = BTreeSet::new();
        below(&args::known(), "ovsdp", &mut names);
        names
    }

    #[test]
    fn every_command_has_a_page_that_says_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let command = Generate::Man { dir: dir.path().to_owned() };
        run(&GenerateArgs { command }).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(format!("{name}.8"))).unwrap();
        let written: BTreeSet<String> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(written, all().iter().map(|name| format!("{name}.8")).collect());
        assert!(all().contains("ovsdp-ifcfg-vars"));
        for name in all() {
            let page = read(&name);
            assert!(page.contains(&format!(".TH {name} 8")), "{page}");
            let (_, about) = page.split_once("\n.SH NAME\n").unwrap();
            assert!(about.lines().next().unwrap().contains(" \\- "), "{name} is not described: {page}");
        }
        assert!(read("ovsdp-up").contains("\\-\\-confirm") && read("ovsdp").contains("ovsdp\\-up(8)"));
    }

    #[test]
    fn pages_go_nowhere_when_there_is_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        let error = run(&GenerateArgs { command: Generate::Man { dir: dir.path().join("gone") } }).unwrap_err();
        assert_eq!(error.kind, Kind::NoSuch);
    }

    /// Bash itself is asked what it would offer.
    #[test]
    fn bash_completes_commands_options_and_values() {
        let offers = |words: &str| {
            let script = format!(
                "{}\nCOMP_WORDS=({words} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _ovsdp ovsdp '' \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[*]}}\"",
                completions(Shell::Bash)
            );
            let done = Command::new("bash").args(["-u", "-c", &script]).output().unwrap();
            assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8(done.stdout).unwrap().split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let first = offers("ovsdp");
        assert!(args::known().get_subcommands().all(|one| first.contains(one.get_name())), "{first:?}");
        assert!(offers("ovsdp up").contains("--confirm"));
        assert_eq!(offers("ovsdp agent --dispatch"), ["auto", "per-vport"].map(str::to_owned).into());
    }

    #[test]
    fn other_shells_are_told_every_command() {
        for (shell, says) in [(Shell::Zsh, "#compdef ovsdp"), (Shell::Fish, "complete -c ovsdp")] {
            let text = completions(shell);
            assert!(text.contains(says), "{text}");
            for command in args::known().get_subcommands() {
                assert!(text.contains(command.get_name()), "{shell:?}: {command}");
            }
        }
    }
}
