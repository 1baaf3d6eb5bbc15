//! `ovsdp flows`: the kernel's flows in the text of `ovs-dpctl dump-flows`, or as JSON lines. Needs neither the agent nor a
//! privilege.

mod args;
mod ranking;

use std::collections::BTreeSet;

use ovsdp_proto::IfName;
use ovsdp_proto::flow::{Flow, append_flow_json};
use ovsdp_proto::key::parse_key;

use args::Sort;
pub(super) use args::{ABOUT, FlowsArgs};
use ranking::Ranking;

use super::dump::{self, Failed, Out, Ports, Text, Wanted};
use super::output;
use super::show::memory;
use crate::dp::filter::{Filter, Rule};
use crate::dp::{self, Dp};
use crate::error::{Error, Kind};
use crate::host::observe::system;
use crate::host::paths::Run;

pub(super) fn run(run: &Run, args: &FlowsArgs) -> Result<(), Error> {
    let bridge = match (&args.bridge, &args.bridge_option) {
        (Some(one), Some(other)) if one != other => {
            return Err(Error::new(Kind::Usage, format!("two bridges are named, {one} and {other}")).advise("name one"));
        }
        (one, other) => one.as_deref().or(other.as_deref()),
    };
    let mut dp = Dp::open()?;
    let name = system()?;
    let Some(datapath) = dp.datapath(&name)? else {
        return Err(Error::new(Kind::NoSuch, format!("there is no datapath {name}")).advise("`ovsdp up` makes it"));
    };
    let ports = Ports::of(&mut dp, &datapath)?;
    let wanted =
        Wanted { ports: wanted_ports(run, args, bridge, &ports)?, filter: args.filter.as_deref().map(|text| filter(text, &ports)).transpose()? };
    let text = Text { names: (args.names || args.more).then_some(&ports), verbose: args.more, now_ms: dp::now_ms() };
    let printer = Printer { text, json: args.json, ports: &ports };
    let mut out = Out::new().map_err(|error| Error::new(Kind::Failed, format!("cannot write the output: {error}")))?;
    let mut scratch = Vec::new();
    let read = if let Some(by) = args.sort.or(args.top.map(|_| Sort::Packets)) {
        let mut ranking = Ranking::new(args.top);
        let read = dump::read(&mut dp, &datapath, &wanted, |flow| {
            ranking.offer(rank(flow, by), |line| printer.append(flow, &mut scratch, line));
            Ok(())
        });
        read.and_then(|reading| {
            let mut lines = ranking.into_lines();
            lines.try_for_each(|text| out.line(|line| line.extend_from_slice(&text))).map_err(Failed::Write)?;
            Ok(reading)
        })
    } else {
        dump::read(&mut dp, &datapath, &wanted, |flow| out.line(|line| printer.append(flow, &mut scratch, line)))
    };
    let read = match read {
        Err(Failed::Write(error)) => return output::finish(Err(error)),
        read => {
            output::finish(out.finish())?;
            read.map_err(Error::from)?
        }
    };
    let Some(remark) = dump::remark(&read) else { return Ok(()) };
    if read.unreadable > 0 {
        return Err(Error::new(Kind::Failed, remark));
    }
    eprintln!("ovsdp: {remark}");
    Ok(())
}

/// How flows are printed.
struct Printer<'a> {
    text: Text<'a>,
    json: bool,
    ports: &'a Ports,
}

impl Printer<'_> {
    /// Appends one flow to `out`. `scratch` is used again and again.
    fn append(&self, flow: &Flow<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        if !self.json {
            return self.text.append(out, flow);
        }
        scratch.clear();
        self.text.append(scratch, flow);
        append_flow_json(out, flow, scratch, &|port| self.ports.name(port));
    }
}

/// What a flow is ordered by.
fn rank(flow: &Flow<'_>, by: Sort) -> u64 {
    match by {
        Sort::Packets => flow.stats.packets,
        Sort::Bytes => flow.stats.bytes,
        Sort::Used => flow.used.unwrap_or(0),
    }
}

/// Reads `--filter`.
fn filter(text: &str, ports: &Ports) -> Result<Filter, Error> {
    let wrong = |why: String| Error::new(Kind::Usage, format!("--filter: {why}"));
    if text.trim().is_empty() {
        return Err(wrong("it is empty".to_owned()).advise("name what flows must match, such as 'eth_type(0x0800),ipv4(src=10.0.0.0/8)'"));
    }
    let (mut key, mut mask) = (Vec::new(), Vec::new());
    parse_key(text, Some(&|name: &str| ports.number(name)), &mut key, &mut mask).map_err(|error| {
        let column = text.get(..error.span.start).unwrap_or(text).chars().count() + 1;
        let rest: String = text.get(error.span.start..).unwrap_or_default().chars().take(40).collect();
        wrong(format!("column {column}, at `{rest}`: {}", error.reason))
    })?;
    Filter::new(Rule::Covers).with_key(&key, &mask).map_err(|unfit| wrong(format!("flows cannot be chosen by {}", unfit.0)))
}

/// The ports whose flows are wanted; `None`: all.
fn wanted_ports(run: &Run, args: &FlowsArgs, bridge: Option<&str>, ports: &Ports) -> Result<Option<BTreeSet<u32>>, Error> {
    let of_bridge = bridge.map(|bridge| bridge_ports(run, bridge, ports)).transpose()?;
    if args.ports.is_empty() {
        return Ok(of_bridge);
    }
    let mut named = BTreeSet::new();
    for port in &args.ports {
        let number = ports.number(port).or_else(|| port.parse().ok());
        named.insert(number.ok_or_else(|| Error::new(Kind::NoSuch, format!("{port}: the datapath has no port by that name")))?);
    }
    Ok(Some(match of_bridge {
        Some(of_bridge) => named.intersection(&of_bridge).copied().collect(),
        None => named,
    }))
}

/// The numbers of a bridge's ports.
fn bridge_ports(run: &Run, bridge: &str, ports: &Ports) -> Result<BTreeSet<u32>, Error> {
    let memory = memory(run)?;
    let Some((name, remembered)) = memory.bridges.iter().find(|(name, _)| name.as_str() == bridge) else {
        return Err(Error::new(Kind::NoSuch, format!("{bridge}: no bridge by that name is up")));
    };
    Ok(ports.iter().filter(|(_, port): &(u32, IfName)| port == name || remembered.holds(*port)).map(|(number, _)| number).collect())
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Dump(error) | Failed::Get(error) => dp::Error::into(error),
            Failed::Write(error) => Self::new(Kind::Failed, format!("cannot write the output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests;
