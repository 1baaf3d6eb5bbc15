//! The tables and their columns. A column is a line.

use super::{CalledAfter, Column, Table};
use crate::vsctl::value::{AtomKind, Base, Reference, Type};

const INTEGER: Base = Base::any(AtomKind::Integer);
const BOOLEAN: Base = Base::any(AtomKind::Boolean);
const STRING: Base = Base::any(AtomKind::String);

const fn integer(least: i64, most: i64) -> Base {
    Base { range: Some((least, most)), ..INTEGER }
}

const fn choice(choices: &'static [&'static str]) -> Base {
    Base { choices, ..STRING }
}

const fn row(table: &'static str) -> Base {
    Base { reference: Some(Reference { table, strong: true }), ..Base::any(AtomKind::Uuid) }
}

const fn weak(table: &'static str) -> Base {
    Base { reference: Some(Reference { table, strong: false }), ..Base::any(AtomKind::Uuid) }
}

const fn one(key: Base) -> Type {
    Type { key, value: None, min: 1, max: 1 }
}

const fn optional(key: Base) -> Type {
    Type { min: 0, ..one(key) }
}

const fn up_to(max: usize, key: Base) -> Type {
    Type { max, ..optional(key) }
}

const fn any(key: Base) -> Type {
    up_to(usize::MAX, key)
}

const fn some(key: Base) -> Type {
    Type { min: 1, ..any(key) }
}

const fn map(key: Base, value: Base) -> Type {
    Type { value: Some(value), ..any(key) }
}

const fn column(name: &'static str, kind: Type) -> Column {
    Column { name, kind, fixed: false }
}

const fn fixed(name: &'static str, kind: Type) -> Column {
    Column { name, kind, fixed: true }
}

/// The tables kept here.
pub static TABLES: &[Table] = &[
    Table { name: "Bridge", root: false, columns: BRIDGE, called_after: None },
    Table { name: "Controller", root: false, columns: CONTROLLER, called_after: Some(CalledAfter { table: "Bridge", column: "controller" }) },
    Table { name: "Interface", root: false, columns: INTERFACE, called_after: None },
    Table { name: "Mirror", root: false, columns: MIRROR, called_after: None },
    Table { name: "Open_vSwitch", root: true, columns: OPEN_VSWITCH, called_after: None },
    Table { name: "Port", root: false, columns: PORT, called_after: None },
    Table { name: "QoS", root: true, columns: QOS, called_after: Some(CalledAfter { table: "Port", column: "qos" }) },
    Table { name: "Queue", root: true, columns: QUEUE, called_after: None },
];

/// The tables Open vSwitch has besides, and why they are not here.
pub(super) static ABSENT: &[(&str, &str)] = &[
    ("AutoAttach", "nothing here speaks LLDP"),
    ("CT_Timeout_Policy", "connection tracking is not the switch's"),
    ("CT_Zone", "connection tracking is not the switch's"),
    ("Datapath", "the datapath is the kernel's"),
    ("Flow_Sample_Collector_Set", "nothing here exports flows"),
    ("Flow_Table", "there are no OpenFlow tables"),
    ("IPFIX", "nothing here exports flows"),
    ("Manager", "there is no database server to manage"),
    ("NetFlow", "nothing here exports flows"),
    ("SSL", "there is no database server to connect to"),
    ("sFlow", "nothing here exports flows"),
];

const BRIDGE: &[Column] = &[
    column("auto_attach", optional(row("AutoAttach"))),
    column("controller", any(row("Controller"))),
    column("datapath_id", optional(STRING)),
    column("datapath_type", one(STRING)),
    column("datapath_version", one(STRING)),
    column("external_ids", map(STRING, STRING)),
    column("fail_mode", optional(choice(&["secure", "standalone"]))),
    column("flood_vlans", up_to(4096, integer(0, 4095))),
    column("flow_tables", map(integer(0, 254), row("Flow_Table"))),
    column("ipfix", optional(row("IPFIX"))),
    column("mcast_snooping_enable", one(BOOLEAN)),
    column("mirrors", any(row("Mirror"))),
    fixed("name", one(STRING)),
    column("netflow", optional(row("NetFlow"))),
    column("other_config", map(STRING, STRING)),
    column("ports", any(row("Port"))),
    column("protocols", any(choice(&["OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15"]))),
    column("rstp_enable", one(BOOLEAN)),
    column("rstp_status", map(STRING, STRING)),
    column("sflow", optional(row("sFlow"))),
    column("status", map(STRING, STRING)),
    column("stp_enable", one(BOOLEAN)),
];

const CONTROLLER: &[Column] = &[
    column("connection_mode", optional(choice(&["in-band", "out-of-band"]))),
    column("controller_burst_limit", optional(integer(25, i64::MAX))),
    column("controller_queue_size", optional(integer(1, 512))),
    column("controller_rate_limit", optional(integer(100, i64::MAX))),
    column("enable_async_messages", optional(BOOLEAN)),
    column("external_ids", map(STRING, STRING)),
    column("inactivity_probe", optional(INTEGER)),
    column("is_connected", one(BOOLEAN)),
    column("local_gateway", optional(STRING)),
    column("local_ip", optional(STRING)),
    column("local_netmask", optional(STRING)),
    column("max_backoff", optional(integer(1000, i64::MAX))),
    column("other_config", map(STRING, STRING)),
    column("role", optional(choice(&["master", "other", "slave"]))),
    column("status", map(STRING, STRING)),
    column("target", one(STRING)),
    column("type", optional(choice(&["primary", "service"]))),
];

