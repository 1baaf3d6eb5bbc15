//! The kernel modules a guest gets: those the suites need and what these depend on, uncompressed.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};

use super::kernel::Kernel;
use super::shell_out::output;
use super::sysroot::Sysroot;

/// Must be there, as a module or built in.
const NEEDED: &[&str] = &[
    "8021q",
    "bonding",
    "bridge",
    "dummy",
    "geneve",
    "ip_gre",
    "nf_conntrack",
    "openvswitch",
    "tun",
    "veth",
    "vport_geneve",
    "vport_gre",
    "vport_vxlan",
    "vxlan",
];

/// Taken where they exist; user-mode Linux and the two kernels differ in these.
const WELCOME: &[&str] = &[
    "act_mirred",
    "act_police",
    "af_packet",
    "cls_basic",
    "cls_flower",
    "cls_matchall",
    "cls_u32",
    "ifb",
    "ip6_gre",
    "ipv6",
    "macvlan",
    "nf_conntrack_netlink",
    "nf_nat",
    "nf_tables",
    "nft_chain_nat",
    "nft_ct",
    "nft_fib_inet",
    "nft_masq",
    "nft_reject_inet",
    "nlmon",
    "nsh",
    "psample",
    "sch_htb",
    "sch_ingress",
    "sch_netem",
    "sch_tbf",
    "unix",
    "virtio_net",
    "virtio_pci",
    "virtio_rng",
];

/// Copies the modules of `kernel` below `image`, with the indexes modprobe wants, made anew.
pub(crate) fn install(sysroot: &Sysroot, kernel: &Kernel, image: &Path) -> anyhow::Result<()> {
    let index = Index::read(&kernel.modules)?;
    let mut files = BTreeSet::new();
    for name in NEEDED {
        ensure!(index.add(name, &mut files), "kernel {} has no {name}, neither as a module nor built in", kernel.release);
    }
    for name in WELCOME {
        index.add(name, &mut files);
    }
    let target = image.join("usr/lib/modules").join(&kernel.release);
    for file in &files {
        copy(sysroot, &kernel.modules.join(file), &target.join(file))?;
    }
    for file in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        fs::copy(kernel.modules.join(file), target.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    depmod(sysroot, image, &kernel.release)
}

/// Writes the `modules.dep` of an unpacked kernel package, which installing it would have done.
pub(crate) fn index(sysroot: &Sysroot, kernel: &Kernel) -> anyhow::Result<()> {
    // The modules' folder is lib/modules/RELEASE below the package's root.
    let root = kernel.modules.ancestors().nth(3).context("the kernel's modules are not where a package has them")?;
    depmod(sysroot, root, &kernel.release)
}

fn depmod(sysroot: &Sysroot, root: &Path, release: &str) -> anyhow::Result<()> {
    // kmod is depmod when it is called so.
    output(sysroot.command_as("depmod", "kmod")?.arg("-b").arg(root).arg(release)).context("depmod failed")?;
    Ok(())
}

/// Copies a module, decompressed: the guest's CPU is the slower one.
fn copy(sysroot: &Sysroot, from: &Path, to: &Path) -> anyhow::Result<()> {
    let folder = to.parent().context("a module without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if from.extension().is_some_and(|kind| kind == "xz") {
        let to = fs::File::create(to.with_extension("")).with_context(|| format!("cannot write {}", to.display()))?;
        let status = sysroot.command_as("xz", "xz")?.args(["--decompress", "--stdout"]).arg(from).stdout(Stdio::from(to)).status();
        ensure!(status.context("cannot run xz")?.success(), "cannot decompress {}", from.display());
    } else {
        fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

/// `modules.dep` and `modules.builtin`.
struct Index {
    /// Module name to its file and the files of all it depends on.
    loadable: HashMap<String, Vec<PathBuf>>,
    builtin: BTreeSet<String>,
}

impl Index {
    fn read(folder: &Path) -> anyhow::Result<Index> {
        let read = |name: &str| fs::read_to_string(folder.join(name)).with_context(|| format!("cannot read {name} in {}", folder.display()));
        Ok(Index::parse(&read("modules.dep")?, &read("modules.builtin")?))
    }

    fn parse(dep: &str, builtin: &str) -> Index {
        let loadable = dep.lines().filter_map(|line| {
            let (file, dependencies) = line.split_once(':')?;
            let files = std::iter::once(file).chain(dependencies.split_ascii_whitespace()).map(PathBuf::from).collect();
            Some((name_of(file), files))
        });
        Index { loadable: loadable.collect(), builtin: builtin.lines().map(name_of).collect() }
    }

    /// Adds a module's files; false when the kernel does not know it.
    fn add(&self, name: &str, files: &mut BTreeSet<PathBuf>) -> bool {
        if let Some(more) = self.loadable.get(name) {
            files.extend(more.iter().cloned());
            return true;
        }
        self.builtin.contains(name)
    }
}

/// `kernel/net/openvswitch/vport-gre.ko.xz` is module `vport_gre`.
fn name_of(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.split('.').next().unwrap_or(name).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_brings_what_it_depends_on() {
        let dep = "kernel/net/vport-gre.ko.xz: kernel/net/openvswitch.ko.xz kernel/net/gre.ko.xz\nkernel/net/gre.ko.xz:\n";
        let index = Index::parse(dep, "kernel/net/unix.ko\n");
        let mut files = BTreeSet::new();
        assert!(index.add("vport_gre", &mut files) && index.add("unix", &mut files) && !index.add("none", &mut files));
        assert_eq!(files.len(), 3);
    }
}
