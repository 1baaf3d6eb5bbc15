//! `ovsdp flows`: the kernel's flows in the text of `ovs-dpctl dump-flows`, or as JSON lines. Needs neither the agent nor a
//! privilege. Flows are printed as they come out of the kernel; only their identifiers are kept, to print none twice.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};

use nix::time::{ClockId, clock_gettime};
use ovsdp_proto::flow::{Flow, Line};
use ovsdp_proto::key::Key;
use ovsdp_proto::text::Style;
use serde::Serialize;

use super::output;
use super::show::memory;
use crate::dp::{self, Dp, Parts};
use crate::error::{Error, Kind};
use crate::host::observe::system;
use crate::host::paths::Run;

#[derive(Debug, Serialize)]
struct JsonFlow {
    #[serde(skip_serializing_if = "Option::is_none")]
    ufid: Option<String>,
    packets: u64,
    bytes: u64,
    /// Seconds since it was last used; absent when it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<f64>,
    flow: String,
    actions: String,
}

pub(super) fn run(run: &Run, bridge: Option<&str>, json: bool) -> Result<(), Error> {
    let mut dp = Dp::open()?;
    let name = system()?;
    let Some(datapath) = dp.datapath(&name)? else {
        return Err(Error::new(Kind::NoSuch, format!("there is no datapath {name}")).advise("`ovsdp up` makes it"));
    };
    let only = bridge.map(|bridge| ports(run, &mut dp, datapath.index, bridge)).transpose()?;
    let now_ms =
        clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| u64::try_from(std::time::Duration::from(now).as_millis()).unwrap_or(u64::MAX));
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut result = Ok(());
    // The kernel may show a flow twice while its table is rebuilt, or all of them again after a loss.
    let mut printed = std::collections::HashSet::new();
    dp.flows(datapath.index, Parts::Full, |flow| {
        let Some(flow) = flow else { return };
        let seen_before = flow.ufid.is_some_and(|ufid| !printed.insert(ufid));
        let elsewhere = only.as_ref().is_some_and(|only| !flow.key.and_then(|key| Key::new(key).in_port()).is_some_and(|port| only.contains(&port)));
        if result.is_err() || seen_before || elsewhere {
            return;
        }
        result = if json { write_json(&mut out, flow, now_ms) } else { writeln!(out, "{}", line(flow, now_ms)) };
    })?;
    output::finish(result.and_then(|()| out.flush()))
}

fn line<'a>(flow: &'a Flow<'a>, now_ms: u64) -> Line<'a> {
    Line { flow, now_ms, style: Style::default() }
}

fn write_json(out: &mut impl Write, flow: &Flow<'_>, now_ms: u64) -> io::Result<()> {
    let text = line(flow, now_ms).to_string();
    let (words, actions) = text.rsplit_once(", actions:").unwrap_or((&text, ""));
    let words = words.split(", packets:").next().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since a flow was used are far below 2^52")]
    let used = flow.used.map(|used| now_ms.saturating_sub(used) as f64 / 1000.0);
    let flow = JsonFlow {
        ufid: flow.ufid.map(|ufid| ufid.to_string()),
        packets: flow.stats.packets,
        bytes: flow.stats.bytes,
        used,
        flow: words.to_owned(),
        actions: actions.to_owned(),
    };
    serde_json::to_writer(&mut *out, &flow)?;
    out.write_all(b"\n")
}

/// The numbers of a bridge's ports.
fn ports(run: &Run, dp: &mut Dp, datapath: u32, bridge: &str) -> Result<BTreeSet<u32>, Error> {
    let memory = memory(run)?;
    let Some((name, remembered)) = memory.bridges.iter().find(|(name, _)| name.as_str() == bridge) else {
        return Err(Error::new(Kind::NoSuch, format!("{bridge}: no bridge by that name is up")));
    };
    let vports = dp.vports(datapath)?;
    let own = vports.iter().filter(|vport: &&dp::Vport| vport.name == *name || remembered.holds(vport.name));
    Ok(own.map(|vport| vport.number).collect())
}
