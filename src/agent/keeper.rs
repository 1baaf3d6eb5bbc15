//! The service manager keeps the upcall sockets while the agent is restarted, killed or exchanged (sd_notify(3), `FDSTORE=1`), and
//! gives them to the next one (sd_listen_fds(3)): what comes up meanwhile waits in them.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

use super::log;
use crate::nl;

/// Where the service manager wants to hear of its services.
const SOCKET: &str = "NOTIFY_SOCKET";
/// What the manager calls the upcall sockets.
const NAME: &str = "upcalls";
/// The number of the first descriptor a process is given.
const FIRST: RawFd = 3;

/// Whether a service manager started this process, and would start another if it ended.
pub(super) fn is_there() -> bool {
    std::env::var_os(SOCKET).is_some()
}

/// One message of sd_notify(3); nothing where no service manager asked for it.
pub(super) fn notify(state: &str) {
    tell(state, &[]);
}

/// Has the manager keep the upcall sockets. One it has already it knows again.
pub(super) fn keep(sockets: &[OwnedFd]) {
    let numbers: Vec<RawFd> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
    // A queue that was full is an error on the socket, which is no reason to forget it (FDPOLL).
    tell(&format!("FDSTORE=1\nFDNAME={NAME}\nFDPOLL=0"), &numbers);
}

fn tell(state: &str, descriptors: &[RawFd]) {
    let Some(path) = std::env::var_os(SOCKET) else { return };
    let send = || -> io::Result<()> {
        let bytes = path.as_bytes();
        let address = if let Some(name) = bytes.strip_prefix(b"@") { UnixAddr::new_abstract(name)? } else { UnixAddr::new(bytes)? };
        let rights = [ControlMessage::ScmRights(descriptors)];
        let rights = if descriptors.is_empty() { &[] } else { &rights[..] };
        let socket = UnixDatagram::unbound()?;
        sendmsg(socket.as_raw_fd(), &[IoSlice::new(state.as_bytes())], rights, MsgFlags::empty(), Some(&address))?;
        Ok(())
    };
    if let Err(error) = send() {
        log::say(format_args!("cannot tell the service manager {}: {error}", state.lines().next().unwrap_or_default()));
    }
}

/// The upcall sockets the manager has kept from the agent before; none where there is no manager, or nothing was kept.
pub(super) fn kept() -> Vec<OwnedFd> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let mine = variable("LISTEN_PID") == std::process::id().to_string();
    let (count, names) = (variable("LISTEN_FDS"), variable("LISTEN_FDNAMES"));
    if mine { numbers(&count, &names).into_iter().filter_map(nl::inherited).collect() } else { Vec::new() }
}

/// Which of `count` descriptors are upcall sockets, by their `names`.
fn numbers(count: &str, names: &str) -> Vec<RawFd> {
    let count = count.parse().unwrap_or(0);
    let named = (FIRST..).zip(names.split(':')).take(count);
    named.filter(|(_, name)| *name == NAME).map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_kept_as_upcall_sockets_is_taken() {
        assert_eq!(numbers("3", "upcalls:stored:upcalls"), [3, 5]);
        assert_eq!(numbers("1", "upcalls:upcalls"), [3]);
        for (count, names) in [("0", "upcalls"), ("", "upcalls"), ("-1", "upcalls"), ("2", ""), ("2", "upcall:x")] {
            assert_eq!(numbers(count, names), [] as [RawFd; 0], "{count} {names}");
        }
    }
}
