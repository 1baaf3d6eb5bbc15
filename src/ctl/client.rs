//! A command's side of the control socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use zlink::tokio::unix::connect;

use super::api::{AgentStatus, ApiError, Fdb, Progress, Stage};
use super::metrics::AgentMetrics;
use super::service::Change;
use crate::error::{Error, Kind};

#[zlink::proxy("io.ovsdp")]
trait Ovsdp {
    #[zlink(more)]
    async fn up(&mut self, names: &[String], dir: &str) -> zlink::Result<impl Stream<Item = zlink::Result<Result<Progress, ApiError>>>>;
    #[zlink(more)]
    async fn down(&mut self, names: &[String], dir: &str) -> zlink::Result<impl Stream<Item = zlink::Result<Result<Progress, ApiError>>>>;
    async fn status(&mut self) -> zlink::Result<Result<AgentStatus, ApiError>>;
    async fn fdb(&mut self, bridge: Option<&str>) -> zlink::Result<Result<Fdb, ApiError>>;
    async fn metrics(&mut self) -> zlink::Result<Result<AgentMetrics, ApiError>>;
}

/// How long the agent may take to answer a question, or to say the next thing about a change. A change's longest silence
/// is the wait for a lease, which the agent bounds below this.
const SILENCE: Duration = Duration::from_secs(120);

/// A connection to the agent.
#[derive(Debug)]
pub struct Client {
    connection: zlink::tokio::unix::Connection,
    path: PathBuf,
}

/// Whether somebody listens on the control socket.
#[derive(Debug)]
pub enum Reach {
    /// Somebody does.
    Connected(Box<Client>),
    /// Nobody does: there is no socket, or it is a dead agent's.
    NotRunning,
}

impl Client {
    /// Connects to the agent whose socket is `path`.
    ///
    /// # Errors
    /// [`Kind::NotPermitted`] when the socket is there but not for this user; [`Kind::Failed`] for what else the kernel says.
    pub async fn connect(path: &Path) -> Result<Reach, Error> {
        match connect(path).await {
            Ok(connection) => Ok(Reach::Connected(Box::new(Self { connection, path: path.to_owned() }))),
            Err(zlink::Error::Io(error)) => match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => Ok(Reach::NotRunning),
                std::io::ErrorKind::PermissionDenied => {
                    Err(Error::new(Kind::NotPermitted, format!("cannot talk to the agent: {}: {error}", path.display()))
                        .advise("run it as root, or as a member of the socket's group"))
                }
                _ => Err(Error::new(Kind::Failed, format!("cannot talk to the agent: {}: {error}", path.display()))),
            },
            Err(error) => Err(Error::new(Kind::Failed, format!("cannot talk to the agent: {}: {error}", path.display()))),
        }
    }

    fn broken(path: &Path, error: &zlink::Error) -> Error {
        Error::new(Kind::Failed, format!("the agent hung up: {}: {error}", path.display()))
            .advise("see its log; what it had begun it finishes or undoes when it starts again")
    }

    fn silent(path: &Path) -> Error {
        Error::new(Kind::TimedOut, format!("the agent at {} said nothing for {} s", path.display(), SILENCE.as_secs()))
            .advise("see its log; what it had begun it finishes or undoes")
    }

    /// Has `change` carried out with the files of `dir`; `each` is given every line of progress. Returns how many steps
    /// changed something.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub async fn change(&mut self, change: &Change, dir: &str, mut each: impl FnMut(Progress)) -> Result<u32, Error> {
        let path = self.path.clone();
        let stream = match change {
            Change::Up(names) => self.connection.up(names, dir).await.map(StreamExt::boxed_local),
            Change::Down(names) => self.connection.down(names, dir).await.map(StreamExt::boxed_local),
        };
        let mut stream = stream.map_err(|error| Self::broken(&path, &error))?;
        loop {
            let next = tokio::time::timeout(SILENCE, stream.next()).await.map_err(|_| Self::silent(&path))?;
            match next {
                Some(Ok(Ok(progress))) if progress.stage == Stage::Done => return Ok(progress.changed.unwrap_or(0)),
                Some(Ok(Ok(progress))) => each(progress),
                Some(Ok(Err(error))) => return Err(error.into()),
                Some(Err(error)) => return Err(Self::broken(&path, &error)),
                None => return Err(Self::silent(&path)),
            }
        }
    }

    /// How the agent and its bridges are.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub async fn status(&mut self) -> Result<AgentStatus, Error> {
        let path = self.path.clone();
        let answer = tokio::time::timeout(SILENCE, self.connection.status()).await.map_err(|_| Self::silent(&path))?;
        Ok(answer.map_err(|error| Self::broken(&path, &error))??)
    }

    /// What the agent measures of itself.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub async fn metrics(&mut self) -> Result<AgentMetrics, Error> {
        let path = self.path.clone();
        let answer = tokio::time::timeout(SILENCE, self.connection.metrics()).await.map_err(|_| Self::silent(&path))?;
        Ok(answer.map_err(|error| Self::broken(&path, &error))??)
    }

    /// The MAC table of `bridge`, or of every bridge.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub async fn fdb(&mut self, bridge: Option<&str>) -> Result<Fdb, Error> {
        let path = self.path.clone();
        let answer = tokio::time::timeout(SILENCE, self.connection.fdb(bridge)).await.map_err(|_| Self::silent(&path))?;
        Ok(answer.map_err(|error| Self::broken(&path, &error))??)
    }
}