const INTERFACE: &[Column] = &[
    column("admin_state", optional(choice(&["down", "up"]))),
    column("bfd", map(STRING, STRING)),
    column("bfd_status", map(STRING, STRING)),
    column("cfm_fault", optional(BOOLEAN)),
    column("cfm_fault_status", any(STRING)),
    column("cfm_flap_count", optional(INTEGER)),
    column("cfm_health", optional(integer(0, 100))),
    column("cfm_mpid", optional(INTEGER)),
    column("cfm_remote_mpids", any(INTEGER)),
    column("cfm_remote_opstate", optional(choice(&["down", "up"]))),
    column("duplex", optional(choice(&["full", "half"]))),
    column("error", optional(STRING)),
    column("external_ids", map(STRING, STRING)),
    column("ifindex", optional(integer(0, 4_294_967_295))),
    column("ingress_policing_burst", one(integer(0, i64::MAX))),
    column("ingress_policing_kpkts_burst", one(integer(0, i64::MAX))),
    column("ingress_policing_kpkts_rate", one(integer(0, i64::MAX))),
    column("ingress_policing_rate", one(integer(0, i64::MAX))),
    column("lacp_current", optional(BOOLEAN)),
    column("link_resets", optional(INTEGER)),
    column("link_speed", optional(INTEGER)),
    column("link_state", optional(choice(&["down", "up"]))),
    column("lldp", map(STRING, STRING)),
    column("mac", optional(STRING)),
    column("mac_in_use", optional(STRING)),
    column("mtu", optional(INTEGER)),
    column("mtu_request", optional(integer(1, i64::MAX))),
    fixed("name", one(STRING)),
    column("ofport", optional(INTEGER)),
    column("ofport_request", optional(integer(1, 65279))),
    column("options", map(STRING, STRING)),
    column("other_config", map(STRING, STRING)),
    column("statistics", map(STRING, INTEGER)),
    column("status", map(STRING, STRING)),
    column("type", one(STRING)),
];

const MIRROR: &[Column] = &[
    column("external_ids", map(STRING, STRING)),
    column("name", one(STRING)),
    column("output_port", optional(weak("Port"))),
    column("output_vlan", optional(integer(1, 4095))),
    column("select_all", one(BOOLEAN)),
    column("select_dst_port", any(weak("Port"))),
    column("select_src_port", any(weak("Port"))),
    column("select_vlan", up_to(4096, integer(0, 4095))),
    column("snaplen", optional(integer(14, 65535))),
    column("statistics", map(STRING, INTEGER)),
];

const OPEN_VSWITCH: &[Column] = &[
    column("bridges", any(row("Bridge"))),
    column("cur_cfg", one(INTEGER)),
    column("datapath_types", any(STRING)),
    column("datapaths", map(STRING, row("Datapath"))),
    column("db_version", optional(STRING)),
    column("dpdk_initialized", one(BOOLEAN)),
    column("dpdk_version", optional(STRING)),
    column("external_ids", map(STRING, STRING)),
    column("iface_types", any(STRING)),
    column("manager_options", any(row("Manager"))),
    column("next_cfg", one(INTEGER)),
    column("other_config", map(STRING, STRING)),
    column("ovs_version", optional(STRING)),
    column("ssl", optional(row("SSL"))),
    column("statistics", map(STRING, STRING)),
    column("system_type", optional(STRING)),
    column("system_version", optional(STRING)),
];

const PORT: &[Column] = &[
    column("bond_active_slave", optional(STRING)),
    column("bond_downdelay", one(INTEGER)),
    column("bond_fake_iface", one(BOOLEAN)),
    column("bond_mode", optional(choice(&["active-backup", "balance-slb", "balance-tcp"]))),
    column("bond_updelay", one(INTEGER)),
    column("cvlans", up_to(4096, integer(0, 4095))),
    column("external_ids", map(STRING, STRING)),
    column("fake_bridge", one(BOOLEAN)),
    column("interfaces", some(row("Interface"))),
    column("lacp", optional(choice(&["active", "off", "passive"]))),
    column("mac", optional(STRING)),
    fixed("name", one(STRING)),
    column("other_config", map(STRING, STRING)),
    column("protected", one(BOOLEAN)),
    column("qos", optional(row("QoS"))),
    column("rstp_statistics", map(STRING, INTEGER)),
    column("rstp_status", map(STRING, STRING)),
    column("statistics", map(STRING, INTEGER)),
    column("status", map(STRING, STRING)),
    column("tag", optional(integer(0, 4095))),
    column("trunks", up_to(4096, integer(0, 4095))),
    column("vlan_mode", optional(choice(&["access", "dot1q-tunnel", "native-tagged", "native-untagged", "trunk"]))),
];

const QOS: &[Column] = &[
    column("external_ids", map(STRING, STRING)),
    column("other_config", map(STRING, STRING)),
    column("queues", map(integer(0, 4_294_967_295), row("Queue"))),
    column("type", one(STRING)),
];

const QUEUE: &[Column] =
    &[column("dscp", optional(integer(0, 63))), column("external_ids", map(STRING, STRING)), column("other_config", map(STRING, STRING))];
