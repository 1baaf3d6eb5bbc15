//! A Port row's settings to the model's: VLANs, bond, LACP.
//!
//! It must not know which interfaces the port has.

use std::collections::BTreeMap;

use ovsdp_proto::{IfName, Mac};

use super::Fault;
use super::setting::Setting;
use crate::model::{Bond, BondMode, Detect, Lacp, PortRules, PriorityTags, ServiceTag, Vid, VlanSet, Vlans};

/// What a port's settings ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortAsk {
    /// How it switches.
    pub rules: PortRules,
    /// How its interfaces are one, when it has several.
    pub bond: Bond,
    /// The word of the first setting that only a bond has.
    pub of_bond: Option<usize>,
    /// LACP, unless it is off.
    pub lacp: Option<Lacp>,
    /// What is only kept.
    pub external_ids: BTreeMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Access,
    Trunk,
    NativeTagged,
    NativeUntagged,
    Tunnel,
}

/// The VLAN columns as they stand; they mean something together only.
#[derive(Default)]
struct Columns {
    tag: Option<Vid>,
    mode: Option<Mode>,
    trunks: Vec<Vid>,
    cvlans: Vec<Vid>,
    service: ServiceTag,
}

/// What `settings` of a Port row ask for; a later one of a column counts instead of the one before.
///
/// # Errors
/// The first value its column cannot have.
pub fn port(settings: &[Setting]) -> Result<PortAsk, Fault> {
    let mut ask = PortAsk::default();
    let mut vlans = Columns::default();
    let mut lacp = Lacp::default();
    let mut speaks = None;
    let mut interval = None;
    for setting in settings {
        if setting.is_recorded {
            ask.external_ids.insert(setting.key.clone(), setting.value.clone());
            continue;
        }
        if setting.column.starts_with("bond_") || setting.key.starts_with("bond-") {
            ask.of_bond.get_or_insert(setting.word);
        }
        match (setting.column, setting.key.as_str()) {
            ("tag", _) => {
                let vids = setting.vids()?;
                if vids.len() > 1 {
                    return Err(setting.fault("a port has one tag", "write `trunks=` for several VLANs"));
                }
                vlans.tag = vids.first().copied();
            }
            ("trunks", _) => vlans.trunks = setting.vids()?,
            ("cvlans", _) => vlans.cvlans = setting.vids()?,
            ("vlan_mode", _) => {
                let modes = [
                    ("access", Mode::Access),
                    ("trunk", Mode::Trunk),
                    ("native-tagged", Mode::NativeTagged),
                    ("native-untagged", Mode::NativeUntagged),
                    ("dot1q-tunnel", Mode::Tunnel),
                ];
                vlans.mode = Some(setting.word(&modes)?);
            }
            ("protected", _) => ask.rules.protected = setting.boolean()?,
            (_, "priority-tags") => {
                use PriorityTags::{Always, IfNonzero, Never};
                let words = [("never", Never), ("no", Never), ("false", Never), ("if-nonzero", IfNonzero), ("true", IfNonzero), ("always", Always)];
                ask.rules.priority_tags = setting.word(&words)?;
            }
            (_, "qinq-ethtype") => {
                vlans.service = setting.word(&[("802.1ad", ServiceTag::Ad), ("802.1q", ServiceTag::Q)])?;
            }
            ("bond_mode", _) => ask.bond.mode = setting.word(&BondMode::ALL.map(|mode| (mode.text(), mode)))?,
            ("bond_updelay", _) => ask.bond.updelay = setting.number(0, u32::MAX)?,
            ("bond_downdelay", _) => ask.bond.downdelay = setting.number(0, u32::MAX)?,
            (_, "bond-detect-mode") => {
                ask.bond.detect = setting.word(&[("carrier", Detect::Carrier)]).map_err(|fault| Fault {
                    help: "write `carrier`: what the kernel says of a member's link is followed; nothing polls as miimon does".to_owned(),
                    ..fault
                })?;
            }
            (_, "bond-primary") => {
                let name = IfName::new(&setting.one()?).map_err(|bad| setting.fault(&bad.to_string(), "write an interface of the bond"))?;
                ask.bond.primary = Some(name);
            }
            (_, "bond-hash-basis") => ask.bond.hash_basis = setting.number(0, u32::MAX)?,
            (_, "bond-rebalance-interval") => ask.bond.rebalance_interval = setting.number(0, u32::MAX)?,
            ("lacp", _) => speaks = setting.word(&[("off", None), ("active", Some(true)), ("passive", Some(false))])?,
            (_, "lacp-time") => lacp.fast = setting.word(&[("fast", true), ("slow", false)])?,
            (_, "lacp-fallback-ab") => lacp.fallback_ab = setting.boolean()?,
            (_, "lacp-system-id") => lacp.system = Some(setting.mac()?).filter(|mac| *mac != Mac::ZERO),
            (_, "lacp-system-priority") => lacp.system_priority = u16::try_from(setting.number(1, 65535)?).ok(),
            _ => return Err(setting.fault("it has no meaning here", "remove it")),
        }
        if setting.key.starts_with("lacp-") {
            interval.get_or_insert(setting);
        }
    }
    ask.rules.vlans = vlans.together();
    ask.lacp = speaks.map(|active| Lacp { active, ..lacp });
    if let (None, Some(setting)) = (speaks, interval) {
        return Err(setting.fault("it has no effect while LACP is off", "add `lacp=active`, or remove it"));
    }
    Ok(ask)
}

