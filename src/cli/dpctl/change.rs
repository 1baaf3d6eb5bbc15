//! Changes of flows on their way to the kernel: collected, sent many at a time, each matched with its acknowledgement.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;
use ovsdp_proto::action::parse_actions;
use ovsdp_proto::flow::{Flow, FlowBuf, Form, Line, Put, Which, parse_flow};
use ovsdp_proto::text::{ParseError, Style};

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::options::Options;
use super::{Outcome, output};
use crate::dp::{self, Datapath, Dp, How, Requests};

/// This many changes are sent at once.
const MANY: usize = 1024;
/// This many bytes of changes are sent at once.
const LARGE: usize = 512 * 1024;

/// What to do with a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Install it; one like it must not be there.
    Add,
    /// Change it; it must be there, unless the options say otherwise.
    Modify,
    /// Remove it.
    Delete,
}

impl Op {
    /// What failed, in `ovs-dpctl`'s words.
    const fn failed(self) -> &'static str {
        match self {
            Self::Add | Self::Modify => "updating flow table",
            Self::Delete => "deleting flow",
        }
    }
}

/// Where a change was read, for complaints: nothing on the command line, else file and line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The command line.
    Here,
    /// A line of a file.
    Line(&'a str, u64),
}

impl Place<'_> {
    fn say(self, what: &str) -> String {
        match self {
            Self::Here => what.to_owned(),
            Self::Line(file, line) => format!("{file}:{line}: {what}"),
        }
    }
}

/// What is remembered of a change until its acknowledgement.
struct Sent {
    op: Op,
    line: u64,
    by_ufid: bool,
    /// The flow's counters, where they are asked for.
    counters: String,
}

/// Changes of one datapath's flows.
pub(super) struct Changes<'a> {
    dp: Dp,
    datapath: Datapath,
    ports: BTreeMap<IfName, u32>,
    file: Option<&'a str>,
    requests: Requests,
    sent: Vec<Sent>,
    buf: FlowBuf,
}

impl<'a> Changes<'a> {
    /// None yet, read from `file`, or from the command line.
    pub(super) fn new(mut dp: Dp, datapath: Datapath, file: Option<&'a str>) -> Result<Self, Complaint> {
        let vports = dp.vports(datapath.index).map_err(|error| Complaint::because("listing ports", &error))?;
        let ports = vports.into_iter().map(|vport| (vport.name, vport.number)).collect();
        let requests = Requests::new(dp.families());
        Ok(Self { dp, datapath, ports, file, requests, sent: Vec::new(), buf: FlowBuf::default() })
    }

    /// The place of line `line`.
    const fn place(&self, line: u64) -> Place<'a> {
        match self.file {
            Some(file) => Place::Line(file, line),
            None => Place::Here,
        }
    }

    /// Takes in a change whose flow, and its actions where there are any, stand in `text`.
    ///
    /// # Errors
    /// It cannot be read, or is too long for the kernel.
    pub(super) fn push(&mut self, options: &Options, op: Op, line: u64, text: &str) -> Outcome {
        let ports = &self.ports;
        let names = |name: &str| ports.get(name).copied();
        let parsed = parse_flow(text, Some(&names), &mut self.buf).map_err(|error| bad(self.place(line), "parsing flow", &error))?;
        match (op, parsed.form) {
            (Op::Add | Op::Modify, Form::Key) => {
                return Err(Complaint::new(self.place(line).say("the flow's actions are missing; one that drops has the action drop")));
            }
            (Op::Delete, Form::Add) => {
                return Err(Complaint::new(self.place(line).say("a flow to be deleted has no actions")));
            }
            _ => {}
        }
        self.request(options, op, line, parsed.ufid)
    }

    /// Takes in a change whose flow and actions are apart.
    ///
    /// # Errors
    /// As [`Changes::push`].
    pub(super) fn push_parts(&mut self, options: &Options, op: Op, flow: &str, actions: &str) -> Outcome {
        let ports = &self.ports;
        let names = |name: &str| ports.get(name).copied();
        let parsed = parse_flow(flow, Some(&names), &mut self.buf).map_err(|error| bad(Place::Here, "parsing flow key", &error))?;
        if parsed.form != Form::Key {
            return Err(Complaint::new("parsing flow key: more than a key"));
        }
        parse_actions(actions, Some(&names), &mut self.buf.actions).map_err(|error| bad(Place::Here, "parsing actions", &error))?;
        self.request(options, op, 0, parsed.ufid)
    }

    fn request(&mut self, options: &Options, op: Op, line: u64, ufid: Option<ovsdp_proto::flow::Ufid>) -> Outcome {
        let FlowBuf { key, mask, actions, .. } = &self.buf;
        let put = Put {
            dp_ifindex: self.datapath.index,
            ufid,
            key: Some(key),
            mask: (!mask.is_empty()).then_some(mask),
            actions: Some(actions),
            clear: options.clear && op == Op::Modify,
            probe: false,
        };
        let pushed = match op {
            Op::Add => self.requests.change_flow(&put, How::Add, options.statistics),
            Op::Modify if options.may_create => self.requests.change_flow(&put, How::Put, options.statistics),
            Op::Modify => self.requests.change_flow(&put, How::Set, options.statistics),
            Op::Delete => self.requests.delete_flow(self.datapath.index, ufid.map_or(Which::Key(key), Which::Ufid), options.statistics),
        };
        let place = self.place(line);
        pushed.map_err(|error| Complaint::because(place.say(op.failed()), &dp::Error::from(error.on("write", "a flow"))))?;
        self.sent.push(Sent { op, line, by_ufid: ufid.is_some(), counters: String::new() });
        Ok(())
    }

    /// Whether enough has come together to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.requests.len() >= MANY || self.requests.wire_len() >= LARGE
    }

    /// Sends what has come together, complains of what the kernel refuses, and prints the counters asked for.
    ///
    /// # Errors
    /// The counters cannot be written.
    pub(super) fn send(&mut self, call: &mut Call<'_>) -> Outcome {
        let Self { dp, requests, sent, .. } = self;
        let now_ms = crate::cli::dump::now_ms();
        let results = dp.run(requests, |at, flow| {
            if let Some(sent) = sent.get_mut(at) {
                sent.counters = counters(flow, now_ms);
            }
        });
        let mut text = String::new();
        for (sent, result) in self.sent.iter().zip(results) {
            let Err(error) = result else {
                text.push_str(&sent.counters);
                continue;
            };
            let error = dp::Error::from(error.on("change", "a flow"));
            let gone = sent.op == Op::Delete && error.errno() == Some(nix::errno::Errno::ENOENT);
            let why = match gone && !sent.by_ufid {
                true => Why::explained(nix::errno::Errno::ENOENT, "Perhaps you need to specify a UFID?"),
                false => Why::from(&error),
            };
            call.complain(&Complaint::because(self.place(sent.line).say(sent.op.failed()), why));
        }
        self.requests.clear();
        self.sent.clear();
        Ok(output::text(&text)?)
    }
}

/// A flow's counters as `-s` prints them, with a newline.
fn counters(flow: &Flow<'_>, now_ms: u64) -> String {
    let line = Line { flow, now_ms, style: Style::default() }.to_string();
    let behind = line.find("packets:").and_then(|start| line.get(start..)).unwrap_or("");
    let end = behind.find(", actions:").unwrap_or(behind.len());
    format!("{}\n", behind.get(..end).unwrap_or(""))
}

/// Text that could not be read.
fn bad(place: Place<'_>, what: &str, error: &ParseError) -> Complaint {
    Complaint::because(place.say(what), Why::explained(nix::errno::Errno::EINVAL, error.to_string()))
}
