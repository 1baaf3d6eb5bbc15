//! The words of `ovsdp check`.

use std::path::PathBuf;

use clap::Args;

use super::super::args::Common;

/// What `--help` says.
pub(in crate::cli) const ABOUT: &str = "Check a folder of ifcfg files: all that is wrong, or hardly meant, with place, reason and remedy.\n\n\
    An error is what `ovsdp up` would refuse; with a warning it goes on. Findings are printed to standard output; each has a code, and --explain \
    says more of it. A folder is read whole, for much only shows when files are read beside each other. Nothing is changed, and no privilege \
    is needed.\n\n\
    Without PATH it is this host's folder, and what the host itself has is looked at too: its network devices, udev's rules and .link files that \
    give devices names, and who may write the files. Files of another folder are checked alone, so that they may be another host's.\n\n\
    Exit codes: 0 no finding, or warnings only; 3 an error, or with --strict any finding; 4 no such path or code.";

/// What `--help` shows.
pub(in crate::cli) const EXAMPLES: &str = "Examples:\n  \
    ovsdp check\n  \
    ovsdp check --strict ./network-scripts\n  \
    ovsdp check /etc/sysconfig/network-scripts/ifcfg-ovsbr0\n  \
    ovsdp check --json | jq -r '.findings[] | [.path, .line, .code] | @tsv'\n  \
    ovsdp check --explain L14";

/// Options of `ovsdp check`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// Folders, or files in them of which only findings that touch them are printed; this host's folder when there is none
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// End with exit code 3 on warnings, too
    #[arg(long)]
    pub strict: bool,
    /// Print what a code means and what to write instead, and check nothing
    #[arg(long, value_name = "CODE", conflicts_with_all = ["paths", "strict", "dir"])]
    pub explain: Option<String>,
    /// The folder, and how to print
    #[command(flatten)]
    pub common: Common,
}