impl Columns {
    /// What `bundle_set` (`ofproto/ofproto-dpif.c`) makes of them: without a mode a port with a tag is an access port and another one a
    /// trunk; an access port has no trunks; VLAN 0 is among the trunks of a native VLAN only when that is VLAN 0.
    fn together(self) -> Vlans {
        let Self { tag, mode, trunks, cvlans, service } = self;
        let some = |vids: Vec<Vid>| (!vids.is_empty()).then(|| vids.into_iter().collect::<VlanSet>());
        let vlan = tag.unwrap_or_default();
        match mode.unwrap_or(if tag.is_some() { Mode::Access } else { Mode::Trunk }) {
            Mode::Access => Vlans::Access { vlan },
            Mode::Trunk => Vlans::Trunk { carried: some(trunks) },
            Mode::Tunnel => Vlans::Tunnel { vlan, tag: service, customers: some(cvlans) },
            mode @ (Mode::NativeTagged | Mode::NativeUntagged) => {
                let mut carried = some(trunks);
                if let Some(carried) = carried.as_mut() {
                    if u16::from(vlan) != 0 {
                        carried.remove(Vid::default());
                    }
                    carried.insert(vlan);
                }
                Vlans::Native { vlan, tagged: mode == Mode::NativeTagged, carried }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Table, settings};
    use super::*;

    fn ask(words: &[&str]) -> Result<PortAsk, Fault> {
        port(&settings(Table::Port, 0, words)?)
    }

    fn vlans(words: &[&str]) -> Vlans {
        ask(words).unwrap().rules.vlans
    }

    fn vid(vid: u16) -> Vid {
        Vid::try_from(vid).unwrap()
    }

    fn set(vids: &[u16]) -> Option<VlanSet> {
        Some(vids.iter().map(|one| vid(*one)).collect())
    }

    #[test]
    fn vlans_mean_something_together() {
        assert_eq!(vlans(&[]), Vlans::Trunk { carried: None });
        assert_eq!(vlans(&["tag=10"]), Vlans::Access { vlan: vid(10) });
        assert_eq!(vlans(&["tag=10", "trunks=20,30"]), Vlans::Access { vlan: vid(10) });
        assert_eq!(vlans(&["trunks=20,30"]), Vlans::Trunk { carried: set(&[20, 30]) });
        assert_eq!(vlans(&["tag=10", "vlan_mode=trunk"]), Vlans::Trunk { carried: None });
        let native = Vlans::Native { vlan: vid(10), tagged: false, carried: set(&[10, 20]) };
        assert_eq!(vlans(&["trunks=[0,20]", "vlan_mode=native-untagged", "tag=10"]), native);
        assert_eq!(vlans(&["vlan_mode=native-tagged", "tag=10"]), Vlans::Native { vlan: vid(10), tagged: true, carried: None });
        let tunnel = Vlans::Tunnel { vlan: vid(10), tag: ServiceTag::Q, customers: set(&[5]) };
        assert_eq!(vlans(&["vlan_mode=dot1q-tunnel", "tag=10", "cvlans=5", "other-config:qinq-ethtype=802.1q"]), tunnel);
        assert_eq!(vlans(&["tag=10", "tag=[]"]), Vlans::Trunk { carried: None }, "the later one counts");
    }

    #[test]
    fn a_bond_with_lacp() {
        let asked = ask(&[
            "bond_mode=balance-tcp",
            "lacp=passive",
            "other_config:lacp-time=fast",
            "bond_updelay=300",
            "other_config:bond-primary=eth1",
            "other_config:lacp-system-priority=7",
            "external_ids:who=me",
        ])
        .unwrap();
        assert_eq!((asked.bond.mode, asked.bond.updelay, asked.of_bond), (BondMode::BalanceTcp, 300, Some(0)));
        assert_eq!(asked.bond.primary, Some(IfName::new("eth1").unwrap()));
        assert_eq!(asked.lacp, Some(Lacp { active: false, fast: true, system_priority: Some(7), ..Lacp::default() }));
        assert_eq!(asked.external_ids["who"], "me");
        assert_eq!(ask(&["tag=1"]).unwrap().lacp, None);
    }

    #[test]
    fn values_no_column_has_are_refused() {
        for bad in [
            "tag=4096",
            "tag=1,2",
            "tag=ten",
            "trunks=1,x",
            "vlan_mode=both",
            "protected=maybe",
            "bond_mode=stable",
            "bond_updelay=-1",
            "lacp=on",
            "other_config:bond-detect-mode=miimon",
            "other_config:lacp-system-id=01:00:00:00:00:00",
            "other_config:lacp-time=fast",
            "other_config:priority-tags=perhaps",
        ] {
            assert!(ask(&[bad]).is_err(), "{bad}");
        }
    }
}
