//! The numbers of `include/uapi/linux/{rtnetlink,if_link,if_addr}.h` that this room reads, and the names of those that
//! the kernel complains about.

use ovsdp_proto::ack::Ext;
use ovsdp_proto::nla::{self, Attr, Attrs};
use ovsdp_proto::nlmsg;

use crate::nl::Naming;

/// Length of `struct ifinfomsg` in bytes.
pub(super) const LINK_HEADER: usize = 16;
/// Length of `struct ifaddrmsg` in bytes.
pub(super) const ADDRESS_HEADER: usize = 8;
/// Length of `struct rtmsg` in bytes.
pub(super) const ROUTE_HEADER: usize = 12;
/// Length of `struct fib_rule_hdr` in bytes.
pub(super) const RULE_HEADER: usize = 12;
/// Length of `struct rtnexthop` in bytes.
pub(super) const NEXT_HOP_HEADER: usize = 8;

/// Message types.
pub(super) mod rtm {
    pub(in crate::rtnl) const NEWLINK: u16 = 16;
    pub(in crate::rtnl) const DELLINK: u16 = 17;
    pub(in crate::rtnl) const GETLINK: u16 = 18;
    pub(in crate::rtnl) const SETLINK: u16 = 19;
    pub(in crate::rtnl) const NEWADDR: u16 = 20;
    pub(in crate::rtnl) const DELADDR: u16 = 21;
    pub(in crate::rtnl) const GETADDR: u16 = 22;
    pub(in crate::rtnl) const NEWROUTE: u16 = 24;
    pub(in crate::rtnl) const DELROUTE: u16 = 25;
    pub(in crate::rtnl) const GETROUTE: u16 = 26;
    pub(in crate::rtnl) const NEWRULE: u16 = 32;
    pub(in crate::rtnl) const DELRULE: u16 = 33;
    pub(in crate::rtnl) const GETRULE: u16 = 34;
}

/// Multicast groups (`enum rtnetlink_groups`).
pub(super) mod group {
    pub(in crate::rtnl) const LINK: u32 = 1;
    pub(in crate::rtnl) const IPV4_ADDRESS: u32 = 5;
    pub(in crate::rtnl) const IPV4_ROUTE: u32 = 7;
    pub(in crate::rtnl) const IPV6_ADDRESS: u32 = 9;
    pub(in crate::rtnl) const IPV6_ROUTE: u32 = 11;
}

/// A link's attributes.
pub(super) mod ifla {
    pub(in crate::rtnl) const ADDRESS: u16 = 1;
    pub(in crate::rtnl) const IFNAME: u16 = 3;
    pub(in crate::rtnl) const MTU: u16 = 4;
    pub(in crate::rtnl) const LINK: u16 = 5;
    pub(in crate::rtnl) const MASTER: u16 = 10;
    pub(in crate::rtnl) const WIRELESS: u16 = 11;
    pub(in crate::rtnl) const LINKINFO: u16 = 18;
    pub(in crate::rtnl) const AF_SPEC: u16 = 26;
    pub(in crate::rtnl) const PERM_ADDRESS: u16 = 54;
    /// Within `LINKINFO`.
    pub(in crate::rtnl) const INFO_KIND: u16 = 1;
    /// Within `LINKINFO`.
    pub(in crate::rtnl) const INFO_DATA: u16 = 2;
    /// Within `LINKINFO`.
    pub(in crate::rtnl) const INFO_SLAVE_KIND: u16 = 4;
}

/// What a link's `AF_SPEC` says of IPv6: attributes, and places in the array of settings (`DEVCONF_*`).
pub(super) mod inet6 {
    /// `AF_INET6`: the attribute's kind is the family.
    pub(in crate::rtnl) const FAMILY: u16 = 10;
    pub(in crate::rtnl) const CONF: u16 = 2;
    pub(in crate::rtnl) const FORWARDING: usize = 0;
    pub(in crate::rtnl) const MTU: usize = 2;
    pub(in crate::rtnl) const ACCEPT_RA: usize = 3;
    pub(in crate::rtnl) const ACCEPT_REDIRECTS: usize = 4;
    pub(in crate::rtnl) const AUTOCONF: usize = 5;
    pub(in crate::rtnl) const USE_TEMPADDR: usize = 10;
}

/// An address's attributes.
pub(super) mod ifa {
    pub(in crate::rtnl) const ADDRESS: u16 = 1;
    pub(in crate::rtnl) const LOCAL: u16 = 2;
    pub(in crate::rtnl) const LABEL: u16 = 3;
    pub(in crate::rtnl) const BROADCAST: u16 = 4;
    pub(in crate::rtnl) const CACHEINFO: u16 = 6;
    pub(in crate::rtnl) const FLAGS: u16 = 8;
    pub(in crate::rtnl) const RT_PRIORITY: u16 = 9;
    pub(in crate::rtnl) const PROTO: u16 = 11;
}

