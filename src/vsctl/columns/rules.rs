//! The rules, a column or key a line. `docs/columns.md` is held equal to this table.

use super::{Class, Rule};

const fn rule(table: &'static str, column: &'static str, class: Class, why: &'static str) -> Rule {
    Rule { table, column, key: None, class, only: &[], why }
}

const fn applied(table: &'static str, column: &'static str, why: &'static str) -> Rule {
    rule(table, column, Class::Applied, why)
}

/// Applied when it has one of some values; refused, and why, when it has another.
const fn only(table: &'static str, column: &'static str, only: &'static [&'static str], why: &'static str) -> Rule {
    Rule { only, ..rule(table, column, Class::Applied, why) }
}

/// Kept and shown, and it is said that nothing is done.
const fn recorded(table: &'static str, column: &'static str, why: &'static str) -> Rule {
    rule(table, column, Class::Recorded { said: true }, why)
}

/// Kept and shown, as in Open vSwitch.
const fn kept(table: &'static str, column: &'static str, why: &'static str) -> Rule {
    rule(table, column, Class::Recorded { said: false }, why)
}

/// Refused, unless it has its default.
const fn refused(table: &'static str, column: &'static str, why: &'static str) -> Rule {
    rule(table, column, Class::Refused, why)
}

/// The same of a key of the column.
const fn key(rule: Rule, key: &'static str) -> Rule {
    Rule { key: Some(key), ..rule }
}

const fn bridge(name: &'static str, why: &'static str) -> Rule {
    key(applied("Bridge", "other_config", why), name)
}

const fn bridge_kept(name: &'static str, why: &'static str) -> Rule {
    key(recorded("Bridge", "other_config", why), name)
}

const fn port(name: &'static str, why: &'static str) -> Rule {
    key(applied("Port", "other_config", why), name)
}

const fn port_kept(name: &'static str, why: &'static str) -> Rule {
    key(recorded("Port", "other_config", why), name)
}

const fn interface(name: &'static str, why: &'static str) -> Rule {
    key(applied("Interface", "other_config", why), name)
}

const READ: &str = "it is what the switch says, not what it is told";
const FOR_OTHERS: &str = "for others to read";
const UNKNOWN: &str = "it is no setting of this switch";
const NO_CONTROLLER: &str = "there is no controller";
const NO_OPENFLOW: &str = "there is no OpenFlow";
const NO_EXPORT: &str = "nothing here exports flows";
const NO_STP: &str = "there is no spanning tree yet: a loop it was to break would stay";
const NO_TREE: &str = "there is no spanning tree yet";
const NO_SNOOPING: &str = "there is no multicast snooping yet: multicast is flooded";
const NO_POLICING: &str = "nothing here polices what comes in";
const NO_MONITORING: &str = "nothing here monitors links by BFD or CFM";
const NO_SERVER: &str = "there is no database server";
const NO_DPDK: &str = "the datapath is the kernel's";
const NO_MIRROR: &str = "nothing is mirrored yet";
const NO_QOS: &str = "nothing is shaped yet";

