//! What a packet is wrapped in: the `set(tunnel(…))` before it goes out by a tunnel's device.
//!
//! Explicit congestion notification is not among what is set: the kernel's tunnel devices take it from the inner packet
//! (`INET_ECN_encapsulate`), and a switch that reads it would need a flow for each of its values.

use core::net::IpAddr;

use ovsdp_proto::key::{L2, TunnelField};
use ovsdp_proto::nla::{self, Attrs, TooLong};
use ovsdp_proto::uapi::{action, key};

use super::Outer;
use crate::model::{Encap, Erspan, Field, Inherit, Tunnel};

/// The time to live of packets that have none to inherit.
const TTL: u8 = 64;
/// The upper bits of a type of service, which `tos=inherit` takes along.
pub(in crate::switch) const DSCP: u8 = 0xfc;
/// Where `struct ovs_key_ipv4` and `struct ovs_key_ipv6` have type of service and time to live.
pub(in crate::switch) const IPV4: (usize, usize) = (9, 10);
/// See [`IPV4`].
pub(in crate::switch) const IPV6: (usize, usize) = (37, 38);

/// What a tunnel may inherit of the packet inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::switch) struct Inner {
    /// Type of service and time to live of an IP packet.
    ip: Option<(u8, u8)>,
}

impl Inner {
    /// Reads it from a key's attributes.
    pub(in crate::switch) fn parse(key_attrs: &[u8], l2: &L2) -> Self {
        let (kind, (tos, ttl)) = match l2.eth_type {
            0x0800 => (key::IPV4, IPV4),
            0x86dd => (key::IPV6, IPV6),
            _ => return Self::default(),
        };
        let mut level = Attrs::new(key_attrs);
        let tags = usize::from(l2.vlan.is_some()) + usize::from(l2.inner_vlan.is_some());
        for _ in 0..tags {
            let Some(encap) = level.find(key::ENCAP) else { return Self::default() };
            level = encap.nested();
        }
        let byte = |at: usize| level.find(kind)?.payload().get(at).copied();
        Self { ip: byte(tos).zip(byte(ttl)) }
    }

    /// Whether it is an IP packet whose congestion cannot be told: it says so itself.
    pub(in crate::switch) fn cannot_tell_congestion(&self) -> bool {
        self.ip.is_some_and(|(tos, _)| tos & super::outer::ECN == 0)
    }

    /// Whether it is an IP packet.
    pub(in crate::switch) const fn is_ip(&self) -> bool {
        self.ip.is_some()
    }
}

/// Appends setting the mark and the outer header that `tunnel` gives a packet. `outer` is what the packet came in with, `inner` what it
/// has to inherit. `None`, and nothing appended, when it would go to where the packet was sent to: to ourselves, or nowhere
/// when nothing says where.
pub(in crate::switch) fn set(out: &mut Vec<u8>, tunnel: &Tunnel, outer: Option<&Outer>, inner: &Inner) -> Option<()> {
    let remote = tunnel.remote.value().filter(|remote| outer.is_none_or(|outer| outer.dst != *remote))?;
    let from = out.len();
    if let Some(mark) = tunnel.mark {
        nla::put_nested::<TooLong>(out, action::SET, |out| {
            nla::put_u32(out, key::SKB_MARK, mark);
            Ok(())
        })
        .ok()?;
    }
    let nested = |out: &mut Vec<u8>| nla::put_nested(out, key::TUNNEL, |out| put(out, tunnel, remote, outer, inner));
    nla::put_nested(out, action::SET, nested).inspect_err(|_| out.truncate(from)).ok()
}

/// In the order in which the kernel gives them back, so that a flow that is found again is known to be the same.
fn put(out: &mut Vec<u8>, tunnel: &Tunnel, remote: IpAddr, outer: Option<&Outer>, inner: &Inner) -> Result<(), TooLong> {
    let id = match tunnel.out_key {
        None => None,
        Some(Field::Is(key)) => Some(u64::from(key)),
        Some(Field::Flow) => Some(outer.map_or(0, |outer| outer.id)),
    };
    let tos = match (tunnel.tos, inner.ip) {
        (Inherit::Is(tos), _) => tos,
        (Inherit::Inner, Some((tos, _))) => tos & DSCP,
        (Inherit::Inner, None) => 0,
    };
    let ttl = match (tunnel.ttl, inner.ip) {
        (Inherit::Is(ttl), _) => ttl,
        (Inherit::Inner, Some((_, ttl))) => ttl,
        (Inherit::Inner, None) => TTL,
    };
    let source = tunnel.local.and_then(Field::value).map(|address| match address {
        IpAddr::V4(address) => TunnelField::Ipv4Src(address),
        IpAddr::V6(address) => TunnelField::Ipv6Src(address),
    });
    let destination = match remote {
        IpAddr::V4(address) => TunnelField::Ipv4Dst(address),
        IpAddr::V6(address) => TunnelField::Ipv6Dst(address),
    };
    let fields = [
        id.map(TunnelField::Id),
        source,
        Some(destination),
        (tos != 0).then_some(TunnelField::Tos(tos)),
        Some(TunnelField::Ttl(ttl)),
        tunnel.df.then_some(TunnelField::DontFragment),
        tunnel.csum.then_some(TunnelField::Csum),
        tunnel.encap.udp_port().map(TunnelField::TpDst),
    ];
    for field in fields.into_iter().flatten() {
        field.put(out)?;
    }
    match tunnel.encap {
        Encap::Erspan(erspan) | Encap::Ip6Erspan(erspan) => TunnelField::ErspanOpts(&metadata(erspan)).put(out),
        Encap::Vxlan { .. } | Encap::Geneve { .. } | Encap::Gre | Encap::Ip6Gre => Ok(()),
    }
}

