//! Where things are on the host.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The workspace and the cache in it.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// The workspace's root.
    pub(crate) workspace: PathBuf,
    /// `target/vm`: everything fetched and built here.
    pub(crate) cache: PathBuf,
}

impl Paths {
    pub(crate) fn find() -> anyhow::Result<Paths> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the vm crate has no workspace around it")?.to_owned();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
        let cache = target.join("vm");
        std::fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        Ok(Paths { workspace, cache })
    }
}
