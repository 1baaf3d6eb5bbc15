//! The columns of the Bridge, Port and Interface tables (ovs-vswitchd.conf.db(5)), and what becomes of a setting of each. What is not in
//! the table is no column.
//!
//! It must not read values.

/// A table of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Bridges.
    Bridge,
    /// Ports.
    Port,
    /// Interfaces.
    Interface,
}

impl Table {
    /// Every table there is here.
    pub const ALL: [Self; 3] = [Self::Bridge, Self::Port, Self::Interface];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridge => "Bridge",
            Self::Port => "Port",
            Self::Interface => "Interface",
        }
    }

    /// The table a person means: any beginning of its name that is no other's, in any case.
    pub fn find(word: &str) -> Option<Self> {
        let begins = |table: &Self| table.name().get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        let mut found = Self::ALL.into_iter().filter(begins);
        found.next().filter(|_| !word.is_empty() && found.next().is_none())
    }
}

/// What becomes of a column's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It does what it does in Open vSwitch.
    Applied,
    /// It is kept and has no meaning here.
    Recorded,
    /// It is refused, with the reason.
    Refused(&'static str),
}

/// A column, or a key of a map column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its table.
    pub table: Table,
    /// Its name.
    pub name: &'static str,
    /// The key of a map column; empty for a column that is no map, `*` for every key that is not named.
    pub key: &'static str,
    /// What becomes of it.
    pub class: Class,
}

const fn column(table: Table, name: &'static str, key: &'static str, class: Class) -> Column {
    Column { table, name, key, class }
}

use Class::{Applied, Recorded, Refused};
use Table::{Bridge, Interface, Port};

const FLOWS: Class = Refused("it is for OpenFlow, which ovsdp does not speak: the switch decides by itself");
const USERSPACE: Class = Refused("it is for Open vSwitch's userspace datapath; ovsdp switches in the kernel");
const LATER: Class = Refused("ovsdp does not do this yet");
const STATE: Class = Refused("ovs-vswitchd writes it, nobody sets it");
const OTHER: Class = Refused("no setting by this key is known here");

/// Every column, in the order of its table's manual.
pub const COLUMNS: &[Column] = &[
    column(Bridge, "fail_mode", "", Applied),
    column(Bridge, "flood_vlans", "", Applied),
    column(Bridge, "stp_enable", "", Applied),
    column(Bridge, "rstp_enable", "", Applied),
    column(Bridge, "mcast_snooping_enable", "", Applied),
    column(Bridge, "datapath_type", "", Applied),
    column(Bridge, "other_config", "hwaddr", Applied),
    column(Bridge, "other_config", "mac-aging-time", Applied),
    column(Bridge, "other_config", "mac-table-size", Applied),
    column(Bridge, "other_config", "forward-bpdu", Applied),
    column(Bridge, "other_config", "*", OTHER),
    column(Bridge, "external_ids", "*", Recorded),
    column(Bridge, "controller", "", FLOWS),
    column(Bridge, "protocols", "", FLOWS),
    column(Bridge, "flow_tables", "", FLOWS),
    column(Bridge, "datapath_id", "", STATE),
    column(Bridge, "datapath_version", "", STATE),
    column(Bridge, "rstp_status", "*", STATE),
    column(Bridge, "status", "*", STATE),
    column(Bridge, "name", "", STATE),
    column(Bridge, "ports", "", Refused("files of their own name a bridge's ports")),
    column(Bridge, "mirrors", "", LATER),
    column(Bridge, "netflow", "", LATER),
    column(Bridge, "sflow", "", LATER),
    column(Bridge, "ipfix", "", LATER),
    column(Bridge, "auto_attach", "", LATER),
    column(Port, "tag", "", Applied),
    column(Port, "vlan_mode", "", Applied),
    column(Port, "trunks", "", Applied),
    column(Port, "cvlans", "", Applied),
    column(Port, "protected", "", Applied),
    column(Port, "other_config", "priority-tags", Applied),
    column(Port, "other_config", "qinq-ethtype", Applied),
    column(Port, "bond_mode", "", Applied),
    column(Port, "bond_updelay", "", Applied),
    column(Port, "bond_downdelay", "", Applied),
    column(Port, "lacp", "", Applied),
    column(Port, "other_config", "bond-detect-mode", Applied),
    column(Port, "other_config", "bond-primary", Applied),
    column(Port, "other_config", "bond-hash-basis", Applied),
    column(Port, "other_config", "bond-rebalance-interval", Applied),
    column(Port, "other_config", "lacp-time", Applied),
    column(Port, "other_config", "lacp-fallback-ab", Applied),
    column(Port, "other_config", "lacp-system-id", Applied),
    column(Port, "other_config", "lacp-system-priority", Applied),
    column(Port, "other_config", "bond-miimon-interval", Refused("a member's carrier is followed, the kernel's word for it; nothing polls")),
    column(Port, "other_config", "lb-output-action", USERSPACE),
    column(Port, "other_config", "all-members-active", LATER),
    column(Port, "other_config", "*", OTHER),
    column(Port, "external_ids", "*", Recorded),
    column(Port, "qos", "", LATER),
    column(Port, "mac", "", Refused("it is for the fake interface of an old bond; MACADDR gives a device its address")),
    column(Port, "fake_bridge", "", Refused("a bridge's file makes a fake bridge: OVS_OPTIONS=\"PARENT VLAN\"")),
    column(Port, "bond_fake_iface", "", LATER),
    column(Port, "bond_active_slave", "", STATE),
    column(Port, "rstp_status", "*", STATE),
    column(Port, "rstp_statistics", "*", STATE),
    column(Port, "statistics", "*", STATE),
    column(Port, "status", "*", STATE),
    column(Port, "name", "", STATE),
    column(Port, "interfaces", "", Refused("BOND_IFACES names a bond's interfaces")),
    column(Interface, "mac", "", Applied),
    column(Interface, "mtu_request", "", Applied),
    column(Interface, "other_config", "lacp-port-id", Applied),
    column(Interface, "other_config", "lacp-port-priority", Applied),
    column(Interface, "other_config", "lacp-aggregation-key", Applied),
    column(Interface, "other_config", "*", OTHER),
    column(Interface, "external_ids", "*", Recorded),
    column(Interface, "type", "", Refused("TYPE says what an interface is")),
    column(Interface, "options", "*", Refused("OVS_TUNNEL_OPTIONS and OVS_PATCH_PEER are the places for them")),
    column(Interface, "ofport_request", "", FLOWS),
    column(Interface, "ofport", "", STATE),
    column(Interface, "ingress_policing_rate", "", LATER),
    column(Interface, "ingress_policing_burst", "", LATER),
    column(Interface, "ingress_policing_kpkts_rate", "", LATER),
    column(Interface, "ingress_policing_kpkts_burst", "", LATER),
    column(Interface, "cfm_mpid", "", LATER),
    column(Interface, "bfd", "*", LATER),
    column(Interface, "lldp", "*", LATER),
    column(Interface, "name", "", STATE),
    column(Interface, "ifindex", "", STATE),
    column(Interface, "mac_in_use", "", STATE),
    column(Interface, "mtu", "", STATE),
    column(Interface, "admin_state", "", STATE),
    column(Interface, "link_state", "", STATE),
    column(Interface, "error", "", STATE),
    column(Interface, "statistics", "*", STATE),
    column(Interface, "status", "*", STATE),
];

