//! `ovsdp metrics`: the kernel's and the agent's numbers in OpenMetrics text, printed once or served to whoever asks over HTTP.
//!
//! [`encode`] is the text, [`http`] the listener; here the numbers are gathered. Flows are not read one by one: what a scrape
//! costs does not depend on how many there are.

mod args;
mod encode;
mod http;

use std::time::Duration;

pub(super) use args::MetricsArgs;

use super::reading::{self, Datapath};
use super::{launch, output};
use crate::ctl::api::AgentStatus;
use crate::ctl::metrics::AgentMetrics;
use crate::dp::{self, Dp};
use crate::error::{Error, Kind};
use crate::host::paths::Run;

/// How long the agent may take to answer. It answers at once; a scrape must not wait for one that hangs.
const AGENT_TIMEOUT: Duration = Duration::from_secs(3);

/// What there is to tell.
#[derive(Debug)]
struct Numbers {
    datapaths: Vec<Datapath>,
    /// Messages of the kernel that could not be read: what they told is missing.
    unreadable: u64,
    /// The agent's; `None` when it does not run, does not answer, or this user may not ask it.
    agent: Option<(AgentStatus, AgentMetrics)>,
}

/// Prints the numbers, or serves them until told to stop.
pub(super) fn run(run: &Run, args: &MetricsArgs) -> Result<(), Error> {
    if let Some(address) = args.listen {
        if !address.ip().is_loopback() && !args.allow_remote {
            return Err(Error::new(Kind::Usage, format!("{address} can be reached from other hosts, and whoever asks is answered"))
                .advise("listen on 127.0.0.1 or [::1], or add --allow-remote"));
        }
        let run = run.clone();
        return http::serve(address, move || Ok(encode::text(&gather(&run)?)));
    }
    output::text(&encode::text(&gather(run)?))
}

fn gather(run: &Run) -> Result<Numbers, Error> {
    let (datapaths, unreadable) = match Dp::open() {
        Ok(mut dp) => {
            let mut all = Vec::new();
            for found in reading::datapaths(&mut dp, None)? {
                all.extend(reading::read_without_flows(&mut dp, &found)?);
            }
            (all, dp.counters().unreadable)
        }
        // No module, no datapath: the agent's numbers, or that there is none, are an answer too.
        Err(dp::Error::NoFamily(_)) => (Vec::new(), 0),
        Err(error) => return Err(error.into()),
    };
    Ok(Numbers { datapaths, unreadable, agent: ask(run) })
}

/// What the agent says; `None` for one that says nothing, which the metric `ovsdp_agent_reachable` tells.
fn ask(run: &Run) -> Option<(AgentStatus, AgentMetrics)> {
    let mut client = launch::running(run).ok().flatten()?.patient_for(AGENT_TIMEOUT);
    Some((client.status().ok()?, client.metrics().ok()?))
}
