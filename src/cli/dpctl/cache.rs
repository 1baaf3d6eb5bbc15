//! `cache-get-size`, `cache-set-size`: the kernel's one cache, of the masks that matched last.

use super::call::Call;
use super::complaint::{Complaint, Why};
use super::{Outcome, output, show, target};

/// What `ovs-dpctl` calls it.
pub(super) const MASKS: &str = "masks-cache";

/// `cache-get-size [DP]`: of one, or of every datapath.
pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let mut dp = target::connect("listing datapaths")?;
    let datapaths = match call.args.first() {
        Some(name) => {
            let opening = || format!("Opening datapath {name} failed");
            vec![target::lookup(&mut dp, name).map_err(|why| Complaint::because(opening(), why))?]
        }
        None => target::all(&mut dp)?,
    };
    let mut text = String::new();
    for datapath in datapaths {
        text.push_str(&format!("system@{}:\n{}", datapath.name, show::caches(&datapath)));
    }
    Ok(output::text(&text)?)
}

/// `cache-set-size DP CACHE SIZE`.
pub(super) fn set(call: &mut Call<'_>) -> Outcome {
    let invalid = || Why::errno(nix::errno::Errno::EINVAL);
    let size: u32 = call.arg(2).parse().map_err(|_| Complaint::because("size is malformed", invalid()))?;
    let opening = format!("Opening datapath {} failed", call.arg(0));
    let mut dp = target::connect(&opening)?;
    let datapath = target::lookup(&mut dp, call.arg(0)).map_err(|why| Complaint::because(opening, why))?;
    if call.arg(1) != MASKS || datapath.masks_cache_size.is_none() {
        return Err(Complaint::because(format!("Cache name \"{}\" not found on dpif", call.arg(1)), invalid()));
    }
    // The kernel takes powers of two, and 0.
    let size = if size == 0 { Some(0) } else { size.checked_next_power_of_two() };
    let failed = |why: Why| Complaint::because("Setting cache size failed", why);
    let size = size.ok_or_else(|| failed(Why::errno(nix::errno::Errno::ERANGE)))?;
    let now = dp.set_masks_cache_size(&datapath, size).map_err(|error| failed(Why::from(&error)))?;
    Ok(output::text(&format!("Setting cache size successful, new size {}\n", now.masks_cache_size.unwrap_or(size)))?)
}
