//! A command's side of the control socket: varlink calls, one after the other, each with one answer or several.
//!
//! It blocks, on the socket alone: a command has one conversation and nothing to do meanwhile, and starting a runtime for it would
//! take longer than the answer.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use socket2::{Domain, SockAddr, Socket, Type};

use super::api::{AgentStatus, ApiError, Confirmed, Fdb, FdbChanged, FdbStats, Printed, Progress, Stage, Trace};
use super::metrics::AgentMetrics;
use super::service::{Change, FdbChange, Terms};
use crate::error::{Error, Kind};

/// How long the agent may take to answer a question, or to say the next thing about a change. A change's longest silence
/// is the wait for a lease, which the agent bounds below this.
const SILENCE: Duration = Duration::from_secs(120);
/// No answer is longer than this, in bytes: a MAC table of a hundred thousand entries.
const LONGEST: usize = 32 << 20;

/// A connection to the agent.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    path: PathBuf,
    /// What was received behind the last message.
    received: Vec<u8>,
    /// How long it may be silent.
    patience: Duration,
}

/// Whether somebody listens on the control socket.
#[derive(Debug)]
pub enum Reach {
    /// Somebody does.
    Connected(Client),
    /// Nobody does: there is no socket, or it is a dead agent's.
    NotRunning,
}

/// A call as it is sent.
#[derive(Serialize)]
struct Call<'a, P> {
    method: &'a str,
    parameters: P,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

/// How a change ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// How many steps changed something.
    pub steps: u32,
    /// Within how many seconds it is to be confirmed, when it waits for that.
    pub confirm_within: Option<u32>,
}

/// Whether an answer is an error, and whether another follows.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    error: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    continues: bool,
}

#[derive(Deserialize)]
struct Body<T> {
    parameters: T,
}

