//! What goes over the control socket: the parameters, replies and errors of `io.ovsdp`. `varlinkctl introspect` prints
//! them from here, so names and comments are part of the interface.

use serde::{Deserialize, Serialize};
use zlink::introspect::CustomType;

use crate::error::{Error, Kind};
use crate::switch;

/// What a line of progress reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, CustomType)]
#[serde(rename_all = "snake_case")]
#[zlink(rename_all = "snake_case")]
pub enum Stage {
    /// The step in `text` begins.
    Begin,
    /// The step in `text` is done.
    Ok,
    /// The step in `text` failed; what follows undoes the ones before it.
    Failed,
    /// The step in `text` was undone.
    Undone,
    /// The step in `text` could not be undone.
    Stuck,
    /// A remark.
    Note,
    /// Nothing new: what was said to be waited for is waited for. It shows whether anybody listens still.
    Alive,
    /// What is wrong with the files, though it keeps nothing from being done.
    Warning,
    /// What a command prints, in `text` with its line ends.
    Printed,
    /// The bridge or device in `text`, one of several that are brought up on their own, is up.
    Up,
    /// The bridge or device in `text`, one of several, was as its files say.
    Unchanged,
    /// A bridge or device, one of several, did not come up: `text` is its name, a colon, and why.
    NotUp,
    /// The last line: everything is done.
    Done,
}

/// One line of what a change is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct Progress {
    /// What the line reports.
    pub stage: Stage,
    /// The step, or the remark.
    pub text: String,
    /// How many steps changed something; only in the last line.
    pub changed: Option<u32>,
    /// Within how many seconds the change is to be confirmed, or it is taken back; only in the last line, and only when it waits.
    pub confirm_within: Option<u32>,
}

impl Progress {
    /// A line that is not the last one.
    pub const fn line(stage: Stage, text: String) -> Self {
        Self { stage, text, changed: None, confirm_within: None }
    }

    /// The last line.
    pub const fn done(changed: u32, confirm_within: Option<u32>) -> Self {
        Self { stage: Stage::Done, text: String::new(), changed: Some(changed), confirm_within }
    }
}

/// Who asks for a change, for others who wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct Who {
    /// Its process.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

impl Who {
    /// The longest command line that is told, in characters.
    const LONGEST: usize = 120;

    /// In words. Whoever may write to the socket chose them: what could move a cursor is left out.
    pub fn text(who: Option<&Self>) -> String {
        let Some(Self { pid, command }) = who else { return "another command".to_owned() };
        let command: String = command.chars().filter(|letter| !letter.is_control()).take(Self::LONGEST).collect();
        format!("process {pid} ({command})")
    }
}

/// The change that was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct Confirmed {
    /// Who asked for it.
    pub by: String,
    /// Seconds that were left.
    pub left: u32,
}

/// A change that is done and waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct UnconfirmedStatus {
    /// Who asked for it.
    pub by: String,
    /// Seconds it was given.
    pub seconds: u32,
    /// Seconds until it is taken back.
    pub left: u32,
}

/// What the agent alone knows of one bridge. Its leases stand in the agent's memory, where `ovsdp status` reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct BridgeStatus {
    /// The bridge's name.
    pub name: String,
    /// Entries in its MAC table now.
    pub macs: u32,
    /// The most entries its MAC table may have.
    pub macs_max: u32,
    /// Addresses learned since the agent started.
    pub learned: u64,
    /// Entries that aged out.
    pub expired: u64,
    /// Entries evicted because the table was full.
    pub evicted: u64,
    /// Entries that moved from one port to another.
    pub moved: u64,
}

/// What the agent knows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct AgentStatus {
    /// The agent's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// `per-cpu` or `per-vport`: how the kernel hands it packets.
    pub dispatch: String,
    /// How many threads answer upcalls.
    pub handlers: u32,
    /// Upcalls answered.
    pub upcalls: u64,
    /// Times the kernel reported that it dropped upcalls because a socket was full.
    pub overruns: u64,
    /// Upcalls thrown away because too many of the same port waited.
    #[serde(default)]
    pub dropped: u64,
    /// Flows installed.
    pub installed: u64,
    /// Flows the kernel refused.
    pub refused: u64,
    /// Flows the agent keeps book of now.
    pub flows: u32,
    /// Flows there may be now; packets beyond are forwarded without installing one.
    #[serde(default)]
    pub flow_limit: u32,
    /// The change that waits to be confirmed.
    pub unconfirmed: Option<UnconfirmedStatus>,
    /// Its bridges.
    pub bridges: Vec<BridgeStatus>,
}

/// What comes with an answer that hands the upcall sockets over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct HandedOver {
    /// How many descriptors there are.
    pub sockets: u32,
}

/// One entry of a MAC table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct FdbEntry {
    /// The bridge.
    pub bridge: String,
    /// The port the address was learned on; the bridge's own name for its local port.
    pub port: String,
    /// The port's number in the datapath, when it is attached.
    pub port_no: Option<u32>,
    /// The VLAN, 0 for untagged frames.
    pub vlan: u16,
    /// The Ethernet address.
    pub mac: String,
    /// Seconds since it was last seen; of a static one, since it was put there.
    pub age: u64,
    /// Whether a person put it there: it does not age, and traffic does not move it.
    pub is_static: bool,
}

