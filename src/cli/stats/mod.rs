//! `ovsdp stats`: what the kernel counts of its datapaths, their ports and their flows; with `--watch` again and again, with
//! what happened in between. Needs neither the agent nor a privilege. How it looks is in [`text`].

mod args;
mod text;

use std::io::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ovsdp_proto::IfName;
use serde::Serialize;

pub(super) use args::StatsArgs;
pub(super) use args::{datapath_name, period};

use super::output;
use super::reading::{self, Datapath, DatapathRates, PortRates};
use crate::dp::Dp;
use crate::error::{Error, Kind};

/// A datapath's numbers and, behind the first reading, what happened since the one before.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    now: &'a Datapath,
    #[serde(skip_serializing_if = "Option::is_none")]
    rates: Option<Rates>,
}

/// Rates, each a second; absent ones are not known.
#[derive(Debug, Serialize)]
struct Rates {
    #[serde(flatten)]
    datapath: DatapathRates,
    /// By port name.
    ports: std::collections::BTreeMap<IfName, PortRates>,
}

/// One reading as JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// When, in seconds since 1970.
    time: f64,
    datapaths: Vec<Shown<'a>>,
}

/// Reads once, or until told to stop.
pub(super) fn run(args: &StatsArgs) -> Result<(), Error> {
    let mut dp = Dp::open()?;
    let only = args.datapath.as_ref();
    let (mut began, mut unreadable) = (Instant::now(), 0);
    let mut before = read(&mut dp, only, &mut unreadable)?;
    if before.is_empty() {
        return Err(nothing(only));
    }
    let mut left = args.count.map_or(u64::MAX, u64::from);
    if !show(args, &before, None)? {
        return Ok(());
    }
    let Some(interval) = args.watch else { return Ok(()) };
    loop {
        left -= 1;
        if left == 0 || !output::rest(reading::pause(interval, began.elapsed())) {
            return Ok(());
        }
        began = Instant::now();
        let now = read(&mut dp, only, &mut unreadable)?;
        for gone in before.iter().filter(|before| !now.iter().any(|now| now.index == before.index)) {
            eprintln!("ovsdp: datapath {} is gone; waiting for one to come", gone.name);
        }
        if !show(args, &now, Some(&before))? {
            return Ok(());
        }
        before = now;
    }
}

/// Reads everything. `unreadable` is how many messages could not be read so far; more are said on standard error.
fn read(dp: &mut Dp, only: Option<&IfName>, unreadable: &mut u64) -> Result<Vec<Datapath>, Error> {
    let mut all = Vec::new();
    for found in reading::datapaths(dp, only)? {
        all.extend(reading::read(dp, &found, |_| {})?);
    }
    let more = dp.counters().unreadable - std::mem::replace(unreadable, dp.counters().unreadable);
    if more > 0 {
        eprintln!("ovsdp: {more} messages of the kernel could not be read; what they told is missing");
    }
    Ok(all)
}

/// Why there is nothing to show.
pub(super) fn nothing(only: Option<&IfName>) -> Error {
    let name = only.map(|name| format!(" {name}")).unwrap_or_default();
    Error::new(Kind::NoSuch, format!("there is no datapath{name}")).advise("`ovsdp up` makes one; `ovsdp dpctl dump-dps` lists those there are")
}

/// Prints a reading; `before` is the one before it. Says whether the reader is still there.
fn show(args: &StatsArgs, now: &[Datapath], before: Option<&[Datapath]>) -> Result<bool, Error> {
    let rates = |now: &Datapath| {
        let before = before?;
        Some(DatapathRates::between(before.iter().find(|before| before.index == now.index), now))
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
        let datapaths = now.iter().map(|now| Shown { now, rates: rates(now).map(|rates| by_name(now, rates)) }).collect();
        let mut line =
            serde_json::to_vec(&Line { time, datapaths }).map_err(|error| Error::new(Kind::Failed, format!("cannot write JSON: {error}")))?;
        line.push(b'\n');
        return output::part(out.write_all(&line));
    }
    let mut text = String::new();
    for now in now {
        if before.is_some() || !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&text::datapath(now, rates(now).as_ref()));
    }
    output::part(out.write_all(text.as_bytes()))
}

fn by_name(now: &Datapath, mut rates: DatapathRates) -> Rates {
    let ports = now.ports.iter().map(|port| port.name).zip(std::mem::take(&mut rates.ports)).collect();
    Rates { datapath: rates, ports }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::reading::tests::{datapath, port};

    #[test]
    fn a_reading_as_json() {
        let before = datapath(vec![port(1, "eth0")]);
        let mut now = datapath(vec![port(1, "eth0")]);
        now.at_ms += 500;
        now.ports[0].rx_packets = 3;
        let rates = by_name(&now, DatapathRates::between(Some(&before), &now));
        let value = serde_json::to_value(Shown { now: &now, rates: Some(rates) }).unwrap();
        assert_eq!(value["name"], "ovs-system");
        assert_eq!(value["masks"], 0);
        assert_eq!(value["flow_totals"]["idle"], 0);
        assert_eq!(value["ports"][0]["rx_packets"], 3);
        assert_eq!(value["rates"]["ports"]["eth0"]["rx_packets"], 6.0);
        assert_eq!(value["rates"]["hit"], 0.0);
        assert!(serde_json::to_value(Shown { now: &now, rates: None }).unwrap().get("rates").is_none());
    }
}