impl Client {
    /// Connects to the agent whose socket is `path`.
    ///
    /// # Errors
    /// [`Kind::NotPermitted`] when the socket is there but not for this user; [`Kind::Failed`] for what else the kernel says.
    pub fn connect(path: &Path) -> Result<Reach, Error> {
        match connect(path) {
            Ok(stream) => Ok(Reach::Connected(Self { stream, path: path.to_owned(), received: Vec::new(), patience: SILENCE })),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(Reach::NotRunning),
                io::ErrorKind::PermissionDenied => {
                    Err(Error::new(Kind::NotPermitted, format!("cannot talk to the agent: {}: {error}", path.display()))
                        .advise("run it as root, or as a member of the socket's group"))
                }
                _ => Err(Error::new(Kind::Failed, format!("cannot talk to the agent: {}: {error}", path.display()))),
            },
        }
    }

    /// Waits no longer than `patience` for the agent's next word; until this is called it is two minutes.
    #[must_use]
    pub fn patient_for(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Has `change` carried out on `terms` with the files of `dir`; `each` is given every line of progress.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub fn change(&mut self, change: &Change, terms: &Terms, dir: &str, mut each: impl FnMut(Progress)) -> Result<Changed, Error> {
        use serde_json::json;
        let Terms { confirm, probe, timeout, with_foreign_ports, who } = terms;
        let probe = probe.map(|probe| probe.text());
        let (method, parameters) = match change {
            Change::Up(names) => {
                ("io.ovsdp.Up", json!({ "names": names, "dir": dir, "confirm": confirm, "probe": probe, "timeout": timeout, "who": who }))
            }
            Change::Down(names) => ("io.ovsdp.Down", json!({ "names": names, "dir": dir, "with_foreign_ports": with_foreign_ports, "who": who })),
            Change::Restart => ("io.ovsdp.Restart", json!({ "dir": dir, "confirm": confirm, "probe": probe, "timeout": timeout, "who": who })),
            Change::Vsctl(words) => ("io.ovsdp.Vsctl", json!({ "words": words, "who": who })),
            Change::Rollback => ("io.ovsdp.Rollback", json!({ "who": who })),
        };
        self.send(&Call { method, parameters, more: true })?;
        loop {
            match self.answer::<Progress>()? {
                (progress, _) if progress.stage == Stage::Done => {
                    return Ok(Changed { steps: progress.changed.unwrap_or(0), confirm_within: progress.confirm_within });
                }
                (progress, true) => each(progress),
                (_, false) => return Err(self.broken("it ended a change without saying how")),
            }
        }
    }

    /// Lets the change stay that waits to be confirmed.
    ///
    /// # Errors
    /// [`Kind::NoSuch`] when none does; what else the agent answered, or that it did not.
    pub fn confirm(&mut self) -> Result<Confirmed, Error> {
        self.call("io.ovsdp.Confirm", serde_json::json!({}))
    }

    /// How the agent and its bridges are.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub fn status(&mut self) -> Result<AgentStatus, Error> {
        self.call("io.ovsdp.Status", serde_json::json!({}))
    }

    /// What the agent measures of itself.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub fn metrics(&mut self) -> Result<AgentMetrics, Error> {
        self.call("io.ovsdp.Metrics", serde_json::json!({}))
    }

    /// The MAC table of `bridge`, or of every bridge.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub fn fdb(&mut self, bridge: Option<&str>) -> Result<Fdb, Error> {
        self.call("io.ovsdp.Fdb", serde_json::json!({ "bridge": bridge }))
    }

    /// Has a MAC table changed. When it returns, flows follow the change and it survives the agent.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub fn change_fdb(&mut self, change: &FdbChange) -> Result<FdbChanged, Error> {
        use serde_json::json;
        match change {
            FdbChange::Add { bridge, port, vlan, mac } => {
                self.call("io.ovsdp.FdbAdd", json!({ "bridge": bridge, "port": port, "vlan": vlan, "mac": mac }))
            }
            FdbChange::Del { bridge, vlan, mac } => self.call("io.ovsdp.FdbDel", json!({ "bridge": bridge, "vlan": vlan, "mac": mac })),
            FdbChange::Flush { bridge } => self.call("io.ovsdp.FdbFlush", json!({ "bridge": bridge })),
        }
    }

    /// What the MAC table of `bridge` counts, or that of every bridge.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub fn fdb_stats(&mut self, bridge: Option<&str>) -> Result<FdbStats, Error> {
        self.call("io.ovsdp.FdbStats", serde_json::json!({ "bridge": bridge }))
    }

    /// How `bridge` would treat a packet that `flow`, a flow's text, describes.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub fn trace(&mut self, bridge: &str, flow: &str, names: bool) -> Result<Trace, Error> {
        self.call("io.ovsdp.Trace", serde_json::json!({ "bridge": bridge, "flow": flow, "names": names }))
    }

    /// Has a command of `ovs-appctl` carried out.
    ///
    /// # Errors
    /// What the agent answered, or that it did not.
    pub fn appctl(&mut self, words: &[String]) -> Result<Printed, Error> {
        self.call("io.ovsdp.Appctl", serde_json::json!({ "words": words }))
    }

    /// Calls a method that has one answer.
    fn call<T: DeserializeOwned>(&mut self, method: &str, parameters: impl Serialize) -> Result<T, Error> {
        self.send(&Call { method, parameters, more: false })?;
        self.answer().map(|(answer, _)| answer)
    }

    fn send<P: Serialize>(&mut self, call: &Call<'_, P>) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec(call).map_err(|error| self.broken(error))?;
        bytes.push(0);
        self.stream.set_write_timeout(Some(self.patience)).and_then(|()| self.stream.write_all(&bytes)).map_err(|error| self.broken(error))
    }

    /// The next answer, and whether another follows.
    fn answer<T: DeserializeOwned>(&mut self) -> Result<(T, bool), Error> {
        let message = self.message()?;
        let head: Head<'_> = serde_json::from_slice(&message).map_err(|error| self.broken(error))?;
        if head.error.is_some() {
            let error: Result<ApiError, _> = serde_json::from_slice(&message);
            return Err(match error {
                Ok(error) => error.into(),
                // One of varlink's own, such as a method this agent does not have.
                Err(_) => Error::new(Kind::Failed, format!("the agent at {} refuses: {}", self.path.display(), String::from_utf8_lossy(&message)))
                    .advise("it may be of another version than this command: restart it"),
            });
        }
        let body: Body<T> = serde_json::from_slice(&message).map_err(|error| self.broken(error))?;
        Ok((body.parameters, head.continues))
    }

    /// The next message, without the NUL that ends it.
    fn message(&mut self) -> Result<Vec<u8>, Error> {
        let deadline = Instant::now() + self.patience;
        let mut searched = 0;
        loop {
            if let Some(end) = self.received.iter().skip(searched).position(|byte| *byte == 0) {
                let end = searched + end;
                let behind = self.received.split_off(end + 1);
                let mut message = std::mem::replace(&mut self.received, behind);
                message.truncate(end);
                return Ok(message);
            }
            searched = self.received.len();
            if searched > LONGEST {
                return Err(self.broken("its answer has no end"));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.silent());
            }
            let mut buffer = [0; 8192];
            match self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.read(&mut buffer)) {
                Ok(0) => return Err(self.broken("it closed the connection")),
                Ok(length) => self.received.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(self.silent()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    fn broken(&self, why: impl std::fmt::Display) -> Error {
        Error::new(Kind::Failed, format!("the agent hung up: {}: {why}", self.path.display()))
            .advise("see its log; what it had begun it finishes or undoes when it starts again")
    }

    fn silent(&self) -> Error {
        Error::new(Kind::TimedOut, format!("the agent at {} said nothing for {} s", self.path.display(), self.patience.as_secs()))
            .advise("see its log; what it had begun it finishes or undoes")
    }
}

/// Connects, but waits only so long for an agent that takes no connections: the kernel counts a connection as a write.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(SILENCE))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(UnixStream::from(OwnedFd::from(socket)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client and the agent's end of its connection.
    fn pair() -> (Client, UnixStream) {
        let (stream, agent) = UnixStream::pair().unwrap();
        (Client { stream, path: "/run/x".into(), received: Vec::new(), patience: SILENCE }, agent)
    }

    #[test]
    fn lines_of_progress_then_the_end() {
        let (mut client, mut agent) = pair();
        // Two messages in one write, and one in two.
        agent.write_all(b"{\"parameters\":{\"stage\":\"begin\",\"text\":\"a\"},\"continues\":true}\0{\"parameters\":{\"stage\":\"ok\",").unwrap();
        agent
            .write_all(
                b"\"text\":\"a\"},\"continues\":true}\0{\"parameters\":{\"stage\":\"done\",\"text\":\"\",\"changed\":1},\"continues\":false}\0",
            )
            .unwrap();
        let mut lines = Vec::new();
        let terms = Terms { confirm: Some(60), probe: Some("192.0.2.1".parse().unwrap()), ..Terms::default() };
        let changed = client.change(&Change::Up(vec!["br0".into()]), &terms, "/d", |line| lines.push((line.stage, line.text))).unwrap();
        assert_eq!((changed.steps, lines), (1, vec![(Stage::Begin, "a".to_owned()), (Stage::Ok, "a".to_owned())]));
        let mut asked = [0; 256];
        let length = agent.read(&mut asked).unwrap();
        let asked: serde_json::Value = serde_json::from_slice(&asked[..length - 1]).unwrap();
        let parameters = serde_json::json!({ "names": ["br0"], "dir": "/d", "confirm": 60, "probe": "192.0.2.1", "timeout": null, "who": null });
        assert_eq!(asked, serde_json::json!({ "method": "io.ovsdp.Up", "parameters": parameters, "more": true }));
    }

    #[test]
    fn the_agents_errors_keep_their_kind() {
        let (mut client, mut agent) = pair();
        agent.write_all(b"{\"error\":\"io.ovsdp.NoSuch\",\"parameters\":{\"message\":\"br9\",\"advice\":null}}\0").unwrap();
        assert_eq!(client.fdb(Some("br9")).unwrap_err(), Error::new(Kind::NoSuch, "br9"));
        agent.write_all(b"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"io.ovsdp.Status\"}}\0").unwrap();
        let error = client.status().unwrap_err();
        assert!(error.kind == Kind::Failed && error.message.contains("MethodNotFound"), "{error}");
    }

    #[test]
    fn an_agent_that_ends_is_told() {
        let (mut client, mut agent) = pair();
        agent.write_all(b"{\"parameters\":{\"stage\":\"begin\"").unwrap();
        drop(agent);
        assert!(client.change(&Change::Down(vec![]), &Terms::default(), "/d", |_| ()).unwrap_err().message.contains("hung up"));
    }
}
