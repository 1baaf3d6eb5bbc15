//! A decision told to a person: a flow's text in, the steps of the decision about such a packet and what comes of it out.
//!
//! The steps are those of the pipeline itself (`steps.rs`); here they only get words. It must not decide anything.

use core::fmt;

use ovsdp_proto::IfName;
use ovsdp_proto::action::append_actions;
use ovsdp_proto::flow::{FlowBuf, parse_flow};
use ovsdp_proto::key::{L2, Level, append_key};
use ovsdp_proto::nla::{self, Attrs, TooLong};
use ovsdp_proto::text::{ParseError, ParseReason, Style};
use ovsdp_proto::uapi::key;

use super::bond::Exit;
use super::decision::{Decision, Install, Reason};
use super::fdb::Learn;
use super::state::Switch;
use super::steps::{LeftOut, Source, Step};
use super::time::Moment;
use super::topology::PortId;
use super::vlan::Edit;

/// One step in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which rule of the pipeline: `admission`, `reserved`, `vlan`, `learning`, `lookup`, `output`, `left-out` or `patch`.
    pub rule: &'static str,
    /// What it found.
    pub text: String,
}

/// A decision in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The packet as it was understood: every field it has.
    pub flow: String,
    /// The steps, in order.
    pub steps: Vec<Told>,
    /// Why it is treated so.
    pub reason: Reason,
    /// What a flow of the decision would match; `None` when none would be installed.
    pub megaflow: Option<String>,
    /// What it would do.
    pub actions: String,
}

/// Why a packet cannot be traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untraceable {
    /// There is no such bridge.
    NoBridge,
    /// The text is not a flow's.
    Text(ParseError),
    /// The flow does not say which port the packet comes in by.
    NoInPort,
    /// The bridge has no such port.
    NoPort(String),
}

impl Untraceable {
    /// Whether something is missing by its name; else the text is wrong.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::NoBridge | Self::NoPort(_))
    }
}

impl fmt::Display for Untraceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBridge => f.write_str("no bridge by that name is up"),
            Self::Text(error) => write!(f, "the flow cannot be read: {error}"),
            Self::NoInPort => f.write_str("the flow has no in_port(…): a switch decides by where a packet comes from"),
            Self::NoPort(port) => write!(f, "the bridge has no port {port}"),
        }
    }
}

impl core::error::Error for Untraceable {}

/// Reads the key of a flow's text: in any form `dump-flows` prints, of which only the key matters. Bits that the text does not
/// name are zero; so is the number of passes, which every key of the kernel has.
///
/// # Errors
/// [`Untraceable`] says what is wrong with it.
fn key_of(text: &str, port: &dyn Fn(&str) -> Option<u32>) -> Result<Vec<u8>, Untraceable> {
    let mut buf = FlowBuf::default();
    match parse_flow(text, Some(port), &mut buf) {
        Ok(_) if Attrs::new(&buf.key).find(key::RECIRC_ID).is_some() => Ok(buf.key),
        Ok(_) => {
            let mut whole = Vec::new();
            nla::put_u32(&mut whole, key::RECIRC_ID, 0);
            whole.extend_from_slice(&buf.key);
            Ok(whole)
        }
        Err(ParseError { span, reason: ParseReason::UnknownPort }) => {
            Err(Untraceable::NoPort(text.get(span.start..span.end).unwrap_or_default().to_owned()))
        }
        Err(error) => Err(Untraceable::Text(error)),
    }
}

/// Appends what of a key, or of a list within it, is under a mask, as the kernel gives a flow's key back.
fn put_masked(key: &[u8], mask: &[u8], level: Level, out: &mut Vec<u8>) {
    for attr in Attrs::new(key) {
        let Some(bits) = Attrs::new(mask).find(attr.kind()) else { continue };
        // No attribute is longer than it was.
        let _ = if let Some(below) = level.below(attr.kind()) {
            nla::put_nested::<TooLong>(out, attr.kind(), |out| {
                put_masked(attr.payload(), bits.payload(), below, out);
                Ok(())
            })
        } else {
            let value: Vec<u8> = attr.payload().iter().zip(bits.payload()).map(|(value, bits)| value & bits).collect();
            nla::put(out, attr.kind(), &value)
        };
    }
}

impl Switch {
    /// Tells how `bridge` would treat a packet that `flow` describes. With `names` ports are printed by name
    /// only; else by number, as flows are, with the name beside it in the steps. Nothing is learned.
    ///
    /// # Errors
    /// [`Untraceable`].
    pub fn explain(&mut self, now: Moment, bridge: &str, flow: &str, names: bool) -> Result<Trace, Untraceable> {
        let index = self.index_of(bridge).ok_or(Untraceable::NoBridge)?;
        let key = key_of(flow, &|word| self.port_number(bridge, word))?;
        let in_port = L2::parse(&key).ok().and_then(|l2| l2.in_port).ok_or(Untraceable::NoInPort)?;
        if !self.numbered(index).any(|(number, _)| number == in_port) {
            return Err(Untraceable::NoPort(in_port.to_string()));
        }
        let mut decision = Decision::new();
        let steps = self.trace(now, &key, &mut decision);

        // Behind patch ports other bridges' ports are sent to. A tunnel device is called after one of its ports.
        let numbered: Vec<(u32, IfName)> = (index..self.bridges.len()).chain(0..index).flat_map(|at| self.numbered(at)).collect();
        let name = |number| numbered.iter().find(|(of, _)| *of == number).map(|(_, name)| name.as_str());
        let style = Style { names: if names { Some(&name) } else { None }, verbose: false };
        let teller = Teller { switch: self, numbers: !names };
        let text = |append: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            append(&mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        Ok(Trace {
            flow: text(&|out| append_key(out, &key, None, &style)),
            steps: steps.iter().map(|step| teller.tell(*step)).collect(),
            reason: decision.reason,
            megaflow: (decision.install != Install::No).then(|| {
                let mut matched = Vec::new();
                put_masked(&key, &decision.mask, Level::Key, &mut matched);
                text(&|out| append_key(out, &matched, Some(&decision.mask), &style))
            }),
            actions: text(&|out| append_actions(out, &decision.actions, &style)),
        })
    }
}

/// Puts steps into words.
struct Teller<'a> {
    switch: &'a Switch,
    /// Whether a port's number stands beside its name.
    numbers: bool,
}

