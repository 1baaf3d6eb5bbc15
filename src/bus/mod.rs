//! The system bus, as far as this program needs it: one method of one program is called, and its answer is waited for.
//!
//! A client of its own, because the calls are few and all alike: a library for D-Bus brings an object server, signals, introspection and an
//! executor along, some sixty crates. Every wait is bounded. The format is the D-Bus specification's, version 0.38.
//!
//! It must not know what the programs on the bus are for.

mod value;
mod wire;

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

pub use value::Value;
use wire::{Incoming, MAX_MESSAGE};

/// Where the system bus listens when `DBUS_SYSTEM_BUS_ADDRESS` says nothing else.
const SOCKET: &str = "/run/dbus/system_bus_socket";
/// How long connecting, and then each call, may take, unless the caller is more patient.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a call brought no answer.
#[derive(Debug)]
pub enum Error {
    /// Nobody is called so on the bus, or the object has no such method.
    Absent,
    /// The program called refused.
    Refused {
        /// The error's name, such as `org.freedesktop.DBus.Error.AccessDenied`.
        name: String,
        /// Its words.
        message: String,
    },
    /// No answer within this time.
    TimedOut(Duration),
    /// The bus cannot be spoken to.
    Io(io::Error),
    /// The bus said something that cannot be.
    Garbled(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nobody of this name is on the system bus"),
            Self::Refused { name, message } if message.is_empty() => f.write_str(name),
            Self::Refused { name, message } => write!(f, "{message} ({name})"),
            Self::TimedOut(patience) => write!(f, "no answer on the system bus within {} s", patience.as_secs()),
            Self::Io(error) => write!(f, "the system bus: {error}"),
            Self::Garbled(what) => write!(f, "the system bus sent {what}"),
        }
    }
}

impl core::error::Error for Error {}

/// One object of one program on the bus.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    /// The program's name on the bus.
    pub service: &'static str,
    /// The object's path.
    pub path: &'static str,
}

const BUS: Object = Object { service: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" };

/// A connection to the system bus.
#[derive(Debug)]
pub struct Bus {
    stream: UnixStream,
    serial: u32,
    received: Vec<u8>,
    patience: Duration,
}

impl Bus {
    /// Connects to the system bus; `None` when there is none.
    ///
    /// # Errors
    /// It does not let us in.
    pub fn system() -> Result<Option<Self>, Error> {
        let address = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").ok();
        let given =
            address.as_deref().and_then(|address| address.strip_prefix("unix:path=")).map(|path| path.split([',', ';']).next().unwrap_or(path));
        Self::at(Path::new(given.unwrap_or(SOCKET)))
    }

    fn at(path: &Path) -> Result<Option<Self>, Error> {
        let stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
            Err(error) => return Err(Error::Io(error)),
        };
        let bus = Self { stream, serial: 0, received: Vec::new(), patience: PATIENCE };
        let mut bus = bus.patient(PATIENCE)?;
        bus.authenticate(Instant::now() + PATIENCE)?;
        bus.call(BUS, "org.freedesktop.DBus", "Hello", &[])?;
        Ok(Some(bus))
    }

    /// The same, waiting this long for each answer.
    ///
    /// # Errors
    /// The system does not know such a time.
    pub fn patient(mut self, patience: Duration) -> Result<Self, Error> {
        self.stream.set_write_timeout(Some(patience)).map_err(Error::Io)?;
        self.patience = patience;
        Ok(self)
    }

    fn failed(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::TimedOut(self.patience),
            _ => Error::Io(error),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).map_err(|error| self.failed(error))
    }

    /// Reads what is there before `deadline`; at its end, nothing.
    fn receive(&mut self, block: &mut [u8], deadline: Instant) -> Result<usize, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::TimedOut(self.patience));
        }
        self.stream.set_read_timeout(Some(left)).map_err(Error::Io)?;
        self.stream.read(block).map_err(|error| self.failed(error))
    }

    /// `EXTERNAL`: the kernel tells the bus who we are.
    fn authenticate(&mut self, deadline: Instant) -> Result<(), Error> {
        let user: String = nix::unistd::geteuid().to_string().bytes().map(|b| format!("{b:02x}")).collect();
        self.send(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes())?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            if self.receive(&mut byte, deadline)? == 0 || line.len() > 256 {
                return Err(Error::Garbled("no end of a line"));
            }
            line.push(byte[0]);
        }
        if !line.starts_with(b"OK ") {
            return Err(Error::Refused { name: "AUTH".to_owned(), message: String::from_utf8_lossy(&line).trim().to_owned() });
        }
        self.send(b"BEGIN\r\n")
    }

    /// Whether a program of this name is on the bus.
    ///
    /// # Errors
    /// The bus did not answer.
    pub fn has(&mut self, name: &str) -> Result<bool, Error> {
        let answer = self.call(BUS, "org.freedesktop.DBus", "NameHasOwner", &[Value::text(name)])?;
        Ok(matches!(answer.first(), Some(Value::Bool(true))))
    }

    /// Calls `method` with `arguments`, without starting the program where it does not run, and returns the answer's values. Values of kinds
    /// this program has no use for end the list.
    ///
    /// # Errors
    /// As they say.
    pub fn call(&mut self, object: Object, interface: &str, method: &str, arguments: &[Value]) -> Result<Vec<Value>, Error> {
        self.call_at(object.service, object.path, interface, method, arguments)
    }

    /// As [`Bus::call`], of an object whose path another answer brought.
    ///
    /// # Errors
    /// As they say.
    pub fn call_at(&mut self, service: &str, path: &str, interface: &str, method: &str, arguments: &[Value]) -> Result<Vec<Value>, Error> {
        self.serial = self.serial.wrapping_add(1).max(1);
        let message = wire::call(self.serial, (service, path), interface, method, arguments);
        let deadline = Instant::now() + self.patience;
        self.send(&message)?;
        loop {
            // What the bus says by itself, and late answers, are nobody's.
            match self.next(deadline)? {
                Incoming { reply_to, outcome } if reply_to == Some(self.serial) => return outcome,
                _ => {}
            }
        }
    }

    fn next(&mut self, deadline: Instant) -> Result<Incoming, Error> {
        loop {
            if let Some(length) = wire::length(&self.received)? {
                if length > MAX_MESSAGE {
                    return Err(Error::Garbled("a message that is too large"));
                }
                if self.received.len() >= length {
                    let incoming = wire::read(self.received.get(..length).unwrap_or_default())?;
                    self.received.drain(..length);
                    return Ok(incoming);
                }
            }
            let mut block = [0; 4096];
            let read = self.receive(&mut block, deadline)?;
            if read == 0 {
                return Err(Error::Garbled("its end in the middle of a message"));
            }
            self.received.extend_from_slice(block.get(..read).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests;
