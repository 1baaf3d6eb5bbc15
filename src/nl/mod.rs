//! The only sockets of the program, and its only `unsafe` (in `sys.rs`): send, receive, dump, listen, and what the kernel
//! says about what it refuses.
//!
//! - [`Socket`]: requests. [`Socket::transact`] one, [`Socket::batch`] many, [`Socket::send_unacked`] those nobody waits
//!   for, [`Socket::dump`] a table, [`Socket::dump_ahead`] a large one.
//! - [`Multicast`]: notifications, on a socket of their own.
//! - [`Receiver`]: what the kernel sends to a port id without being asked: upcalls.
//! - [`inherited`]: a descriptor that the process was started with. [`keep_no_memory`] and [`give_back_memory`]: here because they are
//!   `unsafe`, too.
//! - [`mii_register`], [`ethtool_link`]: the two questions about a link that netlink does not ask every kernel.
//! - [`Error`], [`Kind`], [`Failure`]: why not. [`Counters`]: what was lost.
//! - [`milliseconds`]: the time as the kernel has it.
//!
//! Every wait is bounded. Datagrams of other processes are thrown away. It must not know links, datapaths or flows:
//! payloads are the business of `rtnl` and `dp`.

mod ack;
mod ahead;
mod batch;
mod clock;
mod counters;
mod dump;
mod error;
mod maps;
mod mcast;
mod names;
mod receiver;
mod sock;
mod sys;
mod transact;

pub use batch::Batch;
pub use clock::milliseconds;
pub use counters::Counters;
pub use dump::Dumped;
pub use error::{Error, Failure, Kind};
pub use mcast::{Event, Multicast};
pub use names::{Nameless, Names, Naming};
pub use receiver::Receiver;
pub use sock::{DEFAULT_TIMEOUT, Protocol, RECV_BUFFER, Socket};
pub use sys::{ethtool_link, give_back_memory, inherited, keep_no_memory, mii_register};

#[cfg(test)]
pub(crate) mod namespace;
#[cfg(test)]
mod tests;
