//! Asking the kernel for a reading. Needs neither the agent nor a privilege.

use nix::errno::Errno;
use ovsdp_proto::IfName;
use ovsdp_proto::flow::Flow;

use super::{Datapath, FlowTotals, Masks, Port};
use crate::dp::{self, Dp, Parts, Vport};
use crate::error::Error;

/// The datapaths there are, by name, or the one called `only` if it is there.
///
/// # Errors
/// The kernel did not answer.
pub(in crate::cli) fn datapaths(dp: &mut Dp, only: Option<&IfName>) -> Result<Vec<dp::Datapath>, Error> {
    if let Some(name) = only {
        return Ok(dp.datapath(name)?.into_iter().collect());
    }
    let mut all = dp.datapaths()?;
    all.sort_by_key(|datapath| datapath.name);
    Ok(all)
}

/// The numbers of a datapath just listed; `None` when it went meanwhile. `visit` sees each of its flows, tersely, and `None`
/// when they come again from the beginning.
///
/// # Errors
/// The kernel did not answer.
pub(in crate::cli) fn read(dp: &mut Dp, found: &dp::Datapath, mut visit: impl FnMut(Option<&Flow<'_>>)) -> Result<Option<Datapath>, Error> {
    let Some(mut ports) = still(dp.vports(found.index))? else { return Ok(None) };
    ports.sort_by_key(|port| port.number);
    let at_ms = dp::now_ms();
    let mut totals = FlowTotals::default();
    let flows = dp.flows(found.index, Parts::Terse, |flow| {
        match flow {
            Some(flow) => totals.add(flow, at_ms),
            None => totals = FlowTotals::default(),
        }
        visit(flow);
    });
    let whole = still(flows)?.map(|()| Datapath { flow_totals: Some(totals), ..without_flows(found, &ports, at_ms) });
    Ok(whole)
}

/// The numbers of a datapath just listed without its flows: what that costs does not depend on how many there are. `None` when
/// it went meanwhile.
///
/// # Errors
/// The kernel did not answer.
pub(in crate::cli) fn read_without_flows(dp: &mut Dp, found: &dp::Datapath) -> Result<Option<Datapath>, Error> {
    let Some(mut ports) = still(dp.vports(found.index))? else { return Ok(None) };
    ports.sort_by_key(|port| port.number);
    Ok(Some(without_flows(found, &ports, dp::now_ms())))
}

/// `None` for a datapath that is gone.
fn still<T>(result: Result<T, dp::Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn without_flows(found: &dp::Datapath, ports: &[Vport], at_ms: u64) -> Datapath {
    let stats = found.stats.unwrap_or_default();
    let masks = found.megaflow_stats.map(|masks| Masks { masks: masks.masks, mask_hit: masks.mask_hit, cache_hit: masks.cache_hit });
    Datapath {
        name: found.name,
        index: found.index,
        at_ms,
        hit: stats.hit,
        missed: stats.missed,
        lost: stats.lost,
        flows: stats.flows,
        masks,
        ports: ports.iter().map(port).collect(),
        flow_totals: None,
    }
}

fn port(vport: &Vport) -> Port {
    let stats = vport.stats.unwrap_or_default();
    Port {
        number: vport.number,
        name: vport.name,
        ifindex: vport.ifindex,
        rx_packets: stats.rx_packets,
        rx_bytes: stats.rx_bytes,
        rx_errors: stats.rx_errors,
        rx_dropped: stats.rx_dropped,
        tx_packets: stats.tx_packets,
        tx_bytes: stats.tx_bytes,
        tx_errors: stats.tx_errors,
        tx_dropped: stats.tx_dropped,
        upcalls: vport.upcall_stats.map(|upcalls| upcalls.success),
        upcall_errors: vport.upcall_stats.map(|upcalls| upcalls.fail),
    }
}
