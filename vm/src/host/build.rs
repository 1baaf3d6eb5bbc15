//! What goes into the guest, built by cargo.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

use super::paths::Paths;
use super::shell_out::{cargo, output};

/// Builds ovsdp as it is released and the guest's init likewise (`cargo static`), and returns the folder they are in. Their own target folder
/// keeps the flags from throwing away what the ordinary builds have cached.
pub(crate) fn guest(paths: &Paths) -> anyhow::Result<PathBuf> {
    let target = "x86_64-unknown-linux-gnu";
    let folder = paths.cache.join("build");
    let mut cargo = cargo(paths);
    cargo.args(["static", "--quiet", "--target-dir"]).arg(&folder);
    cargo.args(["--package", "ovsdp", "--bin", "ovsdp", "--package", "ovsdp-vm", "--bin", "ovsdp-vm-guest"]);
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "the guest's binaries do not build");
    Ok(folder.join(target).join("release"))
}

/// The tests of ovsdp's library, as `cargo test --workspace` builds them: where that has run, nothing is left to build. They
/// are not static; the guest's libraries are those of the Debian they were built on.
pub(crate) fn library(paths: &Paths) -> anyhow::Result<PathBuf> {
    let mut cargo = cargo(paths);
    cargo.args(["test", "--quiet", "--workspace", "--lib", "--no-run", "--message-format", "json"]);
    let messages = output(&mut cargo).context("the library's tests do not build")?;
    let tests = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).find_map(|message| {
        let target = message.get("target")?;
        let ours = target["name"] == "ovsdp" && target["kind"] == serde_json::json!(["lib"]);
        message["executable"].as_str().filter(|_| ours).map(PathBuf::from)
    });
    let tests = tests.context("cargo names no test binary of ovsdp's library")?;
    // Its debug information is most of it, and the guest has better use for its memory.
    let stripped = paths.cache.join("library-tests");
    output(Command::new("strip").arg("--strip-debug").arg("-o").arg(&stripped).arg(&tests))?;
    Ok(stripped)
}
