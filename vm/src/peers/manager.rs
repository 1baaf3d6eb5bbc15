//! A service manager, as far as systemd's part of the game is needed: it starts a service again whenever that ends, hears its
//! messages (sd_notify(3)), and keeps descriptors for it meanwhile (`FDSTORE=1`, sd_listen_fds(3)).
//!
//! The guest binary is it, as `guest manager PROGRAM WORDS…`.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;

use anyhow::{Context, ensure};
use nix::cmsg_space;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg};

/// Where it hears its service, below the host's own `/run`.
const SOCKET: &str = "/run/notify";
/// How long a service's end may go unseen, in milliseconds.
const LOOK: u16 = 20;

/// What `guest manager` does. It prints what it hears.
///
/// # Errors
/// When the service cannot be started.
pub fn run(words: &[&str]) -> anyhow::Result<()> {
    let socket = UnixDatagram::bind(SOCKET).context("cannot listen")?;
    let mut kept = Vec::new();
    loop {
        let mut service = std::process::Command::new("/bin/sh");
        service.args(["-c", &script(words, &kept)?]).env("NOTIFY_SOCKET", SOCKET);
        let mut service = service.spawn().context("cannot start the service")?;
        while service.try_wait().context("cannot wait")?.is_none() {
            let ready = poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::from(LOOK)).context("cannot wait")?;
            if ready > 0 {
                let descriptors = hear(&socket)?;
                // A service that was given them says so again.
                if kept.is_empty() {
                    kept = descriptors;
                }
            }
        }
        println!("ended, {} descriptors are kept", kept.len());
    }
}

/// Starts the service with the descriptors in the order and under the numbers it expects.
fn script(words: &[&str], kept: &[RawFd]) -> anyhow::Result<String> {
    let mut script = String::new();
    for (place, descriptor) in (3..).zip(kept) {
        // One after the other: none may be overwritten before it was copied. A shell knows numbers of one digit.
        ensure!(*descriptor > place && *descriptor < 10, "{descriptor} cannot become {place}");
        script.push_str(&format!("exec {place}<&{descriptor}; "));
    }
    let names = vec!["upcalls"; kept.len()].join(":");
    if !kept.is_empty() {
        script.push_str(&format!("export LISTEN_PID=$$ LISTEN_FDS={} LISTEN_FDNAMES={names}; ", kept.len()));
    }
    Ok(format!("{script}exec {}", words.join(" ")))
}

/// Hears one message and returns the descriptors that are to be kept.
fn hear(socket: &UnixDatagram) -> anyhow::Result<Vec<RawFd>> {
    let (mut text, mut space) = ([0; 1024], cmsg_space!([RawFd; 8]));
    let mut slices = [IoSliceMut::new(&mut text)];
    let message = recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::empty()).context("cannot hear")?;
    let mut descriptors = Vec::new();
    for control in message.cmsgs().context("what came with it is cut off")? {
        if let ControlMessageOwned::ScmRights(rights) = control {
            descriptors.extend(rights);
        }
    }
    let length = message.bytes;
    println!("{}", String::from_utf8_lossy(text.get(..length).unwrap_or_default()).replace('\n', " "));
    Ok(descriptors)
}

#[cfg(test)]
mod tests {
    #[test]
    fn descriptors_are_where_a_service_expects_them() {
        let script = super::script(&["ovsdp", "agent"], &[4, 5]).unwrap();
        assert_eq!(script, "exec 3<&4; exec 4<&5; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=upcalls:upcalls; exec ovsdp agent");
        assert_eq!(super::script(&["a"], &[]).unwrap(), "exec a");
        assert!(super::script(&["a"], &[3]).is_err() && super::script(&["a"], &[10]).is_err());
    }
}
