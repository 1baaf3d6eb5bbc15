//! `ifup-ovs` and `ifdown-ovs`: what initscripts' `ifup` and `ifdown` run for `DEVICETYPE=ovs`, through a link in the folder of
//! ifcfg files. One interface, the arguments and the environment initscripts give.
//!
//! It must not decide what `ifup` has decided before it runs this: `ONBOOT` and `HOTPLUG` are looked at there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::{Bring, Common};
use super::change;
use crate::error::{Error, Kind};
use crate::host::paths::{DIR_VARIABLE, Run};

/// Which of the two this is called as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// `ifup-ovs CONFIG [boot]`
    Ifup,
    /// `ifdown-ovs CONFIG`
    Ifdown,
}

impl Script {
    /// By the name of the link.
    pub(super) fn called(name: &str) -> Option<Self> {
        match name {
            "ifup-ovs" => Some(Self::Ifup),
            "ifdown-ovs" => Some(Self::Ifdown),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ifup => "ifup-ovs",
            Self::Ifdown => "ifdown-ovs",
        }
    }
}

/// Brings up or takes down what `args` name. `link` is the name it was called by, with its folder if it had one.
pub(super) fn main(script: Script, link: &Path, args: &[String]) -> ExitCode {
    match run(script, link, args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", script.name());
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn run(script: Script, link: &Path, args: &[String]) -> Result<(), Error> {
    // ifup hands on its own second argument, of which only `boot` means anything, and that to ifup alone.
    let ([config] | [config, _]) = args else {
        return Err(Error::new(Kind::Usage, format!("write {} CONFIG, such as {} ifcfg-ovsbr0", script.name(), script.name())));
    };
    let (run, names) = (Run::from_env(), vec![config.clone()]);
    let common = Common { dir: folder(link, config, std::env::var_os(DIR_VARIABLE).is_some()), json: false };
    match script {
        Script::Ifup => change::up(&run, names, &Bring::default(), common),
        Script::Ifdown => change::down(&run, names, false, false, common),
    }
}

/// The folder of the file: the argument's own, else, unless the environment names one, the link's. `None` is the usual one.
fn folder(link: &Path, config: &str, environment: bool) -> Option<PathBuf> {
    let of = |path: &Path| path.parent().filter(|dir| !dir.as_os_str().is_empty()).map(Path::to_owned);
    of(Path::new(config)).or_else(|| if environment { None } else { of(link) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_where_the_file_or_the_link_is() {
        let folder = |link: &str, config: &str, environment| folder(Path::new(link), config, environment).map(|dir| dir.display().to_string());
        assert_eq!(folder("/n/ifup-ovs", "ifcfg-eth0", false).as_deref(), Some("/n"));
        assert_eq!(folder("./ifup-ovs", "ifcfg-eth0", false).as_deref(), Some("."));
        assert_eq!(folder("/n/ifup-ovs", "ifcfg-eth0", true), None);
        assert_eq!(folder("/n/ifup-ovs", "/other/ifcfg-eth0", true).as_deref(), Some("/other"));
        assert_eq!(folder("ifup-ovs", "eth0", false), None);
    }

    #[test]
    fn it_needs_a_file() {
        assert_eq!(run(Script::Ifup, Path::new("ifup-ovs"), &[]).unwrap_err().kind, Kind::Usage);
        let three = ["ifcfg-a", "boot", "ifcfg-b"].map(str::to_owned);
        assert_eq!(run(Script::Ifdown, Path::new("ifdown-ovs"), &three).unwrap_err().kind, Kind::Usage);
    }
}
