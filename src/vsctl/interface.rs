//! An Interface row's settings to the model's.
//!
//! It must not know what kind of interface it is.

use std::collections::BTreeMap;

use ovsdp_proto::Mac;

use super::Fault;
use super::setting::Setting;
use crate::model::LacpMember;

/// What an interface's settings ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceAsk {
    /// The Ethernet address it is to have.
    pub mac: Option<Mac>,
    /// The MTU it is to have, in bytes, 68 to 65535.
    pub mtu: Option<u32>,
    /// Its part in LACP.
    pub lacp: LacpMember,
    /// What is only kept.
    pub external_ids: BTreeMap<String, String>,
}

/// What `settings` of an Interface row ask for; a later one of a column counts instead of the one before.
///
/// # Errors
/// The first value its column cannot have.
pub fn interface(settings: &[Setting]) -> Result<InterfaceAsk, Fault> {
    let mut ask = InterfaceAsk::default();
    let number = |setting: &Setting| Ok::<_, Fault>(u16::try_from(setting.number(1, 65535)?).ok());
    for setting in settings {
        if setting.is_recorded {
            ask.external_ids.insert(setting.key.clone(), setting.value.clone());
            continue;
        }
        match (setting.column, setting.key.as_str()) {
            ("mac", _) => ask.mac = Some(setting.mac()?),
            ("mtu_request", _) => ask.mtu = Some(setting.number(68, 65535)?),
            (_, "lacp-port-id") => ask.lacp.port_id = number(setting)?,
            (_, "lacp-port-priority") => ask.lacp.port_priority = number(setting)?,
            (_, "lacp-aggregation-key") => ask.lacp.key = number(setting)?,
            _ => return Err(setting.fault("it has no meaning here", "remove it")),
        }
    }
    Ok(ask)
}

#[cfg(test)]
mod tests {
    use super::super::{Table, settings};
    use super::*;

    #[test]
    fn what_an_interface_has() {
        let ask = |words: &[&str]| interface(&settings(Table::Interface, 0, words)?);
        let asked = ask(&["mtu_request=9000", "mac=\"52:54:00:00:00:01\"", "external-ids:iface-id=host-vm", "other_config:lacp-port-id=7"]).unwrap();
        assert_eq!((asked.mtu, asked.mac, asked.lacp.port_id), (Some(9000), Some(Mac([0x52, 0x54, 0, 0, 0, 1])), Some(7)));
        assert_eq!(asked.external_ids["iface-id"], "host-vm");
        for bad in ["mtu_request=67", "mac=none", "other_config:lacp-port-id=0", "type=internal", "options:key=1"] {
            assert!(ask(&[bad]).is_err(), "{bad}");
        }
    }
}
