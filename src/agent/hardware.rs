//! How the hands change what a device does by itself.

use std::collections::{BTreeMap, BTreeSet};

use nix::errno::Errno;
use ovsdp_proto::IfName;

use super::why::Why;
use crate::error::{Error, Kind};
use crate::ethtool::{DUPLEX_UNKNOWN, Ethtool, SPEED_UNKNOWN};
use crate::host::hardware::{fields, what};
use crate::model::{TuningGroup, TuningSetting as Setting};
use crate::plan::Tuned;

const ADVICE: &str = "take it out of `ETHTOOL_OPTS` if this device cannot do it; `ethtool` shows what it can";

/// Makes `to` hold of a device. `lenient`: one that is gone needs nothing.
pub(super) fn tune(name: IfName, to: &Tuned, lenient: bool) -> Result<(), Why> {
    let Some(mut ethtool) = Ethtool::open()? else {
        return Err(Error::new(Kind::KernelLacks, "this kernel has no `ethtool` netlink family").advise(ADVICE).into());
    };
    let mut done = Ok(());
    if !to.features.is_empty() {
        done = ethtool.set_features(&name, &to.features);
    }
    let groups: BTreeSet<TuningGroup> = to.settings.keys().map(|setting| setting.group()).collect();
    for group in groups {
        let mut values = sent(group, &to.settings);
        if lenient {
            // What a device refused to become it need not be made again: it would refuse that as well.
            let now = ethtool.numbers(what(group), &name)?;
            values.iter_mut().zip(now).filter(|(value, now)| **value == *now).for_each(|(value, _)| *value = None);
        }
        if done.is_ok() && values.iter().any(Option::is_some) {
            done = ethtool.set_numbers(what(group), &name, &values);
        }
    }
    match done {
        Err(failure) if lenient && failure.errno() == Some(Errno::ENODEV) => Ok(()),
        other => other.map_err(|failure| Why::from(failure).advise(ADVICE)),
    }
}

/// The values the kernel is told. Where speed and duplex are agreed on, or nobody knows them, they are not for us to say.
fn sent(group: TuningGroup, settings: &BTreeMap<Setting, u32>) -> Vec<Option<u32>> {
    let agreed = settings.get(&Setting::Autoneg) == Some(&1);
    let of = |setting: &Setting| {
        let value = settings.get(setting).copied()?;
        let unsaid = match setting {
            Setting::Speed => agreed || value == SPEED_UNKNOWN,
            Setting::Duplex => agreed || value == DUPLEX_UNKNOWN,
            _ => false,
        };
        (!unsaid).then_some(value)
    };
    fields(group).iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_agreed_on_or_unknown_is_not_sent() {
        let of = |list: &[(Setting, u32)]| sent(TuningGroup::Link, &list.iter().copied().collect());
        assert_eq!(of(&[(Setting::Autoneg, 0), (Setting::Speed, 100), (Setting::Duplex, 1)]), [Some(0), Some(100), Some(1)]);
        assert_eq!(of(&[(Setting::Autoneg, 1), (Setting::Speed, 100), (Setting::Duplex, 1)]), [Some(1), None, None]);
        assert_eq!(of(&[(Setting::Autoneg, 0), (Setting::Speed, SPEED_UNKNOWN), (Setting::Duplex, DUPLEX_UNKNOWN)]), [Some(0), None, None]);
    }
}
