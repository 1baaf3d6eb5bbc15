//! A Port row as the model's port: VLANs, bond, LACP.

use super::cell::{self, Cell};
use super::{Misfit, bridge, interface};
use crate::model::{Bond, BondMode, Detect, Interface, Kind, Lacp, MIIMON, Port, PortRules, PriorityTags, ServiceTag, Vid, VlanSet, Vlans};
use crate::vsctl::view::RowView;

/// A bridge's own port: its interface, and how it switches.
pub(super) fn local(row: RowView<'_>) -> Result<(Interface, PortRules), Misfit> {
    let port = read(row)?;
    let rules = port.rules;
    let own = port.interfaces.into_iter().next().filter(|own| own.kind == Kind::Internal && own.name.as_str() == row.name());
    let odd = row.rows("interfaces").into_iter().find(|interface| interface.text("type") != Some("internal"));
    let misfit = || Misfit {
        row: odd.unwrap_or(row).uuid(),
        column: if odd.is_some() { "type" } else { "interfaces" },
        key: "",
        text: format!("port {} is its bridge's own, and has to have one internal interface of its name", row.name()),
        help: "leave it as add-br makes it".into(),
    };
    own.map(|own| (own, rules)).ok_or_else(misfit)
}

pub(super) fn read(row: RowView<'_>) -> Result<Port, Misfit> {
    let interfaces = row.rows("interfaces").into_iter().map(interface::read).collect::<Result<Vec<_>, _>>()?;
    let bond = bond(row, &interfaces)?;
    Ok(Port {
        rules: rules(row)?,
        lacp: lacp(row, &interfaces)?,
        bond,
        fake_bridge: row.is_fake_bridge(),
        external_ids: bridge::ids(row),
        interfaces,
        ..Port::new(Interface::new(interface::name(row)?, Kind::System))
    })
}

fn other<'a>(row: RowView<'a>, key: &'static str) -> Option<Cell<'a>> {
    cell::key(row, "other_config", key)
}

fn rules(row: RowView<'_>) -> Result<PortRules, Misfit> {
    use PriorityTags::{Always, IfNonzero, Never};
    const TAGS: &[(&str, PriorityTags)] =
        &[("never", Never), ("no", Never), ("false", Never), ("if-nonzero", IfNonzero), ("true", IfNonzero), ("always", Always)];
    let service = other(row, "qinq-ethtype").map(|cell| cell.word(&[("802.1ad", ServiceTag::Ad), ("802.1q", ServiceTag::Q)])).transpose()?;
    Ok(PortRules {
        vlans: vlans(row, service.unwrap_or_default()),
        priority_tags: other(row, "priority-tags").map(|cell| cell.word(TAGS)).transpose()?.unwrap_or_default(),
        protected: row.is("protected"),
    })
}

/// What `bundle_set` (`ofproto/ofproto-dpif.c`) makes of the columns: without a mode a port with a tag is an access port and another one
/// a trunk; an access port has no trunks; a native VLAN is among the trunks of its port, and VLAN 0 is not, unless the native VLAN is 0: then
/// the trunks are as they were told.
fn vlans(row: RowView<'_>, service: ServiceTag) -> Vlans {
    let some = |column: &str| Some(cell::vids(row, column)).filter(|vids| !vids.is_empty()).map(|vids| vids.into_iter().collect::<VlanSet>());
    let tag = cell::vids(row, "tag").first().copied();
    let vlan = tag.unwrap_or_default();
    match row.text("vlan_mode") {
        Some("access") => Vlans::Access { vlan },
        None if tag.is_some() => Vlans::Access { vlan },
        Some("dot1q-tunnel") => Vlans::Tunnel { vlan, tag: service, customers: some("cvlans") },
        Some(mode @ ("native-tagged" | "native-untagged")) => {
            let mut carried = some("trunks");
            if let Some(carried) = carried.as_mut().filter(|_| vlan != Vid::default()) {
                carried.remove(Vid::default());
                carried.insert(vlan);
            }
            Vlans::Native { vlan, tagged: mode == "native-tagged", carried }
        }
        _ => Vlans::Trunk { carried: some("trunks") },
    }
}