/// A route's attributes.
pub(super) mod rta {
    pub(in crate::rtnl) const DST: u16 = 1;
    pub(in crate::rtnl) const SRC: u16 = 2;
    pub(in crate::rtnl) const OIF: u16 = 4;
    pub(in crate::rtnl) const GATEWAY: u16 = 5;
    pub(in crate::rtnl) const PRIORITY: u16 = 6;
    pub(in crate::rtnl) const PREFSRC: u16 = 7;
    pub(in crate::rtnl) const METRICS: u16 = 8;
    pub(in crate::rtnl) const MULTIPATH: u16 = 9;
    pub(in crate::rtnl) const CACHEINFO: u16 = 12;
    pub(in crate::rtnl) const TABLE: u16 = 15;
    pub(in crate::rtnl) const VIA: u16 = 18;
    pub(in crate::rtnl) const NH_ID: u16 = 30;
}

/// A rule's attributes.
pub(super) mod fra {
    pub(in crate::rtnl) const DST: u16 = 1;
    pub(in crate::rtnl) const SRC: u16 = 2;
    pub(in crate::rtnl) const IIFNAME: u16 = 3;
    pub(in crate::rtnl) const GOTO: u16 = 4;
    pub(in crate::rtnl) const PRIORITY: u16 = 6;
    pub(in crate::rtnl) const FWMARK: u16 = 10;
    pub(in crate::rtnl) const TUN_ID: u16 = 12;
    pub(in crate::rtnl) const SUPPRESS_IFGROUP: u16 = 13;
    pub(in crate::rtnl) const SUPPRESS_PREFIXLEN: u16 = 14;
    pub(in crate::rtnl) const TABLE: u16 = 15;
    pub(in crate::rtnl) const FWMASK: u16 = 16;
    pub(in crate::rtnl) const OIFNAME: u16 = 17;
    pub(in crate::rtnl) const PAD: u16 = 18;
    pub(in crate::rtnl) const L3MDEV: u16 = 19;
    pub(in crate::rtnl) const UID_RANGE: u16 = 20;
    pub(in crate::rtnl) const PROTOCOL: u16 = 21;
    pub(in crate::rtnl) const IP_PROTO: u16 = 22;
    pub(in crate::rtnl) const SPORT_RANGE: u16 = 23;
    pub(in crate::rtnl) const DPORT_RANGE: u16 = 24;
    pub(in crate::rtnl) const SPORT_MASK: u16 = 28;
    pub(in crate::rtnl) const DPORT_MASK: u16 = 29;
}

const LINK: &[(u16, &str)] = &[
    (1, "IFLA_ADDRESS"),
    (2, "IFLA_BROADCAST"),
    (3, "IFLA_IFNAME"),
    (4, "IFLA_MTU"),
    (5, "IFLA_LINK"),
    (10, "IFLA_MASTER"),
    (13, "IFLA_TXQLEN"),
    (16, "IFLA_OPERSTATE"),
    (17, "IFLA_LINKMODE"),
    (18, "IFLA_LINKINFO"),
    (19, "IFLA_NET_NS_PID"),
    (20, "IFLA_IFALIAS"),
    (26, "IFLA_AF_SPEC"),
    (27, "IFLA_GROUP"),
    (28, "IFLA_NET_NS_FD"),
    (29, "IFLA_EXT_MASK"),
    (31, "IFLA_NUM_TX_QUEUES"),
    (32, "IFLA_NUM_RX_QUEUES"),
    (33, "IFLA_CARRIER"),
    (39, "IFLA_PROTO_DOWN"),
    (41, "IFLA_GSO_MAX_SIZE"),
];

const LINKINFO: &[(u16, &str)] =
    &[(1, "IFLA_INFO_KIND"), (2, "IFLA_INFO_DATA"), (3, "IFLA_INFO_XSTATS"), (4, "IFLA_INFO_SLAVE_KIND"), (5, "IFLA_INFO_SLAVE_DATA")];

const ADDRESS: &[(u16, &str)] = &[
    (1, "IFA_ADDRESS"),
    (2, "IFA_LOCAL"),
    (3, "IFA_LABEL"),
    (4, "IFA_BROADCAST"),
    (5, "IFA_ANYCAST"),
    (6, "IFA_CACHEINFO"),
    (7, "IFA_MULTICAST"),
    (8, "IFA_FLAGS"),
    (9, "IFA_RT_PRIORITY"),
    (10, "IFA_TARGET_NETNSID"),
    (11, "IFA_PROTO"),
];

