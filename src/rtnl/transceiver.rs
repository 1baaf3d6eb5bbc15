//! Asking a device's transceiver whether its link works, as Open vSwitch does (`bond-detect-mode=miimon`): its status register where
//! the driver shows one, else the driver's own word. It must not know who wants to know, nor how often.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use ovsdp_proto::IfName;

use crate::nl;

/// The basic mode status register (IEEE 802.3 clause 22), and its bit for a link that works.
const BMSR: u16 = 1;
const LINK_STATUS: u16 = 1 << 2;

/// Asks transceivers of the network namespace it was opened in. Needs `CAP_NET_ADMIN` there.
#[derive(Debug)]
pub struct Transceivers {
    socket: OwnedFd,
}

impl Transceivers {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the system has no room for one.
    pub fn open() -> Result<Self, Errno> {
        let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        Ok(Self { socket })
    }

    /// Whether a device's link works.
    ///
    /// # Errors
    /// Neither transceiver nor driver say, or there is no such device.
    pub fn link(&self, name: &IfName) -> Result<bool, Errno> {
        match nl::mii_register(self.socket.as_fd(), name, BMSR) {
            Ok(status) => Ok(status & LINK_STATUS != 0),
            Err(_) => nl::ethtool_link(self.socket.as_fd(), name),
        }
    }
}
