//! `add-dp`, `del-dp`, `dump-dps`.

use std::fmt::Write;

use super::call::Call;
use super::complaint::Complaint;
use super::{Outcome, output, ports, target};
use crate::dp::Dispatch;

/// `add-dp DP [IFACE…]`. Upcalls are dispatched per CPU where the kernel can, to nobody until somebody takes them.
pub(super) fn add(call: &mut Call<'_>) -> Outcome {
    let mut dp = target::connect("add_dp")?;
    let name = target::new_name(call.arg(0)).map_err(|why| Complaint::because("add_dp", why))?;
    // 0 is nobody's port id.
    let datapath = dp.create_datapath(&name, &[0], Dispatch::PerCpu).map_err(|error| Complaint::because("add_dp", &error))?;
    if call.args.len() > 1 { ports::add_to(call, &mut dp, &datapath) } else { Ok(()) }
}

/// `del-dp DP`.
pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let mut dp = target::connect("opening datapath")?;
    let datapath = target::lookup(&mut dp, call.arg(0)).map_err(|why| Complaint::because("opening datapath", why))?;
    dp.delete_datapath(&datapath.name).map_err(|error| Complaint::because("del_dp", &error))
}

/// `dump-dps`.
pub(super) fn dump(_call: &mut Call<'_>) -> Outcome {
    let mut dp = target::connect("listing datapaths")?;
    let mut text = String::new();
    for datapath in target::all(&mut dp)? {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "system@{}", datapath.name);
    }
    Ok(output::text(&text)?)
}
