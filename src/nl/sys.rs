//! What neither neli nor nix offers safely: borrowing a [`NlSocket`]'s descriptor, making one of a descriptor, a descriptor the
//! process was started with, one netlink socket option, the two questions about a link that only ioctl(2) asks, and giving memory
//! back that is not used now.
//! The only file of the crate with `unsafe` in it; nothing else belongs here.
#![allow(unsafe_code, reason = "a descriptor is borrowed by number, setsockopt and ioctl take pointers, and memory is named by address")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use neli::socket::NlSocket;
use nix::errno::Errno;
use nix::libc;
use ovsdp_proto::IfName;

/// The socket's descriptor, for as long as the socket is borrowed.
pub(super) fn fd(socket: &NlSocket) -> BorrowedFd<'_> {
    // SAFETY: `NlSocket` owns its descriptor, never gives it away and closes it only when dropped; the returned value
    // borrows the socket, so it cannot outlive it. A descriptor from socket(2) is never -1.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}

/// A copy of a descriptor the process was started with, by its number; `None` when there is none. Neither is handed on to programs that
/// are started from here.
pub fn inherited(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: fcntl(2) takes any number and, for these two commands, reads and writes no memory of ours.
    let copy = unsafe {
        libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0)
    };
    // SAFETY: what F_DUPFD_CLOEXEC has just returned is open, and nobody else knows it.
    (copy >= 0).then(|| unsafe { OwnedFd::from_raw_fd(copy) })
}

/// A socket of a descriptor, which it owns from now on.
pub(super) fn socket(fd: OwnedFd) -> NlSocket {
    // SAFETY: `into_raw_fd` gives up the only owner of an open descriptor, and `NlSocket` becomes the next.
    unsafe { NlSocket::from_raw_fd(fd.into_raw_fd()) }
}

/// Turns on `NETLINK_CAP_ACK`: an error then carries the failed request's header only, not all of its payload. Without
/// it every refused packet would come back whole and fill the receive buffer.
pub(super) fn cap_acks(socket: &NlSocket) -> Result<(), Errno> {
    let on: libc::c_int = 1;
    let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the pointer and length describe `on`, a live `c_int` that setsockopt(2) only reads during the call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, (&raw const on).cast(), len) };
    Errno::result(result).map(drop)
}

/// Has memory that is freed go back to the system rather than be kept for later, for a program of a few threads that allocates little but now
/// and then much. To be called before there are threads.
pub fn keep_no_memory() {
    // Where the system makes huge pages by itself (khugepaged) it makes one of every 2 MiB that have a page left, and what was given back is
    // there again. A kernel that refuses costs memory, nothing else.
    let _ = nix::sys::prctl::set_thp_disable(true);
    /// What is at least this large is a mapping of its own, which ends when it is freed; in bytes.
    #[cfg(target_env = "gnu")]
    const LARGE: libc::c_int = 256 * 1024;
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) sets numbers of the allocator, under its own lock, and touches no memory that is allocated.
    unsafe {
        // What one thread allocates another frees: with a heap for each thread little of it could go back.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        // Without this the allocator takes what was freed as a sign that as much will be wanted again, and keeps it.
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
    }
}

/// Gives memory back to the system that is not used now: what was allocated and freed, and the pages of the program itself that are
/// mapped. Those come back from the file, or from the page cache, where they are run or read again; a program that has done something
/// large, and will do something small from now on, is so much smaller.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time from any thread and touches no memory that is allocated.
    unsafe {
        libc::malloc_trim(0);
    }
    let Ok(maps) = std::fs::read_to_string("/proc/self/smaps") else { return };
    let here = give_back_memory as *const () as usize;
    for range in super::maps::unchanged(&maps, here) {
        let (start, len) = (range.start as *mut libc::c_void, range.len());
        // SAFETY: the range is a mapping of the program's file that nobody may write to and that has no page that differs from the file: what
        // madvise(2) lets go is read from the file again by whoever runs or reads it next, other threads included.
        unsafe {
            libc::madvise(start, len, libc::MADV_DONTNEED);
        }
    }
}

/// What follows the union's 8 bytes that are used, in a `struct ifreq` of a 64-bit kernel; of a 32-bit one it is less.
type Rest = [u64; 2];

/// `struct ifreq` with a `struct mii_ioctl_data` in its union.
#[repr(C)]
struct MiiRequest {
    name: [u8; libc::IFNAMSIZ],
    phy: u16,
    register: u16,
    written: u16,
    read: u16,
    rest: Rest,
}

/// `struct ifreq` with a pointer in its union.
#[repr(C)]
struct EthtoolRequest {
    name: [u8; libc::IFNAMSIZ],
    value: *mut EthtoolValue,
    rest: Rest,
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// The name as a `struct ifreq` has it: of at most 15 bytes, then zeros.
fn padded(name: &IfName) -> [u8; libc::IFNAMSIZ] {
    let mut padded = [0; libc::IFNAMSIZ];
    padded.iter_mut().zip(name.as_str().bytes().take(libc::IFNAMSIZ - 1)).for_each(|(to, byte)| *to = byte);
    padded
}

/// Reads a register of a device's transceiver: `SIOCGMIIPHY`, which says where that is, then `SIOCGMIIREG`. `socket` is any socket of
/// the device's network namespace.
///
/// # Errors
/// The driver has no such registers, there is no such device, or `CAP_NET_ADMIN` is missing.
pub fn mii_register(socket: BorrowedFd<'_>, name: &IfName, register: u16) -> Result<u16, Errno> {
    let mut request = MiiRequest { name: padded(name), phy: 0, register: 0, written: 0, read: 0, rest: [0; 2] };
    for command in [libc::SIOCGMIIPHY, libc::SIOCGMIIREG] {
        request.register = register;
        // SAFETY: both commands read and write one `struct ifreq`, than which `request` is no smaller; it lives through the call.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), command, &raw mut request) };
        Errno::result(result)?;
    }
    Ok(request.read)
}

/// What a device's driver says of its link: `ETHTOOL_GLINK`. `socket` is any socket of the device's network namespace.
///
/// # Errors
/// The driver does not say, or there is no such device.
pub fn ethtool_link(socket: BorrowedFd<'_>, name: &IfName) -> Result<bool, Errno> {
    const ETHTOOL_GLINK: u32 = 0x0a;
    let mut value = EthtoolValue { command: ETHTOOL_GLINK, data: 0 };
    let mut request = EthtoolRequest { name: padded(name), value: &raw mut value, rest: [0; 2] };
    // SAFETY: the command reads one `struct ifreq`, than which `request` is no smaller, and with ETHTOOL_GLINK reads and writes one
    // `struct ethtool_value` where that points; both live through the call, and nothing else refers to `value` during it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    Errno::result(result)?;
    Ok(value.data != 0)
}
