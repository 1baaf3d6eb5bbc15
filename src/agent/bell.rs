//! What wakes a thread of the agent that waits by `poll`. It must not know what there is to do.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::error::{Error, Kind};

/// A bell: rung by any thread, heard by one.
#[derive(Debug)]
pub(super) struct Bell(EventFd);

impl Bell {
    /// # Errors
    /// There is no room for a descriptor.
    pub(super) fn new() -> Result<Self, Error> {
        EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
            .map(Self)
            .map_err(|errno| Error::new(Kind::Failed, format!("cannot make an event descriptor: {errno}")))
    }

    /// Something may be to be done.
    pub(super) fn ring(&self) {
        // It fails only when the counter is full: then whoever waits has long been rung.
        let _ = self.0.write(1);
    }

    /// Takes note of it, before what there is to do is looked at.
    pub(super) fn heard(&self) {
        let _ = self.0.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
