//! The agent's side of the control socket: turns calls into [`Request`]s on a channel and their answers into replies.

use std::fmt;
use std::fs::Permissions;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::{mpsc, oneshot};
use zlink::tokio::unix::Listener;
use zlink::{Reply, Server};

use super::api::{AgentStatus, ApiError, Confirmed, Fdb, FdbChanged, FdbStats, Progress, Stage, Trace, Who};
use super::metrics::AgentMetrics;
use crate::error::{Error, Kind};

/// What a change is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Bring up what is named; every ONBOOT bridge when nothing is.
    Up(Vec<String>),
    /// Bring up every ONBOOT bridge, each on its own: one that fails does not keep the others down. When it is to be confirmed it is one
    /// change, as [`Self::Up`].
    Restart,
    /// Take down what is named.
    Down(Vec<String>),
    /// Carry out a line of `ovs-vsctl` commands, without the program's name; what it prints comes as a line of progress.
    Vsctl(Vec<String>),
    /// Take back the change that waits to be confirmed, or what is left of one that could not be taken back.
    Rollback,
}

/// Who is to answer when a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// The gateway of each default route out of what is brought up.
    Gateway,
    /// This neighbour.
    Address(IpAddr),
}

impl Probe {
    /// What asks for the gateway on the wire and on the command line.
    pub const GATEWAY: &str = "gateway";

    /// As it is written.
    pub fn text(&self) -> String {
        match self {
            Self::Gateway => Self::GATEWAY.to_owned(),
            Self::Address(address) => address.to_string(),
        }
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == Self::GATEWAY {
            return Ok(Self::Gateway);
        }
        text.parse().map(Self::Address).map_err(|_| format!("`{text}` is no IP address"))
    }
}

/// On what terms a change is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// Within how many seconds it is to be confirmed, or it is taken back; it is for good when there is none.
    pub confirm: Option<u32>,
    /// Who is to answer when the change is made, or it is taken back.
    pub probe: Option<Probe>,
    /// Within how many seconds it is to be done, or it is taken back; as long as it takes when there is none.
    pub timeout: Option<u32>,
    /// Whether ports of others are detached when the last bridge goes.
    pub with_foreign_ports: bool,
    /// Who asks.
    pub who: Option<Who>,
}

/// What is to be changed in MAC tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FdbChange {
    /// Put in a static address.
    Add {
        /// The bridge.
        bridge: String,
        /// The port it is behind.
        port: String,
        /// The VLAN, 0 for untagged frames.
        vlan: u16,
        /// The Ethernet address.
        mac: String,
    },
    /// Take out an address, learned or static.
    Del {
        /// The bridge.
        bridge: String,
        /// The VLAN, 0 for untagged frames.
        vlan: u16,
        /// The Ethernet address.
        mac: String,
    },
    /// Forget every learned address.
    Flush {
        /// The bridge; every one when it is `None`.
        bridge: Option<String>,
    },
}

/// A packet whose way is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceOf {
    /// The bridge it comes into.
    pub bridge: String,
    /// The packet, as a flow's text.
    pub flow: String,
    /// Whether the answer calls ports by name only.
    pub names: bool,
}

/// Where an answer goes.
pub type Answer<T> = oneshot::Sender<Result<T, Error>>;

/// Where a change's lines go: any number of `Ok`, then the last `Ok` with [`Stage::Done`] or one `Err`.
pub type Lines = mpsc::UnboundedSender<Result<Progress, Error>>;