/// `struct erspan_metadata`: the version, then the index of version 1 or, of version 2, time stamp and group (the kernel's
/// to fill) and the bits P, FT (5), hardware's upper 2; hardware's lower 4, direction, granularity (2), O.
fn metadata(erspan: Erspan) -> [u8; 12] {
    let mut bytes = [0; 12];
    let (version, rest) = match erspan {
        Erspan::V1 { index } => {
            let [a, b, c, d] = index.to_be_bytes();
            (1u32, [a, b, c, d, 0, 0, 0, 0])
        }
        Erspan::V2 { dir, hwid } => (2, [0, 0, 0, 0, 0, 0, hwid >> 4 & 3, (hwid & 0xf) << 4 | (dir & 1) << 3]),
    };
    let (head, tail) = bytes.split_at_mut(4);
    head.copy_from_slice(&version.to_ne_bytes());
    tail.copy_from_slice(&rest);
    bytes
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::action::append_actions;
    use ovsdp_proto::flow::{FlowBuf, parse_flow};
    use ovsdp_proto::text::Style;

    use super::*;

    /// What is set, as `dump-flows` prints it.
    fn text(tunnel: &str, flow: &str) -> Option<String> {
        let mut words = tunnel.split(' ');
        let tunnel = Tunnel::parse(words.next().unwrap(), words.map(|word| word.split_once('=').unwrap())).unwrap();
        let mut key = FlowBuf::default();
        parse_flow(flow, None, &mut key).unwrap();
        let inner = Inner::parse(&key.key, &L2::parse(&key.key).unwrap());
        let (mut actions, mut text) = (Vec::new(), Vec::new());
        set(&mut actions, &tunnel, Outer::parse(&key.key).as_ref(), &inner)?;
        append_actions(&mut text, &actions, &Style { names: None, verbose: false });
        Some(String::from_utf8(text).unwrap())
    }

    const ARP: &str = "in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0806)";
    const IP: &str = "in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(tos=0xbb,ttl=7)";
    const TAGGED: &str = "in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x8100),vlan(vid=5,pcp=0),\
                          encap(eth_type(0x86dd),ipv6(tclass=0x42,hlimit=9))";
    const RELAYED: &str = "tunnel(tun_id=0x9,src=10.0.0.9,dst=10.0.0.1,ttl=3,flags(-df-csum+key)),in_port(4),\
                           eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0806)";

    #[test]
    fn the_outer_header_is_what_the_port_says() {
        for (tunnel, flow, expected) in [
            ("vxlan remote_ip=10.0.0.2 key=1", ARP, "set(tunnel(tun_id=0x1,dst=10.0.0.2,ttl=64,tp_dst=4789,flags(df|key)))"),
            ("gre remote_ip=10.0.0.2 egress_pkt_mark=0", ARP, "set(skb_mark(0)),set(tunnel(dst=10.0.0.2,ttl=64,flags(df)))"),
            ("gre remote_ip=10.0.0.2 egress_pkt_mark=5", ARP, "set(skb_mark(0x5)),set(tunnel(dst=10.0.0.2,ttl=64,flags(df)))"),
            ("gre remote_ip=10.0.0.2 df_default=false csum=true", ARP, "set(tunnel(dst=10.0.0.2,ttl=64,flags(csum)))"),
            (
                "geneve remote_ip=fd00::2 local_ip=fd00::1 key=0 tos=40 ttl=5 dst_port=7",
                IP,
                "set(tunnel(tun_id=0x0,ipv6_src=fd00::1,ipv6_dst=fd00::2,tos=0x28,ttl=5,tp_dst=7,flags(df|key)))",
            ),
            ("gre remote_ip=10.0.0.2 tos=inherit ttl=inherit", IP, "set(tunnel(dst=10.0.0.2,tos=0xb8,ttl=7,flags(df)))"),
            ("gre remote_ip=10.0.0.2 tos=inherit ttl=inherit", TAGGED, "set(tunnel(dst=10.0.0.2,tos=0x40,ttl=9,flags(df)))"),
            ("gre remote_ip=10.0.0.2 tos=inherit ttl=inherit", ARP, "set(tunnel(dst=10.0.0.2,ttl=64,flags(df)))"),
            ("gre remote_ip=10.0.0.2 key=flow", ARP, "set(tunnel(tun_id=0x0,dst=10.0.0.2,ttl=64,flags(df|key)))"),
            ("gre remote_ip=10.0.0.2 key=flow", RELAYED, "set(tunnel(tun_id=0x9,dst=10.0.0.2,ttl=64,flags(df|key)))"),
            ("erspan remote_ip=10.0.0.2 key=1 erspan_idx=5", ARP, "set(tunnel(tun_id=0x1,dst=10.0.0.2,ttl=64,erspan(ver=1,idx=0x5),flags(df|key)))"),
            (
                "erspan remote_ip=10.0.0.2 key=1 erspan_ver=2 erspan_dir=1 erspan_hwid=0x27",
                ARP,
                "set(tunnel(tun_id=0x1,dst=10.0.0.2,ttl=64,erspan(ver=2,dir=1,hwid=0x27),flags(df|key)))",
            ),
        ] {
            assert_eq!(text(tunnel, flow).as_deref(), Some(expected), "{tunnel}");
        }
    }

    #[test]
    fn nothing_goes_to_ourselves_nor_nowhere() {
        assert_eq!(text("vxlan remote_ip=flow key=flow", ARP), None);
        assert_eq!(text("vxlan remote_ip=flow key=flow", RELAYED), None);
        assert_eq!(text("vxlan remote_ip=10.0.0.1", RELAYED), None);
        assert!(text("vxlan remote_ip=10.0.0.9", RELAYED).is_some(), "to whoever sent it, by another port");
    }
}
