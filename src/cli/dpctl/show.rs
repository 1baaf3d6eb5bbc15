//! `show [-s] [DP…]`.

use std::fmt::Write;

use super::call::Call;
use super::complaint::Complaint;
use super::stats::Shown;
use super::{Outcome, cache, output, target, tunnel};
use crate::dp::{Datapath, Dp, Vport};
use crate::rtnl::Rtnl;

/// `show [-s] [DP…]`: the datapaths named, or all.
pub(super) fn run(call: &mut Call<'_>) -> Outcome {
    let mut dp = target::connect("listing datapaths")?;
    if call.args.is_empty() {
        for datapath in target::all(&mut dp)? {
            one(call, &mut dp, &datapath)?;
        }
    }
    for at in 0..call.args.len() {
        match target::lookup(&mut dp, call.arg(at)) {
            Ok(datapath) => one(call, &mut dp, &datapath)?,
            Err(why) => call.complain(&Complaint::because(format!("opening datapath {} failed", call.arg(at)), why)),
        }
    }
    Ok(())
}

fn one(call: &Call<'_>, dp: &mut Dp, datapath: &Datapath) -> Outcome {
    let mut vports = dp.vports(datapath.index).map_err(|error| Complaint::because("listing ports", &error))?;
    vports.sort_by_key(|vport| vport.number);
    let mut text = head(datapath);
    let mut rtnl = match call.options.statistics {
        true => Some(Rtnl::open().map_err(|error| Complaint::because("opening an rtnetlink socket", &error))?),
        false => None,
    };
    for vport in &vports {
        text.push_str(&port(vport));
        if let Some(rtnl) = &mut rtnl {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", Shown::of(rtnl, vport));
        }
    }
    Ok(output::text(&text)?)
}

/// Everything above the ports.
fn head(datapath: &Datapath) -> String {
    let mut text = format!("system@{}:\n", datapath.name);
    // Writing to a String cannot fail.
    if let Some(stats) = datapath.stats {
        let _ = writeln!(text, "  lookups: hit:{} missed:{} lost:{}\n  flows: {}", stats.hit, stats.missed, stats.lost, stats.flows);
        if let Some(masks) = datapath.megaflow_stats {
            let packets = stats.hit.wrapping_add(stats.missed);
            let _ = writeln!(text, "  masks: hit:{} total:{} hit/pkt:{:.2}", masks.mask_hit, masks.masks, ratio(masks.mask_hit, packets));
            if masks.cache_hit != 0 {
                let _ = writeln!(text, "  cache: hit:{} hit-rate:{:.2}%", masks.cache_hit, ratio(masks.cache_hit, packets) * 100.0);
            }
        }
    }
    text.push_str(&caches(datapath));
    text
}

#[expect(clippy::cast_precision_loss, reason = "printed with two digits behind the point")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The caches and their sizes; nothing on kernels that do not tell.
pub(super) fn caches(datapath: &Datapath) -> String {
    datapath.masks_cache_size.map_or_else(String::new, |size| format!("  caches:\n    {}: size:{size}\n", cache::MASKS))
}

fn port(vport: &Vport) -> String {
    let settings = tunnel::settings(vport);
    match (tunnel::type_of(vport), settings.as_str()) {
        ("system", _) => format!("  port {}: {}\n", vport.number, vport.name),
        (kind, "") => format!("  port {}: {} ({kind})\n", vport.number, vport.name),
        (kind, settings) => format!("  port {}: {} ({kind}: {settings})\n", vport.number, vport.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ovsdp_proto::IfName;
    use ovsdp_proto::datapath::{MegaflowStats, Stats};

    #[test]
    fn the_head_of_a_datapath() {
        let mut datapath = Datapath {
            index: 3,
            name: IfName::new("ovs-system").unwrap(),
            features: 0,
            per_cpu_pids: Vec::new(),
            stats: Some(Stats { hit: 10, missed: 20, lost: 1, flows: 10 }),
            megaflow_stats: Some(MegaflowStats { mask_hit: 48, masks: 1, cache_hit: 0 }),
            masks_cache_size: Some(256),
        };
        // ovs-dpctl show, Open vSwitch 3.1
        let top = "system@ovs-system:\n  lookups: hit:10 missed:20 lost:1\n  flows: 10\n  masks: hit:48 total:1 hit/pkt:1.60\n";
        assert_eq!(head(&datapath), format!("{top}  caches:\n    masks-cache: size:256\n"));
        datapath.megaflow_stats = Some(MegaflowStats { mask_hit: 48, masks: 1, cache_hit: 4 });
        datapath.masks_cache_size = None;
        assert_eq!(head(&datapath), format!("{top}  cache: hit:4 hit-rate:13.33%\n"));
    }
}
