//! Debian's archive, through apt: what the host must have is installed, what the guest needs is only downloaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::shell_out::output;

/// Installs a package on this machine.
pub(crate) fn install(package: &str) -> anyhow::Result<()> {
    println!("installing {package}");
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "--yes", "--no-install-recommends", package]);
    output(&mut command).with_context(|| format!("cannot install {package} (are you root?)"))?;
    Ok(())
}

/// Fetches the archive's lists.
pub(crate) fn update() -> anyhow::Result<()> {
    println!("fetching the package lists");
    output(Command::new("apt-get").arg("update")).context("cannot fetch the package lists (are you root?)")?;
    Ok(())
}

/// Whether the lists know a package.
pub(crate) fn knows(package: &str) -> bool {
    // `apt-cache show` succeeds for nothing but a package that can be had.
    Command::new("apt-cache").args(["show", package]).output().is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

/// What a package depends on whose name begins and ends so: a metapackage names today's build by that.
pub(crate) fn dependency(package: &str, begins: &str, ends: &str) -> anyhow::Result<String> {
    let text = output(Command::new("apt-cache").args(["depends", "--no-recommends", "--no-suggests", package]))?;
    let mut names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let name = names.find(|name| name.starts_with(begins) && name.ends_with(ends));
    Ok(name.with_context(|| format!("{package} depends on no {begins}…{ends}:\n{text}"))?.to_owned())
}

/// Downloads one package alone into `folder` and returns its file.
pub(crate) fn download(folder: &Path, package: &str) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    output(Command::new("apt-get").current_dir(folder).args(["download", "-o", "APT::Sandbox::User=root", package]))?;
    let prefix = format!("{package}_");
    let file = debs(folder)?.into_iter().find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)));
    file.with_context(|| format!("apt-get downloaded no {package} into {}", folder.display()))
}

/// Downloads packages with all they depend on, as if nothing at all were installed here, and returns the files.
pub(crate) fn download_closure(folder: &Path, packages: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder.join("partial")).with_context(|| format!("cannot make {}", folder.display()))?;
    let status = folder.join("status");
    fs::write(&status, "").with_context(|| format!("cannot write {}", status.display()))?;
    let mut command = Command::new("apt-get");
    command.arg("-o").arg(format!("Dir::State::status={}", status.display()));
    command.arg("-o").arg(format!("Dir::Cache::archives={}", folder.display()));
    command.args(["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]);
    command.args(["--yes", "--download-only", "--no-install-recommends", "install"]).args(packages);
    output(&mut command)?;
    debs(folder)
}

/// Unpacks a package below `root`, without running any of its scripts.
pub(crate) fn unpack(deb: &Path, root: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    output(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(root))?;
    Ok(())
}

fn debs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "deb") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
