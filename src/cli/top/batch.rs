//! `ovsdp top --batch`: the tables one after the other, for pipes and scripts.

use std::io::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::super::output;
use super::super::reading::{Datapath, DatapathRates, PortRates, pause};
use super::super::table::table;
use super::page::page;
use super::state::State;
use super::texts::Texts;
use super::view::{Digits, View, flow_rank};
use super::{Scene, Source, TopArgs};
use crate::error::{Error, Kind};

/// Prints what happened in each interval, until the reader goes away or enough is printed. `scene` was read from `began` on.
pub(super) fn run(args: &TopArgs, source: &mut Source, mut scene: Scene, began: Instant) -> Result<(), Error> {
    let mut texts = Texts::default();
    let mut left = args.count.map_or(u64::MAX, u64::from);
    let mut rest = pause(args.interval, began.elapsed());
    let mut unreadable = 0;
    while left > 0 && output::rest(rest) {
        left -= 1;
        let began = Instant::now();
        let was_there = scene.now.is_some();
        source.read(&mut scene)?;
        if scene.unreadable > unreadable {
            eprintln!("ovsdp: {} messages of the kernel could not be read; what they told is missing", scene.unreadable - unreadable);
            unreadable = scene.unreadable;
        }
        let Some(now) = &scene.now else {
            if was_there {
                eprintln!("ovsdp: the datapath is gone; waiting for it to come back");
            }
            rest = pause(args.interval, began.elapsed());
            continue;
        };
        let text = if args.json { json(args, source, &scene, now, &mut texts)? } else { text(args, source, &scene, now, &mut texts) };
        if !output::part(std::io::stdout().lock().write_all(text.as_bytes()))? {
            return Ok(());
        }
        rest = pause(args.interval, began.elapsed());
    }
    Ok(())
}

fn text(args: &TopArgs, source: &mut Source, scene: &Scene, now: &Datapath, texts: &mut Texts) -> String {
    let mut out = format!("datapath {}: {} ports, {} flows\n", now.name, now.ports.len(), scene.flows.len());
    for view in View::ALL {
        let mut state = State::of(view);
        let room = if view == View::Flows { args.rows.into() } else { now.ports.len() };
        if room == 0 {
            continue;
        }
        let page = page(scene, &mut state, room, Digits::All, texts, |now, id| source.text(now, id));
        out.push_str(&table("", &page.columns, &page.rows));
    }
    out.push('\n');
    out
}

/// One interval as JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// When, in seconds since 1970.
    time: f64,
    datapath: &'a str,
    rates: &'a DatapathRates,
    ports: Vec<PortLine<'a>>,
    /// The busiest, at most as many as asked for.
    flows: Vec<FlowLine>,
}

/// A port's rates, each a second; absent ones are not known.
#[derive(Debug, Serialize)]
struct PortLine<'a> {
    number: u32,
    name: &'a str,
    #[serde(flatten)]
    rates: PortRates,
}

#[derive(Debug, Serialize)]
struct FlowLine {
    packets: u64,
    bytes: u64,
    packets_per_second: Option<f64>,
    bytes_per_second: Option<f64>,
    flow: String,
}

fn json(args: &TopArgs, source: &mut Source, scene: &Scene, now: &Datapath, texts: &mut Texts) -> Result<String, Error> {
    let best = scene.flows.best(flow_rank(0), false, args.rows.into());
    let flow = |row: &super::flows::FlowRow| FlowLine {
        packets: row.packets,
        bytes: row.bytes,
        packets_per_second: row.packet_rate,
        bytes_per_second: row.byte_rate,
        flow: texts.get(&row.id, now.at_ms, |id| source.text(now, id)),
    };
    let line = Line {
        time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64()),
        datapath: &now.name,
        rates: &scene.rates,
        ports: now
            .ports
            .iter()
            .zip(&scene.rates.ports)
            .map(|(port, rates)| PortLine { number: port.number, name: &port.name, rates: *rates })
            .collect(),
        flows: best.iter().map(flow).collect(),
    };
    let text = serde_json::to_string(&line).map_err(|error| Error::new(Kind::Failed, format!("cannot write JSON: {error}")))?;
    Ok(text + "\n")
}
