//! The kernels, and where their parts lie once `setup` has unpacked them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;

use super::engine::Engine;

/// A kernel of Debian 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KernelVersion {
    /// The kernel Debian 12 came with.
    #[value(name = "6.1")]
    V6_1,
    /// The one it offers beside: Debian 13's.
    #[value(name = "6.12")]
    V6_12,
}

impl KernelVersion {
    /// All of them.
    pub(crate) const ALL: [KernelVersion; 2] = [KernelVersion::V6_1, KernelVersion::V6_12];

    /// As a person types it.
    pub(crate) fn number(self) -> &'static str {
        match self {
            KernelVersion::V6_1 => "6.1",
            KernelVersion::V6_12 => "6.12",
        }
    }

    /// For a heading.
    pub(crate) fn label(self) -> String {
        format!("Linux {}", self.number())
    }

    /// The metapackage that names the newest build. The cloud flavour is built from the same source with fewer drivers;
    /// it has openvswitch and its vports, veth, bonding, 8021q, dummy, vxlan, geneve, ip_gre, nf_conntrack and virtio,
    /// and is less than half the download.
    pub(crate) fn metapackage(self) -> &'static str {
        match self {
            KernelVersion::V6_1 => "linux-image-cloud-amd64",
            KernelVersion::V6_12 => "linux-image-6.12-cloud-amd64",
        }
    }
}

/// An unpacked kernel.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// What the engine starts.
    pub(crate) image: PathBuf,
    /// The folder with `modules.dep`.
    pub(crate) modules: PathBuf,
    /// As in `uname -r`.
    pub(crate) release: String,
}

impl Kernel {
    /// Finds the kernel an engine runs, in the packages unpacked below `cache`.
    pub(crate) fn find(cache: &Path, engine: Engine, version: KernelVersion) -> anyhow::Result<Kernel> {
        match engine {
            Engine::Qemu => {
                let root = cache.join("kernels").join(version.number());
                let (modules, release) = only_folder(&root.join("lib/modules"))?;
                Ok(Kernel { image: root.join(format!("boot/vmlinuz-{release}")), modules, release })
            }
            Engine::Uml => {
                let root = cache.join("sysroot/usr");
                let (modules, release) = only_folder(&root.join("lib/uml/modules"))?;
                Ok(Kernel { image: root.join("bin/linux.uml"), modules, release })
            }
        }
    }
}

fn only_folder(folder: &Path) -> anyhow::Result<(PathBuf, String)> {
    let context = || format!("no kernel modules in {}: remove target/vm and run `cargo vm setup`", folder.display());
    let entry = fs::read_dir(folder).with_context(context)?.next().with_context(context)??;
    Ok((entry.path(), entry.file_name().to_string_lossy().into_owned()))
}