const ROUTE: &[(u16, &str)] = &[
    (1, "RTA_DST"),
    (2, "RTA_SRC"),
    (3, "RTA_IIF"),
    (4, "RTA_OIF"),
    (5, "RTA_GATEWAY"),
    (6, "RTA_PRIORITY"),
    (7, "RTA_PREFSRC"),
    (8, "RTA_METRICS"),
    (9, "RTA_MULTIPATH"),
    (11, "RTA_FLOW"),
    (12, "RTA_CACHEINFO"),
    (15, "RTA_TABLE"),
    (16, "RTA_MARK"),
    (18, "RTA_VIA"),
    (20, "RTA_PREF"),
    (21, "RTA_ENCAP_TYPE"),
    (22, "RTA_ENCAP"),
    (23, "RTA_EXPIRES"),
    (26, "RTA_TTL_PROPAGATE"),
    (30, "RTA_NH_ID"),
];

const RULE: &[(u16, &str)] = &[
    (1, "FRA_DST"),
    (2, "FRA_SRC"),
    (3, "FRA_IIFNAME"),
    (4, "FRA_GOTO"),
    (6, "FRA_PRIORITY"),
    (10, "FRA_FWMARK"),
    (14, "FRA_SUPPRESS_PREFIXLEN"),
    (15, "FRA_TABLE"),
    (16, "FRA_FWMASK"),
    (17, "FRA_OIFNAME"),
    (21, "FRA_PROTOCOL"),
    (22, "FRA_IP_PROTO"),
    (23, "FRA_SPORT_RANGE"),
    (24, "FRA_DPORT_RANGE"),
];

/// rtnetlink's names. `ovsdp-proto` has the like for the Open vSwitch families only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rtnetlink;

/// Where the first attribute of a request of message type `kind` is, in bytes from its netlink header.
const fn first(kind: u16) -> usize {
    nlmsg::HEADER_LEN
        + match kind {
            rtm::NEWADDR..=rtm::GETADDR => ADDRESS_HEADER,
            rtm::NEWROUTE..=rtm::GETROUTE => ROUTE_HEADER,
            rtm::NEWRULE..=rtm::GETRULE => RULE_HEADER,
            _ => LINK_HEADER,
        }
}

/// What the attribute `number` is called, in the outermost list or within the attribute `nest`.
fn name(kind: u16, nest: Option<u16>, number: u16) -> String {
    let table = match (kind, nest) {
        (rtm::NEWLINK..=rtm::SETLINK, None) => LINK,
        (rtm::NEWLINK..=rtm::SETLINK, Some(ifla::LINKINFO)) => LINKINFO,
        (rtm::NEWADDR..=rtm::GETADDR, None) => ADDRESS,
        (rtm::NEWROUTE..=rtm::GETROUTE, None) => ROUTE,
        (rtm::NEWRULE..=rtm::GETRULE, None) => RULE,
        _ => &[],
    };
    table.iter().find(|(of, _)| *of == number).map_or_else(|| format!("#{number}"), |(_, name)| (*name).to_owned())
}

/// The last attribute of `list` that begins at or before `at`, if `at` is within it.
fn holding(list: &[u8], at: usize) -> Option<Attr<'_>> {
    let attr = Attrs::new(list).take_while(|attr| attr.offset() <= at).last()?;
    (at < attr.offset() + nla::HEADER_LEN + attr.payload().len()).then_some(attr)
}

impl Naming for Rtnetlink {
    fn attribute(&self, kind: u16, request: &[u8], ext: &Ext<'_>) -> Option<String> {
        let missing = ext.miss_type().and_then(|number| u16::try_from(number).ok());
        let at = match (missing, ext.miss_nest()) {
            (Some(number), None) => return Some(name(kind, None, number)),
            (Some(_), Some(nest)) => nest,
            (None, _) => ext.offset()?,
        };
        let at = usize::try_from(at).ok()?.checked_sub(first(kind))?;
        let outer = holding(request.get(first(kind)..)?, at)?;
        let within = at.checked_sub(outer.offset() + nla::HEADER_LEN).and_then(|at| holding(outer.payload(), at));
        let mut path = name(kind, None, outer.kind());
        // One level is all that this room sends.
        if let Some(number) = missing.or(within.map(|attr| attr.kind())) {
            path.push('/');
            path.push_str(&name(kind, Some(outer.kind()), number));
        }
        Some(path)
    }
}