impl Teller<'_> {
    fn tell(&self, step: Step) -> Told {
        let (rule, text) = match step {
            Step::Admitted { bridge, port } => {
                let bridge = self.switch.bridge_name(bridge);
                ("admission", format!("it comes in by {} of {}", self.port(port), bridge.as_ref().map_or("no bridge", IfName::as_str)))
            }
            Step::Passed { bridge, reason } => {
                let bridge = self.switch.bridge_name(bridge);
                ("patch", format!("{}: {}", bridge.as_ref().map_or("no bridge", IfName::as_str), reason.text()))
            }
            Step::NotReserved { destination } => ("reserved", format!("{destination} is none of the groups that no bridge forwards")),
            Step::Vlan { vlan, source, tagged } => ("vlan", tell_vlan(vlan, source, tagged)),
            Step::FloodVlan { vlan } => ("lookup", format!("in VLAN {vlan} nothing is learned: to every other port")),
            Step::Sender { sender, learn } => ("learning", self.tell_learning(&sender.to_string(), learn)),
            Step::Group { destination } => ("lookup", format!("{destination} is a group's address: to every other port")),
            Step::Station { destination, port: None } => ("lookup", format!("{destination} is not in the MAC table: to every other port")),
            Step::Station { destination, port: Some(port) } => ("lookup", format!("{destination} is behind {}", self.port(port))),
            Step::Output { port, edit } => {
                let edit = match edit {
                    Edit::Keep => "",
                    Edit::Pop => ", without its outer tag",
                    Edit::New => ", with a new tag",
                };
                ("output", format!("to {}{edit}", self.port(port)))
            }
            Step::Member { port, exit } => ("output", self.tell_exit(port, exit)),
            Step::LeftOut { port, why } => {
                let why = match why {
                    LeftOut::CameFrom => "the packet came in by it",
                    LeftOut::Protected => "it is protected, as is the port the packet came in by",
                    LeftOut::NotCarried => "it does not carry packets of this VLAN with these tags",
                    LeftOut::ManyTags => "the packet has more VLAN tags than can be followed into another bridge",
                    LeftOut::OwnAddress => "its tunnel would lead to where the packet was sent to, or nowhere",
                    LeftOut::NoPeer => "its peer is not up, or does not name it",
                };
                ("left-out", format!("not to {}: {why}", self.port(port)))
            }
        };
        Told { rule, text }
    }

    fn tell_learning(&self, sender: &str, learn: Learn) -> String {
        match learn {
            Learn::Refused => format!("{sender} is a group's address: nothing would be learned"),
            Learn::Known => format!("{sender} is known to be behind this port"),
            Learn::Static { port } => format!("{sender} is static, behind {}: nothing would be learned", self.port(port)),
            Learn::Moved { from } => format!("{sender} would be learned to have moved here from {}", self.port(from)),
            Learn::New { evicted: None } => format!("{sender} would be learned behind this port"),
            Learn::New { evicted: Some((vlan, mac)) } => {
                format!("{sender} would be learned behind this port, and {mac} in VLAN {vlan} be forgotten: the table is full")
            }
        }
    }

    fn tell_exit(&self, port: PortId, exit: Exit) -> String {
        let bond = self.switch.port_name(port).map_or_else(|| "a bond that is gone".to_owned(), |name| name.to_string());
        let member = |dp_port| PortText(self.switch.member_name(dp_port), Some(dp_port).filter(|_| self.numbers));
        match exit {
            Exit::Nowhere => format!("not to {bond}: none of its members takes it"),
            Exit::Port { dp_port } => format!("to {bond}, by its active member {}", member(dp_port)),
            Exit::Bucket { dp_port, bucket } => format!("to {bond}, by {}, which has bucket {bucket}", member(dp_port)),
            Exit::Recirculate { .. } => format!("to {bond}, by the member that its hash over layers 3 and 4 chooses when it comes round"),
        }
    }

    fn port(&self, id: PortId) -> PortText {
        PortText(self.switch.port_name(id), self.switch.dp_port(id).filter(|_| self.numbers))
    }
}

fn tell_vlan(vlan: u16, source: Source, tagged: bool) -> String {
    match (source, tagged, vlan) {
        (Source::Tag, ..) | (Source::Port, true, 0) => format!("its tag says VLAN {vlan}"),
        (Source::Port, false, 0) => "it has no tag: VLAN 0".to_owned(),
        (Source::Port, false, _) => format!("it has no tag: VLAN {vlan}, which is this port's"),
        (Source::Port, true, _) => format!("its tag only gives a priority: VLAN {vlan}, which is this port's"),
        (Source::Service, ..) => format!("whatever tags it has, it travels in VLAN {vlan}, which is this port's"),
    }
}

/// A port's name and number.
struct PortText(Option<IfName>, Option<u32>);

impl fmt::Display for PortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0, self.1) {
            (Some(name), Some(number)) => write!(f, "{name} (port {number})"),
            (Some(name), None) => write!(f, "{name}"),
            (None, _) => f.write_str("a port that is gone"),
        }
    }
}
