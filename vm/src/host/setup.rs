//! `cargo vm setup`: everything a boot needs, fetched once.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;

use super::engine::Engine;
use super::kernel::{Kernel, KernelVersion};
use super::paths::Paths;
use super::shell_out::is_installed;
use super::sysroot::Sysroot;
use super::{apt, image, modules};

/// Debian packages the guest's files are taken from, besides its kernels. They are unpacked, never installed.
const GUEST_PACKAGES: &[&str] = &[
    "bash",
    "busybox-static",
    "dash",
    "dbus-bin",
    "dbus-daemon",
    "dnsmasq-base",
    "ethtool",
    "firewalld",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "isc-dhcp-client",
    "kmod",
    "netcat-openbsd",
    "network-manager",
    "openvswitch-switch",
    "systemd-resolved",
    "tcpdump",
    "user-mode-linux",
    "util-linux",
    "xz-utils",
];

/// What this machine must have, by a program of each package: QEMU, and what tests outside the guests speak to.
const HOST_PACKAGES: &[(&str, &str)] = &[("qemu-system-x86_64", "qemu-system-x86"), ("dnsmasq", "dnsmasq-base"), ("ip", "iproute2")];

/// Debian's headers of the newer kernel: the oldest with every constant of `proto`.
const HEADERS: &str = "linux-headers-6.12-cloud-amd64";

/// The folder those headers are in: what a compiler would be given to find `linux/openvswitch.h`.
pub(crate) fn uapi(paths: &Paths) -> PathBuf {
    paths.cache.join("uapi")
}

/// Makes sure all is there, and says what it does. The second time it does nothing.
pub(crate) fn ensure(paths: &Paths) -> anyhow::Result<()> {
    let stamp = paths.cache.join("setup.stamp");
    let wanted = format!("{GUEST_PACKAGES:?} {:?} {HEADERS}\n", KernelVersion::ALL.map(KernelVersion::metapackage));
    let fetched = fs::read_to_string(&stamp).is_ok_and(|text| text.starts_with(&wanted));
    let missing: Vec<&str> = HOST_PACKAGES.iter().filter(|(program, _)| !is_installed(program)).map(|(_, package)| *package).collect();
    if fetched && missing.is_empty() {
        return Ok(());
    }
    let start = Instant::now();
    let known = GUEST_PACKAGES.iter().copied().chain(KernelVersion::ALL.map(KernelVersion::metapackage)).chain([HEADERS]);
    let known = known.chain(missing.iter().copied());
    let mut updated = false;
    if !known.into_iter().all(apt::knows) {
        apt::update()?;
        updated = true;
    }
    let attempt = (|| {
        missing.iter().try_for_each(|package| apt::install(package))?;
        if fetched { Ok(String::new()) } else { fetch(paths) }
    })();
    let packages = match attempt {
        // Lists from last month name files the archive has since replaced.
        Err(error) if !updated => {
            eprintln!("that failed: {error:#}");
            apt::update()?;
            missing.iter().try_for_each(|package| apt::install(package))?;
            fetch(paths)?
        }
        other => other?,
    };
    if !fetched {
        fs::write(&stamp, wanted + &packages).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    println!("target/vm is ready ({:.0} s)", start.elapsed().as_secs_f64());
    Ok(())
}

/// Downloads and unpacks, and returns the packages' names.
fn fetch(paths: &Paths) -> anyhow::Result<String> {
    let cache = &paths.cache;
    for stale in ["sysroot", "kernels", "debs", "uapi"] {
        let folder = cache.join(stale);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    image::forget(paths)?;
    let mut names = String::new();
    println!("fetching the guest's tools");
    for deb in apt::download_closure(&cache.join("debs"), GUEST_PACKAGES)? {
        apt::unpack(&deb, &cache.join("sysroot"))?;
        names += &format!("{}\n", deb.file_name().unwrap_or_default().display());
    }
    let sysroot = Sysroot::new(cache.join("sysroot"));
    image::compile(&sysroot)?;
    for version in KernelVersion::ALL {
        let package = apt::dependency(version.metapackage(), "linux-image-", "-amd64")?;
        println!("fetching {package}");
        let deb = apt::download(&cache.join("debs/kernels"), &package)?;
        apt::unpack(&deb, &cache.join("kernels").join(version.number()))?;
        modules::index(&sysroot, &Kernel::find(cache, Engine::Qemu, version)?)?;
        names += &format!("{}\n", deb.file_name().unwrap_or_default().display());
    }
    names += &headers(paths)?;
    // Only what was unpacked is used again.
    fs::remove_dir_all(cache.join("debs")).context("cannot remove the downloaded packages")?;
    Ok(names)
}

/// Fetches the headers' package and keeps what a program outside the kernel may include.
fn headers(paths: &Paths) -> anyhow::Result<String> {
    let folder = paths.cache.join("debs/headers");
    let package = apt::dependency(&apt::dependency(HEADERS, "linux-headers-", "-amd64")?, "linux-headers-", "-common")?;
    println!("fetching {package}");
    let deb = apt::download(&folder, &package)?;
    apt::unpack(&deb, &folder)?;
    let found = folder.join("usr/src").join(&package).join("include/uapi");
    fs::rename(&found, uapi(paths)).with_context(|| format!("cannot keep {}", found.display()))?;
    Ok(format!("{}\n", deb.file_name().unwrap_or_default().display()))
}