/// A request from a client, with where its answer goes.
pub enum Request {
    /// Carry out a change with the files of a folder.
    Change {
        /// What to do.
        change: Change,
        /// On what terms.
        terms: Terms,
        /// The folder with the ifcfg files, absolute.
        dir: PathBuf,
        /// Where the lines of progress go.
        lines: Lines,
    },
    /// Let the change stay that waits to be confirmed.
    Confirm(Answer<Confirmed>),
    /// Say how the agent and its bridges are.
    Status(oneshot::Sender<AgentStatus>),
    /// Say what is in the MAC table of one bridge, or of all.
    Fdb(Option<String>, Answer<Fdb>),
    /// Change a MAC table; answered when flows follow.
    FdbChange(FdbChange, Answer<FdbChanged>),
    /// Say what the MAC table of one bridge counts, or of all.
    FdbStats(Option<String>, Answer<FdbStats>),
    /// Say how a packet would be treated.
    Trace(TraceOf, Answer<Trace>),
    /// Carry out a command of `ovs-appctl`; answered with what it prints.
    Appctl(Vec<String>, Answer<String>),
    /// Hand over the upcall sockets, and receive no more upcalls until the successor leaves or takes too long.
    HandOver(Answer<Vec<OwnedFd>>),
    /// End: the successor has the upcall sockets.
    Leave,
    /// Say what the agent measures of itself.
    Metrics(oneshot::Sender<AgentMetrics>),
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change { change, terms, dir, .. } => {
                f.debug_struct("Change").field("change", change).field("terms", terms).field("dir", dir).finish()
            }
            Self::Confirm(_) => f.write_str("Confirm"),
            Self::Status(_) => f.write_str("Status"),
            Self::Fdb(bridge, _) => f.debug_tuple("Fdb").field(bridge).finish(),
            Self::FdbChange(change, _) => f.debug_tuple("FdbChange").field(change).finish(),
            Self::FdbStats(bridge, _) => f.debug_tuple("FdbStats").field(bridge).finish(),
            Self::Trace(of, _) => f.debug_tuple("Trace").field(of).finish(),
            Self::Appctl(words, _) => f.debug_tuple("Appctl").field(words).finish(),
            Self::HandOver(_) => f.write_str("HandOver"),
            Self::Leave => f.write_str("Leave"),
            Self::Metrics(_) => f.write_str("Metrics"),
        }
    }
}

/// Takes requests to whoever carries them out. `Err` gives the request back: the other end is gone.
pub trait Inbox {
    /// Hands over one request.
    ///
    /// # Errors
    /// Nobody is there to take it any more.
    fn put(&self, request: Request) -> Result<(), Error>;
}

type Item = Result<Reply<Progress>, ApiError>;

fn stream(receiver: mpsc::UnboundedReceiver<Result<Progress, Error>>) -> BoxStream<'static, Item> {
    unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Ok(progress)) if progress.stage == Stage::Done => Some((Ok(Reply::new(Some(progress)).set_continues(Some(false))), None)),
            Some(Ok(progress)) => Some((Ok(Reply::new(Some(progress)).set_continues(Some(true))), Some(receiver))),
            Some(Err(error)) => Some((Err(error.into()), None)),
            None => Some((Err(gone().into()), None)),
        }
    })
    .boxed()
}

fn gone() -> Error {
    Error::new(Kind::Failed, "the agent stopped before it answered").advise("see its log, then run the command again")
}

/// A call without `more` hears only how it ended.
async fn last(mut receiver: mpsc::UnboundedReceiver<Result<Progress, Error>>) -> Item {
    while let Some(line) = receiver.recv().await {
        match line {
            Ok(progress) if progress.stage == Stage::Done => return Ok(Reply::new(Some(progress)).set_continues(Some(false))),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(gone().into())
}

/// The varlink service.
pub struct Service {
    inbox: Box<dyn Inbox>,
}

impl Service {
    fn change(&self, more: bool, change: Change, terms: Terms, dir: String) -> BoxStream<'static, Item> {
        let (lines, receiver) = mpsc::unbounded_channel();
        if let Err(error) = self.inbox.put(Request::Change { change, terms, dir: dir.into(), lines }) {
            return futures_util::stream::iter([Err(error.into())]).boxed();
        }
        if more { stream(receiver) } else { futures_util::stream::once(last(receiver)).boxed() }
    }

    /// A change that brings something up, when its terms can be read.
    fn bring(
        &self,
        more: bool,
        change: Change,
        (confirm, probe, timeout): (Option<u32>, Option<String>, Option<u32>),
        who: Option<Who>,
        dir: String,
    ) -> BoxStream<'static, Item> {
        match probe.map(|probe| probe.parse()).transpose() {
            Ok(probe) => self.change(more, change, Terms { confirm, probe, timeout, who, ..Terms::default() }, dir),
            Err(bad) => futures_util::stream::iter([Err(Error::new(Kind::Usage, format!("probe: {bad}")).into())]).boxed(),
        }
    }
}

impl Service {
    /// Asks what has one answer.
    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, ApiError> {
        let (sender, receiver) = oneshot::channel();
        self.inbox.put(request(sender))?;
        Ok(receiver.await.map_err(|_| gone())??)
    }
}

/// What the macro below generates stands beside its `impl`; this module is there to say so once.
mod interface {
    #![allow(missing_docs, reason = "zlink::service generates undocumented public helper types")]
    #![allow(clippy::too_many_arguments, reason = "a call's parameters are its function's")]

