//! What the attributes of a key are called in text, and how long they are.

use crate::key::{Arp, CtTuple4, CtTuple6, Ethernet, Ipv4, Ipv6, Nd, NdExtensions, Ports};
use crate::uapi::key;

pub(crate) const TCP_FLAGS: &[&str] = &["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"];
pub(crate) const CT_STATE: &[&str] = &["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];

/// The name of an attribute.
pub(crate) fn name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        key::UNSPEC => "unspec",
        key::ENCAP => "encap",
        key::PRIORITY => "skb_priority",
        key::IN_PORT => "in_port",
        key::ETHERNET => "eth",
        key::VLAN => "vlan",
        key::ETHERTYPE => "eth_type",
        key::IPV4 => "ipv4",
        key::IPV6 => "ipv6",
        key::TCP => "tcp",
        key::UDP => "udp",
        key::ICMP => "icmp",
        key::ICMPV6 => "icmpv6",
        key::ARP => "arp",
        key::ND => "nd",
        key::SKB_MARK => "skb_mark",
        key::TUNNEL => "tunnel",
        key::SCTP => "sctp",
        key::TCP_FLAGS => "tcp_flags",
        key::DP_HASH => "dp_hash",
        key::RECIRC_ID => "recirc_id",
        key::MPLS => "mpls",
        key::CT_STATE => "ct_state",
        key::CT_ZONE => "ct_zone",
        key::CT_MARK => "ct_mark",
        key::CT_LABELS => "ct_label",
        key::CT_ORIG_TUPLE_IPV4 => "ct_tuple4",
        key::CT_ORIG_TUPLE_IPV6 => "ct_tuple6",
        key::NSH => "nsh",
        key::PACKET_TYPE => "packet_type",
        key::ND_EXTENSIONS => "nd_ext",
        _ => return None,
    })
}

/// The length an attribute must have; `None`: any.
pub(super) fn expected_len(kind: u16) -> Option<usize> {
    Some(match kind {
        key::PRIORITY | key::IN_PORT | key::SKB_MARK | key::DP_HASH | key::RECIRC_ID | key::CT_STATE | key::CT_MARK | key::PACKET_TYPE => 4,
        key::ETHERNET => Ethernet::LEN,
        key::VLAN | key::ETHERTYPE | key::TCP_FLAGS | key::CT_ZONE | key::ICMP | key::ICMPV6 => 2,
        key::IPV4 => Ipv4::LEN,
        key::IPV6 => Ipv6::LEN,
        key::TCP | key::UDP | key::SCTP => Ports::LEN,
        key::ARP => Arp::LEN,
        key::ND => Nd::LEN,
        key::CT_LABELS => 16,
        key::CT_ORIG_TUPLE_IPV4 => CtTuple4::LEN,
        key::CT_ORIG_TUPLE_IPV6 => CtTuple6::LEN,
        key::ND_EXTENSIONS => NdExtensions::LEN,
        _ => return None,
    })
}
