//! What devices say of themselves, as the plan sees it.

use std::collections::{BTreeMap, BTreeSet};

use ovsdp_proto::IfName;

use crate::error::Error;
use crate::ethtool::{Ethtool, What};
use crate::model::{TuningGroup, TuningSetting as Setting};
use crate::plan::{Feature, Hardware};

/// What each of `names` says that is there; nothing of anyone where the kernel cannot be asked.
///
/// # Errors
/// The kernel did not answer.
pub fn observe(names: &BTreeSet<IfName>) -> Result<BTreeMap<IfName, Hardware>, Error> {
    let mut found = BTreeMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let Some(mut ethtool) = Ethtool::open()? else { return Ok(found) };
    for name in names {
        let Some(features) = ethtool.features(name)? else { continue };
        let feature = |(name, feature): (String, crate::ethtool::Feature)| {
            (name, Feature { changeable: feature.changeable, wanted: feature.wanted, active: feature.active })
        };
        let mut hardware = Hardware { features: features.into_iter().map(feature).collect(), settings: BTreeMap::new() };
        for group in TuningGroup::ALL {
            let numbers = ethtool.numbers(what(group), name)?;
            hardware.settings.extend(fields(group).iter().zip(numbers).filter_map(|(setting, number)| Some((*setting, number?))));
        }
        found.insert(*name, hardware);
    }
    Ok(found)
}

/// The message that a group is said and set in.
pub const fn what(group: TuningGroup) -> What {
    match group {
        TuningGroup::Rings => What::Rings,
        TuningGroup::Pause => What::Pause,
        TuningGroup::Link => What::Link,
        TuningGroup::Wake => What::Wake,
    }
}

/// The numbers of a group in the message's order.
pub const fn fields(group: TuningGroup) -> &'static [Setting] {
    match group {
        TuningGroup::Rings => &[Setting::RingRx, Setting::RingRxMini, Setting::RingRxJumbo, Setting::RingTx],
        TuningGroup::Pause => &[Setting::PauseAutoneg, Setting::PauseRx, Setting::PauseTx],
        TuningGroup::Link => &[Setting::Autoneg, Setting::Speed, Setting::Duplex],
        TuningGroup::Wake => &[Setting::WakeOn],
    }
}
