//! What the attributes of a key are called in text, and how long they are.

use crate::key::{Arp, CtTuple4, CtTuple6, Ethernet, Ipv4, Ipv6, Nd, NdExtensions, Ports};
use crate::text::put::Word;
use crate::uapi::key;

pub(crate) const TCP_FLAGS: &[&str] = &["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"];
pub(crate) const CT_STATE: &[&str] = &["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];

/// An attribute that has a name.
pub(super) struct Known {
    /// Its name and a bracket.
    pub(super) name: Word,
    /// The length it must have; `None`: any.
    pub(super) len: Option<usize>,
}

const fn known(name: &str, len: Option<usize>) -> Option<Known> {
    Some(Known { name: Word::new(name), len })
}

static TABLE: [Option<Known>; 32] = {
    let mut table = [const { None }; 32];
    table[key::UNSPEC as usize] = known("unspec(", None);
    table[key::ENCAP as usize] = known("encap(", None);
    table[key::PRIORITY as usize] = known("skb_priority(", Some(4));
    table[key::IN_PORT as usize] = known("in_port(", Some(4));
    table[key::ETHERNET as usize] = known("eth(", Some(Ethernet::LEN));
    table[key::VLAN as usize] = known("vlan(", Some(2));
    table[key::ETHERTYPE as usize] = known("eth_type(", Some(2));
    table[key::IPV4 as usize] = known("ipv4(", Some(Ipv4::LEN));
    table[key::IPV6 as usize] = known("ipv6(", Some(Ipv6::LEN));
    table[key::TCP as usize] = known("tcp(", Some(Ports::LEN));
    table[key::UDP as usize] = known("udp(", Some(Ports::LEN));
    table[key::ICMP as usize] = known("icmp(", Some(2));
    table[key::ICMPV6 as usize] = known("icmpv6(", Some(2));
    table[key::ARP as usize] = known("arp(", Some(Arp::LEN));
    table[key::ND as usize] = known("nd(", Some(Nd::LEN));
    table[key::SKB_MARK as usize] = known("skb_mark(", Some(4));
    table[key::TUNNEL as usize] = known("tunnel(", None);
    table[key::SCTP as usize] = known("sctp(", Some(Ports::LEN));
    table[key::TCP_FLAGS as usize] = known("tcp_flags(", Some(2));
    table[key::DP_HASH as usize] = known("dp_hash(", Some(4));
    table[key::RECIRC_ID as usize] = known("recirc_id(", Some(4));
    table[key::MPLS as usize] = known("mpls(", None);
    table[key::CT_STATE as usize] = known("ct_state(", Some(4));
    table[key::CT_ZONE as usize] = known("ct_zone(", Some(2));
    table[key::CT_MARK as usize] = known("ct_mark(", Some(4));
    table[key::CT_LABELS as usize] = known("ct_label(", Some(16));
    table[key::CT_ORIG_TUPLE_IPV4 as usize] = known("ct_tuple4(", Some(CtTuple4::LEN));
    table[key::CT_ORIG_TUPLE_IPV6 as usize] = known("ct_tuple6(", Some(CtTuple6::LEN));
    table[key::NSH as usize] = known("nsh(", None);
    table[key::PACKET_TYPE as usize] = known("packet_type(", Some(4));
    table[key::ND_EXTENSIONS as usize] = known("nd_ext(", Some(NdExtensions::LEN));
    table
};

/// What is known of an attribute.
#[inline]
pub(super) fn find(kind: u16) -> Option<&'static Known> {
    TABLE.get(usize::from(kind))?.as_ref()
}

/// Whether an attribute has a name.
pub(crate) fn is_known(kind: u16) -> bool {
    find(kind).is_some()
}