    use std::os::fd::OwnedFd;

    use futures_util::Stream;
    use tokio::sync::oneshot;
    use zlink::Reply;

    use super::super::api::{
        AgentStatus, ApiError, BridgeStatus, Confirmed, Fdb, FdbChanged, FdbCounts, FdbEntry, FdbStats, HandedOver, Printed, Progress, Stage, Trace,
        TraceStep, UnconfirmedStatus, Who,
    };
    use super::super::metrics::{AgentMetrics, Losses, Timing};
    use super::{Change, FdbChange, Request, Service, Terms, TraceOf, gone};

    #[zlink::service(
        interface = "io.ovsdp",
        vendor = "ovsdp",
        product = "ovsdp",
        version = env!("CARGO_PKG_VERSION"),
        url = env!("CARGO_PKG_REPOSITORY"),
        types = [
            Progress, Who, Confirmed, UnconfirmedStatus, BridgeStatus, AgentStatus, FdbEntry, Fdb, FdbChanged, FdbCounts, FdbStats, TraceStep, Trace, Printed, Stage, HandedOver, Timing,
            Losses, AgentMetrics
        ]
    )]
    impl Service {
        /// Bring up what `names` names, every ONBOOT bridge when it is empty, from the ifcfg files of `dir`. With `confirm` it is taken
        /// back unless Confirm is called within that many seconds, with `probe` (a neighbour's address, or "gateway") unless that answers, and with
        /// `timeout` unless it is done within that many seconds.
        #[zlink(more)]
        async fn up(
            &self,
            more: bool,
            names: Vec<String>,
            dir: String,
            confirm: Option<u32>,
            probe: Option<String>,
            timeout: Option<u32>,
            who: Option<Who>,
        ) -> impl Stream<Item = Result<Reply<Progress>, ApiError>> + Unpin + use<> {
            self.bring(more, Change::Up(names), (confirm, probe, timeout), who, dir)
        }

        /// Bring up every ONBOOT bridge from the ifcfg files of `dir`, each on its own: one that fails does not keep the others down. With
        /// `confirm` or `probe` it is one change, taken back as Up's is; `timeout` is for all of it.
        #[zlink(more)]
        async fn restart(
            &self,
            more: bool,
            dir: String,
            confirm: Option<u32>,
            probe: Option<String>,
            timeout: Option<u32>,
            who: Option<Who>,
        ) -> impl Stream<Item = Result<Reply<Progress>, ApiError>> + Unpin + use<> {
            self.bring(more, Change::Restart, (confirm, probe, timeout), who, dir)
        }

        /// Take down what `names` names and give its ports back what they had. `with_foreign_ports` says that the last bridge may go
        /// though the datapath has ports of others, which are then detached.
        #[zlink(more)]
        async fn down(
            &self,
            more: bool,
            names: Vec<String>,
            dir: String,
            with_foreign_ports: Option<bool>,
            who: Option<Who>,
        ) -> impl Stream<Item = Result<Reply<Progress>, ApiError>> + Unpin + use<> {
            let with_foreign_ports = with_foreign_ports.unwrap_or(false);
            self.change(more, Change::Down(names), Terms { with_foreign_ports, who, ..Terms::default() }, dir)
        }

        /// Take back the change that waits to be confirmed, or what is left of one that could not be taken back.
        #[zlink(more)]
        async fn rollback(&self, more: bool, who: Option<Who>) -> impl Stream<Item = Result<Reply<Progress>, ApiError>> + Unpin + use<> {
            self.change(more, Change::Rollback, Terms { who, ..Terms::default() }, String::new())
        }

        /// Carry out a line of `ovs-vsctl` commands, all of it or nothing; `words` are its arguments. What it prints comes as a line
        /// of progress.
        #[zlink(more)]
        async fn vsctl(
            &self,
            more: bool,
            words: Vec<String>,
            who: Option<Who>,
        ) -> impl Stream<Item = Result<Reply<Progress>, ApiError>> + Unpin + use<> {
            self.change(more, Change::Vsctl(words), Terms { who, ..Terms::default() }, String::new())
        }

        /// Let the change stay that waits to be confirmed.
        async fn confirm(&self) -> Result<Confirmed, ApiError> {
            self.ask(Request::Confirm).await
        }

        /// How the agent and its bridges are.
        async fn status(&self) -> Result<AgentStatus, ApiError> {
            let (sender, receiver) = oneshot::channel();
            self.inbox.put(Request::Status(sender))?;
            receiver.await.map_err(|_| gone().into())
        }

        /// The MAC table of `bridge`, or of every bridge.
        async fn fdb(&self, bridge: Option<String>) -> Result<Fdb, ApiError> {
            self.ask(|answer| Request::Fdb(bridge, answer)).await
        }

        /// Put a static address into the MAC table of `bridge`, behind `port`. Answered when flows follow.
        async fn fdb_add(&self, bridge: String, port: String, vlan: u16, mac: String) -> Result<FdbChanged, ApiError> {
            self.ask(|answer| Request::FdbChange(FdbChange::Add { bridge, port, vlan, mac }, answer)).await
        }

        /// Take an address, learned or static, out of the MAC table of `bridge`. Answered when flows follow.
        async fn fdb_del(&self, bridge: String, vlan: u16, mac: String) -> Result<FdbChanged, ApiError> {
            self.ask(|answer| Request::FdbChange(FdbChange::Del { bridge, vlan, mac }, answer)).await
        }

        /// Forget every learned address of `bridge`, or of every bridge; static ones stay. Answered when flows follow.
        async fn fdb_flush(&self, bridge: Option<String>) -> Result<FdbChanged, ApiError> {
            self.ask(|answer| Request::FdbChange(FdbChange::Flush { bridge }, answer)).await
        }

        /// What the MAC table of `bridge` counts, or that of every bridge.
        async fn fdb_stats(&self, bridge: Option<String>) -> Result<FdbStats, ApiError> {
            self.ask(|answer| Request::FdbStats(bridge, answer)).await
        }

        /// How `bridge` would treat a packet that `flow`, a flow's text, describes; with `names` ports are called by name only.
        /// Nothing is learned.
        async fn trace(&self, bridge: String, flow: String, names: bool) -> Result<Trace, ApiError> {
            self.ask(|answer| Request::Trace(TraceOf { bridge, flow, names }, answer)).await
        }

        /// Carry out a command of `ovs-appctl` about bonds or LACP, `words` its name and arguments; answered with what it prints.
        async fn appctl(&self, words: Vec<String>) -> Result<Printed, ApiError> {
            self.ask(|answer| Request::Appctl(words, answer)).await.map(|text| Printed { text })
        }

        /// Hand the upcall sockets over to an agent that is to take this one's place: as many descriptors as `sockets` says come with the
        /// answer. No upcall is received any more, unless Leave is not called within five seconds.
        #[zlink(return_fds)]
        async fn hand_over(&self) -> (Result<HandedOver, ApiError>, Vec<OwnedFd>) {
            match self.ask(Request::HandOver).await {
                Ok(sockets) => (Ok(HandedOver { sockets: u32::try_from(sockets.len()).unwrap_or(u32::MAX) }), sockets),
                Err(error) => (Err(error), Vec::new()),
            }
        }

        /// End, after the upcall sockets were handed over.
        async fn leave(&self) -> Result<(), ApiError> {
            Ok(self.inbox.put(Request::Leave)?)
        }

        /// How long the agent's work took, and what its netlink sockets lost.
        async fn metrics(&self) -> Result<AgentMetrics, ApiError> {
            let (sender, receiver) = oneshot::channel();
            self.inbox.put(Request::Metrics(sender))?;
            receiver.await.map_err(|_| gone().into())
        }
    }
}

fn fail(what: &str, path: &Path, error: &dyn fmt::Display) -> Error {
    Error::new(Kind::Failed, format!("cannot {what} the control socket {}: {error}", path.display()))
}

/// Listens on `path`. A socket left behind by an agent that was killed is replaced: the caller holds the lock that says it is
/// the only agent.
///
/// # Errors
/// The socket cannot be made.
pub fn bind(path: &Path) -> Result<Listener, Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail("replace", path, &error)),
        _ => {}
    }
    let listener = zlink::tokio::unix::bind(path).map_err(|error| fail("listen on", path, &error))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(|error| fail("set the mode of", path, &error))?;
    Ok(listener)
}

/// Answers whoever connects, until the listener fails.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: Listener, inbox: Box<dyn Inbox>) -> Result<(), Error> {
    let served = Server::new(listener, Service { inbox }).run().await;
    served.map_err(|error| Error::new(Kind::Failed, format!("the control socket failed: {error}")))
}
