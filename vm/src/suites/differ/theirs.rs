//! Open vSwitch's control socket: its commands without a process for each.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// What it says of a packet out of a tunnel that no port takes; its handlers drop such.
const NOBODYS: &str = "no OpenFlow tunnel port for this packet";

/// A connection to ovs-vswitchd.
#[derive(Debug)]
pub(super) struct Theirs {
    stream: UnixStream,
    calls: u64,
}

impl Theirs {
    pub(super) fn connect(socket: &str) -> anyhow::Result<Theirs> {
        let stream = UnixStream::connect(socket).with_context(|| format!("cannot connect to {socket}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Theirs { stream, calls: 0 })
    }

    /// What `ovs-appctl` prints for these words.
    pub(super) fn call(&mut self, words: &[&str]) -> anyhow::Result<String> {
        self.calls += 1;
        let (method, params) = words.split_first().context("no command")?;
        let request = json!({"method": method, "params": params, "id": self.calls});
        self.stream.write_all(request.to_string().as_bytes())?;
        let mut answers = serde_json::Deserializer::from_reader(&self.stream).into_iter::<Value>();
        let answer = answers.next().context("it hung up")??;
        match (&answer["error"], &answer["result"]) {
            (Value::Null, Value::String(text)) => Ok(text.clone()),
            (error, _) => bail!("{words:?}: {error}"),
        }
    }

    /// The flow it would install for a packet, and what that would do. Nothing is learned from it.
    pub(super) fn trace(&mut self, flow: &str) -> anyhow::Result<Traced> {
        let text = match self.call(&["ofproto/trace", flow, "--names"]) {
            Err(refused) if refused.to_string().contains(NOBODYS) => {
                return Ok(Traced { megaflow: String::new(), actions: "drop".to_owned(), text: NOBODYS.to_owned() });
            }
            told => told?,
        };
        let last = |what: &str| text.lines().rev().find_map(|line| line.strip_prefix(what)).map(str::to_owned).with_context(|| text.clone());
        Ok(Traced { megaflow: last("Megaflow: ")?, actions: last("Datapath actions: ")?, text: text.clone() })
    }
}

/// What a switch says of a packet.
#[derive(Debug, Clone)]
pub(super) struct Traced {
    pub(super) megaflow: String,
    pub(super) actions: String,
    /// All of it.
    pub(super) text: String,
}

impl Traced {
    /// Whether theirs gave up on a packet that went round in a ring of patch ports.
    pub(super) fn went_round(&self) -> bool {
        self.text.contains(">>>> over ")
    }

    /// Whether there is no flow of theirs to compare: it looks at every such packet itself, or knows no port of it.
    pub(super) fn is_without_flow(&self) -> bool {
        self.text.contains("slow path") || self.text == NOBODYS
    }
}