/// The MAC tables asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct Fdb {
    /// Their entries: of each bridge the static ones, then the learned ones, most recently seen last.
    pub entries: Vec<FdbEntry>,
}

/// What a change of a MAC table did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct FdbChanged {
    /// Addresses added, changed or forgotten; 0 when all was so already.
    pub changed: u32,
}

/// What a MAC table counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct FdbCounts {
    /// The bridge.
    pub bridge: String,
    /// Addresses in it now.
    pub current: u32,
    /// The most there may be.
    pub maximum: u32,
    /// Of those in it now, the static ones.
    pub statics: u32,
    /// Addresses learned since the agent started.
    pub learned: u64,
    /// Addresses that aged out.
    pub expired: u64,
    /// Addresses evicted because the table was full.
    pub evicted: u64,
    /// Addresses found behind another port than before.
    pub moved: u64,
}

/// What the MAC tables asked for count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct FdbStats {
    /// A table each.
    pub tables: Vec<FdbCounts>,
}

/// What a command prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct Printed {
    /// The text, with its line ends.
    pub text: String,
}

/// One step of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct TraceStep {
    /// Which rule it is of: `admission`, `reserved`, `vlan`, `learning`, `lookup`, `output` or `left-out`.
    pub rule: String,
    /// What it found.
    pub text: String,
}

/// How a bridge would treat a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomType)]
pub struct Trace {
    /// The bridge.
    pub bridge: String,
    /// The packet as it was understood.
    pub flow: String,
    /// The decision's steps, in order.
    pub steps: Vec<TraceStep>,
    /// How the decision ended, in words.
    pub verdict: String,
    /// What a flow of the decision would match; null when none would be installed.
    pub megaflow: Option<String>,
    /// What it would do.
    pub actions: String,
}

impl Trace {
    /// What the switch told of `bridge`.
    pub fn of(bridge: &str, told: switch::Trace) -> Self {
        let switch::Trace { flow, steps, reason, megaflow, actions } = told;
        let steps = steps.into_iter().map(|step| TraceStep { rule: step.rule.to_owned(), text: step.text }).collect();
        Self { bridge: bridge.to_owned(), flow, steps, verdict: reason.text().to_owned(), megaflow, actions }
    }
}

/// Why a request was not carried out. Each has the exit code of [`Kind`] in a command.
#[derive(Debug, Clone, PartialEq, Eq, zlink::ReplyError, zlink::introspect::ReplyError)]
#[zlink(interface = "io.ovsdp")]
pub enum ApiError {
    /// It failed and was undone.
    Failed {
        /// What failed.
        message: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// It was asked for in words that mean nothing.
    Usage {
        /// Which.
        message: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// The files cannot be carried out.
    BadConfiguration {
        /// What is wrong, as shown to a person.
        message: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// Nothing goes by that name.
    NoSuch {
        /// The name.
        message: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// The kernel did not permit it.
    NotPermitted {
        /// What was refused.
        message: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// The kernel lacks what is needed.
    KernelLacks {
        /// What it lacks.
        message: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// Another switch owns the datapath.
    OtherSwitch {
        /// Which.
        message: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// An answer did not come in time.
    TimedOut {
        /// Which.
        message: String,
        /// What to do about it.
        advice: Option<String>,
    },
}

impl From<Error> for ApiError {
    fn from(Error { kind, message, advice }: Error) -> Self {
        match kind {
            Kind::Failed => Self::Failed { message, advice },
            Kind::Usage => Self::Usage { message, advice },
            Kind::BadConfiguration => Self::BadConfiguration { message, advice },
            Kind::NoSuch => Self::NoSuch { message, advice },
            Kind::NotPermitted => Self::NotPermitted { message, advice },
            Kind::KernelLacks => Self::KernelLacks { message, advice },
            Kind::OtherSwitch => Self::OtherSwitch { message, advice },
            Kind::TimedOut => Self::TimedOut { message, advice },
        }
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        let (kind, message, advice) = match error {
            ApiError::Failed { message, advice } => (Kind::Failed, message, advice),
            ApiError::Usage { message, advice } => (Kind::Usage, message, advice),
            ApiError::BadConfiguration { message, advice } => (Kind::BadConfiguration, message, advice),
            ApiError::NoSuch { message, advice } => (Kind::NoSuch, message, advice),
            ApiError::NotPermitted { message, advice } => (Kind::NotPermitted, message, advice),
            ApiError::KernelLacks { message, advice } => (Kind::KernelLacks, message, advice),
            ApiError::OtherSwitch { message, advice } => (Kind::OtherSwitch, message, advice),
            ApiError::TimedOut { message, advice } => (Kind::TimedOut, message, advice),
        };
        Self { kind, message, advice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_calls_himself_moves_no_cursor() {
        let who = Who { pid: 7, command: format!("ovsdp\u{1b}[2J up\n{}", "x".repeat(500)) };
        let text = Who::text(Some(&who));
        assert!(text.starts_with("process 7 (ovsdp[2J upxxx") && text.len() < 150, "{text}");
        assert_eq!(Who::text(None), "another command");
    }
}