/// What every column does.
pub static RULES: &[Rule] = &[
    applied("Open_vSwitch", "bridges", "the bridges"),
    refused("Open_vSwitch", "cur_cfg", READ),
    refused("Open_vSwitch", "datapath_types", READ),
    refused("Open_vSwitch", "datapaths", "the datapath is the kernel's"),
    refused("Open_vSwitch", "db_version", READ),
    refused("Open_vSwitch", "dpdk_initialized", READ),
    refused("Open_vSwitch", "dpdk_version", READ),
    kept("Open_vSwitch", "external_ids", FOR_OTHERS),
    refused("Open_vSwitch", "iface_types", READ),
    refused("Open_vSwitch", "manager_options", NO_SERVER),
    refused("Open_vSwitch", "next_cfg", READ),
    recorded("Open_vSwitch", "other_config", UNKNOWN),
    refused("Open_vSwitch", "ovs_version", READ),
    refused("Open_vSwitch", "ssl", NO_SERVER),
    refused("Open_vSwitch", "statistics", READ),
    refused("Open_vSwitch", "system_type", READ),
    refused("Open_vSwitch", "system_version", READ),
    refused("Bridge", "auto_attach", "nothing here speaks LLDP"),
    kept("Bridge", "controller", "there is no OpenFlow: the bridge goes on learning by itself"),
    refused("Bridge", "datapath_id", READ),
    only("Bridge", "datapath_type", &["", "system"], NO_DPDK),
    refused("Bridge", "datapath_version", READ),
    kept("Bridge", "external_ids", FOR_OTHERS),
    only("Bridge", "fail_mode", &["", "standalone"], "a bridge that waits for a controller would drop every packet, and there is none"),
    applied("Bridge", "flood_vlans", "VLANs in which nothing is learned and everything flooded"),
    refused("Bridge", "flow_tables", NO_OPENFLOW),
    refused("Bridge", "ipfix", NO_EXPORT),
    refused("Bridge", "mcast_snooping_enable", NO_SNOOPING),
    recorded("Bridge", "mirrors", NO_MIRROR),
    applied("Bridge", "name", "its name and its own interface's"),
    refused("Bridge", "netflow", NO_EXPORT),
    recorded("Bridge", "other_config", UNKNOWN),
    bridge("hwaddr", "its Ethernet address"),
    bridge("mac-aging-time", "seconds an address is remembered unseen, 15 to 3600"),
    bridge("mac-table-size", "how many addresses are remembered, 10 to 1000000"),
    bridge("forward-bpdu", "whether packets to reserved groups are forwarded as others"),
    bridge_kept("datapath-id", NO_OPENFLOW),
    bridge_kept("dp-desc", NO_OPENFLOW),
    bridge_kept("dp-sn", NO_OPENFLOW),
    bridge_kept("disable-in-band", NO_CONTROLLER),
    bridge_kept("in-band-queue", NO_CONTROLLER),
    bridge_kept("controller-queue-size", NO_CONTROLLER),
    bridge_kept("controller-rate-limit", NO_CONTROLLER),
    bridge_kept("controller-burst-limit", NO_CONTROLLER),
    bridge_kept("mcast-snooping-aging-time", NO_SNOOPING),
    bridge_kept("mcast-snooping-disable-flood-unregistered", NO_SNOOPING),
    bridge_kept("mcast-snooping-table-size", NO_SNOOPING),
    bridge_kept("rstp-address", NO_TREE),
    bridge_kept("rstp-ageing-time", NO_TREE),
    bridge_kept("rstp-force-protocol-version", NO_TREE),
    bridge_kept("rstp-forward-delay", NO_TREE),
    bridge_kept("rstp-max-age", NO_TREE),
    bridge_kept("rstp-priority", NO_TREE),
    bridge_kept("rstp-transmit-hold-count", NO_TREE),
    bridge_kept("stp-forward-delay", NO_TREE),
    bridge_kept("stp-hello-time", NO_TREE),
    bridge_kept("stp-max-age", NO_TREE),
    bridge_kept("stp-priority", NO_TREE),
    bridge_kept("stp-system-id", NO_TREE),
    applied("Bridge", "ports", "its ports"),
    recorded("Bridge", "protocols", NO_OPENFLOW),
    refused("Bridge", "rstp_enable", NO_STP),
    refused("Bridge", "rstp_status", READ),
    refused("Bridge", "sflow", NO_EXPORT),
    refused("Bridge", "status", READ),
    refused("Bridge", "stp_enable", NO_STP),
    refused("Port", "bond_active_slave", READ),
    applied("Port", "bond_downdelay", "milliseconds a member's link is down before it carries nothing"),
    recorded("Port", "bond_fake_iface", "a bond has no network device"),
    applied("Port", "bond_mode", "how a bond's members share the load"),
    applied("Port", "bond_updelay", "milliseconds a member's link is up before it carries packets"),
    applied("Port", "cvlans", "the customer's VLANs a dot1q-tunnel lets through"),
    kept("Port", "external_ids", FOR_OTHERS),
    applied("Port", "fake_bridge", "whether it stands for a VLAN of its bridge"),
    applied("Port", "interfaces", "the network devices under it"),
    applied("Port", "lacp", "whether LACP is spoken on it, and who begins"),
    recorded("Port", "mac", "a port takes its device's address"),
    applied("Port", "name", "its name"),
    recorded("Port", "other_config", UNKNOWN),
    port("bond-detect-mode", "whether the kernel's word for a member's carrier is followed, or its transceiver asked"),
    port("bond-miimon-interval", "milliseconds between two questions to a member's transceiver"),
    port("bond-rebalance-interval", "milliseconds between two looks at the load"),
    port("bond-hash-basis", "what the hash that spreads the load begins with"),
    port("bond-primary", "the member that is active whenever it can be"),
    port("lacp-time", "how often the partner is asked to speak"),
    port("lacp-fallback-ab", "whether one member carries packets while the partner speaks no LACP"),
    port("lacp-system-id", "the system's address in LACP"),
    port("lacp-system-priority", "the system's priority in LACP"),
    port("priority-tags", "whether a packet without a VLAN keeps its priority"),
    port("qinq-ethtype", "the provider's tag of a dot1q-tunnel"),
    port_kept("lb-output-action", "the kernel's datapath has no such action"),
    key(
        Rule { only: &["false"], ..refused("Port", "other_config", "broadcasts would arrive once for each member of the bond") },
        "all-members-active",
    ),
    port_kept("mcast-snooping-flood", NO_SNOOPING),
    port_kept("mcast-snooping-flood-reports", NO_SNOOPING),
    port_kept("rstp-admin-p2p-mac", NO_TREE),
    port_kept("rstp-admin-port-state", NO_TREE),
    port_kept("rstp-auto-edge", NO_TREE),
    port_kept("rstp-enable", NO_TREE),
    port_kept("rstp-path-cost", NO_TREE),
    port_kept("rstp-port-admin-edge", NO_TREE),
    port_kept("rstp-port-mcheck", NO_TREE),
    port_kept("rstp-port-num", NO_TREE),
    port_kept("rstp-port-priority", NO_TREE),
    port_kept("stp-enable", NO_TREE),
    port_kept("stp-path-cost", NO_TREE),
    port_kept("stp-port-num", NO_TREE),
    port_kept("stp-port-priority", NO_TREE),
    port_kept("transient", "the database does not outlive the files"),
    applied("Port", "protected", "whether it exchanges nothing with other protected ports"),
    recorded("Port", "qos", NO_QOS),
    refused("Port", "rstp_statistics", READ),
    refused("Port", "rstp_status", READ),
    refused("Port", "statistics", READ),
    refused("Port", "status", READ),
    applied("Port", "tag", "the VLAN of its packets without a tag"),
    applied("Port", "trunks", "the VLANs it carries"),
    applied("Port", "vlan_mode", "how it treats VLANs"),
    refused("Interface", "admin_state", READ),
    refused("Interface", "bfd", NO_MONITORING),
    refused("Interface", "bfd_status", READ),
    refused("Interface", "cfm_fault", READ),
    refused("Interface", "cfm_fault_status", READ),
    refused("Interface", "cfm_flap_count", READ),
    refused("Interface", "cfm_health", READ),
    refused("Interface", "cfm_mpid", NO_MONITORING),
    refused("Interface", "cfm_remote_mpids", READ),
    refused("Interface", "cfm_remote_opstate", READ),
    refused("Interface", "duplex", READ),
    refused("Interface", "error", READ),
    kept("Interface", "external_ids", FOR_OTHERS),
    refused("Interface", "ifindex", READ),
    refused("Interface", "ingress_policing_burst", NO_POLICING),
    refused("Interface", "ingress_policing_kpkts_burst", NO_POLICING),
    refused("Interface", "ingress_policing_kpkts_rate", NO_POLICING),
    refused("Interface", "ingress_policing_rate", NO_POLICING),
    refused("Interface", "lacp_current", READ),
    refused("Interface", "link_resets", READ),
    refused("Interface", "link_speed", READ),
    refused("Interface", "link_state", READ),
    refused("Interface", "lldp", "nothing here speaks LLDP"),
    applied("Interface", "mac", "an internal interface's Ethernet address"),
    refused("Interface", "mac_in_use", READ),
    refused("Interface", "mtu", READ),
    applied("Interface", "mtu_request", "its MTU in bytes"),
    applied("Interface", "name", "the network device"),
    refused("Interface", "ofport", READ),
    recorded("Interface", "ofport_request", "a port's number is the datapath's"),
    applied("Interface", "options", "a tunnel's or patch port's settings"),
    recorded("Interface", "other_config", UNKNOWN),
    interface("lacp-aggregation-key", "the key of a bond's member in LACP"),
    interface("lacp-port-id", "the number of a bond's member in LACP"),
    interface("lacp-port-priority", "the priority of a bond's member in LACP"),
    refused("Interface", "statistics", READ),
    refused("Interface", "status", READ),
    only(
        "Interface",
        "type",
        &["", "system", "internal", "patch", "vxlan", "geneve", "gre", "ip6gre", "erspan", "ip6erspan"],
        "the kernel's datapath has no ports of that type",
    ),
    recorded("Mirror", "*", NO_MIRROR),
    recorded("QoS", "*", NO_QOS),
    recorded("Queue", "*", NO_QOS),
    recorded("Controller", "*", NO_OPENFLOW),
];
