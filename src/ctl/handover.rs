//! A successor's side of the control socket: the upcall sockets come over it as descriptors.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;
use zlink::Connection;
use zlink::tokio::unix::Stream;

use super::api::{ApiError, HandedOver};
use crate::error::{Error, Kind};

/// How long the agent may take to hand over: a change that is under way is finished before.
const PATIENCE: Duration = Duration::from_secs(120);

/// The calls a successor makes.
#[zlink::proxy("io.ovsdp")]
trait Calls {
    #[zlink(return_fds)]
    async fn hand_over(&mut self) -> zlink::Result<(Result<HandedOver, ApiError>, Vec<OwnedFd>)>;
    async fn leave(&mut self) -> zlink::Result<Result<(), ApiError>>;
}

/// The agent that is to be replaced. When it is dropped before [`Predecessor::leave`], that agent goes on.
#[derive(Debug)]
pub struct Predecessor {
    connection: Connection<Stream>,
    sockets: u32,
}

impl Predecessor {
    /// Has the agent whose socket is `path` hand its upcall sockets over. It receives no more upcalls then.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub async fn take_over(path: &Path) -> Result<(Self, Vec<OwnedFd>), Error> {
        let fail = |why: &dyn std::fmt::Display| Error::new(Kind::Failed, format!("the agent does not hand over: {}: {why}", path.display()));
        let mut connection = zlink::tokio::unix::connect(path).await.map_err(|error| fail(&error))?;
        let asked = timeout(PATIENCE, connection.hand_over()).await;
        let asked = asked.map_err(|_| Error::new(Kind::TimedOut, format!("the agent did not hand over within {} s", PATIENCE.as_secs())))?;
        let (answer, descriptors) = asked.map_err(|error| {
            fail(&error).advise("an agent of another version may not be able to: stop it and start this one, which loses new flows meanwhile")
        })?;
        let HandedOver { sockets } = answer.map_err(Error::from)?;
        if u32::try_from(descriptors.len()) != Ok(sockets) || sockets == 0 {
            return Err(fail(&format_args!("{} descriptors came, {sockets} were promised", descriptors.len())));
        }
        Ok((Self { connection, sockets }, descriptors))
    }

    /// How many sockets were handed over.
    pub const fn sockets(&self) -> u32 {
        self.sockets
    }

    /// Has it end.
    pub async fn leave(mut self) {
        // It may be gone before it has answered; whether it is, its lock says.
        let _ = timeout(Duration::from_secs(1), self.connection.leave()).await;
    }
}