/// The name of the column a person means: its name with `-` as good as `_` and in any case, or any beginning that is no other's.
pub(super) fn name(table: Table, word: &str) -> Option<&'static str> {
    let word = word.replace('-', "_").to_ascii_lowercase();
    let names = || COLUMNS.iter().filter(|column| column.table == table).map(|column| column.name);
    if let Some(exact) = names().find(|name| *name == word) {
        return Some(exact);
    }
    let mut near = names().filter(|name| !word.is_empty() && name.starts_with(&word));
    let first = near.next()?;
    near.all(|name| name == first).then_some(first)
}

/// What becomes of a setting of this column and key (none for a column that is no map).
pub(super) fn class(table: Table, name: &str, key: &str) -> Option<Class> {
    let of = |wanted: &str| COLUMNS.iter().find(|column| column.table == table && column.name == name && column.key == wanted);
    of(key).or_else(|| if key.is_empty() { None } else { of("*") }).map(|column| column.class)
}

/// Whether a column is a map.
pub(super) fn is_map(table: Table, name: &str) -> bool {
    COLUMNS.iter().any(|column| column.table == table && column.name == name && !column.key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_shorten_names() {
        assert_eq!(name(Port, "tag"), Some("tag"));
        assert_eq!(name(Port, "other-config"), Some("other_config"));
        assert_eq!(name(Port, "OTHER_CONFIG"), Some("other_config"));
        assert_eq!(name(Port, "vlan"), Some("vlan_mode"));
        assert_eq!(name(Port, "bond"), None, "it is the beginning of several");
        assert_eq!(name(Port, "t"), None);
        assert_eq!(name(Port, ""), None);
        assert_eq!(name(Bridge, "tag"), None);
        assert_eq!(["bridge", "PORT", "i", "p"].map(Table::find), [Some(Bridge), Some(Port), Some(Interface), Some(Port)]);
        assert_eq!(["", "mirror", "bridges"].map(Table::find), [None; 3]);
    }

    #[test]
    fn a_map_has_its_own_word_for_keys_nobody_knows() {
        assert_eq!(class(Bridge, "other_config", "hwaddr"), Some(Applied));
        assert_eq!(class(Bridge, "other_config", "in-band-queue"), Some(OTHER));
        assert_eq!(class(Bridge, "external_ids", "anything"), Some(Recorded));
        assert_eq!(class(Bridge, "nothing", ""), None);
        assert!(is_map(Port, "other_config") && !is_map(Port, "tag"));
        for column in COLUMNS {
            let alike = COLUMNS.iter().filter(|other| (other.table, other.name, other.key) == (column.table, column.name, column.key));
            assert_eq!(alike.count(), 1, "{column:?}");
            assert_eq!(name(column.table, column.name), Some(column.name));
        }
    }
}
