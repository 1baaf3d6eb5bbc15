//! The agent's control socket (varlink): a question without a process for each.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::theirs::Traced;

/// A connection to the agent.
#[derive(Debug)]
pub(super) struct Ours(BufReader<UnixStream>);

impl Ours {
    pub(super) fn connect(socket: &str) -> anyhow::Result<Ours> {
        let stream = UnixStream::connect(socket).with_context(|| format!("cannot connect to {socket}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Ours(BufReader::new(stream)))
    }

    /// The flow it would install for a packet that comes in by a port of `bridge`, and what that would do.
    pub(super) fn trace(&mut self, bridge: &str, flow: &str) -> anyhow::Result<Traced> {
        let call = json!({"method": "io.ovsdp.Trace", "parameters": {"bridge": bridge, "flow": flow, "names": true}});
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        self.0.get_mut().write_all(&bytes)?;
        bytes.clear();
        self.0.read_until(0, &mut bytes)?;
        let answer: Value = serde_json::from_slice(bytes.strip_suffix(&[0]).context("it hung up")?)?;
        ensure!(answer["error"].is_null(), "{flow}: {answer}");
        let told = &answer["parameters"];
        let text = |what: &str| told[what].as_str().map(str::to_owned);
        let steps = told["steps"].as_array().context("no steps")?.iter();
        let steps: Vec<String> = steps.map(|step| format!(" {} {}", step["rule"], step["text"])).collect();
        Ok(Traced {
            // None is to be installed: nothing is narrower than that.
            megaflow: text("megaflow").unwrap_or_default(),
            actions: text("actions").context("no actions")?,
            text: format!("{}\n verdict {}", steps.join("\n"), told["verdict"]),
        })
    }
}
