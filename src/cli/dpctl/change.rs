//! Changes of flows on their way to the kernel: read from text and collected. [`super::send`] sends them.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;
use ovsdp_proto::action::parse_actions;
use ovsdp_proto::flow::{FlowBuf, Form, Put, Ufid, Which, parse_flow};
use ovsdp_proto::text::ParseError;

use super::Outcome;
use super::complaint::{Complaint, Why};
use super::options::Options;
use crate::dp::{self, Datapath, Dp, How, Requests, Undo};

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
    pub(super) const fn failed(self) -> &'static str {
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
    pub(super) fn say(self, what: &str) -> String {
        match self {
            Self::Here => what.to_owned(),
            Self::Line(file, line) => format!("{file}:{line}: {what}"),
        }
    }
}

/// What is remembered of a request until it is known what became of it.
pub(super) struct Sent {
    pub op: Op,
    pub line: u64,
    pub by_ufid: bool,
    /// It only looks at the flow that the next one changes.
    pub looks: bool,
    /// The flow's counters, where they are asked for.
    pub counters: String,
    /// Where [`Together::before`] has what takes it back.
    pub back: Option<usize>,
}

/// What changes need that are made all or none.
pub(super) struct Together {
    /// Takes back what was done.
    pub undo: Undo,
    /// Takes back what is about to be done.
    pub before: Undo,
}

/// Changes of one datapath's flows.
pub(super) struct Changes<'a> {
    pub(super) dp: Dp,
    datapath: Datapath,
    ports: BTreeMap<IfName, u32>,
    pub(super) file: Option<&'a str>,
    pub(super) requests: Requests,
    pub(super) sent: Vec<Sent>,
    /// There when all shall be made, or none.
    pub(super) together: Option<Together>,
    buf: FlowBuf,
}

impl<'a> Changes<'a> {
    /// None yet, read from `file`, or from the command line. With `together` all are made, or none.
    pub(super) fn new(mut dp: Dp, datapath: Datapath, file: Option<&'a str>, together: bool) -> Result<Self, Complaint> {
        let vports = dp.vports(datapath.index).map_err(|error| Complaint::because("listing ports", &error))?;
        let ports = vports.into_iter().map(|vport| (vport.name, vport.number)).collect();
        let families = dp.families();
        // One that is made twice is taken for one that was there before.
        let requests = if together { Requests::once(families) } else { Requests::new(families) };
        let together = together.then(|| Together { undo: Undo::new(families), before: Undo::new(families) });
        Ok(Self { dp, datapath, ports, file, requests, sent: Vec::new(), together, buf: FlowBuf::default() })
    }

    /// The place of line `line`.
    pub(super) const fn place(&self, line: u64) -> Place<'a> {
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

    fn request(&mut self, options: &Options, op: Op, line: u64, ufid: Option<Ufid>) -> Outcome {
        let FlowBuf { key, mask, actions, .. } = &self.buf;
        let datapath = self.datapath.index;
        let put = Put {
            dp_ifindex: datapath,
            ufid,
            key: Some(key),
            mask: (!mask.is_empty()).then_some(mask),
            actions: Some(actions),
            clear: options.clear && op == Op::Modify,
            probe: false,
        };
        let which = ufid.map_or(Which::Key(key), Which::Ufid);
        let requests = &mut self.requests;
        let mut sent = Sent { op, line, by_ufid: ufid.is_some(), looks: false, counters: String::new(), back: None };
        let how = match op {
            Op::Modify if options.may_create => How::Put,
            Op::Modify => How::Set,
            Op::Add | Op::Delete => How::Add,
        };
        let mut push = || match (op, &mut self.together) {
            (Op::Delete, None) => requests.delete_flow(datapath, which, options.statistics),
            (Op::Delete, Some(_)) => requests.take_flow(datapath, which),
            (Op::Add | Op::Modify, None) => requests.change_flow(&put, how, options.statistics),
            (Op::Add | Op::Modify, Some(together)) => {
                if how != How::Set {
                    sent.back = Some(together.before.remove(datapath, which)?);
                }
                if op == Op::Modify {
                    requests.get_flow(datapath, which)?;
                    self.sent.push(Sent { looks: true, counters: String::new(), ..sent });
                }
                requests.change_flow(&put, how, false)
            }
        };
        let pushed = push();
        pushed.map_err(|error| Complaint::because(self.place(line).say(op.failed()), &dp::Error::from(error.on("write", "a flow"))))?;
        self.sent.push(sent);
        Ok(())
    }

    /// Whether enough has come together to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.requests.len() >= MANY || self.requests.wire_len() >= LARGE
    }

    /// Forgets what was not sent.
    pub(super) fn forget(&mut self) {
        self.requests.clear();
        self.sent.clear();
        if let Some(together) = &mut self.together {
            together.before.clear();
        }
    }
}

/// Text that could not be read.
fn bad(place: Place<'_>, what: &str, error: &ParseError) -> Complaint {
    Complaint::because(place.say(what), Why::explained(nix::errno::Errno::EINVAL, error.to_string()))
}
