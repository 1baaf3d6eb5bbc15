//! Fake bridges: `TYPE=OVSBridge` with `OVS_OPTIONS="PARENT VLAN"`, which is an internal port of the parent in that VLAN, and whose
//! ports are the parent's in the same.

use std::collections::BTreeMap;

use ovsdp_proto::IfName;

use super::code::Code;
use super::diag::{Diagnostic, shown};
use super::settings::{Named, Reader, Role, Settings};
use crate::model::{Vid, Vlans};

/// Whether the file describes a fake bridge, and of what. `Err`: an error was reported.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Role>, ()> {
    let Some((_, var)) = reader.text("OVS_OPTIONS") else { return Ok(None) };
    let words: Vec<_> = var.value.words().take_while(|(word, _)| *word != "--").collect();
    let [(parent, at), (vlan, vlan_at)] = words.as_slice() else { return Ok(None) };
    if parent.contains('=') || vlan.contains('=') {
        return Ok(None);
    }
    let error = |code, span, message: String, help: &str| Diagnostic::error(code, &var.file, message).at(span).help(help);
    let vid = vlan.parse::<u16>().ok().and_then(|vid| Vid::try_from(vid).ok()).filter(|vid| u16::from(*vid) < 4095);
    let found = match (IfName::new(parent), vid) {
        (Ok(name), Some(vid)) => return Ok(Some(Role::Fake(Named { name, span: *at }, vid))),
        (Err(bad), _) => {
            error(Code::BadName, *at, format!("`{}` cannot be a bridge's name: {bad}", shown(parent.as_bytes())), "write a bridge's name")
        }
        (_, None) => {
            error(Code::BadValue, *vlan_at, format!("`{}` is no VLAN of a fake bridge", shown(vlan.as_bytes())), "write a number from 0 to 4094")
        }
    };
    reader.sink.push(found);
    Err(())
}

/// The fake bridges of a folder: the bridge each is of, and its VLAN.
pub(super) struct Fakes(BTreeMap<IfName, (IfName, Vid)>);

impl Fakes {
    pub(super) fn of(unique: &[&Settings]) -> Self {
        let fake = |settings: &&Settings| match &settings.role {
            Role::Fake(parent, vid) => Some((settings.device.name, (parent.name, *vid))),
            _ => None,
        };
        Self(unique.iter().filter_map(fake).collect())
    }

    /// The real bridge a name means, and the VLAN of its ports when it is a fake one's.
    pub(super) fn resolve(&self, bridge: IfName) -> (IfName, Option<Vlans>) {
        self.0.get(&bridge).map_or((bridge, None), |(parent, vid)| (*parent, Some(Vlans::Access { vlan: *vid })))
    }
}
