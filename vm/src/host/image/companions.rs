//! The larger programs of Debian's that only some tests stand ovsdp beside: firewalld, with the Python it is written in, and NetworkManager.
//! They come with the part of a boot whose tests want them, and cost the others nothing.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use super::super::shell_out::output;
use super::super::sysroot::Sysroot;
use super::archive::Archive;
use super::name;

/// Programs, under their own names in `/usr/bin`.
const PROGRAMS: &[&str] = &["NetworkManager", "dbus-send", "firewalld", "nmcli", "python3.11"];
/// Folders taken whole.
const TREES: &[&str] = &[
    "usr/lib/firewalld/icmptypes",
    "usr/lib/firewalld/policies",
    "usr/lib/python3.11",
    "usr/lib/python3/dist-packages/dbus",
    "usr/lib/python3/dist-packages/firewall",
    "usr/lib/python3/dist-packages/gi",
    "usr/lib/python3/dist-packages/nftables",
    "usr/lib/x86_64-linux-gnu/girepository-1.0",
];
/// Single files. Of firewalld's zones those that it cannot do without and some others, and of its services those that they name: it reads every
/// one there is.
const FILES: &[&str] = &[
    "etc/firewalld/firewalld.conf",
    "etc/firewalld/lockdown-whitelist.xml",
    "usr/lib/firewalld/services/dhcpv6-client.xml",
    "usr/lib/firewalld/services/ssh.xml",
    "usr/lib/firewalld/zones/block.xml",
    "usr/lib/firewalld/zones/dmz.xml",
    "usr/lib/firewalld/zones/drop.xml",
    "usr/lib/firewalld/zones/external.xml",
    "usr/lib/firewalld/zones/public.xml",
    "usr/lib/firewalld/zones/trusted.xml",
    "usr/lib/python3/dist-packages/_dbus_bindings.cpython-311-x86_64-linux-gnu.so",
    "usr/lib/python3/dist-packages/_dbus_glib_bindings.cpython-311-x86_64-linux-gnu.so",
];
/// Libraries that are loaded by name while a program runs.
const LIBRARIES: &[&str] = &["libgio-2.0.so.0", "libgirepository-1.0.so.1", "libnftables.so.1"];
/// The numbers of protocols, which firewalld's services name.
const PROTOCOLS: &str = "icmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nipv6-icmp 58 IPv6-ICMP\n";
/// Where Python looks for what it has compiled before.
const PYTHON: &[&str] = &["usr/lib/python3.11", "usr/lib/python3/dist-packages"];

/// Adds them all, with their libraries.
pub(super) fn add(sysroot: &Sysroot, part: &mut Archive) -> anyhow::Result<()> {
    let mut libraries = BTreeSet::new();
    for program in PROGRAMS {
        let file = sysroot.program(program)?;
        libraries.extend(sysroot.libraries(&file)?);
        part.file(&format!("usr/bin/{program}"), 0o755, &file);
    }
    part.link("usr/bin/python3", "python3.11");
    part.text("etc/protocols", 0o644, PROTOCOLS);
    for tree in TREES {
        part.tree(tree, &sysroot.file(tree))?;
        loaded(sysroot, &sysroot.file(tree), &mut libraries)?;
    }
    for file in FILES {
        part.file(file, 0o644, &sysroot.file(file));
        libraries.extend(sysroot.libraries(&sysroot.file(file))?);
    }
    for library in LIBRARIES {
        let file = sysroot.library(library)?;
        libraries.extend(sysroot.libraries(&file)?);
        libraries.insert(file);
    }
    for library in libraries {
        part.file(&format!("usr/lib/{}", name(&library)?), 0o755, &library);
    }
    Ok(())
}

/// What the extensions of Python in a folder load.
fn loaded(sysroot: &Sysroot, folder: &Path, libraries: &mut BTreeSet<std::path::PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            loaded(sysroot, &path, libraries)?;
        } else if path.extension().is_some_and(|kind| kind == "so") {
            libraries.extend(sysroot.libraries(&path)?);
        }
    }
    Ok(())
}

/// Compiles Python's modules once, here: the guest's CPU is the slower one, and its files have no times to be compared.
pub(crate) fn compile(sysroot: &Sysroot) -> anyhow::Result<()> {
    let mut python = sysroot.command_as("python3.11", "python3.11")?;
    python.env("PYTHONHOME", sysroot.file("usr")).args(["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]);
    output(python.args(PYTHON.iter().map(|folder| sysroot.file(folder)))).context("cannot compile Python's modules")?;
    Ok(())
}
