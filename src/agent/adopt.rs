//! Taking over from the agent before: the flows in the kernel, with their keys, and the MAC tables it wrote down.

use super::log;
use super::shared::{Core, Shared, now};
use crate::dp::{Dp, Parts, Requests};
use crate::error::Error;
use crate::host::paths::Run;
use crate::host::store;
use crate::switch::{Counters, Decision, FdbEntry, Found, Moment, Verdict};
use ovsdp_proto::flow::{Put, Which};

/// What was taken over.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Adopted {
    /// Flows.
    pub(super) flows: u32,
    /// MAC table entries.
    pub(super) macs: usize,
}

/// Takes over the MAC tables and flows of `datapath`. The topology must be in force. Flows that are not as the switch
/// would decide them now are changed or deleted, one by one; the others are not touched.
///
/// # Errors
/// The flows could not be read.
pub(super) fn adopt(run: &Run, dump: &mut Dp, act: &mut Dp, shared: &Shared, datapath: u32) -> Result<Adopted, Error> {
    let mut adopted = Adopted::default();
    let entries = store::load::<Vec<FdbEntry>>(&run.fdb()).unwrap_or_else(|error| {
        log::say(format_args!("the MAC table starts empty: {}: {error}", run.fdb().display()));
        None
    });
    let mut core = shared.core();
    adopted.macs = core.switch.restore(now(), &entries.unwrap_or_default());

    let mut requests = Requests::new(act.families());
    let mut decision = Decision::new();
    let result = dump.flows(datapath, Parts::Full, |flow| {
        // A dump that begins again shows the same flows again; those here already are then judged, not adopted twice.
        let Some(flow) = flow else { return };
        let Core { switch, flows, revalidator, .. } = &mut *core;
        let counters = Counters { packets: flow.stats.packets, bytes: flow.stats.bytes, used: flow.used.map(Moment) };
        let mut also = Vec::new();
        let (Some(ufid), Some(key), Some(actions)) = (flow.ufid, flow.key, flow.actions) else {
            let which = flow.ufid.map(Which::Ufid).or(flow.key.map(Which::Key));
            if let Some(which) = which {
                let _ = requests.delete_flow(datapath, which, false);
            }
            return;
        };
        let found = Found { ufid, key, mask: flow.mask.unwrap_or_default(), actions, counters };
        let verdict = revalidator.adopt(now(), switch, flows, &found, &mut decision, &mut |other| also.push(other));
        also.into_iter().for_each(|other| drop(requests.delete_flow(datapath, Which::Ufid(other), false)));
        let _ = match verdict {
            Verdict::Keep => {
                adopted.flows += 1;
                return;
            }
            Verdict::Delete(_) | Verdict::Stranger => requests.delete_flow(datapath, Which::Ufid(ufid), false),
            Verdict::Modify => {
                adopted.flows += 1;
                requests.set_flow(&Put {
                    dp_ifindex: datapath,
                    ufid: Some(ufid),
                    key: Some(key),
                    mask: Some(&decision.mask),
                    actions: Some(&decision.actions),
                    clear: false,
                    probe: false,
                })
            }
        };
    });
    if !requests.is_empty()
        && let Err(error) = act.fire(&mut requests, |_, _| {})
    {
        log::say(format_args!("some flows could not be changed: {error}"));
    }
    result?;
    Ok(adopted)
}
