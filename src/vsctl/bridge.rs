//! A Bridge row's settings to the model's.
//!
//! It must not know the bridge's ports.

use std::collections::BTreeMap;
use std::time::Duration;

use ovsdp_proto::Mac;

use super::Fault;
use super::setting::Setting;
use crate::model::BridgeRules;

/// What a bridge's settings ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BridgeAsk {
    /// How it switches.
    pub rules: BridgeRules,
    /// The address its local port is to have (`other_config:hwaddr`).
    pub mac: Option<Mac>,
    /// What is only kept.
    pub external_ids: BTreeMap<String, String>,
}

/// What `settings` of a Bridge row ask for; a later one of a column counts instead of the one before.
///
/// # Errors
/// The first value its column cannot have, or that asks for what this switch is not.
pub fn bridge(settings: &[Setting]) -> Result<BridgeAsk, Fault> {
    let mut ask = BridgeAsk::default();
    for setting in settings {
        if setting.is_recorded {
            ask.external_ids.insert(setting.key.clone(), setting.value.clone());
            continue;
        }
        match (setting.column, setting.key.as_str()) {
            ("fail_mode", _) => {
                let help = "write `standalone`: a bridge of ovsdp's is a learning switch; `secure` would forward nothing until a controller says so";
                setting.word(&[("standalone", ())]).map_err(|fault| Fault { help: help.to_owned(), ..fault })?;
            }
            ("stp_enable" | "rstp_enable" | "mcast_snooping_enable", _) => {
                if setting.boolean()? {
                    return Err(setting.fault("ovsdp does not do this yet", "remove it if this host can do without it"));
                }
            }
            ("datapath_type", _) => setting
                .word(&[("system", ()), ("", ())])
                .map_err(|fault| Fault { help: "remove it: ovsdp switches in the kernel".to_owned(), ..fault })?,
            (_, "hwaddr") => ask.mac = Some(setting.mac()?),
            (_, "mac-aging-time") => ask.rules.mac_aging = Some(Duration::from_secs(setting.number(0, u32::MAX)?.into())),
            ("flood_vlans", _) => ask.rules.flood_vlans = setting.vids()?.into_iter().collect(),
            (_, "forward-bpdu") => ask.rules.forward_bpdu = setting.boolean()?,
            (_, "mac-table-size") => ask.rules.mac_table_size = Some(setting.number(0, u32::MAX)?),
            _ => return Err(setting.fault("it has no meaning here", "remove it")),
        }
    }
    Ok(ask)
}

#[cfg(test)]
mod tests {
    use super::super::{Table, settings};
    use super::*;

    fn ask(words: &[&str]) -> Result<BridgeAsk, Fault> {
        bridge(&settings(Table::Bridge, 0, words)?)
    }

    #[test]
    fn what_a_learning_switch_has() {
        let words = ["fail_mode=standalone", "stp_enable=false", "other-config:hwaddr=52:54:00:00:00:01", "other_config:mac-table-size=50000"];
        let asked = ask(&words).unwrap();
        assert_eq!(asked.mac, Some(Mac([0x52, 0x54, 0, 0, 0, 1])));
        assert_eq!(asked.rules.mac_table_size, Some(50_000));
        let asked = ask(&["flood_vlans=[5,6]", "other_config={mac-aging-time=60,forward-bpdu=true}", "external-ids:who=me"]).unwrap();
        assert!(asked.rules.flood_vlans.contains(6) && asked.rules.forward_bpdu);
        assert_eq!(asked.external_ids["who"], "me");
        assert_eq!(asked.rules.mac_aging, Some(Duration::from_secs(60)));
    }

    #[test]
    fn what_it_is_not_is_refused() {
        for bad in ["fail_mode=secure", "stp_enable=true", "rstp_enable=on", "datapath_type=netdev", "other_config:hwaddr=01:00:00:00:00:01"] {
            assert!(ask(&[bad]).is_err(), "{bad}");
        }
    }
}
