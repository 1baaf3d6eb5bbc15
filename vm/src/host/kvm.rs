//! Whether KVM works here. That `/dev/kvm` opens proves nothing: only a boot does.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use ovsdp_vm::protocol::Action;

use super::boot::{self, Boot};
use super::engine::{Accelerator, Engine};
use super::image::Workshop;
use super::kernel::KernelVersion;

/// A KVM boot that works takes a second.
const TRIAL: Duration = Duration::from_secs(15);

/// The verdict of a trial boot, kept for as long as this machine runs the same kernel.
pub(crate) fn accelerator(workshop: &Workshop) -> anyhow::Result<Accelerator> {
    if !Path::new("/dev/kvm").exists() {
        return Ok(Accelerator::Tcg);
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read this kernel's release")?;
    let file = workshop.paths.cache.join("kvm.verdict");
    let good = format!("works on {release}");
    let bad = format!("does not work on {release}");
    match fs::read_to_string(&file) {
        Ok(text) if text == good => return Ok(Accelerator::Kvm),
        Ok(text) if text == bad => return Ok(Accelerator::Tcg),
        _ => {}
    }
    println!("trying KVM");
    let trial = Boot { timeout: TRIAL, ..Boot::new(Engine::Qemu, KernelVersion::V6_12, Action::Tests(Vec::new())) };
    let works = boot::proves(workshop, &trial, Accelerator::Kvm)?;
    println!("KVM {}", if works { &good } else { &bad });
    fs::write(&file, if works { good } else { bad }).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(if works { Accelerator::Kvm } else { Accelerator::Tcg })
}
