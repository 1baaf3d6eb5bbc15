//! The kernel's table of connections, which all datapaths of a network namespace share with its firewall.

use std::sync::Arc;

use ovsdp_proto::conntrack::{self, Connection, Select};

use super::Error;
use crate::nl::{self, Batch, Dumped, Kind, Nameless, Protocol, Socket};

/// This many removals are sent at once.
const MANY: usize = 1024;

/// A socket for requests about connections. The kernel answers only those who have `CAP_NET_ADMIN`, readers too.
#[derive(Debug)]
pub struct Conntrack {
    socket: Socket,
}

/// What a removal of many came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Connections removed.
    pub removed: u64,
    /// Connections that had ended by themselves when their turn came.
    pub gone: u64,
}

fn open() -> Result<Socket, Error> {
    Socket::open(Protocol::Netfilter, Arc::new(Nameless)).map_err(|error| error.on("open a netfilter netlink socket", "").into())
}

impl Conntrack {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`Kind::NotSupported`] when the kernel has no netfilter netlink, and when the system has no room for a socket.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: open()? })
    }

    /// Hands every connection to `visit`, borrowed from the receive buffer. `None` means: from the beginning, once at the
    /// start and again whenever messages were lost. While connections come and go the kernel may hand out one twice, or
    /// leave one out.
    ///
    /// # Errors
    /// [`Kind::NotPermitted`]; when the kernel does not answer. Connections that cannot be read are left out and counted.
    pub fn connections(&mut self, mut visit: impl FnMut(Option<&Connection<'_>>)) -> Result<(), Error> {
        let mut unreadable = 0;
        let result = self.socket.dump(
            |batch| batch.append(conntrack::dump),
            |dumped| {
                match dumped {
                    Dumped::Start => {
                        unreadable = 0;
                        visit(None);
                    }
                    Dumped::Object(message) => match Connection::parse(message.payload) {
                        Ok(connection) => visit(Some(&connection)),
                        Err(_) => unreadable += 1,
                    },
                }
                Ok::<(), nl::Error>(())
            },
        );
        self.socket.count_unreadable(unreadable);
        result.map_err(|error| error.on("list", "connections").into())
    }

    /// How many connections were left out because they could not be read.
    pub const fn unreadable(&self) -> u64 {
        self.socket.counters().unreadable
    }

    /// Removes every connection of the network namespace.
    ///
    /// # Errors
    /// [`Kind::NotPermitted`].
    pub fn flush(&mut self) -> Result<(), Error> {
        let done = self.socket.transact(|batch| batch.append(conntrack::flush), |_| Ok(()));
        done.map_err(|error| error.on("remove", "connections").into())
    }

    /// Removes the connection whose first packet was like `tuple`, in `zone`.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::NotPermitted`].
    pub fn remove(&mut self, zone: u16, tuple: &conntrack::Tuple) -> Result<(), Error> {
        let done = self.socket.transact(|batch| batch.append(|out| conntrack::delete_tuple(out, zone, tuple)), |_| Ok(()));
        done.map_err(|error| error.on("remove", "a connection").into())
    }

    /// Removes the connections that `select` means, of `zone` or of all. Each by its own number: one that takes the place
    /// of another meanwhile stays.
    ///
    /// # Errors
    /// [`Kind::NotPermitted`]; the first removal that fails, after all have been tried.
    pub fn remove_all(&mut self, zone: Option<u16>, select: &Select) -> Result<Flushed, Error> {
        let mut removals = Removals { socket: open()?, batch: Batch::repeatable(), flushed: Flushed::default(), failed: None };
        let listed = self.connections(|connection| {
            let Some(connection) = connection else { return };
            if zone.is_none_or(|zone| zone == connection.zone) && select.matches(connection) {
                removals.add(connection);
            }
        });
        removals.send();
        listed?;
        match removals.failed {
            Some(error) => Err(error.on("remove", "a connection").into()),
            None => Ok(removals.flushed),
        }
    }
}

/// Removals while the table is still being read, so on another socket.
struct Removals {
    socket: Socket,
    batch: Batch,
    flushed: Flushed,
    failed: Option<nl::Error>,
}

impl Removals {
    fn add(&mut self, connection: &Connection<'_>) {
        if let Err(error) = self.batch.append(|out| conntrack::delete(out, connection)) {
            self.failed.get_or_insert(error);
        }
        if self.batch.len() >= MANY {
            self.send();
        }
    }

    fn send(&mut self) {
        for result in self.socket.batch(&mut self.batch, |_, _| Ok(())) {
            match result {
                Ok(()) => self.flushed.removed += 1,
                Err(error) if error.kind() == Kind::NotFound => self.flushed.gone += 1,
                Err(error) => drop(self.failed.get_or_insert(error)),
            }
        }
        self.batch.clear();
    }
}
