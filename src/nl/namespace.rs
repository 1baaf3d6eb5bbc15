//! Tests against the running kernel: each in a network namespace of its own. They need root; without, they say loudly that they were skipped.

use std::process::Command;

use nix::sched::{CloneFlags, unshare};

/// Runs `test` in a thread with a fresh network namespace, in which `ip` was called with each of `setup`; `ip` called from there works in it
/// too.
pub(crate) fn in_namespace(name: &str, setup: &[&str], test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET) {
                return eprintln!("\n*** SKIPPED: {name}: no network namespace of its own ({errno:?}); run it as root ***\n");
            }
            for arguments in setup {
                if !Command::new("ip").args(arguments.split(' ')).status().is_ok_and(|status| status.success()) {
                    return eprintln!("\n*** SKIPPED: {name}: `ip {arguments}`: iproute2 or what it takes of the kernel is missing ***\n");
                }
            }
            test();
        });
        thread.join().unwrap();
    });
}

/// A pair of veth, `v0` and `v1`.
pub(crate) const PAIR: &str = "link add v0 type veth peer name v1";