/// The settings only a bond has.
const OF_BONDS: [&str; 3] = ["bond_mode", "bond_updelay", "bond_downdelay"];
const KEYS_OF_BONDS: [&str; 5] = ["bond-detect-mode", "bond-miimon-interval", "bond-primary", "bond-hash-basis", "bond-rebalance-interval"];

fn bond(row: RowView<'_>, interfaces: &[Interface]) -> Result<Option<Bond>, Misfit> {
    if interfaces.len() < 2 {
        let set = OF_BONDS.into_iter().find_map(|column| cell::column(row, column));
        let set = set.or_else(|| KEYS_OF_BONDS.into_iter().find_map(|key| other(row, key)));
        return match set {
            Some(cell) => Err(cell.misfit("it belongs to a bond, and this port has one interface", "make it a bond, or remove it")),
            None => Ok(None),
        };
    }
    if let Some(odd) = interfaces.iter().find(|interface| interface.kind != Kind::System) {
        let text = format!("interface {} is no network device of the host's, and cannot be a member of the bond {}", odd.name, row.name());
        return Err(Misfit { row: row.uuid(), column: "interfaces", key: "", text, help: "name devices such as eth0".into() });
    }
    let default = Bond::default();
    let number = |cell: Option<Cell<'_>>, or: u32| cell.map_or(Ok(or), |cell| cell.number(0, u32::MAX));
    let mode = cell::column(row, "bond_mode").map(|cell| cell.word(&BondMode::ALL.map(|mode| (mode.text(), mode)))).transpose()?;
    let interval = other(row, "bond-miimon-interval").map_or(Ok(MIIMON), |cell| cell.number(1, u32::MAX))?;
    let detect = |cell: Cell<'_>| cell.word(&[("carrier", Detect::Carrier), ("miimon", Detect::Miimon { interval })]);
    let primary = match other(row, "bond-primary") {
        None => None,
        Some(cell) => {
            let is_member = |interface: &&Interface| interface.name.as_str() == cell.text();
            let help = "name one of the bond's interfaces";
            Some(interfaces.iter().find(is_member).ok_or_else(|| cell.misfit("that is no member of the bond", help))?.name)
        }
    };
    Ok(Some(Bond {
        mode: mode.unwrap_or_default(),
        updelay: number(cell::column(row, "bond_updelay"), default.updelay)?,
        downdelay: number(cell::column(row, "bond_downdelay"), default.downdelay)?,
        detect: other(row, "bond-detect-mode").map(detect).transpose()?.unwrap_or_default(),
        primary,
        rebalance_interval: number(other(row, "bond-rebalance-interval"), default.rebalance_interval)?,
        hash_basis: number(other(row, "bond-hash-basis"), default.hash_basis)?,
    }))
}

fn lacp(row: RowView<'_>, interfaces: &[Interface]) -> Result<Option<Lacp>, Misfit> {
    let lacp = Lacp {
        active: row.text("lacp") == Some("active"),
        fast: other(row, "lacp-time").map(|cell| cell.word(&[("fast", true), ("slow", false)])).transpose()?.unwrap_or(false),
        fallback_ab: other(row, "lacp-fallback-ab").map(|cell| cell.boolean()).transpose()?.unwrap_or(false),
        system: other(row, "lacp-system-id").map(|cell| cell.mac()).transpose()?,
        system_priority: other(row, "lacp-system-priority").map(|cell| cell.short()).transpose()?,
    };
    match cell::column(row, "lacp").filter(|cell| cell.text() != "off") {
        // Its settings wait for it.
        None => Ok(None),
        Some(_) if interfaces.iter().all(|interface| interface.kind == Kind::System) => Ok(Some(lacp)),
        Some(cell) => Err(cell.misfit("LACP speaks to another switch, and this port leads to none", "remove it")),
    }
}
